# Functions that declare Strut's targets, so that a room's CMakeLists.txt is a
# list of its files and nothing else.
include(GNUInstallDirs)

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
include_directories("${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include"
                    "${PROJECT_BINARY_DIR}" "${PROJECT_BINARY_DIR}/include")
separate_arguments(_llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
add_definitions(${_llvm_definitions})

# Debian's LLVM has RTTI and no exceptions; so have we, but for the rooms that
# call the ONNX library, which throws (strut_library(... EXCEPTIONS)).
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>
                    -Wall -Wextra -Wno-unused-parameter
                    $<$<BOOL:${STRUT_WARNINGS_AS_ERRORS}>:-Werror>)
if(NOT LLVM_ENABLE_ASSERTIONS)
  add_compile_options("$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Debug>>:SHELL:-include ${PROJECT_SOURCE_DIR}/cmake/StrutStatistic.h>")
endif()
if(STRUT_SANITIZE)
  add_compile_options(-fsanitize=${STRUT_SANITIZE} -fno-sanitize=vptr,function
                      -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${STRUT_SANITIZE})
endif()

# The precompiled headers: one target for the rooms without exceptions, one for
# those with, because clang refuses a header compiled under other options.
if(STRUT_PCH)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/pch.cpp" CONTENT "")
  foreach(variant strut-pch strut-pch-exceptions)
    add_library(${variant} OBJECT "${PROJECT_BINARY_DIR}/pch.cpp")
    target_precompile_headers(${variant} PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/cmake/StrutPrecompiledHeader.h>")
    # ccache compares contents, so times must not be written into the header.
    target_compile_options(${variant} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endforeach()
  target_compile_options(strut-pch PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
endif()

# Lets a target use a precompiled header, which serves its C++ alone.
function(_strut_reuse_pch target pch)
  if(STRUT_PCH)
    target_precompile_headers(${target} REUSE_FROM ${pch})
    get_target_property(type ${target} TYPE)
    if(type STREQUAL EXECUTABLE) # whose -fPIE clang does not take for the header's -fPIC
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fPIC>)
    endif()
    get_target_property(c_sources ${target} SOURCES)
    list(FILTER c_sources INCLUDE REGEX "\\.c$")
    set_source_files_properties(${c_sources} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# strut_tablegen(<dir>/X.td OUT GENERATOR ...): runs mlir-tblgen in this folder.
# All generated headers hang on the target strut-headers.
if(NOT TARGET strut-headers)
  add_custom_target(strut-headers)
endif()
function(strut_tablegen td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  list(LENGTH ARGN n)
  math(EXPR last "${n} - 1")
  foreach(i RANGE 0 ${last} 2)
    math(EXPR j "${i} + 1")
    list(GET ARGN ${i} out)
    list(GET ARGN ${j} generator)
    separate_arguments(generator)
    mlir_tablegen(${out} ${generator} EXTRA_INCLUDES "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
  endforeach()
  string(REPLACE "${PROJECT_SOURCE_DIR}" "" short "${CMAKE_CURRENT_SOURCE_DIR}/${td}")
  string(MAKE_C_IDENTIFIER "tblgen${short}" id)
  add_custom_target(${id} DEPENDS ${TABLEGEN_OUTPUT})
  add_dependencies(strut-headers ${id})
endfunction()

# strut_library(Name [EXCEPTIONS] sources...): one room. All rooms together make
# libStrut.so, which holds libonnx exactly once for every tool and for Python.
# EXCEPTIONS marks the rooms that call the ONNX library and gives them its headers.
function(strut_library name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "" ${ARGN})
  add_library(${name} OBJECT ${ARG_UNPARSED_ARGUMENTS})
  add_dependencies(${name} strut-headers)
  if(ARG_EXCEPTIONS)
    target_link_libraries(${name} PRIVATE ONNX::onnx ONNX::onnx_proto)
    _strut_reuse_pch(${name} strut-pch-exceptions)
  else()
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
    _strut_reuse_pch(${name} strut-pch)
  endif()
  set_property(GLOBAL APPEND PROPERTY STRUT_ROOMS ${name})
endfunction()

# strut_tool(name sources...): a thin main over libStrut.
function(strut_tool name)
  add_executable(${name} ${ARGN})
  add_dependencies(${name} strut-headers)
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
  target_link_libraries(${name} PRIVATE Strut)
  _strut_reuse_pch(${name} strut-pch)
  set_property(GLOBAL APPEND PROPERTY STRUT_TOOLS ${name})
  install(TARGETS ${name} EXPORT StrutTargets RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# strut_unit_test(Room sources...): a GoogleTest executable, run by ctest.
function(strut_unit_test room)
  set(name strut-unit-${room})
  add_executable(${name} ${ARGN})
  add_dependencies(${name} strut-headers)
  target_link_libraries(${name} PRIVATE Strut GTest::gtest GTest::gtest_main)
  _strut_reuse_pch(${name} strut-pch-exceptions)
  add_test(NAME Unit/${room} COMMAND ${name})
  set_property(GLOBAL APPEND PROPERTY STRUT_UNIT_TESTS ${name})
endfunction()

# strut_embed(variable file): the text of a file, for configure_file to put into a
# source; a change of the file configures again.
function(strut_embed variable file)
  file(READ "${file}" text)
  set(${variable} "${text}" PARENT_SCOPE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
endfunction()
