#!/usr/bin/env python3
"""Prints the S3 operations of the installed botocore's model, one a line, for tools/s3_operations.txt:
name, method, path with the query parameters that it cannot do without, and headers likewise.

    tools/s3_operations.py > tools/s3_operations.txt
"""
import gzip
import json
import pathlib

import botocore

SAMPLE = {"Bucket": "bucket", "Key": "key"}


def load_model():
    folder = pathlib.Path(botocore.__file__).parent / "data/s3/2006-03-01"
    packed = folder / "service-2.json.gz"
    if packed.exists():
        return json.loads(gzip.decompress(packed.read_bytes()))
    return json.loads((folder / "service-2.json").read_text())


def describe(model, name, operation):
    http = operation["http"]
    # {Key+} and the like; what is behind '?' is constant.
    path, _, query = http["requestUri"].partition("?")
    path = path.replace("{Bucket}", SAMPLE["Bucket"]).replace("{Key+}", SAMPLE["Key"])
    pieces = [piece for piece in query.split("&") if piece and not piece.startswith("x-id=")]
    headers = []
    shape = model["shapes"].get(operation.get("input", {}).get("shape"), {})
    for member in shape.get("required", []):
        field = shape["members"][member]
        if field.get("location") == "querystring" and field["locationName"] not in pieces:
            pieces.append(field["locationName"] + "=1")
        if field.get("location") == "header":
            headers.append(field["locationName"].lower())
    target = path + ("?" + "&".join(pieces) if pieces else "")
    return " ".join([name, http["method"], target] + headers)


def main():
    model = load_model()
    print(f"# S3 operations of botocore {botocore.__version__}; made by tools/s3_operations.py.")
    for name, operation in sorted(model["operations"].items()):
        print(describe(model, name, operation))


if __name__ == "__main__":
    main()
