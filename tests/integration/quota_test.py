"""Quotas and rates: size and object limits hold exactly, are decided before a body is sent and again
at the commit, and survive a restart; rates hold within 1 % and say when to come again. Needs
CAIRN_BINARY."""
import json
import socket
import subprocess
import threading
import time
import unittest

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cairn_server import CairnServer, binary

KIB = 1024


class Quotas(unittest.TestCase):
    def setUp(self):
        self.server = CairnServer(cores=2).start()
        self.addCleanup(self.server.close)
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket="limited")

    def admin(self, *arguments):
        done = subprocess.run([binary(), "admin", *arguments, "--data", self.server.data],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def quota(self, *arguments):
        return self.admin("quota", *arguments)

    def put(self, key, size):
        return self.s3.put_object(Bucket="limited", Key=key, Body=b"x" * size)

    def refused(self, code, call, *arguments, **named):
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **named)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response

    def usage(self):
        return self.quota("show", "bucket", "limited")["usage"]

    def wait_until_counted(self):
        end = time.monotonic() + 30
        while self.server.metrics()["cairn_usage_counted"] != 1:
            self.assertLess(time.monotonic(), end)

    def test_size_of_a_bucket(self):
        self.wait_until_counted()
        self.quota("set", "bucket", "limited", "--size", "100KiB")
        self.put("a", 60 * KIB)
        self.refused("QuotaExceeded", self.put, "b", 41 * KIB)
        self.put("b", 40 * KIB)
        self.assertEqual(self.usage(), {"known": True, "size": 100 * KIB, "objects": 2})
        self.refused("QuotaExceeded", self.put, "c", 1)
        self.put("b", 40 * KIB)  # What is replaced makes room.
        self.put("b", 10 * KIB)
        self.put("c", 30 * KIB)
        self.s3.delete_object(Bucket="limited", Key="a")
        self.assertEqual(self.usage(), {"known": True, "size": 40 * KIB, "objects": 2})
        self.server.restart()
        self.wait_until_counted()
        self.assertEqual(self.usage(), {"known": True, "size": 40 * KIB, "objects": 2})
        self.refused("QuotaExceeded", self.put, "d", 61 * KIB)
        self.quota("set", "bucket", "limited", "--size", "0")
        self.put("d", 500 * KIB)

    def test_parts_and_copies_count(self):
        self.wait_until_counted()
        self.quota("set", "bucket", "limited", "--size", "100KiB")
        upload = self.s3.create_multipart_upload(Bucket="limited", Key="m")["UploadId"]
        part = self.s3.upload_part(Bucket="limited", Key="m", UploadId=upload, PartNumber=1,
                                   Body=b"x" * 60 * KIB)
        self.refused("QuotaExceeded", self.s3.upload_part, Bucket="limited", Key="m",
                     UploadId=upload, PartNumber=2, Body=b"x" * 60 * KIB)
        self.s3.complete_multipart_upload(
            Bucket="limited", Key="m", UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self.assertEqual(self.usage()["size"], 60 * KIB)
        self.refused("QuotaExceeded", self.s3.copy_object, Bucket="limited", Key="n",
                     CopySource={"Bucket": "limited", "Key": "m"})
        self.assertEqual(self.usage()["size"], 60 * KIB)

    def test_objects_of_a_tenant(self):
        self.wait_until_counted()
        self.quota("set", "tenant", "root", "--objects", "3")
        self.s3.create_bucket(Bucket="limited-too")
        self.put("a", 1)
        self.put("b", 1)
        self.s3.put_object(Bucket="limited-too", Key="c", Body=b"x")
        self.refused("QuotaExceeded", self.put, "d", 1)
        self.put("a", 2)

    def test_a_body_that_cannot_fit_is_not_asked_for(self):
        self.wait_until_counted()
        self.quota("set", "bucket", "limited", "--size", "1KiB")
        host = self.server.host_port
        signed = AWSRequest(method="PUT", url=f"http://{host}/limited/k",
                            headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        S3SigV4Auth(Credentials(self.server.access_key, self.server.secret_key), "s3",
                    "us-east-1").add_auth(signed)
        head = "PUT /limited/k HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in signed.headers.items())
        head += f"Host: {host}\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
        address, port = host.split(":")
        with socket.create_connection((address, int(port)), timeout=30) as connection:
            connection.sendall(head.encode())
            reply = connection.recv(65536).decode()
        self.assertTrue(reply.startswith("HTTP/1.1 403"), reply)

    def test_writers_side_by_side_do_not_pass_the_limit(self):
        self.wait_until_counted()
        self.quota("set", "bucket", "limited", "--size", "1000KiB")
        def write(writer):
            s3 = self.server.boto3_client()
            for number in range(50):
                try:
                    s3.put_object(Bucket="limited", Key=f"{writer}-{number}", Body=b"x" * 17 * KIB)
                except ClientError as error:
                    self.assertEqual(error.response["Error"]["Code"], "QuotaExceeded")
        writers = [threading.Thread(target=write, args=(i,)) for i in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        size = sum(o["Size"] for o in self.s3.list_objects_v2(Bucket="limited")["Contents"])
        self.assertLessEqual(size, 1000 * KIB)
        self.assertGreater(size, 990 * KIB - 17 * KIB)
        self.assertEqual(self.usage()["size"], size)

    def make_user(self, name):
        """A user with all rights; its client."""
        self.admin("user", "add", name, "--json")
        self.admin("policy", "attach", "AdministratorAccess", "--user", name, "--json")
        key = self.admin("key", "add", "--user", name, "--json")
        return self.server.boto3_client(access_key=key["access_key"],
                                        secret_key=key["secret_key"])

    def test_size_of_a_user_counts_the_buckets_that_it_made(self):
        self.wait_until_counted()
        anna, ben = self.make_user("anna"), self.make_user("ben")
        arn = "arn:aws:iam::000000000001:user/anna"
        self.quota("set", "user", arn, "--size", "100KiB")
        anna.create_bucket(Bucket="annas-one")
        anna.create_bucket(Bucket="annas-two")
        ben.create_bucket(Bucket="bens")
        body = lambda kib: b"x" * kib * KIB
        anna.put_object(Bucket="annas-one", Key="a", Body=body(60))
        # Whoever writes: it is the maker of the bucket who has the room.
        self.refused("QuotaExceeded", ben.put_object, Bucket="annas-two", Key="b", Body=body(41))
        ben.put_object(Bucket="annas-two", Key="b", Body=body(40))
        self.refused("QuotaExceeded", anna.put_object, Bucket="annas-one", Key="c", Body=b"x")
        self.refused("QuotaExceeded", anna.copy_object, Bucket="annas-one", Key="copy",
                     CopySource={"Bucket": "annas-one", "Key": "a"})
        upload = anna.create_multipart_upload(Bucket="annas-one", Key="m")["UploadId"]
        self.refused("QuotaExceeded", anna.upload_part, Bucket="annas-one", Key="m",
                     UploadId=upload, PartNumber=1, Body=b"x")
        anna.put_object(Bucket="bens", Key="elsewhere", Body=body(200))
        anna.put_object(Bucket="limited", Key="elsewhere", Body=body(200))
        usage = lambda: self.quota("show", "user", arn)["usage"]
        self.assertEqual(usage(), {"known": True, "size": 100 * KIB, "objects": 2})
        # What is removed makes room again, and all of it outlives a restart.
        ben.delete_object(Bucket="annas-one", Key="a")
        self.assertEqual(usage(), {"known": True, "size": 40 * KIB, "objects": 1})
        self.server.restart()
        self.wait_until_counted()
        self.assertEqual(usage(), {"known": True, "size": 40 * KIB, "objects": 1})
        anna.upload_part(Bucket="annas-one", Key="m", UploadId=upload, PartNumber=1, Body=body(60))
        self.refused("QuotaExceeded", anna.put_object, Bucket="annas-two", Key="d", Body=b"x")
        anna.abort_multipart_upload(Bucket="annas-one", Key="m", UploadId=upload)
        # Versions that nobody sees any more are held as well.
        anna.put_bucket_versioning(Bucket="annas-two",
                                   VersioningConfiguration={"Status": "Enabled"})
        anna.put_object(Bucket="annas-two", Key="b", Body=body(60))
        self.server.restart()
        self.wait_until_counted()
        self.assertEqual(usage(), {"known": True, "size": 100 * KIB, "objects": 2})
        self.refused("QuotaExceeded", anna.put_object, Bucket="annas-two", Key="b", Body=b"x")
        self.quota("set", "user", arn, "--size", "0")
        anna.put_object(Bucket="annas-two", Key="b", Body=body(500))

    def test_writers_into_several_buckets_do_not_pass_the_limit_of_their_maker(self):
        self.wait_until_counted()
        anna = self.make_user("anna")
        arn = "arn:aws:iam::000000000001:user/anna"
        self.quota("set", "user", arn, "--size", "500KiB")
        for number in range(4):
            anna.create_bucket(Bucket=f"annas-{number}")
        def write(bucket, make):
            s3 = self.server.boto3_client()
            for number in range(20):
                try:
                    make(s3, bucket, number)
                except ClientError as error:
                    self.assertEqual(error.response["Error"]["Code"], "QuotaExceeded")
        def put(s3, bucket, number):
            s3.put_object(Bucket=bucket, Key=f"{number}", Body=b"x" * 17 * KIB)
        def copy(s3, bucket, number):
            s3.copy_object(Bucket=bucket, Key=f"{number}",
                           CopySource={"Bucket": bucket, "Key": "source"})
        makes = [put, put, copy, copy]
        for number in (2, 3):
            anna.put_object(Bucket=f"annas-{number}", Key="source", Body=b"x" * 17 * KIB)
        writers = [threading.Thread(target=write, args=(f"annas-{i}", makes[i])) for i in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        size = sum(o["Size"] for i in range(4)
                   for o in anna.list_objects_v2(Bucket=f"annas-{i}")["Contents"])
        self.assertLessEqual(size, 500 * KIB)
        self.assertGreater(size, 500 * KIB - 17 * KIB)
        self.assertEqual(self.quota("show", "user", arn)["usage"]["size"], size)

    def test_requests_per_second(self):
        self.put("k", 1)
        self.quota("set", "key", self.server.access_key, "--requests", "50")
        seconds, served, slowed = 6, [0] * 4, []
        end = time.monotonic() + seconds
        def ask(index):
            s3 = self.server.boto3_client()
            while time.monotonic() < end:
                try:
                    s3.head_object(Bucket="limited", Key="k")
                    served[index] += 1
                except ClientError as error:
                    slowed.append(error.response["ResponseMetadata"])
        askers = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        # 1 %, and the burst of 100 ms.
        self.assertLessEqual(sum(served), 50 * seconds * 1.01 + 5)
        self.assertGreaterEqual(sum(served), 50 * seconds * 0.97)
        self.assertTrue(slowed)
        self.assertTrue(all(m["HTTPStatusCode"] == 503 for m in slowed))
        self.assertGreaterEqual(int(slowed[0]["HTTPHeaders"]["retry-after"]), 1)

    def test_a_user_is_limited_over_all_its_keys(self):
        self.quota("set", "user", "arn:aws:iam::000000000001:root", "--requests", "1")
        answers = []
        for _ in range(3):
            try:
                self.s3.head_bucket(Bucket="limited")
                answers.append(200)
            except ClientError as error:
                answers.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
        self.assertIn(503, answers)
        self.quota("set", "user", "arn:aws:iam::000000000001:root", "--requests", "0")
        self.s3.head_bucket(Bucket="limited")

    def test_bytes_per_second(self):
        self.quota("set", "bucket", "limited", "--bytes-in", "200KiB", "--bytes-out", "200KiB")
        for direction in ("in", "out"):
            if direction == "out":
                self.quota("set", "bucket", "limited", "--bytes-in", "0")
                self.put("read", 10 * KIB)
            moved, begin, seconds = 0, time.monotonic(), 5
            while time.monotonic() < begin + seconds:
                try:
                    if direction == "in":
                        self.put("written", 10 * KIB)
                    else:
                        self.s3.get_object(Bucket="limited", Key="read")["Body"].read()
                    moved += 10 * KIB
                except ClientError as error:
                    self.assertEqual(error.response["Error"]["Code"], "SlowDown")
            # One request may overdraw: its size on top of the burst.
            self.assertLessEqual(moved, 200 * KIB * seconds * 1.01 + 30 * KIB, direction)
            self.assertGreaterEqual(moved, 200 * KIB * seconds * 0.95, direction)

    def test_wrong_parameters_are_refused(self):
        for arguments in (["set", "bucket", "absent", "--size", "1"],
                          ["set", "planet", "limited", "--size", "1"],
                          ["set", "bucket", "limited", "--size", "much"],
                          ["set", "key", "AK", "--size", "1"],
                          ["set", "user", "alice", "--requests", "1"],
                          ["set", "user", "alice", "--size", "1"],
                          ["set", "tenant", "x", "--size", "1"]):
            done = subprocess.run([binary(), "admin", "quota", *arguments, "--data",
                                   self.server.data], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn("error", done.stdout)
        self.assertEqual(self.quota("show"), {"quotas": []})


if __name__ == "__main__":
    unittest.main(verbosity=2)
