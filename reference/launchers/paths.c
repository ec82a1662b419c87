/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From ids to cgroup paths and back (launchers.md 3.1). Both parsers are strict: components below
 * the root must alternate id, separator, id. So neither a separator cgroup nor what a workload
 * makes below its own cgroup is ever taken for a container.
 */
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/launchers/launcher.h"
#include "reference/model/container_id.h"

#define SEPARATOR "mesos"
#define LEAF "leaf"
#define AGENT_V1 "slave"
#define AGENT_V2 "agent"

char *launcher_cgroup(const char *root, const char *id)
{
    _cleanup_free_ char *joined = container_id_path(id, SEPARATOR, CONTAINER_PATH_JOIN);
    return str_concat(root, "/", joined, NULL);
}

char *launcher_cgroup_leaf(const char *root, const char *id)
{
    _cleanup_free_ char *joined = container_id_path(id, SEPARATOR, CONTAINER_PATH_JOIN);
    return str_printf("%s/%s/" LEAF, root, joined);
}

/* Components "a mesos b" to the id "a.b"; NULL when they do not alternate so. */
static char *id_of_components(char *const *components)
{
    size_t count = strv_length(components);
    if (count % 2 == 0)
        return NULL;
    _cleanup_strbuf_ struct strbuf id = STRBUF_INIT;
    for (size_t i = 0; i < count; i++) {
        const bool separates = i % 2 == 1;
        /* A value holds no dot: "user.slice" is somebody else's, not a nested container. */
        if (separates ? !str_equal(components[i], SEPARATOR) : strchr(components[i], '.') != NULL)
            return NULL;
        strbuf_add(&id, separates ? "." : components[i]);
    }
    return container_id_validate(strbuf_text(&id), NULL) == 0 ? strbuf_take(&id) : NULL;
}

/* How many leading components are those of the root; 0 when they are not. */
static size_t root_length(char *const *components, const char *root)
{
    _cleanup_strv_ char **prefix = strv_split(root, "/");
    size_t length = strv_length(prefix);
    if (strv_length(components) < length)
        return 0;
    for (size_t i = 0; i < length; i++)
        if (!str_equal(components[i], prefix[i]))
            return 0;
    return length;
}

char *launcher_cgroup_parse_v1(const char *root, const char *path)
{
    _cleanup_strv_ char **components = strv_split(path, "/");
    size_t skip = root_length(components, root);
    if (skip == 0 || skip == strv_length(components))
        return NULL;
    char **below = components + skip;
    if (str_equal(below[0], AGENT_V1))
        return NULL;
    return id_of_components(below);
}

char *launcher_cgroup_parse_v2(const char *root, const char *path)
{
    _cleanup_strv_ char **components = strv_split(path, "/");
    size_t count = strv_length(components);
    if (count > 1 && str_equal(components[count - 1], LEAF)) {
        free(components[count - 1]);
        components[--count] = NULL;
    }
    char **below = components + root_length(components, root);
    if (strv_length(below) == 0 || str_equal(components[count - 1], AGENT_V2))
        return NULL;
    return id_of_components(below);
}
