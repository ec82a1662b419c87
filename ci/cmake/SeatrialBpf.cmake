# SPDX-License-Identifier: Apache-2.0
# Compiles BPF programs and makes their skeletons.

find_program(SEATRIAL_BPF_CLANG NAMES clang DOC "clang with the BPF target")
# Ubuntu's bpftool in PATH is a wrapper that refuses any kernel but its own: the real one first.
file(GLOB seatrial_bpftool_folders "/usr/lib/linux-tools/*" "/usr/lib/linux-tools-*")
find_program(SEATRIAL_BPFTOOL NAMES bpftool
  PATHS ${seatrial_bpftool_folders} NO_DEFAULT_PATH DOC "bpftool, which makes the skeletons")
find_program(SEATRIAL_BPFTOOL NAMES bpftool PATHS /usr/local/sbin /usr/sbin /sbin)

# seatrial_bpf(NAME SOURCE [HEADERS file...])
# Compiles SOURCE (NAME.bpf.c, CO-RE) and makes generated/bpf/NAME.skel.h in the build tree. The
# interface library seatrial_bpf_NAME brings the header to who links it:
#   #include "bpf/NAME.skel.h"
function(seatrial_bpf name source)
  foreach(tool SEATRIAL_BPF_CLANG SEATRIAL_BPFTOOL)
    if(NOT ${tool})
      message(FATAL_ERROR "${tool} is missing: run ci/deps to install clang and bpftool")
    endif()
  endforeach()
  get_filename_component(source "${source}" ABSOLUTE)
  set(folder "${PROJECT_BINARY_DIR}/generated/bpf")
  set(object "${folder}/${name}.bpf.o")
  set(linked "${folder}/${name}.linked.bpf.o")
  set(skeleton "${folder}/${name}.skel.h")
  string(REPLACE "." "_" identifier "${name}")
  file(MAKE_DIRECTORY "${folder}")

  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    set(arch x86)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(arch arm64)
  else()
    set(arch ${CMAKE_SYSTEM_PROCESSOR})
  endif()
  set(includes -I "${PROJECT_SOURCE_DIR}")
  foreach(dir ${LIBBPF_INCLUDE_DIRS})
    list(APPEND includes -isystem "${dir}")
  endforeach()
  if(CMAKE_LIBRARY_ARCHITECTURE)
    # asm/types.h of the host stands there; the BPF target does not look by itself.
    list(APPEND includes -idirafter "/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}")
  endif()

  add_custom_command(OUTPUT "${object}"
    COMMAND "${SEATRIAL_BPF_CLANG}" -target bpf -mcpu=v3 -g -O2 -Wall -Werror -D__TARGET_ARCH_${arch}
      ${includes} -MD -MF "${object}.d" -MT "${object}" -c "${source}" -o "${object}"
    DEPENDS "${source}" DEPFILE "${object}.d"
    COMMENT "BPF ${name}.bpf.o" VERBATIM)
  # Linking, even of a single object, drops DWARF and keeps BTF.
  add_custom_command(OUTPUT "${skeleton}"
    COMMAND "${SEATRIAL_BPFTOOL}" gen object "${linked}" "${object}"
    COMMAND "${CMAKE_COMMAND}" "-DBPFTOOL=${SEATRIAL_BPFTOOL}" "-DOBJECT=${linked}"
      "-DNAME=${identifier}" "-DSKELETON=${skeleton}"
      -P "${PROJECT_SOURCE_DIR}/ci/cmake/write_skeleton.cmake"
    DEPENDS "${object}" "${PROJECT_SOURCE_DIR}/ci/cmake/write_skeleton.cmake"
    BYPRODUCTS "${linked}"
    COMMENT "BPF skeleton ${name}.skel.h" VERBATIM)

  add_custom_target(seatrial_bpf_${name}_skeleton DEPENDS "${skeleton}")
  add_library(seatrial_bpf_${name} INTERFACE)
  add_dependencies(seatrial_bpf_${name} seatrial_bpf_${name}_skeleton)
  # A system header: what bpftool generates is not held to our warnings.
  target_include_directories(seatrial_bpf_${name} SYSTEM INTERFACE "${PROJECT_BINARY_DIR}/generated")
  target_link_libraries(seatrial_bpf_${name} INTERFACE PkgConfig::LIBBPF)
endfunction()
