# SPDX-License-Identifier: Apache-2.0
# Libraries from the distribution, as imported targets PkgConfig::NAME; ci/deps installs their
# packages. All that is missing is said at once.
find_package(Threads REQUIRED)
find_package(PkgConfig)
if(NOT PKG_CONFIG_FOUND)
  message(FATAL_ERROR "pkg-config is missing: run ci/deps to install what seatrial needs")
endif()

set(seatrial_missing "")
macro(seatrial_need NAME MODULE)
  pkg_check_modules(${NAME} QUIET IMPORTED_TARGET ${MODULE})
  if(NOT ${NAME}_FOUND)
    list(APPEND seatrial_missing "${MODULE}")
  endif()
endmacro()

seatrial_need(LIBUV libuv)
seatrial_need(JANSSON jansson)
seatrial_need(LIBFYAML libfyaml)
seatrial_need(MICROHTTPD libmicrohttpd)
seatrial_need(FUSE3 fuse3>=3.10)
seatrial_need(LIBBPF libbpf)
seatrial_need(SECCOMP libseccomp)
seatrial_need(CAP libcap)
seatrial_need(ARCHIVE libarchive)
seatrial_need(CURL libcurl)
if(BUILD_TESTING)
  seatrial_need(CMOCKA cmocka)
endif()

if(seatrial_missing)
  list(JOIN seatrial_missing ", " seatrial_missing)
  message(FATAL_ERROR
    "pkg-config does not find: ${seatrial_missing}. Run ci/deps to install what seatrial needs.")
endif()
