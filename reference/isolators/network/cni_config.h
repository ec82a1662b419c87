/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What network/cni reads and writes: configurations of networks, results of plugins, and the files
 * hosts and resolv.conf that follow from them (isolators.md 12).
 */
#pragma once

#include "reference/host.h"
#include "reference/model/config.h"

/* The reserved key of a configuration's "args", under which plugins find the NetworkInfo. */
#define CNI_ARGS_KEY "org.apache.mesos"

/*
 * The configuration of that name among the files of a directory; new reference. Files that are no
 * configuration are logged and passed over, so are those whose plugin is in none of `plugins`.
 * -ENOENT: there is none of that name.
 */
int cni_config_find(struct host *host, const char *directory, char *const *plugins,
    const char *name, json_t **ret_config, struct err *err);
/* The plugin's path; owned. NULL: none of the directories has it. */
char *cni_plugin_path(struct host *host, char *const *plugins, const char *type);
/* Puts the NetworkInfo into the configuration. -EINVAL when the reserved key is taken. */
int cni_config_add_network(
    json_t *config, const struct network_info *network, struct err *err);

/* Addresses of a result ("ips" of CNI 0.3 and later, "ip4" and "ip6" before it), as IPAddress of
 * NetworkInfo: IPv4 without its prefix length, IPv6 as the plugin gave it. New reference. */
json_t *cni_result_addresses(const json_t *result);
/* resolv.conf of a DNS section (of a result, or of the flag): domain, search, options, nameserver
 * in this order. Owned; "" when it says nothing. */
char *cni_resolv_conf(const json_t *dns);
/* The DNS that --default_container_dns has for the network: of its name, else without any.
 * Borrowed; NULL: none. */
const json_t *cni_default_dns(const json_t *flag, const char *network);
