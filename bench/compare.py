#!/usr/bin/env python3
"""Compares Cairn with nginx and with raw I/O in one run on one machine and prints a table.

The figure of every row is CPU time of the server per unit of work (user + system of all its threads,
from /proc), which holds on a shared machine where wall rates do not; rows that are rates say so.
Servers are pinned to core 0, load generators to core 1, and the rounds of the compared servers
alternate. A row fails when its ratio misses its bound; the exit code is the number of failed rows."""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ACCESS, SECRET = "bench", "bench-secret-key-of-this-run-only"
WARM_PASSES = 20  # Of a tier, before what is missing is called an error.
SERVER_CORE, LOAD_CORE = "0", "1"
TICKS = os.sysconf("SC_CLK_TCK")
MIB, GIB = 1 << 20, 1 << 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pids):
    """Of the processes, and of their children that have ended."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def rss_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def wait_for_port(port):
    for _ in range(400):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"compare: nothing listens on port {port}")


class Nginx:
    """Two servers over the same files: page cache with sendfile, and O_DIRECT with threads."""

    def __init__(self, root):
        self.port, self.direct_port = free_port(), free_port()
        work = pathlib.Path(tempfile.mkdtemp(prefix="nginx.", dir=root))
        (work / "www").mkdir()
        self.files = work / "www"
        common = f"root {self.files}; access_log off; keepalive_requests 100000000; tcp_nodelay on;"
        (work / "nginx.conf").write_text(f"""
user root; worker_processes 1; daemon off; master_process off; pid {work}/pid;
error_log {work}/error.log; events {{ worker_connections 20000; }}
http {{
  server {{ listen 127.0.0.1:{self.port}; sendfile on; tcp_nopush on; {common} }}
  server {{ listen 127.0.0.1:{self.direct_port}; sendfile off; directio 512; aio threads;
           output_buffers 4 1m; {common} }}
}}""")
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, "nginx", "-p", str(work),
                                         "-c", str(work / "nginx.conf")])
        wait_for_port(self.port)
        self.pids = [self.process.pid]


class Cairn:
    def __init__(self, binary, root, tier="none", home=None, core=None):
        """`home`: another Cairn, a bucket of which has the chunks."""
        self.data = pathlib.Path(root) / ("cairn-" + "".join(c if c.isalnum() else "-" for c in tier))
        self.port, self.admin_port = free_port(), free_port()
        environment = dict(os.environ, CAIRN_ROOT_ACCESS_KEY=ACCESS, CAIRN_ROOT_SECRET_KEY=SECRET,
                           CAIRN_HOME_ACCESS_KEY=ACCESS, CAIRN_HOME_SECRET_KEY=SECRET)
        more = ["--home", "s3:chunks", "--home-endpoint", f"http://127.0.0.1:{home.port}"] if home else []
        self.process = subprocess.Popen(
            ["taskset", "-c", core or SERVER_CORE, str(binary), "serve", "--data", str(self.data), "--listen",
             f"127.0.0.1:{self.port}", "--admin-listen", f"127.0.0.1:{self.admin_port}",
             "--cores", "1", "--tier", tier, *more], env=environment, stdout=subprocess.DEVNULL)
        wait_for_port(self.port)
        self.pids = [self.process.pid]


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.build = pathlib.Path(arguments.build)
        self.root = tempfile.mkdtemp(prefix="cairn-bench.", dir=arguments.directory)
        self.rows = []
        self.nginx = Nginx(self.root)
        self.cairn = Cairn(self.build / "bin/cairn", self.root)
        self.request("PUT", "/bench", b"")

    def close(self):
        for server in (self.nginx, self.cairn):
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
        shutil.rmtree(self.root, ignore_errors=True)

    # -- tools ---------------------------------------------------------------------------------

    def load(self, mode, port, *options, signed=True):
        command = ["taskset", "-c", LOAD_CORE, str(self.build / "bench/cairn_load"), mode, "--port",
                   str(port), *options]
        if signed:
            command += ["--access-key", ACCESS, "--secret", SECRET]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True,
                                         timeout=900).stdout)

    def parts(self, *options):
        command = ["taskset", "-c", SERVER_CORE, str(self.build / "bench/cairn_parts"),
                   "--directory", self.root, *options]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True,
                                         timeout=300).stdout)

    def request(self, method, path, body, port=None):
        """One signed request through botocore's signer."""
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        url = f"http://127.0.0.1:{port or self.cairn.port}{path}"
        signed = AWSRequest(method=method, url=url, data=body)
        S3SigV4Auth(Credentials(ACCESS, SECRET), "s3", "us-east-1").add_auth(signed)
        prepared = urllib.request.Request(url, data=body, method=method,
                                          headers=dict(signed.headers))
        return urllib.request.urlopen(prepared, timeout=120).read()

    def signed_headers(self, path):
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        signed = AWSRequest(method="GET", url=f"http://127.0.0.1:{self.cairn.port}{path}")
        S3SigV4Auth(Credentials(ACCESS, SECRET), "s3", "us-east-1").add_auth(signed)
        return dict(signed.headers)

    def measure(self, server, work):
        """Runs `work()` -> units and returns CPU seconds of the server per unit."""
        before = cpu_seconds(server.pids)
        units = work()
        return (cpu_seconds(server.pids) - before) / units

    def compare(self, ours, theirs):
        """Alternates the two and returns the medians."""
        rounds = [(ours(), theirs()) for _ in range(self.arguments.rounds)]
        return tuple(statistics.median(side) for side in zip(*rounds))

    def row(self, name, ours, theirs, unit, bound, at_least=False):
        ratio = ours / theirs if theirs else float("inf")
        reached = ratio >= bound if at_least else ratio <= bound
        sign = ">=" if at_least else "<="
        self.rows.append((name, f"{ours:.3f}", f"{theirs:.3f}", unit, f"{ratio:.2f}",
                          f"{sign} {bound}", "reached" if reached else "MISSED"))
        print("  ".join(self.rows[-1]), flush=True)

    def absolute(self, name, ours, unit, bound, at_least=False):
        reached = ours >= bound if at_least else ours <= bound
        sign = ">=" if at_least else "<="
        self.rows.append((name, f"{ours:.3f}", "", unit, "", f"{sign} {bound}",
                          "reached" if reached else "MISSED"))
        print("  ".join(self.rows[-1]), flush=True)

    # -- rows ----------------------------------------------------------------------------------

    def put_file(self, name, size, port=None):
        """The same bytes behind both servers."""
        path = self.nginx.files / name
        with open(path, "wb") as out:
            generator = random.Random(size)
            for at in range(0, size, MIB):
                out.write(generator.randbytes(min(MIB, size - at)))
        with open(path, "rb") as body:
            os.fsync(body.fileno())
        environment = dict(os.environ, AWS_ACCESS_KEY_ID=ACCESS, AWS_SECRET_ACCESS_KEY=SECRET,
                           AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true")
        script = ("import boto3,sys;"
                  "boto3.client('s3',endpoint_url=sys.argv[1]).upload_file(*sys.argv[2:5])")
        subprocess.run(["/usr/bin/python3", "-c", script, f"http://127.0.0.1:{port or self.cairn.port}",
                        str(path), "bench", name], check=True, env=environment)

    def get_sizes(self, cairn, nginx_port, what, warm=None):
        for label, size, total in (("64 KiB", 64 << 10, GIB), ("1 MiB", MIB, 4 * GIB),
                                   ("64 MiB", 64 * MIB, 8 * GIB), ("1 GiB", GIB, 8 * GIB)):
            name = "large-" + label.replace(" ", "")
            self.put_file(name, size, cairn.port)
            count = str(max(8, total // size))

            if warm:
                warm(f"/bench/{name}", size)

            def run(server, port, path, signed):
                result = self.measure(server, lambda: self.load(
                    "get", port, "--path", path, "--connections", "8", "--requests", count,
                    signed=signed)["bytes"] / 1e9)
                return result
            ours, theirs = self.compare(
                lambda: run(cairn, cairn.port, f"/bench/{name}", True),
                lambda: run(self.nginx, nginx_port, f"/{name}", False))
            self.row(f"GET {label}, {what}", ours, theirs, "CPU s/GB", 1.15)

    def get_large(self):
        self.get_sizes(self.cairn, self.nginx.direct_port,
                       "encrypted, O_DIRECT, 8 connections | nginx directio plain")

    def get_ram(self):
        """The first round of each size warms the tier and the page cache."""
        cairn = Cairn(self.build / "bin/cairn", self.root, "ram:6GiB")
        try:
            self.request("PUT", "/bench", b"", cairn.port)
            self.get_sizes(cairn, self.nginx.port,
                           "RAM tier, 8 connections | nginx sendfile from page cache")
        finally:
            cairn.process.send_signal(signal.SIGTERM)
            cairn.process.wait(60)

    def get_tier(self):
        """From a disk tier that has all of it, before a home elsewhere. The home has the core of the
        load, which it does not need: that nothing is fetched while it is measured is checked."""
        upstream = Cairn(self.build / "bin/cairn", self.root, "ram:64MiB", core=LOAD_CORE)
        self.request("PUT", "/chunks", b"", upstream.port)
        tier = os.path.join(self.root, "tier")
        cairn = Cairn(self.build / "bin/cairn", self.root, f"disk:{tier}:4GiB:first-miss=100%", upstream)

        def warm(path, size):
            # A client does not wait for the tier's disk: where that is slower than the home, what the
            # queue of writes has no room for is read again.
            more = size
            for _ in range(WARM_PASSES):
                self.fetched = self.metric("cairn_disk_tier_fetched_bytes_total", cairn)
                self.load("get", cairn.port, "--path", path, "--connections", "1", "--requests", "1")
                more = self.metric("cairn_disk_tier_fetched_bytes_total", cairn) - self.fetched
                if more == 0:
                    return
                while self.metric("cairn_disk_tier_queued_bytes", cairn) > 0:
                    time.sleep(0.1)
            sys.exit(f"compare: {more:.0f} of {size} bytes of {path} are not in the tier")
        try:
            self.request("PUT", "/bench", b"", cairn.port)
            self.get_sizes(cairn, self.nginx.direct_port,
                           "disk tier, 8 connections | nginx directio plain", warm)
            if self.metric("cairn_disk_tier_fetched_bytes_total", cairn) > self.fetched:
                sys.exit("compare: the tier lost what was read from it")
        finally:
            for server in (cairn, upstream):
                server.process.send_signal(signal.SIGTERM)
                server.process.wait(60)

    def get_small(self):
        self.put_file("small", 4096)
        headers = self.signed_headers("/bench/small")
        flags = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]

        def wrk(server, url, extra):
            def work():
                out = subprocess.run(["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c32", "-d4s", *extra,
                                      url], check=True, capture_output=True, text=True).stdout
                if "Non-2xx" in out or "Socket errors" in out:
                    sys.exit("compare: wrk saw errors:\n" + out)
                return int(out.split(" requests in ")[0].split()[-1]) / 1e5
            return self.measure(server, work)
        ours, theirs = self.compare(
            lambda: wrk(self.cairn, f"http://127.0.0.1:{self.cairn.port}/bench/small", flags),
            lambda: wrk(self.nginx, f"http://127.0.0.1:{self.nginx.port}/small", []))
        self.row("GET 4 KiB signed, 32 connections | nginx static unsigned", ours, theirs,
                 "CPU s/100k", 1.0)

    def put_large(self):
        sums, costs = [], []
        for index in range(self.arguments.rounds):
            parts = self.parts()
            sums.append(sum(parts.values()))
            costs.append(self.measure(self.cairn, lambda: self.load(
                "multipart", self.cairn.port, "--path", f"/bench/put-{index}", "--connections", "8",
                "--size", str(GIB), "--hash-payload")["bytes"] / 1e9))
        ours, theirs = statistics.median(costs), statistics.median(sums)
        self.row("PUT 1 GiB multipart, encrypted, flushed | sum of its parts alone", ours, theirs,
                 "CPU s/GB", 1.25)
        self.row("the same against the bar for the hashing batch engine", ours, theirs, "CPU s/GB",
                 0.6)

    def put_small(self):
        rates, raw = [], []
        for index in range(self.arguments.rounds):
            before = self.metric("cairn_catalog_flush_groups_total"), self.metric(
                "cairn_catalog_commits_total")
            result = self.load("put", self.cairn.port, "--path", f"/bench/tiny-{index}/",
                               "--connections", "64", "--seconds", "5", "--size", "4096")
            groups = self.metric("cairn_catalog_flush_groups_total") - before[0]
            commits = self.metric("cairn_catalog_commits_total") - before[1]
            group = max(1, round(commits / groups)) if groups else 64
            rates.append(result["requests"] / result["seconds"])
            raw.append(self.parts("--sync-only", "--group", str(group))["grouped_sync_per_s"])
        self.row(f"PUT 4 KiB durable, 64 connections | raw grouped fdatasync (last group {group})",
                 statistics.median(rates), statistics.median(raw), "per s", 0.7, at_least=True)

    def metric(self, name, cairn=None):
        url = f"http://127.0.0.1:{(cairn or self.cairn).admin_port}/metrics"
        text = urllib.request.urlopen(url, timeout=10).read().decode()
        values = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                  if line.split("{")[0].split(" ")[0] == name]
        return sum(values)

    def settle(self):
        """Waits until the server does nothing: what RocksDB flushes and compacts after a load of
        millions of rows is the load's cost, not that of the reads measured next."""
        for _ in range(150):
            before = cpu_seconds(self.cairn.pids)
            time.sleep(2)
            if cpu_seconds(self.cairn.pids) - before <= 2 / TICKS:
                return
        sys.exit("compare: the server does not come to rest")

    def list_page(self):
        count = self.arguments.list_keys
        self.load("put", self.cairn.port, "--path", "/bench/list/hot/", "--connections", "64",
                  "--requests", "1000", "--size", "16")
        query = "list-type=2&max-keys=1000&prefix=list%2Fhot%2F"

        def page():
            return self.measure(self.cairn, lambda: self.load(
                "get", self.cairn.port, "--path", "/bench", "--query", query, "--connections", "1",
                "--requests", "400")["requests"]) * 1e3
        self.settle()
        few = statistics.median(page() for _ in range(self.arguments.rounds))
        self.load("put", self.cairn.port, "--path", "/bench/list/mass/", "--connections", "256",
                  "--requests", str(count), "--size", "16")
        self.settle()
        many = statistics.median(page() for _ in range(self.arguments.rounds))
        self.absolute(f"LIST 1,000 keys under a prefix, bucket of {count + 1000:,} keys", many,
                      "CPU ms", 2.0)
        self.row("the same | before the other keys were there", many, few, "CPU ms", 1.25)

    def version_page(self):
        """Pages of versions out of the middle of a bucket, before and after it has a million."""
        self.request("PUT", "/versions", b"")
        self.request("PUT", "/versions?versioning",
                     b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        keys = 1000

        def write(versions):
            for _ in range(versions // keys):
                self.load("put", self.cairn.port, "--path", "/versions/k", "--connections", "64",
                          "--requests", str(keys), "--size", "16")

        def page():
            query = "versions&max-keys=1000&key-marker=k500"
            return self.measure(self.cairn, lambda: self.load(
                "get", self.cairn.port, "--path", "/versions", "--query", query, "--connections",
                "1", "--requests", "200")["requests"]) * 1e3
        write(10 * keys)
        self.settle()
        few = statistics.median(page() for _ in range(self.arguments.rounds))
        count = self.arguments.list_keys
        write(count - 10 * keys)
        self.settle()
        many = statistics.median(page() for _ in range(self.arguments.rounds))
        self.row(f"LIST of 1,000 versions amid {count:,} | amid 10,000", many, few, "CPU ms", 1.25)

    def memory(self):
        base = rss_bytes(self.cairn.process.pid)
        sockets = []
        for _ in range(10000):
            connection = socket.create_connection(("127.0.0.1", self.cairn.port))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            sockets.append(connection)
        for connection in sockets:
            if not connection.recv(4096):
                sys.exit("compare: an idle connection was closed")
        time.sleep(1)
        grown = rss_bytes(self.cairn.process.pid) - base
        for connection in sockets:
            connection.close()
        self.absolute("Memory of 10,000 idle connections above base", grown / 1e6, "MB", 200)

    def chunker(self):
        """Speed of cutting on one core against the floor for this CPU's instruction set."""
        flags = pathlib.Path("/proc/cpuinfo").read_text()
        floor = 6.0 if "avx512bw" in flags and "gfni" in flags else 2.5 if "avx2" in flags else 1.5
        with tempfile.NamedTemporaryFile(dir=self.root) as out:
            subprocess.run(["taskset", "-c", SERVER_CORE, str(self.build / "bench/chunker_bench"),
                            "--benchmark_filter=^cut/.*/random", f"--benchmark_out={out.name}",
                            "--benchmark_out_format=json"], check=True, stdout=subprocess.DEVNULL)
            results = json.loads(pathlib.Path(out.name).read_text())["benchmarks"]
        for result in results:
            _, form, _ = result["name"].split("/")[:3]
            if form == "fastcdc" or "bytes_per_second" not in result:
                continue  # The yardstick of the ratio, and forms that this CPU does not have.
            bound = 1.5 if form == "portable" else floor
            self.absolute(f"Cutting segments and chunks, {form}", result["bytes_per_second"] / 1e9,
                          "GB/s", bound, at_least=True)

    def print_table(self):
        header = ("row | peer", "Cairn", "peer", "unit", "ratio", "bound", "")
        widths = [max(len(str(row[i])) for row in [header, *self.rows]) for i in range(7)]
        print()
        for row in [header, *self.rows]:
            print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--directory", default=os.getcwd(), help="where data goes (a real disk)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--list-keys", type=int, default=1000000)
    parser.add_argument("--only", default="", help="comma-separated names of row groups")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    groups = ("get_small", "get_large", "get_ram", "get_tier", "put_large", "put_small", "memory", "chunker",
              "list_page", "version_page")
    try:
        for group in groups:
            if not arguments.only or group in arguments.only.split(","):
                getattr(bench, group)()
    finally:
        bench.close()
    bench.print_table()
    return sum(row[-1] == "MISSED" for row in bench.rows)


if __name__ == "__main__":
    sys.exit(main())
