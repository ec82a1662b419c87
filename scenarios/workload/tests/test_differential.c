/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same list of actions in simulation and for real gives the same wait status and the same
 * files, stdout and stderr among them. Lists are made so that they do not depend on who is faster.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "fakes/kernel/tests/kernel_fixture.h"
#include "fakes/kernel/workload.h"
#include "reference/base/strbuf.h"

static const char *const lists[][12] = {
    {NULL},
    {"exit:0"},
    {"exit:255", "print:no"},
    {"sleep:20ms", "print:slept", "error:oops"},
    {"burn:20ms", "exit:3"},
    {"burn:20ms/50%", "print:burnt"},
    {"alloc:3MiB", "free:1MiB", "alloc:5", "free:100MiB", "exit:4"},
    {"die:TERM"},
    {"die:KILL"},
    {"die:SEGV"},
    {"die:40"},
    {"die:WINCH"},
    {"ignore:TERM,INT", "kill:self=TERM", "kill:self=INT", "print:still here"},
    {"ignore:TERM", "die:TERM"},
    {"kill:self=USR1", "print:no"},
    {"kill:2000000000=TERM"},
    {"handle:TERM=exit:7", "kill:self=TERM", "exit:1"},
    {"handle:TERM=[print:bye;sleep:10ms;exit:8]", "kill:self=TERM", "sleep:5s"},
    {"handle:TERM=print:end", "kill:self=TERM", "exit:1"},
    {"handle:USR1=exit:9", "spawn:[sleep:50ms;kill:parent=USR1]", "sleep:5s"},
    {"handle:USR1=exit:9", "spawn:[sleep:50ms;kill:parent=USR1]", "burn:5s"},
    {"handle:USR1=exit:9", "spawn:[sleep:50ms;kill:parent=USR1;sleep:forever]", "wait"},
    {"handle:USR1=[handle:USR1=exit:2;kill:self=USR1;sleep:5s]", "kill:self=USR1", "exit:1"},
    {"handle:CHLD=[print:child;exit:5]", "spawn:[exit:1]", "sleep:5s"},
    {"handle:USR1=[append:f=h;exit:0]", "spawn:[kill:self=USR1;sleep:5s]", "wait", "read:f"},
    {"spawn:[sleep:30ms;append:log=child]", "wait", "append:log=parent", "read:log"},
    {"spawn:[exit:3]", "spawn:[die:TERM]", "spawn:[spawn:[sleep:20ms;write:deep=x];wait]", "wait"},
    {"ignore:CHLD", "spawn:[sleep:20ms;write:a=1]", "wait", "read:a"},
    {"daemon:[sleep:40ms;write:d=late]", "wait", "print:first", "sleep:600ms", "read:d"},
    {"spawn:[stop;print:no]", "sleep:60ms", "print:now"},
    {"thread:[sleep:30ms;print:thread]", "print:main", "sleep:500ms"},
    {"thread:[sleep:30ms;exit:6]", "sleep:5s"},
    {"thread:[sleep:30ms;die:INT]", "sleep:5s"},
    {"thread:[sleep:5s]", "thread:[]", "sleep:20ms", "exit:2"},
    {"thread:[handle:USR1=exit:3;kill:self=USR1]", "sleep:5s"},
    {"loop:3*[append:f=x;print:y]", "read:f"},
    {"loop:0*[exit:1]", "loop:2*[loop:2*[append:n=.]]"},
    {"write:f=one", "append:f=\\ntwo\\n", "read:f", "write:f=three", "read:f"},
    {"write:no/such/file=x", "print:no"},
    {"append:.=x"},
    {"read:nothing", "print:no"},
    {"read:."},
    {"write:f=x", "open:f=rw", "open:g=r", "open:.=w", "open:f/x=r", "open:/dev/null=w"},
    {"write:z=x", "link:a=z", "read:a", "write:b=y", "link:b=z", "read:b", "link:no/l=z"},
    {"expect:env HOME=/root", "expect:env EMPTY=", "write:f=", "expect:file f", "exit:11"},
    {"expect:env HOME=/elsewhere"},
    {"expect:env NOTHING=x"},
    {"expect:file nothing"},
    {"setsid", "setsid:"},
    {"spawn:[setsid;spawn:[sleep:20ms;write:s=1];wait]", "wait"},
    {"forks:3", "spawn:[forks:2]", "sleep:500ms", "kill:self=KILL"},
    {"print:one", "slep:1s"},
    {"write:f=a;b", "print:x=y", "print:"},
    {"print:caf\303\251 \\\\ \\[", "error:[x]"},
};

/* The same as pid 1 of a pid namespace. */
static const char *const init_lists[][12] = {
    {"exit:5"},
    {"die:TERM"},
    {"die:KILL"},
    {"kill:self=KILL", "kill:self=STOP", "print:alive", "exit:4"},
    {"stop", "print:on"},
    {"kill:parent=TERM"},
    {"spawn:[kill:1=KILL;kill:parent=TERM;print:tried]", "wait", "exit:6"},
    {"handle:TERM=exit:5", "spawn:[kill:1=TERM;sleep:forever]", "sleep:5s"},
    {"daemon:[sleep:20ms;write:d=1]", "wait", "read:d"},
    {"spawn:[spawn:[sleep:20ms;print:orphan];exit:0]", "wait", "print:alone"},
    {"spawn:[sleep:50ms;write:no=x]", "exit:3"},
    {"forks:3", "kill:3=KILL", "kill:9=KILL"},
    {"spawn:[die:SEGV]", "wait", "kill:2=TERM"},
};

static char *environment[] = {(char *)"HOME=/root", (char *)"EMPTY=", NULL};

static char **argv_of(const char *const *list)
{
    char **argv = NULL;
    strv_add(&argv, "seatrial-workload");
    for (; *list; list++)
        strv_add(&argv, *list);
    return argv;
}

static void show(struct strbuf *buf, const char *name, const char *text)
{
    strbuf_addf(buf, "--- %s\n%s\n", name, text);
}

/* Status and files of the simulated one. */
static char *simulate(const char *const *list, bool init)
{
    struct kernel *kernel;
    struct strbuf buf = STRBUF_INIT;
    _cleanup_strv_ char **argv = argv_of(list);
    _cleanup_strv_ char **names = NULL;
    struct workload_start start = {
        .argv = argv,
        .environment = environment,
        .directory = "/box",
        .stdout_path = "/box/stdout",
        .stderr_path = "/box/stderr",
    };
    kernel_setup((void **)&kernel);
    assert_int_equal(vfs_mkdir(kernel->vfs, "/box", 0755, false), 0);
    vfs_write(kernel->vfs, start.stdout_path, "", 0, 0644, false);
    vfs_write(kernel->vfs, start.stderr_path, "", 0, 0644, false);
    struct process *parent = fork_of(kernel, NULL);
    struct process *process = init ? fork_init(kernel, parent) : fork_of(kernel, parent);
    assert_int_equal(workload_start(process, &start), 0);
    while (process->state != PROCESS_ZOMBIE && loop_step(kernel->loop))
        ;
    strbuf_addf(&buf, "status %#x\n", (unsigned)process->exit_status);
    assert_int_equal(vfs_list(kernel->vfs, "/box", &names), 0);
    for (size_t i = 0; names[i]; i++) {
        _cleanup_free_ char *path = str_printf("/box/%s", names[i]);
        const char *text;
        assert_int_equal(vfs_read(kernel->vfs, path, &text, NULL), 0);
        show(&buf, names[i], text);
    }
    kernel_teardown((void **)&kernel);
    return strbuf_take(&buf);
}

static void enter_box(const char *box)
{
    int in = open("/dev/null", O_RDONLY);
    if (chdir(box) < 0 || in < 0)
        _exit(120);
    int out = open("stdout", O_WRONLY | O_CREAT | O_APPEND, 0644);
    int err = open("stderr", O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(120);
    close_range(3, ~0u, 0);
}

/* Goes on as pid 1 of a new pid namespace; the caller stays behind and ends as it does. */
static void become_init(void)
{
    int status;
    if (unshare(CLONE_NEWPID) < 0)
        _exit(122);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        return;
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        _exit(123);
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
    _exit(WEXITSTATUS(status));
}

static void read_box(struct strbuf *buf, const char *box)
{
    _cleanup_strv_ char **names = NULL;
    DIR *directory = opendir(box);
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (entry->d_name[0] != '.')
            strv_add(&names, entry->d_name);
    }
    closedir(directory);
    strv_sort(names);
    for (size_t i = 0; names[i]; i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", box, names[i]);
        char text[4096] = "";
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        size_t length = fread(text, 1, sizeof(text) - 1, file);
        text[length] = '\0';
        fclose(file);
        assert_int_equal(unlink(path), 0);
        show(buf, names[i], text);
    }
    assert_int_equal(rmdir(box), 0);
}

/* Status and files of the real one; what it leaves behind in its process group is killed. */
static char *perform(const char *const *list, bool init)
{
    char box[] = "/tmp/seatrial-workload.XXXXXX";
    struct strbuf buf = STRBUF_INIT;
    _cleanup_strv_ char **argv = argv_of(list);
    int status;
    assert_non_null(mkdtemp(box));
    /* A leader of the group beside it, so that it is none itself and may lead a session. */
    pid_t leader = fork();
    if (leader == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0);
        for (;;)
            pause();
    }
    setpgid(leader, leader);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, leader);
        enter_box(box);
        if (init)
            become_init();
        execve(WORKLOAD_PROGRAM, argv, environment);
        _exit(121);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    kill(-leader, SIGKILL);
    assert_int_equal(waitpid(leader, NULL, 0), leader);
    strbuf_addf(&buf, "status %#x\n", (unsigned)status);
    read_box(&buf, box);
    return strbuf_take(&buf);
}

static void agree(const char *const (*table)[12], size_t count, bool init)
{
    for (size_t i = 0; i < count; i++) {
        print_message("%s ...\n", table[i][0] ? table[i][0] : "(nothing)");
        _cleanup_free_ char *simulated = simulate(table[i], init);
        _cleanup_free_ char *real = perform(table[i], init);
        assert_string_equal(simulated, real);
    }
}

static void simulation_and_reality_agree(void **state)
{
    (void)state;
    agree(lists, ARRAY_SIZE(lists), false);
}

static void they_agree_for_the_init_of_a_pid_namespace(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWPID) < 0 ? 1 : 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        print_message("pid namespaces need root here\n");
        skip();
    }
    agree(init_lists, ARRAY_SIZE(init_lists), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulation_and_reality_agree),
        cmocka_unit_test(they_agree_for_the_init_of_a_pid_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
