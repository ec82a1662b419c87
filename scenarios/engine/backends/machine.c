/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/backends/machine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reference/base/mem.h"

#define STANDARD_PLACE "/sys/fs/cgroup"

bool machine_has_v1(void)
{
    return access(STANDARD_PLACE "/freezer/cgroup.procs", F_OK) == 0;
}

const char *machine_cgroup2(void)
{
    static const char *const places[] = {STANDARD_PLACE, STANDARD_PLACE "/unified"};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_free_ char *file = str_printf("%s/cgroup.controllers", places[i]);
        if (access(file, F_OK) == 0)
            return places[i];
    }
    return NULL;
}

static bool list_has(const struct node *agent, const char *key, const char *name)
{
    size_t count;
    struct node *const *names = node_list(agent, key, &count);
    bool has = false;
    for (size_t i = 0; i < count; i++)
        has = has || strcmp(names[i]->text, name) == 0;
    return has;
}

bool machine_has_docker(const struct node *agent)
{
    return list_has(agent, "containerizers", "docker");
}

bool machine_has_isolator(const struct node *agent, const char *isolator)
{
    return list_has(agent, "isolation", isolator);
}

const char *machine_layout(const struct node *agent)
{
    const char *asked = node_text(agent, "cgroups");
    if (!str_equal(node_text(agent, "launcher"), "linux") && !machine_has_docker(agent))
        return "none";
    if (asked)
        return strcmp(asked, "hybrid") == 0 ? NULL : asked;
    return machine_has_v1() ? "v1" : NULL;
}

/* cgroups/mem is the controller memory; the version decides between blkio and io. */
static const char *controller_of(const char *isolator, bool v2)
{
    static const struct {
        const char *isolator;
        const char *v1;
        const char *v2;
    } names[] = {{"cgroups/mem", "memory", "memory"}, {"cgroups/blkio", "blkio", "io"},
        {"cgroups/devices", "devices", NULL}, {"cgroups/perf_event", "perf_event", NULL},
        {"cgroups/all", NULL, NULL},
        /* cpu and memory; a kernel may lack the second of v1 */
        {"cgroups", "memory", "memory"}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i].isolator, isolator) == 0)
            return v2 ? names[i].v2 : names[i].v1;
    }
    return str_starts(isolator, "cgroups/") ? isolator + strlen("cgroups/") : NULL;
}

static bool has_v2(const char *controller)
{
    _cleanup_free_ char *path = str_printf("%s/cgroup.controllers", machine_cgroup2());
    FILE *stream = fopen(path, "re");
    char line[400] = "";
    if (stream) {
        if (!fgets(line, sizeof(line), stream))
            line[0] = '\0';
        fclose(stream);
    }
    _cleanup_strv_ char **words = strv_split(line, " \n");
    return strv_contains(words, controller);
}

static bool has_v1(const char *controller)
{
    _cleanup_free_ char *path = str_printf(STANDARD_PLACE "/%s", controller);
    return access(path, F_OK) == 0;
}

char *machine_lacks(const struct node *agent)
{
    const char *layout = machine_layout(agent);
    bool v2 = layout ? strcmp(layout, "v2") == 0 : !machine_has_v1();
    size_t count;
    struct node *const *isolators = node_list(agent, "isolation", &count);
    if (!str_equal(node_text(agent, "launcher"), "linux"))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const char *controller = controller_of(isolators[i]->text, v2);
        if (controller && !(v2 ? has_v2(controller) : has_v1(controller)))
            return str_printf("needs the controller %s of cgroups %s, which the machine has not",
                controller, v2 ? "v2" : "v1");
    }
    return NULL;
}
