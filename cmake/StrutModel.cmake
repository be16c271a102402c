# strut_add_model(<target> <model.onnx> [FLAGS <flag>...] [DEPENDS <file>...])
#
# Compiles a model when the project is built and gives a library target: link it,
# include "<target>.h" and call the typed functions declared there, which begin with
# the target's name. FLAGS go to `strut compile`, for example --target-cpu x86-64-v3
# or --dim batch=1. The model is compiled again when its file changes; name its
# external data files, if it has any, in DEPENDS.
#
#   find_package(Strut REQUIRED)
#   strut_add_model(encoder models/encoder.onnx FLAGS --dim batch=1)
#   target_link_libraries(app PRIVATE encoder)
function(strut_add_model target model)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "FLAGS;DEPENDS")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "strut_add_model(${target}): unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  get_filename_component(model "${model}" ABSOLUTE)
  string(MAKE_C_IDENTIFIER "${target}" name)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}.strut")
  set(library "${folder}/${target}${CMAKE_STATIC_LIBRARY_SUFFIX}")
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(
    OUTPUT "${library}" "${folder}/${target}.h"
    COMMAND Strut::strut compile "${model}" -o "${library}" --name ${name} ${ARG_FLAGS}
    DEPENDS "${model}" ${ARG_DEPENDS}
    COMMENT "Compiling ${target} with Strut"
    VERBATIM)
  add_custom_target(${target}-compile DEPENDS "${library}" "${folder}/${target}.h")
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}-compile)
  find_package(Threads REQUIRED)
  target_include_directories(${target} INTERFACE "${folder}")
  target_link_libraries(${target} INTERFACE "${library}" Threads::Threads m)
endfunction()
