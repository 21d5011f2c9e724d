"""Servers on one etcd whose chunks are in one bucket of another S3 server: what one stores the other
reads and does not store again, what is removed leaves the bucket, deaths in the middle lose nothing
that was acknowledged, an upstream that misbehaves makes errors and never wrong bytes, and homes of
another layout or cluster are refused."""
import concurrent.futures
import hashlib
import itertools
import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from botocore.exceptions import BotoCoreError, ClientError

from cairn_server import CairnServer, binary
from cluster_nodes import ClusterNodes
from home_server import BUCKET, PREFIX, Upstream

MIB = 1 << 20
ARGS = ("--garbage-grace", "1", "--cores", "1", "--memory", "256MiB")


def body_of(seed, size):
    return random.Random(seed).randbytes(size)


class SharedBucketCase(unittest.TestCase):
    with_proxy = False

    def setUp(self):
        self.upstream = Upstream(with_proxy=self.with_proxy)
        self.addCleanup(self.upstream.close)
        self.cluster = ClusterNodes(nodes=2, args=ARGS, home=self.upstream)
        self.addCleanup(self.cluster.close)
        self.s3s = [self.client(number) for number in range(2)]
        self.s3s[0].create_bucket(Bucket="bucket")

    def client(self, number):
        return self.cluster.s3(number, retries={"max_attempts": 0})

    def get(self, number, key):
        return self.s3s[number].get_object(Bucket="bucket", Key=key)["Body"].read()

    def chunks(self):
        return [key for key in self.upstream.keys() if "/chunks/" in key]

    def wait_until(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.1)


class SharingTest(SharedBucketCase):
    def test_what_one_stores_the_other_reads_and_does_not_store_again(self):
        bodies = {"inline": 100, "small": 20_000, "one": 3 * MIB, "many": 21 * MIB + 7}
        for number, (key, size) in enumerate(bodies.items()):
            self.s3s[number % 2].put_object(Bucket="bucket", Key=key, Body=body_of(key, size))
        for number in range(2):
            for key, size in bodies.items():
                self.assertEqual(self.get(number, key), body_of(key, size))
        before = sorted(self.chunks())
        self.assertEqual([key for key in self.upstream.keys() if key.endswith(".log")], [])
        for number in range(2):
            self.s3s[number].put_object(Bucket="bucket", Key=f"again{number}",
                                        Body=body_of("many", bodies["many"]))
        self.assertEqual(sorted(self.chunks()), before, "the chunks are known on both")

    def test_what_is_removed_leaves_the_bucket(self):
        for number in range(2):
            self.s3s[number].put_object(Bucket="bucket", Key=f"k{number}", Body=body_of(number, 9 * MIB))
        self.s3s[0].put_object(Bucket="bucket", Key="same", Body=body_of(1, 9 * MIB))
        self.s3s[0].delete_object(Bucket="bucket", Key="k1")
        self.s3s[1].delete_object(Bucket="bucket", Key="k0")
        self.assertEqual(self.get(1, "same"), body_of(1, 9 * MIB))
        self.s3s[1].delete_object(Bucket="bucket", Key="same")
        self.wait_until(lambda: not self.chunks(), "chunks of removed objects stay in the bucket")

    def test_deaths_in_the_middle_lose_nothing_that_was_acknowledged(self):
        acknowledged, stop = {}, threading.Event()

        def write(writer):
            random_of = random.Random(writer)
            for count in itertools.count():
                if stop.is_set():
                    return
                key, seed = f"w{writer}-{count % 5}", random_of.randrange(12)
                digest = hashlib.sha256(body_of(seed, 5 * MIB)).hexdigest()
                acknowledged.pop(key, None)
                try:
                    client = self.client(writer % 2)
                    if count % 7 == 6:
                        client.delete_object(Bucket="bucket", Key=key)
                    else:
                        client.put_object(Bucket="bucket", Key=key, Body=body_of(seed, 5 * MIB))
                        acknowledged[key] = digest
                except (ClientError, BotoCoreError):
                    time.sleep(0.1)

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
        for thread in threads:
            thread.start()
        for turn in range(4):
            time.sleep(1.5)
            self.cluster.nodes[turn % 2].kill()
            self.cluster.nodes[turn % 2].start()
        stop.set()
        for thread in threads:
            thread.join()
        self.assertGreater(len(acknowledged), 5)
        for key, digest in acknowledged.items():
            for number in range(2):
                got = self.client(number).get_object(Bucket="bucket", Key=key)["Body"].read()
                self.assertEqual(hashlib.sha256(got).hexdigest(), digest, key)
        for page in self.s3s[0].get_paginator("list_objects_v2").paginate(Bucket="bucket"):
            for item in page.get("Contents", []):
                self.client(1).get_object(Bucket="bucket", Key=item["Key"])["Body"].read()
                self.client(1).delete_object(Bucket="bucket", Key=item["Key"])
        # What a publication without an answer left, or a death between an object and its publication,
        # stays for a day: a few, of the writers that were killed.
        self.wait_until(lambda: len(self.chunks()) <= 4 * 4 * 2, "the bucket stays full", 90)

    def orphans(self, number, *flags):
        done = subprocess.run([binary(), "admin", "orphans", "--data", self.cluster.nodes[number].data, *flags],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_orphans_are_counted_and_young_ones_stay(self):
        self.s3s[0].put_object(Bucket="bucket", Key="k", Body=body_of("k", 9 * MIB))
        known = self.chunks()
        root = known[0].split("/chunks/")[0] + "/chunks/"
        names = [f"{number:064x}" for number in range(3)]
        planted = [f"{root}{name[:2]}/{name}/{'ab' * 16}" for name in names] + [root + "00/readme"]
        for key in planted:
            self.upstream.s3.put_object(Bucket=BUCKET, Key=key, Body=b"of nobody")
        for number in range(2):
            found = self.orphans(number)
            self.assertEqual((found["objects"], found["young"], found["strangers"], found["orphans"],
                              found["lost"], found["dry_run"]), (len(known) + 4, 3, 1, 0, 0, True))
        dropped = self.orphans(0, "--drop", "--share-max", "1")
        self.assertEqual((dropped["young"], dropped["dropped"]), (3, 0))
        self.assertEqual(sorted(self.chunks()), sorted(known + planted))
        self.assertEqual(self.get(1, "k"), body_of("k", 9 * MIB))
        self.upstream.s3.delete_object(Bucket=BUCKET, Key=known[0])
        self.assertEqual(self.orphans(1)["lost"], 1)


class UpstreamFaultsTest(SharedBucketCase):
    with_proxy = True

    def is_chunk(self, request, method):
        return request.method == method and "/chunks/" in request.target

    def test_no_fault_of_the_upstream_makes_wrong_bytes(self):
        body = body_of("faults", 9 * MIB)
        self.s3s[0].put_object(Bucket="bucket", Key="k", Body=body)
        faults = [("status", 500), ("status", 503), ("short", 1000), ("reset", 70_000), ("flip", 5000),
                  ("flip", 300_000), ("slow", 400_000), ("lost", None), ("status", 404)]
        for fault in faults:
            with self.subTest(fault=fault, way="read"):
                turns = itertools.count()
                self.upstream.choose = lambda request, fault=fault, turns=turns: (
                    fault if self.is_chunk(request, "GET") and next(turns) % 3 == 0 else None)
                try:
                    self.assertEqual(self.get(1, "k"), body)
                except (ClientError, BotoCoreError):
                    pass
                self.upstream.choose = lambda request: None
                self.wait_until(lambda: self.reads(body), "reads come back", 40)
        for fault in (("status", 500), ("status", 503), ("drop", 100_000), ("lost", None)):
            with self.subTest(fault=fault, way="write"):
                turns = itertools.count()
                self.upstream.choose = lambda request, fault=fault, turns=turns: (
                    fault if self.is_chunk(request, "PUT") and next(turns) % 2 == 0 else None)
                new = body_of(str(fault), 9 * MIB)
                written = False
                try:
                    self.s3s[0].put_object(Bucket="bucket", Key="new", Body=new)
                    written = True
                except (ClientError, BotoCoreError):
                    pass
                self.upstream.choose = lambda request: None
                self.wait_until(lambda: self.reads(body), "the home comes back", 40)
                if written:
                    self.assertEqual(self.get(1, "new"), new)

    def reads(self, body):
        try:
            return self.get(1, "k") == body
        except (ClientError, BotoCoreError):
            return False


class WrongHomeTest(SharedBucketCase):
    def refusal(self, *flags):
        directory = tempfile.mkdtemp(prefix="cairn-test-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        env = dict(os.environ, **self.upstream.env, CAIRN_ROOT_ACCESS_KEY="WRONGHOMETESTKEY1",
                   CAIRN_ROOT_SECRET_KEY="wrong-home-test-secret-0001")
        command = [binary(), "serve", "--data", f"{directory}/data", "--listen", "127.0.0.1:0",
                   "--admin-listen", "127.0.0.1:0", *self.upstream.flags, *flags]
        ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60,
                               check=False)
        self.assertNotEqual(ended.returncode, 0)
        return ended.stderr + ended.stdout

    def test_another_layout_or_cluster_is_refused(self):
        self.assertIn("is the home of a cluster", self.refusal())
        self.assertIn("another catalog", self.refusal("--catalog", self.cluster.etcd.url("other")))


if __name__ == "__main__":
    unittest.main()
