#!/usr/bin/env python3
"""Cache tiers and several homes at work on real model weights, with numbers: two providers behind lines
of 100 MB/s and 20 ms, one server whose chunks are on both, a RAM tier and a disk tier before them.

Shown: a cold read over the line; warm reads from the disk tier and from memory; a scan of other data
twice the size of the memory that leaves the model where it is; readers that notice neither a
switch of the provider nor the death of one. Every figure is measured here and now (what reading ahead finds in memory is counted,
too); what does not hold ends
the demo with an error. Usage: CAIRN_BINARY=... tools/demo_tiers.py MODEL_FILE"""
import concurrent.futures
import hashlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/integration"))
from cairn_server import CairnServer  # noqa: E402

MIB = 1 << 20
LINE_BYTES_PER_S, LINE_LATENCY_S = 100e6, 0.020
PROVIDERS = ("north", "south")
PIECE, SCAN_PIECES = 8 * MIB, 128
GAP_S = 10.5  # Reads closer together than 10 s count as one (docs/tiers.md).


class Line:
    """A TCP relay of bounded rate and latency, for all its connections together: a provider's line."""

    def __init__(self, target):
        host, port = target.split("://", 1)[1].rsplit(":", 1)
        self._target = (host, int(port))
        self._free_at, self._lock = 0.0, threading.Lock()
        self.bytes = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._open, self._closed = [], False
        self.endpoint = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """The provider is gone: connections break, new ones are refused."""
        self._closed = True
        self._listener.close()
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while not self._closed:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            self._open += [client, server]
            for source, sink, limited in ((client, server, False), (server, client, True)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._relay, args=(source, sink, limited), daemon=True).start()

    def _due(self, size, limited):
        with self._lock:
            now = time.monotonic()
            if not limited:
                return now + LINE_LATENCY_S / 2
            self.bytes += size
            self._free_at = max(now, self._free_at) + size / LINE_BYTES_PER_S
            return self._free_at + LINE_LATENCY_S / 2

    def _relay(self, source, sink, limited):
        try:
            while piece := source.recv(256 * 1024):
                time.sleep(max(0.0, self._due(len(piece), limited) - time.monotonic()))
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Demo:
    def __init__(self, work, model):
        self.work = work
        self.model = open(model, "rb").read()
        self.sha256 = hashlib.sha256(self.model).hexdigest()
        self.results = []
        self.providers = {name: CairnServer(stack="").start() for name in PROVIDERS}
        self.lines = {}
        for name, server in self.providers.items():
            server.boto3_client().create_bucket(Bucket="chunks")
            self.lines[name] = Line(server.endpoint)
        config = os.path.join(work, "cairn.toml")
        with open(config, "w", encoding="ascii") as out:
            out.write(self._config())
        self.server = CairnServer(args=["--config", config], stack="").start()
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket="models")

    def _config(self):
        text = ""
        for name, server in self.providers.items():
            keys = os.path.join(self.work, name + ".keys")
            with open(os.open(keys, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as out:
                out.write(f"AWS_ACCESS_KEY_ID={server.access_key}\n"
                          f"AWS_SECRET_ACCESS_KEY={server.secret_key}\n")
            text += (f'[[home]]\nname = "{name}"\nkind = "s3"\nbucket = "chunks"\n'
                     f'endpoint = "{self.lines[name].endpoint}"\ncredentials = "{keys}"\n')
        text += f'[[placement]]\nname = "standard"\nhomes = ["{PROVIDERS[0]}", "{PROVIDERS[1]}"]\nack = "all"\n'
        text += '[[tier]]\nkind = "ram"\nsize = "512MiB"\n'
        text += f'[[tier]]\nkind = "disk"\npath = "{self.work}/tier"\nsize = "768MiB"\n'
        return text

    def close(self):
        for server in (self.server, *self.providers.values()):
            server.close()

    # -- tools ---------------------------------------------------------------------------------

    def line_bytes(self):
        return {name: line.bytes for name, line in self.lines.items()}

    def home_reads(self):
        """Reads that each provider was asked for; its line also carries packs that are joined meanwhile."""
        metrics = self.server.metrics()
        return {name: metrics.get(f'cairn_home_reads_total{{home="{name}"}}', 0) for name in PROVIDERS}

    def metric(self, name):
        return sum(value for key, value in self.server.metrics().items()
                   if key == name or key.startswith(name + "{"))

    def read_model(self, what):
        """Eight ranges side by side, as loaders of models read; the hash is checked."""
        before, ram = sum(self.line_bytes().values()), self.metric("cairn_ram_tier_hit_bytes_total")
        size, piece = len(self.model), PIECE // 2
        began = time.monotonic()

        def fetch(first):
            last = min(first + piece, size) - 1
            return self.s3.get_object(Bucket="models", Key="isnet.onnx",
                                      Range=f"bytes={first}-{last}")["Body"].read()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            body = b"".join(pool.map(fetch, range(0, size, piece)))
        took = time.monotonic() - began
        require(hashlib.sha256(body).hexdigest() == self.sha256, "the model came back changed")
        over_line = sum(self.line_bytes().values()) - before
        in_memory = self.metric("cairn_ram_tier_hit_bytes_total") - ram
        self.tell(what, f"{size / took / 1e6:6.0f} MB/s, {took:5.2f} s; {over_line / MIB:5.1f} MiB over "
                        f"the line, {in_memory / MIB:5.1f} MiB from memory")
        return {"seconds": took, "line": over_line, "memory": in_memory}

    def tell(self, what, figures):
        print(f"   {what:44} {figures}", flush=True)
        self.results.append((what, figures))

    # -- what is shown -------------------------------------------------------------------------

    def reads(self):
        say(f"Upload of {len(self.model) / MIB:.0f} MiB: acknowledged when both providers have it")
        began = time.monotonic()
        self.s3.put_object(Bucket="models", Key="isnet.onnx", Body=self.model)
        self.tell("upload, both providers", f"{len(self.model) / 1e6 / (time.monotonic() - began):6.0f} MB/s")
        say("Read it: cold over the line, then from the tiers")
        print("   What is read ahead of a reader and found in memory counts there as well: memory may have given more "
              "than the model.")
        cold = self.read_model("cold: from a provider")
        require(cold["line"] >= len(self.model), "the first read was not cold")
        warm = self.read_model("again: from memory")
        require(warm["line"] < len(self.model) / 8 and warm["memory"] > 0.9 * len(self.model),
                "the second read did not come from memory")
        self.server.stop()
        self.server.start()
        disk = self.read_model("after a restart: from the disk tier")
        require(disk["line"] < len(self.model) / 10, "the disk tier was not warm after the restart")
        require(disk["seconds"] < cold["seconds"], "the disk tier is slower than the line")
        time.sleep(GAP_S)
        self.read_model("once more, 10 s later: it is popular now")

    def scan(self):
        say("A scan: another model of 1 GiB is read once, by four readers at the same time")
        generator = random.Random(7)
        parts, upload = [], self.s3.create_multipart_upload(Bucket="models", Key="other.bin")
        of = dict(Bucket="models", Key="other.bin", UploadId=upload["UploadId"])
        for number in range(1, SCAN_PIECES + 1):
            part = self.s3.upload_part(PartNumber=number, Body=generator.randbytes(PIECE), **of)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self.s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **of)
        before, began = self.metric("cairn_disk_tier_fetched_bytes_total"), time.monotonic()

        def read(_):
            for first in range(0, SCAN_PIECES * PIECE, PIECE):
                self.s3.get_object(Bucket="models", Key="other.bin",
                                   Range=f"bytes={first}-{first + PIECE - 1}")["Body"].read()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(read, range(4)))
        took = time.monotonic() - began
        fetched = self.metric("cairn_disk_tier_fetched_bytes_total") - before
        self.tell("scan of 1 GiB by four", f"{4 * SCAN_PIECES * PIECE / took / 1e6:6.0f} MB/s in all, "
                                           f"{fetched / MIB:5.0f} MiB fetched from the providers")
        after = self.read_model("the first model after the scan")
        require(after["line"] < len(self.model) / 20, "the scan pushed the model out")

    def switch(self):
        say("Eight readers of data that no tier has, while the provider is switched and then one dies")
        failed, done, stop = [], [0], threading.Event()

        def reader(seed):
            generator = random.Random(seed)
            s3 = self.server.boto3_client()
            while not stop.is_set():
                first = generator.randrange(SCAN_PIECES * PIECE - 65536)
                try:
                    answer = s3.get_object(Bucket="models", Key="other.bin",
                                           Range=f"bytes={first}-{first + 65535}")
                    require(len(answer["Body"].read()) == 65536, "a short answer")
                    done[0] += 1
                except Exception as error:  # noqa: BLE001 - every failure counts
                    failed.append(repr(error))

        threads = [threading.Thread(target=reader, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        before, began = self.home_reads(), time.monotonic()
        subprocess.run([os.environ["CAIRN_BINARY"], "admin", "placement", "switch", "standard",
                        "--primary", PROVIDERS[1], "--data", self.server.data], check=True,
                       stdout=subprocess.DEVNULL)
        switched = time.monotonic() - began
        time.sleep(1)
        settled = self.home_reads()
        time.sleep(3)
        moved = {name: count - settled[name] for name, count in self.home_reads().items()}
        self.tell(f"switch to {PROVIDERS[1]}: the command took", f"{switched * 1000:6.0f} ms")
        share = moved[PROVIDERS[1]] / max(1, sum(moved.values()))
        self.tell("reads that it serves, from one second later on", f"{share * 100:6.1f} %")
        require(settled != before, "nobody read from a provider")
        require(share > 0.9, "the traffic did not move")
        self.lines[PROVIDERS[1]].cut()
        time.sleep(4)
        stop.set()
        for thread in threads:
            thread.join()
        self.tell(f"{PROVIDERS[1]} dies; reads done, reads failed", f"{done[0]:6}, {len(failed)}")
        require(not failed, f"reads failed: {failed[:3]}")


def say(text):
    print(f"\n== {text}", flush=True)


def require(holds, otherwise):
    if not holds:
        sys.exit(f"demo: {otherwise}")


def main():
    with tempfile.TemporaryDirectory(prefix="cairn-demo-tiers.") as work:
        demo = Demo(work, sys.argv[1])
        try:
            demo.reads()
            demo.scan()
            demo.switch()
        except BaseException:
            print("\n".join(line for line in demo.server.log().splitlines()
                            if '"level":"info"' not in line), file=sys.stderr)
            raise
        finally:
            demo.close()
        say("demo: all of it held; once more in one table")
        for what, figures in demo.results:
            print(f"   {what:44} {figures}")


if __name__ == "__main__":
    main()
