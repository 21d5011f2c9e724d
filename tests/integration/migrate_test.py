"""`cairn admin migrate`: a server's data becomes a cluster's while clients write. The server is killed in the
middle and goes on; after the switch every write that was acknowledged, at any time, is read through nodes of
the cluster, byte by byte; the old server takes no writes any more, and nodes refuse a copy that is not whole.
The cluster's home is a Ceph pool, or a bucket of another server, as CAIRN_CLUSTER_HOME says (rados, s3)."""
import concurrent.futures
import hashlib
import json
import os
import random
import subprocess
import tempfile
import threading
import time
import unittest

from botocore.exceptions import BotoCoreError, ClientError
from cairn_server import CairnServer, binary
from etcd_server import EtcdServer
from home_server import Upstream

MIB = 1 << 20
PATIENCE_SECONDS = 240
HOME = os.environ.get("CAIRN_CLUSTER_HOME", "rados")


def body_of(number):
    generator = random.Random(number)
    size = generator.choice((0, 10, 4000, 4000, 20000, 70000, 70000, MIB, 5 * MIB + 3))
    return generator.randbytes(size)


class Writers:
    """Threads that put, overwrite and delete; what was acknowledged is known. A write without an answer may
    have happened or not."""

    def __init__(self, server, count=3):
        self._server, self._stop = server, threading.Event()
        self.acknowledged, self.unsure, self.refused = {}, {}, 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, writer):
        generator = random.Random(writer)
        s3, number = self._server.boto3_client(), writer * 1_000_000
        while not self._stop.is_set():
            number += 1
            # Each writer has keys of its own, so that the last acknowledged state is known.
            key = f"live/{writer}/{generator.randrange(150)}"
            is_delete = generator.random() < 0.2
            body = None if is_delete else body_of(number)
            try:
                if is_delete:
                    s3.delete_object(Bucket="models", Key=key)
                else:
                    s3.put_object(Bucket="models", Key=key, Body=body)
                with self._lock:
                    self.acknowledged[key] = body
                    self.unsure.pop(key, None)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                    raise
                self.refused += 1
                time.sleep(0.02)
            except (BotoCoreError, OSError):
                with self._lock:
                    self.unsure.setdefault(key, []).append(body)
                time.sleep(0.02)


class Migrate(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="cairn-migrate.")
        self.addCleanup(self.directory.cleanup)
        self.etcd = EtcdServer(members=3)
        self.addCleanup(self.etcd.close)
        self.old = CairnServer(stack="", args=["--gc-interval-ms", "100"]).start()
        self.addCleanup(self.old.close)
        self.settings = os.path.join(self.directory.name, "node.toml")
        with open(os.open(self.settings, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as out:
            out.write(f'catalog = "{self.etcd.url("moved")}"\nhome_upkeep_ms = 200\n' + self.home())
        self.s3 = self.old.boto3_client()

    def home(self):
        """Its settings."""
        if HOME == "rados":
            from ceph_home import CephHome
            home = CephHome()
            return f'home = "rados:data/{home.namespace}"\nhome_ceph_conf = "{home.cluster.conf}"\n'
        home = Upstream(with_proxy=False)
        self.addCleanup(home.close)
        return (f'home = "{home.flags[1]}"\nhome_endpoint = "{home.server.endpoint}"\n'
                f'home_access_key = "{home.server.access_key}"\nhome_secret_key = "{home.server.secret_key}"\n')

    def node(self):
        node = CairnServer(stack="", args=["--config", self.settings, "--root-key",
                                           "file:" + os.path.join(self.old.data, "keys/root.key")])
        node.access_key, node.secret_key = self.old.access_key, self.old.secret_key
        self.addCleanup(node.close)
        return node

    def migrate(self, *flags):
        return subprocess.Popen([binary(), "admin", "migrate", "--data", self.old.data, "--to", self.settings,
                                 *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def status(self):
        return json.loads(self.old.admin("/admin/v1/migrate-status")[1])

    def wait_for(self, condition, process):
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition(self.status()):
            if process.poll() is not None or time.monotonic() > end:
                self.fail(f"the migration ended or hangs: {self.status()} {process.communicate()}")
            time.sleep(0.02)

    def fill(self, objects=1200):
        self.s3.create_bucket(Bucket="models")
        self.s3.create_bucket(Bucket="versions")
        self.s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
        self.bodies = {f"old/{number}": body_of(number) for number in range(objects)}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda item: self.s3.put_object(Bucket="models", Key=item[0], Body=item[1]),
                          self.bodies.items()))
        self.versions = [(self.s3.put_object(Bucket="versions", Key="v", Body=body_of(number))["VersionId"],
                          body_of(number)) for number in range(20)]
        self.upload = self.s3.create_multipart_upload(Bucket="models", Key="parts")["UploadId"]
        self.part = self.s3.upload_part(Bucket="models", Key="parts", UploadId=self.upload, PartNumber=1,
                                        Body=b"p" * (6 * MIB))["ETag"]
        self.s3.put_bucket_tagging(Bucket="models", Tagging={"TagSet": [{"Key": "team", "Value": "models"}]})
        subprocess.run([binary(), "admin", "user", "add", "ada", "--data", self.old.data], check=True,
                       stdout=subprocess.DEVNULL)

    def check(self, node, writers):
        s3 = node.boto3_client()

        def get(key):
            try:
                return s3.get_object(Bucket="models", Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:
                return None
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for key, body in pool.map(lambda key: (key, get(key)), self.bodies):
                self.assertEqual(body, self.bodies[key], key)
            for key, body in pool.map(lambda key: (key, get(key)), writers.acknowledged):
                allowed = [writers.acknowledged[key], *writers.unsure.get(key, [])]
                self.assertIn(hashlib.sha256(body or b"-").digest(),
                              [hashlib.sha256(each or b"-").digest() for each in allowed], key)
        for version, body in self.versions:
            read = s3.get_object(Bucket="versions", Key="v", VersionId=version)["Body"].read()
            self.assertEqual(read, body)
        self.assertEqual(s3.get_bucket_tagging(Bucket="models")["TagSet"], [{"Key": "team", "Value": "models"}])
        users = subprocess.run([binary(), "admin", "user", "list", "--data", node.data], check=True,
                               capture_output=True, text=True).stdout
        self.assertIn("ada", users)

    def test_online_killed_in_the_middle_and_resumed(self):
        self.fill()
        writers = Writers(self.old)
        self.addCleanup(writers.stop)
        first = self.migrate()
        self.wait_for(lambda status: status["chunks"] > 40, first)
        self.assertTrue(self.status()["takes_writes"])
        # Nobody serves what is not whole.
        with self.assertRaises(RuntimeError) as refused:
            self.node().start()
        self.assertIn("migrate", str(refused.exception))
        self.old.kill()
        self.assertNotEqual(first.wait(60), 0)
        first.communicate()
        self.old.start()
        second = self.migrate()
        output, errors = second.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(second.returncode, 0, output + errors + self.old.log()[-3000:])
        done = json.loads(output.splitlines()[-1])
        self.assertEqual((done["phase"], done["takes_writes"]), ("done", False))
        self.assertGreater(done["rows_checked"], 3000)
        self.assertGreater(done["chunks_checked"], 50)
        self.assertGreater(done["chunks_present"], 0, "the second run began anew")
        print(f"migrated: {output.splitlines()[-1]}", flush=True)
        time.sleep(0.3)
        writers.stop()
        self.assertGreater(writers.refused, 0)
        self.assertGreater(len(writers.acknowledged), 50)
        one, two = self.node().start(), self.node().start()
        self.check(one, writers)
        self.check(two, writers)
        # An upload that was begun on the old server ends on the new one.
        one.boto3_client().complete_multipart_upload(
            Bucket="models", Key="parts", UploadId=self.upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": self.part}]})
        self.assertEqual(two.boto3_client().get_object(Bucket="models", Key="parts")["Body"].read(), b"p" * (6 * MIB))
        # The old one is read only, also after a restart, and the same command is done at once.
        self.old.restart()
        self.assertEqual(self.s3.get_object(Bucket="models", Key="old/7")["Body"].read(), self.bodies["old/7"])
        with self.assertRaises(ClientError) as refused:
            self.s3.put_object(Bucket="models", Key="late", Body=b"x")
        self.assertEqual(refused.exception.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        again = self.migrate()
        self.assertIn('"phase":"done"', again.communicate(timeout=60)[0])
        self.assertEqual(again.returncode, 0)

    def test_without_the_switch_it_follows_and_nothing_stops(self):
        self.fill(objects=100)
        ended = self.migrate("--no-switch").communicate(timeout=PATIENCE_SECONDS)
        self.assertIn('"phase":"ready"', ended[0], ended)
        self.s3.put_object(Bucket="models", Key="later", Body=b"later")
        self.bodies["later"] = b"later"
        self.assertEqual(self.migrate().communicate(timeout=PATIENCE_SECONDS)[1], "")
        node = self.node().start()
        self.assertEqual(node.boto3_client().get_object(Bucket="models", Key="later")["Body"].read(), b"later")

    def test_what_is_no_target_is_said(self):
        self.fill(objects=5)
        wrong = os.path.join(self.directory.name, "wrong.toml")
        with open(wrong, "w", encoding="ascii") as out:
            out.write('listen = "127.0.0.1:0"\n')
        ended = subprocess.run([binary(), "admin", "migrate", "--data", self.old.data, "--to", wrong],
                               capture_output=True, text=True)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("etcd://", ended.stderr)
        self.s3.put_object(Bucket="models", Key="still", Body=b"takes writes")


if __name__ == "__main__":
    if HOME == "rados":
        from ceph_home import cluster
        try:
            cluster()
        except unittest.SkipTest as reason:
            print(f"SKIPPED: migrate: {reason}")
            raise SystemExit(0) from None
    unittest.main()
