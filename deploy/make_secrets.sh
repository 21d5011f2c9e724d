#!/usr/bin/env bash
# Writes DIRECTORY/node.env (0600), what every node of a cluster must be given alike, for systemd, compose
# and Kubernetes. An existing one is kept. Keep a copy elsewhere: without the root key nobody can read the
# data, you included. Usage: deploy/make_secrets.sh DIRECTORY
set -euo pipefail
directory=${1:?usage: deploy/make_secrets.sh DIRECTORY}
umask 077
mkdir -p "$directory"
file=$directory/node.env
if [ -e "$file" ]; then
  echo "kept $file"
  exit
fi

random_hex() { od -An -N"$1" -tx1 -v /dev/urandom | tr -d ' \n'; }

cat >"$file.new" <<TEXT
CAIRN_ROOT_KEY_HEX=$(random_hex 32)
CAIRN_ROOT_ACCESS_KEY=CAIRN$(random_hex 8 | tr a-f A-F)
CAIRN_ROOT_SECRET_KEY=$(random_hex 20)
TEXT
sync "$file.new"
mv "$file.new" "$file"
echo "wrote $file"
