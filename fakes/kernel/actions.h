/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workload language: a container's command is `seatrial-workload ACTION…`, a list of actions
 * played in order. The simulated kernel plays it (workload.c); in a real container the static
 * program in scenarios/workload plays the same list. It is plain text so that it also reads well in
 * a shell:
 *
 *     seatrial-workload alloc:64MiB burn:2s/40% spawn:[sleep:10s;exit:3] sleep:1s exit:0
 *
 * An argument is one action, WORD:WHAT. A list in brackets holds actions between semicolons; in
 * it a text ends at the ";" or the "]" of the list, unless a backslash stands before it (also "\\"
 * and "\n"; brackets in pairs need none). Durations are numbers, also with a fraction, of ns, us,
 * ms, s, m or h; sizes are plain bytes or B, KiB, MiB, GiB.
 *
 * What happens at the end of the list: exit with status 0. An action that fails writes a line to
 * stderr and ends with status 1, unless said otherwise.
 *
 * This file is a pure parser without other dependencies than libc.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum action_kind {
    ACTION_SLEEP, /* sleep:DURATION; sleep:forever */
    /* burn:DURATION of CPU time; burn:forever; burn:2s/40%: that share in system calls */
    ACTION_BURN,
    ACTION_ALLOC,  /* alloc:SIZE, touched */
    ACTION_FREE,   /* free:SIZE */
    ACTION_SPAWN,  /* spawn:[ACTION;…] a child that plays them */
    ACTION_SETSID, /* setsid: */
    ACTION_DAEMON, /* daemon:[ACTION;…] double fork: a grandchild adopted by init (setsid only if
                      told) */
    /* thread:[ACTION;…] plays beside the rest; exit and die in it end the whole process, and so
     * does the end of the main list */
    ACTION_THREAD,
    ACTION_WAIT,   /* wait: until all its children have ended and are reaped */
    ACTION_IGNORE, /* ignore:TERM,INT (a signal's name without SIG) */
    ACTION_HANDLE, /* handle:TERM=exit:0  or handle:TERM=[…] actions played when it comes, instead
                      of the rest */
    ACTION_KILL,   /* kill:parent|self|PID=SIGNAL; pids as in its own pid namespace */
    ACTION_WRITE,  /* write:PATH=TEXT  (relative: in the working directory); creates, truncates */
    ACTION_APPEND, /* append:PATH=TEXT */
    ACTION_READ,   /* read:PATH  copies it to stdout; a failure ends with exit 1 and a message on
                      stderr */
    ACTION_ECHO,  /* echo: copies its input to its output until the input ends */
    ACTION_PRINT,  /* print:TEXT a line to stdout; error:TEXT a line to stderr */
    ACTION_ERROR,
    /* forks:N tries to have N children that sleep for ever; prints "forks: COUNT" */
    ACTION_FORK_UNTIL,
    ACTION_LISTEN,     /* listen:PORT tcp */
    ACTION_REPORT,     /* report:PATH writes what it sees as JSON (ns inodes, cgroups, mounts, ids,
                          caps, …) */
    ACTION_OPEN,       /* open:PATH=r|w|rw  tries; prints "open PATH: ok" or the errno's name */
    /* mkcgroup:NAME below its own cgroup, and moves in: in each v1 hierarchy where it is not in the
     * root, or in the v2 one when there is no such */
    ACTION_MKCGROUP,
    ACTION_LINK, /* link:PATH=TARGET a symbolic link in the place of what is at PATH */
    /* try:mount PATH (a tmpfs), try:trace PID, try:signal PID, try:device b 7:0 (makes and opens a
     * node), try:hang PATH (mounts a file system there that answers nobody), try:connect
     * ADDRESS:PORT (TCP, stays connected), try:send ADDRESS:PORT (20 KiB, until they have arrived;
     * with /SECONDS: ETIME when that took less), try:datagram ADDRESS:PORT (UDP), try:ping ADDRESS;
     * prints
     * "try mount PATH: ok" or the errno's name */
    ACTION_TRY,
    ACTION_EXPECT,     /* expect:env NAME=VALUE, expect:file PATH; ends with exit 1 and a message
                          otherwise */
    ACTION_LOOP,       /* loop:N*[ACTION;…] */
    ACTION_STOP,       /* stop: SIGSTOP to itself */
    ACTION_EXIT,       /* exit:STATUS */
    ACTION_DIE,        /* die:SIGNAL */
    ACTION_KIND_COUNT
};

#define ACTION_FOREVER UINT64_MAX

struct action {
    enum action_kind kind;
    uint64_t amount;       /* ns (or ACTION_FOREVER), bytes, count, port or status */
    unsigned percent;      /* burn: share in system calls */
    int signal;
    pid_t pid;             /* kill: 0 = self, -1 = parent, else the pid */
    char *name;            /* path, variable, name */
    char *text;            /* text; open: "r", "w", "rw"; try: what; expect: value (NULL: files) */
    struct action *actions; /* nested list */
    size_t count;
    uint64_t signals;      /* ignore: bit n = signal n, bit 0 = signal 64 */
};

/* One row per kind: the word before the colon, what follows it, and help; for parsing and
 * documentation. */
struct action_form {
    const char *word;
    const char *argument;
    const char *help;
};
extern const struct action_form action_forms[ACTION_KIND_COUNT];

/* Parses arguments (NULL-terminated). On error returns -1 with a message in error (size bytes),
 * which names the argument, the position in it and what was expected; nothing is allocated then. */
int actions_parse(const char *const *arguments, struct action **ret_actions, size_t *ret_count,
    char *error, size_t error_size);
void actions_free(struct action *actions, size_t count);
/* "TERM" or "SIGTERM" or "15" -> number; 0 when unknown. */
int action_signal(const char *name);
const char *action_signal_name(int signal); /* "TERM"; NULL when unknown */
