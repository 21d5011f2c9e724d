#!/usr/bin/env bash
# Runs the comparisons and prints the table. Usage: bench/run.sh BUILD_DIRECTORY [arguments of
# bench/compare.py]. The servers are pinned to core 0 and the load to core 1.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 bench/compare.py --build "$@"
