#!/usr/bin/env bash
# Runs a script under the virtual environment that holds the newest boto3, or says that it is missing.
python="$(dirname "$0")/../../../build/clients/venv/bin/python"
if ! "$python" -c 'import boto3' 2>/dev/null; then
  echo "SKIPPED: boto3_newest: PyPI was not reached"
  exit 0
fi
exec "$python" "$@"
