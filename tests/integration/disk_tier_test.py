"""A cache tier on disk before a home in a bucket elsewhere: right bytes whatever the disk does, one read
of the home, a warm restart, one server per directory."""
import glob
import hashlib
import os
import random
import shutil
import subprocess
import tempfile
import threading
import unittest

from cairn_server import CairnServer, binary
from home_server import Upstream

MIB = 1 << 20


class DiskTier(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="cairn-tier-")
        self.cache = os.path.join(self.directory, "cache")
        self.upstream = Upstream(with_proxy=False, with_tiers=True)
        self.server = CairnServer(args=self.upstream.flags + self.tier(), env=self.upstream.env,
                                  stack="").start()
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket="tiers")

    def tearDown(self):
        self.server.close()
        self.upstream.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def tier(self):
        return ["--tier", f"disk:{self.cache}:128MiB:first-miss=100%"]

    def metric(self, name, **labels):
        text = "".join(f',{key}="{value}"' for key, value in labels.items())
        return self.server.metrics()[f'cairn_disk_tier_{name}{{tier="{self.cache}"{text}}}']

    def put(self, key, size):
        body = random.Random(key).randbytes(size)
        self.s3.put_object(Bucket="tiers", Key=key, Body=body)
        return body

    def get(self, key, **options):
        return self.s3.get_object(Bucket="tiers", Key=key, **options)["Body"].read()

    def settle(self):
        while self.metric("queued_bytes") > 0:
            pass

    def test_second_read_comes_from_the_disk_also_after_kill_9(self):
        body = self.put("twice", 40 * MIB)
        self.assertEqual(self.get("twice"), body)
        self.settle()
        fetched = self.metric("fetched_bytes_total")
        self.assertGreaterEqual(fetched, 40 * MIB)
        self.assertEqual(self.get("twice"), body)
        self.assertEqual(self.metric("fetched_bytes_total"), fetched)
        self.assertGreaterEqual(self.metric("read_bytes_total", source="disk"), 40 * MIB)
        self.server.kill()
        self.server.start()
        self.assertGreaterEqual(self.metric("restored_regions"), 4)
        self.assertEqual(self.get("twice"), body)
        self.assertLessEqual(self.metric("fetched_bytes_total"), 9 * MIB, "the open region is lost")
        self.server.stop()
        self.server.start()
        self.assertEqual(self.get("twice"), body)
        self.assertEqual(self.metric("fetched_bytes_total"), 0, "an orderly end loses nothing")

    def test_short_ranges_fetch_little(self):
        body = self.put("short", 32 * MIB)
        random_ranges = random.Random(5)
        asked = 0
        for _ in range(40):
            begin = random_ranges.randrange(len(body) // 65536) * 65536
            self.assertEqual(self.get("short", Range=f"bytes={begin}-{begin + 65535}"),
                             body[begin:begin + 65536])
            asked += 65536
        # Objects begin where a chunk begins, so that frames and ranges fall together mostly.
        self.assertLessEqual(self.metric("fetched_bytes_total"), 2.1 * asked)

    def test_many_readers_of_a_cold_object_read_the_home_once(self):
        body = self.put("shared", 24 * MIB)
        digest = hashlib.sha256(body).digest()
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
        self.assertLessEqual(self.metric("fetched_bytes_total"), 26 * MIB)

    def test_a_disk_that_goes_bad_is_never_an_error(self):
        bodies = {f"k{i}": self.put(f"k{i}", 7 * MIB + i) for i in range(6)}
        for key, body in bodies.items():
            self.assertEqual(self.get(key), body)
        self.settle()
        path = os.path.join(self.cache, "regions")
        with open(path, "r+b") as file:  # Rot in every frame of every region.
            for at in range(MIB + 100, os.path.getsize(path), 50_000):
                file.seek(at)
                byte = file.read(1)
                file.seek(at)
                file.write(bytes([byte[0] ^ 1]))
            os.fsync(file.fileno())
        for key, body in bodies.items():
            self.assertEqual(self.get(key), body)
        self.assertGreater(self.metric("departures_total", reason="rotten"), 0)
        shutil.rmtree(self.cache)
        for key, body in bodies.items():
            self.assertEqual(self.get(key), body)

    def test_a_damaged_file_is_done_without_and_left_alone(self):
        body = self.put("k", 3 * MIB)
        self.server.stop()
        path = os.path.join(self.cache, "regions")
        with open(path, "r+b") as file:
            file.write(b"not a cache")
        self.server.start()
        self.assertEqual(self.metric("bypassed"), 1)
        self.assertEqual(self.get("k"), body)
        self.assertIn("cache-disk-bypassed", self.server.log())
        with open(path, "rb") as file:
            self.assertEqual(file.read(11), b"not a cache")

    def test_a_second_server_on_the_directory_is_refused(self):
        with tempfile.TemporaryDirectory() as data:
            second = subprocess.run([binary(), "serve", "--data", data, "--listen", "127.0.0.1:0",
                                     "--admin-listen", "127.0.0.1:0", *self.tier()],
                                    capture_output=True, text=True, timeout=60)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("in use by another server", second.stderr)
        self.assertIn(self.cache, second.stderr)

    def test_nothing_on_the_disk_is_plaintext(self):
        line = b"the quick brown fox jumps over the lazy dog, and this is on no disk. "
        body = line * (4 * MIB // len(line))
        self.s3.put_object(Bucket="tiers", Key="canary", Body=body)
        self.assertEqual(self.get("canary"), body)
        self.settle()
        self.server.stop()
        for path in glob.glob(self.cache + "/*"):
            with open(path, "rb") as file:
                self.assertNotIn(line[:24], file.read())
        self.server.start()

    def test_deleted_objects_leave_the_disk_tier(self):
        for i in range(4):
            self.put(f"gone{i}", 4 * MIB)
            self.get(f"gone{i}")
        self.settle()
        self.assertGreater(self.metric("entries"), 0)
        for i in range(4):
            self.s3.delete_object(Bucket="tiers", Key=f"gone{i}")
        self.server.collect_garbage()
        while self.metric("entries") > 0:
            self.server.collect_garbage()


if __name__ == "__main__":
    unittest.main()
