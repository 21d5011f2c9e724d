#!/usr/bin/env python3
"""What strong reads through etcd cost: GET of a cached 4 KiB object on a server whose catalog is in
etcd, beside the same server with its own catalog, in alternating rounds of one run.

    bench/cluster.py [--build build/release] [--rounds 5] [--connections 32,256] [--members 1]

The figure is CPU time of the server per request (user + system of all its threads, from /proc), and
how many questions for the present revision a second the server sent to etcd meanwhile. Servers are
on core 0; load and etcd on core 1. Exit code: the number of bounds that were missed."""
import argparse
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests/integration")]
import compare  # noqa: E402
from etcd_server import EtcdServer  # noqa: E402

RATE_BOUND = 0.85  # Requests per CPU second beside the embedded server's.
QUESTIONS_BOUND = 2000
SECONDS = 4


class Server:
    def __init__(self, binary, data, *args):
        self.port, self.admin_port = compare.free_port(), compare.free_port()
        environment = dict(os.environ, CAIRN_ROOT_ACCESS_KEY=compare.ACCESS,
                           CAIRN_ROOT_SECRET_KEY=compare.SECRET)
        self.process = subprocess.Popen(
            ["taskset", "-c", compare.SERVER_CORE, str(binary), "serve", "--data", data, "--listen",
             f"127.0.0.1:{self.port}", "--admin-listen", f"127.0.0.1:{self.admin_port}", "--cores", "1",
             "--tier", "none", *args], env=environment, stdout=subprocess.DEVNULL)
        compare.wait_for_port(self.port)
        for method, path, body in (("PUT", "/bench", b""), ("PUT", "/bench/small", os.urandom(4096))):
            self.request(method, path, body)

    def headers(self, method, path, body):
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        signed = AWSRequest(method=method, url=f"http://127.0.0.1:{self.port}{path}", data=body)
        S3SigV4Auth(Credentials(compare.ACCESS, compare.SECRET), "s3", "us-east-1").add_auth(signed)
        return dict(signed.headers)

    def request(self, method, path, body):
        prepared = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, method=method,
                                          headers=self.headers(method, path, body))
        return urllib.request.urlopen(prepared, timeout=60).read()

    def metric(self, name):
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=60).read()
        for line in page.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def gets(self, connections):
        """CPU microseconds a request, requests a second, questions a second."""
        flags = [part for name, value in self.headers("GET", "/bench/small", None).items()
                 for part in ("-H", f"{name}: {value}")]
        questions, begin = self.metric("cairn_etcd_questions_total"), time.monotonic()
        cpu = compare.cpu_seconds([self.process.pid])
        out = subprocess.run(["taskset", "-c", compare.LOAD_CORE, "wrk", "-t1", f"-c{connections}",
                              f"-d{SECONDS}s", *flags, f"http://127.0.0.1:{self.port}/bench/small"],
                             check=True, capture_output=True, text=True).stdout
        cpu = compare.cpu_seconds([self.process.pid]) - cpu
        seconds = time.monotonic() - begin
        if "Non-2xx" in out or "Socket errors" in out:
            sys.exit("cluster: wrk saw errors:\n" + out)
        count = int(out.split(" requests in ")[0].split()[-1])
        asked = self.metric("cairn_etcd_questions_total") - questions
        return cpu / count * 1e6, count / seconds, asked / seconds

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", default="32,256")
    parser.add_argument("--members", type=int, default=1)
    arguments = parser.parse_args()
    binary = pathlib.Path(arguments.build) / "bin/cairn"
    root = tempfile.mkdtemp(prefix="cairn-cluster-bench-")
    missed = 0
    with EtcdServer(members=arguments.members) as etcd:
        for process in etcd.processes:
            os.sched_setaffinity(process.pid, {int(compare.LOAD_CORE)})
        own = Server(binary, root + "/own")
        shared = Server(binary, root + "/shared", "--catalog", etcd.url("bench"))
        try:
            for connections in map(int, arguments.connections.split(",")):
                rounds = [(own.gets(connections), shared.gets(connections))
                          for _ in range(arguments.rounds)]
                alone = statistics.median(mine[0] for mine, _ in rounds)
                ours = statistics.median(theirs[0] for _, theirs in rounds)
                rate = statistics.median(theirs[1] for _, theirs in rounds)
                questions = max(theirs[2] for _, theirs in rounds)
                ratio = alone / ours
                missed += (ratio < RATE_BOUND) + (questions > QUESTIONS_BOUND)
                print(f"GET 4 KiB, {connections} connections: {ours:.1f} us a request, alone {alone:.1f} us, "
                      f"rate per CPU {ratio:.2f} (bound {RATE_BOUND}), {rate:,.0f}/s, "
                      f"{questions:,.0f} questions/s (bound {QUESTIONS_BOUND:,})", flush=True)
        finally:
            own.close()
            shared.close()
            shutil.rmtree(root, ignore_errors=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
