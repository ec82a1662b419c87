/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scripted fakes have in common: calls that are counted, can be told to fail, and whose
 * completions can be held and released. Every done is called exactly once: by the completion, or
 * with -ESHUTDOWN when the script is freed.
 */
#pragma once

#include "reference/base/json.h"
#include "reference/host.h"

/* How the value of a held completion is kept. */
struct fake_value {
    void *(*copy)(const void *value);
    void (*free)(void *value);
};
extern const struct fake_value fake_value_launch_info;
extern const struct fake_value fake_value_limitation;
extern const struct fake_value fake_value_statistics;
extern const struct fake_value fake_value_status;
extern const struct fake_value fake_value_strings; /* char *const * */
extern const struct fake_value fake_value_bool;

struct fake_call_kind {
    const char *name;
    const struct fake_value *value; /* NULL: it yields none */
};

struct fake_script {
    const struct fake_call_kind *kinds;
    unsigned kinds_count;
    struct trace *trace; /* each call is an event "PART.KIND" of it; NULL: untraced */
    const char *part;    /* "isolator", "launcher", … */
    const char *name;    /* of that part; NULL when there is but one */
    struct list rules;     /* struct fake_rule: what to hold and to fail */
    struct list running;   /* struct fake_call: not completed */
    struct list held;      /* struct fake_call: completed, not delivered */
    struct strmap *counts; /* "prepare c1" and "prepare" -> number */
};

struct fake_call {
    struct list node;
    struct fake_script *script;
    unsigned kind;
    char *id; /* "" when the call has none */
    struct done done;
    bool answered; /* before its real completion, which is then dropped */
    bool inner;    /* a done of it was handed out */
    struct host_request *timer;
    /* once held */
    int result;
    struct err err;
    void *value;
};

/* Part and name are borrowed. */
void fake_script_init(struct fake_script *script, const struct fake_call_kind *kinds,
    unsigned count, const struct host *host, const char *part, const char *name);
/* Calls back what is left with -ESHUTDOWN, and frees what the script holds. */
void fake_script_release(struct fake_script *script);

/* id NULL: of any container. A release ends the hold that it names. */
void fake_script_hold(struct fake_script *script, unsigned kind, const char *id);
unsigned fake_script_deliver(struct fake_script *script, unsigned kind, const char *id);
void fake_script_fail(struct fake_script *script, unsigned kind, const char *id,
    const char *message, unsigned times);
unsigned fake_script_calls(const struct fake_script *script, unsigned kind, const char *id);
/* "NAME prepare c1" for each held completion; owned. */
char **fake_script_held(const struct fake_script *script, const char *name);

/* Counts the call. For calls that answer at once: -EIO with the message when told to fail. */
int fake_script_count(
    struct fake_script *script, unsigned kind, const char *id, struct err *err);
/* Counts it; NULL when it was told to fail, and then it is completed already. */
struct fake_call *fake_call_begin(
    struct fake_script *script, unsigned kind, const char *id, struct done done);
/* A done that completes the call, for somebody else's operation. */
struct done fake_call_done(struct fake_call *call);
/* Delivers, or keeps while held; the call may be gone afterwards. */
void fake_call_complete(
    struct fake_call *call, int result, const void *value, const struct err *err);
/* Delivers now, held or not; a later real completion is dropped. */
void fake_call_answer(
    struct fake_call *call, int result, const void *value, const struct err *err);
/* The first call that is running or held; NULL when there is none. */
struct fake_call *fake_call_find(
    const struct fake_script *script, unsigned kind, const char *id);
/* Completes with that value (copied) after a delay, UINT64_MAX: never. */
void fake_call_later(
    struct fake_call *call, struct host *host, uint64_t delay_ns, const void *value);
