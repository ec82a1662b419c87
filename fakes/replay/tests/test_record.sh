#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Records a trace on the kernel below, and replays it on the model. Skips (77) without pids of v1.
# usage: test_record.sh PROGRAM
set -eu
program=$1
root=/sys/fs/cgroup
if [ "$(id -u)" != 0 ] || ! mkdir "$root/pids/seatrial-probe-$$" 2>/dev/null; then
    echo "skipped: no hierarchy of pids in which cgroups can be made"
    exit 77
fi
rmdir "$root/pids/seatrial-probe-$$"
folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
cat >"$folder/script" <<EOF2
{"n":0,"op":"header","kernel":"6.18.0","hierarchy":"v1","cpus":1,"flags":["pids"],"defs":{}}
{"n":1,"op":"section","name":"one"}
{"n":2,"op":"mkdir","path":"pids/a"}
{"n":3,"op":"wr","path":"pids/a/pids.max","data":"2\n"}
{"n":4,"op":"proc","name":"P1"}
{"n":5,"op":"write","path":"pids/a/cgroup.procs","data":"\$P1\n"}
{"n":6,"op":"cgof","name":"P1","hier":"pids"}
{"n":7,"op":"child","name":"P2","parent":"P1"}
{"n":8,"op":"child","name":"P3","parent":"P1"}
{"n":9,"op":"read","path":"pids/a/pids.events"}
{"n":10,"op":"awrite","name":"P1","path":"pids/a/pids.max","text":"x\u00a0"}
{"n":11,"op":"rmdir","path":"pids/a"}
{"n":12,"op":"exit","name":"P2","code":"3"}
{"n":13,"op":"write","path":"pids/a/none","data":"x"}
{"n":14,"op":"end"}
EOF2
"$program" --on-kernel "$root" --record "$folder/trace" "$folder/script" >"$folder/said"
[ "$(tail -1 "$folder/said")" = "12 operations recorded" ] || { cat "$folder/said"; exit 1; }
for line in '"op":"child","name":"P3","parent":"P1","result":"-EAGAIN"' \
    '"op":"read","path":"pids/a/pids.events","result":0,"out":"max 1\n"' \
    '"op":"cgof","name":"P1","hier":"pids","result":0,"out":"/a\n"' \
    '"data":"x","stage":"open","result":"-ENOENT"' '"op":"rmdir","path":"pids/a","result":"-EBUSY"'
do
    grep -qF -- "$line" "$folder/trace" || { echo "missing: $line"; cat "$folder/trace"; exit 1; }
done
"$program" "$folder/trace"
# What is above is written only on a machine of the trace's own, which only a real one can be.
status=0
"$program" --whole-machine "$folder/trace" 2>"$folder/said" || status=$?
if [ "$status" != 2 ] || ! grep -q -- "--whole-machine goes with --on-kernel" "$folder/said"; then
    echo "--whole-machine on the model: exit $status"
    cat "$folder/said"
    exit 1
fi
