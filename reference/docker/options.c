/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/docker/options.h"

#include <errno.h>
#include <string.h>

static int read_duration(
    const struct flags *flags, const char *name, uint64_t *ret_duration_ns, struct err *err)
{
    int r = duration_parse(flags_other(flags, name), ret_duration_ns, err);
    return r < 0 ? err_wrap(err, r, "--%s", name) : 0;
}

/* The flag's value is the text of an object, or the absolute path of a file with such a text. */
static int read_object(struct host *host, const struct flags *flags, const char *name,
    json_t **ret_object, struct err *err)
{
    const char *value = flags_other(flags, name);
    if (!value)
        return 0;
    _cleanup_free_ char *text = NULL;
    const char *path = str_starts(value, "file:///") ? value + strlen("file://") : value;
    size_t length = 0;
    int r = *path == '/' ? host_file_read(host, path, &text, &length, err) : 0;
    if (r < 0)
        return err_wrap(err, r, "--%s", name);
    json_error_t error;
    json_t *json = json_loads(text ? text : value, 0, &error);
    if (!json_is_object(json)) {
        json_decref(json);
        return err_set(err, -EINVAL, "--%s: expected a JSON object: %s", name,
            json ? "it is something else" : error.text);
    }
    *ret_object = json;
    return 0;
}

void docker_options_release(struct docker_options *options)
{
    free(options->program);
    free(options->socket);
    free(options->mesos_image);
    free(options->mapped_directory);
    free(options->launcher_dir);
    free(options->work_dir);
    free(options->runtime_dir);
    json_decref(options->config);
    json_decref(options->default_dns);
    *options = (struct docker_options){0};
}

int docker_options_read(struct host *host, const struct flags *flags,
    struct docker_options *ret_options, struct err *err)
{
    struct docker_options options = {
        .program = str_dup(flags->docker),
        .socket = str_dup(flags_other(flags, "docker_socket")),
        .mesos_image = str_dup(flags->docker_mesos_image),
        .kill_orphans = str_equal(flags_other(flags, "docker_kill_orphans"), "true"),
        .enable_cfs = flags->cgroups_enable_cfs,
        .mapped_directory = str_dup(flags->sandbox_directory),
        .launcher_dir = str_dup(flags->launcher_dir),
        .work_dir = str_dup(flags->work_dir),
        .runtime_dir = str_dup(flags->runtime_dir),
    };
    uint64_t stop_timeout_ns = 0;
    int r = 0;
    if (*options.socket != '/')
        r = err_set(
            err, -EINVAL, "--docker_socket: \"%s\" is not an absolute path", options.socket);
    if (r == 0)
        r = read_duration(flags, "docker_stop_timeout", &stop_timeout_ns, err);
    if (r == 0)
        r = read_duration(flags, "docker_remove_delay", &options.remove_delay_ns, err);
    if (r == 0)
        r = read_object(host, flags, "docker_config", &options.config, err);
    if (r == 0)
        r = read_object(host, flags, "default_container_dns", &options.default_dns, err);
    options.stop_timeout_ns = (int64_t)stop_timeout_ns;
    if (r < 0)
        docker_options_release(&options);
    else
        *ret_options = options;
    return r;
}

char *docker_duration_text(int64_t duration_ns)
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {{(int64_t)NS_PER_SEC, "secs"}, {(int64_t)NS_PER_MS, "ms"}};
    for (size_t i = 0; i < ARRAY_SIZE(units) && duration_ns != 0; i++)
        if (duration_ns % units[i].ns == 0)
            return str_printf("%ld%s", (long)(duration_ns / units[i].ns), units[i].name);
    return str_printf("%ldns", (long)duration_ns);
}
