#!/usr/bin/env bash
# Every check that needs no running program. Prints each step; fails at the end if any step failed.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
step() {
  local name=$1
  shift
  echo "== $name"
  "$@" || {
    echo "lint: $name failed" >&2
    failed=1
  }
}

format_check() { git ls-files '*.cc' '*.h' | xargs clang-format-19 --dry-run --Werror; }
header_check() {
  cmake --preset dev -Wno-dev -DCMAKE_VERIFY_INTERFACE_HEADER_SETS=ON >/dev/null &&
    cmake --build --preset dev --target all_verify_interface_header_sets -- --quiet
}
tidy_check() {
  # Generated protobuf headers must exist before the analysis.
  cmake --build --preset dev --target cairn_proto -- --quiet &&
    git ls-files '*.cc' | grep -vE '^(tests|bench)/' |
    xargs -P "$(nproc)" -n 4 clang-tidy-19 -p build/dev --quiet 2>/dev/null
}
shell_check() { git ls-files '*.sh' dev .ci/run | xargs -n 1 bash -n; }
python_check() { git ls-files '*.py' | xargs python3 -m py_compile; }

step "clang-format" format_check
step "include arrows" tools/layer_check.py
step "lengths" tools/length_report.py
step "documents" tools/docs_check.py
step "shell syntax" shell_check
step "python syntax" python_check
step "self-contained headers" header_check
step "clang-tidy" tidy_check
[ $failed = 0 ] && echo "lint: clean"
exit $failed
