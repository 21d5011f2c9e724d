"""A server whose metadata is in etcd: the same objects, the same answers, and what it says when etcd
is gone, full of another server's metadata, or empty."""
import os
import random
import subprocess
import tempfile
import time
import unittest

from botocore.exceptions import ClientError
from cairn_server import CairnServer, binary
from etcd_server import EtcdServer
from linear_histories import Client

MIB = 1 << 20


def status_of(call):
    try:
        call()
        return 200
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


class EtcdCatalog(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.etcd = EtcdServer(members=3)
        cls.addClassCleanup(cls.etcd.close)
        cls.server = CairnServer(args=["--catalog", cls.etcd.url("one"), "--gc-interval-ms", "100"],
                                 stack="")
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.s3 = cls.server.boto3_client()
        cls.s3.create_bucket(Bucket="bucket")

    def get(self, key):
        return self.s3.get_object(Bucket="bucket", Key=key)["Body"].read()

    def test_objects_of_every_size_survive_a_kill(self):
        bodies = {f"size/{size}": random.Random(size).randbytes(size)
                  for size in (0, 1, 5000, MIB, 9 * MIB + 7, 64 * MIB)}
        for key, body in bodies.items():
            self.s3.put_object(Bucket="bucket", Key=key, Body=body)
        self.server.kill()
        self.server.start()
        for key, body in bodies.items():
            self.assertEqual(self.get(key), body, key)
        listed = self.s3.list_objects_v2(Bucket="bucket", Prefix="size/")["Contents"]
        self.assertEqual(sorted(bodies), [row["Key"] for row in listed])
        for key in bodies:
            self.s3.delete_object(Bucket="bucket", Key=key)
        self.assertEqual(self.s3.list_objects_v2(Bucket="bucket", Prefix="size/")["KeyCount"], 0)

    def test_an_upload_in_many_parts_is_one_commit(self):
        upload = self.s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
        parts, bodies = [], []
        for number in range(1, 81):
            bodies.append(random.Random(number).randbytes(5 * MIB if number < 80 else 1))
            reply = self.s3.upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=number,
                                        Body=bodies[-1])
            parts.append({"PartNumber": number, "ETag": reply["ETag"]})
        self.s3.complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload,
                                          MultipartUpload={"Parts": parts})
        self.assertEqual(self.get("parts"), b"".join(bodies))

    def test_conditions_hold(self):
        client = Client(self.server.endpoint, self.server.access_key, self.server.secret_key)
        for body, status in ((b"1", 200), (b"2", 412)):
            reply = client.request("PUT", "/bucket/once", body, {"if-none-match": "*"})
            self.assertEqual(reply[0], status)
        self.assertEqual(self.get("once"), b"1")

    def test_without_quorum_it_says_so_in_time_and_comes_back(self):
        self.s3.put_object(Bucket="bucket", Key="quorum", Body=b"1")
        for member in (0, 1):
            self.etcd.pause(member)
        try:
            for call in (lambda: self.s3.put_object(Bucket="bucket", Key="quorum", Body=b"2"),
                         lambda: self.s3.list_objects_v2(Bucket="bucket")):
                begin = time.monotonic()
                with self.assertRaises(ClientError) as refused:
                    call()
                reply = refused.exception.response["ResponseMetadata"]
                self.assertEqual(reply["HTTPStatusCode"], 503)
                self.assertIn("retry-after", reply["HTTPHeaders"])
                # Promised are 2 s; machines that build meanwhile get some more.
                self.assertLess(time.monotonic() - begin, 4)
        finally:
            for member in (0, 1):
                self.etcd.resume(member)
        deadline = time.monotonic() + 10
        while status_of(lambda: self.s3.put_object(Bucket="bucket", Key="quorum", Body=b"3")) != 200:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(self.get("quorum"), b"3")

    def test_metrics_tell_of_etcd(self):
        metrics = self.server.metrics()
        self.assertGreater(metrics["cairn_etcd_mirror_revision"], 0)
        self.assertGreater(metrics["cairn_etcd_strong_reads_total"], 0)
        self.assertGreaterEqual(metrics["cairn_etcd_strong_reads_total"],
                                metrics["cairn_etcd_questions_total"])


class Bond(unittest.TestCase):
    """A directory's chunks belong to one catalog."""

    def refused(self, data, url):
        done = subprocess.run([binary(), "serve", "--data", data, "--catalog", url, "--listen",
                               "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
                              capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_another_or_an_empty_catalog_is_refused(self):
        with EtcdServer() as etcd, tempfile.TemporaryDirectory() as directory:
            one, two = os.path.join(directory, "one"), os.path.join(directory, "two")
            for data, prefix in ((one, "one"), (two, "two")):
                server = CairnServer(data=data, args=["--catalog", etcd.url(prefix)], stack="")
                server.start()
                self.assertEqual(server.stop(), 0)
                server.close()
            self.assertIn("another one than", self.refused(one, etcd.url("two")))
            self.assertIn("restore etcd", self.refused(one, etcd.url("empty")))
            self.assertIn("--catalog", self.refused(one, "etcd://nonsense"))


if __name__ == "__main__":
    unittest.main()
