#!/usr/bin/env python3
"""Chunks at home in another server's bucket beside chunks in the own volume: throughput and CPU of the
front server, and first bytes of cold ranges, with an upstream on this machine and a proxy that adds
latency where asked.

    bench/s3_home.py build/release [--size-mib 512] [--latency-ms 0]
"""
import argparse
import concurrent.futures
import os
import random
import socket
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

MIB = 1 << 20


class DelayLine:
    """A TCP relay that delivers every piece, in both directions, half the latency later."""

    def __init__(self, target, latency_s):
        host, port = target.rsplit(":", 1)
        self.target, self.half = (host, int(port)), latency_s / 2
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.endpoint = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            for source, sink in ((client, server), (server, client)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source, sink):
        line, ready = [], threading.Condition()

        def deliver():
            while True:
                with ready:
                    while not line:
                        ready.wait()
                    due, piece = line.pop(0)
                time.sleep(max(0.0, due - time.monotonic()))
                try:
                    if not piece:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    sink.sendall(piece)
                except OSError:
                    return

        threading.Thread(target=deliver, daemon=True).start()
        while True:
            try:
                piece = source.recv(256 * 1024)
            except OSError:
                piece = b""
            with ready:
                line.append((time.monotonic() + self.half, piece))
                ready.notify()
            if not piece:
                return


def cpu_of(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(server, what, amount_mib, work):
    before, begun = cpu_of(server), time.monotonic()
    work()
    seconds, cpu = time.monotonic() - begun, cpu_of(server) - before
    print(f"  {what:<44} {amount_mib / seconds:8.0f} MiB/s   {cpu / amount_mib * 1024:6.2f} CPU s/GiB",
          flush=True)


def run(server, size_mib):
    s3 = server.boto3_client(max_pool_connections=64)
    s3.create_bucket(Bucket="bench")
    count = max(1, size_mib // 64)
    bodies = [random.Random(number).randbytes(64 * MIB) for number in range(count)]

    def put(number):
        upload = s3.create_multipart_upload(Bucket="bench", Key=f"big{number}")["UploadId"]
        parts = []
        for part in range(4):
            piece = bodies[number][part * 16 * MIB:(part + 1) * 16 * MIB]
            tag = s3.upload_part(Bucket="bench", Key=f"big{number}", UploadId=upload,
                                 PartNumber=part + 1, Body=piece)["ETag"]
            parts.append({"PartNumber": part + 1, "ETag": tag})
        s3.complete_multipart_upload(Bucket="bench", Key=f"big{number}", UploadId=upload,
                                     MultipartUpload={"Parts": parts})

    def get(number):
        stream = s3.get_object(Bucket="bench", Key=f"big{number}")["Body"]
        while stream.read(4 * MIB):
            pass

    pool = concurrent.futures.ThreadPoolExecutor(4)
    measured(server, "PUT, 4 side by side, parts of 16 MiB", 64 * count,
             lambda: list(pool.map(put, range(count))))
    measured(server, "GET, one stream", 64, lambda: get(0))
    measured(server, "GET, 4 side by side", 64 * count, lambda: list(pool.map(get, range(count))))
    generator, times = random.Random(1), []
    for _ in range(100):
        at = generator.randrange(64 * MIB - 65536)
        begun = time.monotonic()
        stream = s3.get_object(Bucket="bench", Key=f"big{generator.randrange(count)}",
                               Range=f"bytes={at}-{at + 65535}")["Body"]
        stream.read(1)
        times.append(time.monotonic() - begun)
        stream.read()
    times.sort()
    print(f"  64 KiB ranges, first byte: median {times[50] * 1000:.1f} ms, 95 % {times[95] * 1000:.1f} ms")
    small = [random.Random(i).randbytes(20_000) for i in range(400)]
    many = concurrent.futures.ThreadPoolExecutor(16)
    begun = time.monotonic()
    list(many.map(lambda i: s3.put_object(Bucket="bench", Key=f"small{i}", Body=small[i]), range(400)))
    print(f"  PUT of 20,000 bytes, 16 side by side: {400 / (time.monotonic() - begun):.0f}/s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--size-mib", type=int, default=512)
    parser.add_argument("--latency-ms", type=float, default=0)
    arguments = parser.parse_args()
    os.environ["CAIRN_BINARY"] = os.path.join(arguments.build, "bin/cairn")
    from cairn_server import CairnServer
    from home_server import Upstream
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    print("own volume:")
    with CairnServer(args=["--tier", "none"], stack="") as server:
        run(server, arguments.size_mib)
    print(f"another server's bucket, {arguments.latency_ms:.0f} ms away:")
    with Upstream(with_proxy=False) as upstream:
        if arguments.latency_ms:
            line = DelayLine(upstream.server.host_port, arguments.latency_ms / 1000)
            upstream.flags[upstream.flags.index("--home-endpoint") + 1] = line.endpoint
        with CairnServer(args=upstream.flags, env=upstream.env, stack="") as server:
            run(server, arguments.size_mib)
            print(f"  packs: {len(upstream.packs())}")


if __name__ == "__main__":
    main()
