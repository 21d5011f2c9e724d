#!/usr/bin/env bash
# Writes DIRECTORY/node.env (0600), what every node of a cluster must be given alike, for systemd, compose
# and Kubernetes. An existing one is kept. Keep a copy elsewhere: without the root key nobody can read the
# data, you included. With names of hosts, such as '*.cairn-nodes.default.svc', it also makes an authority and
# a certificate for traffic between nodes: ca.crt, tls.crt and tls.key, valid for ten years.
# Usage: deploy/make_secrets.sh DIRECTORY [HOST...]
set -euo pipefail
directory=${1:?usage: deploy/make_secrets.sh DIRECTORY}
umask 077
mkdir -p "$directory"
file=$directory/node.env
shift

random_hex() { od -An -N"$1" -tx1 -v /dev/urandom | tr -d ' \n'; }

if [ -e "$file" ]; then
  echo "kept $file"
else
  cat >"$file.new" <<TEXT
CAIRN_ROOT_KEY_HEX=$(random_hex 32)
CAIRN_ROOT_ACCESS_KEY=CAIRN$(random_hex 8 | tr a-f A-F)
CAIRN_ROOT_SECRET_KEY=$(random_hex 20)
TEXT
  sync "$file.new"
  mv "$file.new" "$file"
  echo "wrote $file"
fi

[ $# -gt 0 ] || exit 0
if [ -e "$directory/tls.crt" ]; then
  echo "kept $directory/tls.crt"
  exit
fi
names=$(printf 'DNS:%s,' "$@")
options=(-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650)
openssl req "${options[@]}" -subj "/CN=cairn nodes" -keyout "$directory/ca.key" -out "$directory/ca.crt" 2>/dev/null
openssl req "${options[@]}" -subj "/CN=node" -CA "$directory/ca.crt" -CAkey "$directory/ca.key" \
  -addext "subjectAltName=${names%,}" -addext "basicConstraints=critical,CA:FALSE" \
  -keyout "$directory/tls.key" -out "$directory/tls.crt" 2>/dev/null
# Whoever has it makes nodes: further certificates come from a new authority, on all nodes.
rm "$directory/ca.key"
echo "wrote $directory/ca.crt, tls.crt and tls.key"
