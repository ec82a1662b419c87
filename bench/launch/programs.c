/* SPDX-License-Identifier: Apache-2.0 */
/* Other runtimes as contenders: runc and crun on a bundle of the payload alone, bubblewrap. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/launch/contender.h"
#include "reference/base/mem.h"

struct program {
    char **argv;
    char *output;
    unsigned number;
    bool numbered; /* the last argument is an id that differs each time */
};

static const char spec[] =
    "{\"ociVersion\":\"1.0.0\",\"process\":{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0},"
    "\"args\":[\"/payload\"],\"env\":[\"PATH=/\"],\"cwd\":\"/\",\"noNewPrivileges\":true},"
    "\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"bench\",\"mounts\":[{"
    "\"destination\":\"/"
    "proc\",\"type\":\"proc\",\"source\":\"proc\"}],\"linux\":{\"cgroupsPath\":\"%s\","
    "\"resources\":{\"memory\":{\"limit\":67108864},\"cpu\":{\"shares\":1024}},\"namespaces\":["
    "{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}]}}";

static char *find_program(const char *name)
{
    static const char *const directories[] = {"/usr/sbin", "/usr/bin", "/usr/local/bin", "/bin"};

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        char *path = str_printf("%s/%s", directories[i], name);

        if (access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

static int file_copy(const char *from, const char *to)
{
    char bytes[65536];
    _cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    ssize_t count = in < 0 || out < 0 ? -1 : 0;

    while (count >= 0 && (count = read(in, bytes, sizeof(bytes))) > 0) {
        if (write(out, bytes, (size_t)count) != count)
            return -EIO;
    }
    return count < 0 ? -EIO : 0;
}

/* A bundle: the payload as the only file of its root. */
static int bundle_make(
    struct launch_world *world, const char *name, char **ret_bundle, struct err *err)
{
    _cleanup_free_ char *bundle = str_printf("%s/bundle-%s", world->directory, name);
    _cleanup_free_ char *rootfs = str_printf("%s/rootfs", bundle);
    _cleanup_free_ char *proc = str_printf("%s/proc", rootfs);
    _cleanup_free_ char *dev = str_printf("%s/dev", rootfs); /* crun wants it */
    _cleanup_free_ char *payload = str_printf("%s/payload", rootfs);
    _cleanup_free_ char *config = str_printf("%s/config.json", bundle);
    _cleanup_free_ char *cgroup = str_printf("/%s/%s", world->cgroup, name);
    FILE *file;

    if (mkdir(bundle, 0755) < 0 || mkdir(rootfs, 0755) < 0 || mkdir(proc, 0755) < 0 ||
        mkdir(dev, 0755) < 0 || file_copy(world->payload, payload) < 0 ||
        !(file = fopen(config, "we")))
        return err_errno(err, -errno, "bundle %s", bundle);
    fprintf(file, spec, cgroup);
    fclose(file);
    *ret_bundle = TAKE_PTR(bundle);
    return 0;
}

static int oci_open(struct launch_world *world, const char *name, void **ret_data, struct err *err)
{
    struct program *program = mem_alloc(sizeof(*program));
    _cleanup_free_ char *path = find_program(name);
    _cleanup_free_ char *bundle = NULL;
    int r;

    *ret_data = program;
    if (!path)
        return err_set(err, -ENOENT, "%s is not installed", name);
    r = bundle_make(world, name, &bundle, err);
    if (r < 0)
        return r;
    strv_add(&program->argv, path);
    strv_add_owned(&program->argv, str_printf("--root=%s/state-%s", world->directory, name));
    strv_add(&program->argv, "run");
    strv_add(&program->argv, "--bundle");
    strv_add(&program->argv, bundle);
    strv_add(&program->argv, "id");
    program->numbered = true;
    program->output = str_printf("%s/%s-output", world->directory, name);
    return 0;
}

static int runc_open(struct launch_world *world, void **ret_data, struct err *err)
{
    return oci_open(world, "runc", ret_data, err);
}

static int crun_open(struct launch_world *world, void **ret_data, struct err *err)
{
    return oci_open(world, "crun", ret_data, err);
}

static int bwrap_open(struct launch_world *world, void **ret_data, struct err *err)
{
    struct program *program = mem_alloc(sizeof(*program));
    _cleanup_free_ char *path = find_program("bwrap");

    *ret_data = program;
    if (!path)
        return err_set(err, -ENOENT, "bwrap is not installed");
    strv_add(&program->argv, path);
    for (const char *const *word = (const char *const[]){"--unshare-pid", "--unshare-ipc",
             "--unshare-uts", "--dev-bind", "/", "/", "--proc", "/proc", NULL};
         *word; word++)
        strv_add(&program->argv, *word);
    strv_add(&program->argv, world->payload);
    program->output = str_printf("%s/bwrap-output", world->directory);
    return 0;
}

static int program_run(
    struct launch_world *world, void *data, uint64_t *ret_stamp_ns, struct err *err)
{
    struct program *program = data;
    const size_t last = strv_length(program->argv) - 1;
    _cleanup_free_ char *errors = str_printf("%s.errors", program->output);
    char *environment[] = {(char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        (char *)(uintptr_t) "XDG_RUNTIME_DIR=/tmp", NULL};
    posix_spawn_file_actions_t actions;
    int status = 0;
    pid_t pid;
    int r;

    (void)world;
    if (program->numbered) {
        free(program->argv[last]);
        program->argv[last] = str_printf("seatrial-bench-%u", ++program->number);
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(
        &actions, 1, program->output, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    r = posix_spawn(&pid, program->argv[0], &actions, NULL, program->argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return err_errno(err, -r, "%s", program->argv[0]);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        return err_set(err, -EPROTO, "%s ended with status %d; see %s", program->argv[0],
            WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), errors);
    /* Some exit 0 without running anything: the payload's own word counts. */
    return stamp_read(program->output, ret_stamp_ns, err);
}

static void program_close(struct launch_world *world, void *data)
{
    struct program *program = data;

    (void)world;
    strv_free(program->argv);
    free(program->output);
    free(program);
}

const struct contender contender_runc = {"runc",
    "runc run: pid, ipc, uts and mount namespaces, pivoted root, cgroups", runc_open, program_run,
    program_close};
const struct contender contender_crun = {
    "crun", "crun run on the same bundle", crun_open, program_run, program_close};
const struct contender contender_bwrap = {"bwrap",
    "bubblewrap: pid, ipc and uts namespaces, /proc, no cgroups", bwrap_open, program_run,
    program_close};
