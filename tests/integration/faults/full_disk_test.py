#!/usr/bin/env python3
"""Property: on a full disk writes are refused with a clear answer, reads and deletes go on, and writes
work again once space is freed, without a restart; nothing that was acknowledged is lost.
Method: a loop-mounted file system is filled through the server and emptied again, several times."""
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from botocore.exceptions import ClientError

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "conformance"), str(HERE.parents[1] / "crash/server")]
from cairn_server import CairnServer  # noqa: E402
from conformance import Signer  # noqa: E402
from crash_case import Session  # noqa: E402

MIB = 1 << 20
IMAGE_BYTES = 1600 * MIB
BODY_BYTES = 24 * MIB
CYCLES = 2
REFUSALS = ((507, "InsufficientStorage"), (503, "SlowDown"))
FREED_WITHIN_SECONDS = 90
SMALL_BYTES = 16000  # Inline: these fill the catalog, beyond the reserve of the chunk volumes.
SMALL_COUNT_MAX = 60000
SMALL_THREADS = 8


def body_of(number):
    return random.Random(number).randbytes(BODY_BYTES)


def fill(s3, stored, start):
    """Puts bodies until one is refused; returns the status and code of the refusal."""
    for number in range(start, start + IMAGE_BYTES // BODY_BYTES + 2):
        try:
            s3.put_object(Bucket="full", Key=str(number), Body=body_of(number))
            stored.append(number)
        except ClientError as refused:
            return (refused.response["ResponseMetadata"]["HTTPStatusCode"],
                    refused.response["Error"]["Code"])
    return None


def small_body(key):
    return random.Random(key).randbytes(SMALL_BYTES)


def fill_small(server, stored):
    """Puts small bodies from several threads until each was refused; returns the refusals seen."""
    refusals = set()

    def put_some(thread):
        session = Session(server)
        for number in range(SMALL_COUNT_MAX // SMALL_THREADS):
            key = f"small/{thread}/{number}"
            status, answer = session.request("PUT", f"/full/{key}", small_body(key))
            if status != 200:
                code = answer.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()
                refusals.add((status, code))
                return
            stored.append(key)
    threads = [threading.Thread(target=put_some, args=(i,)) for i in range(SMALL_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refusals


def check_small(server, stored, sample):
    """What is wrong with `sample` of the small objects, by random."""
    session, problems = Session(server), []
    for key in random.Random(9).sample(stored, min(sample, len(stored))):
        status, body = session.request("GET", f"/full/{key}")
        if status != 200 or body != small_body(key):
            problems.append(f"small object {key}: status {status}, {len(body)} bytes")
    return problems


def refill(s3, numbers):
    """Whether new bodies of these numbers all go in before the deadline. Their bytes are nowhere in
    the store: a body that is there already needs no space and would prove nothing."""
    deadline = time.monotonic() + FREED_WITHIN_SECONDS
    left = list(numbers)
    while left and time.monotonic() < deadline:
        try:
            s3.put_object(Bucket="full", Key=str(left[0]), Body=body_of(left[0]))
            left.pop(0)
        except ClientError:
            time.sleep(0.5)  # The collector gives space back within a minute.
    return not left


def fill_catalog(server, s3, stored, small):
    """Full to the last, catalog included; then most is deleted, and writes of both kinds must go on.
    What is left is in `stored` and `small`."""
    fill(s3, stored, 50000)
    refusals = fill_small(server, small)
    print(f"{len(small)} small objects, refusals {refusals}", flush=True)
    problems = check_small(server, small, 500)
    if not refusals or any(refusal not in REFUSALS for refusal in refusals):
        problems.append("small objects end in another way than by a refusal")
    gone, session = stored[4:], Session(server)
    s3.delete_objects(Bucket="full", Delete={"Objects": [{"Key": str(n)} for n in gone]})
    del stored[4:]
    for key in small[500:]:
        if session.request("DELETE", f"/full/{key}")[0] != 204:
            problems.append(f"small object {key} cannot be deleted")
            break
    del small[500:]
    again = range(60000, 60000 + len(gone) // 4)
    if not refill(s3, again):
        problems.append(f"{FREED_WITHIN_SECONDS} s after deletes of most there is no space")
    stored += again
    late = "small/late"
    if session.request("PUT", f"/full/{late}", small_body(late))[0] != 200:
        problems.append("no small object goes in after the deletes")
    small.append(late)
    return problems


def words_to_announced_body(server, key):
    """The server's first words to the head of an upload whose client waits for them."""
    host, _, port = server.host_port.rpartition(":")
    head = Signer(server.access_key, server.secret_key).sign(
        "PUT", f"/full/{key}", "", {"host": server.host_port}, "UNSIGNED-PAYLOAD")
    head.update({"content-length": str(BODY_BYTES), "expect": "100-continue"})
    text = f"PUT /full/{key} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in head.items())
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(text.encode() + b"\r\n")
        return connection.recv(4096).split(b"\r\n")[0].decode()


def run(server):
    s3 = server.boto3_client()
    s3.create_bucket(Bucket="full")
    stored, problems = [], []
    for cycle in range(CYCLES):
        refusal = fill(s3, stored, 1000 * (cycle + 1))
        print(f"cycle {cycle}: {len(stored)} objects, refusal {refusal}", flush=True)
        if refusal not in REFUSALS:
            problems.append(f"cycle {cycle}: refusal was {refusal}")
            break
        # What was just refused for want of room is not asked for again at once.
        words = words_to_announced_body(server, "announced")
        if refusal[0] == 507 and not words.startswith("HTTP/1.1 507"):
            problems.append(f"cycle {cycle}: a full disk answered {words!r} before the body")
        for number in random.Random(cycle).sample(stored, min(4, len(stored))):
            if s3.get_object(Bucket="full", Key=str(number))["Body"].read() != body_of(number):
                problems.append(f"cycle {cycle}: object {number} differs on a full disk")
        gone = stored[:len(stored) // 2]
        s3.delete_objects(Bucket="full", Delete={"Objects": [{"Key": str(n)} for n in gone]})
        del stored[:len(gone)]
        # All that was deleted comes back, but for one body: log files are not filled to the last.
        again = range(1000 * (cycle + 1) + 500, 1000 * (cycle + 1) + 500 + len(gone) - 1)
        if not refill(s3, again):
            problems.append(f"cycle {cycle}: {FREED_WITHIN_SECONDS} s after deletes their space is "
                            "not all back")
            break
        stored += again
    small = []
    problems += fill_catalog(server, s3, stored, small)
    server.restart()
    problems += check_small(server, small, len(small))
    s3 = server.boto3_client()
    for number in stored:
        if s3.get_object(Bucket="full", Key=str(number))["Body"].read() != body_of(number):
            problems.append(f"object {number} is lost or differs after a restart")
    return problems


def main():
    if os.geteuid() != 0 or not os.path.exists("/dev/loop-control"):
        print("SKIPPED: full_disk: needs root and loop devices")
        return 0
    work = pathlib.Path(tempfile.mkdtemp(prefix="cairn-full."))
    image, mount = work / "image", work / "mount"
    mount.mkdir()
    with open(image, "wb") as out:
        out.truncate(IMAGE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    try:
        with CairnServer(data=str(mount / "data"), cores=1) as server:
            problems = run(server)
            if problems:
                print(server.log()[-4000:])
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)
        shutil.rmtree(work, ignore_errors=True)
    print("\n".join(problems) if problems else "full disk: nothing stuck, nothing lost")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
