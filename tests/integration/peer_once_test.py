"""Three nodes read one large object at once: the home sends each byte of it once. Counted where it
cannot be made up: at the server that holds the chunks. The nodes have more patience with each other
than any loaded machine needs, so that a read of the home beside an owner is an error here and no
accident. What is passed by when the patience is short, and how soon: peer_bypass_test.

CAIRN_PEER_OBJECT_MIB says how large the object is."""
import os
import random
import threading
import time
import unittest

from cluster_nodes import ClusterNodes

MIB = 1 << 20
NODES = 3
OBJECT_MIB = int(os.environ.get("CAIRN_PEER_OBJECT_MIB", "256"))


class EachChunkOnce(unittest.TestCase):
    def setUp(self):
        self.cluster = ClusterNodes(nodes=NODES, peers=True, home="s3",
                                    args=["--peer-patience-ms", "60000"])
        self.addCleanup(self.cluster.close)
        deadline = time.monotonic() + 60
        while any(node.metrics()["cairn_cluster_members"] != NODES for node in self.cluster.nodes):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.cluster.s3(0).create_bucket(Bucket="bucket")

    def sent_by_home(self):
        metrics = self.cluster._upstream.server.metrics()  # pylint: disable=protected-access
        return sum(value for name, value in metrics.items()
                   if name.startswith("cairn_request_body_bytes_total{")
                   and 'route="GetObject"' in name and 'direction="out"' in name)

    def read_by_all(self, body):
        wrong = []

        def read(number):
            try:
                got = self.cluster.s3(number).get_object(Bucket="bucket", Key="model")
                if got["Body"].read() != body:
                    wrong.append((number, "other bytes"))
            except Exception as error:  # pylint: disable=broad-except
                wrong.append((number, repr(error)))

        threads = [threading.Thread(target=read, args=(number,)) for number in range(NODES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_the_home_sends_each_byte_once(self):
        size = OBJECT_MIB * MIB
        # randbytes() makes at most 256 MiB at a time.
        source = random.Random(3)
        body = b"".join(source.randbytes(MIB) for _ in range(OBJECT_MIB))
        self.cluster.s3(0).put_object(Bucket="bucket", Key="model", Body=body)
        before = self.sent_by_home()
        self.read_by_all(body)
        # Headers of chunks come with their blocks; a block that was read twice is far more.
        sent = self.sent_by_home() - before
        self.assertGreaterEqual(sent, size)
        self.assertLess(sent, size * 1.02 + MIB)
        self.assertEqual(self.cluster.sum("cairn_peer_home_reads_total"), 0)
        self.assertEqual(self.cluster.sum("cairn_peer_hedges_total"), 0)
        # And again, from the memories of all.
        before = self.sent_by_home()
        self.read_by_all(body)
        self.assertEqual(self.sent_by_home(), before)


if __name__ == "__main__":
    unittest.main()
