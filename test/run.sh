#!/usr/bin/env bash
# npm test: all tests. Options are Vitest's: npm test -- FILE runs that file.
# The tests on real servers mostly wait, and each set of servers has the usual ports. So where they are required and it can be done (root), half of them run in
# a network of their own beside the others, on servers of their own.
set -uo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 0 ] || [ "${REQUIRE_REAL:-}" != 1 ] || ! unshare --net --mount true 2>/dev/null; then exec vitest run "$@"; fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
vitest run --project deploy --project unit --project sandbox || status=1
echo "|real| in two halves"
mkdir "$dir/samba"
cp /etc/hosts "$dir/hosts"
REAL_HALF=apart unshare --net --mount bash -c '
  ip link set lo up && mkdir -p /run/samba && mount --bind "$1/samba" /run/samba && mount --bind "$1/hosts" /etc/hosts || exit 1
  vitest run --project real
  one=$?
  REAL_HALF= TWO_SERVERS=1 vitest run --project real test/e2e/two-servers.test.ts && exit "$one"
' half "$dir" >"$dir/log" 2>&1 &
apart=$!
REAL_HALF=rest vitest run --project real || status=1
wait "$apart" || status=1
cat "$dir/log"
exit "$status"
