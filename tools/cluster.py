#!/usr/bin/env python3
"""A cluster on this machine: etcd x3, a home (Ceph with three OSDs, or a bucket of one more Cairn), and nodes.

    cluster.py up [--home rados|s3] [--nodes 3]   until Ctrl-C, `cluster.py down`, or the end of the terminal
    cluster.py down                               ends the one that is up
    cluster.py demo MODEL [--home rados|s3]       a model through one node and out of another while a third
                                                  is killed, and what the home was asked for, with numbers

Everything listens on 127.0.0.1 and lives in one temporary directory, which is removed at the end: a cluster to
try, not to keep. REQUIRES: CAIRN_BINARY, Debian's etcd-server and openssl, and for a home in Ceph its packages
(`./dev cluster` installs them)."""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/support/ceph")]
from cairn_server import CairnServer  # noqa: E402
from etcd_server import EtcdServer  # noqa: E402

PID_FILE = ROOT / "build/cluster.pid"
MIB = 1 << 20
PIECE = 8 * MIB


def say(text):
    print(f"\n== {text}", flush=True)


def require(holds, otherwise):
    if not holds:
        raise SystemExit(f"cluster: {otherwise}")


class Certificates:
    """An authority, and a certificate that it signed for the nodes of this machine."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.ca = self.directory / "peers-ca.pem"
        self.certificate, self.key = self.directory / "peers.pem", self.directory / "peers-key.pem"
        common = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        self._openssl("req", "-x509", *common, "-subj", "/CN=cairn cluster", "-keyout", self._path("ca-key"),
                      "-out", self.ca)
        self._openssl("req", "-x509", *common, "-subj", "/CN=node", "-CA", self.ca, "-CAkey", self._path("ca-key"),
                      "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                      "-addext", "basicConstraints=critical,CA:FALSE",
                      "-keyout", self.key, "-out", self.certificate)
        self._path("ca-key").unlink()

    def _path(self, name):
        return self.directory / f"peers-{name}.pem"

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


class RadosPlace:
    """A Ceph cluster of three OSDs on sparse files, ended by its own guard when this process ends."""

    def __init__(self, directory):
        import ceph_cluster
        script = ROOT / "tests/support/ceph/ceph_cluster.py"
        # Ceph's sockets need short names.
        self.directory = tempfile.mkdtemp(prefix="cairn-ceph.")
        home = os.path.join(self.directory, "c")
        ended = subprocess.run(["/usr/bin/python3", script, "up", home, "--until", str(os.getpid())],
                               stdout=subprocess.DEVNULL).returncode
        require(ended == 0, "Ceph did not start")
        self.cluster = ceph_cluster.CephCluster(home)
        self.flags = ["--home", "rados:data/cluster", "--home-ceph-conf", str(self.cluster.conf)]
        self.env = {}
        self.what = f"Ceph, three OSDs: {self.cluster.conf}, pool data, namespace cluster"

    def close(self):
        self.cluster.down()
        shutil.rmtree(self.directory, ignore_errors=True)


class S3Place:
    """A bucket of one more Cairn, which stands for any S3 server."""

    def __init__(self, _directory):
        self.server = CairnServer(args=["--tier", "none"], stack="").start()
        self.server.boto3_client().create_bucket(Bucket="chunks")
        self.flags = ["--home", "s3:chunks/cluster", "--home-endpoint", self.server.endpoint]
        self.env = {"CAIRN_HOME_ACCESS_KEY": self.server.access_key,
                    "CAIRN_HOME_SECRET_KEY": self.server.secret_key}
        self.what = f"the bucket chunks of an S3 server at {self.server.endpoint}"

    def close(self):
        self.server.close()


PLACES = {"rados": RadosPlace, "s3": S3Place}


class Cluster:
    def __init__(self, home="rados", nodes=3):
        self.directory = tempfile.mkdtemp(prefix="cairn-cluster.")
        self.parts, self.nodes = [], []
        self.access_key = "CLUSTER" + secrets.token_hex(6).upper()
        self.secret_key = secrets.token_urlsafe(30)
        try:
            began = time.monotonic()
            self.etcd = EtcdServer(members=3)
            self.parts.append(self.etcd)
            self._tell("etcd, three members", began)
            began = time.monotonic()
            self.home = PLACES[home](self.directory)
            self.parts.append(self.home)
            self._tell("home", began)
            self.certificates = Certificates(self.directory)
            key = os.path.join(self.directory, "root.key")
            with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as out:
                out.write(secrets.token_hex(32) + "\n")
            self.root_key = key
            began = time.monotonic()
            for number in range(1, nodes + 1):
                self.nodes.append(self._start_node(number))
            self._tell(f"{nodes} nodes", began)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _tell(what, began):
        print(f"   {what:40} up after {time.monotonic() - began:5.1f} s", flush=True)

    def _start_node(self, number):
        node = CairnServer(data=os.path.join(self.directory, f"node{number}"), stack="", env=self.home.env,
                           args=["--join", self.etcd.url("cluster"), "--node-name", f"node{number}",
                                 "--peer-listen", "127.0.0.1:0", "--peer-ca", str(self.certificates.ca),
                                 "--peer-cert", str(self.certificates.certificate),
                                 "--peer-key", str(self.certificates.key),
                                 "--root-key", "file:" + self.root_key, "--tier", "ram:512MiB",
                                 *self.home.flags])
        node.access_key, node.secret_key = self.access_key, self.secret_key
        return node.start()

    def close(self):
        for node in self.nodes:
            node.close()
        for part in reversed(self.parts):
            part.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def show(self):
        say("The cluster is up")
        for number, node in enumerate(self.nodes, 1):
            admin, _ = node.admin_address()
            print(f"   node{number}: {node.endpoint}   health and metrics: http://{admin}   data: {node.data}")
        print(f"   etcd:  {self.etcd.url('cluster')}")
        print(f"   home:  {self.home.what}")
        print(f"""
Credentials, the same on every node:

  export AWS_ACCESS_KEY_ID={self.access_key}
  export AWS_SECRET_ACCESS_KEY={self.secret_key}
  export AWS_DEFAULT_REGION=us-east-1

Through one node in, through another out:

  alias cairn={os.environ['CAIRN_BINARY']}
  cairn mb s3://models --endpoint-url {self.nodes[0].endpoint}
  cairn cp {os.environ['CAIRN_BINARY']} s3://models/program --endpoint-url {self.nodes[0].endpoint}
  cairn ls s3://models/ --endpoint-url {self.nodes[1].endpoint}
  cairn cat s3://models/program --endpoint-url {self.nodes[-1].endpoint} | cmp - {os.environ['CAIRN_BINARY']} && echo equal
  cairn admin cluster status --data {self.nodes[-1].data}

All of it ends, and is removed, with Ctrl-C here or `./dev cluster down`.""", flush=True)


class Demo:
    KEY = dict(Bucket="models", Key="isnet.onnx")

    def __init__(self, cluster, model):
        self.cluster = cluster
        self.model = pathlib.Path(model).read_bytes()
        self.sha256 = hashlib.sha256(self.model).hexdigest()
        self.s3 = [node.boto3_client() for node in cluster.nodes]

    def metric(self, node, name):
        return sum(value for key, value in self.cluster.nodes[node].metrics().items()
                   if key == name or key.startswith(name + "{"))

    def home_bytes(self, nodes):
        """What these nodes read from the home: every byte that no cache had."""
        return sum(self.metric(node, "cairn_chunk_read_bytes_total") for node in nodes)

    def read(self, node, what, sources=(0, 1, 2)):
        before = self.home_bytes(sources)
        from_peers = self.metric(node, "cairn_peer_hit_bytes_total")
        began = time.monotonic()

        def fetch(first):
            last = min(first + PIECE, len(self.model)) - 1
            return self.s3[node].get_object(Range=f"bytes={first}-{last}", **self.KEY)["Body"].read()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            body = b"".join(pool.map(fetch, range(0, len(self.model), PIECE)))
        took = time.monotonic() - began
        sha256 = hashlib.sha256(body).hexdigest()
        require(sha256 == self.sha256, f"the model came back changed: {sha256}")
        from_home = self.home_bytes(sources) - before
        from_peers = self.metric(node, "cairn_peer_hit_bytes_total") - from_peers
        print(f"   {what:44} {len(body) / took / 1e6:5.0f} MB/s; {from_home / MIB:5.1f} MiB from the home, "
              f"{from_peers / MIB:5.1f} MiB from peers; sha256 {sha256[:12]} equal", flush=True)
        return from_home

    def upload(self):
        say(f"Upload of {len(self.model) / MIB:.1f} MiB through node1")
        self.s3[0].create_bucket(Bucket="models")
        began = time.monotonic()
        parts, upload = [], self.s3[0].create_multipart_upload(**self.KEY)["UploadId"]
        for number, first in enumerate(range(0, len(self.model), PIECE), 1):
            part = self.s3[0].upload_part(PartNumber=number, UploadId=upload, Body=self.model[first:first + PIECE],
                                          **self.KEY)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self.s3[0].complete_multipart_upload(UploadId=upload, MultipartUpload={"Parts": parts}, **self.KEY)
        print(f"   acknowledged after {time.monotonic() - began:.2f} s; sha256 {self.sha256[:12]}", flush=True)
        for node, s3 in enumerate(self.s3, 1):
            size = s3.head_object(**self.KEY)["ContentLength"]
            require(size == len(self.model), f"node{node} sees {size} bytes")
        print("   every node sees it at once", flush=True)

    def reads(self):
        say("Read through node2, then through node3: the home is read about once for the whole cluster")
        print("   Each chunk has an owner among the nodes, which reads the home for all and keeps what it read. So what\n"
              "   comes from peers at a first read counts as read from the home as well: its owner has just done that.")
        self.wait_for_members()
        first = self.read(1, "node2, first read")
        second = self.read(2, "node3, first read there")
        hedges = sum(self.metric(node, "cairn_peer_hedges_total") for node in range(3))
        times = (first + second) / len(self.model)
        late = f"; {hedges:.0f} reads of 1 MiB were made beside an owner that was late: a busy machine" if hedges else ""
        print(f"   for both the home sent {times:.2f} times the model, not twice{late}", flush=True)
        # Without a common cache it is twice. A machine that is too busy makes nodes late, and a read beside one
        # is a block of 1 MiB.
        require(first + second - hedges * MIB < 1.5 * len(self.model), "the home was read by each node for itself")
        self.read(2, "node3 again")

    def wait_for_members(self):
        end = time.monotonic() + 30
        while any(self.metric(node, "cairn_cluster_members") < 3 for node in range(3)):
            require(time.monotonic() < end, "the nodes do not find each other")
            time.sleep(0.1)

    def kill(self):
        say("Reads through node2 go on while node3 is killed (kill -9)")
        failed, times, stop = [], [], threading.Event()

        def reader(seed):
            s3, at = self.cluster.nodes[1].boto3_client(), seed * 37
            while not stop.is_set():
                first = at * 65536 % (len(self.model) - 65536)
                began = time.monotonic()
                try:
                    body = s3.get_object(Range=f"bytes={first}-{first + 65535}", **self.KEY)["Body"].read()
                    require(body == self.model[first:first + 65536], "wrong bytes")
                except Exception as error:  # noqa: BLE001 - every failure counts
                    failed.append(repr(error))
                times.append(time.monotonic() - began)
                at += 5
        threads = [threading.Thread(target=reader, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        self.cluster.nodes[2].kill()
        time.sleep(3)
        stop.set()
        for thread in threads:
            thread.join()
        print(f"   {len(times)} reads of 64 KiB, {len(failed)} failed, the slowest {max(times) * 1000:.0f} ms",
              flush=True)
        require(not failed, f"reads failed: {failed[:3]}")
        self.read(1, "node2, the whole model, node3 dead", sources=(0, 1))
        self.cluster.nodes[2].start()
        self.read(2, "node3, started again, its memory empty")


def up(options):
    require(not running_pid(), "one is up already: ./dev cluster down ends it")
    PID_FILE.parent.mkdir(exist_ok=True)
    PID_FILE.write_text(f"{os.getpid()}\n")
    cluster = None
    try:
        say("Starting")
        cluster = Cluster(options.home, options.nodes)
        cluster.show()
        while True:
            for number, node in enumerate(cluster.nodes, 1):
                code = node.process.poll()
                require(code is None, f"node{number} ended with {code}:\n{node.log()[-2000:]}")
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("Ending")
    finally:
        if cluster is not None:
            cluster.close()
        PID_FILE.unlink(missing_ok=True)


def running_pid():
    """Of the `up` that wrote PID_FILE and still runs, or None."""
    try:
        pid = int(PID_FILE.read_text())
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"cluster.py" in command and b"up" in command else None


def down():
    pid = running_pid()
    require(pid, "none is up")
    ended = os.pidfd_open(pid)
    os.kill(pid, signal.SIGTERM)
    import select
    require(select.select([ended], [], [], 120)[0], f"process {pid} does not end")
    print("The cluster is down.")


def demo(options):
    say("Starting")
    cluster = Cluster(options.home, 3)
    try:
        shown = Demo(cluster, options.model)
        shown.upload()
        shown.reads()
        shown.kill()
        say("demo: all of it held")
    except BaseException:
        for node in cluster.nodes:
            print("\n".join(line for line in node.log().splitlines() if '"level":"error"' in line)[-4000:],
                  file=sys.stderr)
        raise
    finally:
        cluster.close()


def main():
    parser = argparse.ArgumentParser(prog="./dev cluster")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "down", "demo"):
        command = commands.add_parser(name)
        if name == "demo":
            command.add_argument("model")
        if name != "down":
            command.add_argument("--home", choices=sorted(PLACES), default="rados")
        if name == "up":
            command.add_argument("--nodes", type=int, default=3)
    options = parser.parse_args()

    def interrupt(_number, _frame):
        raise KeyboardInterrupt
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    {"up": up, "down": lambda _: down(), "demo": demo}[options.command](options)


if __name__ == "__main__":
    main()
