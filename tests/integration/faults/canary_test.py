#!/usr/bin/env python3
"""Property: nothing of a body, a key or a secret is on disk or in the log in clear.
Method: bodies full of a canary go in by every way of writing (inline, chunked, multipart, part left
behind, copied); then every file of the data directory, while the server runs and after it stopped,
and everything it logged, is searched for the canary and for the secrets.
Negative control: names of objects are stored in clear (docs/threat-model.md), and the same search must
find one."""
import os
import pathlib
import secrets
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from cairn_server import CairnServer  # noqa: E402

MIB = 1 << 20


def holds(path, needle):
    """Whether the file holds the bytes; read in pieces that overlap."""
    with open(path, "rb") as stream:
        before = b""
        while piece := stream.read(4 * MIB):
            if needle in before + piece:
                return True
            before = piece[-len(needle):]
    return False


def files_holding(root, needle):
    found = []
    for path in sorted(p for p in pathlib.Path(root).rglob("*") if p.is_file()):
        try:
            if holds(path, needle):
                found.append(str(path))
        except FileNotFoundError:
            continue  # The catalog retires files while it runs.
    return found


def write_everywhere(server, canary, name):
    s3 = server.boto3_client()
    s3.create_bucket(Bucket="canary")
    line = canary + b"\n"
    small, large = line * 100, line * (8 * MIB // len(line))
    s3.put_object(Bucket="canary", Key=name, Body=small)
    s3.put_object(Bucket="canary", Key="large", Body=large)
    s3.copy_object(Bucket="canary", Key="copied", CopySource="canary/large")
    upload = s3.create_multipart_upload(Bucket="canary", Key="parts")["UploadId"]
    part = s3.upload_part(Bucket="canary", Key="parts", UploadId=upload, PartNumber=1, Body=large)
    s3.complete_multipart_upload(Bucket="canary", Key="parts", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    left = s3.create_multipart_upload(Bucket="canary", Key="left")["UploadId"]
    s3.upload_part(Bucket="canary", Key="left", UploadId=left, PartNumber=1, Body=small)
    try:
        s3.put_object(Bucket="canary", Key="refused", Body=large, ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    except s3.exceptions.ClientError:
        pass
    assert s3.get_object(Bucket="canary", Key="large")["Body"].read() == large


def main():
    canary = b"canary-" + secrets.token_hex(16).encode()
    name = "name-" + secrets.token_hex(16)
    access_log = "--access-log"
    with CairnServer(args=(access_log, "-")) as server:
        write_everywhere(server, canary, name)
        problems = [f"canary in {path}" for path in files_holding(server.data, canary)]
        if not files_holding(server.data, name.encode()):
            problems.append("negative control: the search does not even find an object's name")
        root_key = pathlib.Path(server.data, "keys/root.key")
        mode = os.stat(root_key).st_mode & 0o777
        if mode != 0o600:
            problems.append(f"{root_key} has mode {mode:o}")
        secret = server.secret_key.encode()
        environment = pathlib.Path(f"/proc/{server.process.pid}/environ").read_bytes()
        arguments = pathlib.Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        if secret in arguments:
            problems.append("the secret key is in argv")
        if secret in environment:
            problems.append("the secret key is still in the environment of the process")
        log = server.log().encode()
        if secret in log or canary in log or root_key.read_bytes().strip() in log:
            problems.append("a secret or a body is in the log")
        server.stop()
        problems += [f"canary in {path} after the stop"
                     for path in files_holding(server.data, canary)]
        for path in files_holding(server.data, secret):
            problems.append(f"the root secret is in {path}")
    print(f"{len(problems)} problems")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
