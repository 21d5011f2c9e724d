#!/usr/bin/env python3
"""Cairn as a cache of somebody's bucket beside nginx proxy_cache (slices) and varnish, in front of the
same upstream, with the same trace: requests, CPU of the cache, bytes that the upstream sent.

    bench/proxy_caches.py build/release [--rounds 3] [--requests 4000] [--cache-mib 1024]
        [--peers nginx,varnish] [--metrics]

The upstream is a Cairn server that also answers unsigned GETs, because nginx and varnish do not sign.
Cairn asks it with signatures, is asked with signatures, and keeps ciphertext on its disk; the others
do none of it. The cache under test has core 0; upstream and load share core 1. The trace is of 320
objects, 64 KiB to 64 MiB, popularity by Zipf 0.9: two thirds of the requests are whole objects of at
most 8 MiB, one third is ranges of 1 MiB of larger ones, as loaders of models read. Caches are empty at
first, and a round is one pass over the trace. nginx keeps within max_size by a look every 10 s, so what
its directory takes in between is measured in a pass that does not count, and Cairn's disk tier, which never
takes more than its size, gets that. nginx has the page cache besides, varnish holds its cache in memory,
Cairn has a RAM tier of a quarter."""
import argparse
import contextlib
import json
import math
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare  # noqa: E402

ACCESS, SECRET = compare.ACCESS, compare.SECRET
MIB = 1 << 20
BUCKET = "origin"
RANGE_BYTES = MIB
OBJECTS = 320


class Upstream(compare.Cairn):
    def __init__(self, binary, root):
        with pinned(compare.LOAD_CORE):
            super().__init__(binary, os.path.join(root, "upstream"), "ram:4GiB")
        while not (self.data / "admin.token").exists():
            time.sleep(0.05)
        token = dict(line.split("=", 1) for line in
                     (self.data / "admin.token").read_text().split() if "=" in line)
        self.metrics_url = f"http://{token['address']}/metrics"

    def sent_bytes(self):
        text = urllib.request.urlopen(self.metrics_url, timeout=30).read().decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith("cairn_request_body_bytes_total") and 'direction="out"' in line)


@contextlib.contextmanager
def pinned(core):
    before, compare.SERVER_CORE = compare.SERVER_CORE, core
    try:
        yield
    finally:
        compare.SERVER_CORE = before


class NginxCache:
    name, signed = "nginx proxy_cache", False

    def __init__(self, root, upstream, cache_mib):
        self.port = compare.free_port()
        work = pathlib.Path(tempfile.mkdtemp(prefix="nginx-cache.", dir=root))
        self.directory = work / "cache"
        (work / "nginx.conf").write_text(f"""
user root; worker_processes 1; daemon off; master_process on; pid {work}/pid;
error_log {work}/error.log; events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000;
  proxy_cache_path {work}/cache levels=1:2 keys_zone=z:32m max_size={cache_mib}m use_temp_path=off;
  upstream origin {{ server 127.0.0.1:{upstream.port}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{self.port};
    location / {{
      slice 1m; proxy_cache z; proxy_cache_key $uri$slice_range; proxy_set_header Range $slice_range;
      proxy_set_header Host 127.0.0.1:{upstream.port}; proxy_set_header Connection "";
      proxy_http_version 1.1; proxy_cache_valid 200 206 1h; proxy_cache_lock on;
      proxy_pass http://origin;
    }}
  }}
}}""")
        self.process = subprocess.Popen(["taskset", "-c", compare.SERVER_CORE, "nginx", "-p", str(work),
                                         "-c", str(work / "nginx.conf")])
        compare.wait_for_port(self.port)


class Varnish:
    name, signed, directory = "varnish", False, None

    def __init__(self, root, upstream, cache_mib):
        self.port = compare.free_port()
        work = pathlib.Path(tempfile.mkdtemp(prefix="varnish.", dir=root))
        work.chmod(0o755)
        (work / "default.vcl").write_text(f"""
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{upstream.port}"; }}
sub vcl_backend_response {{ set beresp.ttl = 1h; }}
""")
        self.process = subprocess.Popen(
            ["taskset", "-c", compare.SERVER_CORE, "varnishd", "-F", "-n", str(work / "run"),
             "-j", "none", "-a", f"127.0.0.1:{self.port}", "-f", str(work / "default.vcl"),
             "-s", f"malloc,{cache_mib}m"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        compare.wait_for_port(self.port)


class CairnCache:
    name, signed = "cairn gateway", True

    def __init__(self, root, upstream, cache_mib, ram_mib, binary):
        directory = tempfile.mkdtemp(prefix="cairn-cache.", dir=root)
        self.directory = pathlib.Path(directory) / "tier"
        tiers = f"ram:{ram_mib}MiB,disk:{self.directory}:{cache_mib}MiB"
        self.server = compare.Cairn(binary, directory, tiers)
        while not (self.server.data / "admin.token").exists():
            time.sleep(0.05)
        self.port, self.process = self.server.port, self.server.process
        self.metrics_url = f"http://127.0.0.1:{self.server.admin_port}/metrics"
        subprocess.run([str(binary), "admin", "gateway", "add", BUCKET,
                        "--data", str(self.server.data),
                        "--endpoint", f"http://127.0.0.1:{upstream.port}", "--upstream-bucket", BUCKET],
                       check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, CAIRN_GATEWAY_ACCESS_KEY=ACCESS,
                                CAIRN_GATEWAY_SECRET_KEY=SECRET))


    def tier_metrics(self):
        text = urllib.request.urlopen(self.metrics_url, timeout=30).read().decode()
        return "\n".join(line for line in text.splitlines()
                         if line[0] != "#" and ("_tier_" in line or "_gateway_" in line))


class DiskUse:
    """The most that a directory took while this was entered, in bytes as the file system counts."""

    def __init__(self, directory):
        self._directory, self.most = directory, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self._stop.wait(0.25):
            self.most = max(self.most, self.now())

    def now(self):
        taken = 0
        for path, _, names in os.walk(self._directory) if self._directory else ():
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    taken += os.stat(os.path.join(path, name)).st_blocks * 512
        return taken

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join()
        self.most = max(self.most, self.now())


def tree(pid):
    """The process and its children, workers included."""
    found = [pid]
    for parent in found:
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        found += [int(child) for child in children]
    return found


def fill(upstream, client, generator):
    """The objects and a policy that lets anybody read them; (name, size) by popularity."""
    client("PUT", f"/{BUCKET}", b"")
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*"}]}
    client("PUT", f"/{BUCKET}?policy", json.dumps(policy).encode())
    objects = []
    for number in range(OBJECTS):
        size = int(math.exp(generator.uniform(math.log(65536), math.log(64 * MIB))))
        client("PUT", f"/{BUCKET}/o{number}", generator.randbytes(size))
        objects.append((f"o{number}", size))
    return objects


def write_trace(path, objects, requests, generator):
    small = [item for item in objects if item[1] <= 8 * MIB]
    large = [item for item in objects if item[1] > 8 * MIB]
    asked = 0
    with open(path, "w", encoding="ascii") as out:
        for _ in range(requests):
            group = small if generator.random() < 2 / 3 else large
            weights = [1 / (rank + 1) ** 0.9 for rank in range(len(group))]
            name, size = generator.choices(group, weights)[0]
            if group is small:
                out.write(f"/{BUCKET}/{name}\n")
                asked += size
                continue
            first = generator.randrange(size // RANGE_BYTES) * RANGE_BYTES
            last = min(first + RANGE_BYTES, size) - 1
            out.write(f"/{BUCKET}/{name} {first}-{last}\n")
            asked += last - first + 1
    return asked


def replay(arguments, cache, trace, upstream):
    command = ["taskset", "-c", compare.LOAD_CORE, str(pathlib.Path(arguments.build) / "bench/cairn_load"),
               "replay", "--port", str(cache.port), "--trace", trace, "--connections", "8"]
    if cache.signed:
        command += ["--access-key", ACCESS, "--secret", SECRET]
    pids = tree(cache.process.pid)
    sent, cpu = upstream.sent_bytes(), compare.cpu_seconds(pids)
    with DiskUse(cache.directory) as disk:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode != 0:
        sys.exit(f"{cache.name}: {done.stderr}")
    result = json.loads(done.stdout)
    return {"rate": result["requests"] / result["seconds"], "p99_ms": result["p99_ms"],
            "cpu": compare.cpu_seconds(pids) - cpu, "origin": upstream.sent_bytes() - sent,
            "bytes": result["bytes"], "disk": disk.most}


def run(arguments, root):
    binary = pathlib.Path(arguments.build) / "bin/cairn"
    generator = random.Random(arguments.seed)
    upstream = Upstream(binary, root)
    processes = [upstream.process]
    try:
        bench = compare.Bench.__new__(compare.Bench)
        bench.cairn = upstream
        objects = fill(upstream, lambda *request: compare.Bench.request(bench, *request), generator)
        trace = os.path.join(root, "trace")
        asked = write_trace(trace, objects, arguments.requests, generator)
        print(f"{len(objects)} objects, {sum(size for _, size in objects) >> 20} MiB; "
              f"{arguments.requests} requests for {asked >> 20} MiB; cache {arguments.cache_mib} MiB")
        rehearsal = NginxCache(root, upstream, arguments.cache_mib)
        processes.append(rehearsal.process)
        disk_mib = math.ceil(replay(arguments, rehearsal, trace, upstream)["disk"] / MIB)
        shutil.rmtree(rehearsal.directory, ignore_errors=True)
        print(f"nginx's directory takes up to {disk_mib} MiB: Cairn's disk tier gets "
              f"{max(disk_mib, arguments.cache_mib)} MiB")
        peers = {"nginx": NginxCache, "varnish": Varnish}
        caches = [peers[name](root, upstream, arguments.cache_mib)
                  for name in arguments.peers.split(",")]
        caches.append(CairnCache(root, upstream, max(disk_mib, arguments.cache_mib),
                                 arguments.cache_mib // 4, binary))
        results = {}
        processes += [cache.process for cache in caches]
        for number in range(arguments.rounds):
            for cache in caches:
                result = replay(arguments, cache, trace, upstream)
                assert result["bytes"] == asked, (cache.name, result["bytes"], asked)
                results.setdefault(cache.name, []).append(result)
                print(f"round {number + 1}  {cache.name:18} {result['rate']:8.0f} requests/s  "
                      f"{result['cpu']:6.2f} CPU s  p99 {result['p99_ms']:7.1f} ms  "
                      f"origin {result['origin'] / MIB:7.0f} MiB  disk {result['disk'] / MIB:6.0f} MiB",
                      flush=True)
                if arguments.metrics and isinstance(cache, CairnCache):
                    print(cache.tier_metrics(), flush=True)
        report(results)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def report(results):
    def total(name, what):
        return sum(result[what] for result in results[name])
    ours = "cairn gateway"
    for peer in results:
        if peer == ours:
            continue
        rate = statistics.harmonic_mean([r["rate"] for r in results[ours]]) / \
            statistics.harmonic_mean([r["rate"] for r in results[peer]])
        print(f"against {peer}: {rate:.2f} x its requests/s, "
              f"{total(ours, 'cpu') / total(peer, 'cpu'):.2f} x its CPU, "
              f"{total(ours, 'origin') / total(peer, 'origin'):.2f} x its origin bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--cache-mib", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", default="nginx,varnish")
    parser.add_argument("--metrics", action="store_true",
                        help="of Cairn's tiers and gateway, after each round")
    parser.add_argument("--directory", default=None, help="where data goes (default: TMPDIR)")
    arguments = parser.parse_args()
    root = tempfile.mkdtemp(prefix="cairn-proxy.", dir=arguments.directory)
    try:
        run(arguments, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
