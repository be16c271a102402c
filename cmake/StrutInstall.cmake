# What `cmake --install` lays down, and the package that find_package(Strut) finds:
# the tools, libStrut behind its C API, and the C headers of the artefacts. The C++
# rooms are not installed, for they promise no stable interface.
include(CMakePackageConfigHelpers)

set(_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Strut")

install(TARGETS Strut EXPORT StrutTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
foreach(room CAPI Runtime)
  if(IS_DIRECTORY "${PROJECT_SOURCE_DIR}/include/strut/${room}")
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/strut/${room}"
            DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/strut" FILES_MATCHING PATTERN "*.h")
  endif()
endforeach()
install(EXPORT StrutTargets NAMESPACE Strut:: DESTINATION "${_package_dir}")

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/StrutConfig.cmake.in" "${PROJECT_BINARY_DIR}/StrutConfig.cmake"
  INSTALL_DESTINATION "${_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/StrutConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/StrutConfig.cmake"
              "${PROJECT_BINARY_DIR}/StrutConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/StrutModel.cmake"
        DESTINATION "${_package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md"
        DESTINATION "${CMAKE_INSTALL_DOCDIR}")
