#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: test_runtime.sh SEATRIAL SCENARIOS
#
# Each runtime that is installed plays scenarios: what every one of them must do passes, what a bundle
# has no word for is skipped and not failed, and a rule that it breaks is a failure. A runtime that
# is not there is bad usage. Exit: 77 when this machine can't (no root, no runtime).
set -euo pipefail

readonly SEATRIAL=$1 CATALOGUE=$2/catalogue
failures=0
found=0

# expect RUNTIME STATUS TEXT ARGUMENT...: how the run ends, and what its last lines hold.
expect() {
    local runtime=$1 status=$2 text=$3 said got=0
    shift 3
    said=$("$SEATRIAL" run --backend "oci:$runtime" "$@" 2>&1) || got=$?
    if [[ $got != "$status" || $said != *"$text"* ]]; then
        printf '%s %s: exit %d, expected %d and "%s":\n%s\n' "$runtime" "$*" "$got" "$status" "$text" "$said"
        failures=$((failures + 1))
    fi
}

skip() {
    printf 'skipped: %s\n' "$1"
    exit 77
}

[[ $(id -u) == 0 ]] || skip "only root makes containers by a runtime"
for runtime in crun runc; do
    command -v "$runtime" >/dev/null || continue
    found=$((found + 1))
    expect "$runtime" 0 " 0 failed" "$CATALOGUE/launch/exit-status.yaml" "$CATALOGUE/launch/twice.yaml" \
        "$CATALOGUE/operations/kill.yaml"
    expect "$runtime" 0 "oci:$runtime has no word for commands before that of the container" \
        --only "a pre-exec command runs before the workload" "$CATALOGUE/launch/launch-info.yaml"
    expect "$runtime" 1 "expected p and agent to have one mnt namespace, but they have two" \
        --only "from inside: without an isolator of namespaces [launcher=linux]" \
        "$CATALOGUE/namespaces/cells.yaml"
done
expect no-such-runtime 2 "such as oci:crun that is installed" "$CATALOGUE/launch"
((found > 0)) || skip "neither crun nor runc is installed"
exit $((failures > 0))
