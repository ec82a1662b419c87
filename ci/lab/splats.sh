# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The splat gate: what in a kernel log fails a run, except what splats-allowed.txt lists.

readonly SPLATS='WARNING: (CPU:|possible|suspicious|bad unlock|inconsistent)|\bBUG: |kernel BUG at|Oops: |general protection fault|INFO: (task .* blocked|rcu.*stall|lockdep|possible)|rcu: INFO: .*stall|soft lockup|hard LOCKUP|KASAN: |UBSAN: |refcount_t: |Kernel panic'

# splats FILE [ALLOW]: the lines that count, one each.
splats() {
    local log=$1 table=${2:-$LAB/splats-allowed.txt} today until pattern allowed=
    today=$(date +%Y-%m-%d)
    while IFS=$'\t' read -r until pattern _; do
        [[ -z $until || $until == \#* ]] && continue
        if [[ $until < $today ]]; then
            say "splats-allowed.txt: the entry \"$pattern\" has expired on $until"
        else
            allowed+="${allowed:+|}$pattern"
        fi
    done <"$table"
    tr -d '\r' <"$log" | grep -aE "$SPLATS" | grep -avE "${allowed:-^\$}" | sort -u || true
}
