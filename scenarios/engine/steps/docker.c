/* SPDX-License-Identifier: Apache-2.0 */
/* The docker engine: what is to go wrong in it, and what it shows. */
#include "scenarios/engine/steps/docker.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/backends/docker_control.h"
#include "scenarios/engine/parse/check.h"
#include "scenarios/engine/steps/steps.h"

/* What may go wrong with a verb; the name of the key is that of the fault. */
static const struct {
    const char *key;
    enum fake_docker_fault fault;
    unsigned times;
} faults[] = {{"hold", FAKE_DOCKER_HOLD, 0}, {"fail", FAKE_DOCKER_FAIL, 1},
    {"garbage", FAKE_DOCKER_GARBAGE, 1}, {"delay", FAKE_DOCKER_DELAY, 1}};

static const struct key docker_keys[] = {
    {"hold", VALUE_ENUM, 0, docker_verb_names, NULL, NULL,
        "calls of this verb do not answer until released"},
    {"release", VALUE_ENUM, 0, docker_verb_names, NULL, NULL, "they go on"},
    {"fail", VALUE_ENUM, 0, docker_verb_names, NULL, NULL,
        "the next call does nothing and ends with `status` and `text` on stderr"},
    {"garbage", VALUE_ENUM, 0, docker_verb_names, NULL, NULL,
        "the next call prints `text` instead of what it should"},
    {"delay", VALUE_ENUM, 0, docker_verb_names, NULL, NULL, "the next call takes `time` longer"},
    {"exit", VALUE_ID, 0, NULL, NULL, NULL,
        "the main process of the container ends (a real one by SIGKILL)"},
    {"refuse", VALUE_BOOL, 0, NULL, NULL, NULL, "nobody listens on the socket any more, or again"},
    {"restart", VALUE_BOOL, 0, NULL, NULL, NULL, "the engine restarts: its containers are killed"},
    {"version", VALUE_TEXT, 0, NULL, NULL, NULL, "what `docker --version` says from now on"},
    {"start", VALUE_TEXT, 0, NULL, NULL, NULL, "somebody else starts a container of this name"},
    {"end", VALUE_TEXT, 0, NULL, NULL, NULL, "the main process of somebody else's container ends"},
    {"of", VALUE_ID, 0, NULL, NULL, NULL, "only for this container"},
    {"name", VALUE_TEXT, 0, NULL, NULL, NULL,
        "or for containers or images with this in their name (default: any)"},
    {"status", VALUE_INTEGER, 0, NULL, NULL, NULL, "exit status (of fail: default 1, of exit: 0)"},
    {"signal", VALUE_SIGNAL, 0, NULL, NULL, NULL, "of exit: it dies of this instead"},
    {"text", VALUE_TEXT, 0, NULL, NULL, NULL, "of fail and garbage"},
    {"time", VALUE_DURATION, 0, NULL, NULL, NULL, "of delay"},
    {"times", VALUE_INTEGER, 0, NULL, NULL, NULL, "so many calls (0: all; default 1, of hold all)"},
};
static void docker_check(const struct node *map, struct problems *problems)
{
    static const char *const actions[] = {
        "hold", "release", "fail", "garbage", "delay", "exit", "refuse", "restart", "version",
        "start", "end"};
    unsigned given = 0;
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        given += node_get(map, actions[i]) != NULL;
    if (given != 1)
        node_problem(problems, map,
            "%u things to do with docker are given, expected one, such as hold: pull", given);
}
static const struct schema docker_schema = {
    "docker", docker_keys, ARRAY_SIZE(docker_keys), NULL, docker_check};

static const char *name_of(const struct node *args)
{
    const char *of = node_text(args, "of");
    return of ? of : node_text(args, "name");
}

static bool add_rule(struct docker_control *control, const struct node *args)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        if (!node_get(args, faults[i].key))
            continue;
        const struct fake_docker_rule rule = {
            .verb = (enum docker_verb)node_amount(args, faults[i].key, 0),
            .name = name_of(args),
            .fault = faults[i].fault,
            .status = (int)node_amount(args, "status", 0),
            .text = node_text(args, "text"),
            .delay_ns = node_amount(args, "time", 0),
            .times = (unsigned)node_amount(args, "times", faults[i].times)};
        control->ops->add_rule(control, &rule);
        return true;
    }
    return false;
}

static int end_container(
    struct docker_control *control, const char *name, const struct node *args, struct err *err)
{
    int status = (int)node_number(args, "signal", 0);
    return control->ops->end(
        control, name, status ? status : (int)(node_amount(args, "status", 0) << 8), err);
}

static int docker_step_run(struct run *run, const struct step *step, struct err *err)
{
    const struct node *args = step->args;
    struct docker_control *control = run->world->docker_control;
    if (!control)
        return err_set(err, -ENOENT,
            "there is no docker engine, expected docker among the agent's containerizers");
    const char *ended = node_text(args, "exit");
    if (add_rule(control, args))
        return 0;
    if (node_get(args, "release")) {
        enum docker_verb verb = (enum docker_verb)node_amount(args, "release", 0);
        return control->ops->release(control, verb, name_of(args))
                   ? 0
                   : err_set(err, -ENOENT, "expected something to be held there, but nothing was");
    }
    if (ended) {
        _cleanup_free_ char *name = str_printf("mesos-%s", ended);
        return end_container(control, name, args, err);
    }
    if (node_get(args, "end"))
        return end_container(control, node_text(args, "end"), args, err);
    if (node_get(args, "start"))
        return control->ops->start(control, node_text(args, "start"), err);
    if (node_get(args, "restart"))
        return control->ops->restart(control, err);
    if (node_get(args, "version"))
        control->ops->set_version(control, node_text(args, "version"));
    else
        control->ops->refuse(control, node_bool(args, "refuse", true));
    return 0;
}

static const struct key look_keys[] = {
    {"of", VALUE_ID, 0, NULL, NULL, NULL, "the docker container of this container"},
    {"executor", VALUE_BOOL, 0, NULL, NULL, NULL, "that of its executor"},
    {"name", VALUE_TEXT, 0, NULL, NULL, NULL, "or a docker container by its name"},
    {"exists", VALUE_BOOL, 0, NULL, NULL, NULL, "it is there, running or not"},
    {"running", VALUE_BOOL, 0, NULL, NULL, NULL, "it runs"},
    {"called", VALUE_MATCH, 0, NULL, NULL, NULL,
        "command lines so far, without `docker -H SOCKET`, in which this is"},
    {"count", VALUE_CHECK, 0, NULL, NULL, NULL, "how many (default >= 1)"},
};
const struct schema expect_docker_schema = SCHEMA("docker", look_keys, NULL);

static char *look_container(struct docker_control *control, const struct node *args)
{
    const char *of = node_text(args, "of");
    _cleanup_free_ char *name =
        of ? str_printf("mesos-%s%s", of, node_bool(args, "executor", false) ? ".executor" : "")
           : str_dup(node_text(args, "name"));
    if (!name)
        return NULL;
    bool exists, running;
    control->ops->look(control, name, &exists, &running);
    if (node_bool(args, "exists", exists) != exists)
        return str_printf(
            "%s to %sexist, but it does%s", name, exists ? "not " : "", exists ? "" : " not");
    if (node_bool(args, "running", running) != running)
        return str_printf(
            "%s %sto run, but it does%s", name, running ? "not " : "", running ? "" : " not");
    return NULL;
}

static char *look_called(
    struct run *run, struct docker_control *control, const struct node *args)
{
    const char *wanted = node_text(args, "called");
    const struct node *count = node_get(args, "count");
    _cleanup_strv_ char **lines = control->ops->lines(control);
    struct check check = {.kind = CHECK_RANGE, .low = 1, .high = 1e18};
    double seen = 0;
    const char *first = NULL;
    for (size_t i = 0; wanted && lines && lines[i]; i++) {
        bool fits = match_text(wanted, lines[i]);
        seen += fits;
        first = fits && !first ? lines[i] : first;
    }
    if (count)
        check_parse(count, &check);
    if (!wanted || check_number_value(&check, seen)) {
        if (first) /* for ci/docker-lines */
            trace_event(run->world->trace, "engine", "docker.line", 0, "demanded=%s recorded=%s",
                wanted, first);
        return NULL;
    }
    return str_printf("%s calls of docker like %s, but there are %.0f",
        count ? count->text : ">= 1", wanted, seen);
}

char *expect_look_docker(struct run *run, const struct node *args)
{
    struct docker_control *control = run->world->docker_control;
    if (!control)
        return str_dup("a docker engine, but there is none");
    char *seen = look_container(control, args);
    return seen ? seen : look_called(run, control, args);
}

const struct step_spec step_docker = {"docker", &docker_schema,
    "tells the docker engine what is to go wrong; of a real one in front of its CLI",
    NEED(CAPABILITY_DOCKER), NULL, docker_step_run, true};
