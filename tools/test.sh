#!/usr/bin/env bash
# Builds and runs every test. Usage: tools/test.sh [--quick] [--all] [arguments for ctest]
#   1. the whole suite, release build, io_uring where the kernel has it
#   2. on the epoll reactor (CAIRN_IO=epoll) the tests labelled `reactor`: those whose sockets, files, timers
#      or streamed bodies may fare otherwise there. The others see what lies above a reactor, or no reactor.
#   3. ASan and UBSan: unit, property, contract, fuzz replay and client tests
#   4. TSan: the tests labelled `threads`
# --quick runs the first step only. The tests labelled `ceph`, which start a Ceph cluster, are part of the
# first step with --all, and where what they test was changed (tools/ceph_wanted.sh). Each step ends with
# ctest's totals and the seconds it took; skips are checked against tests/skips_allowed.txt. A few tests of
# real servers and real time may fail beside others and pass alone; they are named (tools/run_again.py).
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
# Most tests wait (for servers, timers, disks) more than they work: one takes 0.4 of a core. Under a
# sanitizer they work more.
jobs=$((2 * $(nproc)))
sanitized_jobs=$(($(nproc) + 1))

# timed NAME COMMAND...: prints how long the command took.
timed() {
  local name=$1 began=$SECONDS result=0
  shift
  echo "== $name"
  "$@" || result=$?
  echo "   $name: $((SECONDS - began)) s"
  return $result
}

# run_suite NAME PRESET JOBS [ctest arguments]
run_suite() {
  local name=$1 preset=$2 jobs=$3
  shift 3
  local result=0
  timed "$name" ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$jobs" "$@" ||
    result=$?
  tools/check_skips.py "build/$preset" || failed+=("$name: skips")
  # ctest exits with 8 when tests failed.
  if [ $result = 8 ]; then
    result=0
    timed "$name, again" tools/run_again.py "build/$preset" || result=$?
  fi
  [ $result = 0 ] || failed+=("$name")
}

# build_aside PRESET TARGET: builds in the time in which tests wait: only while none wants the processor.
aside=(chrt --idle 0)
"${aside[@]}" true 2>/dev/null || aside=(nice -n 19)
builder=
build_aside() {
  mkdir -p build
  set -m  # A process group of its own, to end it whole.
  timed "build $1" "${aside[@]}" ./dev build "$1" --target "$2" >build/aside.log 2>&1 &
  builder=$!
  set +m
}
# Waits for that build; false when it failed.
finish_build() {
  local result=0
  timed "waiting for the build" wait "$builder" || result=$?
  builder=
  cat build/aside.log
  return $result
}
trap '[ -z "$builder" ] || kill -- "-$builder" 2>/dev/null || true' EXIT

timed "build release" ./dev build release
if command -v npm >/dev/null; then tests/integration/prepare_clients.sh; fi
[ $quick = yes ] || build_aside asan cairn_memory_tests
run_suite "release" release "$jobs" "${without_ceph[@]}" "$@"
if [ $quick = no ]; then
  CAIRN_IO=epoll run_suite "release on epoll" release "$jobs" -L reactor "$@"
  finish_build && asan=built || asan=failed
  build_aside tsan cairn_thread_tests
  if [ $asan = built ]; then
    run_suite "ASan and UBSan" asan "$sanitized_jobs" -L 'unit|property|contract|fuzz|clients' "$@"
  else
    failed+=("build asan")
  fi
  if finish_build; then
    run_suite "TSan" tsan "$sanitized_jobs" -L threads "$@"
  else
    failed+=("build tsan")
  fi
fi

if [ ${#failed[@]} -gt 0 ]; then
  printf 'dev test: FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "dev test: every suite passed"
