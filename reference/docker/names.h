/* SPDX-License-Identifier: Apache-2.0 */
/* The names of containers and images (docker.md 3, 6). All results are owned by the caller. */
#pragma once

#include <stdbool.h>

#define DOCKER_NAME_PREFIX "mesos-"

char *docker_container_name(const char *id); /* mesos-<id> */
char *docker_executor_name(const char *id);  /* mesos-<id>.executor */

struct docker_name {
    char *id;
    bool executor; /* of a container in which mesos-docker-executor itself runs */
};
/*
 * Whose container it is, by its name; false when it is not ours. `mesos-<id>.executor` counts as
 * ours here, although the rule of docker.md 3 taken literally overlooks it: what an agent has made
 * it also finds and cleans up again. Fills *ret_name only on success.
 */
bool docker_name_parse(const char *name, struct docker_name *ret_name);

/*
 * The symlink to use instead of a sandbox whose path has a colon (docker.md 3, MESOS-1833):
 * <work_dir>/slaves/<agent>/docker/links/<id>, or <work_dir>/docker/links/<id> for a sandbox
 * outside of <work_dir>/slaves. NULL when the path has none.
 */
char *docker_sandbox_link(const char *work_dir, const char *directory, const char *id);

/* With ":latest" when its last component has no tag (docker.md 6). */
char *docker_image_with_tag(const char *image);
