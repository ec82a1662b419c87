/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/flags.h"
#include "scenarios/docker/front.h"
#include "scenarios/engine/backends/docker_control.h"

#define IMAGE "busybox:latest"
#define IMPORTED "seatrial-busybox:latest"
#define HOLD_LOOK_NS 20000000L
#define HOLD_LOOKS 100u
#define FRESH "seatrial-image" /* the container from which the image is made */

struct real_control {
    struct docker_control base;
    char *directory; /* of the front */
    char *socket;
    int lock;
};

static struct real_control *real_of(struct docker_control *control)
{
    return (struct real_control *)control;
}

const char *docker_real_socket(void)
{
    const char *socket = getenv("SEATRIAL_DOCKER_SOCKET");
    return socket && socket[0] == '/' ? socket : NULL;
}

/* --- the CLI, past the front --- */

/* What a shell command printed on stdout and stderr; the error has the last of it. *ret_output may
 * be NULL. */
static int shell(const char *command, char **ret_output, struct err *err)
{
    _cleanup_strbuf_ struct strbuf output = STRBUF_INIT;
    char piece[1024];
    FILE *stream = popen(command, "re");
    if (!stream)
        return err_errno(err, -errno, "run %s", command);
    while (fgets(piece, sizeof(piece), stream))
        strbuf_add(&output, piece);
    int status = pclose(stream);
    if (status != 0)
        return err_set(err, -EREMOTEIO, "%s: status %d: %s", command,
            WIFEXITED(status) ? WEXITSTATUS(status) : -1, strbuf_text(&output));
    if (ret_output)
        *ret_output = strbuf_take(&output);
    return 0;
}

static int docker(const struct real_control *real, char **ret_output, struct err *err,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
static int docker(const struct real_control *real, char **ret_output, struct err *err,
    const char *format, ...)
{
    va_list list;
    va_start(list, format);
    _cleanup_free_ char *words = str_vprintf(format, list);
    va_end(list);
    _cleanup_free_ char *command =
        str_printf("docker -H unix://%s %s 2>&1", real->socket, words);
    return shell(command, ret_output, err);
}

/* --- what goes wrong --- */

static void real_add_rule(struct docker_control *control, const struct fake_docker_rule *rule)
{
    static const enum front_fault faults[] = {
        [FAKE_DOCKER_HOLD] = FRONT_HOLD,
        [FAKE_DOCKER_FAIL] = FRONT_FAIL,
        [FAKE_DOCKER_GARBAGE] = FRONT_GARBAGE,
        [FAKE_DOCKER_DELAY] = FRONT_DELAY,
    };
    const struct front_rule own = {
        .verb = (int)rule->verb,
        .fault = (int)faults[rule->fault],
        .name = (char *)(uintptr_t)rule->name,
        .status = rule->status,
        .text = (char *)(uintptr_t)rule->text,
        .delay_ns = (int64_t)rule->delay_ns,
        .times = rule->times,
    };
    front_add_rule(real_of(control)->directory, &own);
}

static unsigned real_release(
    struct docker_control *control, enum docker_verb verb, const char *name)
{
    const struct timespec pause = {0, HOLD_LOOK_NS};
    const char *directory = real_of(control)->directory;
    /* The agent may have asked a moment ago, and the program not have got there yet. */
    for (unsigned i = 0; i < HOLD_LOOKS && !front_holds(directory, verb, name); i++)
        nanosleep(&pause, NULL);
    return front_release(directory, verb, name);
}

static void real_calm(struct docker_control *control)
{
    front_calm(real_of(control)->directory);
}

static void put_file(const struct real_control *real, const char *name, const char *text)
{
    _cleanup_free_ char *path = front_path(real->directory, name);
    FILE *stream = fopen(path, "we");
    if (!stream)
        return;
    fputs(text, stream);
    fclose(stream);
}

static void real_refuse(struct docker_control *control, bool refuse)
{
    const struct real_control *real = real_of(control);
    _cleanup_free_ char *path = front_path(real->directory, "refuse");
    if (refuse)
        put_file(real, "refuse", "");
    else
        unlink(path);
}

static void real_set_version(struct docker_control *control, const char *version)
{
    put_file(real_of(control), "version", version);
}

static int real_restart(struct docker_control *control, struct err *err)
{
    (void)control;
    const char *command = getenv("SEATRIAL_DOCKER_RESTART");
    return command ? shell(command, NULL, err)
                   : err_set(err, -ENOENT, "SEATRIAL_DOCKER_RESTART is not set");
}

static int real_start(struct docker_control *control, const char *name, struct err *err)
{
    return docker(real_of(control), NULL, err,
        "run -d --net none --name %s " IMAGE " sleep 100000", name);
}

static int real_end(struct docker_control *control, const char *name, int status, struct err *err)
{
    (void)status;
    return docker(real_of(control), NULL, err, "kill %s", name);
}

/* --- what is there --- */

static void real_look(
    struct docker_control *control, const char *name, bool *ret_exists, bool *ret_running)
{
    _cleanup_free_ char *output = NULL;
    *ret_exists = *ret_running = false;
    if (docker(real_of(control), &output, NULL, "ps -a --format '{{.Names}} {{.State}}'") < 0)
        return;
    _cleanup_strv_ char **lines = strv_split(output, "\n");
    size_t length = strlen(name);
    for (size_t i = 0; lines && lines[i]; i++) {
        if (strncmp(lines[i], name, length) != 0 || lines[i][length] != ' ')
            continue;
        *ret_exists = true;
        *ret_running = strcmp(lines[i] + length + 1, "running") == 0;
    }
}

static char **real_lines(struct docker_control *control)
{
    return front_lines(real_of(control)->directory);
}

void docker_real_audit(struct docker_control *control, char ***lines)
{
    _cleanup_free_ char *output = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    if (docker(real_of(control), &output, &err, "ps --format '{{.Names}}'") < 0)
        strv_add_owned(lines, str_printf("docker: %s", err_text(&err)));
    _cleanup_strv_ char **names = strv_split(output ? output : "", "\n");
    for (size_t i = 0; names && names[i]; i++)
        strv_add_owned(lines, str_printf("docker container %s", names[i]));
}

/* --- its life --- */

static void remove_containers(const struct real_control *real)
{
    _cleanup_free_ char *output = NULL;
    if (docker(real, &output, NULL, "ps -aq") < 0)
        return;
    _cleanup_strv_ char **ids = strv_split(output, "\n");
    for (size_t i = 0; ids && ids[i]; i++)
        docker(real, NULL, NULL, "rm -f -v %s", ids[i]);
}

static void real_free(struct docker_control *control)
{
    struct real_control *real = real_of(control);
    if (real->lock >= 0) {
        remove_containers(real);
        close(real->lock);
    }
    free(real->directory);
    free(real->socket);
    free(real);
}

static int take_lock(struct real_control *real, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s.lock", real->socket);
    real->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (real->lock < 0 || flock(real->lock, LOCK_EX) < 0)
        return err_errno(err, -errno, "lock %s", path);
    return 0;
}

static int make_image(const struct real_control *real, const char *workload, struct err *err)
{
    if (docker(real, NULL, NULL, "inspect --type=image " IMAGE) == 0)
        return 0;
    int r = docker(real, NULL, err, "create --name " FRESH " " IMPORTED " true");
    if (r == 0)
        r = docker(real, NULL, err, "cp %s " FRESH ":" DOCKER_WORKLOAD, workload);
    if (r == 0)
        r = docker(real, NULL, err, "commit " FRESH " " IMAGE);
    docker(real, NULL, NULL, "rm -f -v " FRESH);
    return r;
}

static int make_front(const struct real_control *real, const char *front_program, struct err *err)
{
    _cleanup_free_ char *found = NULL;
    _cleanup_free_ char *front = front_path(real->directory, "docker");
    _cleanup_free_ char *program = front_path(real->directory, "program");
    int r = shell("command -v docker", &found, err);
    if (r < 0)
        return r;
    found[strcspn(found, "\n")] = '\0';
    if (mkdir(real->directory, 0755) < 0 || symlink(front_program, front) < 0 ||
        symlink(found, program) < 0)
        return err_errno(err, -errno, "make %s", real->directory);
    return 0;
}

int docker_control_real(const char *directory, const char *front_program, const char *workload,
    struct docker_control **ret_control, struct err *err)
{
    static const struct docker_control_ops ops = {.add_rule = real_add_rule,
        .release = real_release,
        .calm = real_calm,
        .refuse = real_refuse,
        .restart = real_restart,
        .set_version = real_set_version,
        .start = real_start,
        .end = real_end,
        .look = real_look,
        .lines = real_lines,
        .free = real_free};
    struct real_control *real = mem_alloc(sizeof(*real));
    real->base.ops = &ops;
    real->directory = str_printf("%s/docker", directory);
    real->socket = str_dup(docker_real_socket());
    real->lock = -1;
    int r = take_lock(real, err);
    if (r == 0)
        r = make_front(real, front_program, err);
    if (r == 0)
        r = make_image(real, workload, err);
    if (r < 0) {
        real_free(&real->base);
        return err_wrap(err, r, "the docker engine at %s", docker_real_socket());
    }
    *ret_control = &real->base;
    return 0;
}

void docker_real_flags(const struct docker_control *control, struct flags *flags)
{
    const struct real_control *real = (const struct real_control *)control;
    _cleanup_free_ char *program = front_path(real->directory, "docker");
    flags_set(flags, "docker", program, NULL);
    flags_set(flags, "docker_socket", real->socket, NULL);
}
