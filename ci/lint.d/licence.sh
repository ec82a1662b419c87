# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# An SPDX line within the first three lines of every file that can hold a comment; a BPF program
# says GPL as well, as the kernel demands. Files that a test feeds to a parser are left alone.

check() {
    tree_files |
        grep -Ev '(^|/)(LICENSE|\.[^/]*)$|\.(md|json|jsonl|tsv|svg|png|html|bin|gz|tar)$|/(bad|data|golden)/' |
        while IFS= read -r file; do
            licence=$(head -n 3 "$file" | tr -d '\0' |
                sed -n 's/.*SPDX-License-Identifier: *\([^*]*[^* ]\).*/\1/p' | head -n 1)
            case $file in
            *.bpf.c)
                [[ $licence == *GPL-2.0* && $licence == *BSD* ]] ||
                    echo "$file:1: the SPDX line of a BPF program says GPL-2.0 OR BSD, found '$licence'"
                ;;
            *)
                [[ $licence == *Apache-2.0* || $licence == *GPL-2.0*BSD* ]] ||
                    echo "$file:1: no SPDX line with Apache-2.0 in the first three lines"
                ;;
            esac
        done
}

bad() {
    mkdir -p bpf scenarios/catalogue
    echo 'int x;' >bpf/a.c
    printf '/* %s: Apache-2.0 */\n' 'SPDX-License-Identifier' >bpf/b.bpf.c
    echo 'scenario: x' >scenarios/catalogue/a.yaml
}

expected() {
    printf '%s\n' \
        'bpf/a.c:1: no SPDX line with Apache-2.0 in the first three lines' \
        "bpf/b.bpf.c:1: the SPDX line of a BPF program says GPL-2.0 OR BSD, found 'Apache-2.0'" \
        'scenarios/catalogue/a.yaml:1: no SPDX line with Apache-2.0 in the first three lines'
}

good() {
    mkdir -p bpf scenarios/engine/tests/bad
    printf '/* %s: Apache-2.0 */\n' 'SPDX-License-Identifier' >bpf/a.c
    printf '/* %s: GPL-2.0-only OR BSD-2-Clause */\n' 'SPDX-License-Identifier' >bpf/b.bpf.c
    printf '#!/bin/sh\n# %s: Apache-2.0\n' 'SPDX-License-Identifier' >bpf/run
    : >scenarios/engine/tests/bad/empty.yaml
}
