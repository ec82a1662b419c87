/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of the server, which only the isolator gives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/io_switchboard/server.h"

#define DEFAULT_HEARTBEAT_NS (30 * NS_PER_SEC)

char *io_server_usage(void)
{
    return str_dup("Usage: mesos-io-switchboard --directory=DIR --socket=PATH [--stdout=PATH] "
                   "[--stderr=PATH] [--tty=UID] [--wait] [--heartbeat=NANOSECONDS]\n");
}

static const char *value_of(const char *argument, const char *name)
{
    const size_t length = strlen(name);

    return strncmp(argument, name, length) == 0 ? argument + length : NULL;
}

static bool option_take(const char *argument, struct io_options *options)
{
    const struct {
        const char *name;
        char **text;
    } texts[] = {{"--directory=", &options->directory}, {"--socket=", &options->socket},
        {"--stdout=", &options->logs[0]}, {"--stderr=", &options->logs[1]}};
    const char *value;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        value = value_of(argument, texts[i].name);
        if (value)
            str_set(texts[i].text, value);
        if (value)
            return true;
    }
    value = value_of(argument, "--tty=");
    if (value) {
        options->tty = true;
        options->uid = (uid_t)strtoul(value, NULL, 10);
        return true;
    }
    value = value_of(argument, "--heartbeat=");
    if (value)
        options->heartbeat_ns = strtoull(value, NULL, 10);
    if (str_equal(argument, "--wait"))
        options->wait_for_connection = true;
    return value || str_equal(argument, "--wait");
}

int io_options_parse(char *const *arguments, struct io_options *ret_options, struct err *err)
{
    int r = 0;

    *ret_options = (struct io_options){.heartbeat_ns = DEFAULT_HEARTBEAT_NS};
    for (; r == 0 && arguments && *arguments; arguments++) {
        if (!option_take(*arguments, ret_options))
            r = err_set(err, -EINVAL, "unknown option \"%s\"", *arguments);
    }
    if (r == 0 && (!ret_options->directory || !ret_options->socket))
        r = err_set(err, -EINVAL, "--directory and --socket are required");
    if (r == 0 && ret_options->heartbeat_ns == 0)
        r = err_set(err, -EINVAL, "--heartbeat: expected a number of nanoseconds");
    if (r < 0)
        io_options_release(ret_options);
    return r;
}

void io_options_release(struct io_options *options)
{
    free(options->directory);
    free(options->socket);
    free(options->logs[0]);
    free(options->logs[1]);
    *options = (struct io_options){0};
}
