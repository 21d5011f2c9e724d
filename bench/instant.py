#!/usr/bin/env python3
"""What instant uploads cost (docs/instant-upload.md), in three parts:

decide   the first words of the server to the head of an upload, with --bodies known bodies in the index: a
         miss (`100`), and a hit, which is the whole PUT with its durable commit; small (inline) and in chunks
file     boto3's upload_file of --size bytes that are stored already, over plain HTTP, against the time that
         the client's own hash functions take over the same parts in as many threads
put      PUT of 4 KiB, closed loop: CPU time of the server a PUT, beside that of another binary (--before)

usage: bench/instant.py [--build build/release] [--bodies 10000000] [--size 1073741824] [--before CAIRN]
                        [--only decide,file,put]"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/integration/conformance")]
MIB = 1 << 20
REQUESTS = 3000
HELD = 300
THREADS = 10  # boto3's default.
PART_BYTES = 8 * MIB  # Likewise.
PUTS = 40_000
ROUNDS = 5


def percentile(values, share):
    return sorted(values)[int(share * (len(values) - 1))]


def told(name, seconds):
    print(f"{name:34} p50 {percentile(seconds, .5) * 1e6:7.0f} us  p99 {percentile(seconds, .99) * 1e6:7.0f} us",
          flush=True)


class Asker:
    """Sends heads and takes the time to the first words of the answer."""

    def __init__(self, server):
        from conformance import Signer
        self.signer = Signer(server.access_key, server.secret_key)
        self.host_port = server.host_port
        host, _, port = self.host_port.rpartition(":")
        self.address = (host, int(port))

    def ask(self, path, sha256, size):
        headers = self.signer.sign("PUT", path, "", {"host": self.host_port}, sha256)
        headers["content-length"] = str(size)
        headers["expect"] = "100-continue"
        head = f"PUT {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        with socket.create_connection(self.address) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begin = time.perf_counter()
            connection.sendall(head.encode())
            reply = connection.recv(4096)
            return time.perf_counter() - begin, int(reply.split(b" ")[1])


def decide(arguments, server):
    server.start()
    s3 = server.boto3_client()
    s3.create_bucket(Bucket="bench")
    held = {}
    for size in (4096, 1 * MIB):
        held[size] = []
        for number in range(HELD):
            body = random.Random(number).randbytes(size)
            s3.put_object(Bucket="bench", Key=f"{size}/{number}", Body=body)
            held[size].append(hashlib.sha256(body).hexdigest())
    server.stop()
    subprocess.run([arguments.build / "bench/instant_bench", pathlib.Path(server.data) / "catalog",
                    str(arguments.bodies), str(REQUESTS)], check=True)
    server.start()
    asker = Asker(server)
    for turn in ("cold", "warm"):
        times = {}
        for number in range(REQUESTS):
            for size in held:
                taken, status = asker.ask(f"/bench/new/{size}/{number}", random.choice(held[size]), size)
                assert status == 200
                times.setdefault(f"hit, {size} bytes, durable", []).append(taken)
            taken, status = asker.ask(f"/bench/new/{number}", os.urandom(32).hex(), MIB)
            assert status == 100
            times.setdefault("miss", []).append(taken)
        for name, seconds in times.items():
            told(f"{turn}: {name}", seconds)


def hash_part(path, at):
    with open(path, "rb") as file:
        file.seek(at)
        part = file.read(PART_BYTES)
    import botocore
    hashlib.sha256(part).digest()
    if tuple(int(n) for n in botocore.__version__.split(".")[:2]) >= (1, 36):
        zlib.crc32(part)
    else:
        hashlib.md5(part).digest()


def hash_alone(path, size):
    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda at: hash_part(path, at), range(0, size, PART_BYTES)))
    return time.perf_counter() - begin


def uploading(s3, path, turn):
    begin = time.perf_counter()
    s3.upload_file(path, "files", f"again-{turn}")
    return time.perf_counter() - begin


def file(arguments, server):
    import botocore
    from wire_counter import WireCounter
    server.start()
    with tempfile.NamedTemporaryFile(prefix="cairn-bench-") as source:
        generator = random.Random(1)
        for _ in range(arguments.size // MIB):
            source.write(generator.randbytes(MIB))
        source.flush()
        s3 = server.boto3_client()
        s3.create_bucket(Bucket="files")
        begin = time.perf_counter()
        s3.upload_file(source.name, "files", "first")
        print(f"boto3 {botocore.__version__}: first upload {time.perf_counter() - begin:.2f} s", flush=True)
        hashing, uploads, floors = [], [], []
        with subprocess.Popen([sys.executable, ROOT / "bench/early_answers.py"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as early:
            server.endpoint, direct = f"http://127.0.0.1:{int(early.stdout.readline())}", server.endpoint
            at_once = server.boto3_client()
            server.endpoint = direct
            for turn in range(ROUNDS):
                hashing.append(hash_alone(source.name, arguments.size))
                floors.append(uploading(at_once, source.name, turn))
                uploads.append(uploading(s3, source.name, turn))
            early.stdin.close()
        # The count of body bytes is taken apart: the proxy would be in the times.
        with WireCounter(server.host_port) as wire:
            server.endpoint, direct = wire.endpoint, server.endpoint
            server.boto3_client().upload_file(source.name, "files", "counted")
            server.endpoint = direct
            sent = wire.body_bytes()
        ratio = statistics.median(uploads) / statistics.median(hashing)
        print(f"again {statistics.median(uploads):.2f} s, hashing alone {statistics.median(hashing):.2f} s, "
              f"ratio {ratio:.2f}, {sent} body bytes sent", flush=True)
        floor = statistics.median(floors)
        print(f"to a server that answers at once {floor:.2f} s: {floor / statistics.median(hashing):.2f} x hashing; "
              f"ours is {statistics.median(uploads) / floor:.2f} x that", flush=True)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def put(arguments, _):
    """CPU time of the server is compared, which a busy machine disturbs less than the clock does."""
    from cairn_server import CairnServer
    binaries = {"now": arguments.build / "bin/cairn"}
    if arguments.before:
        binaries["before"] = arguments.before
    costs = {name: [] for name in binaries}
    for turn in range(ROUNDS):
        for name, path in sorted(binaries.items(), reverse=turn % 2 == 1):
            os.environ["CAIRN_BINARY"] = str(path)
            with CairnServer(cores=1) as server:
                server.boto3_client().create_bucket(Bucket="bench")
                begin = cpu_seconds(server.process.pid)
                subprocess.run([arguments.build / "bench/cairn_load", "put", "--port",
                                server.host_port.rpartition(":")[2], "--path", "/bench/k", "--size", "4096",
                                "--connections", "64", "--requests", str(PUTS), "--access-key",
                                server.access_key, "--secret", server.secret_key, "--hash-payload"],
                               check=True, stdout=subprocess.DEVNULL)
                costs[name].append((cpu_seconds(server.process.pid) - begin) / PUTS)
    for name, values in costs.items():
        print(f"PUT 4 KiB, {name}: {statistics.median(values) * 1e6:.1f} us of CPU, "
              f"all {[round(value * 1e6, 1) for value in values]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--bodies", type=int, default=10_000_000)
    parser.add_argument("--size", type=int, default=1 << 30)
    parser.add_argument("--before", type=pathlib.Path)
    parser.add_argument("--only", default="decide,file,put")
    arguments = parser.parse_args()
    os.environ["CAIRN_BINARY"] = str(arguments.build / "bin/cairn")
    from cairn_server import CairnServer
    for part in arguments.only.split(","):
        server = CairnServer(cores=1)
        try:
            {"decide": decide, "file": file, "put": put}[part](arguments, server)
        finally:
            server.close()


if __name__ == "__main__":
    main()
