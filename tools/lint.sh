#!/usr/bin/env bash
# Every check that needs no running program. Every step runs, prints what it found and how long it
# took; the last lines name the steps that failed.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()
step() {
  local name=$1 began=$SECONDS
  shift
  echo "== $name"
  "$@" || failed+=("$name")
  echo "   $((SECONDS - began)) s"
}

format_check() { git ls-files '*.cc' '*.h' | xargs clang-format-19 --dry-run --Werror; }
# The headers without a .cc of their own (cmake/CairnLibrary.cmake).
header_check() {
  cmake --preset lint -Wno-dev >/dev/null &&
    cmake --build --preset lint --target all_verify_interface_header_sets -- --quiet
}
tidy_check() {
  # Generated protobuf headers must exist before the analysis.
  cmake --build --preset lint --target cairn_proto -- --quiet && tools/tidy.py build/lint
}
shell_check() { git ls-files '*.sh' dev .ci/run | xargs -n 1 bash -n; }
python_check() { git ls-files '*.py' | xargs python3 -m py_compile; }

step "clang-format" format_check
step "include arrows" tools/layer_check.py
step "lengths" tools/length_report.py
step "documents" tools/docs_check.py
step "shell syntax" shell_check
step "units" /usr/bin/python3 tests/integration/deploy_test.py Units
step "python syntax" python_check
step "self-contained headers" header_check
step "clang-tidy" tidy_check
if [ ${#failed[@]} -gt 0 ]; then
  printf 'lint: FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "lint: clean"
