# Finds what Strut builds on. Everything is looked up the CMake way, so a user's
# own LLVM or ONNX wins through CMAKE_PREFIX_PATH, MLIR_DIR or ONNX_DIR.

# scripts/setup builds the official ONNX library into this cache.
if(DEFINED ENV{STRUT_CACHE})
  set(_strut_cache "$ENV{STRUT_CACHE}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(_strut_cache "$ENV{XDG_CACHE_HOME}/strut")
else()
  set(_strut_cache "$ENV{HOME}/.cache/strut")
endif()
list(APPEND CMAKE_PREFIX_PATH "${_strut_cache}/onnx-1.23.2" /usr/lib/llvm-22)

# LLVM's version files accept an exact major.minor only, so the major is checked here.
find_package(MLIR REQUIRED CONFIG)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "Strut needs LLVM/MLIR 22, and found ${LLVM_PACKAGE_VERSION} in ${LLVM_DIR}. "
    "Run scripts/setup, or point CMAKE_PREFIX_PATH at an installation of it.")
endif()
find_package(LLD REQUIRED CONFIG)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED) # ONNXConfig.cmake names its targets without finding it
find_package(ONNX REQUIRED CONFIG)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
message(STATUS "Strut: LLVM ${LLVM_PACKAGE_VERSION} (${LLVM_DIR}), protobuf ${Protobuf_VERSION}, ONNX ${ONNX_DIR}")

# The runtime is compiled to bitcode that this very LLVM must be able to read.
find_program(STRUT_CLANG NAMES clang-22 clang HINTS "${LLVM_TOOLS_BINARY_DIR}" REQUIRED)

list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
