"""Who joins a cluster, and with what: root credentials that are not the cluster's are refused, and changed by
restarting one node after the other; a node is refused, and ends, where a newer Cairn raised the schema of the
metadata; a server with data of its own is told how they move."""
import base64
import json
import os
import subprocess
import time
import unittest

from botocore.exceptions import ClientError
from cairn_server import CairnServer, binary
from cluster_nodes import ClusterNodes
from peer_certificates import PeerCertificates

REPLACE = "--replace-root-credentials"


class JoinCase(unittest.TestCase):
    def setUp(self):
        self.cluster = ClusterNodes(nodes=2, args=("--cores", "1", "--memory", "256MiB"))
        self.addCleanup(self.cluster.close)

    def refused(self, data, *flags, **env):
        """What a node says that does not start."""
        flags = flags or self.cluster.nodes[0].arguments()
        base = {key: value for key, value in os.environ.items() if not key.startswith("CAIRN_ROOT")}
        ended = subprocess.run([binary(), "serve", "--data", data, "--listen", "127.0.0.1:0", "--admin-listen",
                                "127.0.0.1:0", *flags], env={**base, **self.cluster.home_env, **env},
                               capture_output=True, text=True, timeout=60)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        return ended.stderr

    def answers(self, number, pair):
        """What node `number` answers a client with these keys."""
        try:
            self.cluster.s3(number, access_key=pair[0], secret_key=pair[1]).list_buckets()
            return 200
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"]


class RootCredentialsTest(JoinCase):
    def wait_until_differs(self, number, value):
        end = time.monotonic() + 30
        while self.cluster.nodes[number].metrics()["cairn_root_credentials_differ"] != value:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)

    def test_others_are_refused(self):
        data = os.path.join(self.cluster.directory, "stranger")
        told = self.refused(data, CAIRN_ROOT_ACCESS_KEY="SOMEBODYELSE",
                            CAIRN_ROOT_SECRET_KEY="a-secret-of-somebody-else")
        for part in ("are not those of the cluster", "CAIRN_ROOT_ACCESS_KEY", REPLACE):
            self.assertIn(part, told)
        self.assertNotIn("a-secret-of-somebody-else", told)
        # The access key alone does not make the pair.
        told = self.refused(data, CAIRN_ROOT_ACCESS_KEY=self.cluster.nodes[0].access_key,
                            CAIRN_ROOT_SECRET_KEY="a-secret-of-somebody-else")
        self.assertIn("are not those of the cluster", told)

    def test_a_node_without_any_makes_none(self):
        data = os.path.join(self.cluster.directory, "stranger")
        for _ in range(2):
            self.assertIn("was given no root credentials", self.refused(data))
            self.assertFalse(os.path.exists(os.path.join(data, "credentials")))

    def test_a_rolling_restart_changes_them(self):
        old, new = [(node.access_key, node.secret_key) for node in (self.cluster.nodes[0],)][0], (
            "ROTATEDROOTKEY", "the-secret-after-the-rotation")
        one, two = self.cluster.nodes
        one.access_key, one.secret_key = new
        one.restart_with(REPLACE)
        self.assertEqual((self.answers(0, new), self.answers(0, old)), (200, 403))
        # The other one goes on with the old ones, and says so.
        self.assertEqual((self.answers(1, new), self.answers(1, old)), (403, 200))
        self.wait_until_differs(1, 1)
        self.assertIn("root_credentials_differ", two.log())
        self.assertNotIn(new[1], two.log())
        self.assertEqual(one.metrics()["cairn_root_credentials_differ"], 0)
        two.stop()
        self.assertIn("are not those of the cluster",
                      self.refused(two.data, *two.arguments(), CAIRN_ROOT_ACCESS_KEY=old[0], CAIRN_ROOT_SECRET_KEY=old[1]))
        two.access_key, two.secret_key = new
        two.start()  # Which the flag has told the cluster already.
        self.assertEqual((self.answers(1, new), self.answers(1, old)), (200, 403))
        self.assertEqual(two.metrics()["cairn_root_credentials_differ"], 0)


class SchemaTest(JoinCase):
    ROW = "/ks/info"  # Behind the prefix; docs/format.md.

    def etcdctl(self, *words, **how):
        return subprocess.run(["etcdctl", "--endpoints", self.cluster.etcd.clients[0], *words], check=True,
                              capture_output=True, env={**os.environ, "ETCDCTL_API": "3"}, **how).stdout

    def test_a_newer_schema_ends_and_refuses_nodes(self):
        key = self.cluster.prefix + self.ROW
        info = json.loads(self.etcdctl("get", key, "-w", "json"))["kvs"][0]
        value = base64.b64decode(info["value"])
        self.assertEqual(value[:2], b"\x08\x03")  # Field 1, the schema's version.
        self.cluster.s3(0).create_bucket(Bucket="bucket")
        self.etcdctl("put", key, input=b"\x08\x04" + value[2:])
        for node in self.cluster.nodes:
            self.assertEqual(node.process.wait(30), 1)
            self.assertIn("a newer Cairn wrote it; update this one", node.log())
            with self.assertRaises(RuntimeError) as refused:
                node.start()
            self.assertIn("a newer Cairn wrote it; update this one", str(refused.exception))
        self.etcdctl("put", key, input=value)
        for node in self.cluster.nodes:
            node.start()
        self.cluster.s3(1).head_bucket(Bucket="bucket")


class PeerCertificateTest(JoinCase):
    def test_one_that_others_will_not_take_is_told_of(self):
        good, other = PeerCertificates(), PeerCertificates()
        self.addCleanup(good.close)
        self.addCleanup(other.close)
        ca, cert, key = good.flags("node")[1::2]
        for authority, is_told in ((ca, False), (other.ca, True)):
            node = CairnServer(stack="", env=self.cluster.home_env, args=[
                *self.cluster.nodes[0].arguments(), "--join", self.cluster.etcd.url(self.cluster.prefix),
                "--node-name", "peer", "--peer-listen", "127.0.0.1:0", "--peer-ca", authority,
                "--peer-cert", cert, "--peer-key", key])
            node.access_key, node.secret_key = self.cluster.nodes[0].access_key, self.cluster.nodes[0].secret_key
            self.addCleanup(node.close)
            node.start()
            self.assertEqual("peer_certificate_would_not_pass" in node.log(), is_told, node.log())
            self.assertEqual(node.stop(), 0)


class OwnDataTest(JoinCase):
    def test_a_server_with_data_of_its_own_is_told_how_they_move(self):
        server = CairnServer(stack="").start()
        self.addCleanup(server.close)
        server.boto3_client().create_bucket(Bucket="own")
        server.stop()
        url = self.cluster.etcd.url(self.cluster.prefix)
        for flags in (["--join", url], ["--join", url, *self.cluster.home_flags], ["--catalog", url]):
            self.assertIn("cairn admin migrate", self.refused(server.data, *flags))
        server.start()
        server.boto3_client().head_bucket(Bucket="own")


if __name__ == "__main__":
    unittest.main()
