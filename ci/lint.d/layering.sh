# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Dependencies point one way; layering.txt says which.

check() {
    c_files | { grep -v '/tests/' || true; } | c_code |
        awk -v table="$LINT_TABLES/layering.txt" '
            BEGIN {
                rules = 0
                while ((getline line < table) > 0) {
                    if (split(line, field) < 3 || line ~ /^#/)
                        continue
                    folder[rules] = field[1] "/"
                    unknown[rules++] = field[2]
                }
            }
            match($0, /#[ \t]*include[ \t]*"[^"]*"/) {
                split($0, place, ":")
                path = substr($0, RSTART, RLENGTH)
                gsub(/^[^"]*"|"$/, "", path)
                for (i = 0; i < rules; i++) {
                    if (index(place[1], folder[i]) != 1)
                        continue
                    count = split(unknown[i], prefix, ",")
                    for (k = 1; k <= count; k++)
                        if (index(path, prefix[k]) == 1)
                            print place[1] ":" place[2] ": " folder[i] " must not include " path
                }
            }'
}

bad() {
    mkdir -p reference/base reference/isolators fakes
    printf '%s\n' '#include <stdio.h>' '#include "fakes/host/sim_host.h"' >reference/host.h
    printf '%s\n' '# include "reference/mesos/mesos.h"' >reference/isolators/a.c
    printf '%s\n' '#include "scenarios/engine/run.h"' >fakes/a.c
}

expected() {
    printf '%s\n' \
        'fakes/a.c:1: fakes/ must not include scenarios/engine/run.h' \
        'reference/host.h:2: reference/ must not include fakes/host/sim_host.h' \
        'reference/isolators/a.c:1: reference/isolators/ must not include reference/mesos/mesos.h'
}

good() {
    mkdir -p reference/mesos/tests reference/isolators fakes
    printf '%s\n' '#include "fakes/host/sim_host.h"' >reference/mesos/tests/test_a.c
    printf '%s\n' '/* #include "fakes/a.h" */' '#include "reference/base/err.h"' >reference/isolators/a.c
    printf '%s\n' '#include "reference/host.h"' >fakes/a.c
}
