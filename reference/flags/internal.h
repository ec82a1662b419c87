/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the flags share: the table, and the reading of one value. */
#pragma once

#include <stddef.h>

#include "reference/flags.h"

enum flag_kind {
    FLAG_BOOL,
    FLAG_STRING,
    FLAG_PATH, /* as a string, but never read from a file:// */
    FLAG_DURATION,
    FLAG_BYTES,
    FLAG_JSON,
    FLAG_DOUBLE,
    FLAG_COUNT,  /* 64 bits */
    FLAG_PORT,   /* 16 bits */
    FLAG_RANGES, /* [1-2,5-9] */
    FLAG_KIND_COUNT
};

#define FLAG_IN_OTHERS SIZE_MAX

struct flag {
    const char *name;
    enum flag_kind kind;
    size_t offset;            /* of the member of struct flags, or FLAG_IN_OTHERS */
    const char *fallback;     /* the default as text; NULL: none */
    const char *const *words; /* the texts allowed; NULL: any */
    const char *help;
    /* A check of one value alone, after that of the kind; may be NULL. */
    int (*check)(const char *value, struct err *err);
};

extern const struct flag flag_table[];
extern const size_t flag_count;

/* The row of that name, or of the name that replaced it; ret_old (may be NULL) tells which it was.
 * NULL: unknown. */
const struct flag *flag_find(const char *name, bool *ret_old);
/* The old name of a flag that was renamed, or NULL. */
const char *flag_old_name(const struct flag *flag);

/* Checks the text by kind, words and check of its row. -EINVAL. */
int flag_check(const struct flag *flag, const char *value, struct err *err);
/* Checks of one value that rows name. */
int flag_check_net_cls_handle(const char *value, struct err *err);
int flag_check_net_cls_handles(const char *value, struct err *err);
int flag_check_containerizers(const char *value, struct err *err);
int flag_check_fraction(const char *value, struct err *err);
int flag_check_positive(const char *value, struct err *err);
int flag_check_number_list(const char *value, struct err *err);
int flag_check_io_max(const char *value, struct err *err);
int flag_check_hugetlb(const char *value, struct err *err);
int flag_check_gid_range(const char *value, struct err *err);
int flag_check_project_range(const char *value, struct err *err);
int flag_check_port_range(const char *value, struct err *err);
int flag_check_ephemeral_ports(const char *value, struct err *err);
int flag_check_absolute(const char *value, struct err *err);
int flag_check_uri_prefix(const char *value, struct err *err);
int flag_check_domain_socket(const char *value, struct err *err);
int flag_check_rate_per_cpu(const char *value, struct err *err);
int flag_check_reregistration(const char *value, struct err *err);
int flag_check_capabilities(const char *value, struct err *err);
int flag_check_allowed_devices(const char *value, struct err *err);
int flag_check_container_info(const char *value, struct err *err);
int flag_check_environment(const char *value, struct err *err);
int flag_check_image_gc(const char *value, struct err *err);
int flag_check_dns(const char *value, struct err *err);

/* The text of true, 1, "" / false, 0. -EINVAL. */
int boolean_parse(const char *text, bool *ret_value, struct err *err);
