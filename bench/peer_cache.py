#!/usr/bin/env python3
"""What a read from another node's memory costs beside a read from one's own: CPU of both nodes per
request, for objects of 64 KiB, 1 MiB and 64 MiB. The reader owns no chunk and its own tier is too small
for what is read, so that every block comes from the other node.

    bench/peer_cache.py build/release [--rounds 3]
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

KIB, MIB = 1 << 10, 1 << 20
# Size, objects, and how often each is read in one measurement.
SIZES = {"64 KiB": (64 * KIB, 2000, 3), "1 MiB": (MIB, 128, 6), "64 MiB": (64 * MIB, 3, 8)}


def cpu_of(server):
    """Seconds, of all its threads, in nanoseconds' resolution."""
    total = 0
    for thread in os.listdir(f"/proc/{server.process.pid}/task"):
        with open(f"/proc/{server.process.pid}/task/{thread}/schedstat", encoding="ascii") as stat:
            total += int(stat.read().split()[0])
    return total / 1e9


def replay(load, server, trace):
    subprocess.run([load, "replay", "--port", server.endpoint.rsplit(":", 1)[1], "--trace", trace,
                    "--connections", "4", "--access-key", server.access_key,
                    "--secret", server.secret_key], capture_output=True, text=True, check=True)


def measure(load, reader, nodes, trace, requests):
    """CPU milliseconds of all `nodes` per request at `reader`."""
    before = sum(cpu_of(node) for node in nodes)
    replay(load, reader, trace)
    return (sum(cpu_of(node) for node in nodes) - before) * 1000 / requests


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("build")
    options.add_argument("--rounds", type=int, default=3)
    options = options.parse_args()
    build = os.path.abspath(options.build)
    os.environ.setdefault("CAIRN_BINARY", build + "/bin/cairn")
    load = build + "/bench/cairn_load"
    from peer_nodes import BUCKET, PeerNodes
    objects = {f"{size}/{number}": random.Random(number).randbytes(size)
               for size, count, _ in SIZES.values() for number in range(count)}
    with PeerNodes(2, objects, rams=["ram:16MiB", "ram:1GiB"]) as nodes:
        reader, owner = nodes[0], nodes[1]
        status, told = reader.admin("/admin/v1/cluster-drain?name=node-0", "POST")
        assert status == 200, told
        while reader.metrics()["cairn_cluster_members_draining"] != 1:
            time.sleep(0.05)
        print(f"  {'object':<8} {'own memory':>12} {'another node':>13}   (CPU ms a request, both nodes)")
        for name, (size, count, times) in SIZES.items():
            with tempfile.NamedTemporaryFile("w", suffix=".trace") as trace:
                lines = "".join(f"/{BUCKET}/{size}/{number}\n" for number in range(count))
                trace.write(lines * times)
                trace.flush()
                replay(load, owner, trace.name)
                replay(load, reader, trace.name)
                rounds = []
                for _ in range(options.rounds):
                    local = measure(load, owner, [owner], trace.name, count * times)
                    hits = reader.metrics()
                    remote = measure(load, reader, [reader, owner], trace.name,
                                     count * times)
                    after = reader.metrics()
                    asked = after["cairn_peer_asked_total"] - hits["cairn_peer_asked_total"]
                    answered = after["cairn_peer_hits_total"] - hits["cairn_peer_hits_total"]
                    if answered < 0.95 * asked or asked == 0:
                        print(f"  {name:<8} the other node was passed by: a machine with too much to do")
                        continue
                    rounds.append((remote / local, local, remote))
                if not rounds:
                    continue
                ratio, local, remote = sorted(rounds)[len(rounds) // 2]
                print(f"  {name:<8} {local:12.3f} {remote:13.3f}   {ratio:.2f} x", flush=True)


if __name__ == "__main__":
    main()
