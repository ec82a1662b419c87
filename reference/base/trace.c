/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/trace.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/err.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define FNV_PRIME UINT64_C(1099511628211)

struct trace {
    struct loop *loop;
    trace_sink_fn sink;
    void *sink_arg;
    trace_digest_fn digest;
    void *digest_arg;
    uint64_t hash;
    uint64_t count;
    struct strbuf line; /* reused for each event */
    struct strbuf *kept; /* a ring: event n stands at (n - 1) % keep */
    unsigned keep;
};

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * FNV_PRIME;
    return hash;
}

uint64_t trace_hash_string(uint64_t hash, const char *text)
{
    assert(text);
    return hash_bytes(hash, text, strlen(text) + 1);
}

uint64_t trace_hash_u64(uint64_t hash, uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        hash = (hash ^ ((number >> shift) & 0xff)) * FNV_PRIME;
    return hash;
}

struct trace *trace_new(struct loop *loop, unsigned keep)
{
    struct trace *trace = mem_alloc(sizeof(*trace));
    trace->loop = loop;
    trace->hash = TRACE_HASH_INIT;
    trace->keep = keep;
    trace->kept = mem_alloc(keep * sizeof(*trace->kept));
    return trace;
}

void trace_free(struct trace *trace)
{
    if (!trace)
        return;
    for (unsigned i = 0; i < trace->keep; i++)
        strbuf_release(&trace->kept[i]);
    free(trace->kept);
    strbuf_release(&trace->line);
    free(trace);
}

void trace_set_sink(struct trace *trace, trace_sink_fn fn, void *arg)
{
    trace->sink = fn;
    trace->sink_arg = arg;
}

void trace_set_digest(struct trace *trace, trace_digest_fn fn, void *arg)
{
    trace->digest = fn;
    trace->digest_arg = arg;
}

uint64_t trace_hash(const struct trace *trace)
{
    return trace->hash;
}

uint64_t trace_count(const struct trace *trace)
{
    return trace->count;
}

const char *trace_kept(const struct trace *trace, unsigned i)
{
    uint64_t held = trace->count < trace->keep ? trace->count : trace->keep;
    if (i >= held)
        return NULL;
    return strbuf_text(&trace->kept[(trace->count - held + i) % trace->keep]);
}

static void add_u64(struct strbuf *line, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    strbuf_add_bytes(line, digits + at, sizeof(digits) - at);
}

static void add_i64(struct strbuf *line, int64_t number)
{
    if (number < 0)
        strbuf_add_bytes(line, "-", 1);
    add_u64(line, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

/* Writes one value by its conversion, a letter with as many `l` or a `z` before. */
static void add_value(struct strbuf *line, const char *conversion, size_t length, va_list *list)
{
    if (length == 1 && conversion[0] == 's') {
        const char *text = va_arg(*list, const char *);
        if (text)
            strbuf_add_json_string(line, text);
        else
            strbuf_add(line, "null");
    } else if (length == 1 && conversion[0] == 'J') {
        const char *json = va_arg(*list, const char *);
        strbuf_add(line, json ? json : "null");
    } else if (length == 1 && conversion[0] == 'b') {
        strbuf_add(line, va_arg(*list, int) ? "true" : "false");
    } else if (length == 1 && conversion[0] == 'd') {
        add_i64(line, va_arg(*list, int));
    } else if (length == 1 && conversion[0] == 'u') {
        add_u64(line, va_arg(*list, unsigned));
    } else if (strncmp(conversion, "ld", length) == 0 && length == 2) {
        add_i64(line, va_arg(*list, long));
    } else if (strncmp(conversion, "lld", length) == 0 && length == 3) {
        add_i64(line, va_arg(*list, long long));
    } else if (strncmp(conversion, "lu", length) == 0 && length == 2) {
        add_u64(line, va_arg(*list, unsigned long));
    } else if (strncmp(conversion, "llu", length) == 0 && length == 3) {
        add_u64(line, va_arg(*list, unsigned long long));
    } else if (strncmp(conversion, "zu", length) == 0 && length == 2) {
        add_u64(line, va_arg(*list, size_t));
    } else {
        assert(!"trace_event: a conversion that is not known");
    }
}

static bool is_key_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
        || c == '.' || c == '-';
}

/* Writes `name=%s other=%d` as members of an object. */
static void add_args(struct strbuf *line, const char *keys, va_list *list)
{
    const char *at = keys + strspn(keys, " ");
    for (bool first = true; *at; first = false) {
        size_t name = 0;
        while (is_key_character(at[name]))
            name++;
        assert(name > 0 && at[name] == '=' && at[name + 1] == '%');
        strbuf_add(line, first ? "\"" : ",\"");
        strbuf_add_bytes(line, at, name);
        strbuf_add_bytes(line, "\":", 2);
        at += name + 2;
        size_t conversion = strcspn(at, " ");
        add_value(line, at, conversion, list);
        at += conversion;
        at += strspn(at, " ");
    }
}

static void add_result(struct strbuf *line, int64_t result)
{
    strbuf_add(line, "},\"result\":");
    if (result >= 0 || result < INT32_MIN) {
        add_i64(line, result);
        return;
    }
    strbuf_add(line, "\"-");
    strbuf_add(line, err_name((int)result));
    strbuf_add(line, "\"");
}

static void trace_finish(struct trace *trace)
{
    static const char digits[] = "0123456789abcdef";
    struct strbuf *line = &trace->line;
    trace->hash = hash_bytes(trace->hash, line->text, line->length);
    if (trace->digest)
        trace->hash = trace->digest(trace->digest_arg, trace->hash);
    char hash[16];
    for (unsigned i = 0; i < sizeof(hash); i++)
        hash[i] = digits[(trace->hash >> (60 - 4 * i)) & 15];
    strbuf_add(line, ",\"hash\":\"");
    strbuf_add_bytes(line, hash, sizeof(hash));
    strbuf_add(line, "\"}");
    if (trace->keep > 0) {
        /* The oldest kept line's memory becomes the next one's. */
        struct strbuf *oldest = &trace->kept[(trace->count - 1) % trace->keep];
        struct strbuf freed = *oldest;
        *oldest = *line;
        *line = freed;
        line = oldest;
    }
    if (trace->sink)
        trace->sink(trace->sink_arg, line->text);
}

void trace_event(struct trace *trace, const char *actor, const char *op, int64_t result,
    const char *keys, ...)
{
    if (!trace)
        return;
    assert(actor);
    assert(op);
    struct strbuf *line = &trace->line;
    strbuf_reset(line);
    strbuf_add(line, "{\"n\":");
    add_u64(line, ++trace->count);
    strbuf_add(line, ",\"t\":");
    add_u64(line, trace->loop ? loop_now_ns(trace->loop) : 0);
    strbuf_add(line, ",\"actor\":");
    strbuf_add_json_string(line, actor);
    strbuf_add(line, ",\"op\":");
    strbuf_add_json_string(line, op);
    strbuf_add(line, ",\"args\":{");
    if (keys) {
        va_list list;
        va_start(list, keys);
        add_args(line, keys, &list);
        va_end(list);
    }
    add_result(line, result);
    trace_finish(trace);
}
