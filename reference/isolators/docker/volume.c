/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker/volume: volumes of docker's volume drivers (isolators.md 10), by their client `dvdcli`,
 * which asks the driver and prints where the volume is mounted.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/strbuf.h"
#include "reference/isolators/program.h"
#include "reference/isolators/volume/plugin_volumes.h"

struct docker_volume {
    struct plugin_volumes base;
    char *client;
    struct list runs; /* struct client_run */
};

struct client_run {
    struct list node;
    struct done done;
    struct host_request *run;
    bool mounting;
};

static void run_end(struct client_run *run, int result, const char *where, const struct err *err)
{
    struct done done = run->done;

    list_remove(&run->node);
    host_cancel(run->run);
    free(run);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, where);
}

/* The first line of what it printed. */
static char *line_of(const char *text)
{
    const char *start = text + strspn(text, " \n");

    return str_ndup(start, strcspn(start, "\n"));
}

static void run_ended(void *arg, int result, const void *value, const struct err *from)
{
    struct client_run *run = arg;
    const struct run_result *output = value;
    _cleanup_free_ char *where = result == 0 ? line_of(output->output) : NULL;
    _cleanup_free_ char *said = result == 0 ? line_of(output->errors) : NULL;
    _cleanup_err_ struct err err = ERR_INIT;

    run->run = NULL;
    if (result < 0 && from)
        err_copy(&err, from);
    else if (result == 0 && output->status != 0)
        result = err_set(&err, -EIO, "dvdcli failed (wait status %d): %s", output->status, said);
    else if (result == 0 && run->mounting && *where != '/')
        result = err_set(&err, -EBADMSG, "dvdcli gave no mount point: \"%s\"", where);
    run_end(run, result, where, &err);
}

static void options_add(char ***argv, const json_t *message)
{
    const json_t *options =
        json_object_get(json_object_get(message, "driver_options"), "parameter");
    const json_t *option;
    size_t i;

    json_array_foreach(options, i, option) {
        strv_add_owned(argv, str_printf("--volumeopts=%s=%s",
                                 json_string_value(json_object_get(option, "key")),
                                 json_string_value(json_object_get(option, "value"))));
    }
}

static void client_call(struct docker_volume *docker, const char *command,
    const struct plugin_volume *volume, struct done done)
{
    struct client_run *run = mem_alloc(sizeof(*run));
    _cleanup_strv_ char **argv = NULL;

    run->done = done;
    run->mounting = str_equal(command, "mount");
    list_append(&docker->runs, &run->node);
    strv_add(&argv, docker->client);
    strv_add(&argv, command);
    strv_add_owned(&argv, str_printf("--volumedriver=%s", volume->plugin));
    strv_add_owned(&argv, str_printf("--volumename=%s", volume->name));
    if (run->mounting)
        options_add(&argv, volume->message);
    const struct run_request request = {.argv = argv};
    run->run = host_run(docker->base.base.host, &request, DONE(run_ended, run));
}

static void docker_mount(
    struct plugin_volumes *volumes, const struct plugin_volume *volume, struct done done)
{
    client_call(container_of(volumes, struct docker_volume, base), "mount", volume, done);
}

static void docker_unmount(
    struct plugin_volumes *volumes, const struct plugin_volume *volume, struct done done)
{
    client_call(container_of(volumes, struct docker_volume, base), "unmount", volume, done);
}

static const json_t *docker_message(const struct volume *volume)
{
    static const char type[] = "DOCKER_VOLUME";

    return volume->source && str_equal(volume->source->type, type) ? volume->source->docker_volume
                                                                   : NULL;
}

static int options_check(const json_t *message, struct err *err)
{
    const json_t *options = json_object_get(message, "driver_options");
    const json_t *list = json_object_get(options, "parameter");
    const json_t *option;
    size_t i;

    if (options && !json_is_array(list))
        return err_set(err, -EINVAL,
            "docker_volume.driver_options.parameter: expected a list of {key, value}");
    json_array_foreach(list, i, option) {
        if (!json_is_string(json_object_get(option, "key")) ||
            !json_is_string(json_object_get(option, "value")))
            return err_set(err, -EINVAL,
                "docker_volume.driver_options.parameter[%zu]: expected texts as key and value", i);
    }
    return 0;
}

static int docker_parse(const json_t *message, struct plugin_volume *ret_volume, struct err *err)
{
    const char *driver = json_string_value(json_object_get(message, "driver"));
    const char *name = json_string_value(json_object_get(message, "name"));

    if (!driver || !*driver || !name || !*name)
        return err_set(err, -EINVAL, "docker_volume.%s: required field is missing",
            driver && *driver ? "name" : "driver");
    ret_volume->plugin = str_dup(driver);
    ret_volume->name = str_dup(name);
    return options_check(message, err);
}

/* The client says what became of it. */
static bool docker_is_harmless(int result)
{
    (void)result;
    return true;
}

static void docker_free(struct plugin_volumes *volumes)
{
    struct docker_volume *docker = container_of(volumes, struct docker_volume, base);

    list_for_each_safe(node, following, &docker->runs)
        run_end(list_entry(node, struct client_run, node), -ECANCELED, NULL, NULL);
    plugin_volumes_release(volumes);
    free(docker->client);
    free(docker);
}

static const struct plugin_volumes_ops docker_ops = {
    .message = docker_message,
    .parse = docker_parse,
    .mount = docker_mount,
    .unmount = docker_unmount,
    .is_harmless = docker_is_harmless,
    .free = docker_free,
};

int isolator_docker_volume_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    const char *name = flags_other(context->flags, "docker_volume_client");
    const char *directory = flags_other(context->flags, "docker_volume_checkpoint_dir");
    _cleanup_free_ char *client = agent_program_find(context->host, name);
    struct docker_volume *docker;
    int r;

    if (!(context->host->facts.namespaces & NS_BIT(NS_MNT)))
        return err_set(err, -ENOTSUP, "docker volumes require mount namespaces");
    if (!client)
        return err_set(err, -ENOENT, "the client of docker volume drivers, %s, is not there", name);
    r = host_mkdir(context->host, directory, 0755, true, err);
    if (r < 0)
        return r;
    docker = mem_alloc(sizeof(*docker));
    plugin_volumes_init(
        &docker->base, context, "docker/volume", &docker_ops, str_dup(directory));
    docker->base.chown = flags_other_bool(context->flags, "docker_volume_chown")
                             ? PLUGIN_VOLUMES_CHOWN_ALWAYS
                             : PLUGIN_VOLUMES_CHOWN_NEVER;
    docker->client = TAKE_PTR(client);
    list_init(&docker->runs);
    *ret_isolator = &docker->base.base;
    return 0;
}
