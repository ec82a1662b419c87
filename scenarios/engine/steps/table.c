/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/steps/steps.h"

const struct step_spec *const step_table[] = {&step_launch, &step_destroy, &step_wait, &step_ended,
    &step_kill, &step_update, &step_usage, &step_status, &step_remove, &step_attach, &step_prune,
    &step_kill_task, &step_shutdown, &step_acknowledgements,
    &step_await, &step_pending, &step_expect, &step_advance, &step_settle, &step_crash,
    &step_restart, &step_hold, &step_release, &step_fail, &step_lose, &step_limit, &step_fault,
    &step_kernel, &step_docker, &step_make_cgroup, &step_remove_cgroup, &step_write_cgroup,
    &step_write_file, &step_image, &step_make_directory, &step_make_root, &step_make_link,
    &step_remove_file, &step_spawn, &step_signal, NULL};

const struct step_spec *step_find(const char *name)
{
    for (size_t i = 0; step_table[i]; i++) {
        if (strcmp(step_table[i]->name, name) == 0)
            return step_table[i];
    }
    return NULL;
}

int step_operation(struct run *run, const struct step *step, struct err *err)
{
    const char *id = node_text(step->args, "id");
    struct operation *operation =
        operation_start(run, step->spec->operation, id, step->args, step, err);
    if (!operation)
        return err->code;
    if (node_bool(step->args, "async", false))
        return 0;
    int result = operation_await(run, operation, err);
    if (result < 0)
        return result;
    return operation_judge(operation, node_get(step->args, "expect"), err);
}

static void needs_help(uint64_t needs, struct strbuf *out)
{
    for (unsigned i = 0; i < CAPABILITY_COUNT; i++) {
        if (needs & NEED(i))
            strbuf_addf(out, "Needs `%s`: %s.\n", capability_rows[i].name, capability_rows[i].help);
    }
}

char *steps_help(void)
{
    struct strbuf out = STRBUF_INIT;
    for (unsigned i = 0; i < CAPABILITY_COUNT; i++)
        strbuf_addf(&out, "- `%s`: %s\n", capability_rows[i].name, capability_rows[i].help);
    strbuf_add(&out, "\n## Keys of a scenario\n\n");
    schema_help(&scenario_schema, 0, &out);
    strbuf_add(&out,
        "\n## Steps\n\n"
        "### include\n\nPuts the steps of a fragment here: a file whose document is a list of "
        "steps."
        "\n\n- a bare value stands for `file`\n"
        "- `file` (a text), required: its path, relative to this file\n"
        "- `with` (a map of names to texts): what `${name}` stands for in it\n\n"
        "### repeat\n\nWrites its steps out several times.\n\n"
        "- `times` (a number from 1 to 5000), required: how often\n"
        "- `as` (a text): the name whose `${name}` is the number of the round (default i)\n"
        "- `steps` (a list of steps), required: what is repeated\n");
    for (size_t i = 0; step_table[i]; i++) {
        const struct step_spec *spec = step_table[i];
        strbuf_addf(
            &out, "\n### %s\n\n%c%s.\n", spec->name, spec->help[0] - 'a' + 'A', spec->help + 1);
        needs_help(spec->needs, &out);
        strbuf_add(&out, "\n");
        schema_help(spec->schema, 0, &out);
    }
    return strbuf_take(&out);
}
