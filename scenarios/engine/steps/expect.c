/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `expect` looks at the world. What it says must come true within a time (so that a scenario need
 * not know how many steps of the loop a launch takes), or, with `for`, hold all along.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/parse/check.h"
#include "scenarios/engine/run/place.h"
#include "scenarios/engine/steps/docker.h"
#include "scenarios/engine/steps/expect_file.h"
#include "scenarios/engine/steps/steps.h"

#define WITHIN_VIRTUAL_NS (10 * NS_PER_SEC)
#define WITHIN_REAL_NS (30 * NS_PER_SEC)

static const char *const states[] = {"PROVISIONING", "PREPARING", "ISOLATING", "FETCHING",
    "RUNNING", "DESTROYING", "PULLING", "MOUNTING", "gone", NULL};
static const struct key cgroup_keys[] = {
    PLACE_CGROUP_KEYS,
    {"exists", VALUE_BOOL, 0, NULL, NULL, NULL, "the cgroup (or its file) is there"},
    {"file", VALUE_TEXT, 0, NULL, NULL, NULL, "a control file"},
    {"key", VALUE_TEXT, 0, NULL, NULL, NULL, "of a file of lines `key value`, the value of this"},
    {"is", VALUE_CHECK, 0, NULL, NULL, NULL, "what the file (or the key) must say"},
};
static const struct schema cgroup_schema = SCHEMA("cgroup", cgroup_keys, NULL);

static const struct key processes_keys[] = {
    {"of", VALUE_ID, 0, NULL, NULL, NULL,
        "of this container: its init and what descends from it (default: all that the scenario "
        "brought forth)"},
    {"count", VALUE_CHECK, KEY_REQUIRED, NULL, NULL, NULL, "how many"},
};
static const struct schema processes_schema = SCHEMA("processes", processes_keys, "count");

static const struct key namespace_keys[] = {
    {"of", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container (its init)"},
    {"report", VALUE_TEXT, 0, NULL, NULL, NULL,
        "what its workload reports of itself there, instead of its init seen from outside"},
    {"kind", VALUE_ENUM, KEY_REQUIRED | KEY_LIST, namespace_names, NULL, NULL, "which"},
    {"like", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "another container, or agent"},
    {"same", VALUE_BOOL, KEY_REQUIRED, NULL, NULL, NULL, "the two are in one, or in two"},
};
static const struct schema namespace_schema = SCHEMA("namespace", namespace_keys, NULL);

static const struct key metric_keys[] = {
    {"name", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "its name"},
    {"is", VALUE_CHECK, KEY_REQUIRED, NULL, NULL, NULL, "what it must be (never counted: absent)"},
};
static const struct schema metric_schema = SCHEMA("metric", metric_keys, NULL);

static const struct key calls_keys[] = {
    {"isolator", VALUE_TEXT, 0, NULL, NULL, NULL, "the isolator"},
    {"at", VALUE_ENUM, 0, isolator_call_names, NULL, NULL, "its call"},
    {"launcher", VALUE_ENUM, 0, launcher_call_names, NULL, NULL, "or a call of the launcher"},
    {"fetcher", VALUE_ID, 0, NULL, NULL, NULL, "or kills of the fetcher of this container"},
    {"provisioner", VALUE_ID, 0, NULL, NULL, NULL, "or destroys of its root file system"},
    {"of", VALUE_ID, 0, NULL, NULL, NULL, "for this container (default: any)"},
    {"count", VALUE_CHECK, KEY_REQUIRED, NULL, NULL, NULL, "how often"},
};
static const struct schema calls_schema = SCHEMA("calls", calls_keys, NULL);

static const struct key traced_keys[] = {
    {"what", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL,
        "an operation of the trace and words that its line contains"},
    {"count", VALUE_CHECK, KEY_REQUIRED, NULL, NULL, NULL, "how often"},
};
static const struct schema traced_schema = SCHEMA("traced", traced_keys, NULL);

static const struct key updates_keys[] = {
    {"of", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "of the task of this container"},
    {"are", VALUE_TEXT, KEY_REQUIRED | KEY_LIST, NULL, NULL, NULL,
        "exactly these came in this order: words that the line of the trace contains, such as "
        "TASK_RUNNING"},
};
static const struct schema updates_schema = SCHEMA("updates", updates_keys, NULL);

static const char *const nothing[] = {"nothing", NULL};
static const char *const lives[] = {"running", "gone", NULL};
static const struct key expect_keys[] = {
    {"container", VALUE_ID, 0, NULL, NULL, NULL, "a container, with `state`"},
    {"state", VALUE_ENUM, 0, states, NULL, NULL, "the state of that container; gone: unknown"},
    {"containers", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "exactly these are known"},
    {"cgroup", VALUE_MAP, KEY_LIST, NULL, &cgroup_schema, NULL, "a cgroup, or a file of it"},
    {"file", VALUE_MAP, KEY_LIST, NULL, &expect_file_schema, NULL, "a file"},
    {"processes", VALUE_MAP, KEY_LIST, NULL, &processes_schema, NULL, "how many processes"},
    {"namespace", VALUE_MAP, KEY_LIST, NULL, &namespace_schema, NULL, "who shares a namespace"},
    {"docker", VALUE_MAP, KEY_LIST, NULL, &expect_docker_schema, NULL,
        "the containers of the docker engine, and what it was asked"},
    {"metric", VALUE_MAP, KEY_LIST, NULL, &metric_schema, NULL, "a metric of the containerizer"},
    {"calls", VALUE_MAP, KEY_LIST, NULL, &calls_schema, NULL,
        "how often a part was called in this life of the agent"},
    {"order", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL,
        "these came in this order: an operation of the trace and words that its line contains"},
    {"traced", VALUE_MAP, KEY_LIST, NULL, &traced_schema, NULL, "how often something came"},
    {"updates", VALUE_MAP, KEY_LIST, NULL, &updates_schema, NULL,
        "the status updates of a command task"},
    {"agent", VALUE_ENUM, 0, lives, NULL, NULL, "whether an agent is running"},
    {"left behind", VALUE_ENUM, 0, nothing, NULL, NULL,
        "no process, cgroup, mount or runtime directory of a container is left"},
    {"within", VALUE_DURATION, 0, NULL, NULL, NULL,
        "at the latest after this time (default 10s simulated, 30s real); 0s: now"},
    {"for", VALUE_DURATION, 0, NULL, NULL, NULL, "all along for this time, from now on"},
};
static void expect_check(const struct node *map, struct problems *problems)
{
    if (map->count == 0)
        node_problem(problems, map, "an empty expect, expected something to look at");
    if ((node_get(map, "container") != NULL) != (node_get(map, "state") != NULL))
        node_problem(problems, map,
            "container and state do not come together, expected both, such "
            "as {container: c1, state: RUNNING}");
    if (node_get(map, "within") && node_get(map, "for"))
        node_problem(problems, node_key(map, "for"), "for beside within, expected one of the two");
}
static const struct schema expect_schema = {
    "expect", expect_keys, ARRAY_SIZE(expect_keys), NULL, expect_check};

/* One look: NULL when it holds, else what is seen instead; owned. */
typedef char *(*look_fn)(struct run *run, const struct node *args);

static char *look_state(struct run *run, const struct node *args)
{
    const char *wanted = node_text(args, "state");
    const char *id = node_text(args, "container");
    enum container_phase phase;
    bool known = run->instance.agent &&
                 containerizer_phase(run->instance.agent->containerizer, id, &phase) == 0;
    const char *seen = known ? container_phase_names[phase] : "gone";
    return strcmp(seen, wanted) == 0 ? NULL
                                     : str_printf("%s to be %s, but it is %s", id, wanted, seen);
}

static char *join(char *const *texts)
{
    struct strbuf out = STRBUF_INIT;
    for (size_t i = 0; texts && texts[i]; i++)
        strbuf_addf(&out, "%s%s", i ? ", " : "", texts[i]);
    return strbuf_take(&out);
}

static char *look_containers(struct run *run, const struct node *args)
{
    size_t count;
    struct node *const *items = node_list(args, "containers", &count);
    _cleanup_strv_ char **wanted = NULL;
    for (size_t i = 0; i < count; i++)
        strv_add(&wanted, items[i]->text);
    strv_sort(wanted);
    _cleanup_strv_ char **seen =
        run->instance.agent ? containerizer_containers(run->instance.agent->containerizer) : NULL;
    _cleanup_free_ char *a = join(wanted);
    _cleanup_free_ char *b = join(seen);
    return strcmp(a, b) == 0 ? NULL : str_printf("the containers [%s], but they are [%s]", a, b);
}

static char *check_seen(const char *what, const struct node *expected, const char *seen)
{
    struct check check;
    check_parse(expected, &check);
    if (check_text_value(&check, seen))
        return NULL;
    return str_printf("%s %s, but it is %s", expected->text, what, seen ? seen : "absent");
}

static char *check_counted(const char *what, const struct node *expected, double seen)
{
    struct check check;
    check_parse(expected, &check);
    return check_number_value(&check, seen)
               ? NULL
               : str_printf("%s %s, but there are %.17g", expected->text, what, seen);
}

static char *look_cgroup_file(struct run *run, const struct node *args, const struct place *place)
{
    const char *file = node_text(args, "file");
    const char *key = node_text(args, "key");
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *text = NULL;
    (void)run;
    if (cgroup_read(place->fs, place->path, file, &text, &err) < 0)
        return str_printf("%s of %s to be readable, but %s", file, place->path, err_text(&err));
    _cleanup_free_ char *what = str_printf("in %s of %s", file, place->path);
    if (!key)
        return check_seen(what, node_get(args, "is"), text);
    _cleanup_free_ char *value = place_key_value(text, key);
    _cleanup_free_ char *of = str_printf("as %s %s", key, what);
    return check_seen(of, node_get(args, "is"), value);
}

static char *look_cgroup(struct run *run, const struct node *args)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct place place;
    if (place_cgroup(run, args, &place, &err) < 0)
        return str_printf("the cgroup to have a place, but %s", err_text(&err));
    const char *file = node_text(args, "file");
    char *seen = NULL;
    bool exists = cgroup_exists(place.fs, place.path) &&
                  (!file || cgroup_file_exists(place.fs, place.path, file));
    bool wanted = node_bool(args, "exists", true);
    if (exists != wanted)
        seen = str_printf("%s%s%s to %sexist, but it does%s", place.path, file ? "/" : "",
            file ? file : "", wanted ? "" : "not ", wanted ? " not" : "");
    else if (file && node_get(args, "is"))
        seen = look_cgroup_file(run, args, &place);
    place_release(&place);
    return seen;
}

static char *look_processes(struct run *run, const struct node *args)
{
    size_t count = place_processes(run, node_text(args, "of"));
    _cleanup_free_ char *what = str_printf("processes%s%s", node_get(args, "of") ? " of " : "",
        node_get(args, "of") ? node_text(args, "of") : "");
    return check_counted(what, node_get(args, "count"), (double)count);
}

static int namespace_of(struct run *run, const char *who, enum namespace_kind kind, uint64_t *ret)
{
    struct host *observer = run->world->observer;
    if (strcmp(who, "agent") == 0)
        return host_namespace_inode(observer, run->world->observer_pid, kind, ret);
    pid_t pid = place_init(run, who);
    return pid ? host_namespace_inode(observer, pid, kind, ret) : -ESRCH;
}

/* As the workload sees it: the file appears when it has written it. */
static int namespace_reported(
    struct run *run, const char *report, enum namespace_kind kind, uint64_t *ret)
{
    _cleanup_free_ char *unread = NULL;
    json_t *json = expect_read_json(run, report, &unread);
    const json_t *inode =
        json_object_get(json_object_get(json, "namespaces"), namespace_names[kind]);
    *ret = (uint64_t)json_integer_value(inode);
    json_decref(json);
    return inode ? 0 : -ENODATA;
}

static char *look_namespace(struct run *run, const struct node *args)
{
    const char *report = node_text(args, "report");
    const char *names[] = {node_text(args, "of"), node_text(args, "like")};
    bool wanted = node_bool(args, "same", true);
    size_t count;
    struct node *const *kinds = node_list(args, "kind", &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t inodes[2];
        for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
            enum namespace_kind kind = (enum namespace_kind)kinds[i]->number;
            int result = k == 0 && report ? namespace_reported(run, report, kind, &inodes[k])
                                          : namespace_of(run, names[k], kind, &inodes[k]);
            if (result < 0)
                return str_printf("%s to have a %s namespace, but %s", names[k], kinds[i]->text,
                    err_name(result));
        }
        if ((inodes[0] == inodes[1]) != wanted)
            return str_printf("%s and %s to have %s %s namespace, but they have %s", names[0],
                names[1], wanted ? "one" : "each its own", kinds[i]->text, wanted ? "two" : "one");
    }
    return NULL;
}

static char *look_metric(struct run *run, const struct node *args)
{
    if (!run->instance.agent)
        return str_dup("a metric, but no agent is running");
    const json_t *value = json_object_get(
        containerizer_metrics(run->instance.agent->containerizer), node_text(args, "name"));
    struct check check;
    const struct node *expected = node_get(args, "is");
    check_parse(expected, &check);
    if (check_json_value(&check, value))
        return NULL;
    return value ? str_printf("%s %s, but it is %.17g", node_text(args, "name"), expected->text,
                       json_number_value(value))
                 : str_printf("%s %s, but it is absent", node_text(args, "name"), expected->text);
}

static char *look_calls(struct run *run, const struct node *args)
{
    const char *name = node_text(args, "isolator");
    const char *of = node_text(args, "of");
    struct instance *instance = &run->instance;
    const struct node *count = node_get(args, "count");
    if (name) {
        const struct isolator *isolator = instance_isolator(run, name);
        if (!isolator)
            return str_printf("an isolator %s, but there is none", name);
        return check_counted("calls", count,
            fake_isolator_calls(isolator, (enum isolator_call)node_amount(args, "at", 0), of));
    }
    if (node_get(args, "launcher") && instance->launcher)
        return check_counted("calls of the launcher", count,
            fake_launcher_calls(
                instance->launcher, (enum launcher_call)node_amount(args, "launcher", 0), of));
    if (node_get(args, "fetcher") && instance->fetchers_count) {
        unsigned kills = 0;
        for (size_t i = 0; i < instance->fetchers_count; i++)
            kills += fake_fetcher_kills(instance->fetchers[i], node_text(args, "fetcher"));
        return check_counted("kills of the fetcher", count, kills);
    }
    if (node_get(args, "provisioner") && instance->provisioner)
        return check_counted("destroys of the provisioner", count,
            fake_provisioner_destroys(instance->provisioner, node_text(args, "provisioner")));
    return str_dup("a part to have counted its calls, but there is none");
}

/* Does a line of the trace fit "op word word"? */
static bool line_fits(const char *line, const char *what)
{
    _cleanup_strv_ char **words = strv_split(what, " ");
    if (!words)
        return false;
    _cleanup_free_ char *op = str_printf("\"op\":\"%s\"", words[0]);
    if (!strstr(line, op))
        return false;
    for (size_t i = 1; words[i]; i++) {
        if (!strstr(line, words[i]))
            return false;
    }
    return true;
}

static char *look_order(struct run *run, const struct node *args)
{
    size_t count;
    struct node *const *items = node_list(args, "order", &count);
    size_t next = 0;
    for (size_t i = 0; i < run->trace_count && next < count; i++) {
        if (line_fits(run->trace_lines[i], items[next]->text))
            next++;
    }
    if (next == count)
        return NULL;
    return next ? str_printf("\"%s\" after \"%s\", but it did not come", items[next]->text,
                      items[next - 1]->text)
                : str_printf("\"%s\" to come first, but it did not come", items[0]->text);
}

static char *look_traced(struct run *run, const struct node *args)
{
    double seen = 0;
    for (size_t i = 0; i < run->trace_count; i++)
        seen += line_fits(run->trace_lines[i], node_text(args, "what"));
    _cleanup_free_ char *what = str_printf("times \"%s\"", node_text(args, "what"));
    return check_counted(what, node_get(args, "count"), seen);
}

/* "TASK_RUNNING" or what it was, for messages. */
static const char *line_update(const char *line)
{
    const char *state = strstr(line, "\"state\":");
    return state ? state : line;
}

static char *look_updates(struct run *run, const struct node *args)
{
    size_t count;
    struct node *const *items = node_list(args, "are", &count);
    _cleanup_free_ char *id = str_printf("\"id\":\"%s\"", node_text(args, "of"));
    size_t next = 0;
    for (size_t i = 0; i < run->trace_count; i++) {
        const char *line = run->trace_lines[i];
        if (!line_fits(line, "task.update") || !strstr(line, id))
            continue;
        _cleanup_free_ char *what =
            next < count ? str_printf("task.update %s", items[next]->text) : NULL;
        if (!what || !line_fits(line, what))
            return str_printf("update %zu of %s to be %s, but it is %s", next + 1,
                node_text(args, "of"), what ? items[next]->text : "none", line_update(line));
        next++;
    }
    return next == count ? NULL
                         : str_printf("update %zu of %s to be %s, but it did not come", next + 1,
                               node_text(args, "of"), items[next]->text);
}

static char *look_agent(struct run *run, const struct node *args)
{
    const char *seen = instance_alive(run) ? "running" : "gone";
    return strcmp(seen, node_text(args, "agent")) == 0
               ? NULL
               : str_printf("the agent to be %s, but it is %s", node_text(args, "agent"), seen);
}

static char *look_left(struct run *run, const struct node *args)
{
    (void)args;
    _cleanup_strv_ char **lines = run->world->ops->audit(run->world, false);
    if (!lines || !lines[0])
        return NULL;
    _cleanup_free_ char *all = join(lines);
    return str_printf("nothing to be left behind, but there is: %s", all);
}

struct look {
    const char *key;
    look_fn fn;
    bool each; /* its value is a map (or a list of them) of its own */
};
static const struct look looks[] = {{"state", look_state, false},
    {"containers", look_containers, false}, {"agent", look_agent, false},
    {"order", look_order, false}, {"left behind", look_left, false}, {"cgroup", look_cgroup, true},
    {"file", expect_look_file, true}, {"processes", look_processes, true},
    {"namespace", look_namespace, true}, {"docker", expect_look_docker, true},
    {"metric", look_metric, true}, {"calls", look_calls, true}, {"traced", look_traced, true},
    {"updates", look_updates, true}};

static char *look_at_all(struct run *run, const struct node *args)
{
    for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
        size_t count;
        struct node *const *values = node_list(args, looks[i].key, &count);
        if (count && !looks[i].each)
            count = 1;
        for (size_t k = 0; k < count; k++) {
            char *seen = looks[i].fn(run, looks[i].each ? values[k] : args);
            if (seen)
                return seen;
        }
        /* `containers: []` is a list too: nothing is known. */
        if (!count && node_get(args, looks[i].key)) {
            char *seen = looks[i].fn(run, args);
            if (seen)
                return seen;
        }
    }
    return NULL;
}

struct looking {
    const struct node *args;
    char *seen;
};
static bool looks_right(struct run *run, void *arg)
{
    struct looking *looking = arg;
    free(looking->seen);
    looking->seen = look_at_all(run, looking->args);
    return looking->seen == NULL;
}

static bool looks_wrong(struct run *run, void *arg)
{
    return !looks_right(run, arg);
}

static uint64_t within_ns(const struct world *world)
{
    if (world->backend->timeout_ns)
        return world->backend->timeout_ns;
    return world->virtual_time ? WITHIN_VIRTUAL_NS : WITHIN_REAL_NS;
}

static int expect_run(struct run *run, const struct step *step, struct err *err)
{
    struct looking looking = {step->args, NULL};
    bool along = node_get(step->args, "for") != NULL;
    uint64_t time_ns =
        node_amount(step->args, along ? "for" : "within", within_ns(run->world));
    _cleanup_err_ struct err ignored = ERR_INIT;
    bool right;
    if (time_ns == 0)
        right = looks_right(run, &looking);
    else if (along)
        right = run_along(run, looks_wrong, &looking, time_ns);
    else
        right = run_until(run, looks_right, &looking, time_ns, "", &ignored) == 0;
    int result = right ? 0 : err_set(err, -EPROTO, "expected %s", looking.seen);
    free(looking.seen);
    return result;
}

const struct step_spec step_expect = {"expect", &expect_schema,
    "looks at the world: all that it says must hold at once", 0, NULL, expect_run, true};
