/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/cli/tasks.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/sometimes.h"
#include "scenarios/engine/run/determinism.h"

#define NO_TASK SIZE_MAX
#define CLEAN_SECONDS 10

struct worker {
    pid_t pid;
    int to;   /* indices of tasks */
    int from; /* frames: length, then JSON */
    size_t task;
    double since;
    bool late;
};
struct crew {
    const struct run_arguments *arguments;
    struct task_list *tasks;
    struct worker *workers;
    size_t workers_count;
    size_t next;
    size_t told; /* outcomes given to fn */
    bool *done;
    task_done_fn fn;
    void *arg;
    int result;
};

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void task_play(const struct run_arguments *arguments, struct outcome *outcome)
{
    const struct run_options options = {.seed = outcome->seed,
        .cgroups = arguments->cgroups,
        .keep_trace = arguments->trace != NULL};
    if (arguments->check_determinism)
        determinism_check(outcome->scenario, arguments->backend, &options, &outcome->report);
    else
        scenario_run(outcome->scenario, arguments->backend, &options, &outcome->report);
    if (!arguments->torture || outcome->report.result != RUN_PASSED)
        return;
    const char *reason = NULL;
    if (!arguments->backend->has(CAPABILITY_FAULTS, &reason)) {
        outcome->report.result = RUN_SKIPPED;
        outcome->report.reason = str_printf("torture needs faults: %s", reason);
        return;
    }
    outcome->tortured = true;
    scenario_torture(
        outcome->scenario, arguments->backend, &options, arguments->point, &outcome->torture);
    if (outcome->torture.survived < outcome->torture.points) {
        outcome->report.result = RUN_FAILED;
        outcome->report.reason = str_printf("%llu of %llu points survived",
            (unsigned long long)outcome->torture.survived,
            (unsigned long long)outcome->torture.points);
    }
}

static bool write_all(int fd, const void *data, size_t length)
{
    const char *bytes = data;
    while (length) {
        ssize_t done = write(fd, bytes, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        length -= (size_t)done;
    }
    return true;
}

static bool read_all(int fd, void *data, size_t length)
{
    char *bytes = data;
    while (length) {
        ssize_t done = read(fd, bytes, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        length -= (size_t)done;
    }
    return true;
}

static void frame_send(int fd, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    uint64_t length = strlen(text);
    if (!write_all(fd, &length, sizeof(length)) || !write_all(fd, text, length))
        _exit(1);
    free(text);
    json_decref(json);
}

static json_t *frame_receive(int fd)
{
    uint64_t length;
    if (!read_all(fd, &length, sizeof(length)))
        return NULL;
    _cleanup_free_ char *text = mem_alloc(length + 1);
    return read_all(fd, text, length) ? json_loads(text, 0, NULL) : NULL;
}

static json_t *marks_encode(void)
{
    size_t count;
    const struct sometimes_mark *marks = sometimes_marks(&count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer((json_int_t)marks[i].count));
    return list;
}

static void marks_add(const json_t *list)
{
    size_t count;
    struct sometimes_mark *marks = sometimes_marks(&count);
    for (size_t i = 0; i < count && i < json_array_size(list); i++)
        marks[i].count += (uint64_t)json_integer_value(json_array_get(list, i));
}

/* A worker's life: plays what it is told until the pipe ends, then sends its marks. */
static void worker_main(const struct crew *crew, int in, int out)
{
    size_t count;
    struct sometimes_mark *marks = sometimes_marks(&count);
    for (size_t i = 0; i < count; i++)
        marks[i].count = 0;
    size_t index;
    while (read_all(in, &index, sizeof(index))) {
        struct outcome *outcome = &crew->tasks->items[index];
        task_play(crew->arguments, outcome);
        frame_send(out,
            json_pack("{sI so}", "index", (json_int_t)index, "outcome", outcome_encode(outcome)));
        outcome_release(outcome);
    }
    frame_send(out, json_pack("{so}", "marks", marks_encode()));
}

static void worker_give(struct crew *crew, struct worker *worker)
{
    worker->task = NO_TASK;
    if (crew->next < crew->tasks->count) {
        size_t index = crew->next++;
        worker->task = index;
        worker->since = now_seconds();
        /* A worker that is already dead shows at its other pipe. */
        write_all(worker->to, &index, sizeof(index));
    } else if (worker->to >= 0) {
        close(worker->to);
        worker->to = -1;
    }
}

static void worker_start(struct crew *crew, struct worker *worker)
{
    int to[2];
    int from[2];
    fflush(NULL);
    int failed = pipe(to) < 0 || pipe(from) < 0;
    assert(!failed);
    worker->pid = fork();
    assert(worker->pid >= 0);
    if (worker->pid == 0) {
        for (size_t i = 0; i < crew->workers_count; i++) {
            if (&crew->workers[i] == worker || crew->workers[i].pid == 0)
                continue;
            if (crew->workers[i].to >= 0)
                close(crew->workers[i].to);
            close(crew->workers[i].from);
        }
        close(to[1]);
        close(from[0]);
        worker_main(crew, to[0], from[1]);
        crew->fn(crew->arg, NO_TASK, NULL);
        exit(0);
    }
    close(to[0]);
    close(from[1]);
    worker->to = to[1];
    worker->from = from[0];
    worker_give(crew, worker);
}

static void crew_tell(struct crew *crew)
{
    while (crew->told < crew->tasks->count && crew->done[crew->told]) {
        crew->fn(crew->arg, crew->told, &crew->tasks->items[crew->told]);
        crew->told++;
    }
}

static void task_failed(struct crew *crew, size_t task, char *reason)
{
    struct outcome *outcome = &crew->tasks->items[task];
    outcome->report.result = RUN_FAILED;
    outcome->report.reason = reason;
    crew->done[task] = true;
    crew_tell(crew);
}

/* The worker's pipe has ended: at its end, or because it died over a task. */
static void worker_gone(struct crew *crew, struct worker *worker)
{
    int status = 0;
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(worker->from);
    if (worker->to >= 0)
        close(worker->to);
    worker->pid = 0;
    worker->from = worker->to = -1;
    if (worker->task != NO_TASK) {
        task_failed(crew, worker->task,
            worker->late ? str_printf("it did not end within %u s of real time",
                               crew->arguments->wall_seconds)
            : WIFSIGNALED(status)
                ? str_printf("the worker died of signal %d (%s)", WTERMSIG(status),
                      strsignal(WTERMSIG(status)))
                : str_printf("the worker exited with status %d", WEXITSTATUS(status)));
        if (crew->next < crew->tasks->count)
            worker_start(crew, worker);
    } else if (status != 0) {
        fprintf(stderr,
            "seatrial run: a worker ended with wait status 0x%x after its last "
            "scenario\n",
            (unsigned)status);
        crew->result = -EPROTO;
    }
}

static void worker_read(struct crew *crew, struct worker *worker)
{
    json_t *frame = frame_receive(worker->from);
    if (!frame) {
        worker_gone(crew, worker);
        return;
    }
    const json_t *index = json_object_get(frame, "index");
    if (index) {
        size_t task = (size_t)json_integer_value(index);
        outcome_decode(json_object_get(frame, "outcome"), &crew->tasks->items[task]);
        crew->done[task] = true;
        crew_tell(crew);
        worker_give(crew, worker);
    } else {
        marks_add(json_object_get(frame, "marks"));
    }
    json_decref(frame);
}

/* First told to end, so that it can clean up; then made to. */
static void kill_the_late(struct crew *crew)
{
    for (size_t i = 0; i < crew->workers_count; i++) {
        struct worker *worker = &crew->workers[i];
        if (!worker->pid || worker->task == NO_TASK)
            continue;
        double over = now_seconds() - worker->since - crew->arguments->wall_seconds;
        worker->late = over > 0;
        if (over > 0)
            kill(worker->pid, over > CLEAN_SECONDS ? SIGKILL : SIGTERM);
    }
}

/* True while a worker lives. */
static bool crew_wait(struct crew *crew)
{
    struct pollfd *polls = mem_alloc(crew->workers_count * sizeof(*polls));
    bool alive = false;
    for (size_t i = 0; i < crew->workers_count; i++) {
        polls[i] = (struct pollfd){.fd = crew->workers[i].from, .events = POLLIN};
        alive = alive || crew->workers[i].pid;
    }
    if (alive && poll(polls, crew->workers_count, 1000) > 0) {
        for (size_t i = 0; i < crew->workers_count; i++) {
            if (polls[i].revents)
                worker_read(crew, &crew->workers[i]);
        }
    }
    kill_the_late(crew);
    free(polls);
    return alive;
}

static void play_here(struct crew *crew)
{
    for (size_t i = 0; i < crew->tasks->count; i++) {
        task_play(crew->arguments, &crew->tasks->items[i]);
        crew->done[i] = true;
        crew_tell(crew);
    }
}

int tasks_play(
    const struct run_arguments *arguments, struct task_list *tasks, task_done_fn fn, void *arg)
{
    struct crew crew = {.arguments = arguments, .tasks = tasks, .fn = fn, .arg = arg};
    crew.done = mem_alloc(tasks->count + 1);
    if (arguments->jobs == 0) {
        play_here(&crew);
    } else {
        signal(SIGPIPE, SIG_IGN);
        crew.workers_count = arguments->jobs < tasks->count ? arguments->jobs : tasks->count;
        crew.workers = mem_alloc((crew.workers_count + 1) * sizeof(*crew.workers));
        for (size_t i = 0; i < crew.workers_count; i++)
            worker_start(&crew, &crew.workers[i]);
        while (crew_wait(&crew))
            ;
    }
    free(crew.workers);
    free(crew.done);
    return crew.result;
}
