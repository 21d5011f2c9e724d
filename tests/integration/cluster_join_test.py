"""Who joins a cluster, and with what: root credentials that are not the cluster's are refused, and changed by
restarting one node after the other."""
import os
import subprocess
import time
import unittest

from botocore.exceptions import ClientError
from cairn_server import binary
from cluster_nodes import ClusterNodes

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


if __name__ == "__main__":
    unittest.main()
