# SPDX-License-Identifier: Apache-2.0
# One interface target carries the language, the warnings and the instrumentation of every target.
option(SEATRIAL_WERROR "Treat warnings as errors" ON)
option(SEATRIAL_SANITIZE "Build with the address and undefined behaviour sanitizers" OFF)
option(SEATRIAL_COVERAGE "Build with gcov instrumentation" OFF)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)

# The language and the warnings alone: what a program without instrumentation needs.
add_library(seatrial_warnings INTERFACE)
target_compile_definitions(seatrial_warnings INTERFACE _GNU_SOURCE)
target_compile_options(seatrial_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
  -Wwrite-strings -Wundef -fno-common
  # C23 and gcc allow a variadic macro without its last arguments; clang is told so.
  $<$<C_COMPILER_ID:Clang>:-Wno-gnu-zero-variadic-macro-arguments>
  # Assertions hold in every build: CMake's release flags would take them out.
  -UNDEBUG
  $<$<BOOL:${SEATRIAL_WERROR}>:-Werror>)
target_include_directories(seatrial_warnings INTERFACE
  "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")

add_library(seatrial_options INTERFACE)
target_link_libraries(seatrial_options INTERFACE seatrial_warnings)

if(SEATRIAL_SANITIZE)
  target_compile_options(seatrial_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(seatrial_options INTERFACE -fsanitize=address,undefined)
endif()
if(SEATRIAL_COVERAGE)
  target_compile_options(seatrial_options INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(seatrial_options INTERFACE --coverage)
endif()
