/* SPDX-License-Identifier: Apache-2.0 */
/* The removal of docker containers that have ended, or that nobody wants any more. */
#include <errno.h>

#include "reference/base/log.h"
#include "reference/docker/docker_container.h"

#define REMOVE_AGAIN_NS NS_PER_SEC
#define CUT_OFF_ATTEMPTS 6u /* after 1, 2, 4, … s */

struct docker_removal {
    struct list node;
    struct docker_containerizer *docker;
    char *names[2];
    size_t next;                    /* index of the name to be removed next */
    struct docker_running *running; /* may still make what is to be removed; NULL: it can't */
    unsigned attempts;              /* that are left, whoever may make it */
    uint64_t pause_ns;              /* before the next of them */
    bool removed;                   /* docker has said so at last */
    struct host_request *request;   /* a delay, or the removal of one name */
};

/* --- docker run under way --- */

static void running_free(struct docker_running *running)
{
    host_cancel(running->request);
    free(running);
}

void docker_running_drop(struct docker_running *running)
{
    if (!running)
        return;
    running->container = NULL;
    if (!running->removal)
        running_free(running);
}

void docker_running_ended(struct docker_running *running)
{
    running->request = NULL;
    if (running->container)
        running->container->run = NULL;
    if (running->removal)
        running->removal->running = NULL;
    running_free(running);
}

/* --- removals --- */

static void removal_free(struct docker_removal *removal)
{
    list_remove(&removal->node);
    host_cancel(removal->request);
    if (removal->running)
        running_free(removal->running);
    free(removal->names[0]);
    free(removal->names[1]);
    free(removal);
}

void docker_removals_free(struct docker_containerizer *docker)
{
    list_for_each_safe(node, following, &docker->removals)
        removal_free(list_entry(node, struct docker_removal, node));
}

static void removal_next(struct docker_removal *removal);

static void removal_due(void *arg, int result)
{
    struct docker_removal *removal = arg;
    removal->request = NULL;
    if (result < 0)
        return;
    if (removal->removed && !removal->running && removal->attempts == 0)
        removal->next++;
    removal->removed = false;
    removal_next(removal);
}

static void removed(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_removal *removal = arg;
    (void)value;
    removal->request = NULL;
    if (result == -ESHUTDOWN)
        return;
    if (removal->running || removal->attempts > 1) {
        /* docker run has perhaps not made it yet: newer CLIs say of what is not there that it was
         * removed, when it is by force */
        removal->removed = result == 0;
        removal->attempts -= removal->attempts > 0;
        removal->request =
            host_timer(removal->docker->host, removal->pause_ns, removal_due, removal);
        removal->pause_ns *= removal->attempts > 0 ? 2 : 1;
        return;
    }
    if (result < 0)
        log_warning("%s", err_text(err));
    removal->next++;
    removal_next(removal);
}

static void removal_next(struct docker_removal *removal)
{
    if (removal->next == ARRAY_SIZE(removal->names) || !removal->names[removal->next])
        removal_free(removal);
    else
        removal->request = docker_rm(removal->docker->docker, removal->names[removal->next], true,
            DONE(removed, removal));
}

static struct docker_removal *removal_new(
    struct docker_containerizer *docker, const char *name, const char *second, uint64_t delay_ns)
{
    struct docker_removal *removal = mem_alloc(sizeof(*removal));
    removal->docker = docker;
    removal->names[0] = str_dup(name);
    removal->names[1] = str_dup(second);
    removal->pause_ns = REMOVE_AGAIN_NS;
    list_append(&docker->removals, &removal->node);
    removal->request = host_timer(docker->host, delay_ns, removal_due, removal);
    return removal;
}

void docker_remove_later(struct docker_container *container)
{
    removal_new(container->docker, container->name, container->executor_name,
        container->docker->options.remove_delay_ns);
}

void docker_remove_unwanted(struct docker_container *container)
{
    const char *name = container->executor_name ? container->executor_name : container->name;
    struct docker_removal *removal = removal_new(container->docker, name, NULL, 0);
    removal->running = container->run;
    container->run->removal = removal;
}

void docker_remove_cut_off(struct docker_containerizer *docker, const char *name)
{
    struct docker_removal *removal = removal_new(docker, name, NULL, REMOVE_AGAIN_NS);
    removal->attempts = CUT_OFF_ATTEMPTS;
}
