/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the simulated engine: what they do, how long they take, and what goes wrong. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "fakes/docker/engine.h"

#define STATUS(exit) ((exit) << 8)

/* How long the CLI and the engine take for each verb, the waiting for containers excluded. */
static const uint64_t latency_ns[DOCKER_VERB_COUNT] = {
    [DOCKER_VERSION] = 5 * NS_PER_MS,
    [DOCKER_RUN] = 100 * NS_PER_MS,
    [DOCKER_STOP] = 10 * NS_PER_MS,
    [DOCKER_KILL] = 10 * NS_PER_MS,
    [DOCKER_RM] = 20 * NS_PER_MS,
    [DOCKER_INSPECT] = 10 * NS_PER_MS,
    [DOCKER_PS] = 15 * NS_PER_MS,
    [DOCKER_PULL] = 2 * NS_PER_SEC,
    [DOCKER_IMAGE_INSPECT] = 10 * NS_PER_MS,
};

/* --- the end of a call --- */

static void job_free(struct job *job)
{
    list_remove(&job->node);
    loop_timer_stop(job->engine->kernel->loop, job->timer);
    docker_run_options_release(&job->run);
    free(job->name);
    free(job->garbage);
    free(job);
}

void job_forget(struct job *job)
{
    job_free(job);
}

static void job_answer(struct job *job, const struct docker_answer *answer)
{
    docker_answer_fn fn = job->answer;
    void *arg = job->arg;
    struct docker_answer copy = *answer;
    _cleanup_free_ char *garbage = TAKE_PTR(job->garbage);
    if (garbage)
        copy = (struct docker_answer){.garbage = garbage};
    job_free(job);
    fn(arg, &copy);
}

static void job_succeed(struct job *job, const void *value)
{
    job_answer(job, &(struct docker_answer){.value = value});
}

static void job_fail(struct job *job, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void job_fail(struct job *job, int status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    _cleanup_free_ char *text = str_vprintf(format, list);
    va_end(list);
    job_answer(job, &(struct docker_answer){.status = STATUS(status), .errors = text});
}

static void job_no_such_container(struct job *job)
{
    job_fail(job, 1, "Error: No such container: %s\n", job->name);
}

/* --- the verbs --- */

static void do_version(struct job *job)
{
    struct docker_version version = {0};
    if (docker_version_parse(job->engine->version, &version, NULL) < 0)
        str_set(&job->garbage, job->engine->version);
    job_succeed(job, &version);
    json_type_release(&docker_version_json, &version);
}

static struct engine_image *find_image(struct job *job, const char *name)
{
    const char *slash = strrchr(name, '/');
    _cleanup_free_ char *tagged =
        str_printf("%s%s", name, strchr(slash ? slash : name, ':') ? "" : ":latest");
    return strmap_get(job->engine->images, tagged);
}

static void do_run(struct job *job)
{
    struct engine_image *image = find_image(job, job->run.image);
    if (!image) {
        job_fail(job, 125,
            "Unable to find image '%s' locally\ndocker: Error response from daemon: pull access "
            "denied for %s, repository does not exist\n",
            job->run.image, job->run.image);
        return;
    }
    if (job->run.name && box_find(job->engine, job->run.name)) {
        job_fail(job, 125,
            "docker: Error response from daemon: Conflict. The container name \"/%s\" is already "
            "in use\n",
            job->run.name);
        return;
    }
    image->local = true; /* docker run pulls what is not there */
    struct box *box = box_new(job->engine, &job->run, image);
    int r = box_start(box);
    if (r < 0) {
        box->state = BOX_EXITED;
        box->status = STATUS(125);
        job_fail(job, 125, "docker: Error response from daemon: %s\n", err_name(r));
        return;
    }
    job->box = box; /* answered by engine_box_ended */
}

static void stop_escalate(void *arg)
{
    struct job *job = arg;
    job->timer = NULL;
    box_signal(job->box, SIGKILL);
}

static void do_stop(struct job *job)
{
    struct box *box = box_find(job->engine, job->name);
    if (!box) {
        job_no_such_container(job);
        return;
    }
    if (box->state != BOX_RUNNING) {
        job_succeed(job, NULL);
        return;
    }
    job->box = box;
    box_signal(box, SIGTERM);
    job->timer = loop_timer_start(job->engine->kernel->loop,
        (uint64_t)job->stop_seconds * NS_PER_SEC, stop_escalate, job);
}

static void do_kill(struct job *job)
{
    struct box *box = box_find(job->engine, job->name);
    if (!box)
        job_no_such_container(job);
    else if (box->state != BOX_RUNNING)
        job_fail(job, 1, "Error response from daemon: Cannot kill container: %s is not running\n",
            job->name);
    else {
        box_signal(box, job->signal);
        job_succeed(job, NULL);
    }
}

/* A container that runs is killed first; its end removes it. */
static void do_rm(struct job *job)
{
    struct box *box = box_find(job->engine, job->name);
    if (!box) {
        job_no_such_container(job);
    } else if (box->state != BOX_RUNNING) {
        box_free(box);
        job_succeed(job, NULL);
    } else if (!job->force) {
        job_fail(job, 1,
            "Error response from daemon: You cannot remove a running container %s\n", job->name);
    } else {
        job->box = box;
        box_signal(box, SIGKILL);
    }
}

static void do_inspect(struct job *job)
{
    const struct box *box = box_find(job->engine, job->name);
    if (!box) {
        job_no_such_container(job);
        return;
    }
    _cleanup_free_ char *name = str_printf("/%s", box->options.name);
    const char *network = box->options.network ? box->options.network : "bridge";
    char address[] = "172.17.0.2";
    struct docker_inspection inspection = {
        .id = box->id,
        .name = name,
        .started = box->started_ns.set,
        .network_mode = (char *)(uintptr_t)network,
        .ipv4 = str_equal(network, "host") || str_equal(network, "none") ? NULL : address,
        .dns = box->options.dns,
        .dns_options = box->options.dns_options,
        .dns_search = box->options.dns_search,
        .devices = box->options.devices,
        .devices_count = box->options.devices_count,
    };
    if (box->state == BOX_RUNNING && box->process)
        inspection.pid = (struct opt_i64)OPT(box->process->pid);
    inspection.text = answer_text(DOCKER_INSPECT, &inspection);
    char *text = inspection.text;
    job_succeed(job, &inspection);
    free(text);
}

/* The newest first, as docker lists them. */
static void do_ps(struct job *job)
{
    const char *prefix = job->name ? job->name : "";
    struct docker_names all = {0};
    for (struct list *node = job->engine->boxes.prev; node != &job->engine->boxes;
         node = node->prev) {
        const char *name = list_entry(node, struct box, node)->options.name;
        if (str_starts(name, prefix))
            strv_add(&all.names, name);
    }
    job_succeed(job, &all);
    strv_free(all.names);
}

static void do_pull(struct job *job)
{
    struct engine_image *image = find_image(job, job->name);
    if (!image) {
        job_fail(job, 1,
            "Error response from daemon: manifest for %s not found: manifest unknown\n", job->name);
        return;
    }
    image->local = true;
    job_succeed(job, NULL);
}

static void do_image_inspect(struct job *job)
{
    const struct engine_image *image = find_image(job, job->name);
    if (!image || !image->local) {
        job_fail(job, 1, "Error: No such object: %s\n", job->name);
        return;
    }
    const struct docker_image value = {
        .entrypoint = image->entrypoint, .environment = image->environment};
    job_succeed(job, &value);
}

static void (*const verbs[DOCKER_VERB_COUNT])(struct job *job) = {
    [DOCKER_VERSION] = do_version,
    [DOCKER_RUN] = do_run,
    [DOCKER_STOP] = do_stop,
    [DOCKER_KILL] = do_kill,
    [DOCKER_RM] = do_rm,
    [DOCKER_INSPECT] = do_inspect,
    [DOCKER_PS] = do_ps,
    [DOCKER_PULL] = do_pull,
    [DOCKER_IMAGE_INSPECT] = do_image_inspect,
};

/* --- the end of a container, for those who wait for it --- */

/* The oldest call of that verb that waits for the container. */
static struct job *waiting_for(const struct box *box, enum docker_verb verb)
{
    list_for_each(node, &box->engine->jobs) {
        struct job *job = list_entry(node, struct job, node);
        if (job->box == box && job->verb == verb)
            return job;
    }
    return NULL;
}

void engine_box_ended(struct box *box)
{
    struct job *job = NULL;
    const int status = WIFSIGNALED(box->status) ? STATUS(128 + WTERMSIG(box->status)) : box->status;
    bool remove = false;
    while ((job = waiting_for(box, DOCKER_RUN))) {
        const struct docker_exit exit = {status};
        /* the CLI itself ends as the container did */
        job_answer(job, &(struct docker_answer){.status = status, .value = &exit});
    }
    while ((job = waiting_for(box, DOCKER_STOP)))
        job_succeed(job, NULL);
    while ((job = waiting_for(box, DOCKER_RM))) {
        remove = true;
        job_succeed(job, NULL);
    }
    if (remove)
        box_free(box);
}

/* --- the begin of a call --- */

static void job_due(void *arg)
{
    struct job *job = arg;
    job->timer = NULL;
    if (job->engine->refuses && job->verb != DOCKER_VERSION)
        job_fail(job, job->verb == DOCKER_RUN ? 125 : 1,
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
            "daemon running?\n");
    else
        verbs[job->verb](job);
}

static void fail_injected(void *arg)
{
    struct job *job = arg;
    job->timer = NULL;
    _cleanup_free_ char *text = TAKE_PTR(job->garbage);
    job_fail(job, job->signal, "%s\n", text);
}

static bool rule_matches(const struct fake_docker_rule *rule, const struct job *job)
{
    return rule->verb == job->verb &&
           (!rule->name || (job->name && strstr(job->name, rule->name)));
}

void rule_free(struct rule *rule)
{
    list_remove(&rule->node);
    free((char *)(uintptr_t)rule->rule.name);
    free((char *)(uintptr_t)rule->rule.text);
    free(rule);
}

/* Lets the first rule that matches spoil the call. */
static void job_schedule(struct job *job)
{
    struct loop *loop = job->engine->kernel->loop;
    uint64_t delay_ns = latency_ns[job->verb];
    loop_fn next = job_due;
    list_for_each_safe(node, following, &job->engine->rules) {
        struct rule *entry = list_entry(node, struct rule, node);
        const struct fake_docker_rule *rule = &entry->rule;
        if (!rule_matches(rule, job))
            continue;
        if (rule->fault == FAKE_DOCKER_DELAY)
            delay_ns += rule->delay_ns;
        job->held = rule->fault == FAKE_DOCKER_HOLD;
        if (rule->fault == FAKE_DOCKER_GARBAGE)
            job->garbage = str_dup(rule->text ? rule->text : "");
        if (rule->fault == FAKE_DOCKER_FAIL) {
            job->garbage = str_dup(rule->text ? rule->text : "injected failure");
            job->signal = rule->status ? rule->status : 1;
            next = fail_injected;
        }
        if (rule->times > 0 && --entry->rule.times == 0)
            rule_free(entry);
        break;
    }
    if (!job->held)
        job->timer = loop_timer_start(loop, delay_ns, next, job);
}

struct job *engine_start(struct fake_docker *engine, const struct docker_call *call,
    char *const *line, docker_answer_fn answer, void *arg)
{
    struct job *job = mem_alloc(sizeof(*job));
    job->engine = engine;
    job->verb = call->verb;
    job->name = str_dup(call->run ? call->run->name : call->name);
    job->stop_seconds = call->stop_seconds;
    job->signal = call->signal;
    job->force = call->force;
    if (call->run)
        json_type_copy(&docker_run_options_json, &job->run, call->run);
    job->answer = answer;
    job->arg = arg;
    list_append(&engine->jobs, &job->node);
    strv_add_owned(&engine->lines, docker_line(line));
    job_schedule(job);
    return job;
}

unsigned fake_docker_release(struct fake_docker *engine, enum docker_verb verb, const char *name)
{
    unsigned count = 0;
    list_for_each_safe(node, following, &engine->rules) {
        struct rule *entry = list_entry(node, struct rule, node);
        if (entry->rule.fault == FAKE_DOCKER_HOLD && entry->rule.verb == verb &&
            (!name || str_equal(entry->rule.name, name)))
            rule_free(entry);
    }
    list_for_each(node, &engine->jobs) {
        struct job *job = list_entry(node, struct job, node);
        if (!job->held || job->verb != verb || (name && !(job->name && strstr(job->name, name))))
            continue;
        job->held = false;
        job->timer =
            loop_timer_start(engine->kernel->loop, latency_ns[verb], job_due, job);
        count++;
    }
    return count;
}

void fake_docker_add_rule(struct fake_docker *engine, const struct fake_docker_rule *rule)
{
    struct rule *entry = mem_alloc(sizeof(*entry));
    entry->rule = *rule;
    entry->rule.name = str_dup(rule->name);
    entry->rule.text = str_dup(rule->text);
    list_append(&engine->rules, &entry->node);
}

void fake_docker_restart(struct fake_docker *engine)
{
    list_for_each(node, &engine->boxes)
        box_signal(list_entry(node, struct box, node), SIGKILL);
    while (!list_empty(&engine->jobs)) {
        struct job *job = list_entry(engine->jobs.next, struct job, node);
        job_fail(job, job->verb == DOCKER_RUN ? 125 : 1,
            "error during connect: EOF (the docker daemon was restarted)\n");
    }
}
