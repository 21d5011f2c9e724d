"""A server of a cluster that was silent for so long that the others gave it up ends by itself, with a
message that says why, as soon as it can know; started again, as a supervisor does, it serves. What it was
about to do when it fell silent is refused, and nothing acknowledged is lost."""
import random
import threading
import time
import unittest

import network_lab
from botocore.exceptions import BotoCoreError, ClientError
from cluster_nodes import ClusterNodes
from linear_histories import Client

SILENCE_SECONDS = 10  # The least that is taken.
ENDED_SECONDS = 30
MIB = 1 << 20


def body_of(seed):
    return random.Random(seed).randbytes(3 * MIB)


class GivenUpTest(unittest.TestCase):
    def setUp(self):
        self.cluster = ClusterNodes(nodes=2, cuts=True, args=(
            "--home-silence-seconds", str(SILENCE_SECONDS), "--garbage-grace", "1", "--drain-seconds", "2"))
        self.addCleanup(self.cluster.close)
        self.s3s = [self.cluster.s3(number) for number in range(2)]
        self.s3s[0].create_bucket(Bucket="bucket")
        for number in range(2):
            self.s3s[number].put_object(Bucket="bucket", Key=f"before{number}", Body=body_of(number))

    def wait_until_given_up(self):
        end = time.monotonic() + 10 * SILENCE_SECONDS
        while "storage.session_expired" not in self.cluster.nodes[0].log():
            self.assertLess(time.monotonic(), end, "the other node was not given up")
            time.sleep(0.2)

    def expect_end(self):
        """It ends with an error that says why."""
        code = self.cluster.nodes[1].process.wait(ENDED_SECONDS)
        self.assertNotEqual(code, 0)
        self.assertIn("given this one up", self.cluster.nodes[1].log())

    def expect_whole(self, expected):
        self.cluster.nodes[1].start()
        self.s3s[1].put_object(Bucket="bucket", Key="after", Body=body_of(9))
        for key, bodies in {**expected, "after": [body_of(9)], "before0": [body_of(0)],
                            "before1": [body_of(1)]}.items():
            for s3 in self.s3s:
                try:
                    got = s3.get_object(Bucket="bucket", Key=key)["Body"].read()
                except ClientError as error:
                    self.assertEqual(error.response["Error"]["Code"], "NoSuchKey", key)
                    got = None
                self.assertIn(got, bodies, key)
        self.assertEqual(self.cluster.nodes[0].scrub()["damaged"], [])

    def test_a_node_that_was_stopped_amid_writes(self):
        acknowledged, stop = {}, threading.Event()

        def write(lane):
            turn = 0
            while not stop.is_set():
                turn += 1
                key, body = f"{lane}-{turn % 3}", body_of(lane * 1000 + turn)
                try:
                    self.s3s[1].put_object(Bucket="bucket", Key=key, Body=body)
                    acknowledged[key] = [body]
                except (ClientError, BotoCoreError):
                    acknowledged[key] = [*acknowledged.get(key, [None]), body]
                    stop.wait(0.2)
        lanes = [threading.Thread(target=write, args=(lane,)) for lane in range(4)]
        for lane in lanes:
            lane.start()
        time.sleep(1.5)
        self.cluster.pause(1)
        self.wait_until_given_up()
        time.sleep(2)  # Garbage goes meanwhile: what it held, too.
        self.cluster.resume(1)
        self.expect_end()
        stop.set()
        for lane in lanes:
            lane.join()
        self.assertGreater(len(acknowledged), 3)
        self.expect_whole(acknowledged)

    def test_a_node_that_was_cut_off_from_etcd(self):
        self.cluster.cut(1, "etcd")
        self.wait_until_given_up()
        node = self.cluster.nodes[1]
        status, (_, retry_after, _) = Client(node.endpoint, node.access_key, node.secret_key).request(
            "PUT", "/bucket/cut", b"x" * 20_000)
        self.assertEqual((status, retry_after is not None), (503, True))
        self.assertIsNone(node.process.poll(), "it cannot know yet")
        self.cluster.heal(1)
        self.expect_end()
        self.expect_whole({"cut": [None]})

    def test_a_node_that_is_silent_for_less_goes_on(self):
        self.cluster.pause(1)
        time.sleep(SILENCE_SECONDS / 3)
        self.cluster.resume(1)
        self.s3s[1].put_object(Bucket="bucket", Key="soon", Body=body_of(5))
        self.assertIsNone(self.cluster.nodes[1].process.poll())


if __name__ == "__main__":
    network_lab.enter()
    unittest.main()
