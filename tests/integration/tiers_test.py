"""Cache tiers of a running server: right bytes, fewer reads, nothing kept that must not be."""
import hashlib
import random
import threading
import time
import unittest

from cairn_server import CairnServer

MIB = 1 << 20


class RamTier(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer(args=["--tier", "ram:256MiB", "--gc-interval-ms", "50",
                                       "--allow-ssec-over-http"]).start()
        cls.s3 = cls.server.boto3_client()
        cls.s3.create_bucket(Bucket="tiers")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def metric(self, name):
        return self.server.metrics()[f"cairn_ram_tier_{name}"]

    def put(self, key, size, **options):
        body = random.Random(key).randbytes(size)
        self.s3.put_object(Bucket="tiers", Key=key, Body=body, **options)
        return body

    def get(self, key, **options):
        return self.s3.get_object(Bucket="tiers", Key=key, **options)["Body"].read()

    def test_second_read_comes_from_memory(self):
        body = self.put("twice", 20 * MIB)
        self.assertEqual(self.get("twice"), body)
        reads, hits = self.server.metrics()["cairn_chunk_reads_total"], self.metric("hits_total")
        self.assertEqual(self.get("twice"), body)
        self.assertEqual(self.server.metrics()["cairn_chunk_reads_total"], reads)
        self.assertGreaterEqual(self.metric("hits_total"), hits + 20)

    def test_ranges_of_every_shape(self):
        body = self.put("ranges", 9 * MIB + 12345)
        shapes = random.Random(3)
        for _ in range(120):
            begin = shapes.randrange(len(body))
            end = min(len(body), begin + shapes.choice((1, 4096, 65536, 300000, 3 * MIB)))
            got = self.get("ranges", Range=f"bytes={begin}-{end - 1}")
            self.assertEqual(got, body[begin:end], (begin, end))
        self.assertGreater(self.metric("hits_total"), 0)

    def test_a_short_range_reads_only_its_frames(self):
        self.put("short", 8 * MIB)
        before = self.server.metrics()["cairn_chunk_read_bytes_total"]
        self.get("short", Range="bytes=5000000-5004095")
        read = self.server.metrics()["cairn_chunk_read_bytes_total"] - before
        self.assertLessEqual(read, 3 * 65536)  # Two frames at most, and a header.

    def test_readers_at_once_share_a_read(self):
        body = self.put("shared", 32 * MIB)
        digest = hashlib.sha256(body).digest()
        before = self.server.metrics()["cairn_chunk_read_bytes_total"]
        wrong = []

        def read():
            if hashlib.sha256(self.get("shared")).digest() != digest:
                wrong.append(1)
        threads = [threading.Thread(target=read) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        read_bytes = self.server.metrics()["cairn_chunk_read_bytes_total"] - before
        self.assertLess(read_bytes, 33 * MIB)

    def test_overwritten_and_deleted_objects_leave(self):
        first = self.put("changed", 4 * MIB)
        self.assertEqual(self.get("changed"), first)
        second = random.Random(9).randbytes(4 * MIB)
        self.s3.put_object(Bucket="tiers", Key="changed", Body=second)
        self.assertEqual(self.get("changed"), second)
        for entry in self.s3.list_objects_v2(Bucket="tiers").get("Contents", []):
            self.s3.delete_object(Bucket="tiers", Key=entry["Key"])
        end = time.monotonic() + 60
        while self.metric("blocks") > 0:
            self.assertLess(time.monotonic(), end, self.server.metrics())
            time.sleep(0.05)
        self.assertEqual(self.metric("used_bytes"), 0)

    def test_customers_keys_leave_no_plaintext(self):
        key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
        body = self.put("secret", 4 * MIB, **key)
        blocks = self.metric("blocks")
        for _ in range(2):
            self.assertEqual(self.get("secret", **key), body)
        self.assertEqual(self.metric("blocks"), blocks)


class NoTier(unittest.TestCase):
    def test_none_keeps_nothing(self):
        with CairnServer(args=["--tier", "none"]) as server:
            s3 = server.boto3_client()
            s3.create_bucket(Bucket="tiers")
            body = random.Random(1).randbytes(3 * MIB)
            s3.put_object(Bucket="tiers", Key="k", Body=body)
            for _ in range(2):
                self.assertEqual(s3.get_object(Bucket="tiers", Key="k")["Body"].read(), body)
            self.assertNotIn("cairn_ram_tier_hits_total", server.metrics())


if __name__ == "__main__":
    unittest.main()
