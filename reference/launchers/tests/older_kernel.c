/* SPDX-License-Identifier: Apache-2.0 */
/*
 * older_kernel COMMAND [ARGUMENT...]: runs a command on a kernel that seems to be Linux 5.0. The
 * calls that came since then, of which newer ways are made, answer ENOSYS to it and all its
 * children; so that the older ways are taken for real, in the agent and in the init helper.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXIT_SKIPPED 77

static const unsigned missing[] = {
    SYS_pidfd_send_signal, /* 5.1 */
    SYS_open_tree,         /* 5.2 */
    SYS_move_mount,
    SYS_fsopen,
    SYS_pidfd_open, /* 5.3 */
    SYS_clone3,
    SYS_openat2, /* 5.6 */
    SYS_close_range, /* 5.9 */
    SYS_mount_setattr, /* 5.12 */
};
#define MISSING_COUNT (sizeof(missing) / sizeof(missing[0]))

static int hide(void)
{
    struct sock_filter filter[MISSING_COUNT + 3];
    unsigned at = 0;
    filter[at++] = (struct sock_filter)BPF_STMT(
        BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (unsigned i = 0; i < MISSING_COUNT; i++)
        filter[at++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, missing[i], (unsigned char)(MISSING_COUNT - i), 0);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[at++] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    const struct sock_fprog program = {.len = (unsigned short)at, .filter = filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: older_kernel COMMAND [ARGUMENT...]\n");
        return 2;
    }
    if (geteuid() != 0) {
        printf("only root may hide system calls from set-user-id programs\n");
        return EXIT_SKIPPED;
    }
    if (hide() < 0) {
        printf("no system calls can be hidden: %s\n", strerror(errno));
        return EXIT_SKIPPED;
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "older_kernel: %s: %s\n", argv[1], strerror(errno));
    return 1;
}
