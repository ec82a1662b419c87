/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/model/container_info.h"

#include <errno.h>

#include "reference/base/mem.h"

static int source_check(const struct volume_source *source, size_t index, struct err *err)
{
    const struct {
        const char *type;
        const char *field;
        const json_t *value;
    } messages[] = {{"HOST_PATH", "host_path", source->host_path},
        {"SANDBOX_PATH", "sandbox_path", source->sandbox_path},
        {"DOCKER_VOLUME", "docker_volume", source->docker_volume},
        {"SECRET", "secret", source->secret}, {"CSI_VOLUME", "csi_volume", source->csi_volume}};

    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        if (str_equal(source->type, messages[i].type) && !messages[i].value)
            return err_set(err, -EINVAL,
                "container_info.volumes[%zu].source.%s: required field is missing", index,
                messages[i].field);
    }
    return 0;
}

static int volume_check(const struct volume *volume, size_t index, struct err *err)
{
    const unsigned given = !!volume->host_path + !!volume->image + !!volume->source;

    if (given != 1)
        return err_set(err, -EINVAL,
            "container_info.volumes[%zu]: expected exactly one of host_path, image and source, got "
            "%s",
            index, given == 0 ? "none" : given == 2 ? "two" : "all");
    return volume->source ? source_check(volume->source, index, err) : 0;
}

int container_info_check(const struct container_info *info, struct err *err)
{
    int r = 0;

    if (!info)
        return 0;
    for (size_t i = 0; r == 0 && i < info->volumes_count; i++)
        r = volume_check(&info->volumes[i], i, err);
    if (r == 0 && info->type == CONTAINER_TYPE_DOCKER && !info->docker)
        return err_set(err, -EINVAL, "container_info.docker: required field is missing");
    for (size_t i = 0; r == 0 && info->docker && i < info->docker->parameters_count; i++) {
        if (str_equal(info->docker->parameters[i].key, "name"))
            return err_set(err, -EINVAL,
                "container_info.docker.parameters[%zu].key: \"name\" is the agent's to give", i);
    }
    return r;
}
