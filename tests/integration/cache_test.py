"""`cairn cache` and the header for stock clients: what is warmed is there, what is pinned stays, what is
dropped is fetched again; and reads that are made well: one read of the home for many, neighbours together,
second requests for late answers within their share."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import botocore.exceptions

from cairn_server import CairnServer, binary
from home_server import Upstream

MIB = 1 << 20


def command(server, *arguments):
    """Exit code, the JSON lines of the answer, and what was said."""
    done = subprocess.run([binary(), "cache", *arguments, "--data", server.data], check=False,
                          capture_output=True, text=True, timeout=120)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, lines[-1] if lines else None, done.stderr


class Case(unittest.TestCase):
    ram = "64MiB"

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="cairn-cache-")
        self.cache = os.path.join(self.directory, "cache")
        # Upkeep would read what the puts left to it, at any time.
        self.upstream = Upstream(with_tiers=True, upkeep_ms=3_600_000)
        self.server = CairnServer(args=self.upstream.flags + self.tiers(), env=self.upstream.env,
                                  stack="").start()
        self.s3 = self.server.boto3_client(max_pool_connections=80)
        self.s3.create_bucket(Bucket="box")

    def tearDown(self):
        self.server.close()
        self.upstream.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def tiers(self):
        return ["--tier", f"ram:{self.ram},disk:{self.cache}:256MiB:first-miss=0%"]

    def put(self, key, size):
        body = random.Random(key).randbytes(size)
        self.s3.put_object(Bucket="box", Key=key, Body=body)
        return body

    def get(self, key, **options):
        return self.s3.get_object(Bucket="box", Key=key, **options)["Body"].read()

    def metric(self, name):
        return sum(value for key, value in self.server.metrics().items()
                   if key == name or key.startswith(name + "{"))

    def fetched(self):
        """Bytes that came from the home."""
        return self.metric("cairn_chunk_read_bytes_total")

    def wait_for(self, what, patience=30):
        until = time.monotonic() + patience
        while not what():
            self.assertLess(time.monotonic(), until, "it did not come to pass")
            time.sleep(0.05)


class Warm(Case):
    def test_what_is_warmed_is_served_without_the_home(self):
        bodies = {f"model/{i}": self.put(f"model/{i}", 3 * MIB + i) for i in range(12)}
        self.put("other", MIB)
        code, report, _ = command(self.server, "warm", "s3://box/model/")
        self.assertEqual(code, 0)
        self.assertEqual((report["done"], report["objects"]), (True, 12))
        self.assertEqual(report["bytes"], sum(map(len, bodies.values())))
        self.assertEqual(report["fetched"], report["bytes"])
        before = self.fetched()
        for key, body in bodies.items():
            self.assertEqual(self.get(key), body)
        self.assertEqual(self.fetched(), before)
        # Again: everything is there already.
        _, report, _ = command(self.server, "warm", "s3://box/model/")
        self.assertEqual((report["cached"], report["fetched"]), (report["bytes"], 0))
        _, status, _ = command(self.server, "status", "s3://box/model/")
        self.assertEqual(status["selection"]["bytes"], report["bytes"])
        self.assertGreater(status["selection"]["ram"]["cached"], 0)

    def test_a_range_of_each(self):
        body = self.put("ranged", 24 * MIB)
        code, report, _ = command(self.server, "warm", "s3://box/ranged", "--range",
                                  f"{4 * MIB}-{6 * MIB - 1}")
        self.assertEqual((code, report["bytes"]), (0, 2 * MIB))
        before = self.fetched()
        part = self.get("ranged", Range=f"bytes={4 * MIB}-{6 * MIB - 1}")
        self.assertEqual(part, body[4 * MIB:6 * MIB])
        self.assertEqual(self.fetched(), before)
        self.assertEqual(self.get("ranged"), body)
        self.assertGreater(self.fetched(), before)

    def test_what_is_not_there_is_told(self):
        self.put("here", 100)
        code, _, said = command(self.server, "warm", "s3://box/missing")
        self.assertEqual(code, 4)
        self.assertIn("no object", said)
        self.assertEqual(command(self.server, "warm", "s3://nobucket/x")[0], 4)
        self.assertEqual(command(self.server, "warm", "s3://box/here", "--range", "9-1")[0], 2)

    def test_a_dead_home_ends_the_warming(self):
        self.put("dead", 12 * MIB)
        self.upstream.choose = lambda request: ("status", 503) if request.method == "GET" else None
        code, _, said = command(self.server, "warm", "s3://box/dead")
        self.assertEqual(code, 1)
        self.assertIn("error", said)

    def test_head_warms_for_stock_clients(self):
        body = self.put("stock", 20 * MIB)
        self.s3.meta.events.register("before-sign.s3.HeadObject", lambda request, **_: request.headers.add_header(
            "x-cairn-cache", "warm"))
        answer = self.s3.head_object(Bucket="box", Key="stock", Range="bytes=0-0")
        self.assertEqual(answer["ResponseMetadata"]["HTTPHeaders"]["x-cairn-cache"], "warming")
        self.wait_for(lambda: command(self.server, "status", "s3://box/stock")[1]["selection"]["disks"][0]["cached"] >=
                      len(body))
        before = self.fetched()
        self.assertEqual(self.get("stock"), body)
        self.assertEqual(self.fetched(), before)
        with self.assertRaises(botocore.exceptions.ClientError) as refused:
            self.s3.head_object(Bucket="box", Key="absent", Range="bytes=0-0")
        self.assertEqual(refused.exception.response["ResponseMetadata"]["HTTPStatusCode"], 404)
        # Who may not read may not warm.
        stranger = self.server.boto3_client(access_key="AKIAXXXXXXXXXXXXXXXX", secret_key="x" * 40)
        with self.assertRaises(botocore.exceptions.ClientError) as refused:
            stranger.head_object(Bucket="box", Key="stock", Range="bytes=0-0")
        self.assertEqual(refused.exception.response["ResponseMetadata"]["HTTPStatusCode"], 403)


class Pins(Case):
    def test_pins_stay_and_survive_a_restart(self):
        body = self.put("pinned", 10 * MIB)
        self.put("pinned.config", 100)  # Kept in its record: there is nothing to pin.
        code, report, _ = command(self.server, "warm", "s3://box/pinned", "--pin")
        self.assertEqual((code, report["not_pinned"]), (0, 0))
        for i in range(30):
            self.put(f"scan{i}", 8 * MIB)
            self.get(f"scan{i}")
        before = self.fetched()
        self.assertEqual(self.get("pinned"), body)
        self.assertEqual(self.fetched(), before)
        self.server.restart()
        self.wait_for(lambda: command(self.server, "status", "s3://box/pinned")[1]["selection"]["pinned"] ==
                      len(body))
        self.assertLess(self.fetched(), MIB, "the disk had it")
        self.assertEqual(command(self.server, "status")[1]["pins"], [{"bucket": "box", "prefix": "pinned"}])
        self.assertEqual(command(self.server, "unpin", "s3://box/pinned")[0], 0)
        _, status, _ = command(self.server, "status", "s3://box/pinned")
        self.assertEqual((status["selection"]["pinned"], status["pins"]), (0, []))

    def test_pins_that_do_not_fit_are_told(self):
        for i in range(26):
            self.put(f"large/{i}", 8 * MIB)
        code, report, said = command(self.server, "warm", "s3://box/large/", "--pin")
        self.assertEqual(code, 1)
        self.assertGreater(report["not_pinned"], 0)
        self.assertIn("no room", said)
        # Half of a tier stays a cache.
        self.assertLessEqual(self.metric("cairn_ram_tier_pinned_bytes"), 32 * MIB)
        self.assertLessEqual(self.metric("cairn_disk_tier_pinned_bytes"), 128 * MIB)
        self.assertGreater(self.metric("cairn_disk_tier_pins_refused_total"), 0)


class Drop(Case):
    def test_what_is_dropped_is_fetched_again(self):
        body, other = self.put("gone", 6 * MIB), self.put("stays", 6 * MIB)
        command(self.server, "warm", "s3://box/")
        code, report, _ = command(self.server, "drop", "s3://box/gone")
        self.assertEqual((code, report["objects"]), (0, 1))
        before = self.fetched()
        self.assertEqual(self.get("stays"), other)
        self.assertEqual(self.fetched(), before)
        self.assertEqual(self.get("gone"), body)
        self.assertGreaterEqual(self.fetched(), before + len(body))
        self.assertEqual(command(self.server, "drop", "--all")[0], 0)
        _, status, _ = command(self.server, "status", "s3://box/")
        self.assertEqual(status["selection"]["ram"]["cached"], 0)
        self.assertEqual(status["selection"]["disks"][0]["cached"], 0)
        self.assertEqual(command(self.server, "drop")[0], 2)

    def test_dropping_while_it_is_read_disturbs_no_reader(self):
        body = self.put("busy", 40 * MIB)
        digest, wrong = hashlib.sha256(body).digest(), []

        def read():
            for _ in range(4):
                if hashlib.sha256(self.get("busy")).digest() != digest:
                    wrong.append(1)

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        while any(reader.is_alive() for reader in readers):
            self.assertEqual(command(self.server, "drop", "s3://box/busy")[0], 0)
        self.assertFalse(wrong)


class Lies(Case):
    """A home whose bytes are wrong now and then, as it says and as they come over the wire."""

    def tiers(self):
        return ["--tier", f"disk:{self.cache}:256MiB:first-miss=100%"]

    def lie(self, times):

        def choose(request):
            nonlocal times
            if not request.is_range or times == 0:
                return None
            first, last = request.headers["range"].split("=")[1].split("-")
            if int(last) - int(first) <= 70_000:
                return None  # A header by itself: the byte is not in it.
            times -= 1
            return ("flip", 70_000)
        self.upstream.choose = choose

    def test_bytes_that_were_wrong_once_are_asked_for_again_and_not_kept(self):
        body = self.put("lied", 8 * MIB)
        self.lie(1)
        self.assertEqual(self.get("lied"), body, "the first read is right already")
        self.upstream.choose = lambda request: ("flip", 70_000) if request.is_range else None
        self.assertEqual(self.get("lied", Range="bytes=0-99"), body[:100], "and the tier's copy")
        self.assertGreater(self.metric("cairn_disk_tier_distrusted_reads_total"), 0)

    def test_bytes_that_are_always_wrong_are_never_served_and_are_not_kept(self):
        body = self.put("lied", 4 * MIB)
        self.upstream.choose = lambda request: ("flip", 70_000) if request.is_range else None
        with self.assertRaises(Exception):
            self.get("lied")
        self.upstream.choose = lambda request: None
        self.assertEqual(self.get("lied"), body)


class Apart(Case):
    """Readers of one object who begin further apart than memory holds, before a disk tier that keeps no
    first miss by itself."""

    def test_who_begins_late_fetches_only_what_was_read_before_he_came(self):
        size, apart = 128 * MIB, 48 * MIB
        body = self.put("late", size)
        before = self.fetched()
        first = self.s3.get_object(Bucket="box", Key="late")["Body"]
        parts = [first.read(apart)]
        second = self.s3.get_object(Bucket="box", Key="late")["Body"]
        begun = second.read(1)
        parts.append(first.read())
        self.assertEqual(b"".join(parts), body)
        self.assertEqual(begun + second.read(), body)
        # The front twice, and what was under way when the second one came.
        window = 16 * MIB
        self.assertLess(self.fetched() - before, size + apart + 2 * window)
        self.assertGreater(self.metric("cairn_disk_tier_reads_total"), 0)


class Misses(Case):
    ram = "256MiB"

    def tiers(self):
        return ["--tier", f"ram:{self.ram}"]

    def test_many_who_want_the_same_make_one_read(self):
        # Larger than a quarter of the tier, so that it passes through the window only.
        body = self.put("same", 160 * MIB)
        digest = hashlib.sha256(body).digest()
        self.upstream.choose = lambda request: time.sleep(0.1) if request.is_range else None
        before, results, start = self.fetched(), [], threading.Barrier(16)

        def read():
            self.get("same", Range="bytes=0-0")  # A connection of its own.
            start.wait()
            results.append(hashlib.sha256(self.get("same")).digest())

        readers = [threading.Thread(target=read) for _ in range(16)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual(results, [digest] * 16)
        self.assertLessEqual(self.fetched() - before, 1.1 * len(body))
        self.assertGreater(self.metric("cairn_ram_tier_shared_total"), 0)

    def test_neighbours_go_in_one_request(self):
        body = self.put("neighbours", 32 * MIB)
        self.assertEqual(self.get("neighbours"), body)
        self.assertGreaterEqual(self.metric("cairn_home_merged_reads_total"), 8)

    def test_late_answers_are_asked_for_again_within_a_share(self):
        body = self.put("late", 64 * MIB)
        late = random.Random(5)

        def choose(request):
            if request.is_range and late.random() < 0.03:
                time.sleep(0.8)

        ranges = random.Random(6).sample(range(1024), 400)
        self.upstream.choose = choose
        for number in ranges:
            begin = number * 65536
            self.assertEqual(self.get("late", Range=f"bytes={begin}-{begin + 65535}"),
                             body[begin:begin + 65536])
        sent = self.metric("cairn_home_hedges_total")
        self.assertGreater(sent, 0)
        self.assertGreater(self.metric("cairn_home_hedges_won_total"), 0)
        self.assertLessEqual(sent, 0.05 * self.metric("cairn_home_requests_total") + 9)

    def test_a_home_that_is_slow_as_a_whole_gets_little_more(self):
        body = self.put("slow", 64 * MIB)
        ranges = random.Random(6).sample(range(1024), 160)
        self.upstream.choose = lambda request: time.sleep(0.1) if request.is_range and slow.is_set() else None
        slow = threading.Event()
        for index, number in enumerate(ranges):
            if index == 80:
                slow.set()
            begin = number * 65536
            self.assertEqual(self.get("slow", Range=f"bytes={begin}-{begin + 65535}"),
                             body[begin:begin + 65536])
        self.assertLessEqual(self.metric("cairn_home_hedges_total"),
                             0.05 * self.metric("cairn_home_requests_total") + 9)
        self.assertGreater(self.metric("cairn_home_hedges_refused_total"), 0)

    def test_ranges_in_order_are_read_ahead(self):
        body = self.put("ordered", 48 * MIB)
        self.upstream.choose = lambda request: time.sleep(0.02) if request.is_range else None
        for begin in range(0, len(body), 4 * MIB):
            self.assertEqual(self.get("ordered", Range=f"bytes={begin}-{begin + 4 * MIB - 1}"),
                             body[begin:begin + 4 * MIB])
        metrics = self.server.metrics()
        used = metrics['cairn_read_ahead_bytes_total{outcome="used"}']
        self.assertGreater(used, 8 * MIB)
        self.assertLess(self.fetched(), 1.3 * len(body))


if __name__ == "__main__":
    unittest.main()
