/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors are forked processes that wait for questions on a socket. They belong to us and die with
 * us; nothing outside of our own cgroups is written, save that actors move back to the roots.
 */
#include "fakes/replay/replay_real.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fakes/replay/replay_real_actor.h"
#include "reference/base/mem.h"

#define ASK_MS 20000
#define REAP_MS 3000
#define REMOVE_TRIES 200
#define REMOVE_PAUSE_NS 5000000

struct real_actor {
    struct real_actor *next;
    char *name;
    pid_t pid;
    int fd;
    bool reaped;
};

/* ---------------------------------------------------------------------- asking them */

static struct real_actor *actor_find(const struct replay_world *world, const char *name)
{
    struct real_actor *at = world->files->actors;
    while (at && strcmp(at->name, name))
        at = at->next;
    return at;
}

/* With its text, which ret_answer may be NULL for. */
static int64_t answer_of(const struct real_actor *actor, int64_t ms, struct answer *ret_answer)
{
    struct pollfd fd = {.fd = actor->fd, .events = POLLIN};
    struct answer answer;
    if (poll(&fd, 1, (int)ms) <= 0)
        return -ETIMEDOUT;
    if (recv(actor->fd, &answer, sizeof(answer), 0) != sizeof(answer))
        return -EPIPE;
    if (ret_answer)
        *ret_answer = answer;
    return answer.result;
}

static int64_t ask_question(const struct replay_world *world, const char *name,
    const struct question *question, int64_t ms, struct answer *ret_answer)
{
    const struct real_actor *actor = actor_find(world, name);
    if (!actor)
        return -EBADF;
    if (send(actor->fd, question, sizeof(*question), MSG_NOSIGNAL) < 0)
        return -errno;
    return answer_of(actor, ms, ret_answer);
}

static int64_t ask(
    const struct replay_world *world, const char *name, char kind, int64_t amount, int64_t ms)
{
    const struct question question = {.kind = kind, .amount = amount};
    return ask_question(world, name, &question, ms, NULL);
}

static void actor_add(
    struct replay_world *world, const char *name, pid_t pid, int fd)
{
    struct real_actor *actor = mem_alloc(sizeof(*actor));
    actor->name = str_dup(name);
    actor->pid = pid;
    actor->fd = fd;
    actor->next = world->files->actors;
    world->files->actors = actor;
    replay_symbol_set(world, name, pid, false);

}

static bool send_fd(int to, const struct question *question, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {(void *)question, sizeof(*question)};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    return sendmsg(to, &message, MSG_NOSIGNAL) == sizeof(*question);
}

static void run_child(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct real_actor *parent = actor_find(world, replay_text(op, "parent"));
    const struct question question = {.kind = 'c'};
    int fds[2];
    if (!parent || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        outcome->result = parent ? -errno : -EBADF;
        return;
    }
    bool asked = send_fd(parent->fd, &question, fds[1]);
    close(fds[1]);
    int64_t answer = asked ? answer_of(parent, REAP_MS, NULL) : -EPIPE;
    outcome->result = answer > 0 ? 0 : answer;
    if (answer > 0)
        actor_add(world, replay_text(op, "name"), (pid_t)answer, fds[0]);
    else
        close(fds[0]);
}

static void run_allocbg(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct real_actor *actor = actor_find(world, replay_text(op, "name"));
    const struct question question = {.kind = 'a', .amount = replay_number(op, "arg")};
    outcome->result =
        !actor || send(actor->fd, &question, sizeof(question), MSG_NOSIGNAL) < 0 ? -EBADF : 0;
}

/* fork(), or born in the cgroup that is open as cgroup_fd. */
static pid_t actor_fork(int cgroup_fd)
{
    struct clone_args arguments = {
        .flags = CLONE_INTO_CGROUP,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)cgroup_fd,
    };
    if (cgroup_fd < 0)
        return fork();
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static int64_t actor_start(struct replay_world *world, const char *name, int cgroup_fd)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    fflush(stdout);
    pid_t pid = actor_fork(cgroup_fd);
    int error = errno;
    if (pid == 0) {
        close(fds[0]);
        replay_actor_main(fds[1]);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return -error;
    }
    actor_add(world, name, pid, fds[0]);
    return 0;
}

static void run_proc(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    outcome->result = actor_start(world, replay_text(op, "name"), -1);
}

static void run_clone_into(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        outcome->result = -errno;
        return;
    }
    outcome->result = actor_start(world, replay_text(op, "name"), fd);
    close(fd);
}

static void run_thread(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    int64_t answer = ask(world, replay_text(op, "proc"), 't', 0, REAP_MS);
    outcome->result = answer > 0 ? 0 : answer;
    if (answer > 0)
        replay_symbol_set(world, replay_text(op, "name"), answer, true);
}

static void reap(struct real_actor *actor, int64_t ms, struct replay_outcome *outcome)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    int status;
    pid_t got = -1;
    for (int64_t waited = 0; actor; waited++) {
        got = waitpid(actor->pid, &status, WNOHANG);
        if (got != 0 || waited >= ms)
            break;
        nanosleep(&pause, NULL);
    }
    outcome->result = got < 0 ? -ECHILD : 0;
    outcome->has_out = got >= 0;
    if (got <= 0) {
        strbuf_add(&outcome->out, got == 0 ? "running" : "");
        return;
    }
    actor->reaped = true;
    if (WIFEXITED(status))
        strbuf_addf(&outcome->out, "exited %d", WEXITSTATUS(status));
    else
        strbuf_addf(&outcome->out, "signaled %d", WTERMSIG(status));
}

static void tell_to_exit(const struct replay_world *world, const struct replay_op *op)
{
    const struct real_actor *actor = actor_find(world, replay_text(op, "name"));
    const struct question question = {.kind = 'x', .amount = replay_number(op, "code")};
    if (actor)
        send(actor->fd, &question, sizeof(question), MSG_NOSIGNAL);
}

static void run_exit(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    tell_to_exit(world, op);
    reap(actor_find(world, replay_text(op, "name")), REAP_MS, outcome);
    outcome->has_out = true;
}

static bool has_ended(void *arg)
{
    const struct real_actor *actor = arg;
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)actor->pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 || info.si_pid;
}

static void run_zombie(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct real_actor *actor = actor_find(world, replay_text(op, "name"));
    tell_to_exit(world, op);
    if (!actor || actor->reaped)
        outcome->result = -ECHILD;
    else if (!replay_wait(world, REAP_MS, has_ended, actor))
        outcome->result = -ETIMEDOUT;
}

static void run_reap(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    reap(actor_find(world, replay_text(op, "name")), replay_number(op, "ms"), outcome);
}

static void run_signal(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct real_actor *actor = actor_find(world, replay_text(op, "name"));
    bool there = actor && !actor->reaped;
    if (!there)
        outcome->result = -ESRCH;
    else if (kill(actor->pid, (int)replay_number(op, "sig")) < 0)
        outcome->result = -errno;
}

static void run_ask(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    static const struct {
        const char *op;
        char kind;
    } kinds[] = {{"ping", 'p'}, {"alloc", 'a'}, {"free", 'f'}, {"spin", 's'}};
    size_t i = 0;
    while (strcmp(kinds[i].op, op->op))
        i++;
    int64_t ms = replay_has(op, "ms") ? replay_number(op, "ms") : ASK_MS;
    outcome->result =
        ask(world, replay_text(op, "name"), kinds[i].kind, replay_number(op, "arg"), ms);
}

static void run_drain(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct real_actor *actor = actor_find(world, replay_text(op, "name"));
    struct pollfd fd = {.fd = actor ? actor->fd : -1, .events = POLLIN};
    struct answer answer;
    outcome->result = -ETIMEDOUT;
    while (poll(&fd, 1, (int)replay_number(op, "ms")) > 0 &&
           recv(fd.fd, &answer, sizeof(answer), 0) > 0)
        outcome->result = 0;
}

static void run_unshare(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    outcome->result = ask(world, replay_text(op, "name"), 'u', 0, REAP_MS);
}

static void run_awrite(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct question question = {.kind = 'w'};
    const char *text = replay_text(op, "text");
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    _cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
    replay_substitute(world, text, strlen(text), &data);
    strbuf_add(&data, "\n");
    if (replay_is_pid_list(replay_text(op, "path")) &&
        !replay_real_may_move(world, strbuf_text(&data), data.length)) {
        outcome->skipped = REPLAY_NOT_OURS;
        return;
    }
    snprintf(question.path, sizeof(question.path), "%s", path);
    snprintf(question.data, sizeof(question.data), "%s", strbuf_text(&data));
    outcome->result = ask_question(world, replay_text(op, "name"), &question, REAP_MS, NULL);
}

/* The node lies in a folder of its own, as only one that is told of devices may make it. */
static void run_opendev(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct question question = {.kind = 'd'};
    char folder[] = "/tmp/seatrial-replay.XXXXXX";
    char type, access[4] = "";
    unsigned major, minor;
    const char *device = replay_text(op, "arg");
    if (sscanf(device, "%c:%u:%u:%3s", &type, &major, &minor, access) < 3 || !mkdtemp(folder)) {
        outcome->result = -EINVAL;
        return;
    }
    snprintf(question.path, sizeof(question.path), "%s/node", folder);
    snprintf(question.data, sizeof(question.data), "%s", device);
    mode_t kind = type == 'b' ? S_IFBLK : S_IFCHR;
    if (!strchr(access, 'm') && mknod(question.path, kind | 0600, makedev(major, minor)) < 0)
        outcome->skipped = "this machine lets us make no device nodes";
    else
        outcome->result = ask_question(world, replay_text(op, "name"), &question, REAP_MS, NULL);
    unlink(question.path);
    rmdir(folder);
}

/* The line of the hierarchy in a /proc/PID/cgroup; NULL without. v2 has the empty name. */
static char *place_line(char *text, const char *hierarchy)
{
    for (char *line; (line = strsep(&text, "\n"));) {
        char *names = strchr(line, ':');
        char *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path = '\0';
        if (!strcmp(names + 1, hierarchy))
            return path + 1;
    }
    return NULL;
}

/* As the recorder shows it: from the base on. */
static void print_place(
    const struct replay_world *world, const char *path, const char *outside, struct strbuf *out)
{
    const char *base = strstr(path, world->files->base);
    const char *rest = base ? base + strlen(world->files->base) : outside ? outside : path;
    strbuf_addf(out, "%s%s\n", base && *rest != '/' ? "/" : "", rest);
}

static void show_place(const struct replay_world *world, const struct replay_op *op, char *text,
    const char *outside, struct replay_outcome *outcome)
{
    const char *path = place_line(text, replay_text(op, "hier"));
    outcome->has_out = true;
    if (path)
        print_place(world, path, outside, &outcome->out);
}

/* A file of /proc/PID; empty when there is none. */
static void read_proc(pid_t pid, const char *name, char *buffer, size_t size)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(buffer, 1, size - 1, file) : 0;
    buffer[length] = '\0';
    if (file)
        fclose(file);
}

static pid_t pid_named(const struct replay_world *world, const char *name)
{
    const struct real_actor *actor = actor_find(world, name);
    const struct replay_symbol *symbol = replay_symbol_find(world, name);
    return actor ? actor->pid : symbol ? (pid_t)symbol->value : getpid();
}

static void run_cgof(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    char text[4096];
    read_proc(pid_named(world, replay_text(op, "name")), "cgroup", text, sizeof(text));
    outcome->result = *text ? 0 : -ENOENT;
    if (*text)
        show_place(world, op, text, "^outside", outcome);
}

static void run_selfcg(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct question question = {.kind = 'g'};
    struct answer answer = {0};
    outcome->result = ask_question(world, replay_text(op, "name"), &question, REAP_MS, &answer);
    if (!outcome->result)
        show_place(world, op, answer.text, NULL, outcome);
}

static void run_pstate(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    char text[1024];
    read_proc(pid_named(world, replay_text(op, "name")), "stat", text, sizeof(text));
    const char *end = strrchr(text, ')');
    outcome->result = end ? 0 : -ENOENT;
    outcome->has_out = end;
    if (end)
        strbuf_add_bytes(&outcome->out, end + 2, 1);
}

const struct replay_operation replay_real_ops[] = {
    {"proc", run_proc},
    {"thread", run_thread},
    {"exit", run_exit},
    {"zombie", run_zombie},
    {"reap", run_reap},
    {"signal", run_signal},
    {"ping", run_ask},
    {"drain", run_drain},
    {"alloc", run_ask},
    {"free", run_ask},
    {"spin", run_ask},
    {"child", run_child},
    {"clone_into", run_clone_into},
    {"allocbg", run_allocbg},
    {"opendev", run_opendev},
    {"unshare", run_unshare},
    {"awrite", run_awrite},
    {"cgof", run_cgof},
    {"selfcg", run_selfcg},
    {"pstate", run_pstate},
    {NULL, NULL},
};

void replay_real_print_pid(const struct replay_world *world, int64_t pid, struct strbuf *out)
{
    for (const struct real_actor *at = world->files->actors; at; at = at->next)
        if (!at->reaped && at->pid == pid) {
            strbuf_addf(out, "$%s\n", at->name);
            return;
        }
    for (const struct replay_symbol *at = world->symbols; at; at = at->next)
        if (at->thread && at->value == pid) {
            strbuf_addf(out, "$%s\n", at->name);
            return;
        }
    strbuf_add(out, pid == getpid() ? "$SELF\n" : pid ? "$OTHER\n" : "0\n");
}

static bool is_ours(const struct replay_world *world, long long pid)
{
    if (pid == 0)
        return !world->files->stay;
    if (pid == getpid())
        return !world->files->stay;
    for (const struct real_actor *at = world->files->actors; at; at = at->next)
        if (!at->reaped && at->pid == pid)
            return true;
    for (const struct replay_symbol *at = world->symbols; at; at = at->next)
        if (at->thread && at->value == pid)
            return true;
    return false;
}

static bool is_anybody(long long pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%lld", pid);
    return access(path, F_OK) == 0;
}

bool replay_real_may_move(const struct replay_world *world, const char *data, size_t length)
{
    _cleanup_free_ char *text = str_ndup(data, length);
    char *at = text, *end;
    while (*at && !strchr("+0123456789", *at))
        at++; /* whatever is skipped makes it no number, or is skipped by the kernel, too */
    errno = 0;
    long long pid = strtoll(at, &end, 0);
    if (end == at || errno || pid < 0 || pid > INT32_MAX)
        return true;
    return is_ours(world, pid) || (pid != 0 && !is_anybody(pid));
}

/* Above the base only reads, and actors that go back. */
const char *replay_real_forbidden(const struct replay_world *world, const struct replay_op *op)
{
    static const char *const harmless[] = {"read", "keys", "get", "range", "list", "modes", "stat",
        "access", "exists", "getxattr", "listxattr"};
    bool above = *replay_text(op, "path") == '^' || *replay_text(op, "path2") == '^';
    if (!above)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
        if (!strcmp(harmless[i], op->op))
            return NULL;
    /* Actors, or we ourselves, who went down before. */
    bool moves = !strcmp(op->op, "write") && replay_is_pid_list(replay_text(op, "path")) &&
        (*replay_text(op, "data") == '$' || !strcmp(replay_text(op, "data"), "0\n"));
    bool enables = world->files->whole && !strcmp(op->op, "write") &&
        !strcmp(replay_text(op, "path"), "^cgroup.subtree_control");
    return moves || enables ? NULL : "it would change what is above our own cgroups";
}

/* ---------------------------------------------------------------------- the base cgroups */

/* The directories of the base: one per hierarchy. False from fn stops. */
static void each_base(const struct replay_real *real, const struct replay_world *world,
    void (*fn)(void *arg, const char *path), void *arg)
{
    const struct replay_header *header = world->header;
    size_t i;
    json_t *flag;
    if (header->v2) {
        _cleanup_free_ char *path = str_printf("%s/%s", real->files.directory, real->base);
        fn(arg, path);
        return;
    }
    json_array_foreach(header->flags, i, flag) {
        const char *name = json_string_value(flag);
        if (!cgroup_root_find(world->kernel, name))
            continue;
        _cleanup_free_ char *path =
            str_printf("%s/%s/%s", real->files.directory, name, real->base);
        fn(arg, path);
    }
}

static void base_make(void *arg, const char *path)
{
    struct err *err = arg;
    if (!err->code && mkdir(path, 0755) < 0)
        err_errno(err, -errno, "%s", path);
}

/* Where we were before: operations may have moved us. */
static void home_note(struct replay_real *real)
{
    _cleanup_free_ char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    for (ssize_t length; file && (length = getline(&line, &capacity, file)) > 0;) {
        line[length - 1] = '\0';
        strv_add(&real->home, line);
    }
    if (file)
        fclose(file);
}

/* "4:memory:/path", of v2 "0::/path". */
static void home_go(const struct replay_real *real, const char *line)
{
    const char *names = strchr(line, ':') + 1;
    const char *path = strchr(names, ':') + 1;
    size_t length = (size_t)(path - 1 - names);
    if (str_starts(names, "name=")) {
        names += strlen("name=");
        length -= strlen("name=");
    }
    _cleanup_free_ char *file = str_printf("%s%s%.*s%s/cgroup.procs", real->files.directory,
        length ? "/" : "", (int)length, names, path);
    FILE *stream = fopen(file, "we");
    if (!stream)
        return; /* a hierarchy that is not below the directory */
    fprintf(stream, "%d", (int)getpid());
    fclose(stream);
}

static bool is_child(const struct dirent *entry)
{
    return entry->d_type == DT_DIR && strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

/* Depth is bounded by the length of a path. */
static void base_remove(void *arg, const char *path)
{
    const struct timespec pause = {.tv_nsec = REMOVE_PAUSE_NS};
    DIR *directory = opendir(path);
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!is_child(entry))
            continue;
        _cleanup_free_ char *below = str_printf("%s/%s", path, entry->d_name);
        base_remove(arg, below);
    }
    if (directory)
        closedir(directory);
    for (int i = 0; i < REMOVE_TRIES && rmdir(path) < 0 && errno == EBUSY; i++)
        nanosleep(&pause, NULL);
}

/* A frozen actor cannot die before it is thawed. */
static void base_thaw(void *arg, const char *path)
{
    DIR *directory = opendir(path);
    (void)arg;
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!is_child(entry))
            continue;
        _cleanup_free_ char *below = str_printf("%s/%s", path, entry->d_name);
        base_thaw(arg, below);
    }
    if (directory)
        closedir(directory);
    static const char *const files[][2] = {{"freezer.state", "THAWED"}, {"cgroup.freeze", "0"}};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *file = str_printf("%s/%s", path, files[i][0]);
        FILE *stream = fopen(file, "r+e");
        if (stream) {
            fputs(files[i][1], stream);
            fclose(stream);
        }
    }
}

int replay_real_start(struct replay_real *real, struct replay_world *world, const char *directory,
    const char *name, bool whole, struct err *err)
{
    *real = (struct replay_real){0};
    real->base = str_printf("seatrial-%s-%d", name, (int)getpid());
    real->files = (struct replay_files){
        .directory = directory,
        .base = real->base,
        .real = true,
        .whole = whole,
    };
    world->files = &real->files;
    replay_symbol_set(world, "SELF", getpid(), false);
    home_note(real);
    each_base(real, world, base_make, err);
    return err->code;
}

void replay_real_stop(struct replay_real *real, struct replay_world *world)
{
    if (!real->base)
        return;
    replay_files_close(&real->files);
    each_base(real, world, base_thaw, NULL);
    while (real->files.actors) {
        struct real_actor *actor = real->files.actors;
        real->files.actors = actor->next;
        if (!actor->reaped) {
            kill(actor->pid, SIGKILL);
            waitpid(actor->pid, NULL, 0);
        }
        close(actor->fd);
        free(actor->name);
        free(actor);
    }
    for (char **line = real->home; line && *line; line++)
        home_go(real, *line);
    strv_free(real->home);
    each_base(real, world, base_remove, NULL);
    world->files = NULL;
    free(real->base);
    *real = (struct replay_real){0};
}
