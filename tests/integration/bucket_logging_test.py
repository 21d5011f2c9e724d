"""Server access logs of buckets: requests on a bucket become lines of objects in its target. Needs
CAIRN_BINARY."""
import re
import time
import unittest
import urllib.request

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cairn_server import CairnServer

# Server access log format of the S3 user guide: 26 fields, some quoted, the time in brackets.
FIELD = re.compile(r'"[^"]*"|\[[^\]]*\]|\S+')
KEY = re.compile(r"^logs/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}$")


class BucketLogging(unittest.TestCase):
    def setUp(self):
        self.server = CairnServer(cores=2, args=["--bucket-log-interval", "1"]).start()
        self.addCleanup(self.server.close)
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket="seen")
        self.s3.create_bucket(Bucket="logs-of-seen")

    def log(self, key_format=""):
        """By hand: Debian's boto3 does not know TargetObjectKeyFormat."""
        body = ("<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs-of-seen</TargetBucket>"
                f"<TargetPrefix>logs/</TargetPrefix>{key_format}</LoggingEnabled>"
                "</BucketLoggingStatus>").encode()
        url = self.server.endpoint + "/seen?logging"
        signed = AWSRequest(method="PUT", url=url, data=body)
        S3SigV4Auth(Credentials(self.server.access_key, self.server.secret_key), "s3",
                    "us-east-1").add_auth(signed)
        request = urllib.request.Request(url, data=body, method="PUT",
                                         headers=dict(signed.headers.items()))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.assertEqual(opener.open(request, timeout=30).status, 200)

    def lines(self):
        lines, keys = [], []
        for item in self.s3.list_objects_v2(Bucket="logs-of-seen").get("Contents", []):
            keys.append(item["Key"])
            body = self.s3.get_object(Bucket="logs-of-seen", Key=item["Key"])["Body"].read()
            lines += [FIELD.findall(line) for line in body.decode().splitlines()]
        return lines, keys

    def wait_for(self, count):
        end = time.monotonic() + 30
        while True:
            lines, keys = self.lines()
            if len(lines) >= count:
                return lines, keys
            self.assertLess(time.monotonic(), end, lines)
            time.sleep(0.2)  # Delivery goes by the clock.

    def test_lines(self):
        self.s3.put_object(Bucket="seen", Key="before", Body=b"x")
        self.log()
        put = self.s3.put_object(Bucket="seen", Key="a b\"", Body=b"hello")
        self.s3.get_object(Bucket="seen", Key="a b\"")["Body"].read()
        with self.assertRaises(ClientError):
            self.s3.get_object(Bucket="seen", Key="absent")
        self.s3.delete_object(Bucket="seen", Key="a b\"")
        lines, keys = self.wait_for(4)
        lines = [line for line in lines if line[6] != "REST.PUT.LOGGING"]
        self.assertTrue(all(KEY.match(key) for key in keys), keys)
        self.assertTrue(all(len(line) == 26 for line in lines), lines)
        by_operation = {(line[6], line[9]): line for line in lines}
        self.assertEqual(set(by_operation), {
            ("REST.PUT.OBJECT", "200"), ("REST.GET.OBJECT", "200"), ("REST.GET.OBJECT", "404"),
            ("REST.DELETE.OBJECT", "204")})
        line = by_operation["REST.PUT.OBJECT", "200"]
        self.assertEqual(line[1], "seen")
        self.assertEqual(line[3], "127.0.0.1")
        self.assertEqual(line[5], put["ResponseMetadata"]["RequestId"])
        self.assertEqual(line[7], "a%20b%22")
        self.assertTrue(line[8].startswith('"PUT /seen/a%20b%22'), line)
        self.assertEqual(line[12], "5")
        self.assertEqual((line[19], line[21]), ("SigV4", "AuthHeader"))
        self.assertIn("Boto3", line[16])
        self.assertEqual(by_operation["REST.GET.OBJECT", "404"][10], "NoSuchKey")
        self.assertEqual(by_operation["REST.GET.OBJECT", "200"][11], "5")

    def test_partitioned_keys_and_an_orderly_end(self):
        self.log("<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime"
                 "</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>")
        self.s3.put_object(Bucket="seen", Key="k", Body=b"x")
        self.server.restart()
        lines, keys = self.wait_for(1)
        self.assertTrue(all(re.match(
            r"^logs/\d{12}/us-east-1/seen/\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}$",
            key) for key in keys), keys)
        self.assertIn("REST.PUT.OBJECT", [line[6] for line in lines])


if __name__ == "__main__":
    unittest.main(verbosity=2)
