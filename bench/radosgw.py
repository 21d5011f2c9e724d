#!/usr/bin/env python3
"""Cairn beside radosgw on the same Ceph cluster, with the same load: CPU of the front process (user +
system of all its threads, from /proc) per unit of work, in alternating rounds of one run.

    bench/radosgw.py build/release [--rounds 3] [--catalog etcd|own] [--only get_large,put_large,...]

One OSD on a sparse file, size 1, is under both. Cairn keeps its metadata in etcd, as nodes do that
share a pool, because radosgw keeps its own in the pool, which others may share; `--catalog own` puts
them beside the server. Cairn seals what it stores, radosgw does not. Bodies are random and written
once; every request is signed. Rows without a cache have Cairn's tiers off; those
with one read from a tier in memory what radosgw, which has none, reads from the pool. Nothing is pinned:
OSD, front and load share the machine. radosgw is installed by `./dev bench radosgw`."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests/integration"), str(HERE.parent / "tests/support/ceph")]
import ceph_cluster  # noqa: E402
import compare  # noqa: E402
from etcd_server import EtcdServer  # noqa: E402

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
OBJECTS = 64  # Small ones, read in turn.
LOAD_SECONDS_MAX = 300
ROW_GROUPS = ("get_large", "put_large", "put_parts", "put_many_parts", "cached_small", "cached_frame", "uncached_frame")
RGW_POOLS = {".rgw.root": 1, "default.rgw.log": 4, "default.rgw.control": 4, "default.rgw.meta": 4,
             "default.rgw.otp": 1, "default.rgw.buckets.index": 8, "default.rgw.buckets.data": 32,
             "default.rgw.buckets.non-ec": 4}
RGW_CONF = """
[client.rgw.a]
rgw_frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
pid_file = {dir}/run/client.rgw.a.pid
log_file = {dir}/log/rgw.log
rgw_enable_usage_log = false
rgw_enable_ops_log = false
"""


class Front:
    """A server with a bucket `bench`."""

    def load(self, build, mode, *options):
        done = subprocess.run(
            [str(build / "bench/cairn_load"), mode, "--port", str(self.port), "--access-key",
             compare.ACCESS, "--secret", compare.SECRET, *map(str, options)],
            capture_output=True, text=True, timeout=LOAD_SECONDS_MAX)
        if done.returncode != 0:
            sys.exit(f"radosgw: {self.name}: {done.stderr}")
        return json.loads(done.stdout)

    def make_bucket(self):
        bench = compare.Bench.__new__(compare.Bench)
        compare.Bench.request(bench, "PUT", "/bench", b"", self.port)


class Radosgw(Front):
    name = "radosgw"

    def __init__(self, cluster):
        self.port = compare.free_port()
        with open(cluster.conf, "a", encoding="ascii") as conf:
            conf.write(RGW_CONF.format(port=self.port, dir=cluster.dir))
        for pool, groups in RGW_POOLS.items():
            cluster.order(prefix="osd pool create", pool=pool, pg_num=groups, pgp_num=groups)
            cluster.order(prefix="osd pool application enable", pool=pool, app="rgw")
        self.process = subprocess.Popen(["radosgw", "-f", "-c", str(cluster.conf), "-n", "client.rgw.a"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        compare.wait_for_port(self.port)
        subprocess.run(["radosgw-admin", "-c", str(cluster.conf), "-n", "client.rgw.a", "user", "create",
                        "--uid", "bench", "--display-name", "bench", "--access-key", compare.ACCESS,
                        "--secret", compare.SECRET], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120)
        self.make_bucket()


class Cairn(Front):
    name = "cairn"

    def __init__(self, arguments, cluster, etcd, root, tier):
        self.port = compare.free_port()
        data, prefix = tempfile.mkdtemp(prefix="cairn.", dir=root), f"bench{self.port}"
        catalog = ["--catalog", etcd.url(prefix)] if etcd else []
        environment = dict(os.environ, CAIRN_ROOT_ACCESS_KEY=compare.ACCESS,
                           CAIRN_ROOT_SECRET_KEY=compare.SECRET)
        log = open(data + ".log", "w")
        self.process = subprocess.Popen(
            [str(arguments.build / "bin/cairn"), "serve", "--data", data, "--listen", f"127.0.0.1:{self.port}",
             "--admin-listen", f"127.0.0.1:{compare.free_port()}", "--tier", tier, "--home",
             f"rados:data/{prefix}", "--home-ceph-conf", str(cluster.conf), *catalog],
            env=environment, stdout=log, stderr=log)
        compare.wait_for_port(self.port)
        self.make_bucket()


class Comparison:
    def __init__(self, arguments, radosgw, plain, cached):
        self.arguments = arguments
        self.radosgw, self.plain, self.cached = radosgw, plain, cached
        self.seed = time.time_ns() % 1000000
        self.rows = []

    def fill(self):
        """What is read, with the same bytes behind all three."""
        for front in (self.radosgw, self.plain, self.cached):
            for size, count in ((4 * KIB, OBJECTS), (64 * KIB, OBJECTS), (GIB, 1)):
                front.load(self.arguments.build, "put", "--path", f"/bench/o{size}-", "--size", size,
                           "--requests", count, "--connections", min(count, 8), "--seed", self.seed)

    def fresh_seed(self):
        self.seed += 1
        return self.seed

    def cost(self, front, unit, mode, *options):
        """CPU seconds of the front per `unit` bytes, or per request."""
        before = compare.cpu_seconds([front.process.pid])
        result = front.load(self.arguments.build, mode, *options)
        work = result["bytes"] / unit if unit else result["requests"]
        return (compare.cpu_seconds([front.process.pid]) - before) / work

    def row(self, name, bound, ours, scale, unit, measure):
        pairs = []
        for number in range(self.arguments.rounds):
            order = (ours, self.radosgw) if number % 2 == 0 else (self.radosgw, ours)
            costs = {front: measure(front) for front in order}
            pairs.append((costs[ours], costs[self.radosgw]))
        mine, theirs = (statistics.median(side) * scale for side in zip(*pairs))
        ratio = mine / theirs
        self.rows.append(ratio <= bound)
        print(f"{name:<50} {mine:8.2f} {theirs:8.2f} {unit:<9} {ratio:5.2f}  <= {bound}  "
              f"{'reached' if ratio <= bound else 'MISSED'}", flush=True)

    def get_large(self):
        self.row("GET 1 GiB, 4 connections, no tier", 0.4, self.plain, 1, "CPU s/GB",
                 lambda front: self.cost(front, 1e9, "get", "--path", f"/bench/o{GIB}-0", "--requests", 4,
                                         "--connections", 4))

    def put_large(self):
        self.row("PUT 1 GiB, one request", 0.4, self.plain, 1, "CPU s/GB",
                 lambda front: self.cost(front, 1e9, "put", "--path", f"/bench/put{self.fresh_seed()}-",
                                         "--size", GIB, "--requests", 1, "--connections", 1,
                                         "--seed", self.seed))

    def parts(self, name, *options):
        self.row(name, 0.4, self.plain, 1, "CPU s/GB",
                 lambda front: self.cost(front, 1e9, "multipart", "--path",
                                         f"/bench/parts{self.fresh_seed()}", "--size", GIB,
                                         "--seed", self.seed, *options))

    def put_parts(self):
        self.parts("PUT 1 GiB, parts of 16 MiB, 8 connections", "--part-size", 16 * MIB, "--connections", 8)

    def put_many_parts(self):
        """As SDKs send them over plain http: the SHA-256 of each body is signed, and checked."""
        self.parts("PUT 1 GiB, signed parts of 8 MiB, 32 connections", "--part-size", 8 * MIB,
                   "--connections", 32, "--hash-payload")

    def small(self, name, bound, front, size):
        trace = os.path.join(self.arguments.root, f"trace{size}")
        with open(trace, "w", encoding="ascii") as out:
            for number in range(self.arguments.requests):
                out.write(f"/bench/o{size}-{number % OBJECTS}\n")

        def measure(server):
            return self.cost(server, 0, "replay", "--trace", trace, "--connections", 32)
        measure(front)  # The tier is filled.
        self.row(name, bound, front, 1e6, "CPU us", measure)

    def cached_small(self):
        self.small("GET 4 KiB, cached, 32 connections", 0.1, self.cached, 4 * KIB)

    def cached_frame(self):
        self.small("GET 64 KiB, cached, 32 connections", 0.1, self.cached, 64 * KIB)

    def uncached_frame(self):
        self.small("GET 64 KiB, no tier, 32 connections", 0.5, self.plain, 64 * KIB)


def run(arguments, processes):
    cluster = ceph_cluster.CephCluster(os.path.join(arguments.root, "ceph"))
    cluster.guard(os.getpid())
    cluster.up(osds=1)
    etcd = EtcdServer() if arguments.catalog == "etcd" else None
    try:
        fronts = [Radosgw(cluster)]
        processes.append(fronts[0].process)
        for tier in ("none", "ram:256MiB"):
            fronts.append(Cairn(arguments, cluster, etcd, arguments.root, tier))
            processes.append(fronts[-1].process)
        comparison = Comparison(arguments, *fronts)
        comparison.fill()
        print(f"{'row':<50} {'Cairn':>8} {'radosgw':>8} {'unit':<9} ratio  bound")
        for group in arguments.only.split(","):
            getattr(comparison, group)()
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        if etcd is not None:
            etcd.close()
        cluster.down()
    return comparison.rows.count(False)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=8000, help="of small GETs in a round")
    parser.add_argument("--catalog", choices=("etcd", "own"), default="etcd")
    parser.add_argument("--only", default=",".join(ROW_GROUPS))
    parser.add_argument("--directory", default=None, help="where data goes (default: TMPDIR)")
    arguments = parser.parse_args()
    if ceph_cluster.rados is None or shutil.which("radosgw") is None:
        sys.exit("radosgw: radosgw, ceph-mon, ceph-osd or python3-rados is missing: `./dev bench radosgw`")
    arguments.root = tempfile.mkdtemp(prefix="cairn-radosgw-", dir=arguments.directory)
    try:
        return run(arguments, [])
    finally:
        shutil.rmtree(arguments.root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
