/* SPDX-License-Identifier: Apache-2.0 */
/* The programs on the real kernel: `seatrial stats` without rights, without BTF, for what is not
 * there, and scraped; and `seatrial agent --bpf`. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/hierarchy.h"
#include "bpf/tests/kernel_fixture.h"
#include "bpf/text.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define CGROUP "seatrial-bpf-cli"
#define NOBODY 65534
#define PATIENCE_S 60

static char directory[] = "/tmp/seatrial-bpf-cli.XXXXXX";

static int setup_group(void **state)
{
    (void)state;
    return mkdtemp(directory) ? chmod(directory, 0755) : -1;
}

static int teardown_group(void **state)
{
    (void)state;
    _cleanup_free_ char *command = str_printf("rm -r %s", directory);
    return system(command) == 0 ? 0 : -1;
}

/* --- running the program --- */

static char *output_path(void)
{
    return str_printf("%s/output", directory);
}

static pid_t start(const char *const *argv, uid_t user)
{
    _cleanup_free_ char *path = output_path();
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || (user && setuid(user) < 0))
        _exit(126);
    execv(SEATRIAL_PROGRAM, (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Its exit status; what it wrote is the caller's. */
static int run(const char *const *argv, uid_t user, char **ret_text)
{
    _cleanup_free_ char *path = output_path();
    int status = 0;
    pid_t pid = start(argv, user);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *ret_text = text_read(path);
    assert_non_null(*ret_text);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void end(pid_t pid)
{
    int status = 0;
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void contains(const char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fail_msg("\"%s\" is not in:\n%s", wanted, text);
}

/* --- what may be missing --- */

static void test_no_rights(void **state)
{
    (void)state;
    _cleanup_free_ char *why = NULL;
    _cleanup_free_ char *figures = NULL;
    const char *const explain[] = {"seatrial", "stats", "--explain", NULL};
    const char *const json[] = {
        "seatrial", "stats", "--json", "--interval", "0.01", "--cgroup", CGROUP, NULL};
    kernel_cgroup_make(CGROUP);
    assert_int_equal(run(explain, NOBODY, &why), 0);
    contains(why, "run it as root");
    assert_int_equal(run(json, NOBODY, &figures), 0);
    contains(figures, "\"cpu_time\":{\"value\":0"); /* of the file, which anybody may read */
    assert_null(strstr(figures, "\"forks\""));
    kernel_cgroup_remove(CGROUP);
}

static void test_no_btf(void **state)
{
    (void)state;
    _cleanup_free_ char *why = NULL;
    _cleanup_free_ char *figures = NULL;
    const char *const explain[] = {"seatrial", "stats", "--explain", "--without", "btf", NULL};
    const char *const json[] = {"seatrial", "stats", "--json", "--interval", "0.01",
        "--without", "btf", "--cgroup", CGROUP, NULL};
    kernel_cgroup_make(CGROUP);
    assert_int_equal(run(explain, 0, &why), 0);
    if (!strstr(why, "the kernel has no BTF"))
        contains(why, "the kernel does not say which controller"); /* v1 needs to know that */
    assert_int_equal(run(json, 0, &figures), 0);
    contains(figures, "\"cpu_time\":");
    kernel_cgroup_remove(CGROUP);
}

static void test_unknown(void **state)
{
    (void)state;
    _cleanup_free_ char *text = NULL;
    const char *const argv[] = {
        "seatrial", "stats", "--interval", "0.01", "--cgroup", "seatrial-bpf-none", NULL};
    assert_int_equal(run(argv, 0, &text), 1);
    contains(text, "publish seatrial-bpf-none: cgroup seatrial-bpf-none of ");
    contains(text, "ENOENT");
}

static void test_wrong_source(void **state)
{
    (void)state;
    _cleanup_free_ char *text = NULL;
    const char *const argv[] = {"seatrial", "stats", "--without", "kprobe", NULL};
    assert_int_equal(run(argv, 0, &text), 1);
    contains(text, "no such source \"kprobe\": expected tp_btf");
}

/* --- a scrape --- */

static bool connect_to(int fd, const struct sockaddr *address, socklen_t length)
{
    for (int i = 0; i < PATIENCE_S * 20; i++) {
        if (connect(fd, address, length) == 0)
            return true;
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return false;
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static char *get(uint16_t port, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    _cleanup_free_ char *request =
        str_printf("GET %s HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n", path);
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct strbuf text = STRBUF_INIT;
    char part[4096];
    assert_true(connect_to(fd, (struct sockaddr *)&address, sizeof(address)));
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    for (ssize_t got; (got = read(fd, part, sizeof(part))) > 0;)
        strbuf_add_bytes(&text, part, (size_t)got);
    return strbuf_take(&text);
}

static int execute(void *arg)
{
    (void)arg;
    return execl("/bin/true", "true", (char *)NULL);
}

static void scrape(bool otel, const char *const *wanted)
{
    const uint16_t port = free_port();
    _cleanup_free_ char *address = str_printf("%u", port);
    const char *const argv[] = {"seatrial", "stats", "--cgroup", CGROUP, "--prometheus", address,
        otel ? "--otel" : NULL, NULL};
    struct kernel_child child;
    kernel_cgroup_make(CGROUP);
    pid_t pid = start(argv, 0);
    _cleanup_free_ char *elsewhere = get(port, "/elsewhere");
    contains(elsewhere, "404 Not Found");
    contains(elsewhere, "/metrics");
    kernel_child_run(&child, CGROUP, execute, NULL);
    _cleanup_free_ char *metrics = get(port, "/metrics");
    contains(metrics, "200 OK");
    contains(metrics, "text/plain; version=0.0.4");
    for (size_t i = 0; wanted[i]; i++)
        contains(metrics, wanted[i]);
    end(pid);
    kernel_cgroup_remove(CGROUP);
}

static void test_prometheus(void **state)
{
    (void)state;
    const char *const wanted[] = {"# TYPE container_cpu_usage_seconds_total counter",
        "container_cpu_usage_seconds_total{id=\"/" CGROUP "\",name=\"" CGROUP "\"} ",
        "seatrial_container_execs_total{id=\"/" CGROUP "\",name=\"" CGROUP "\"} 1\n",
        "seatrial_container_run_queue_latency_seconds_bucket{",
        "seatrial_containers_unpublished_total 0\n", NULL};
    scrape(false, wanted);
}

static void test_otel(void **state)
{
    (void)state;
    const char *const wanted[] = {"# TYPE container_cpu_time counter",
        "container_cpu_time{container_id=\"" CGROUP "\",container_name=\"" CGROUP "\"} ",
        "seatrial_container_execs{container_id=\"" CGROUP "\",container_name=\"" CGROUP "\"} 1\n",
        NULL};
    scrape(true, wanted);
}

/* --- the agent --- */

static json_t *call(FILE *agent, const char *request)
{
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    fprintf(agent, "%s\n", request);
    fflush(agent);
    assert_true(getline(&line, &size, agent) > 0);
    json_t *reply = json_loads(line, 0, NULL);
    assert_non_null(reply);
    if (json_object_get(reply, "error"))
        fail_msg("%s: %s", request, line);
    return reply;
}

static double figure(const json_t *usage, const char *name)
{
    const json_t *bpf = json_object_get(json_object_get(usage, "value"), "bpf");
    return json_number_value(json_object_get(json_object_get(bpf, name), "value"));
}

/* Each view has its launcher's root; on machines with both the agent has to be told of one. */
static const char *view(void)
{
    struct hierarchy_list list = {0};
    assert_int_equal(hierarchies_read(&list, NULL), 0);
    const bool v1 = hierarchy_of(&list, "freezer") != NULL;
    hierarchies_release(&list);
    return v1 ? "--cgroup_view=v1" : "--cgroup_view=v2";
}

static pid_t agent_start(FILE **ret_agent)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", directory);
    _cleanup_free_ char *socket_path = str_printf("--socket=%s", address.sun_path);
    _cleanup_free_ char *work = str_printf("--work_dir=%s/w", directory);
    _cleanup_free_ char *runtime = str_printf("--runtime_dir=%s/r", directory);
    const char *const argv[] = {"seatrial", "agent", "--bpf", view(), socket_path,
        work, runtime, "--launcher=linux", "--isolation=cgroups/cpu",
        "--cgroups_root=" CGROUP, "--init_helper=" SEATRIAL_INIT, NULL};
    pid_t pid = start(argv, 0);
    int fd = -1;
    for (int i = 0; i < PATIENCE_S * 20 && fd < 0; i++) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            break;
        close(fd);
        fd = -1;
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    assert_true(fd >= 0);
    *ret_agent = fdopen(fd, "r+");
    assert_non_null(*ret_agent);
    return pid;
}

/* The figures stand beside those of the cgroup; the timeline begins before the first task. */
static void test_agent(void **state)
{
    (void)state;
    FILE *agent = NULL;
    pid_t pid = agent_start(&agent);
    json_decref(call(agent, "{\"n\":1,\"call\":\"recovered\"}"));
    json_decref(call(agent,
        "{\"n\":2,\"call\":\"launch\",\"id\":\"c1\",\"config\":{\"command_info\":{\"value\":"
        "\"/bin/true; /bin/true; /bin/true; exec sleep 1000\"},\"resources\":"
        "[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":1}]}}"));
    json_t *usage = call(agent, "{\"n\":3,\"call\":\"usage\",\"id\":\"c1\"}");
    for (int n = 4; figure(usage, "exits") < 3 && n < PATIENCE_S * 20; n++) {
        _cleanup_free_ char *again = str_printf("{\"n\":%d,\"call\":\"usage\",\"id\":\"c1\"}", n);
        json_decref(usage);
        nanosleep(&(struct timespec){0, 50000000}, NULL);
        usage = call(agent, again);
    }
    assert_true(figure(usage, "exits") == 3);
    assert_true(figure(usage, "forks") >= 3);
    assert_true(figure(usage, "execs") >= 4);
    assert_true(figure(usage, "threads") >= 1);
    assert_true(figure(usage, "cpu_time") > 0);
    assert_true(figure(usage, "created") > 0);
    assert_true(figure(usage, "clone") >= figure(usage, "created"));
    assert_true(figure(usage, "exec") > figure(usage, "clone"));
    const json_t *value = json_object_get(usage, "value");
    assert_non_null(json_object_get(value, "cpus_user_time_secs"));
    assert_non_null(json_object_get(value, "timestamp"));
    json_decref(usage);
    json_decref(call(agent, "{\"n\":9000,\"call\":\"destroy\",\"id\":\"c1\"}"));
    fclose(agent);
    end(pid);
    kernel_cgroup_remove(CGROUP "/mesos_executors.slice");
    kernel_cgroup_remove(CGROUP);
}

int main(void)
{
    kernel_need();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_rights),
        cmocka_unit_test(test_no_btf),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_wrong_source),
        cmocka_unit_test(test_prometheus),
        cmocka_unit_test(test_otel),
        cmocka_unit_test(test_agent),
    };
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
