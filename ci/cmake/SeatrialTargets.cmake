# SPDX-License-Identifier: Apache-2.0
# Helpers that keep each directory's CMakeLists.txt to its lists.

# seatrial_library(NAME SOURCES file... [DEPS target...])
# A static library whose public dependencies mirror the layering of the folders.
function(seatrial_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC seatrial_options ${ARG_DEPS})
endfunction()

# seatrial_program(NAME SOURCES file... [DEPS target...] [STATIC] [FOLDER folder])
# An installed program. It stands at the top of the build tree, where ci/ looks for it; FOLDER is
# where it is installed (bin). STATIC links the C library in: such a program runs in a container
# without libraries, and is built without sanitizers.
function(seatrial_program name)
  cmake_parse_arguments(ARG "STATIC" "FOLDER" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_FOLDER)
    set(ARG_FOLDER "${CMAKE_INSTALL_BINDIR}")
  endif()
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_STATIC)
    target_link_libraries(${name} PRIVATE seatrial_warnings ${ARG_DEPS})
    target_link_options(${name} PRIVATE -static)
  else()
    target_link_libraries(${name} PRIVATE seatrial_options ${ARG_DEPS})
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  install(TARGETS ${name} RUNTIME DESTINATION "${ARG_FOLDER}")
endfunction()

# add_cmocka_test(NAME name SOURCES file... [DEPS target...] [LABELS label...] [LOCK name...])
# A test program that exits 77 when what it needs is not there; it then counts as skipped. Tests
# with a common LOCK (fuse, cgroups, ...) never run side by side.
function(add_cmocka_test)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS;LABELS;LOCK" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE seatrial_options ${ARG_DEPS} PkgConfig::CMOCKA)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS "${ARG_LABELS}" SKIP_RETURN_CODE 77 TIMEOUT 300)
  if(ARG_LOCK)
    set_tests_properties(${ARG_NAME} PROPERTIES RESOURCE_LOCK "${ARG_LOCK}")
  endif()
endfunction()
