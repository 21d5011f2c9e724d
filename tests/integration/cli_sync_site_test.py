"""cairn sync-site: a bucket of one server becomes like one of another, between Cairn servers by chunks,
elsewhere by plain S3. Needs CAIRN_BINARY."""
import os
import random
import signal
import time
import unittest

from cairn_server import CairnServer
from cli_case import INTERRUPTED, MIB, NOT_FOUND, USAGE, CliCase


class SyncSite(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = CairnServer(cores=1, stack="").start()
        cls.there = cls.other.boto3_client()

    @classmethod
    def tearDownClass(cls):
        cls.other.close()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        (self.home / ".aws").mkdir()
        with open(self.home / ".aws" / "credentials", "w", encoding="ascii") as file:
            for name, server in (("here", self.server), ("there", self.other)):
                file.write(f"[{name}]\naws_access_key_id = {server.access_key}\n"
                           f"aws_secret_access_key = {server.secret_key}\n")
        os.chmod(self.home / ".aws" / "credentials", 0o600)
        self.there.create_bucket(Bucket=self.bucket)
        self.sites = ["--from", self.server.endpoint, "--from-profile", "here",
                      "--to", self.other.endpoint, "--to-profile", "there"]

    def sync(self, *arguments, **options):
        return self.json_lines("sync-site", self.url(), *self.sites, *arguments, **options)

    def copied(self, key):
        return self.there.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def tags(self, key):
        return {tag["Key"]: tag["Value"]
                for tag in self.there.get_object_tagging(Bucket=self.bucket, Key=key)["TagSet"]}

    def test_a_pass_copies_what_is_missing(self):
        large = random.Random(1).randbytes(20 * MIB)
        self.put("a", b"one", Metadata={"who": "me"}, ContentType="text/x-new", Tagging="k=v")
        self.put("empty", b"")
        self.put("large", large, Tagging="a=b%20c%2Bd&d=%C3%A9")
        self.there.put_object(Bucket=self.bucket, Key="extra", Body=b"theirs")
        told = self.sync()
        self.assertEqual(sum(line["event"] == "copied" for line in told), 3, told)
        head = self.there.head_object(Bucket=self.bucket, Key="a")
        self.assertEqual((head["Metadata"], head["ContentType"]), ({"who": "me"}, "text/x-new"))
        self.assertEqual((self.copied("a"), self.copied("empty")), (b"one", b""))
        self.assertEqual(self.copied("large"), large)
        self.assertEqual(self.tags("a"), {"k": "v"})
        self.assertEqual(self.tags("large"), {"a": "b c+d", "d": "é"})
        self.assertEqual(self.tags("empty"), {})
        self.assertEqual(sum(line["event"] == "copied" for line in self.sync()), 0)
        self.assertEqual(self.copied("extra"), b"theirs")
        self.sync("--delete")
        with self.assertRaises(self.there.exceptions.NoSuchKey):
            self.copied("extra")

    def test_only_new_chunks_travel_to_a_cairn_server(self):
        body = bytearray(random.Random(2).randbytes(24 * MIB))
        self.put("model", bytes(body))
        self.sync()
        body[5 * MIB:6 * MIB] = random.Random(3).randbytes(MIB)
        self.put("model", bytes(body))
        told = self.sync()[-1]
        self.assertLess(told["sent_bytes"], 3 * MIB, told)
        self.assertGreater(told["saved_bytes"], 20 * MIB, told)
        self.assertEqual(self.copied("model"), bytes(body))

    def test_plain_s3_goes_in_parts(self):
        body = random.Random(4).randbytes(40 * MIB)
        self.put("model", body, Tagging="k=v")
        self.sync("--plain-s3")
        self.assertEqual(self.copied("model"), body)
        etag = self.there.head_object(Bucket=self.bucket, Key="model")["ETag"]
        self.assertTrue(etag.endswith('-3"'), etag)
        self.assertEqual(self.tags("model"), {"k": "v"})

    def test_a_prefix_goes_to_another_one(self):
        self.put("in/x", b"1")
        self.put("out", b"2")
        self.run_cli("sync-site", self.url("in/"), self.url("copy/"), *self.sites)
        listed = self.there.list_objects_v2(Bucket=self.bucket)["Contents"]
        self.assertEqual([each["Key"] for each in listed], ["copy/x"])

    def test_a_dry_run_changes_nothing(self):
        self.put("a", b"1")
        told = self.sync("--dryrun")
        self.assertEqual(told[0]["event"], "would-copy", told)
        self.assertNotIn("Contents", self.there.list_objects_v2(Bucket=self.bucket))

    def test_watching_follows_until_it_is_stopped(self):
        process = self.start("sync-site", self.url(), *self.sites, "--watch", "--interval", "1")
        try:
            for i in range(3):
                self.put(f"k{i}", b"x")
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    if self.there.list_objects_v2(Bucket=self.bucket)["KeyCount"] == i + 1:
                        break
                    time.sleep(0.1)
                self.assertEqual(self.there.list_objects_v2(Bucket=self.bucket)["KeyCount"], i + 1)
        finally:
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(60), INTERRUPTED)

    def test_what_cannot_be_is_told(self):
        self.run_cli("sync-site", code=USAGE)
        self.run_cli("sync-site", "s3://nowhere-at-all", *self.sites, code=NOT_FOUND)
        self.run_cli("sync-site", self.url(), *self.sites, "--bandwidth", "fast", code=USAGE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
