#!/usr/bin/env bash
# The main job on real input: a model goes in through aws-cli, comes back whole and by parallel
# ranges, byte for byte; a second copy costs no disk; nothing of it is on disk in clear; and it
# survives kill -9. Usage: tools/demo.sh CAIRN_BINARY
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
  "$binary" serve --data "$work/data" --listen 127.0.0.1:0 >"$work/ready" 2>"$work/log" &
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

say "Upload through aws-cli"
"${aws[@]}" s3 mb s3://models >/dev/null
empty=$(disk_bytes)
began=$(seconds)
"${aws[@]}" s3 cp --no-progress "$model" s3://models/isnet-fp16.onnx
rate "$size" "$began"
first=$(disk_bytes)
echo "disk: $(mib "$empty") before, $(mib "$first") after"

say "Read back whole"
began=$(seconds)
"${aws[@]}" s3 cp --no-progress s3://models/isnet-fp16.onnx "$work/whole"
rate "$size" "$began"
[ "$(sha256sum "$work/whole" | cut -d' ' -f1)" = "$sum" ] && echo "SHA-256 equal"

say "Read back by 8 parallel ranges"
link=$("${aws[@]}" s3 presign s3://models/isnet-fp16.onnx)
began=$(seconds)
step=$(((size + 7) / 8)) pids=()
for part in 0 1 2 3 4 5 6 7; do
  curl -fsS -r "$((part * step))-$(((part + 1) * step - 1))" -o "$work/range.$part" "$link" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
cat "$work"/range.? >"$work/ranges"
rate "$size" "$began"
[ "$(sha256sum "$work/ranges" | cut -d' ' -f1)" = "$sum" ] && echo "SHA-256 equal"

say "A second copy costs no disk"
"${aws[@]}" s3 cp --no-progress "$model" s3://models/copies/second.onnx
second=$(disk_bytes)
echo "disk: $(mib "$first") with one copy, $(mib "$second") with two"
[ $((second - first)) -lt $((size / 50)) ] || {
  echo "demo: the second copy took $(mib $((second - first)))" >&2
  exit 1
}

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
aws=("${aws[0]}" --endpoint-url "$url")
"${aws[@]}" s3 cp --no-progress s3://models/copies/second.onnx "$work/again"
[ "$(sha256sum "$work/again" | cut -d' ' -f1)" = "$sum" ] && echo "SHA-256 equal"

stop_server
say "demo: all of it held"
