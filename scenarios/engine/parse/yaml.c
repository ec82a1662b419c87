/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/parse/yaml.h"

#include <assert.h>
#include <libfyaml.h>
#include <string.h>

#include "reference/base/mem.h"

/* A collection that is still open, and the key that waits for its value. */
struct level {
    struct node *node;
    struct node *key;
};
struct reader {
    const char *file;
    struct problems *problems;
    struct documents *documents;
    struct level levels[NODE_DEPTH_MAX];
    size_t depth;
    struct node *root;
    bool broken; /* the rest is not worth reading */
};

static struct node *current_map(struct reader *reader)
{
    struct node *node = reader->depth ? reader->levels[reader->depth - 1].node : NULL;
    return node && node->kind == NODE_MAP ? node : NULL;
}

/* An absent value has no place of its own: it stands where its key does. */
static struct node *event_node(
    struct reader *reader, enum node_kind kind, const struct fy_mark *mark)
{
    int line = 1;
    int column = 1;
    if (mark) {
        line = mark->line + 1;
        column = mark->column + 1;
    } else if (reader->depth) {
        const struct level *level = &reader->levels[reader->depth - 1];
        line = level->key ? level->key->line : level->node->line;
        column = level->key ? level->key->column : level->node->column;
    }
    return node_new(kind, reader->file, line, column);
}

static void reader_take_key(struct reader *reader, struct node *key)
{
    struct level *level = &reader->levels[reader->depth - 1];
    const struct node *before = node_key(level->node, key->text);
    if (before)
        node_problem(reader->problems, key,
            "duplicate key \"%s\", expected it once (first at line %d)", key->text, before->line);
    if (level->node->count == NODE_KEYS_MAX) {
        node_problem(reader->problems, key, "too many keys, expected at most %d", NODE_KEYS_MAX);
        reader->broken = true;
    }
    level->key = key;
}

/* Puts a finished or just opened node in its place. */
static void reader_take(struct reader *reader, struct node *node)
{
    if (reader->depth == 0) {
        reader->root = node;
        return;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->node->kind == NODE_LIST) {
        node_append(level->node, node);
    } else if (level->key) {
        node_put(level->node, level->key, node);
        level->key = NULL;
    } else if (node->kind == NODE_SCALAR) {
        reader_take_key(reader, node);
    } else {
        node_problem(reader->problems, node, "a key that is no text, expected a plain key");
        reader->broken = true;
        node_free(node);
    }
}

static void reader_open(struct reader *reader, struct node *node)
{
    bool as_key = current_map(reader) && !reader->levels[reader->depth - 1].key;
    if (reader->depth == NODE_DEPTH_MAX) {
        node_problem(
            reader->problems, node, "nested too deep, expected at most %d levels", NODE_DEPTH_MAX);
        reader->broken = true;
        node_free(node);
        return;
    }
    reader_take(reader, node);
    if (!as_key)
        reader->levels[reader->depth++] = (struct level){node, NULL};
}

static void reader_close(struct reader *reader)
{
    assert(reader->depth > 0);
    reader->depth--;
}

static void reader_scalar(struct reader *reader, struct fy_event *event)
{
    struct node *node = event_node(reader, NODE_SCALAR, fy_event_start_mark(event));
    struct fy_token *token = fy_event_get_token(event);
    size_t length = 0;
    const char *text = token ? fy_token_get_text(token, &length) : NULL;
    node->text = str_ndup(text ? text : "", length);
    node->quoted = token && fy_token_scalar_style(token) != FYSS_PLAIN;
    reader_take(reader, node);
}

static void reader_end_document(struct reader *reader)
{
    struct documents *documents = reader->documents;
    struct node *root = TAKE_PTR(reader->root);
    if (!root)
        return;
    if (root->kind == NODE_SCALAR && root->text[0] == '\0' && !root->quoted) {
        node_free(root); /* nothing between two separators */
        return;
    }
    documents->items =
        mem_realloc(documents->items, (documents->count + 1) * sizeof(struct node *));
    documents->items[documents->count++] = root;
}

static void reader_event(struct reader *reader, struct fy_event *event)
{
    switch (event->type) {
    case FYET_MAPPING_START:
        reader_open(reader, event_node(reader, NODE_MAP, fy_event_start_mark(event)));
        break;
    case FYET_SEQUENCE_START:
        reader_open(reader, event_node(reader, NODE_LIST, fy_event_start_mark(event)));
        break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        reader_close(reader);
        break;
    case FYET_SCALAR:
        reader_scalar(reader, event);
        break;
    case FYET_ALIAS: {
        struct node *node = event_node(reader, NODE_SCALAR, fy_event_start_mark(event));
        node_problem(reader->problems, node, "an alias, expected the value itself, or a matrix");
        reader->broken = true;
        node_free(node);
        break;
    }
    case FYET_DOCUMENT_END:
        reader_end_document(reader);
        break;
    default:
        break;
    }
}

static void reader_report(struct reader *reader, struct fy_diag *diag)
{
    void *cursor = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &cursor);
    /* The first error is the cause, what follows comes of it. */
    if (error)
        problem_add(reader->problems, reader->file, error->line > 0 ? error->line : 1,
            error->column > 0 ? error->column : 1, "%s, expected YAML", error->msg);
    else
        problem_add(reader->problems, reader->file, 1, 1, "a syntax error, expected YAML");
}

/* Frees what an abandoned document holds: the waiting keys, then the tree. */
static void reader_abandon(struct reader *reader)
{
    for (size_t i = 0; i < reader->depth; i++)
        node_free(reader->levels[i].key);
    node_free(reader->root);
}

void yaml_read(const char *text, size_t length, const char *file, struct documents *ret_documents,
    struct problems *problems)
{
    *ret_documents = (struct documents){0};
    struct reader reader = {.file = file, .problems = problems, .documents = ret_documents};
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_config);
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&config);
    assert(parser);
    bool failed = fy_parser_set_string(parser, text, length) != 0;
    while (!failed && !reader.broken) {
        struct fy_event *event = fy_parser_parse(parser);
        if (!event) {
            failed = fy_parser_get_stream_error(parser);
            break;
        }
        bool last = event->type == FYET_STREAM_END;
        reader_event(&reader, event);
        fy_parser_event_free(parser, event);
        if (last)
            break;
    }
    if (failed)
        reader_report(&reader, diag);
    reader_abandon(&reader);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
}

void documents_release(struct documents *documents)
{
    for (size_t i = 0; i < documents->count; i++)
        node_free(documents->items[i]);
    free(documents->items);
    *documents = (struct documents){0};
}
