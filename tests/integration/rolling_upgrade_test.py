"""Nodes of a cluster are replaced one after the other, drained before, while clients write, overwrite, delete
and read through all of them and compare every byte: no request fails. Another version of the server can
take part: with CAIRN_OLD_BINARY naming it, the cluster begins with that one, goes to the new one node by node,
and back by one node. Without it, all are of the same build.
Needs CAIRN_BINARY, boto3, etcd."""
import collections
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from cairn_server import binary  # noqa: E402
from cluster_nodes import ClusterNodes  # noqa: E402

NEW = binary()
OLD = os.environ.get("CAIRN_OLD_BINARY", NEW)
NODES = 3
CLIENTS = 4
SIZES = (100, 20_000, 300_000, 6 << 20)
WAIT_SECONDS = 120
STEPS_BETWEEN = 30  # Requests of all clients before the next node is touched.


class Balancer:
    """Which nodes get requests: what a load balancer makes of GET /readyz."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._lock = threading.Lock()
        self._ready, self._under_way = {}, collections.Counter()
        self._generations = collections.Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def _poll(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self._stop.wait(0.05):
            for number, node in enumerate(self._cluster.nodes):
                try:
                    address, _ = node.admin_address()
                    ready = opener.open(f"http://{address}/readyz", timeout=5).status == 200
                except (OSError, urllib.error.URLError):
                    ready = False
                with self._lock:
                    self._ready[number] = ready

    def ready(self):
        with self._lock:
            return sorted(number for number, ready in self._ready.items() if ready)

    def close(self):
        self._stop.set()
        self._thread.join()


class Client(threading.Thread):
    """Writes objects of its own, and reads everybody's; each request goes to any node that is ready."""

    def __init__(self, number, cluster, balancer, shared):
        super().__init__(daemon=True)
        self._random = random.Random(number)
        self._number, self._cluster, self._balancer = number, cluster, balancer
        self._s3s = [cluster.s3(node) for node in range(NODES)]
        self._shared = shared
        self.steps = 0
        self.failed = []
        self.stop = threading.Event()

    def _ask(self, what, **how):
        node = self._random.choice(self._balancer.ready())
        try:
            return getattr(self._s3s[node], what)(Bucket="bucket", **how)
        except Exception as error:
            self.failed.append(f"{what} {how.get('Key')} by node {node}: {error!r}")
            raise

    def _read(self, key):
        return self._ask("get_object", Key=key)["Body"].read()

    def _expect(self, holds, otherwise):
        if not holds:
            self.failed.append(otherwise)

    def _step(self):
        body = self._random.randbytes(self._random.choice(SIZES))
        key = f"c{self._number}/{self.steps}"
        if len(body) > 5 << 20 and self._random.random() < 0.5:
            self._upload(key, body)
        else:
            self._ask("put_object", Key=key, Body=body)
        self._expect(self._read(key) == body, f"{key} is not what was written")
        self._shared.append((key, body))
        other, expected = self._random.choice(self._shared)
        self._expect(self._read(other) == expected, f"{other} is not what was written before")
        mine = f"c{self._number}/again"
        self._ask("put_object", Key=mine, Body=body[:1000] + b"%d" % self.steps)
        self._expect(self._read(mine) == body[:1000] + b"%d" % self.steps, f"{mine} is an older one")
        self._ask("delete_object", Key=mine)
        listed = self._ask("list_objects_v2", Prefix=f"c{self._number}/")
        keys = {row["Key"] for row in listed.get("Contents", ())}
        self._expect(mine not in keys, f"{mine} is listed after it was removed")
        self._expect(key in keys or listed["IsTruncated"], f"{key} is not listed")

    def _upload(self, key, body):
        upload = self._ask("create_multipart_upload", Key=key)["UploadId"]
        parts = []
        for number, first in enumerate(range(0, len(body), 5 << 20), 1):
            part = self._ask("upload_part", Key=key, UploadId=upload, PartNumber=number,
                             Body=body[first:first + (5 << 20)])
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self._ask("complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

    def run(self):
        while not self.stop.is_set():
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - told by the test
                self.failed.append(repr(error))
            self.steps += 1


class RollingUpgradeTest(unittest.TestCase):
    def setUp(self):
        os.environ["CAIRN_BINARY"] = OLD
        self.addCleanup(os.environ.update, CAIRN_BINARY=NEW)
        self.cluster = ClusterNodes(nodes=NODES, home="s3", peers=True, args=("--garbage-grace", "5"))
        self.addCleanup(self.cluster.close)
        self.cluster.s3(0).create_bucket(Bucket="bucket")
        self.balancer = Balancer(self.cluster)
        self.addCleanup(self.balancer.close)
        self.wait(lambda: len(self.balancer.ready()) == NODES, "the nodes do not become ready")
        shared = []
        self.clients = [Client(number, self.cluster, self.balancer, shared) for number in range(CLIENTS)]
        for client in self.clients:
            client.start()
        self.addCleanup(self.end_clients)

    def end_clients(self):
        for client in self.clients:
            client.stop.set()
        for client in self.clients:
            client.join()

    def wait(self, until, otherwise):
        end = time.monotonic() + WAIT_SECONDS
        while not until():
            self.assertLess(time.monotonic(), end, otherwise)
            time.sleep(0.05)

    def work(self):
        """Until the clients have done some more."""
        goal = sum(client.steps for client in self.clients) + STEPS_BETWEEN
        self.wait(lambda: sum(client.steps for client in self.clients) >= goal, "the clients stand still")

    def admin(self, number, command):
        told = subprocess.run([NEW, "admin", "cluster", command, f"node-{number}", "--data",
                               self.cluster.nodes[number].data], capture_output=True, text=True)
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)

    def replace(self, number, program):
        """As docs/cluster.md says: drain, restart with the other program, undrain."""
        node = self.cluster.nodes[number]
        self.admin(number, "drain")
        self.wait(lambda: number not in self.balancer.ready(), "a drained node is still called ready")
        self.assertEqual(node.stop(), 0, node.log()[-3000:])
        os.environ["CAIRN_BINARY"] = program
        node.start()
        self.admin(number, "undrain")
        self.wait(lambda: number in self.balancer.ready(), f"node {number} does not become ready again")
        self.work()
        self.assertEqual([error for client in self.clients for error in client.failed], [])

    def test_node_by_node_and_back(self):
        self.work()
        for number in range(NODES):
            self.replace(number, NEW)
        self.replace(1, OLD)
        self.replace(1, NEW)
        self.end_clients()
        for node in self.cluster.nodes:
            self.assertIsNone(node.process.poll(), node.log()[-3000:])
        self.assertEqual([error for client in self.clients for error in client.failed], [])


if __name__ == "__main__":
    unittest.main()
