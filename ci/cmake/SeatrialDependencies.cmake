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
seatrial_need(NGHTTP2 libnghttp2)

# The shared archive library brings an XML parser and 30 MB of ICU's data, for a format that we do not
# read. Its static one brings what is used; the libraries behind it are those that it was built with.
include(CheckCSourceCompiles)
find_library(seatrial_archive_static libarchive.a)
set(seatrial_archive_needs "")
foreach(name libnettle.so.8 libacl.so.1 liblzma.so.5 libzstd.so.1 liblz4.so.1 libbz2.so.1.0 libz.so.1)
  find_library(seatrial_archive_${name} ${name})
  list(APPEND seatrial_archive_needs "${seatrial_archive_${name}}")
endforeach()
if(ARCHIVE_FOUND AND seatrial_archive_static AND NOT seatrial_archive_needs MATCHES "NOTFOUND")
  set(seatrial_archive_link "${seatrial_archive_static};-Wl,--gc-sections,--push-state,--as-needed")
  list(APPEND seatrial_archive_link ${seatrial_archive_needs} "-Wl,--pop-state")
  # Another distribution may have built it with other libraries: then the shared one serves.
  set(CMAKE_REQUIRED_LIBRARIES ${seatrial_archive_link})
  check_c_source_compiles("
    #include <archive.h>
    int main(void)
    {
        struct archive *reader = archive_read_new();
        archive_read_support_format_tar(reader);
        archive_read_support_format_zip(reader);
        archive_read_support_filter_all(reader);
        return archive_read_free(reader) + archive_write_free(archive_write_disk_new());
    }" SEATRIAL_ARCHIVE_STATIC)
  unset(CMAKE_REQUIRED_LIBRARIES)
  if(SEATRIAL_ARCHIVE_STATIC)
    set_target_properties(PkgConfig::ARCHIVE PROPERTIES
      INTERFACE_LINK_LIBRARIES "${seatrial_archive_link}")
  endif()
endif()
if(BUILD_TESTING)
  seatrial_need(CMOCKA cmocka)
endif()

if(seatrial_missing)
  list(JOIN seatrial_missing ", " seatrial_missing)
  message(FATAL_ERROR
    "pkg-config does not find: ${seatrial_missing}. Run ci/deps to install what seatrial needs.")
endif()
