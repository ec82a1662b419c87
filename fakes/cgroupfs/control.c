/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/cgroupfs/control.h"

#include <errno.h>

#include "reference/base/mem.h"

int control_new(struct cgroupfs *fs, const struct kernel_config *config, const char *path,
    struct control **ret_control, struct err *err)
{
    (void)fs, (void)config, (void)ret_control;
    return err_errno(err, -EOPNOTSUPP, "%s", path);
}
void control_free(struct control *control)
{
    (void)control;
}
nfds_t control_poll(struct control *control, struct pollfd *fds, nfds_t capacity)
{
    (void)control, (void)fds, (void)capacity;
    return 0;
}
void control_serve(struct control *control, const struct pollfd *fds, nfds_t count)
{
    (void)control, (void)fds, (void)count;
}
