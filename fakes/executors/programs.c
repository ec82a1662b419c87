/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl answers 200 for a port where a process listens; when the path begins with a number, as in
 * /404, that is the status. mesos-tcp-connect only looks whether somebody listens.
 */
#include "fakes/executors/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/host/sim_host.h"
#include "fakes/kernel/process.h"
#include "reference/base/mem.h"

#define ANSWER_NS (2 * NS_PER_MS)
#define EXIT_STATUS(code) ((code) << 8)
#define CURL_REFUSED 7
#define CURL_BAD_URL 3

static bool is_listening(const struct kernel *kernel, long port)
{
    list_for_each(node, &kernel->processes) {
        const struct process *process = list_entry(node, struct process, node);
        if (process->state != PROCESS_ZOMBIE && port > 0 && process->listening_port == port)
            return true;
    }
    return false;
}

static const char *last_argument(const struct run_request *request)
{
    return request->argv[strv_length(request->argv) - 1];
}

static void play_tcp_connect(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    static const char option[] = "--port=";
    const char *port = last_argument(request);
    long number = str_starts(port, option) ? strtol(port + sizeof(option) - 1, NULL, 10) : 0;
    result->duration_ns = ANSWER_NS;
    result->status = is_listening(arg, number) ? 0 : EXIT_STATUS(1);
}

static void play_curl(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    static char code[8];
    const char *host = strstr(last_argument(request), "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    const char *colon = path ? path : NULL;
    result->duration_ns = ANSWER_NS;
    while (colon && colon > host && *colon != ':')
        colon--;
    if (!path || *colon != ':') {
        result->status = EXIT_STATUS(CURL_BAD_URL);
        result->errors = "curl: (3) URL using bad/illegal format";
        return;
    }
    if (!is_listening(arg, strtol(colon + 1, NULL, 10))) {
        result->status = EXIT_STATUS(CURL_REFUSED);
        result->errors = "curl: (7) Failed to connect";
        return;
    }
    long wanted = strtol(path + 1, NULL, 10);
    snprintf(code, sizeof(code), "%ld", wanted >= 100 && wanted < 600 ? wanted : 200);
    result->output = code;
}

void sim_check_programs_install(struct host *host)
{
    struct kernel *kernel = sim_host_process(host)->kernel;
    sim_host_program(host, "curl", play_curl, kernel);
    sim_host_program(host, "mesos-tcp-connect", play_tcp_connect, kernel);
}
