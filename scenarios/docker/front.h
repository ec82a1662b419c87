/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of a real docker engine: a directory that the engine of scenarios and `seatrial-docker`
 * share. That program is the agent's --docker: it writes each command line down, lets a rule of the
 * scenario spoil the call, and else becomes the real CLI. So what goes wrong in a scenario with the
 * simulated docker goes wrong with a real one as well.
 *
 *     docker    a link to seatrial-docker, by whose place it finds the rest
 *     program   a link to the real CLI
 *     calls     the command lines, without `docker -H SOCKET`
 *     rules     what is to go wrong, a JSON object each line
 *     held.PID  a call that waits: removed, it goes on
 *     version   what `docker --version` is to say; missing: what is true
 *     refuse    exists: nobody listens on the socket
 *
 * Functions fail only when the directory is not what it should be; nobody can go on then.
 */
#pragma once

#include "reference/docker/docker.h"

enum front_fault { FRONT_HOLD, FRONT_FAIL, FRONT_GARBAGE, FRONT_DELAY };

/* As struct fake_docker_rule, in which each member is explained. */
struct front_rule {
    int verb;  /* enum docker_verb */
    int fault; /* enum front_fault */
    char *name;
    int64_t status;
    char *text;
    int64_t delay_ns;
    int64_t times;
};
extern const struct json_type front_rule_json;

/* A file of the directory; owned. */
char *front_path(const char *directory, const char *name);

void front_add_rule(const char *directory, const struct front_rule *rule);
/* The first rule that matches the call, once less from now on; false: none does. *ret_rule is to be
 * released by its table. */
bool front_take_rule(
    const char *directory, const struct docker_call *call, struct front_rule *ret_rule);
/* Does a call of that verb and name (NULL: any) wait? */
bool front_holds(const char *directory, enum docker_verb verb, const char *name);
/* Removes the holds of that verb and name (NULL: any), and lets go on what they hold. How many. */
unsigned front_release(const char *directory, enum docker_verb verb, const char *name);
/* Waits until somebody releases this call. */
void front_wait(const char *directory, const struct docker_call *call);
/* Nothing goes wrong any more. */
void front_calm(const char *directory);

void front_record(const char *directory, char *const *arguments);
char **front_lines(const char *directory); /* owned, NULL: none */
