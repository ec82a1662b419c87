#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A shell on the mounted file system, as the README has it, and bad input. Skips (77) where nothing
# can be mounted.
# usage: test_mount.sh PROGRAM
set -eu
program=$1
if [ ! -w /dev/fuse ] || [ "$(id -u)" != 0 ]; then
    echo "skipped: /dev/fuse cannot be used"
    exit 77
fi
folder=$(mktemp -d)
mount=$folder/cg
socket=$folder/cg.sock
mkdir "$mount"
trap 'umount -l "$mount" 2>/dev/null || true; rm -rf --one-file-system "$folder"' EXIT

fail() {
    echo "failed: $*"
    exit 1
}
# is WHAT EXPECTED GOT
is() {
    [ "$2" = "$3" ] || fail "$1: expected \"$2\", got \"$3\""
}
ctl() {
    "$program" cgroupfs-control "$socket" "$@"
}
# refused MESSAGE ARGUMENT...
refused() {
    expected=$1
    shift
    status=0
    message=$("$program" cgroupfs "$@" 2>&1) || status=$?
    is "status of $*" 2 "$status"
    is "message of $*" "seatrial cgroupfs: $expected" "$message"
}
# within_a_minute COMMAND...
within_a_minute() {
    waited=0
    until "$@"; do
        [ "$((waited += 1))" -le 600 ] || return 1
        sleep 0.1
    done
}
unmounted() {
    ! grep -q " $mount " /proc/self/mounts
}
# ended SAID
ended() {
    ! kill -0 "$(sed 's/^pid \([0-9]*\) .*/\1/' "$1")" 2>/dev/null
}
gone() {
    within_a_minute unmounted || fail "$1: still mounted"
}

refused '--hierarchy is missing: expected v1, v2 or hybrid' "$mount"
refused '--hierarchy "v3": expected v1, v2 or hybrid' --hierarchy v3 "$mount"
refused '--kernel "5.4": expected 6.1, 6.12 or 6.18' --hierarchy v2 --kernel 5.4 "$mount"
refused '--controllers "cpu,foo": expected names such as cpu,cpuset,memory,pids,io or blkio, by commas' \
    --hierarchy v2 --controllers cpu,foo "$mount"
refused '--cpus "0": expected a number from 1 to 256' --hierarchy v2 --cpus 0 "$mount"
refused 'the mount point is missing' --hierarchy v2
refused "$folder/none: ENOENT" --hierarchy v2 "$folder/none"
refused "$folder: not empty" --hierarchy v2 "$folder"
refused '/proc: something is mounted there already' --hierarchy v2 /proc
refused 'unknown option --nope: expected one of those that --help lists' --nope
refused "--control: $folder/none/x: ENOENT" --hierarchy v2 --control "$folder/none/x" --foreground \
    "$mount"
gone "after a refusal"
# A socket at which somebody serves is refused; a server that is about to end is waited for.
# listener FATE: listens and, once somebody has connected, goes on or ends
listener() {
    python3 - "$socket" "$1" <<'END' &
import os, select, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
listener.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
select.select([listener], [], [])
if sys.argv[2] == "goes on":
    time.sleep(100)
os.unlink(sys.argv[1])
END
    pid=$!
    until [ -S "$socket" ]; do sleep 0.01; done
}
if command -v python3 >/dev/null; then
    listener "goes on"
    refused "--control: $socket: somebody listens there" --hierarchy v2 --control "$socket" "$mount"
    kill "$pid"
    wait "$pid" 2>/dev/null || true
    rm "$socket"
    listener ends
    "$program" cgroupfs --hierarchy v2 --control "$socket" "$mount" >"$folder/said" ||
        fail "a server that ended was in the way"
    umount "$mount"
    gone "after a server that ended"
fi
# Where /dev/fuse is no such device.
if unshare -m true 2>/dev/null; then
    status=0
    message=$(unshare -m sh -c 'mount --bind /dev/null /dev/fuse && exec "$@"' - \
        "$program" cgroupfs --hierarchy v2 --foreground "$mount" 2>&1) || status=$?
    is "status without /dev/fuse" 2 "$status"
    case $message in
    *fuse*) ;;
    *) fail "message without /dev/fuse: $message" ;;
    esac
fi

"$program" cgroupfs --hierarchy v2 --kernel 6.12 --control "$socket" "$mount" >"$folder/said"
refused "$mount: something is mounted there already" --hierarchy v2 "$mount"
cd "$mount"
echo "+memory +pids" >cgroup.subtree_control
is subtree_control "memory pids" "$(cat cgroup.subtree_control)"
mkdir a
echo 16M >a/memory.max
is memory.max 16777216 "$(cat a/memory.max)"
is spawn '{"pid":2000001,"ok":true}' "$(ctl '{"op":"spawn","cgroups":["a"]}')"
is alloc '{"killed":true,"ok":true}' "$(ctl '{"op":"alloc","pid":2000001,"bytes":33554432}')"
is oom "oom_kill 1" "$(grep oom_kill a/memory.events)"
is spawn '{"pid":2000002,"ok":true}' "$(ctl '{"op":"spawn","cgroups":["a"]}')"
echo 1 >a/cgroup.freeze
is frozen "populated 1 frozen 1" "$(tr '\n' ' ' <a/cgroup.events | sed 's/ $//')"
rmdir a 2>/dev/null && fail "a populated cgroup was removed"
echo 1 >a/cgroup.kill
is killed "populated 0" "$(head -1 a/cgroup.events)"
rmdir a
[ ! -e a ] || fail "a is still there"

# A real process joins, and leaves by ending.
mkdir real
sleep 100 &
pid=$!
echo "$pid" >real/cgroup.procs
is procs "$pid" "$(cat real/cgroup.procs)"
kill "$pid"
wait "$pid" 2>/dev/null || true
within_a_minute grep -q "populated 0" real/cgroup.events || fail "ended: still populated"

# A peer that leaves in the middle of a command has said nothing; others are served.
if command -v python3 >/dev/null; then
    python3 - "$socket" <<'END'
import socket, sys
for part in (b'{"op":"spawn","cgroups":["real"]', b'{"op":"mkd', b''):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[1])
    peer.sendall(part)
    peer.close()
END
    is "after peers that vanished" "" "$(cat real/cgroup.procs)"
    ctl '{"op":"ping"}' >/dev/null || fail "no answer after peers that vanished"
fi
# Bad commands are answered, and the mount stays healthy.
status=0
answer=$(ctl '{"op":"spwan"}') || status=$?
is "a failed command" 1 "$status"
is "an unknown command" '{"ok":false,"error":"EINVAL","message":"op \"spwan\": there is no such command; did you mean \"spawn\"?"}' "$answer"
ctl '{' >/dev/null && fail "a broken line was accepted"
ctl '{"op":"fault","operation":"read","path":"real/*","error":"EIO"}' >/dev/null
cat real/cgroup.events 2>/dev/null && fail "a fault did not strike"
ctl '{"op":"unfault"}' >/dev/null
cat real/cgroup.events >/dev/null
cd "$folder"
umount "$mount"
gone "after umount"

# Who mounts at once where another server has just been left keeps the mount, though it has the id
# of the one before.
for _ in 1 2 3 4 5; do
    "$program" cgroupfs --hierarchy v2 "$mount" >"$folder/said"
    umount "$mount"
    "$program" cgroupfs --hierarchy v2 "$mount" >"$folder/second"
    within_a_minute ended "$folder/said" || fail "the first server did not end"
    sleep 0.1 # for its guard, which would have unmounted
    unmounted && fail "a server's guard unmounted the next mount"
    umount "$mount"
    within_a_minute ended "$folder/second" || fail "the second server did not end"
done

# A snapshot is the whole state: contents of all files, processes, time.
"$program" cgroupfs --hierarchy v2 --clock virtual --control "$socket" "$mount" >"$folder/said"
echo "+memory +cpu" >"$mount/cgroup.subtree_control"
mkdir "$mount/a" "$mount/b"
echo 64M >"$mount/a/memory.max"
chmod 0600 "$mount/a/memory.max"
ctl '{"op":"spawn","cgroups":["a"]}' '{"op":"alloc","pid":2000001,"bytes":1048576}' \
    '{"op":"burn","pid":2000001,"s":3}' '{"op":"advance","s":1}' >/dev/null
before=$(ctl '{"op":"dump","files":true}')
ctl '{"op":"snapshot","name":"s"}' >/dev/null
rmdir "$mount/b"
mkdir "$mount/c"
echo max >"$mount/a/memory.max"
ctl '{"op":"advance","s":1}' '{"op":"exit","pid":2000001}' >/dev/null
[ "$before" != "$(ctl '{"op":"dump","files":true}')" ] || fail "the dump does not show changes"
ctl '{"op":"restore","name":"s"}' >/dev/null
is "the restored state" "$before" "$(ctl '{"op":"dump","files":true}')"
[ -e "$mount/b" ] || fail "b did not come back"
[ ! -e "$mount/c" ] || fail "c did not go"
mkdir "$mount/c"
is "a restored file" 67108864 "$(cat "$mount/a/memory.max")"
ctl '{"op":"restore","name":"none"}' >/dev/null && fail "a snapshot that never was"
umount "$mount"
gone "after the snapshot"

# A server that is killed leaves nothing.
"$program" cgroupfs --hierarchy v1 --kernel 6.1 "$mount" >"$folder/said"
mkdir "$mount/memory/m"
kill -9 "$(sed 's/^pid \([0-9]*\) .*/\1/' "$folder/said")"
gone "after SIGKILL"
"$program" cgroupfs --hierarchy v2 --controllers memory,io "$mount" >"$folder/said"
is "only some controllers" "io memory" "$(cat "$mount/cgroup.controllers")"
umount "$mount"
gone "after --controllers"
"$program" cgroupfs --hierarchy hybrid "$mount" >"$folder/said"
[ -e "$mount/unified/cgroup.controllers" ] || fail "hybrid has no unified"
kill "$(sed 's/^pid \([0-9]*\) .*/\1/' "$folder/said")"
gone "after SIGTERM"
echo "passed"
