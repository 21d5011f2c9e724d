"""A cluster with everything: metadata in etcd, chunks in one store, and nodes that read through each
other's memory. What is written through one node is read by all, and goes on being read while nodes
die. How often the home is read: peer_once_test.py."""
import random
import threading
import time
import unittest

from cluster_nodes import ClusterNodes

MIB = 1 << 20
NODES = 3


class PeerClusterTest(unittest.TestCase):
    def setUp(self):
        self.cluster = ClusterNodes(nodes=NODES, peers=True)
        self.addCleanup(self.cluster.close)
        deadline = time.monotonic() + 30
        while any(node.metrics()["cairn_cluster_members"] != NODES for node in self.cluster.nodes):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.cluster.s3(0).create_bucket(Bucket="bucket")

    def read_by(self, numbers, key, body, rounds=1):
        wrong = []

        def read(number):
            for _ in range(rounds):
                try:
                    got = self.cluster.s3(number).get_object(Bucket="bucket", Key=key)["Body"].read()
                    if got != body:
                        wrong.append((number, "other bytes"))
                except Exception as error:  # pylint: disable=broad-except
                    wrong.append((number, repr(error)))

        threads = [threading.Thread(target=read, args=(number,)) for number in numbers]
        for thread in threads:
            thread.start()
        return threads, wrong

    def test_a_model_goes_on_being_read_while_a_node_dies(self):
        body = random.Random(1).randbytes(192 * MIB)
        self.cluster.s3(0).put_object(Bucket="bucket", Key="model", Body=body)
        threads, wrong = self.read_by(range(NODES), "model", body)
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertGreater(self.cluster.sum("cairn_peer_hits_total"), 0)
        # While one of them is killed, written to and read.
        threads, wrong = self.read_by((0, 1), "model", body, rounds=4)
        time.sleep(0.1)
        self.cluster.nodes[2].kill()
        self.cluster.s3(1).put_object(Bucket="bucket", Key="later", Body=b"x" * MIB)
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(
            self.cluster.s3(0).get_object(Bucket="bucket", Key="later")["Body"].read(), b"x" * MIB)

    def test_what_was_removed_is_gone_everywhere(self):
        body = random.Random(2).randbytes(20 * MIB)
        for turn in range(3):
            self.cluster.s3(turn).put_object(Bucket="bucket", Key="again", Body=body)
            threads, wrong = self.read_by(range(NODES), "again", body)
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            self.cluster.s3((turn + 1) % NODES).delete_object(Bucket="bucket", Key="again")
            for number in range(NODES):
                with self.assertRaises(self.cluster.s3(number).exceptions.NoSuchKey):
                    self.cluster.s3(number).get_object(Bucket="bucket", Key="again")


if __name__ == "__main__":
    unittest.main()
