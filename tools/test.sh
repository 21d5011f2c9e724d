#!/usr/bin/env bash
# Builds and runs every test. Usage: tools/test.sh [--quick] [--all] [arguments for ctest]
#   1. the whole suite, release build, io_uring where the kernel has it
#   2. the suite again on the epoll reactor (CAIRN_IO=epoll), without the same client tests on other stacks:
#      what a stack changes lies above the reactor
#   3. ASan and UBSan: unit, property, contract, fuzz replay and client tests
#   4. TSan: the tests labelled `threads`
# --quick runs the first step only. The tests labelled `ceph`, which start a Ceph cluster, are part of the
# first step with --all, and where what they test was changed (tools/ceph_wanted.sh). Each step ends with ctest's totals; skips are checked against
# tests/skips_allowed.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
quick=no
without_ceph=(-LE ceph)
if tools/ceph_wanted.sh "$@"; then without_ceph=(); fi
while [ "${1:-}" = --quick ] || [ "${1:-}" = --all ]; do
  [ "$1" = --all ] || quick=yes
  shift
done
failed=()

# run_suite NAME PRESET [ctest arguments]
run_suite() {
  local name=$1 preset=$2
  shift 2
  echo "== $name"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error "$@" || failed+=("$name")
  tools/check_skips.py "build/$preset" || failed+=("$name: skips")
}

./dev build release
if command -v npm >/dev/null; then tests/integration/prepare_clients.sh; fi
run_suite "release" release -j 2 "${without_ceph[@]}" "$@"
if [ $quick = no ]; then
  CAIRN_IO=epoll run_suite "release on epoll" release -j 2 -LE 'ceph|stack' "$@"
  ./dev build asan
  run_suite "ASan and UBSan" asan -j 2 -L 'unit|property|contract|fuzz|clients' "$@"
  ./dev build tsan --target cairn_thread_tests
  run_suite "TSan" tsan -j 2 -L threads "$@"
fi

if [ ${#failed[@]} -gt 0 ]; then
  printf 'dev test: FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "dev test: every suite passed"
