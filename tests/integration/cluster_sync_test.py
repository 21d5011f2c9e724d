"""A bucket of a cluster follows its changes to another site: whichever node took a change, the one that does
what is done once for all sends it, every node tells the same of it, and when that node dies another one
goes on. Needs CAIRN_BINARY, boto3, etcd."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from cairn_server import CairnServer, binary  # noqa: E402
from cluster_nodes import ClusterNodes  # noqa: E402

BUCKET = "photos"
NODES = 2
WAIT_SECONDS = 100
# Looks again at all rows come every 30 s: so many changes one after the other do not wait for those.
CHANGES = 8


class ClusterSyncTest(unittest.TestCase):
    def setUp(self):
        self.target = CairnServer(stack="").start()
        self.addCleanup(self.target.close)
        self.cluster = ClusterNodes(nodes=NODES, home="s3")
        self.addCleanup(self.cluster.close)
        self.s3s = [self.cluster.s3(number) for number in range(NODES)]
        self.there = self.target.boto3_client()
        for s3 in (self.s3s[0], self.there):
            s3.create_bucket(Bucket=BUCKET)
            s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.s3s[1].put_object(Bucket=BUCKET, Key="before", Body=b"there before the rule")
        with tempfile.NamedTemporaryFile("w", prefix="cairn-sync-", delete=False) as keys:
            keys.write(f"AWS_ACCESS_KEY_ID={self.target.access_key}\n"
                       f"AWS_SECRET_ACCESS_KEY={self.target.secret_key}\n")
        self.addCleanup(os.unlink, keys.name)
        self.admin(0, "add", BUCKET, "--to", f"{self.target.endpoint}/{BUCKET}", "--credentials", keys.name)

    def admin(self, node, *words):
        done = subprocess.run([binary(), "admin", "sync", *words, "--data", self.cluster.nodes[node].data],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return json.loads(done.stdout)

    def rule(self, node):
        rules = self.admin(node, "list")["rules"]
        self.assertEqual(len(rules), 1, rules)
        return rules[0]

    def wait(self, until, otherwise):
        end = time.monotonic() + WAIT_SECONDS
        while not until():
            told = [self.rule(node) for node in range(NODES) if self.cluster.nodes[node].process.poll() is None]
            self.assertLess(time.monotonic(), end, f"{otherwise}: {told}")
            time.sleep(0.05)

    def arrived(self, key, body):
        found = self.there.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", ())
        return any(row["Key"] == key for row in found) and \
            self.there.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body

    def status(self, node, key):
        return self.s3s[node].head_object(Bucket=BUCKET, Key=key).get("ReplicationStatus")

    def runner(self):
        """The node that sends, and another one."""
        self.wait(lambda: any(self.rule(node)["runs_here"] for node in range(NODES)), "no node sends")
        sends = [self.rule(node)["runs_here"] for node in range(NODES)]
        return sends.index(True), sends.index(False)

    def test_changes_of_every_node_are_sent_and_told(self):
        self.wait(lambda: self.arrived("before", b"there before the rule"), "what was there did not arrive")
        begun = time.monotonic()
        for turn in range(CHANGES):
            for node in range(NODES):
                key, body = f"{turn}-{node}", b"%d" % turn
                self.s3s[node].put_object(Bucket=BUCKET, Key=key, Body=body)
                self.wait(lambda: self.arrived(key, body), f"{key} did not arrive")
                left = WAIT_SECONDS - (time.monotonic() - begun)
                self.assertGreater(left, 0, f"{turn} changes took {WAIT_SECONDS} s")
        for node in range(NODES):
            # By S3 and by the commands, on the node that sends and on the others.
            self.wait(lambda: self.status(node, "0-0") == "COMPLETED", f"node {node} does not call it sent")
            self.wait(lambda: self.rule(node)["pending_changes"] == 0, f"node {node} counts changes as pending")
            self.assertEqual(self.rule(node)["state"], "in step")
            page = self.cluster.nodes[node].metrics()
            pending = [value for name, value in page.items() if name.startswith("cairn_sync_pending_changes")]
            self.assertEqual(pending, [0.0])
        sender, other = self.runner()
        names = [{name.split("{")[0] for name in self.cluster.nodes[node].metrics()} for node in (sender, other)]
        self.assertIn("cairn_sync_up", names[0])
        self.assertNotIn("cairn_sync_up", names[1])

    def test_commands_to_any_node_reach_the_one_that_sends(self):
        self.wait(lambda: self.arrived("before", b"there before the rule"), "what was there did not arrive")
        _, other = self.runner()
        rule = self.rule(other)["id"]
        self.admin(other, "pause", rule)
        for node in range(NODES):
            self.s3s[node].put_object(Bucket=BUCKET, Key=f"paused-{node}", Body=b"later")
        for node in range(NODES):
            self.assertEqual((self.rule(node)["state"], self.rule(node)["pending_changes"]), ("paused", NODES))
            self.assertEqual(self.status(node, "paused-0"), "PENDING")
        self.admin(other, "resume", rule)
        for node in range(NODES):
            self.wait(lambda: self.arrived(f"paused-{node}", b"later"), "what was held back did not arrive")
        self.admin(other, "remove", rule)
        for node in range(NODES):
            self.assertEqual(self.admin(node, "list")["rules"], [])

    def test_another_node_goes_on_when_the_one_that_sends_dies(self):
        self.wait(lambda: self.arrived("before", b"there before the rule"), "what was there did not arrive")
        sender, other = self.runner()
        self.admin(other, "pause", self.rule(other)["id"])
        for turn in range(CHANGES):
            self.s3s[turn % NODES].put_object(Bucket=BUCKET, Key=f"k{turn}", Body=b"%d" % turn)
        self.cluster.nodes[sender].kill()
        self.admin(other, "resume", self.rule(other)["id"])
        for turn in range(CHANGES):
            self.wait(lambda: self.arrived(f"k{turn}", b"%d" % turn), f"k{turn} did not arrive")
        self.wait(lambda: self.rule(other)["runs_here"], "nobody sends")
        self.wait(lambda: self.status(other, "k0") == "COMPLETED", "it is not called sent")
        self.cluster.nodes[sender].start()
        self.assertEqual(self.rule(sender)["runs_here"], False)
        self.s3s[sender].put_object(Bucket=BUCKET, Key="again", Body=b"back")
        self.wait(lambda: self.arrived("again", b"back"), "a change of the one that came back did not arrive")


if __name__ == "__main__":
    unittest.main()
