"""Several homes: real servers as providers that are killed, switched and brought back under load, a
provider with wrong bytes, staging that is killed, and what a start refuses."""
import concurrent.futures
import os
import random
import threading
import time
import unittest

from botocore.exceptions import BotoCoreError, ClientError

from cairn_server import CairnServer
from named_homes import Homes

MIB = 1 << 20
BUCKET = "bucket"


def body_of(seed, size):
    return random.Random(seed).randbytes(size)


class HomesCase(unittest.TestCase):
    def open(self, kinds, placements, **how):
        self.homes = Homes(kinds)
        self.addCleanup(self.homes.close)
        for name, homes, more in placements:
            self.homes.placement(name, homes, **more)
        self.server = self.homes.server(**how)
        self.s3 = self.client()
        self.s3.create_bucket(Bucket=BUCKET)

    def client(self, retries=0):
        return self.server.boto3_client(retries={"max_attempts": retries})

    def put(self, key, body):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key, **how):
        return self.s3.get_object(Bucket=BUCKET, Key=key, **how)["Body"].read()

    def put_many(self, count, size=300_000):
        for i in range(count):
            self.put(f"k{i}", body_of(i, size))

    def check_many(self, count, size=300_000):
        for i in range(count):
            self.assertEqual(self.get(f"k{i}"), body_of(i, size), f"k{i}")

    def wait_until(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def wait_until_settled(self):
        """Until nothing is owed and nothing leaves."""
        def settled():
            status = self.homes.admin("status")
            return not status["surveying"] and all(
                home["state"] == "up" and home["owed_chunks"] == 0 and home["leaving_chunks"] == 0
                for home in status["homes"])
        self.wait_until(settled, "the homes settle")

    def restart(self):
        self.server.start()
        self.s3 = self.client()


class Readers:
    """Reads all the time in threads and counts what fails or differs."""

    def __init__(self, case, count, size=300_000, threads=4):
        self._case, self._count, self._size = case, count, size
        self._stop = threading.Event()
        self.reads, self.failures = 0, []
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(threads)]

    def _run(self, seed):
        # No retries: each failure of a read counts.
        s3, draw = self._case.client(), random.Random(seed)
        while not self._stop.is_set():
            i = draw.randrange(self._count)
            try:
                body = s3.get_object(Bucket=BUCKET, Key=f"k{i}")["Body"].read()
                if body != body_of(i, self._size):
                    self.failures.append(f"k{i} differs")
            except (BotoCoreError, ClientError) as error:
                self.failures.append(f"k{i}: {error}")
            self.reads += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def at_least(self, more):
        goal = self.reads + more
        self._case.wait_until(lambda: self.reads >= goal, "readers go on")


class ProvidersTest(HomesCase):
    def open_two(self, ack="one", **how):
        self.open({"aws": "s3", "gcs": "s3"}, [("standard", ["aws", "gcs"], {"ack": ack})], **how)

    def test_a_provider_that_dies_under_load_fails_no_read_and_is_repaired_when_it_returns(self):
        self.open_two(cores=2)
        self.put_many(20)
        self.wait_until_settled()
        with Readers(self, 20) as readers:
            readers.at_least(50)
            self.homes.upstreams["aws"].kill()
            readers.at_least(200)
            # Writes go on as well, and are owed to the one that is away.
            for i in range(20, 30):
                self.put(f"k{i}", body_of(i, 300_000))
            self.assertGreater(self.homes.home("aws")["owed_chunks"], 0)
            self.homes.upstreams["aws"].start()
            self.wait_until_settled()
            readers.at_least(50)
        self.assertEqual(readers.failures, [])
        # What was owed is there: the other one may die now.
        self.homes.upstreams["gcs"].kill()
        self.check_many(30)

    def test_a_switch_under_load_fails_nothing_and_moves_the_traffic(self):
        self.open_two(cores=2)
        self.put_many(20)
        self.wait_until_settled()
        stop, wrote, failures = threading.Event(), [], []

        def write():
            s3 = self.client()
            while not stop.is_set():
                i = 100 + len(wrote)
                try:
                    s3.put_object(Bucket=BUCKET, Key=f"k{i}", Body=body_of(i, 100_000))
                    wrote.append(i)
                except (BotoCoreError, ClientError) as error:
                    failures.append(str(error))
        writer = threading.Thread(target=write)
        writer.start()
        with Readers(self, 20) as readers:
            readers.at_least(50)
            for primary, other in (("gcs", "aws"), ("aws", "gcs"), ("gcs", "aws")):
                begun = time.monotonic()
                status = self.homes.admin("switch", "standard", "--primary", primary, "--drain",
                                          other)
                self.assertLess(time.monotonic() - begun, 5)
                self.assertEqual(status["placements"][0]["primary"], primary)
                readers.at_least(100)
            self.wait_until_settled()
            asked = self.server.metrics()['cairn_home_reads_total{home="aws"}']
            readers.at_least(300)
            more = self.server.metrics()['cairn_home_reads_total{home="aws"}'] - asked
            self.assertEqual(more, 0, "a drained provider is left alone")
        stop.set()
        writer.join()
        self.assertEqual(readers.failures + failures, [])
        self.assertGreater(len(wrote), 10)
        # The switch is durable, and everything is where it was switched to.
        self.server.kill()
        self.homes.upstreams["aws"].kill()
        self.restart()
        self.assertEqual(self.homes.admin("status")["placements"][0]["primary"], "gcs")
        self.check_many(20)
        for i in wrote:
            self.assertEqual(self.get(f"k{i}"), body_of(i, 100_000))

    def test_kill_9_during_switches_loses_nothing_and_leaves_one_of_the_choices(self):
        self.open_two()
        acknowledged = []
        for round_number in range(4):
            stop = threading.Event()

            def switch():
                for step in range(1000):
                    if stop.is_set():
                        return
                    try:
                        self.homes.admin("switch", "standard", "--primary",
                                         ("aws", "gcs")[step % 2])
                    except (RuntimeError, ValueError):
                        return
            switcher = threading.Thread(target=switch)
            switcher.start()
            for i in range(10):
                name = round_number * 10 + i
                self.put(f"k{name}", body_of(name, 60_000))
                acknowledged.append(name)
            self.server.kill()
            stop.set()
            switcher.join()
            self.restart()
            self.assertIn(self.homes.admin("status")["placements"][0]["primary"], ("aws", "gcs"))
        for name in acknowledged:
            self.assertEqual(self.get(f"k{name}"), body_of(name, 60_000))
        self.wait_until_settled()
        for provider in ("aws", "gcs"):
            self.homes.upstreams[provider].kill()
            for name in acknowledged:
                self.assertEqual(self.get(f"k{name}"), body_of(name, 60_000))
            self.homes.upstreams[provider].start()
            self.wait_until_settled()

    def test_all_answers_503_while_a_provider_is_away_and_reads_go_on(self):
        self.open_two(ack="all")
        self.put_many(5)
        self.homes.upstreams["gcs"].kill()
        with self.assertRaises(ClientError) as caught:
            self.put("new", body_of("new", 200_000))
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        self.check_many(5)
        self.homes.upstreams["gcs"].start()
        self.wait_until(lambda: self.put_works(), "writes go on again")
        self.homes.upstreams["aws"].kill()
        self.check_many(5)
        self.assertEqual(self.get("new"), body_of("new", 200_000))

    def put_works(self):
        try:
            self.put("new", body_of("new", 200_000))
            return True
        except ClientError:
            return False

    def test_a_server_starts_while_a_provider_is_away_and_takes_it_in_later(self):
        self.open_two()
        self.put_many(5)
        self.wait_until_settled()
        self.server.stop()
        self.homes.upstreams["aws"].kill()
        self.restart()
        self.check_many(5)
        self.put("later", body_of("later", 200_000))
        self.assertEqual(self.homes.home("aws")["state"], "away")
        self.homes.upstreams["aws"].start()
        self.wait_until_settled()
        self.homes.upstreams["gcs"].kill()
        self.check_many(5)
        self.assertEqual(self.get("later"), body_of("later", 200_000))

    def test_a_provider_with_wrong_bytes_serves_none(self):
        self.open_two(ack="all")
        self.put_many(10)
        # Every body that the first provider sends is changed in one byte, wherever a read begins.
        self.homes.proxies["aws"].choose = (
            lambda request: ("flip", 70_000) if request.method == "GET" else None)
        for _ in range(3):
            self.check_many(10)
        for i in range(10):
            body = body_of(i, 300_000)
            self.assertEqual(self.get(f"k{i}", Range="bytes=100000-249999"), body[100000:250000])
        self.homes.proxies["aws"].choose = lambda request: None
        self.assertEqual(self.server.scrub()["damaged"], [])

    def test_a_provider_that_lost_its_packs_is_made_whole(self):
        self.open_two(ack="all")
        self.put_many(10)
        s3 = self.homes.upstreams["aws"].boto3_client()
        for item in s3.list_objects_v2(Bucket="chunks")["Contents"]:
            if item["Key"].endswith(".log"):
                s3.delete_object(Bucket="chunks", Key=item["Key"])
        self.check_many(10)
        self.assertEqual(self.server.scrub()["damaged"], [])
        self.wait_until_settled()
        self.homes.upstreams["gcs"].kill()
        self.check_many(10)

    def test_figures(self):
        self.open_two()
        self.put_many(5)
        self.wait_until_settled()
        figures = self.server.metrics()
        self.assertEqual(figures['cairn_home_up{home="aws"}'], 1)
        self.assertEqual(figures['cairn_home_owed_chunks{home="gcs"}'], 0)
        self.assertEqual(figures['cairn_placement_primary{placement="standard",home="aws"}'], 1)
        self.assertGreater(figures['cairn_home_copies_made_total{home="gcs"}'], 0)


class StagingTest(HomesCase):
    def open_staged(self, **how):
        self.open({"fast": "volume", "big": "volume"},
                  [("standard", ["big"], {"staging": "fast"})], **how)

    def test_what_is_put_goes_on_to_its_home(self):
        self.open_staged()
        self.put_many(30)
        self.wait_until(lambda: self.homes.home("fast")["chunks"] == 0, "the staging home empties")
        self.assertGreater(self.homes.home("big")["chunks"], 0)
        self.check_many(30)
        self.assertEqual(self.server.scrub()["damaged"], [])

    def test_kill_9_while_chunks_go_on_loses_nothing(self):
        self.open_staged(cores=2)
        acknowledged = {}
        for round_number in range(5):
            keys = [f"r{round_number}-{i}" for i in range(24)]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda key: self.put(key, body_of(key, 400_000)), keys))
            acknowledged.update((key, 400_000) for key in keys)
            # Somewhere in a batch: it begins 200 ms after the first put.
            time.sleep(0.05 * round_number)
            self.server.kill()
            self.restart()
            for key, size in acknowledged.items():
                self.assertEqual(self.get(key), body_of(key, size), key)
        self.wait_until(lambda: self.homes.home("fast")["chunks"] == 0, "the staging home empties")
        for key, size in acknowledged.items():
            self.assertEqual(self.get(key), body_of(key, size), key)
        self.assertEqual(self.server.scrub()["damaged"], [])

    def test_deleted_objects_give_their_space_back_in_both(self):
        self.open_staged()
        self.put_many(10)
        for i in range(10):
            self.s3.delete_object(Bucket=BUCKET, Key=f"k{i}")
        self.server.collect_garbage()
        self.wait_until(lambda: self.homes.home("fast")["chunks"] == 0 and
                        self.homes.home("big")["chunks"] == 0, "nothing is left")


class StartTest(HomesCase):
    def refusal(self):
        with self.assertRaises(RuntimeError) as caught:
            self.server.start()
        return str(caught.exception)

    def test_what_has_chunks_may_not_vanish(self):
        self.open({"a": "volume", "b": "volume"}, [("standard", ["a", "b"], {})])
        self.put_many(3)
        self.wait_until_settled()
        self.server.stop()
        self.homes.placement("standard", ["a"])
        self.homes.write_config(homes=["a"])
        self.assertIn('home "b" may hold chunks', self.refusal())
        # Named by no placement it gives its chunks away, and may be forgotten then.
        self.homes.write_config()
        self.restart()
        self.check_many(3)
        self.wait_until(lambda: self.homes.home("b")["chunks"] == 0, "b is emptied")
        self.homes.admin("forget", "b")
        self.server.stop()
        self.homes.write_config(homes=["a"])
        self.restart()
        self.check_many(3)
        self.server.stop()
        # Without the tables, and with a damaged book.
        self.assertIn("several homes", self.refusal_without_config())
        book = os.path.join(self.server.data, "PLACEMENTS")
        with open(book, "r+") as file:
            text = file.read()
            file.seek(0)
            file.write(text.replace("placement 0", "placement 1"))
        self.assertIn("damaged", self.refusal())

    def refusal_without_config(self):
        args, self.server._args = self.server._args, []
        try:
            return self.refusal()
        finally:
            self.server._args = args

    def test_another_disk_at_the_mount_point_is_not_taken_for_the_home(self):
        self.open({"a": "volume", "b": "volume"}, [("standard", ["a", "b"], {"ack": "all"})])
        self.put_many(3)
        self.server.stop()
        os.rename(self.homes.path("a"), self.homes.path("a-away"))
        os.mkdir(self.homes.path("a"))
        self.restart()
        self.assertEqual(self.homes.home("a")["state"], "away")
        self.check_many(3)
        self.server.stop()
        os.rmdir(self.homes.path("a"))
        os.rename(self.homes.path("a-away"), self.homes.path("a"))
        self.restart()
        self.wait_until_settled()
        self.check_many(3)

    def test_a_directory_with_one_home_goes_on_with_several(self):
        self.homes = Homes({"b": "volume"})
        self.addCleanup(self.homes.close)
        self.homes.placement("standard", ["b"])
        self.server = CairnServer(stack="", args=["--tier", "none"])
        self.addCleanup(self.server.close)
        self.server.start()
        self.s3 = self.client()
        self.s3.create_bucket(Bucket=BUCKET)
        self.put_many(3)
        self.server.stop()
        path = self.homes.write_config(homes=["b"])
        self.server._args = ["--tier", "none", "--config", path]
        self.assertIn("default placement must name a home", self.refusal())
        with open(path, "w") as file:
            file.write('[[home]]\nname = "local"\nkind = "volume"\n'
                       f'[[home]]\nname = "b"\nkind = "volume"\npath = "{self.homes.path("b")}"\n'
                       '[[placement]]\nname = "standard"\nhomes = ["local", "b"]\n')
        self.restart()
        self.homes._server = self.server
        self.check_many(3)
        self.wait_until_settled()
        self.assertEqual(self.homes.home("b")["chunks"], self.homes.home("local")["chunks"])


if __name__ == "__main__":
    unittest.main()
