#!/usr/bin/python3
"""Uploads by the native protocol: what is sent and how long it takes, against hashing the file once.

    bench/native.py BUILD [SIZE_MIB] [RUNS]     # build/release, 2048, 5

One server (all cores), one client (all cores), the file in the page cache. Bytes are those of request bodies as
the server counts them. "Hash once" is OpenSSL's SHA-256 over the file, one part of it on each core, reading included.
Prints one JSON object; medians of RUNS.
"""
import hashlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "integration"))
from cairn_server import CairnServer  # noqa: E402

MIB = 1024 * 1024


class Bench:
    def __init__(self, build, size, runs):
        self.driver = os.path.join(build, "tests/integration/transfer_driver")
        self.size, self.runs = size, runs
        self.cores = len(os.sched_getaffinity(0))
        self.directory = tempfile.mkdtemp(prefix="cairn-bench-")
        self.path = os.path.join(self.directory, "file")
        self.out = {"size_bytes": size, "cores": self.cores, "runs": runs}

    def write(self, prefix=b"", changes=()):
        """The same noise each time, with pieces of other noise at `changes`."""
        source = random.Random(1)
        with open(self.path, "wb") as file:
            file.write(prefix)
            for at in range(0, self.size, 64 * MIB):
                file.write(source.randbytes(min(64 * MIB, self.size - at)))
            for number, at in enumerate(changes):
                file.seek(at)
                file.write(random.Random(100 + number).randbytes(MIB))
        os.utime(self.path, (1, 1))

    def hash_once(self):
        def work(begin, end):
            digest = hashlib.sha256()
            with open(self.path, "rb", buffering=0) as file:
                file.seek(begin)
                buffer = bytearray(MIB)
                while begin < end:
                    count = file.readinto(memoryview(buffer)[:min(MIB, end - begin)])
                    digest.update(memoryview(buffer)[:count])
                    begin += count

        part = -(-self.size // self.cores)
        begun = time.perf_counter()
        threads = [threading.Thread(target=work, args=(at, min(at + part, self.size)))
                   for at in range(0, self.size, part)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - begun

    def received(self):
        return sum(value for name, value in self.server.metrics().items()
                   if name.startswith("cairn_request_body_bytes_total") and 'direction="in"' in name)

    def command(self, key):
        return [self.driver, "put", self.server.endpoint, "bench", key, self.path, "native=1",
                f"members={self.cores}", "journal=" + os.path.join(self.directory, "journal")]

    def put(self, key):
        """(seconds, bytes sent, CPU seconds of the client)"""
        before, begun = self.received(), os.times()
        done = subprocess.run(self.command(key), env=self.server.client_env(), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        ended = os.times()
        cpu = ended.children_user + ended.children_system - begun.children_user - begun.children_system
        return json.loads(done.stdout)["seconds"], self.received() - before, cpu

    def report(self, name, results):
        self.out[name] = {"seconds": round(statistics.median(r[0] for r in results), 3),
                          "sent_bytes": int(statistics.median(r[1] for r in results)),
                          "client_cpu_seconds": round(statistics.median(r[2] for r in results), 3)}

    def repeat(self, name, key):
        self.report(name, [self.put(f"{key}-{run}") for run in range(self.runs)])

    def cut(self):
        process = subprocess.Popen(self.command("cut"), env=self.server.client_env(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        before = self.received()
        while self.received() - before < self.size / 2 and process.poll() is None:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        first = self.received() - before
        seconds, second, _ = self.put("cut")
        self.out["cut_and_resumed"] = {"sent_before_percent": round(100 * first / self.size, 2),
                                       "sent_after_percent": round(100 * second / self.size, 2),
                                       "sent_twice_bytes": int(first + second - self.size), "seconds": seconds}

    def run(self):
        with CairnServer() as self.server:
            self.s3 = self.server.boto3_client()
            self.s3.create_bucket(Bucket="bench")
            self.write()
            self.hash_once()
            self.out["hash_once_seconds"] = round(statistics.median(self.hash_once() for _ in range(self.runs)), 3)
            self.cut()
            self.s3.delete_object(Bucket="bench", Key="cut")
            new = []
            for _ in range(self.runs):
                self.server.collect_garbage()
                new.append(self.put("new"))
                self.s3.delete_object(Bucket="bench", Key="new")
            self.report("new", new)
            self.put("first")
            self.repeat("again", "again")
            self.write(changes=(self.size // 7, self.size // 2, self.size - self.size // 9))
            self.report("changed_3_MiB", [self.put("changed")])
            self.write(prefix=random.Random(2).randbytes(100))
            self.report("inserted_100_bytes", [self.put("inserted")])
            self.out["damaged"] = self.server.scrub()["damaged"]
        self.out["again_over_hash_once"] = round(self.out["again"]["seconds"] / self.out["hash_once_seconds"], 2)
        return self.out


if __name__ == "__main__":
    bench = Bench(sys.argv[1], int(sys.argv[2] if len(sys.argv) > 2 else 2048) * MIB,
                  int(sys.argv[3] if len(sys.argv) > 3 else 5))
    os.environ["CAIRN_BINARY"] = os.path.join(sys.argv[1], "bin/cairn")
    try:
        print(json.dumps(bench.run(), indent=2))
    finally:
        shutil.rmtree(bench.directory, ignore_errors=True)
