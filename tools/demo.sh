#!/usr/bin/env bash
# The main job on real input: a model goes in through cairn, once more through aws-cli without a
# byte of its body, a changed copy as its changes; it comes back by parallel ranges, byte for byte; a
# second copy costs no disk; nothing of it is on disk in clear; and it survives kill -9.
# Usage: tools/demo.sh CAIRN_BINARY
set -euo pipefail
binary=$(readlink -f "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/tmp}/cairn-demo.XXXXXX")
server_pid=
stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "-${1:-TERM}" "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}
trap 'stop_server; rm -rf "$work"' EXIT

say() { printf '\n== %s\n' "$*"; }
seconds() { date +%s.%N; }
# rate BYTES START: MB/s since START.
rate() { python3 -c 'import sys,time; n,t=float(sys.argv[1]),time.time()-float(sys.argv[2]); print(f"{n/1e6:.0f} MB in {t:.2f} s, {n/1e6/t:.0f} MB/s")' "$1" "$2"; }
disk_bytes() { du -sB1 "$work/data" | cut -f1; }
mib() { echo "$(($1 / 1048576)) MiB"; }

start_server() {
  : >"$work/ready"
  "$binary" serve --data "$work/data" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
    >"$work/ready" 2>"$work/log" &
  server_pid=$!
  for _ in $(seq 200); do
    url=$(sed -n 's/^ready //p' "$work/ready")
    [ -n "$url" ] && return
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.05
  done
  cat "$work/log" >&2
  echo "demo: the server did not start" >&2
  exit 1
}

say "Fetching real model weights"
model=$(tools/fetch_model.sh build/models)
size=$(stat -c %s "$model")
sum=$(sha256sum "$model" | cut -d' ' -f1)
echo "$(basename "$model"): $size bytes, SHA-256 $sum"

export CAIRN_ROOT_ACCESS_KEY=demo CAIRN_ROOT_SECRET_KEY=demo-secret-key-of-this-run-only
export AWS_ACCESS_KEY_ID=$CAIRN_ROOT_ACCESS_KEY AWS_SECRET_ACCESS_KEY=$CAIRN_ROOT_SECRET_KEY
export AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
start_server
aws=(/usr/bin/aws --endpoint-url "$url")
command -v /usr/bin/aws >/dev/null || aws=(aws --endpoint-url "$url")

# cairn's own client asks the same server; its progress shows where standard error is a terminal.
export AWS_ENDPOINT_URL=$url HOME=$work
# Body bytes of requests that carry data: PutObject, UploadPart and the native door.
received() {
  local address
  address=$(sed -n 's/^address=//p' "$work/data/admin.token")
  curl -fsS "http://$address/metrics" | awk '/^cairn_request_body_bytes_total.*direction="in"/ && !/CompleteMultipartUpload/ { sum += $2 } END { printf "%d", sum }'
}
# sent BEFORE: what the server received since then.
sent() { echo "$(($(received) - $1)) body bytes sent"; }

say "First upload: stock aws-cli"
"$binary" mb s3://models
empty=$(disk_bytes) before=$(received) began=$(seconds)
"${aws[@]}" s3 cp --no-progress "$model" s3://models/isnet-fp16.onnx
rate "$size" "$began"
sent "$before"
first=$(disk_bytes)
echo "disk: $(mib "$empty") before, $(mib "$first") after (256 MiB are held back for when the disk is full, and log"
echo "  files take their space 64 MiB ahead)"

say "The same again by stock aws-cli: the server has the bytes, none is sent"
before=$(received) began=$(seconds)
"${aws[@]}" s3 cp --no-progress "$model" s3://models/copies/second.onnx
rate "$size" "$began"
again=$(($(received) - before))
echo "$again body bytes sent"
[ "$again" = 0 ] || {
  echo "demo: aws-cli sent $again bytes of a body that was there" >&2
  exit 1
}

say "And by cairn cp, which asks by names of chunks"
before=$(received) began=$(seconds)
"$binary" cp "$model" s3://models/copies/third.onnx
rate "$size" "$began"
sent "$before"
echo "  (pieces around the ends of aws-cli's parts, which cairn cuts elsewhere)"
second=$(disk_bytes)
echo "disk: $(mib "$first") with one copy, $(mib "$second") with three"
[ $((second - first)) -lt $((size / 50)) ] || {
  echo "demo: two more copies took $(mib $((second - first)))" >&2
  exit 1
}

say "A copy with 1 MiB changed in 3 places and 100 bytes inserted: only what is new is sent"
python3 - "$model" "$work/changed.onnx" <<'PYTHON'
import pathlib, random, sys
body = bytearray(pathlib.Path(sys.argv[1]).read_bytes())
for share in (0.2, 0.5, 0.8):
    at = int(len(body) * share)
    body[at:at + (1 << 20)] = random.randbytes(1 << 20)
body[1000:1000] = random.randbytes(100)
pathlib.Path(sys.argv[2]).write_bytes(body)
PYTHON
before=$(received) began=$(seconds)
"$binary" cp "$work/changed.onnx" s3://models/changed.onnx
rate "$size" "$began"
delta=$(($(received) - before))
echo "$delta body bytes sent"
[ "$delta" -lt $((8 * 1048576)) ] || {
  echo "demo: the changed copy cost $(mib "$delta")" >&2
  exit 1
}

say "Parallel download: cairn cp"
began=$(seconds)
"$binary" cp s3://models/isnet-fp16.onnx "$work/whole"
rate "$size" "$began"
[ "$(sha256sum "$work/whole" | cut -d' ' -f1)" = "$sum" ] && echo "SHA-256 equal"
"$binary" cp s3://models/changed.onnx "$work/changed.back"
cmp "$work/changed.onnx" "$work/changed.back" && echo "the changed copy is equal, too"

say "As versions of a model: cairn push and pull"
mkdir "$work/model"
ln "$model" "$work/model/model.onnx" 2>/dev/null || cp "$model" "$work/model/model.onnx"
echo '{"classes": 1}' >"$work/model/config.json"
"$binary" push "$work/model" s3://models/isnet:v1
echo '{"classes": 2}' >"$work/model/config.json"
before=$(received)
"$binary" push "$work/model" s3://models/isnet:v2
sent "$before"
"$binary" pull s3://models/isnet:v2 "$work/pulled"
"$binary" models s3://models

say "Nothing of it is on disk in clear"
python3 - "$model" "$work/data" <<'PYTHON'
import pathlib, sys
body = pathlib.Path(sys.argv[1]).read_bytes()
probes = [body[at:at + 32] for at in range(1 << 16, len(body), len(body) // 64)]
probes = [p for p in probes if len(set(p)) > 8]
for path in sorted(p for p in pathlib.Path(sys.argv[2]).rglob("*") if p.is_file()):
    data = path.read_bytes()
    if any(probe in data for probe in probes):
        sys.exit(f"demo: plaintext of the model found in {path}")
print(f"{len(probes)} probes of 32 bytes, none found in any file of the data directory")
PYTHON

say "kill -9, start again, read again"
stop_server KILL
start_server
export AWS_ENDPOINT_URL=$url
"$binary" cp s3://models/copies/second.onnx "$work/again"
[ "$(sha256sum "$work/again" | cut -d' ' -f1)" = "$sum" ] && echo "SHA-256 equal"

stop_server
say "demo: all of it held"
