/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seatrial-docker ARGUMENT...: the docker CLI of an agent under test, with a front directory
 * (front.h) around the link by which it is called.
 *
 * Exit: that of the real CLI, or what the rule says.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fakes/docker/program.h"
#include "reference/base/mem.h"
#include "scenarios/docker/front.h"

#define CANNOT_RUN 125 /* as docker says it */
#define NOBODY "unix:///nobody-listens.sock"

static int become_docker(const char *directory, char **argv)
{
    _cleanup_free_ char *program = front_path(directory, "program");
    execv(program, argv);
    perror(program);
    return CANNOT_RUN;
}

/* The call is made all the same; only what it prints is not its own. */
static int print_instead(const char *directory, char **argv, const char *text)
{
    int status = 0;
    pid_t pid = fork();
    if (pid < 0)
        return CANNOT_RUN;
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        _exit(become_docker(directory, argv));
    }
    waitpid(pid, &status, 0);
    fputs(text, stdout);
    return 0;
}

static void sleep_ns(uint64_t duration_ns)
{
    const struct timespec time = {
        .tv_sec = (time_t)(duration_ns / NS_PER_SEC), .tv_nsec = (long)(duration_ns % NS_PER_SEC)};
    nanosleep(&time, NULL);
}

/* Spoils the call as the rule says; then, mostly, it is made. */
static int spoil(const char *directory, char **argv, const struct docker_call *call,
    const struct front_rule *rule)
{
    switch ((enum front_fault)rule->fault) {
    case FRONT_HOLD:
        front_wait(directory, call);
        break;
    case FRONT_DELAY:
        sleep_ns((uint64_t)rule->delay_ns);
        break;
    case FRONT_FAIL:
        fprintf(stderr, "%s\n", rule->text ? rule->text : "injected failure");
        return rule->status ? (int)rule->status : 1;
    case FRONT_GARBAGE:
        return print_instead(directory, argv, rule->text ? rule->text : "");
    }
    return become_docker(directory, argv);
}

static bool has_file(const char *directory, const char *name)
{
    _cleanup_free_ char *path = front_path(directory, name);
    return access(path, F_OK) == 0;
}

static int say_version(const char *directory)
{
    char text[256] = "";
    _cleanup_free_ char *path = front_path(directory, "version");
    FILE *stream = fopen(path, "re");
    if (!stream || !fgets(text, sizeof(text), stream))
        text[0] = '\0';
    if (stream)
        fclose(stream);
    printf("Docker version %s\n", text);
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_free_ char *directory = str_dup(argv[0]);
    char *slash = strrchr(directory, '/');
    bool by_socket = argc > 2 && strcmp(argv[1], "-H") == 0;
    struct docker_call call;
    struct docker_run_options run;
    struct front_rule rule = {0};
    int status;
    if (!slash) {
        fprintf(stderr, "seatrial-docker: expected to be called by a path\n");
        return CANNOT_RUN;
    }
    *slash = '\0';
    front_record(directory, argv + (by_socket ? 3 : 1));
    bool known = program_read(argv, &call, &run);
    if (by_socket && has_file(directory, "refuse"))
        argv[2] = (char *)(uintptr_t)NOBODY;
    if (known && call.verb == DOCKER_VERSION && has_file(directory, "version"))
        status = say_version(directory);
    else if (known && front_take_rule(directory, &call, &rule))
        status = spoil(directory, argv, &call, &rule);
    else
        status = become_docker(directory, argv);
    json_type_release(&front_rule_json, &rule);
    docker_run_options_release(&run);
    return status;
}
