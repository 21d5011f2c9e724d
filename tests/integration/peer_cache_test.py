"""Servers that read through each other's memory: what one read another one need not, and whatever a
node does, reads of the others go on with the right bytes."""
import json
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from cairn_server import CairnServer, binary
from peer_nodes import BUCKET, PeerNodes

MIB = 1 << 20


def body_of(key, size):
    return random.Random(key).randbytes(size)


SIZES = {"large": 96 * MIB, "other": 40 * MIB + 12345, "small": 70_000, "tiny": 100}
OBJECTS = {key: body_of(key, size) for key, size in SIZES.items()}


def cluster_command(node, *arguments):
    return subprocess.run([binary(), "admin", "cluster", *arguments, "--data", node.data],
                          capture_output=True, text=True, check=False)


def ready(node):
    """Of the S3 port, as a load balancer sees it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return opener.open(node.endpoint + "/readyz", timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code


def eventually(holds, seconds=30):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class NodesCase(unittest.TestCase):
    """Every test has nodes of its own: what is kept decides what is read."""
    args = ()

    def setUp(self):
        self.nodes = PeerNodes(3, OBJECTS, args=self.args)
        self.addCleanup(self.nodes.close)

    def read_everywhere(self, keys=SIZES, nodes=(0, 1, 2)):
        wrong = []

        def read(number):
            for key in keys:
                try:
                    if self.nodes.read(number, key) != OBJECTS[key]:
                        wrong.append((number, key, "other bytes"))
                except Exception as error:  # pylint: disable=broad-except
                    wrong.append((number, key, repr(error)))

        threads = [threading.Thread(target=read, args=(number,)) for number in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class Counted(NodesCase):
    """With more patience than any loaded machine needs: nothing is read beside an owner."""
    args = ("--peer-patience-ms", "60000")

    def test_what_all_read_at_once_each_home_reads_its_share(self):
        self.read_everywhere()
        total = sum(size for size in SIZES.values() if size > 16 * 1024)
        misses = self.nodes.sum("cairn_peer_kept_misses_total")
        beside = self.nodes.sum("cairn_peer_home_reads_total")
        # Blocks of 1 MiB, and those that end a chunk.
        self.assertGreater(misses, total // MIB * 0.9)
        self.assertLess(misses, total // MIB * 1.6)
        self.assertEqual(beside, 0)
        self.assertGreater(self.nodes.sum("cairn_peer_hits_total"), misses)
        self.assertEqual(self.nodes.sum("cairn_peer_wrong_total"), 0)
        # Again: memory of owners answers all that the nodes' own does not.
        self.read_everywhere()
        self.assertLess(self.nodes.sum("cairn_peer_kept_misses_total"), misses * 1.1 + 5)

    def test_what_is_dropped_is_forgotten_by_every_node(self):
        self.read_everywhere(["other"])
        held = json.loads(cluster_command(self.nodes[0], "lookup", f"s3://{BUCKET}/other").stdout)
        self.assertEqual(set(held["nodes"]), {"node-0", "node-1", "node-2"})
        kept = sum(node["kept"] for node in held["nodes"].values())
        self.assertGreaterEqual(kept, SIZES["other"])
        done = subprocess.run([binary(), "cache", "drop", f"s3://{BUCKET}/other",
                               "--data", self.nodes[0].data],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual((told["objects"], told["nodes"], told["unreached"]), (1, 2, []))
        gone = json.loads(cluster_command(self.nodes[1], "lookup", f"s3://{BUCKET}/other").stdout)
        for name, node in gone["nodes"].items():
            self.assertEqual((node["kept"], node["ram"], node["chunks"]), (0, 0, 0), name)
        misses = self.nodes.sum("cairn_peer_kept_misses_total")
        self.read_everywhere(["other"])
        self.assertGreaterEqual(self.nodes.sum("cairn_peer_kept_misses_total"),
                                misses + SIZES["other"] // MIB)
        # A node that is not there is named.
        self.nodes[2].kill()
        done = subprocess.run([binary(), "cache", "drop", f"s3://{BUCKET}/other",
                               "--data", self.nodes[0].data],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, json.loads(done.stdout)["unreached"]), (1, ["node-2"]))


class PeerCache(NodesCase):
    def test_an_owner_that_is_killed_or_stopped_holds_up_nobody(self):
        self.read_everywhere(["other"])
        for hurt in (signal.SIGSTOP, signal.SIGKILL):
            timer = threading.Timer(0.05, self.nodes[2].process.send_signal, [hurt])
            timer.start()
            begun = time.monotonic()
            self.read_everywhere(["large", "other"], nodes=(0, 1))
            self.assertLess(time.monotonic() - begun, 30)
            timer.join()
        beside = self.nodes.sum("cairn_peer_home_reads_total", (0, 1))
        self.assertGreater(beside, 0)
        # Its lease ends, and its chunks have other owners.
        self.nodes[2].kill()
        self.nodes.wait_for_members(2)
        passed_by = self.nodes.sum("cairn_peer_passed_by_total", (0, 1))
        self.read_everywhere(["large", "small"], nodes=(0, 1))
        self.assertEqual(self.nodes.sum("cairn_peer_passed_by_total", (0, 1)), passed_by)
        # And it comes back under its name.
        self.nodes[2].start()
        self.nodes.wait_for_members(3)
        self.read_everywhere()

    def test_without_etcd_the_nodes_go_on_as_they_knew_each_other(self):
        self.nodes.etcd.pause(0)
        self.read_everywhere()
        self.assertGreater(self.nodes.sum("cairn_peer_hits_total"), 0)
        self.assertEqual(self.nodes[0].metrics()["cairn_cluster_members"], 3)
        time.sleep(12)
        self.nodes.etcd.resume(0)
        self.assertTrue(eventually(lambda: all(
            node.metrics()["cairn_cluster_registered"] == 1 for node in self.nodes.nodes)))
        self.nodes.wait_for_members(3)

    def test_a_drained_node_owns_nothing_and_serves(self):
        done = cluster_command(self.nodes[0], "drain", "node-1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(eventually(lambda: ready(self.nodes[1]) == 503))
        self.assertTrue(eventually(lambda: all(
            node.metrics()["cairn_cluster_members_draining"] == 1 for node in self.nodes.nodes)))
        self.read_everywhere()
        self.assertEqual(self.nodes[1].metrics()["cairn_peer_served_total"], 0)
        self.assertEqual(ready(self.nodes[0]), 200)
        # Over a restart, too.
        self.nodes[1].stop()
        self.nodes[1].start()
        self.assertTrue(eventually(lambda: ready(self.nodes[1]) == 503))
        self.assertEqual(cluster_command(self.nodes[2], "undrain", "node-1").returncode, 0)
        self.assertTrue(eventually(lambda: ready(self.nodes[1]) == 200))
        unknown = cluster_command(self.nodes[0], "drain", "node-9")
        self.assertEqual(unknown.returncode, 4)
        self.assertIn("node-0 node-1 node-2", unknown.stderr)

    def test_status_names_the_nodes(self):
        told = json.loads(cluster_command(self.nodes[1], "status", "--json").stdout)
        self.assertEqual(told["name"], "node-1")
        self.assertTrue(told["registered"])
        self.assertEqual([member["name"] for member in told["members"]],
                         ["node-0", "node-1", "node-2"])
        for member in told["members"]:
            self.assertEqual((member["state"], member["zone"]), ("up", "z"))
        self.read_everywhere(["other"])
        stats = json.loads(cluster_command(self.nodes[1], "status", "--json").stdout)["stats"]
        self.assertEqual(set(stats), {"node-0", "node-1", "node-2"})
        self.assertGreaterEqual(sum(node["kept_bytes"] for node in stats.values()), SIZES["other"])
        table = cluster_command(self.nodes[1], "status").stdout
        self.assertIn("* node-1", table)
        self.assertIn("  node-2", table)

    def test_warming_fills_the_owners_and_a_second_reader_needs_no_home(self):
        done = cluster_command(self.nodes[0], "warm", f"s3://{BUCKET}/other")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual((told["objects"], told["bytes"], told["failed"]), (1, SIZES["other"], 0))
        misses = self.nodes.sum("cairn_peer_kept_misses_total")
        self.assertEqual(misses, told["blocks"])
        self.assertEqual(self.nodes.sum("cairn_peer_hit_bytes_total"), 0)
        self.read_everywhere(["other"])
        self.assertLess(self.nodes.sum("cairn_peer_kept_misses_total"), misses * 1.1 + 3)
        pinned = cluster_command(self.nodes[0], "pin", f"s3://{BUCKET}/small")
        self.assertEqual(pinned.returncode, 0, pinned.stderr)
        self.assertEqual(cluster_command(self.nodes[0], "warm", f"s3://{BUCKET}/no-such").returncode, 4)


class Partitions(unittest.TestCase):
    """Nodes that cannot reach each other, in one direction, in none, now and then."""

    def read_all(self, nodes, seconds):
        """Every node reads all the time; what went wrong, and how many reads there were."""
        wrong, reads, deadline = [], [0], time.monotonic() + seconds

        def read(number):
            generator = random.Random(number)
            while time.monotonic() < deadline:
                key = generator.choice(["other", "small", "large"])
                try:
                    if nodes.read(number, key) != OBJECTS[key]:
                        wrong.append((number, key, "other bytes"))
                    reads[0] += 1
                except Exception as error:  # pylint: disable=broad-except
                    wrong.append((number, key, repr(error)))

        threads = [threading.Thread(target=read, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        return threads, wrong, reads

    def test_no_partition_yields_an_error_or_wrong_bytes(self):
        with PeerNodes(3, OBJECTS, proxies=True) as nodes:
            threads, wrong, reads = self.read_all(nodes, 24)
            for ways in (("there", "back"), ("there",), ("back",)):
                time.sleep(1)
                nodes.proxies[1].cut(ways)
                time.sleep(3)
                nodes.proxies[1].heal()
            for _ in range(20):
                for proxy in nodes.proxies:
                    proxy.cut(random.choice([("there",), ("back",), ("there", "back"), ()]))
                time.sleep(0.3)
            for proxy in nodes.proxies:
                proxy.heal()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            self.assertGreater(reads[0], 20)
            self.assertGreater(nodes.sum("cairn_peer_hedges_total"), 0)
            self.assertEqual(nodes.sum("cairn_peer_wrong_total"), 0)
            # And then they find each other again: the longest pause of a node that failed is 30 s.
            hits = nodes.sum("cairn_peer_hits_total")

            def again():
                for number in range(3):
                    self.assertEqual(nodes.read(number, "large"), OBJECTS["large"])
                return nodes.sum("cairn_peer_hits_total") > hits + 50

            self.assertTrue(eventually(again, 60))


class Refusals(unittest.TestCase):
    def serve(self, *args):
        with tempfile.TemporaryDirectory(prefix="cairn-test-") as directory:
            return subprocess.run(
                [binary(), "serve", "--data", os.path.join(directory, "d"), "--listen", "127.0.0.1:0",
                 "--admin-listen", "127.0.0.1:0", *args],
                capture_output=True, text=True, timeout=60, check=False)

    def test_peers_without_certificates_are_not_listened_to(self):
        done = self.serve("--join", "etcd://127.0.0.1:1/x", "--peer-listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("peer-ca, peer-cert and peer-key", done.stderr)

    def test_commands_say_that_there_is_no_cluster(self):
        with CairnServer(stack="") as server:
            done = cluster_command(server, "status")
            self.assertEqual(done.returncode, 5)
            self.assertIn("--join", done.stderr)


if __name__ == "__main__":
    unittest.main()
