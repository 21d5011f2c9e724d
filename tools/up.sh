#!/usr/bin/env bash
# Serves ./data on http://127.0.0.1:9000, and once it is ready prints the credentials and a first
# command to paste. Usage: tools/up.sh CAIRN_BINARY [arguments of `cairn serve`]
set -euo pipefail
binary=$1
shift
data=${CAIRN_DATA:-$PWD/data}

show_first_steps() {
  local url=$1 access=${CAIRN_ROOT_ACCESS_KEY:-} secret=${CAIRN_ROOT_SECRET_KEY:-}
  if [ -z "$access" ]; then
    access=$(sed -n 's/^AWS_ACCESS_KEY_ID=//p' "$data/credentials")
    secret=$(sed -n 's/^AWS_SECRET_ACCESS_KEY=//p' "$data/credentials")
  fi
  cat <<TEXT

Cairn serves $url with its data in $data.
Credentials (kept in $data/credentials):

  export AWS_ACCESS_KEY_ID=$access
  export AWS_SECRET_ACCESS_KEY=$secret
  export AWS_DEFAULT_REGION=us-east-1

A first session, with those three lines pasted (any S3 client works: aws --endpoint-url $url ...):

  export AWS_ENDPOINT_URL=$url
  alias cairn=$binary
  cairn mb s3://models
  cairn cp README.md s3://models/
  cairn ls s3://models/

Stop it with Ctrl-C.
TEXT
}

# The server's standard output is watched for its `ready` line; everything is passed on.
coproc server { exec "$binary" serve --data "$data" --listen 127.0.0.1:9000 "$@"; }
server_pid=$server_PID
trap 'kill -TERM "$server_pid" 2>/dev/null || true' INT TERM
while IFS= read -r line <&"${server[0]}"; do
  echo "$line"
  case $line in "ready "*) show_first_steps "${line#ready }" ;; esac
done
wait "$server_pid"
