"""A node of a cluster is killed, or stopped for longer than garbage is kept, at any message that it sends
to etcd or to its home in the middle of a commit, of linking chunks that others drop, and of collecting
garbage that others link: what was acknowledged is there with its bytes, what was not is there as a whole
or not at all, and nothing is left in the store when everything was deleted.

    CAIRN_CRASH_POINTS=all cluster_crash_test.py      # every message, and not a few that are drawn
"""
import itertools
import os
import random
import signal
import threading
import time
import unittest

from botocore.exceptions import BotoCoreError, ClientError
from cluster_nodes import ClusterNodes

MIB = 1 << 20
GRACE_SECONDS = 1
VICTIM, OTHER = 0, 1
POINTS = os.environ.get("CAIRN_CRASH_POINTS", "2")
NEVER = 1 << 30


def body_of(seed, size=5 * MIB + 7):
    return random.Random(seed).randbytes(size)


class Strike:
    """What happens to the victim at its `left`-th message."""

    def __init__(self, cluster, left, kind):
        self._process = cluster.nodes[VICTIM].process
        self._left, self._kind = left, kind
        self._lock = threading.Lock()
        self.has_struck = False
        self.seen = 0  # Messages so far.

    def on_data(self):
        with self._lock:
            self._left -= 1
            self.seen += 1
            if self._left == 0:
                self._process.send_signal(signal.SIGKILL if self._kind == "kill" else signal.SIGSTOP)
                self.has_struck = True
            return self._kind == "kill" and self._left <= 0


class ClusterCrashTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Garbage is collected when the test says so. Requests do not wait for a node that is stopped.
        cls.cluster = ClusterNodes(nodes=2, cuts=True, args=(
            "--garbage-grace", str(GRACE_SECONDS), "--gc-interval-ms", "3600000"))
        cls.addClassCleanup(cls.cluster.close)
        cls.victim = cls.cluster.s3(VICTIM, read_timeout=2)
        # It serves all the time; 503 of an etcd that is slow for a moment is tried again.
        cls.other = cls.cluster.s3(OTHER, retries={"max_attempts": 5})
        cls.other.create_bucket(Bucket="bucket")
        cls.victim_again = cls.cluster.s3(VICTIM, retries={"max_attempts": 5})
        cls.numbers = itertools.count(1)

    # What is done ------------------------------------------------------------------------------
    def put(self, s3, key, body):
        s3.put_object(Bucket="bucket", Key=key, Body=body)

    def get(self, s3, key):
        try:
            return s3.get_object(Bucket="bucket", Key=key)["Body"].read()
        except ClientError as error:
            self.assertEqual(error.response["Error"]["Code"], "NoSuchKey", key)
            return None

    def is_done(self, call):
        """False: whether it happened is not known."""
        try:
            call()
            return True
        except ClientError as error:
            self.assertEqual(error.response["Error"]["Code"], "ServiceUnavailable")
        except BotoCoreError:
            pass
        return False

    def collect(self, number):
        """What was garbage before goes."""
        self.cluster.nodes[number].collect_garbage()
        time.sleep(GRACE_SECONDS + 0.1)
        self.cluster.nodes[number].collect_garbage()

    def strike_amid(self, call, left, kind, meanwhile=lambda: None):
        """Whether it was acknowledged, and whether the victim was struck; it runs again afterwards."""
        strike = Strike(self.cluster, left, kind)
        self.cluster.network.watch(VICTIM, strike.on_data)
        done = self.is_done(call)
        self.cluster.network.watch(VICTIM, None)
        self.messages = strike.seen
        meanwhile()
        self.collect(OTHER)
        if strike.has_struck:
            node = self.cluster.nodes[VICTIM]
            if kind == "kill":
                node.process.wait(10)
                self.start(node)
            else:
                node.process.send_signal(signal.SIGCONT)
        return done, strike.has_struck

    @staticmethod
    def start(node, attempts=3):
        """As a supervisor does: a server that etcd does not answer in time ends."""
        for left in reversed(range(attempts)):
            try:
                return node.start()
            except RuntimeError:
                if left == 0:
                    raise
        return None

    def at_points(self, attempt):
        """`attempt(left, kind)` strikes at the message `left`, and says whether there was one."""
        self.assertFalse(attempt(NEVER, "stop"))
        count = self.messages
        if POINTS == "all":
            points = [(left, kind) for left in range(1, count + 1) for kind in ("kill", "stop")]
        else:
            points = [(random.randrange(1, count + 1), kind) for _ in range(int(POINTS))
                      for kind in ("kill", "stop")]
        struck = sum(attempt(left, kind) for left, kind in points)
        print(f"{self.id()}: {count} messages, struck at {struck} of {len(points)}")
        self.assertGreater(struck, 0)

    def expect(self, key, bodies, told):
        for s3 in (self.other, self.victim_again):
            self.assertIn(self.get(s3, key), bodies, f"{key} {told}")

    def expect_nothing_left(self):
        """All is deleted and collected: the store is empty."""
        listed = self.other.list_objects_v2(Bucket="bucket").get("Contents", ())
        for row in listed:
            self.other.delete_object(Bucket="bucket", Key=row["Key"])
        end = time.monotonic() + 90
        while self.cluster.stored_chunks_count() > 0:
            self.assertLess(time.monotonic(), end, "chunks that nobody needs stay")
            self.collect(VICTIM)
            self.collect(OTHER)
        for node in self.cluster.nodes:
            self.assertEqual(node.scrub()["damaged"], [])

    # In the middle of --------------------------------------------------------------------------
    def test_a_commit(self):
        def attempt(left, kind):
            number = next(self.numbers)
            key, old, new = f"commit{number % 3}", body_of(number), body_of(-number)
            self.put(self.other, key, old)
            done, struck = self.strike_amid(lambda: self.put(self.victim, key, new), left, kind)
            self.expect(key, [new] if done else [old, new], (left, kind, done))
            return struck
        self.at_points(attempt)
        self.expect_nothing_left()

    def test_a_link_of_chunks_that_another_node_drops(self):
        def attempt(left, kind):
            number = next(self.numbers)
            source, key, old, body = f"source{number}", f"link{number % 3}", body_of(-number), body_of(number)
            self.put(self.other, source, body)
            self.put(self.other, key, old)
            done, struck = self.strike_amid(
                lambda: self.victim.copy_object(Bucket="bucket", Key=key,
                                                CopySource={"Bucket": "bucket", "Key": source}),
                left, kind, lambda: self.other.delete_object(Bucket="bucket", Key=source))
            self.expect(key, [body] if done else [old, body], (left, kind, done))
            return struck
        self.at_points(attempt)
        self.expect_nothing_left()

    def test_a_collection_of_chunks_that_another_node_links(self):
        def attempt(left, kind):
            number = next(self.numbers)
            key, body = f"again{number % 3}", body_of(number)
            self.put(self.other, "doomed", body)
            self.other.delete_object(Bucket="bucket", Key="doomed")
            self.cluster.nodes[VICTIM].collect_garbage()
            time.sleep(GRACE_SECONDS + 0.1)
            puts = []

            def collect():
                # The same bytes at the same moment: they are linked, or written anew.
                writer = threading.Thread(
                    target=lambda: puts.append(self.is_done(lambda: self.put(self.other, key, body))))
                writer.start()
                try:
                    self.cluster.nodes[VICTIM].collect_garbage()
                except OSError:
                    pass  # It was struck.
                writer.join()
            done, struck = self.strike_amid_admin(collect, left, kind)
            self.assertTrue(done)
            self.assertEqual(puts, [True])
            self.expect(key, [body], (left, kind))
            return struck
        self.at_points(attempt)
        self.expect_nothing_left()

    def strike_amid_admin(self, call, left, kind):
        """A command waits for as long as it takes: a node that is stopped goes on after a while."""
        node = self.cluster.nodes[VICTIM]
        waker = threading.Timer(2 * GRACE_SECONDS, lambda: node.process.send_signal(signal.SIGCONT))
        if kind == "stop":
            waker.start()
        try:
            return self.strike_amid(call, left, kind)
        finally:
            waker.cancel()


if __name__ == "__main__":
    unittest.main()
