"""How servers reach etcd: over TLS with certificates, and as a user whose role is the prefix alone. What is
wrong with either is said, and a user's token that etcd has forgotten is got anew."""
import os
import subprocess
import tempfile
import unittest

from botocore.exceptions import ClientError
from cairn_server import CairnServer, binary
from etcd_server import EtcdServer
from home_server import Upstream
from peer_certificates import PeerCertificates

PASSWORD = "the password of the nodes"


class EtcdAccess(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="cairn-access-")
        self.addCleanup(self.directory.cleanup)
        self.certificates = PeerCertificates()
        self.addCleanup(self.certificates.close)
        self.ca, self.cert, self.key = self.certificates.flags("node")[1::2]
        self.etcd = EtcdServer(certificates=(self.ca, self.cert, self.key))
        self.addCleanup(self.etcd.close)
        self.upstream = Upstream(with_proxy=False)
        self.addCleanup(self.upstream.close)
        self.tls = ["--catalog-ca", self.ca, "--catalog-cert", self.cert, "--catalog-key", self.key]

    def etcdctl(self, *words):
        subprocess.run(["etcdctl", "--endpoints", f"127.0.0.1:{self.etcd.client_ports[0]}", *words], check=True,
                       capture_output=True, env={**os.environ, "ETCDCTL_API": "3"})

    def password_file(self, text):
        path = os.path.join(self.directory.name, "password")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
            out.write(text + "\n")
        return path

    def add_user(self):
        """One that may touch the prefix and nothing else."""
        self.etcdctl("user", "add", "root:" + "not told")
        self.etcdctl("user", "grant-role", "root", "root")
        self.etcdctl("role", "add", "cairn")
        self.etcdctl("role", "grant-permission", "cairn", "--prefix=true", "readwrite", "prod/")
        self.etcdctl("user", "add", "nodes:" + PASSWORD)
        self.etcdctl("user", "grant-role", "nodes", "cairn")
        self.etcdctl("auth", "enable")
        return ["--catalog-user", "nodes", "--catalog-password-file", self.password_file(PASSWORD)]

    def node(self, *flags, tls=True):
        node = CairnServer(stack="", env=self.upstream.env,
                           args=["--join", self.etcd.url("prod", tls=tls), "--node-name", "one", "--cores", "1",
                                 "--root-key", f"file:{self.directory.name}/root.key", *self.upstream.flags,
                                 *flags])
        node.access_key, node.secret_key = "ROOTOFACCESSTEST", "the-secret-of-the-access-test"
        self.addCleanup(node.close)
        return node

    def refused(self, *flags, tls=True):
        with self.assertRaises(RuntimeError) as refused:
            self.node(*flags, tls=tls).start()
        told = str(refused.exception)
        self.assertIn("ended with 1", told)
        self.assertNotIn(PASSWORD, told)
        return told

    def check(self, node, key="k"):
        s3 = node.boto3_client()
        s3.put_object(Bucket="bucket", Key=key, Body=b"body")
        self.assertEqual(s3.get_object(Bucket="bucket", Key=key)["Body"].read(), b"body")

    def test_tls(self):
        node = self.node(*self.tls).start()
        node.boto3_client().create_bucket(Bucket="bucket")
        self.check(node)
        self.etcd.kill(0)
        self.etcd.start(0)
        self.check_soon(node)
        self.assertIn("etcd", self.refused("--catalog-ca", self.ca))  # No certificate of its own.
        other = PeerCertificates()
        self.addCleanup(other.close)
        self.assertIn("etcd", self.refused("--catalog-ca", other.ca, *self.tls[2:]))

    def check_soon(self, node):
        for turn in range(200):
            try:
                return self.check(node, f"again{turn}")
            except ClientError as error:
                self.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        self.fail("it does not come back:\n" + node.log()[-2000:])

    def test_a_user_of_the_prefix_alone(self):
        user = self.add_user()
        for tls in (False, True):
            with self.subTest(tls=tls):
                flags = [*user, *(self.tls if tls else ())]
                node = self.node(*flags, tls=tls).start()
                s3 = node.boto3_client()
                s3.create_bucket(Bucket="bucket")
                self.check(node, "k")
                self.assertEqual(node.metrics()["cairn_cluster_registered"], 1)
                # A restarted etcd knows no token of before.
                self.etcd.kill(0)
                self.etcd.start(0)
                self.check_soon(node)
                self.assertEqual(node.stop(), 0)

    def test_what_is_wrong_with_the_user_is_said(self):
        user = self.add_user()
        self.assertIn("--catalog-user", self.refused(tls=False))
        self.assertIn("password", self.refused(*user[:3], self.password_file("another"), tls=False))
        ended = subprocess.run([binary(), "serve", "--data", self.directory.name + "/x", "--catalog",
                                self.etcd.url("prod"), "--catalog-user", "nodes"], capture_output=True, text=True)
        self.assertEqual(ended.returncode, 2)
        self.assertIn("catalog-password-file", ended.stderr)
        # Beyond its prefix it has no right.
        self.password_file(PASSWORD)
        node = CairnServer(stack="", env=self.upstream.env, args=[
            "--catalog", self.etcd.url("elsewhere"), *self.upstream.flags, *user])
        self.addCleanup(node.close)
        with self.assertRaises(RuntimeError) as refused:
            node.start()
        self.assertIn("permission", str(refused.exception))


if __name__ == "__main__":
    unittest.main()
