#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every scenario gives the same trace whether the simulated agent calls the cgroup model or reaches
# it as files behind FUSE. Skips (77) where nothing can be mounted.
# usage: test_fuse_traces.sh PROGRAM CATALOGUE
set -eu
program=$1
catalogue=$2
if [ ! -w /dev/fuse ]; then
    echo "skipped: /dev/fuse cannot be used"
    exit 77
fi
if [ "$(id -u)" != 0 ]; then
    echo "skipped: only root mounts without traces on the host"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for how in direct fuse; do
    if ! "$program" run "$catalogue" --cgroups "$how" --trace "$folder/$how" >"$folder/report"; then
        tail -20 "$folder/report"
        exit 1
    fi
done
if ! grep -q cgroup "$folder/direct"; then
    echo "no scenario touches a cgroup: nothing was compared"
    exit 1
fi
if ! cmp "$folder/direct" "$folder/fuse"; then
    diff "$folder/direct" "$folder/fuse" | head -20
    exit 1
fi
echo "$(wc -l <"$folder/direct") events are the same"
