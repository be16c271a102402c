# Turns the linked ${BASE}.ll into ${BASE}.bc and a list of its bytes, ${BASE}.inc.
# The attributes that pin a CPU go: the module that the runtime is linked into
# decides. "no-builtins" stays: it keeps optimisers from turning loops into calls of
# C library functions that an artefact may not need, such as strlen.
file(READ "${BASE}.ll" text)
string(REGEX REPLACE " \"(target-cpu|target-features|tune-cpu)\"=\"[^\"]*\"" "" text "${text}")
file(WRITE "${BASE}.ll" "${text}")
execute_process(COMMAND "${LLVM_AS}" "${BASE}.ll" -o "${BASE}.bc" COMMAND_ERROR_IS_FATAL ANY)
file(READ "${BASE}.bc" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${BASE}.inc" "${bytes}\n")
