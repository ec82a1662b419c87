/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What docker answers: its version, inspections of containers and images, and how they are read
 * from the text that the CLI prints. Errors of the readers are -EBADMSG and name the field:
 *
 *     [0].State.Pid: expected a number, got "x"
 */
#pragma once

#include "reference/base/json.h"

struct docker_version {
    int64_t major;
    int64_t minor;
    int64_t patch;
    char *prerelease; /* "ce" of 17.05.0-ce; NULL: none */
};
struct docker_exit {
    int64_t status; /* raw wait status */
};
struct docker_names {
    char **names; /* NULL: none */
};
struct docker_device {
    char *host_path;
    char *container_path;
    char *permissions; /* of "rwm" */
};
struct docker_inspection {
    char *id;
    char *name;         /* "/mesos-c1" */
    struct opt_i64 pid; /* absent: does not run */
    bool started;
    char *network_mode; /* NULL: an old docker */
    char *ipv4;         /* NULL: none */
    char *ipv6;
    struct docker_device *devices;
    size_t devices_count;
    char **dns;
    char **dns_options;
    char **dns_search;
    char *text; /* the whole array as docker printed it */
};
struct docker_inspections {
    struct docker_inspection *items;
    size_t count;
};
struct docker_image {
    char **entrypoint; /* NULL: none */
    char **environment; /* "NAME=value"; NULL: none */
};
extern const struct json_type docker_version_json;
extern const struct json_type docker_device_json;
extern const struct json_type docker_exit_json;
extern const struct json_type docker_names_json;
extern const struct json_type docker_inspection_json;
extern const struct json_type docker_inspections_json;
extern const struct json_type docker_image_json;

/*
 * "Docker version 17.05.0-ce, build 89658be": of the first part before a comma the last word
 * (docker.md 1), of which at most three components between dots are kept; what follows a '-' is the
 * prerelease, and leading zeros do not matter (DK-03). -EBADMSG when it is not a version.
 */
int docker_version_parse(const char *text, struct docker_version *ret_version, struct err *err);
/* "exit status 125 (docker could not run it)", "killed by signal 9"; caller frees. */
char *docker_exit_text(int wait_status);
/* Negative, 0 or positive; prereleases are not compared. */
int docker_version_compare(const struct docker_version *version, int64_t major, int64_t minor,
    int64_t patch);
char *docker_version_text(const struct docker_version *version);

/* What `docker inspect --type=container` printed: an array of one or more. */
int docker_inspections_parse(
    const char *text, struct docker_inspections *ret_inspections, struct err *err);
int docker_inspection_parse(
    const char *text, struct docker_inspection *ret_inspection, struct err *err);
/* What `docker inspect` of an image printed. Environment entries need a '=' and different names. */
int docker_image_parse(const char *text, struct docker_image *ret_image, struct err *err);
/* The last columns of what `docker ps -a` printed, without its header, that begin with the prefix;
 * NULL: none. Caller frees. */
char **docker_ps_parse(const char *text, const char *prefix);
