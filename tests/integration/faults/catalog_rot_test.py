#!/usr/bin/env python3
"""Property: a flipped bit anywhere in the catalog's files gives a refusal to start, an error, or the right
bytes: never other bytes, never a body that was not stored.
Method: a small store is copied for each flip; a random bit of a random catalog file is flipped; the
server is started on the copy and every object read. (Flips in the chunk volumes are exhaustive, in
tests/property.)"""
import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time

from botocore.exceptions import BotoCoreError, ClientError

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from cairn_server import CairnServer  # noqa: E402


def bodies():
    generator = random.Random(4)
    return {f"k{i}": generator.randbytes(size)
            for i, size in enumerate((0, 10, 5000, 16384, 20000, 200000) * 4)}


def flip(path, generator):
    data = bytearray(path.read_bytes())
    at = generator.randrange(len(data))
    data[at] ^= 1 << generator.randrange(8)
    path.write_bytes(data)
    return at


def outcome(data, server_of, stored):
    """'refused', or counts of right and failed reads; raises on wrong bytes."""
    server = server_of(str(data))
    try:
        server.start()
    except RuntimeError:
        server.close()
        return "refused"
    right = failed = 0
    try:
        s3 = server.boto3_client()
        for key, body in stored.items():
            try:
                if s3.get_object(Bucket="rot", Key=key)["Body"].read() != body:
                    raise AssertionError(f"{key} was served with other bytes")
                right += 1
            except (ClientError, BotoCoreError):
                failed += 1
    finally:
        server.close()
    return f"{right} right, {failed} failed"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    generator, stored = random.Random(arguments.seed), bodies()
    work = pathlib.Path(tempfile.mkdtemp(prefix="cairn-rot."))
    first = CairnServer(data=str(work / "pristine"), cores=1)

    def server_of(data):
        server = CairnServer(data=data, cores=1)
        server.access_key, server.secret_key = first.access_key, first.secret_key
        return server
    try:
        with first:
            s3 = first.boto3_client()
            s3.create_bucket(Bucket="rot")
            for key, body in stored.items():
                s3.put_object(Bucket="rot", Key=key, Body=body)
            first.restart()  # Some rows in tables, some in the log.
            s3 = first.boto3_client()
            for key in list(stored)[::2]:
                s3.put_object(Bucket="rot", Key=key, Body=stored[key])
            first.kill()
        seen = {}
        for _ in range(arguments.flips):
            copy = work / "copy"
            # The ballast holds no data: only room for a full disk.
            shutil.copytree(work / "pristine", copy, ignore=shutil.ignore_patterns("BALLAST"))
            files = sorted(p for p in (copy / "catalog").rglob("*") if p.is_file()
                           and p.stat().st_size > 0 and "LOG" not in p.name)
            victim = generator.choice(files)
            at = flip(victim, generator)
            try:
                result = outcome(copy, server_of, stored)
            except AssertionError as wrong:
                print(f"bit flipped in {victim.name} at {at}: {wrong}")
                return 1
            seen[result] = seen.get(result, 0) + 1
            shutil.rmtree(copy)
        print(seen)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
