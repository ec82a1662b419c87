# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Every scenario of the catalogue says why it is there and which behaviours it covers.

check() {
    tree_files | { grep -E '^scenarios/catalogue/.*\.ya?ml$' || true; } | on_files awk '
        function close_scenario() {
            if (at > 0 && !why) print file ":" at ": the scenario has no why"
            if (at > 0 && !covers) print file ":" at ": the scenario has no covers"
            at = why = covers = 0
        }
        FNR == 1 || /^---/ { close_scenario() }
        FNR == 1 { file = FILENAME }
        /^scenario:/ { at = FNR }
        /^why:[ \t]*[^ \t]/ { why = 1 }
        /^covers:[ \t]*([^ \t\[]|\[[ \t]*[^ \t\]])/ || /^covers:[ \t]*$/ { covers = 1 }
        END { close_scenario() }'
}

bad() {
    mkdir -p scenarios/catalogue/launch
    printf '%s\n' 'scenario: a' 'covers: []' 'steps: []' >scenarios/catalogue/launch/a.yaml
    printf '%s\n' 'why: b' 'scenario: b' 'covers: [MC-1]' '---' 'scenario: c' 'covers:' '  - MC-2' \
        >scenarios/catalogue/launch/b.yaml
}

expected() {
    printf '%s\n' \
        'scenarios/catalogue/launch/a.yaml:1: the scenario has no why' \
        'scenarios/catalogue/launch/a.yaml:1: the scenario has no covers' \
        'scenarios/catalogue/launch/b.yaml:5: the scenario has no why'
}

good() {
    mkdir -p scenarios/catalogue/launch
    printf '%s\n' 'scenario: a' 'why: a rule' 'covers: [MC-1]' >scenarios/catalogue/launch/a.yaml
    printf '%s\n' '- launch: {id: c1}' >scenarios/catalogue/launch/fragment.yaml
}
