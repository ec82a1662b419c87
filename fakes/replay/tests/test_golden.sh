#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Replays the golden traces, which are not part of the repository: SEATRIAL_GOLDEN, or a folder
# beside it. Skips (77) when there are none.
# usage: test_golden.sh PROGRAM ROOT [fuse]
set -eu
program=$1
folder=${SEATRIAL_GOLDEN:-$2/../shared/golden}
through=${3:-}
set -- "$folder"/*.jsonl
if [ ! -e "$1" ]; then
    echo "skipped: no golden traces in $folder (set SEATRIAL_GOLDEN)"
    exit 77
fi
if [ "$through" != fuse ]; then
    exec "$program" "$@"
fi
if [ ! -w /dev/fuse ] || [ "$(id -u)" != 0 ]; then
    echo "skipped: only root can replay through /dev/fuse"
    exit 77
fi
mount=$(mktemp -d)
trap 'umount -l "$mount" 2>/dev/null || true; rmdir "$mount"' EXIT
"$program" --through-fuse "$mount" "$@"
