/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial isolators --peers`: what is in the control files for one request of CPUs and memory.
 * Ours are read from the simulated hierarchies, written by the isolators themselves; those of runc
 * and crun from this machine's, after a `create`; those of systemd come from its documented rules
 * (systemd.resource-control(5)), as asking it would need a running one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fakes/host/sim_host.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/sim_loop.h"
#include "reference/base/strbuf.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/isolators/isolator.h"
#include "scenarios/engine/cli/isolators.h"

extern char **environ;

#define MEGABYTE (UINT64_C(1) << 20)
#define GROUP "seatrial-peers"

static const struct {
    double cpus;
    double mem;
} requests[] = {{0.001, 16}, {0.01, 32}, {0.5, 64}, {1, 256}, {4, 1024}, {100.1, 4096},
    {300, 65536}};

struct file {
    const char *controller; /* v1; "" on v2 */
    const char *name;
};
static const struct file files_v1[] = {{"cpu", "cpu.shares"}, {"cpu", "cpu.cfs_quota_us"},
    {"memory", "memory.soft_limit_in_bytes"}, {"memory", "memory.limit_in_bytes"}};
static const struct file files_v2[] = {
    {"", "cpu.weight"}, {"", "cpu.max"}, {"", "memory.low"}, {"", "memory.max"}};
#define FILES 4

/* The four values of one peer for one request; NULL: none, with a note. */
struct answer {
    char *values[FILES];
    char *note;
};

static void answer_release(struct answer *answer)
{
    for (size_t i = 0; i < FILES; i++)
        free(answer->values[i]);
    free(answer->note);
}

/* --- ours, in a world of its own --- */

static void keep_result(void *arg, int result, const void *value, const struct err *err)
{
    struct answer *answer = arg;

    (void)value;
    if (result < 0)
        answer->note = str_dup(err_text(err));
}

static void ours_read(struct host *host, const struct file *files, struct answer *answer)
{
    for (size_t i = 0; i < FILES; i++) {
        struct cgroup_hierarchy *at = cgroup_hierarchy_find(host->cgroups, files[i].controller);

        if (!at || cgroup_read(at->fs, "mesos/c1", files[i].name, &answer->values[i], NULL) < 0)
            continue;
        answer->values[i][strcspn(answer->values[i], "\n")] = '\0';
    }
}

static void ours(bool v2, bool clamp, double cpus, double mem, struct answer *answer)
{
    const struct kernel_config kernel_config = {
        .layout = v2 ? CGROUP_LAYOUT_V2 : CGROUP_LAYOUT_V1, .profile = "6.12"};
    struct loop *loop = sim_loop_new(0);
    struct kernel *kernel = kernel_new(loop, &kernel_config);
    struct isolator_context context = {
        .host = sim_host_new(kernel, NULL, NULL), .linux_launcher = true};
    struct container_config config = {.directory = str_dup("/sandbox")};
    struct isolator_list list = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    struct flags flags;

    flags_init(&flags);
    str_set(&flags.isolation, "cgroups/cpu,cgroups/mem");
    flags.cgroups_enable_cfs = true;
    if (clamp)
        flags_set(&flags, "cgroups_cpu_weight_clamp", "true", &err);
    context.flags = &flags;
    resources_add_scalar(&config.resources, "cpus", cpus);
    resources_add_scalar(&config.resources, "mem", mem);
    if (isolator_list_create(&context, NULL, 0, &list, &err) == 0) {
        for (size_t i = 0; i < list.count; i++) {
            if (str_equal(list.items[i]->name, "cgroups"))
                isolator_prepare(
                    list.items[i], "c1", &config, (struct done){keep_result, answer});
        }
        sim_loop_advance(loop, NS_PER_SEC);
        ours_read(context.host, v2 ? files_v2 : files_v1, answer);
    } else {
        answer->note = str_dup(err_text(&err));
    }
    host_crash(context.host);
    host_gone(context.host);
    isolator_list_free(&list);
    json_type_release(&container_config_json, &config);
    flags_release(&flags);
    host_free(context.host);
    kernel_free(kernel);
    loop_free(loop);
}

/* --- systemd, by its rules --- */

/* CPUWeight= is 1 to 10000 with 100 for one CPU here; on v1 it is set as shares, of which 1024 are
 * a weight of 100. CPUQuota= is of one CPU, over 100 ms. MemoryLow= and MemoryMax= are written as
 * they are, and v1 has no file for MemoryLow=. */
static void systemd(bool v2, double cpus, double mem, struct answer *answer)
{
    const double weight = fmin(fmax(trunc(100 * cpus), 1), 10000);
    const unsigned long long quota = (unsigned long long)fmax(trunc(100000 * cpus), 1000);
    const unsigned long long bytes = (unsigned long long)(mem * (double)MEGABYTE);

    answer->note = str_dup("by its documented rules");
    answer->values[0] = v2 ? str_printf("%.0f", weight)
                           : str_printf("%.0f", fmax(trunc(weight * 1024 / 100), 2));
    answer->values[1] = v2 ? str_printf("%llu 100000", quota) : str_printf("%llu", quota);
    answer->values[2] = v2 ? str_printf("%llu", bytes) : str_dup("not written");
    answer->values[3] = str_printf("%llu", bytes);
}

/* --- OCI runtimes --- */

/* What it says goes to the file. */
static int command(const char *const *argv, const char *errors)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;

    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 2; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int r = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return -r;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status == 0 ? 0 : -EPROTO;
}

static char *file_value(const char *path)
{
    char text[256] = "";
    FILE *file = fopen(path, "re");

    if (!file)
        return NULL;
    if (!fgets(text, sizeof(text), file))
        text[0] = '\0';
    fclose(file);
    text[strcspn(text, "\n")] = '\0';
    return str_dup(text);
}

static int bundle_write(const char *bundle, double cpus, double mem)
{
    static const char spec[] =
        "{\"ociVersion\":\"1.0.0\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},"
        "\"args\":[\"/payload\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
        "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}],\"linux\":{"
        "\"cgroupsPath\":\"/" GROUP "/c1\",\"resources\":{\"memory\":{\"limit\":%llu,"
        "\"reservation\":%llu},\"cpu\":{\"shares\":%llu,\"quota\":%llu,\"period\":100000}},"
        "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}]}}";
    const unsigned long long bytes = (unsigned long long)(mem * (double)MEGABYTE);
    _cleanup_free_ char *path = str_printf("%s/config.json", bundle);
    FILE *file = fopen(path, "we");

    if (!file)
        return -errno;
    fprintf(file, spec, bytes, bytes, (unsigned long long)fmax(trunc(1024 * cpus), 2),
        (unsigned long long)fmax(trunc(100000 * cpus), 1000));
    return fclose(file) < 0 ? -errno : 0;
}

/* A program that the runtime finds: it is never started. */
static int rootfs_make(const char *bundle)
{
    _cleanup_free_ char *root = str_printf("%s/rootfs", bundle);
    _cleanup_free_ char *payload = str_printf("%s/payload", root);
    int fd;

    if (mkdir(root, 0755) < 0)
        return -errno;
    fd = open(payload, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static void oci(
    const char *runtime, const char *bundle, double cpus, double mem, struct answer *answer)
{
    _cleanup_free_ char *root = str_printf("--root=%s/state-%s", bundle, runtime);
    const char *const create[] = {
        runtime, root, "create", "--bundle", bundle, GROUP "-c1", NULL};
    const char *const delete[] = {runtime, root, "delete", "--force", GROUP "-c1", NULL};
    _cleanup_free_ char *errors = str_printf("%s/errors", bundle);
    int r = bundle_write(bundle, cpus, mem);

    if (r == 0)
        r = command(create, errors);
    for (size_t i = 0; r == 0 && i < FILES; i++) {
        _cleanup_free_ char *v1 = str_printf("/sys/fs/cgroup/%s/" GROUP "/c1/%s",
            files_v1[i].controller, files_v1[i].name);
        _cleanup_free_ char *v2 =
            str_printf("/sys/fs/cgroup/" GROUP "/c1/%s", files_v2[i].name);

        answer->values[i] = file_value(v1);
        if (!answer->values[i])
            answer->values[i] = file_value(v2);
    }
    _cleanup_free_ char *said = r < 0 ? file_value(errors) : NULL;
    answer->note = r == -ENOENT ? str_dup("not installed")
                   : r < 0      ? str_printf("its create fails: %s", said ? said : "")
                                : str_dup("read from this machine's files");
    command(delete, "/dev/null");
}

/* Runtimes leave the cgroup above, in every hierarchy that there is. */
static void group_remove(void)
{
    DIR *folder = opendir("/sys/fs/cgroup");
    const struct dirent *entry;

    rmdir("/sys/fs/cgroup/" GROUP);
    while (folder && (entry = readdir(folder))) {
        _cleanup_free_ char *path = str_printf("/sys/fs/cgroup/%s/" GROUP, entry->d_name);
        rmdir(path);
    }
    if (folder)
        closedir(folder);
}

/* --- what is printed --- */

static void row_print(const char *peer, double cpus, double mem, const struct file *files,
    const struct answer *answer, json_t *into)
{
    json_t *object = json_pack(
        "{ss sf sf ss*}", "peer", peer, "cpus", cpus, "mem", mem, "note", answer->note);
    struct strbuf line = STRBUF_INIT;

    for (size_t i = 0; i < FILES; i++) {
        if (answer->values[i])
            json_object_set_new(object, files[i].name, json_string(answer->values[i]));
        strbuf_addf(&line, " %18s", answer->values[i] ? answer->values[i] : "-");
    }
    if (into)
        json_array_append(into, object);
    else
        printf("%7g %6g %-13s%s  %s\n", cpus, mem, peer, strbuf_text(&line),
            answer->note ? answer->note : "");
    json_decref(object);
    strbuf_release(&line);
}

static void header_print(const struct file *files)
{
    printf("%7s %6s %-13s", "cpus", "mem MB", "who");
    for (size_t i = 0; i < FILES; i++)
        printf(" %18.*s", 18, files[i].name + (strlen(files[i].name) > 18 ? 7 : 0));
    printf("\n");
}

static void peers_of(bool v2, bool real_v2, const char *bundle, json_t *into)
{
    const struct file *files = v2 ? files_v2 : files_v1;
    static const char *const runtimes[] = {"runc", "crun"};

    if (!into)
        header_print(files);
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        const double cpus = requests[i].cpus, mem = requests[i].mem;
        struct answer answer = {0};

        ours(v2, false, cpus, mem, &answer);
        row_print("seatrial", cpus, mem, files, &answer, into);
        answer_release(&answer);
        if (v2 && cpus > 100) {
            answer = (struct answer){0};
            ours(v2, true, cpus, mem, &answer);
            row_print("  clamped", cpus, mem, files, &answer, into);
            answer_release(&answer);
        }
        answer = (struct answer){0};
        systemd(v2, cpus, mem, &answer);
        row_print("systemd", cpus, mem, files, &answer, into);
        answer_release(&answer);
        for (size_t k = 0; v2 == real_v2 && k < ARRAY_SIZE(runtimes); k++) {
            answer = (struct answer){0};
            oci(runtimes[k], bundle, cpus, mem, &answer);
            row_print(runtimes[k], cpus, mem, files, &answer, into);
            answer_release(&answer);
        }
    }
    if (!into)
        printf("\n");
}

int isolators_peers(bool json)
{
    char bundle[] = "/tmp/seatrial-peers-XXXXXX";
    json_t *list = json ? json_array() : NULL;
    const bool real_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;

    if (!mkdtemp(bundle) || rootfs_make(bundle) < 0) {
        fprintf(stderr, "seatrial isolators: cannot make %s\n", bundle);
        json_decref(list);
        return 1;
    }
    peers_of(false, real_v2, bundle, list);
    peers_of(true, real_v2, bundle, list);
    if (list) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        printf("\n");
    }
    json_decref(list);
    command((const char *const[]){"rm", "-rf", bundle, NULL}, "/dev/null");
    group_remove();
    return 0;
}
