/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expansion of a document: `matrix` gives one scenario per combination of values, `${name}` takes a
 * value, `include` brings the steps of a fragment (a file whose document is a list), `repeat`
 * writes its steps out. All of it happens before anything is checked, and places stay those of the
 * source.
 */
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/parse/scenario.h"
#include "scenarios/engine/parse/source.h"
#include "scenarios/engine/parse/yaml.h"

#define COMBINATIONS_MAX 256
#define STEPS_MAX 20000
#define INCLUDE_DEPTH_MAX 8
#define REPEAT_MAX 5000
#define TEXT_BYTES_MAX 65536

/* Names and values that `${…}` stands for; a chain, the innermost first. */
struct scope {
    const struct scope *outer;
    char *const *names;
    char *const *values;
};
struct expander {
    struct problems *problems;
    const char *files[INCLUDE_DEPTH_MAX + 1]; /* being included, to see circles */
    size_t depth;
    size_t steps;
    bool failed; /* too much of it: no use to go on */
};

static const char *scope_find(const struct scope *scope, const char *name)
{
    for (; scope; scope = scope->outer) {
        for (size_t i = 0; scope->names && scope->names[i]; i++) {
            if (strcmp(scope->names[i], name) == 0)
                return scope->values[i];
        }
    }
    return NULL;
}

static void unknown_parameter(
    const struct node *node, const struct scope *scope, const char *name, struct problems *problems)
{
    _cleanup_strv_ char **known = NULL;
    for (; scope; scope = scope->outer) {
        for (size_t i = 0; scope->names && scope->names[i]; i++)
            strv_add(&known, scope->names[i]);
    }
    _cleanup_free_ char *what = str_printf("unknown parameter \"%s\"", name);
    if (known)
        unknown_problem(problems, node, what, name, (const char *const *)known);
    else
        node_problem(problems, node,
            "unknown parameter \"%s\", expected a name that the matrix gives", name);
}

/* The text with each `${name}` replaced; `$${` stands for `${`. */
static char *text_replace(const struct expander *expander, const struct node *node,
    const struct scope *scope, const char *text)
{
    struct strbuf out = STRBUF_INIT;
    for (const char *at = text; *at;) {
        const char *mark = strstr(at, "${");
        if (!mark) {
            strbuf_add(&out, at);
            break;
        }
        if (mark > at && mark[-1] == '$') {
            strbuf_add_bytes(&out, at, (size_t)(mark - 1 - at));
            strbuf_add(&out, "${");
            at = mark + 2;
            continue;
        }
        strbuf_add_bytes(&out, at, (size_t)(mark - at));
        const char *end = strchr(mark, '}');
        if (!end) {
            node_problem(expander->problems, node, "\"${\" without \"}\", expected ${parameter}");
            break;
        }
        _cleanup_free_ char *name = str_ndup(mark + 2, (size_t)(end - mark) - 2);
        const char *value = scope_find(scope, name);
        if (value && out.length + strlen(value) > TEXT_BYTES_MAX) {
            node_problem(expander->problems, node,
                "the text grows too long, expected at most %d "
                "bytes",
                TEXT_BYTES_MAX);
            break;
        }
        if (value)
            strbuf_add(&out, value);
        else
            unknown_parameter(node, scope, name, expander->problems);
        at = end + 1;
    }
    return strbuf_take(&out);
}

static struct node *expand_steps(
    struct expander *expander, const struct node *list, const struct scope *scope);
static void expander_count(struct expander *expander, const struct node *at);

/* `"${n}"` must be quoted in YAML's flow style, but stands for the value, which may be a number. */
static bool is_one_parameter(const char *text)
{
    return str_starts(text, "${") && strchr(text, '}') == text + strlen(text) - 1;
}

static struct node *node_copy(
    struct expander *expander, const struct node *node, const struct scope *scope)
{
    struct node *copy = node_new(node->kind, node->file, node->line, node->column);
    copy->quoted = node->quoted;
    if (node->kind == NODE_SCALAR && is_one_parameter(node->text))
        copy->quoted = false;
    if (node->kind == NODE_SCALAR) {
        size_t before = expander->problems->met;
        copy->text = text_replace(expander, node, scope, node->text);
        copy->broken = expander->problems->met > before;
    }
    for (size_t i = 0; i < node->count; i++) {
        struct node *item = node_copy(expander, node->items[i], scope);
        if (node->kind == NODE_LIST)
            node_append(copy, item);
        else
            node_put(copy, node_copy(expander, node->keys[i], scope), item);
    }
    return copy;
}

/* Moves the items of `from` to the end of `to`. */
static void list_take(struct node *to, struct node *from)
{
    for (size_t i = 0; i < from->count; i++)
        node_append(to, from->items[i]);
    from->count = 0;
    node_free(from);
}

static char *relative_path(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || !slash)
        return str_dup(path);
    return str_printf("%.*s/%s", (int)(slash - file), file, path);
}

static bool include_is_circle(const struct expander *expander, const char *file)
{
    for (size_t i = 0; i <= expander->depth; i++) {
        if (str_equal(expander->files[i], file))
            return true;
    }
    return false;
}

/* The fragment's only document, a list of steps; NULL with a problem. */
static struct node *fragment_read(
    struct expander *expander, const struct node *at, const char *file)
{
    size_t before = expander->problems->met;
    size_t length = 0;
    struct problems own = {0};
    _cleanup_free_ char *text = source_read(file, &length, &own);
    if (!text) {
        node_problem(expander->problems, at,
            "include \"%s\" cannot be read, expected the path of a "
            "fragment, relative to this file",
            at->text);
        problems_release(&own);
        return NULL;
    }
    struct documents documents;
    yaml_read(text, length, file, &documents, expander->problems);
    struct node *root = NULL;
    if (documents.count == 1 && documents.items[0]->kind == NODE_LIST) {
        root = documents.items[0];
        documents.count = 0;
    } else if (expander->problems->met == before) {
        node_problem(expander->problems, at,
            "include \"%s\" is no list, expected a fragment whose "
            "one document is a list of steps",
            at->text);
    }
    documents_release(&documents);
    return root;
}

/* include: FILE, or {file: FILE, with: {name: value}} */
static struct node *expand_include(
    struct expander *expander, const struct node *args, const struct scope *scope)
{
    const struct node *file = args->kind == NODE_MAP ? node_get(args, "file") : args;
    const struct node *with = node_get(args, "with");
    if (!file || file->kind != NODE_SCALAR || (with && with->kind != NODE_MAP)) {
        node_problem(expander->problems, args,
            "include has no file, expected the path of a fragment, or {file: PATH, with: {…}}");
        return NULL;
    }
    _cleanup_free_ char *path = relative_path(args->file, file->text);
    if (include_is_circle(expander, path) || expander->depth == INCLUDE_DEPTH_MAX) {
        node_problem(expander->problems, file,
            "include \"%s\" goes in a circle, expected a fragment "
            "that does not include this one",
            file->text);
        return NULL;
    }
    struct node *fragment = fragment_read(expander, file, path);
    if (!fragment)
        return NULL;
    _cleanup_strv_ char **names = NULL;
    _cleanup_strv_ char **values = NULL;
    for (size_t i = 0; with && i < with->count; i++) {
        strv_add(&names, with->keys[i]->text);
        strv_add_owned(
            &values, with->items[i]->kind == NODE_SCALAR
                         ? text_replace(expander, with->items[i], scope, with->items[i]->text)
                         : str_dup(""));
    }
    const struct scope inner = {scope, names, values};
    expander->files[++expander->depth] = path;
    struct node *steps = expand_steps(expander, fragment, &inner);
    expander->depth--;
    node_free(fragment);
    return steps;
}

/* repeat: {times: N, as: i, steps: […]} */
static struct node *expand_repeat(
    struct expander *expander, const struct node *args, const struct scope *scope)
{
    const struct node *times = node_get(args, "times");
    const struct node *body = node_get(args, "steps");
    double count = 0;
    if (!times || !body || body->kind != NODE_LIST || times->kind != NODE_SCALAR) {
        node_problem(expander->problems, args,
            "repeat has no times and steps, expected {times: 3, as: i, steps: […]}");
        return NULL;
    }
    struct node counted = *times;
    counted.text = text_replace(expander, times, scope, times->text);
    bool valid = node_is_number(&counted, &count) && count >= 1 && count <= REPEAT_MAX;
    free(counted.text);
    if (!valid) {
        _cleanup_free_ char *seen = node_describe(times);
        node_problem(expander->problems, times, "times is %s, expected a number from 1 to %d", seen,
            REPEAT_MAX);
        return NULL;
    }
    const char *as = node_text(args, "as");
    struct node *all = node_new(NODE_LIST, args->file, args->line, args->column);
    for (unsigned i = 1; i <= (unsigned)count && !expander->failed; i++) {
        _cleanup_free_ char *value = str_printf("%u", i);
        char *names[] = {(char *)(as ? as : "i"), NULL};
        char *values[] = {value, NULL};
        const struct scope inner = {scope, names, values};
        expander_count(expander, args);
        list_take(all, expand_steps(expander, body, &inner));
    }
    return all;
}

struct directive {
    const char *name;
    struct node *(*expand)(struct expander *, const struct node *, const struct scope *);
};
static const struct directive directives[] = {
    {"include", expand_include}, {"repeat", expand_repeat}};

static const struct directive *directive_of(const struct node *step)
{
    if (step->kind != NODE_MAP || step->count != 1)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(directives); i++) {
        if (strcmp(directives[i].name, step->keys[0]->text) == 0)
            return &directives[i];
    }
    return NULL;
}

/* Steps, rounds of repeat and includes all count, so that none of them can grow without a bound. */
static void expander_count(struct expander *expander, const struct node *at)
{
    if (++expander->steps > STEPS_MAX && !expander->failed) {
        node_problem(expander->problems, at, "too many steps, expected at most %d", STEPS_MAX);
        expander->failed = true;
    }
}

static struct node *expand_steps(
    struct expander *expander, const struct node *list, const struct scope *scope)
{
    struct node *steps = node_new(NODE_LIST, list->file, list->line, list->column);
    for (size_t i = 0; i < list->count && !expander->failed; i++) {
        const struct directive *directive = directive_of(list->items[i]);
        expander_count(expander, list->items[i]);
        if (!directive) {
            node_append(steps, node_copy(expander, list->items[i], scope));
            continue;
        }
        struct node *more = directive->expand(expander, list->items[i]->items[0], scope);
        if (more)
            list_take(steps, more);
        else
            steps->broken = true;
    }
    return steps;
}

/* A copy of the document for one combination, without its matrix. */
static struct node *expand_root(
    const struct node *document, const struct scope *scope, struct problems *problems)
{
    struct expander expander = {.problems = problems, .files = {document->file}};
    if (document->kind != NODE_MAP)
        return node_copy(&expander, document, scope);
    struct node *root = node_new(NODE_MAP, document->file, document->line, document->column);
    for (size_t i = 0; i < document->count; i++) {
        const struct node *key = document->keys[i];
        const struct node *value = document->items[i];
        if (strcmp(key->text, "matrix") == 0)
            continue;
        bool steps = strcmp(key->text, "steps") == 0 && value->kind == NODE_LIST;
        node_put(root, node_copy(&expander, key, NULL),
            steps ? expand_steps(&expander, value, scope) : node_copy(&expander, value, scope));
    }
    return root;
}

static bool matrix_valid(const struct node *matrix, struct problems *problems)
{
    if (matrix->kind != NODE_MAP || matrix->count == 0) {
        node_problem(problems, matrix, "matrix is no map, expected names with lists of values");
        return false;
    }
    size_t combinations = 1;
    for (size_t i = 0; i < matrix->count; i++) {
        const struct node *values = matrix->items[i];
        bool plain = values->kind == NODE_LIST && values->count > 0;
        for (size_t k = 0; plain && k < values->count; k++)
            plain = values->items[k]->kind == NODE_SCALAR;
        if (!plain) {
            node_problem(problems, values,
                "matrix.%s is no list of values, expected a list such as "
                "[v1, v2]",
                matrix->keys[i]->text);
            return false;
        }
        combinations *= values->count;
        if (combinations > COMBINATIONS_MAX) {
            node_problem(problems, matrix,
                "the matrix has too many combinations, expected at most "
                "%d",
                COMBINATIONS_MAX);
            return false;
        }
    }
    return true;
}

static void expansion_add(struct expansion *expansion, struct node *root, char *suffix)
{
    expansion->roots =
        mem_realloc(expansion->roots, (expansion->count + 1) * sizeof(*expansion->roots));
    expansion->roots[expansion->count++] = root;
    strv_add_owned(&expansion->suffixes, suffix);
}

void document_expand(
    const struct node *document, struct expansion *ret_expansion, struct problems *problems)
{
    *ret_expansion = (struct expansion){0};
    const struct node *matrix = node_get(document, "matrix");
    if (!matrix || !matrix_valid(matrix, problems)) {
        expansion_add(ret_expansion, expand_root(document, NULL, problems), str_dup(""));
        return;
    }
    size_t combinations = 1;
    for (size_t i = 0; i < matrix->count; i++)
        combinations *= matrix->items[i]->count;
    for (size_t n = 0; n < combinations; n++) {
        _cleanup_strv_ char **names = NULL;
        _cleanup_strv_ char **values = NULL;
        struct strbuf suffix = STRBUF_INIT;
        size_t rest = combinations;
        for (size_t i = 0; i < matrix->count; i++) {
            rest /= matrix->items[i]->count;
            const char *value = matrix->items[i]->items[n / rest % matrix->items[i]->count]->text;
            strv_add(&names, matrix->keys[i]->text);
            strv_add(&values, value);
            strbuf_addf(&suffix, "%s%s=%s", i ? ", " : " [", names[i], value);
        }
        strbuf_add(&suffix, "]");
        const struct scope scope = {NULL, names, values};
        expansion_add(ret_expansion, expand_root(document, &scope, problems), strbuf_take(&suffix));
    }
}

void expansion_release(struct expansion *expansion)
{
    for (size_t i = 0; i < expansion->count; i++)
        node_free(expansion->roots[i]);
    free(expansion->roots);
    strv_free(expansion->suffixes);
    *expansion = (struct expansion){0};
}
