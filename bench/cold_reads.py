#!/usr/bin/env python3
"""Cold reads through a server whose chunks are at home in another server's bucket, behind a link of a
given bandwidth and latency: first byte of 64 KiB ranges, one GET of a whole object, and many clients that
ask for the same object at once. The link is one for all connections, and counts what it carries.

    bench/cold_reads.py build/release [--size-mib 1024] [--rate-mb 100] [--latency-ms 20] [--clients 64]
        [--stream-mb N] [--ram 256MiB]

`--stream-mb` bounds each connection too, as buckets do: only many requests at a time then fill the link.
The upstream, the link (a relay in Python), the server and the clients share this machine: where all
clients together cannot be served as fast as the link delivers, the last figure is the machine's.
"""
import argparse
import collections
import os
import random
import socket
import sys
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

MIB = 1 << 20
PIECE = 128 * 1024


class Link:
    """A relay: every piece arrives half the latency later, and answers share `rate` bytes a second."""

    def __init__(self, target, latency_s, rate, stream_rate=1e12):
        host, port = target.rsplit(":", 1)
        self.target, self.half, self.rate = (host, int(port)), latency_s / 2, rate
        self.stream_rate = stream_rate  # Of a connection.
        self.free_at = 0.0
        self.lock = threading.Lock()
        self.answer_bytes = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.endpoint = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            for source, sink, is_answer in ((client, server, False), (server, client, True)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._relay, args=(source, sink, is_answer), daemon=True).start()

    def _due(self, size, is_answer, stream):
        """When the piece arrives; `stream`: when its connection is free again."""
        now = time.monotonic()
        if not is_answer:
            return now + self.half
        with self.lock:
            self.answer_bytes += size
            self.free_at = max(self.free_at, now) + size / self.rate
            stream[0] = max(max(stream[0], now) + size / self.stream_rate, self.free_at)
            return stream[0] + self.half

    def _relay(self, source, sink, is_answer):
        line, ready, stream = collections.deque(), threading.Condition(), [0.0]

        def deliver():
            while True:
                with ready:
                    while not line:
                        ready.wait()
                    due, piece = line.popleft()
                    ready.notify()
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
                piece = source.recv(PIECE)
            except OSError:
                piece = b""
            due = self._due(len(piece), is_answer, stream)
            with ready:
                while len(line) > 64:  # What is on its way: backpressure to the sender.
                    ready.wait()
                line.append((due, piece))
                ready.notify()
            if not piece:
                return


def fetch(url, sink=None):
    """Seconds to the first byte, to the last, and the length."""
    begun, first, size = time.monotonic(), None, 0
    space = bytearray(MIB)
    with urllib.request.urlopen(url) as answer:
        while count := answer.readinto(space):
            first = first or time.monotonic() - begun
            size += count
    return first, time.monotonic() - begun, size


def metric(server, name):
    return sum(value for key, value in server.metrics().items()
               if key == name or key.startswith(name + "{"))


def rest(server):
    """Until upkeep of the home has read, over the link too, what the puts left to it."""
    last = -1
    while last != (last := metric(server, "cairn_chunk_read_bytes_total")):
        time.sleep(2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--rate-mb", type=float, default=100)
    parser.add_argument("--stream-mb", type=float, default=1e6)
    parser.add_argument("--latency-ms", type=float, default=20)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--ram", default="256MiB")
    arguments = parser.parse_args()
    os.environ["CAIRN_BINARY"] = os.path.join(arguments.build, "bin/cairn")
    from cairn_server import CairnServer
    from home_server import Upstream
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    size = arguments.size_mib * MIB
    with Upstream(with_proxy=False, with_tiers=True) as upstream:
        link = Link(upstream.server.host_port, 0, 1e12)
        upstream.flags[upstream.flags.index("--home-endpoint") + 1] = link.endpoint
        with CairnServer(args=[*upstream.flags, "--tier", "ram:" + arguments.ram], env=upstream.env,
                         stack="") as server:
            s3 = server.boto3_client(max_pool_connections=8)
            s3.create_bucket(Bucket="bench")
            generator = random.Random(7)
            for name in ("one", "many"):
                upload = s3.create_multipart_upload(Bucket="bench", Key=name)["UploadId"]
                parts = []
                for part in range(size // (16 * MIB)):
                    tag = s3.upload_part(Bucket="bench", Key=name, UploadId=upload, PartNumber=part + 1,
                                         Body=generator.randbytes(16 * MIB))["ETag"]
                    parts.append({"PartNumber": part + 1, "ETag": tag})
                s3.complete_multipart_upload(Bucket="bench", Key=name, UploadId=upload,
                                             MultipartUpload={"Parts": parts})
            s3.put_object(Bucket="bench", Key="ranges", Body=generator.randbytes(64 * MIB))
            url = {name: s3.generate_presigned_url("get_object", {"Bucket": "bench", "Key": name})
                   for name in ("one", "many", "ranges")}
            rest(server)
            link.half, link.rate = arguments.latency_ms / 2000, arguments.rate_mb * 1e6
            link.stream_rate = arguments.stream_mb * 1e6
            link.answer_bytes, times = 0, []
            for number in random.Random(1).sample(range(64 * 16), 100):
                request = urllib.request.Request(
                    url["ranges"], headers={"Range": f"bytes={number * 65536}-{number * 65536 + 65535}"})
                times.append(fetch(request)[0])
            times.sort()
            print(f"64 KiB ranges, first byte: median {times[50] * 1000:.1f} ms, "
                  f"90 % {times[90] * 1000:.1f} ms, worst {times[-1] * 1000:.1f} ms; "
                  f"link carried {link.answer_bytes / (100 * 65536):.3f} of them")
            link.answer_bytes = 0
            _, alone, got = fetch(url["one"])
            assert got == size
            print(f"one GET of {arguments.size_mib} MiB: {size / alone / 1e6:.1f} MB/s, "
                  f"{size / alone / link.rate * 100:.1f} % of the link; "
                  f"link carried {link.answer_bytes / size:.3f} of it")
            link.answer_bytes, results = 0, []
            threads = [threading.Thread(target=lambda: results.append(fetch(url["many"])))
                       for _ in range(arguments.clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert [result[2] for result in results] == [size] * arguments.clients
            last = max(result[1] for result in results)
            print(f"{arguments.clients} clients at once: the last after {last:.1f} s, {last / alone:.2f} of one; "
                  f"link carried {link.answer_bytes / size:.3f} of the object; "
                  f"{metric(server, 'cairn_read_convoy_waits_total'):.0f} waits, "
                  f"{metric(server, 'cairn_read_convoy_left_behind_total'):.0f} left behind")
            print(f"hedges {metric(server, 'cairn_home_hedges_total'):.0f}, "
                  f"won {metric(server, 'cairn_home_hedges_won_total'):.0f}, "
                  f"merged ranges {metric(server, 'cairn_home_merged_reads_total'):.0f} "
                  f"of {metric(server, 'cairn_home_requests_total'):.0f} requests, "
                  f"windows grown {metric(server, 'cairn_read_windows_grown_total'):.0f}")


if __name__ == "__main__":
    main()
