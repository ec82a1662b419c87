# SPDX-License-Identifier: Apache-2.0
# Helpers that keep each directory's CMakeLists.txt to its lists.

# seatrial_library(NAME SOURCES file... [DEPS target...])
# A static library whose public dependencies mirror the layering of the folders.
function(seatrial_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC seatrial_options ${ARG_DEPS})
endfunction()

# add_cmocka_test(NAME name SOURCES file... [DEPS target...] [LABELS label...])
# A test program that exits 77 when what it needs is not there; it then counts as skipped.
function(add_cmocka_test)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE seatrial_options ${ARG_DEPS} PkgConfig::CMOCKA)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS "${ARG_LABELS}" SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()
