/* SPDX-License-Identifier: Apache-2.0 */
/* What a URI of a command is (fetcher.md 3): pure functions of its text. */
#pragma once

#include "reference/model/config.h"

enum uri_kind {
    URI_LOCAL, /* file://, or without a scheme */
    URI_NET,   /* http, https, ftp, ftps */
    URI_OTHER, /* anything else: by hadoop */
};
/* Leading white space counts: the helper trims it before (uri_trim). */
enum uri_kind uri_kind_of(const char *uri);
const char *uri_trim(const char *uri); /* past the leading white space; borrowed */
/* What comes after the last slash, with its query string; "" when that is nothing; owned. */
char *uri_basename(const char *uri);
/* Illegal characters, no path, an output file outside of the sandbox: -EINVAL. */
int uri_validate(const struct command_uri *uri, struct err *err);
/* The path of a local one. frameworks_home NULL or "": relative ones are -EINVAL. Owned. */
int uri_local_path(
    const char *uri, const char *frameworks_home, char **ret_path, struct err *err);

enum archive_kind { ARCHIVE_NONE, ARCHIVE_MEMBERS, ARCHIVE_GZIP };
/* By the suffix of the name alone. */
enum archive_kind archive_kind_of(const char *name);
