#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a guest told is taken apart, and the splat gate's allow list. Boots nothing. Says each case
# that fails; exits 1 if any did.
set -euo pipefail
LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
failures=0
# shellcheck source=ci/lab/common.sh
source "$LAB/common.sh"
# shellcheck source=ci/lab/boot.sh
source "$LAB/boot.sh"
# shellcheck source=ci/lab/splats.sh
source "$LAB/splats.sh"

# same NAME GOT WANTED
same() {
    [[ $2 == "$3" ]] && return
    printf '%s: got "%s", expected "%s"\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}

printf '@@ begin features\r\na yes\r\n@@ end features 0\r\n@@ start 6.95\r\n@@ begin report\r\n{' >"$DIR/told"
same "a section" "$(section "$DIR/told" features)" "a yes"
same "a section without end" "$(section "$DIR/told" report)" ""
same "a mark" "$(mark "$DIR/told" start)" "6.95"

printf '[1.0] WARNING: CPU: 0 PID: 1 at mm/a.c:1\r\n[2.0] memory: Call Trace of an OOM kill\n' >"$DIR/log"
printf '2999-01-01\tmm/a\\.c\tknown\n' >"$DIR/allowed"
printf '2001-01-01\tmm/a\\.c\tknown\n' >"$DIR/expired"
: >"$DIR/none"
warning='[1.0] WARNING: CPU: 0 PID: 1 at mm/a.c:1'
same "a splat" "$(splats "$DIR/log" "$DIR/none")" "$warning"
same "an allowed splat" "$(splats "$DIR/log" "$DIR/allowed")" ""
same "an expired entry" "$(splats "$DIR/log" "$DIR/expired" 2>/dev/null)" "$warning"

printf '[1.0] Kernel panic - not syncing: x\r\n' >"$DIR/console"
same "a panic" "$(console_state "$DIR/console")" $'panic\tKernel panic - not syncing: x'
same "options of an emulated guest" "$(emulated_options 2000)" \
    "norandmaps tsc=reliable no_timer_check tsc_early_khz=2000 lpj=8000"
same "with an unknown clock" "$(emulated_options "")" "norandmaps tsc=reliable no_timer_check"
((failures == 0)) && echo "all cases hold"
