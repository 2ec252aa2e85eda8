#!/usr/bin/env bash
# npm test: all tests. Options are Vitest's: npm test -- FILE runs that file.
# The tests on real servers mostly wait, and each set of servers has the usual ports. So where they are required and it can be done (root), parts of them run in
# networks of their own beside the others, on servers of their own. What measures seconds runs at last, by itself.
set -uo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 0 ] || [ "${REQUIRE_REAL:-}" != 1 ] || ! unshare --net --mount true 2>/dev/null; then exec vitest run "$@"; fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# The tests start the programs a thousand times, each from two hundred files: what Node compiles of these is kept until the end.
export NODE_COMPILE_CACHE="$dir/compiled"
status=0
vitest run --project deploy --project unit --project sandbox || status=1
echo "|real| in three parts"
declare -A running
for part in faults pods; do
  mkdir -p "$dir/$part/samba"
  cp /etc/hosts "$dir/$part/hosts"
  REAL_PART=$part unshare --net --mount bash -c '
    ip link set lo up && mkdir -p /run/samba && mount --bind "$1/samba" /run/samba && mount --bind "$1/hosts" /etc/hosts || exit 1
    vitest run --project real
    one=$?
    [ "$REAL_PART" = faults ] || exit "$one"
    REAL_PART= TWO_SERVERS=1 vitest run --project real test/e2e/two-servers.test.ts test/e2e/discovery.test.ts test/contract/read-only.test.ts && exit "$one"
  ' part "$dir/$part" >"$dir/$part/log" 2>&1 &
  running[$part]=$!
done
REAL_PART=rest vitest run --project real || status=1
for part in faults pods; do
  wait "${running[$part]}" || status=1
  cat "$dir/$part/log"
done
REAL_PART=alone vitest run --project real || status=1
exit "$status"
