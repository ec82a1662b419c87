/* SPDX-License-Identifier: Apache-2.0 */
/* What is written to control files: words that mean something there, or nearly. */
#include <string.h>

#include "fakes/replay/fuzz.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

const char *const fuzz_plain_values[] = {"0", "1", "2", "1\n", "-1", "-2", "max", "", "\n", " ",
    " 1", "1 ", "01", "0x10", "010", "+5", "1.5", "1k", "1K", "4096", "4097", "1M", "64M", "1G",
    "1T", "1P", "16E", "15E", "-5", "1 2", "1\n2", "abc", "1000", "999", "100000", "1000000",
    "1000001", "18446744073709551615", "18446744073709551616", "9223372036854775807",
    "9223372036854775808", "4294967295", "4294967296", "2147483647", "2147483648", "60", "100",
    "101", "200", "201", "1\t", "\t1", "1\r", "1\n\n", "0 ", "-0", "00", NULL};
static const char *const cpuset_values[] = {"0", "1", "0-1", "0,1", "1-0", "0-", "-1", "2", "0-2",
    "a", "", "\n", "0 1", ",0", "0,,1", "0-1:1/2", "all", "N", "0-N", "0-1,", "00", "0-0x1", " 0",
    "63", "64", "1024", "99999", "0\n", "0-1\n", "4294967296", "0-1:2/1", "0-31:0/1", NULL};
static const char *const device_values[] = {"a", "a *:* rwm", "b 8:0 r", "c 1:3 rwm", "c 1:* rw",
    "c *:3 m", "c *:* rwm", "b *:* m", "c 1:3 r", "c 1:3 w", "c 5:1 rw", "c 5:* r", "x 1:3 r",
    "c 1:3", "c 1:3 x", "c 1 r", "c 1:3 rr", "c  1:3 r", "c 1:3 r\n", "c 1:3  r", " c 1:3 r",
    "c -1:3 r", "c 4294967296:0 r", "c 1:3 rwmr", "all", "A", "c 1:3 rw extra", "b 8:0 rwm\n",
    "c 1:3:4 r", "c 99999999999:1 r", "c 0x1:3 r", "c 01:3 r", "", "c", "c ", "c *:*", NULL};
static const char *const freezer_values[] = {"FROZEN", "THAWED", "FROZEN\n", "THAWED\n",
    "FREEZING", "frozen", "FROZEN ", " THAWED", "1", "", "\n", "FROZENX", NULL};
static const char *const throttle_values[] = {"$DEV 1048576", "$DEV 0", "$DEV max", "$DEV 1M",
    "$DEV -1", "$DEV", "$DEV ", "$DEV x", "254:1 5", "1:3 100", "999:0 1", "8 5", ":0 1",
    "$DEV 4294967296", "$DEV 4294967295", "$DEV 18446744073709551615", "$DEV  7", " $DEV 9",
    "$DEV 5\n", "$DEV 5 6", "$DEV 0x10", "$DEV 010", "", "\n", "$DEV 18446744073709551616", NULL};
static const char *const pid_values[] = {"$P0", "$P1", "$P2", "$P0", "$P1", "$P0\n", " $P1", "$T0",
    "$T1", "-1", "abc", "", "\n", "999999999", "4294967297", "$P0 $P1", "2147483648", "0x", NULL};

static const char *const subtree_values[] = {"+cpu", "-cpu", "+memory", "-memory", "+pids",
    "-pids", "+io", "-io", "+cpuset", "-cpuset", "+hugetlb", "-hugetlb", "+misc", "+rdma",
    "+cpu +memory", "+cpu -cpu", "-cpu +cpu", "+cpu  +pids", " +cpu ", "+cpu\n", "+cpu\n+pids",
    "+cpu,+pids", "cpu", "+", "-", "+bogus", "+perf_event", "+devices", "+cpu +bogus", "+freezer",
    "", "\n", " ", "+CPU", "++cpu", "+ cpu", "\t+cpu",
    "-cpu -memory -pids -io -cpuset -hugetlb -misc -rdma", NULL};
static const char *const type_values[] = {"threaded", "threaded", "threaded\n", " threaded ",
    "domain", "domain threaded", "Threaded", "", "\n", "threadedx", NULL};
static const char *const switch_values[] = {"0", "1", "1", "0\n", "1\n", "2", "-1", "01", "+1",
    "0x1", "", "\n", "x", "1 ", " 1", "1 1", "4294967297", "18446744073709551616", "true", NULL};
static const char *const trigger_values[] = {"some 150000 2000000", "full 150000 2000000",
    "some 150000 1000000", "some 0 2000000", "some 2000001 2000000", "some 2000000 2000000",
    "some 1 2000000", "some 150000 10000000", "some 150000 10000001", "some 150000 12000000",
    "some 150000", "some", "half 1 2000000", "some 150000 2000000\n", " some 150000 2000000",
    "some 150000 2000000 x", "some  150000  2000000", "some -1 2000000", "some 0x10 2000000",
    "some 1.5 2000000", "some 150000 499999", "some 150000 500000", "some 4294967297 2000000",
    "SOME 150000 2000000", "some150000 2000000", "", "\n", "some 1 2000000x", NULL};
static const char *const bandwidth_values[] = {"max", "max 100000", "50000", "50000 100000",
    "1000", "999", "0", "-1", "max 1000", "max 999", "max 1000000", "max 1000001", "50000 x",
    "50000 100000 7", "70000.5 100000", "0x2000", "17592186044415", "17592186044416", "MAX",
    "maxx", "", "\n", " ", " 50000", "50000 ", "50000\n", "50000 -1", "max -1", "50000 0", "1e5",
    "18446744073709551615", "18446744073709551616 100000", "max 18446744073709551617",
    "50000\t20000", "50000\n20000", "+50000", "50000 +20000", NULL};
static const char *const nice_values[] = {"-20", "19", "0", "5", "-21", "20", "-1", "19\n", " 5",
    "5 ", "x", "", "0x5", "010", "-0", "+3", "2147483648", "-2147483649", "9223372036854775808",
    NULL};
static const char *const percent_values[] = {"0", "50", "50.5", "100", "100.00", "100.01", "max",
    "50.555", "-1", "1.", ".5", "", "x", "99.99\n", NULL};
static const char *const partition_values[] = {"root", "member", "isolated", "root\n", " member ",
    "Root", "", "\n", "roots", "0", "1", "root invalid", NULL};
static const char *const io_max_values[] = {"$DEV rbps=1048576", "$DEV wbps=1048576 riops=10",
    "$DEV wiops=max", "$DEV rbps=max wbps=max riops=max wiops=max", "$DEV rbps=0", "$DEV rbps=-1",
    "$DEV rbps=", "$DEV rbps", "$DEV bogus=1", "$DEV rbps=1M", "$DEV rbps=0x10", "$DEV rbps=010",
    "$DEV", "$DEV ", "$DEV riops=4294967295", "$DEV riops=4294967296", "$DEV riops=4294967297",
    "$DEV rbps=18446744073709551615", "$DEV rbps=18446744073709551616", "999:0 rbps=1",
    "1:3 rbps=1", "8 rbps=1", "rbps=1", "", "\n", " $DEV rbps=7", "$DEV  rbps=7  wbps=8",
    "$DEV rbps=7 rbps=8", "$DEV rbps=7\n", "$DEV rbps=7\n$DEV wbps=8", "$DEV rbps=7,wbps=8",
    "$DEV rbps=7 bogus", "$DEV rbps =7", "$DEV rbps= 7", "$DEV rbps=+7", "$DEV rbps=7.5",
    "$DEV target=100", "$DEV\trbps=9", "$DEV:1 rbps=9", "$DEVx rbps=9", NULL};
static const char *const io_weight_values[] = {"default 100", "default 1", "default 10000",
    "default 0", "default 10001", "100", "1", "0", "10001", "default", "default x", "default 50x",
    "Default 50", "$DEV 100", "$DEV default", "$DEV 0", "$DEV", "999:0 100", "default 50\n", " 50",
    "50 ", "50 60", "default  50", "-5", "+5", "0x10", "010", "", "\n", "$DEV x", "$DEV max",
    NULL};
static const char *const reclaim_values[] = {"0", "", "\n", "max", "x", "-1", "1 swappiness=60",
    "0 swappiness=60", "0 swappiness=201", "0 swappiness=", "0 swappiness", "0 bogus=1", "0 0",
    "0 swappiness=-1", "0 swappiness=60 swappiness=70", "swappiness=60", " 0", "0 ", "0\n",
    "0  swappiness=60", "0 swappiness=max", "0 swappiness=0x10", NULL};
static const char *const priority_values[] = {"lo 5", "lo 0", "lo 5\n", "lo", "lo x", "lo -1",
    "nosuch 5", "lo 5 6", "lo  5", " lo 5", "lo 4294967295", "lo 4294967296", "lo 0x10", "lo 010",
    "", "\n", "5", "lo 5x", "lo\t7", NULL};
static const char *const resource_values[] = {"res_a 1", "sev 0", "sev_es max", "tdx 1",
    "mlx5_0 hca_handle=2", "mlx5_0 hca_handle=max hca_object=3", "mlx5_0", "max", "0", "1", "",
    "\n", " ", "a=1", "a b", NULL};

static const struct {
    const char *part; /* of a file's name; the first that fits */
    const char *const *values;
} dictionaries[] = {
    {"cgroup.procs", pid_values},
    {"cgroup.threads", pid_values},
    {"cgroup.subtree_control", subtree_values},
    {"cgroup.type", type_values},
    {"cgroup.freeze", switch_values},
    {"cgroup.kill", switch_values},
    {"cgroup.pressure", switch_values},
    {".pressure", trigger_values},
    {"cpu.max.burst", fuzz_plain_values},
    {"cpu.max", bandwidth_values},
    {"cpu.weight.nice", nice_values},
    {"cpu.idle", switch_values},
    {"cpu.uclamp", percent_values},
    {"cpuset.cpus.partition", partition_values},
    {"io.max", io_max_values},
    {"io.weight", io_weight_values},
    {"io.latency", io_max_values},
    {"memory.reclaim", reclaim_values},
    {"memory.oom.group", switch_values},
    {"ifpriomap", priority_values},
    {"rdma.", resource_values},
    {"misc.", resource_values},
    {"tasks", pid_values},
    {"cpuset.cpus", cpuset_values},
    {"cpuset.mems", cpuset_values},
    {"devices.", device_values},
    {"freezer.state", freezer_values},
    {"_device", throttle_values},
    {"", fuzz_plain_values},
};

static char *draw_number(struct fuzz_generator *generator)
{
    static const char *const suffixes[] = {"", "", "", "k", "M", "\n", NULL};
    uint64_t number = rng_stream_next(generator->stream) >> fuzz_below(generator, 64);
    return str_printf("%s%llu%s", fuzz_below(generator, 8) ? "" : "-", (unsigned long long)number,
        fuzz_pick(generator, suffixes));
}

/* One letter more, less or another. */
static void mutate(struct fuzz_generator *generator, char **text)
{
    static const char letters[] = "0159-+ \n,:*akx.";
    size_t length = strlen(*text);
    size_t at = fuzz_below(generator, length + 1);
    char letter = letters[fuzz_below(generator, sizeof(letters) - 1)];
    unsigned how = (unsigned)fuzz_below(generator, 3);
    char *changed = how == 0 || !length
                        ? str_printf("%.*s%c%s", (int)at, *text, letter, *text + at)
                        : str_printf("%.*s%s%s", (int)(at % length), *text,
                              how == 1 ? "" : "7", *text + at % length + 1);
    free(*text);
    *text = changed;
}

char *fuzz_value(struct fuzz_generator *generator, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t i = 0;
    while (!strstr(slash, dictionaries[i].part))
        i++;
    const char *const *values = dictionaries[i].values;
    bool names = values == pid_values || strstr(values[0], "$DEV");
    if (values == fuzz_plain_values && fuzz_below(generator, 4) == 0)
        return draw_number(generator);
    char *text = str_dup(names || fuzz_below(generator, 12) ? fuzz_pick(generator, values)
                                                       : fuzz_pick(generator, fuzz_plain_values));
    if (!names && fuzz_below(generator, 8) == 0)
        mutate(generator, &text);
    return text;
}
