#!/usr/bin/env python3
"""What a disk tier wears its device beyond what it keeps (A7): reads distinct objects through a small
tier until it was turned over several times, and compares what the process wrote (/proc/PID/io) with the
bytes that were kept, and kept again, there.

    bench/tier_wear.py build/release [--tier-mib 256] [--turnovers 3]
"""
import argparse
import os
import pathlib
import random
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

MIB = 1 << 20
OBJECT_MIB = 16


def written_bytes(server):
    lines = pathlib.Path(f"/proc/{server.process.pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--tier-mib", type=int, default=256)
    parser.add_argument("--turnovers", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["CAIRN_BINARY"] = os.path.join(arguments.build, "bin/cairn")
    from cairn_server import CairnServer
    from home_server import Upstream
    with tempfile.TemporaryDirectory(prefix="cairn-wear.") as work, \
            Upstream(with_proxy=False, with_tiers=True) as upstream:
        tier = f"disk:{work}/tier:{arguments.tier_mib}MiB:first-miss=100%"
        with CairnServer(args=[*upstream.flags, "--tier", tier], env=upstream.env, stack="") as server:
            s3 = server.boto3_client()
            s3.create_bucket(Bucket="bench")
            count = (arguments.turnovers + 1) * arguments.tier_mib // OBJECT_MIB
            for number in range(count):
                s3.put_object(Bucket="bench", Key=f"o{number}",
                              Body=random.Random(number).randbytes(OBJECT_MIB * MIB))

            def metric(name):
                return sum(value for key, value in server.metrics().items()
                           if key.startswith("cairn_disk_tier_" + name))
            time.sleep(3)  # What the puts left to do.
            before = written_bytes(server)
            for number in range(count):
                s3.get_object(Bucket="bench", Key=f"o{number}")["Body"].read()
            while metric("queued_bytes") > 0:
                time.sleep(0.1)
            device = written_bytes(server) - before
            kept = metric("kept_bytes_total") + metric("reinserted_bytes_total")
            print(f"read {count * OBJECT_MIB} MiB through a tier of {arguments.tier_mib} MiB: kept "
                  f"{kept / MIB:.0f} MiB, of these again {metric('reinserted_bytes_total') / MIB:.0f} MiB; "
                  f"the tier says it wrote {metric('written_bytes_total') / MIB:.0f} MiB, the process "
                  f"{device / MIB:.0f} MiB: {device / kept:.3f} of what was kept (bound 1.10)")
            return 0 if device <= 1.10 * kept else 1


if __name__ == "__main__":
    sys.exit(main())
