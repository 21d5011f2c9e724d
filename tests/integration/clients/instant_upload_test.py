"""Property: stock clients do not send what the store has. Method: every client uploads new data and then the
same again through a proxy that counts body bytes on the wire: all of them the first time, none the second,
with the same ETags, checksums and bytes afterwards. Run under Debian's boto3 1.26 and under the newest."""
import hashlib
import shutil
import sys

try:
    import boto3
    from botocore.config import Config
except ImportError:
    print("SKIPPED: boto3: not installed for " + sys.executable)
    sys.exit(0)

import clients_case
from wire_counter import WireCounter

MIB = 1 << 20
LARGE = 64 * MIB + 12345


class InstantUpload(clients_case.ClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wire = WireCounter(cls.server.host_port).__enter__()
        cls.s3 = cls.client()
        cls.s3.create_bucket(Bucket="instant")
        cls.large = hashlib.shake_128(b"large").digest(LARGE)
        (cls.work / "large").write_bytes(cls.large)

    @classmethod
    def tearDownClass(cls):
        cls.wire.__exit__()
        super().tearDownClass()

    @classmethod
    def client(cls, **config):
        return boto3.client("s3", endpoint_url=cls.wire.endpoint, region_name="us-east-1",
                            aws_access_key_id=cls.server.access_key,
                            aws_secret_access_key=cls.server.secret_key,
                            config=Config(retries={"max_attempts": 1}, **config))

    def setUp(self):
        self.wire.clear()

    def sent(self):
        sent = self.wire.body_bytes()
        self.wire.clear()
        return sent

    def stored(self, key):
        return self.s3.get_object(Bucket="instant", Key=key)["Body"].read()

    def test_put_object(self):
        for size in (1, 4096, 16384, 16385, 3 * MIB):
            body = hashlib.shake_128(b"put%d" % size).digest(size)
            first = self.s3.put_object(Bucket="instant", Key="first", Body=body)
            self.assertEqual(self.sent(), size)
            second = self.s3.put_object(Bucket="instant", Key=f"second-{size}", Body=body)
            [put] = self.wire.requests("PUT")
            self.assertEqual((put.body_bytes, put.continued, put.status), (0, False, 200))
            self.assertIn("\r\nconnection: close", put.reply_head)
            self.assertEqual(self.sent(), 0)
            self.assertEqual(first["ETag"], second["ETag"])
            self.assertEqual(second["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
            for name in first:
                if name.startswith("Checksum"):
                    self.assertEqual(first[name], second[name])
            self.assertEqual(self.stored(f"second-{size}"), body)
            self.wire.clear()

    def test_the_same_key_again(self):
        body = b"again and again" * 1000
        self.s3.put_object(Bucket="instant", Key="same", Body=body)
        self.assertEqual(self.sent(), len(body))
        for _ in range(3):
            self.s3.put_object(Bucket="instant", Key="same", Body=body)
            self.assertEqual(self.sent(), 0)
        self.assertEqual(self.stored("same"), body)

    def test_upload_file_in_parts(self):
        path = str(self.work / "large")
        self.s3.upload_file(path, "instant", "large-1")
        self.assertEqual(self.sent(), LARGE)
        self.s3.upload_file(path, "instant", "large-2")
        parts = self.wire.requests("PUT")
        self.assertEqual(len(parts), 9)
        self.assertEqual([part for part in parts if part.continued or part.body_bytes], [])
        self.assertEqual(self.sent(), 0)
        heads = [self.s3.head_object(Bucket="instant", Key=key) for key in ("large-1", "large-2")]
        self.assertEqual(heads[0]["ETag"], heads[1]["ETag"])
        self.assertEqual(hashlib.sha256(self.stored("large-2")).digest(),
                         hashlib.sha256(self.large).digest())
        # A piece of it by itself, and a part of an upload that was an object before.
        piece = self.large[8 * MIB:16 * MIB]
        self.wire.clear()
        self.s3.put_object(Bucket="instant", Key="piece", Body=piece)
        self.assertEqual(self.sent(), 0)
        self.assertEqual(self.stored("piece"), piece)

    def test_aws_cli(self):
        for size in ("small", "multipart"):
            for turn in ("one", "two"):
                self.wire.clear()
                self.run_client("aws", "--endpoint-url", self.wire.endpoint, "s3", "cp",
                                self.files / size, f"s3://instant/cli/{size}-{turn}")
                expected = (self.files / size).stat().st_size if turn == "one" else 0
                self.assertEqual(self.sent(), expected, (size, turn))
            self.run_client("aws", "--endpoint-url", self.wire.endpoint, "s3", "cp",
                            f"s3://instant/cli/{size}-two", self.work / "back")
            self.assert_same(self.work / "back", size)

    def test_rclone_names_no_sha256_and_sends_everything(self):
        if not shutil.which("rclone"):
            self.skipTest("rclone is not installed")
        remote = (f":s3,provider=Other,endpoint='{self.wire.endpoint}',access_key_id="
                  f"{self.server.access_key},secret_access_key={self.server.secret_key}:instant/rclone")
        size = (self.files / "medium").stat().st_size
        for turn in ("one", "two"):
            self.wire.clear()
            self.run_client("rclone", "copyto", self.files / "medium", f"{remote}/{turn}")
            self.assertEqual(self.sent(), size)
        self.assertEqual(hashlib.sha256(self.stored("rclone/two")).hexdigest(),
                         clients_case.sha256_of(self.files / "medium"))

    def test_the_metrics_page_tells_it(self):
        before = self.server.metrics()
        body = b"metrics" * 1000
        for key in ("m-1", "m-2"):
            self.s3.put_object(Bucket="instant", Key=key, Body=body)
        after = self.server.metrics()

        def grown(name):
            name += '{route="PutObject"}'
            return after[name] - before.get(name, 0)
        self.assertEqual(grown("cairn_instant_uploads_total"), 1)
        self.assertEqual(grown("cairn_instant_upload_saved_bytes_total"), len(body))


if __name__ == "__main__":
    clients_case.main()
