/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of this thread by its own clock, so that waiting for a CPU or being throttled does not
 * count. */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/workload/play.h"

/* A look is two system calls, whose time is not the user's: on emulated machines, where a call is
 * dear, they were half of all. */
#define SPINS_PER_LOOK 200000

static uint64_t thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t thread_system_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)usage.ru_stime.tv_sec * 1000000000 + (uint64_t)usage.ru_stime.tv_usec * 1000;
}

static void spin_user(void)
{
    volatile unsigned counter = 0;
    while (counter < SPINS_PER_LOOK)
        counter = counter + 1;
}

/* Kernels spend their time on filling this. */
static void spin_system(void)
{
    char buffer[4096];
    syscall(SYS_getrandom, buffer, sizeof(buffer), 1);
}

void burn(uint64_t ns, unsigned percent, void (*check)(void))
{
    uint64_t start_ns = thread_ns();
    uint64_t start_system_ns = thread_system_ns();
    for (;;) {
        uint64_t done_ns = thread_ns() - start_ns;
        uint64_t system_ns = thread_system_ns() - start_system_ns;
        if (ns != ACTION_FOREVER && done_ns >= ns)
            return;
        check();
        if (percent > 0 && system_ns * 100 <= done_ns * percent)
            spin_system();
        else
            spin_user();
    }
}
