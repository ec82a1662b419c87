/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NVIDIA GPUs of the machine, as the driver tells of them in /proc and /dev (so that no library
 * of NVIDIA is needed), and who has which of them.
 */
#pragma once

#include "reference/cgroups/device.h"
#include "reference/flags.h"
#include "reference/host.h"

struct gpu {
    uint32_t major;
    uint32_t minor;
    char *owner; /* id of a container; NULL: free */
};
struct gpu_pool {
    struct gpu *items; /* those that may be given away, by minor */
    size_t count;
};

/*
 * Those of --nvidia_gpu_devices, as many as the agent's resources have; without either all that are
 * there. -ENODEV: there is no driver. -EINVAL names the flag.
 */
int gpu_pool_open(
    struct host *host, const struct flags *flags, struct gpu_pool *ret_pool, struct err *err);
void gpu_pool_close(struct gpu_pool *pool);
size_t gpu_pool_owned(const struct gpu_pool *pool, const char *owner);
/* The lowest free one; NULL: none is left. */
struct gpu *gpu_pool_take(struct gpu_pool *pool, const char *owner);
/* That very one; -EBUSY: somebody has it, -ENODEV: it is not in the pool. */
int gpu_pool_take_this(
    struct gpu_pool *pool, uint32_t minor, const char *owner, struct err *err);
/* The first one of the owner, to be freed by gpu_release; NULL: it has none. */
struct gpu *gpu_pool_first(struct gpu_pool *pool, const char *owner);
void gpu_release(struct gpu *gpu);

/* nvidiactl, nvidia-uvm and nvidia-uvm-tools, as far as they are there; NULL-terminated, static. */
extern const char *const gpu_control_paths[];
