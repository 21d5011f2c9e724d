"""Chunks at home in a bucket of somebody else's S3 server (moto): of one server, and of several on one etcd.
The store is also made where the upstream does not know If-None-Match, or takes it and does not heed it, and
by two nodes that begin at once."""
import concurrent.futures
import random
import time
import unittest

from cairn_server import CairnServer
from cluster_nodes import ClusterNodes
from home_server import Upstream
from moto_server import MotoServer, python_with_moto

MIB = 1 << 20
ARGS = ("--garbage-grace", "1", "--cores", "1", "--memory", "256MiB")


def body_of(seed, size):
    return random.Random(seed).randbytes(size)


class ForeignCase(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream(server=MotoServer(PYTHON))
        self.addCleanup(self.upstream.close)

    def cluster(self):
        cluster = ClusterNodes(nodes=2, args=ARGS, home=self.upstream, start=False)
        self.addCleanup(cluster.close)
        return cluster

    def check(self, writer, reader):
        for size in (10, 50_000, 3 * MIB, 21 * MIB + 7):
            body = body_of(size, size)
            writer.put_object(Bucket="bucket", Key=f"size{size}", Body=body)
            self.assertEqual(reader.get_object(Bucket="bucket", Key=f"size{size}")["Body"].read(), body)

    def chunks(self):
        return [key for key in self.upstream.keys() if "/chunks/" in key]

    def warns(self, server):
        return "storage.upstream_without_conditions" in server.log()


class PlainTest(ForeignCase):
    def test_one_server(self):
        server = CairnServer(stack="", args=self.upstream.flags, env=self.upstream.env).start()
        self.addCleanup(server.close)
        s3 = server.boto3_client()
        s3.create_bucket(Bucket="bucket")
        self.check(s3, s3)
        server.kill()
        server.start()
        self.check(s3, s3)
        self.assertFalse(self.warns(server))

    def test_a_cluster(self):
        cluster = self.cluster()
        for node in cluster.nodes:
            node.start()
        one, two = cluster.s3(0), cluster.s3(1)
        one.create_bucket(Bucket="bucket")
        self.check(one, two)
        stored = sorted(self.chunks())
        self.assertGreater(len(stored), 5)
        cluster.nodes[1].kill()
        cluster.nodes[1].start()
        self.check(cluster.s3(1), one)
        self.assertEqual(sorted(self.chunks()), stored, "stored twice")
        for key in one.list_objects_v2(Bucket="bucket")["Contents"]:
            one.delete_object(Bucket="bucket", Key=key["Key"])
        end = time.monotonic() + 60
        while self.chunks():
            self.assertLess(time.monotonic(), end, "chunks of removed objects stay")
            time.sleep(0.1)
        self.assertFalse(self.warns(cluster.nodes[0]))
        self.assertEqual([key for key in self.upstream.keys() if ".probe-" in key], [])


class WithoutConditionsTest(ForeignCase):
    def begin_at_once(self):
        cluster = self.cluster()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda node: node.start(), cluster.nodes))
        self.assertTrue(any(self.warns(node) for node in cluster.nodes))
        one, two = cluster.s3(0), cluster.s3(1)
        one.create_bucket(Bucket="bucket")
        self.check(one, two)
        for node in cluster.nodes:
            node.restart()
        self.check(cluster.s3(1), cluster.s3(0))

    def test_conditions_are_unknown(self):
        self.upstream.choose = lambda request: ("status", 501) if "if-none-match" in request.headers else None
        self.begin_at_once()

    def test_conditions_are_not_heeded(self):
        """What is written with a condition is taken both times, and the store is not made with one."""
        self.upstream.choose = lambda request: ("lie", None) if (
            "if-none-match" in request.headers and ".probe-" in request.target) else None
        self.begin_at_once()


PYTHON = python_with_moto()
if __name__ == "__main__":
    if PYTHON is None:
        print("SKIPPED: foreign_home: no moto")
        raise SystemExit(0)
    unittest.main()
