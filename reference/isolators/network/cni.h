/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of network/cni: the isolator, what it keeps on disk, its calls of plugins. */
#pragma once

#include "reference/isolators/isolator.h"

struct network_cni {
    struct isolator base;
    bool configured; /* plugins and configurations are given */
    bool metrics;
    bool fixed_roots; /* root file systems are read-only: nothing can be made in them */
    char *root;      /* state: <root>/<container>/<network>/<interface>/ */
    char *configs;
    char **plugins;
    char *plugins_text; /* as CNI_PATH */
    json_t *default_dns;
    struct strmap *containers; /* id -> struct cni_container * */
    struct list operations;    /* struct cni_operation that run */
};

struct cni_network {
    char *name;
    char *interface; /* eth0 … */
    json_t *config;  /* what the plugin gets */
    json_t *result;  /* what it gave; NULL: not attached, as far as we know */
    bool attached;   /* ADD was called */
    struct network_info info;
};

struct cni_container {
    char *id;
    pid_t pid;         /* of the init; 0 before isolate */
    bool on_disk;      /* it has a directory, perhaps with a handle and nothing else */
    bool joins;        /* it has no network of its own: its parent's */
    char *hostname;
    struct cni_network *networks; /* none: the host's, or its parent's */
    size_t networks_count;
};

/* <root>/<id>[/…]; owned. file may be NULL. */
char *cni_path(const struct network_cni *cni, const char *id, const char *file);
struct cni_container *cni_container_new(struct network_cni *cni, const char *id);
void cni_container_free(struct cni_container *container); /* NULL is fine */
struct cni_network *cni_container_add(struct cni_container *container, const char *name);

/* network_cni_state.c: what outlives the agent. */
int cni_state_write_config(
    struct network_cni *cni, const char *id, const struct cni_network *network, struct err *err);
int cni_state_write_result(
    struct network_cni *cni, const char *id, const struct cni_network *network, struct err *err);
/* Rebuilds the container from its directory; NULL when it has none. */
struct cni_container *cni_state_read(struct network_cni *cni, const char *id);

/*
 * network_cni_attach.c. Attaches every network one after the other, then fills the files and sets
 * the host name. The container must stay until done is called.
 */
void cni_attach(struct network_cni *cni, struct cni_container *container, struct done done);
/* Detaches what was attached; takes the container, and frees it at the end. Its directory goes when
 * all of it went well. */
void cni_detach(struct network_cni *cni, struct cni_container *container, struct done done);
void cni_operations_end(struct network_cni *cni); /* of an agent that goes */
