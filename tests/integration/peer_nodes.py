"""Several servers that read through each other's memory: one etcd for the members, and for each node
the same chunks.

    with PeerNodes(3, objects={"key": body}) as nodes:
        nodes.read(1, "key")
        nodes[0].process.send_signal(signal.SIGSTOP)

The objects are stored by one server, and its data directory is copied for the others: their homes are
apart and have the same bytes, so that what each node read of its own can be counted."""
import os
import secrets
import shutil
import signal
import socket
import tempfile
import time

from cairn_server import CairnServer
from cut_proxy import CutProxy
from etcd_server import EtcdServer
from peer_certificates import PeerCertificates

BUCKET = "bucket"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class PeerNodes:
    def __init__(self, count, objects, args=(), cores=1, rams=(), proxies=False):
        """`rams`: of each node, the tier in memory (default 16 MiB). `proxies`: nodes reach each
        other through proxies[number], in front of each, which a test can cut."""
        self.directory = tempfile.mkdtemp(prefix="cairn-peer-nodes-")
        self.etcd = EtcdServer()
        self.certificates = PeerCertificates()
        self.proxies = [] if proxies else None
        self._args, self._cores = list(args), cores
        self._rams = list(rams) or ["ram:16MiB"] * count
        keys = "TESTKEY" + secrets.token_hex(6).upper(), secrets.token_urlsafe(30)
        first = self._fill(objects, keys)
        self.nodes = []
        for number in range(count):
            data = os.path.join(self.directory, f"node-{number}")
            shutil.copytree(first, data)
            self.nodes.append(self._make(number, data, keys))
        shutil.rmtree(first)
        for node in self.nodes:
            node.start()
        self.wait_for_members(count)

    def _fill(self, objects, keys):
        first = os.path.join(self.directory, "first")
        server = CairnServer(data=first, stack="")
        server.access_key, server.secret_key = keys
        with server:
            s3 = server.boto3_client()
            s3.create_bucket(Bucket=BUCKET)
            for key, body in objects.items():
                s3.put_object(Bucket=BUCKET, Key=key, Body=body)
            server.stop()
        return first

    def _make(self, number, data, keys):
        name = f"node-{number}"
        port = free_port()
        advertised = f"127.0.0.1:{port}"
        if self.proxies is not None:
            self.proxies.append(CutProxy("127.0.0.1", port))
            advertised = f"127.0.0.1:{self.proxies[-1].port}"
        node = CairnServer(data=data, cores=self._cores, stack="",
                           args=["--join", self.etcd.url("peers"), "--catalog", "own",
                                 "--node-name", name, "--zone", "z",
                                 "--peer-listen", f"127.0.0.1:{port}", "--advertise", advertised,
                                 "--peer-memory", "1GiB",
                                 "--tier", self._rams[number], *self.certificates.flags(name), *self._args])
        node.access_key, node.secret_key = keys
        return node

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __getitem__(self, number):
        return self.nodes[number]

    def close(self):
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.process.send_signal(signal.SIGCONT)
            node.close()
        for proxy in self.proxies or ():
            proxy.close()
        self.certificates.close()
        self.etcd.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def read(self, number, key):
        return self[number].boto3_client().get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def wait_for_members(self, count, seconds=30):
        """Until every running node sees so many."""
        deadline = time.monotonic() + seconds
        for node in self.nodes:
            if node.process is None or node.process.poll() is not None:
                continue
            while node.metrics()["cairn_cluster_members"] != count:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"not {count} members:\n" + node.log())
                time.sleep(0.05)

    def sum(self, metric, nodes=None):
        return sum(self[number].metrics()[metric]
                   for number in (range(len(self.nodes)) if nodes is None else nodes))
