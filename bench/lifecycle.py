#!/usr/bin/env python3
"""What the lifecycle worker costs requests: fills a bucket with objects, then measures the p99 of GETs
and PUTs (closed loop, cairn_load) in rounds without work, with a pass that looks at every object
and finds nothing due, and with a pass that removes every object it looks at.

    bench/lifecycle.py --build build/release --objects 1000000 --rounds 5 --seconds 10

Kinds alternate, each round beginning with another one, and the kind without work is there twice:
the ratio of the two ("again") is what the machine's own noise makes of nothing, and a ratio of the
others that is not beyond it tells nothing. Medians are compared. Prints a table; ends with 1 when a
p99 grew by more than 10 %."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "integration"))

BOUND = 1.10
DAY_SECONDS = 1
KINDS = ("none", "again", "look", "remove")


def load(build, server, mode, path, **options):
    command = [os.path.join(build, "bench", "cairn_load"), mode, "--port",
               server.host_port.split(":")[1], "--path", path, "--access-key", server.access_key,
               "--secret", server.secret_key]
    for name, value in options.items():
        command += ["--" + name, str(value)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def set_rule(s3, kind):
    """"none" and "again": no rules; "look": nothing is due; "remove": everything is."""
    if kind in ("none", "again"):
        s3.delete_bucket_lifecycle(Bucket="aged")
        return
    days = 1 if kind == "remove" else 100_000
    s3.put_bucket_lifecycle_configuration(Bucket="aged", LifecycleConfiguration={"Rules": [
        {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}]})


def measure(arguments, server, s3, kind, number):
    set_rule(s3, kind)
    time.sleep(2)  # A pass of the last kind ends, one of this kind begins.
    before = server.metrics()
    get = load(arguments.build, server, "get", "/fresh/hot", connections=8,
               seconds=arguments.seconds)
    put = load(arguments.build, server, "put", f"/fresh/{kind}{number}/", connections=8, size=4096,
               seconds=arguments.seconds)
    after = server.metrics()
    change = {name: after["cairn_lifecycle_" + name] - before["cairn_lifecycle_" + name]
              for name in ("examined_total", "removed_total")}
    print(f"{kind:7} get p99 {get['p99_ms']:8.3f} ms  put p99 {put['p99_ms']:8.3f} ms  "
          f"examined {change['examined_total']:8.0f}  removed {change['removed_total']:8.0f}",
          flush=True)
    return get["p99_ms"], put["p99_ms"], change


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--data", help="a directory to keep; default: a temporary one")
    arguments = parser.parse_args()
    os.environ["CAIRN_BINARY"] = os.path.join(arguments.build, "bin", "cairn")
    from cairn_server import CairnServer
    server = CairnServer(cores=2, data=arguments.data, args=[
        "--lifecycle-day-seconds", str(DAY_SECONDS), "--lifecycle-interval", "1"]).start()
    try:
        s3 = server.boto3_client()
        s3.create_bucket(Bucket="aged")
        s3.create_bucket(Bucket="fresh")
        s3.put_object(Bucket="fresh", Key="hot", Body=b"x" * 4096)
        begin = time.monotonic()
        load(arguments.build, server, "put", "/aged/o", connections=64, size=64,
             requests=arguments.objects)
        print(f"{arguments.objects} objects in {time.monotonic() - begin:.0f} s", flush=True)
        results = {kind: [] for kind in KINDS}
        for number in range(arguments.rounds):
            first = number % len(KINDS)
            for kind in KINDS[first:] + KINDS[:first]:
                results[kind].append(measure(arguments, server, s3, kind, number))
    finally:
        server.close()
    good = True
    print(f"\n{'':7} {'GET p99':>10} {'ratio':>6} {'PUT p99':>10} {'ratio':>6} {'per second':>11}")
    base = [statistics.median(r[i] for r in results["none"]) for i in (0, 1)]
    for kind, rows in results.items():
        medians = [statistics.median(r[i] for r in rows) for i in (0, 1)]
        ratios = [m / b for m, b in zip(medians, base)]
        good = good and (kind == "again" or max(ratios) <= BOUND)
        name = "removed_total" if kind == "remove" else "examined_total"
        rate = statistics.mean(r[2][name] for r in rows) / (2 * arguments.seconds)
        print(f"{kind:7} {medians[0]:10.3f} {ratios[0]:6.2f} {medians[1]:10.3f} {ratios[1]:6.2f} "
              f"{rate:11.0f}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
