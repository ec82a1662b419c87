# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The top of the repository is the map of the project: nothing else stands there.

readonly TOP_LEVEL=" CMakeLists.txt CMakePresets.json README.md LICENSE reference fakes bpf scenarios bench ci "

check() {
    local name
    for name in *; do
        [[ -e $name && $name != build* && $name != compile_commands.json ]] || continue
        [[ $TOP_LEVEL == *" $name "* ]] || echo "$name:1: does not belong at the top of the repository"
    done
}

bad() {
    mkdir reference tools
    : >notes.txt
}

expected() {
    printf '%s\n' \
        'notes.txt:1: does not belong at the top of the repository' \
        'tools:1: does not belong at the top of the repository'
}

good() {
    mkdir reference ci build .ci
    : >README.md
}
