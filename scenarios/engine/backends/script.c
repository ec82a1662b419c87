/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/backends/script.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/mem.h"

int script_run(const char *what, const char *script, struct err *err)
{
    _cleanup_free_ char *command =
        str_printf("PATH=$PATH:/usr/sbin:/sbin; set -e; exec 2>&1 </dev/null\n%s", script);
    char line[200] = "";
    FILE *stream = popen(command, "re");
    int status;

    if (!stream)
        return err_errno(err, -errno, "%s: run a shell", what);
    while (fgets(line, sizeof(line), stream))
        line[strcspn(line, "\n")] = '\0';
    status = pclose(stream);
    return status == 0 ? 0 : err_set(err, -EIO, "%s: %s", what, line);
}

/* What it mounts is seen by nobody else. */
static bool child_works(int namespaces, const char *script)
{
    struct err err = ERR_INIT;

    if (unshare(namespaces) < 0 || ((namespaces & CLONE_NEWNS) &&
                                       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        return false;
    return script_run("probe", script, &err) == 0;
}

bool script_works(int namespaces, const char *script)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(!child_works(namespaces, script));
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

bool script_once(int *answer, bool (*ask)(void))
{
    if (*answer < 0)
        *answer = ask();
    return *answer;
}
