#!/usr/bin/env bash
# Tiers and homes on real model weights; see tools/demo_tiers.py. Usage: tools/demo_tiers.sh CAIRN_BINARY
set -euo pipefail
CAIRN_BINARY=$(readlink -f "$1")
export CAIRN_BINARY
cd "$(dirname "$0")/.."
echo "== Fetching real model weights"
model=$(tools/fetch_model.sh build/models)
exec /usr/bin/python3 tools/demo_tiers.py "$model"
