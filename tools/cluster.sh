#!/usr/bin/env bash
# A cluster to try on this machine; see tools/cluster.py. Usage: tools/cluster.sh CAIRN_BINARY up|down|demo [...]
set -euo pipefail
CAIRN_BINARY=$(readlink -f "$1")
export CAIRN_BINARY PYTHONDONTWRITEBYTECODE=1
shift
cd "$(dirname "$0")/.."
if [ "${1:-}" = demo ]; then
  echo "== Fetching real model weights"
  model=$(tools/fetch_model.sh build/models)
  shift
  exec /usr/bin/python3 tools/cluster.py demo "$model" "$@"
fi
exec /usr/bin/python3 tools/cluster.py "$@"
