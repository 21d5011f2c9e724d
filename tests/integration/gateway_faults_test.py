"""Gateway buckets before an upstream that misbehaves: errors, never wrong bytes, and nothing wrong kept;
objects that change while they are read; machines that stand still."""
import hashlib
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from botocore.exceptions import BotoCoreError, ClientError

from cairn_server import binary
from gateway_case import GatewayCase, MIB, NAME, body_of
from gateway_upstream import BUCKET, PREFIX


class ChangesWhileRead(GatewayCase):
    flags = ("--ttl", "1h")

    def test_a_read_of_an_object_that_changed_begins_anew(self):
        self.upstream.put("k", body_of(1, 3 * MIB))
        self.s3.head_object(Bucket=NAME, Key="k")  # Known; nothing of it is cached.
        body = body_of(2, 2 * MIB)
        self.upstream.put("k", body)
        got = self.s3.get_object(Bucket=NAME, Key="k")
        self.assertEqual(got["ETag"], '"%s"' % hashlib.md5(body).hexdigest())
        self.assertEqual(got["Body"].read(), body)
        self.assertGreaterEqual(self.metric("changed_total"), 1)
        self.upstream.s3.delete_object(Bucket=BUCKET, Key=PREFIX + "k")
        self.upstream.put("other", body)
        self.s3.head_object(Bucket=NAME, Key="other")
        self.upstream.s3.delete_object(Bucket=BUCKET, Key=PREFIX + "other")
        self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="other"), "NoSuchKey")

    def test_after_the_first_byte_the_connection_is_cut(self):
        old, new = body_of(1, 64 * MIB), body_of(2, 64 * MIB)
        self.upstream.put("k", old)
        stream = self.s3.get_object(Bucket=NAME, Key="k")["Body"]
        first = stream.read(MIB)
        self.assertEqual(first, old[:MIB])
        self.upstream.put("k", new)
        with self.assertRaises((BotoCoreError, Exception)) as cut:
            rest = stream.read()
            # All of it was on its way already: then it is the old object, whole.
            self.assertEqual(first + rest, old)
            raise EOFError
        self.assertNotIsInstance(cut.exception, AssertionError)
        self.assertEqual(self.get("k"), new)


class Faults(GatewayCase):
    flags = ("--ttl", "1s")

    def test_errors_are_errors_and_nothing_of_them_is_kept(self):
        body = body_of(1, 2 * MIB + 100)
        self.upstream.put("k", body)
        for kind, value, code in (("status", 500, "ServiceUnavailable"), ("status", 503, "SlowDown"),
                                  ("reset", 0, "ServiceUnavailable"), ("short", 0, "ServiceUnavailable")):
            with self.subTest(kind=kind, value=value):
                self.fault(kind, value)
                self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="k"), code)
                self.heal()
                time.sleep(1)
        self.assertEqual(self.get("k"), body)

    def test_bodies_that_break_off_are_asked_for_again(self):
        body = body_of(2, 3 * MIB)
        for number, (kind, value) in enumerate((("short", 1000), ("reset", 70_000), ("reset", 0))):
            with self.subTest(kind=kind, value=value):
                self.upstream.put(f"k{number}", body)
                self.fault(kind, value, lambda request: request.is_range, times=1)
                self.assertEqual(self.get(f"k{number}"), body)
                self.heal()

    def test_an_upstream_that_dies_in_the_middle_of_a_body_cuts_the_connection(self):
        body = body_of(5, 64 * MIB)
        self.upstream.put("k", body)
        self.fault("reset", 10, lambda request: request.is_range
                   and not request.headers["range"].startswith("bytes=0-"))
        stream = self.s3.get_object(Bucket=NAME, Key="k")["Body"]
        self.assertEqual(stream.read(MIB), body[:MIB])
        with self.assertRaises(BotoCoreError):  # A short body, never a wrong one.
            stream.read()
        self.heal()
        self.assertEqual(self.get("k"), body)

    def test_wrong_answers_are_never_served_nor_kept(self):
        body = body_of(3, 2 * MIB)
        self.upstream.put("k", body)
        for value in (("ETag", '"00000000000000000000000000000000"'),
                      ("Content-Range", f"bytes 5-{MIB + 4}/{2 * MIB}"),
                      ("Content-Range", f"bytes 0-{MIB - 1}/{3 * MIB}")):
            with self.subTest(value=value):
                self.fault("header", value, lambda request: request.is_range)
                self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="k"),
                                 "ServiceUnavailable")
                self.heal()
        self.assertGreaterEqual(self.metric("wrong_answers_total"), 3)
        self.assertEqual(self.get("k"), body)

    def test_slow_answers_arrive(self):
        body = body_of(4, 300_000)
        self.upstream.put("k", body)
        self.fault("slow", 100_000, lambda request: request.is_range)
        self.assertEqual(self.get("k"), body)

    def test_a_404_that_is_stale_passes(self):
        self.upstream.put("k", b"x")
        self.fault("status", 404, times=1)
        self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="k"), "NoSuchKey")
        time.sleep(1.05)
        self.assertEqual(self.get("k"), b"x")
        # After the HEAD: the object is asked for anew before anybody is told.
        self.upstream.put("l", body_of(1, MIB))
        self.fault("status", 404, lambda request: request.is_range, times=1)
        self.assertEqual(self.get("l"), body_of(1, MIB))

    def test_lost_answers_to_writes_are_errors_that_leave_no_stale_reads(self):
        self.put("k", b"one")
        self.assertEqual(self.get("k"), b"one")
        self.fault("lost", None, lambda request: request.method == "PUT")
        self.assertEqual(self.outcome(self.s3.put_object, Bucket=NAME, Key="k", Body=b"two!"),
                         "ServiceUnavailable")
        self.heal()
        self.assertEqual(self.get("k"), self.upstream.get("k"))
        self.fault("drop", 1000, lambda request: request.method == "PUT")
        self.assertEqual(self.outcome(self.s3.put_object, Bucket=NAME, Key="k", Body=body_of(1, MIB)),
                         "ServiceUnavailable")
        self.heal()
        self.assertEqual(self.upstream.get("k"), b"two!")

    def test_refusals_say_whose_they_are(self):
        self.upstream.put("k", b"x")
        self.fault("status", 403)
        with self.assertRaises(ClientError) as refused:
            self.s3.list_objects_v2(Bucket=NAME)
        self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDenied")
        self.assertIn("upstream", refused.exception.response["Error"]["Message"])

    def test_a_dead_upstream_is_left_alone_and_answered_for_at_once(self):
        self.upstream.put("k", b"x")
        self.fault("status", 500)
        for _ in range(6):
            self.outcome(self.s3.head_object, Bucket=NAME, Key="k")
        self.assertEqual(self.metric("upstream_down"), 1)
        begun, asked = time.monotonic(), len(self.seen)
        for _ in range(20):
            self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="k"),
                             "ServiceUnavailable")
        self.assertLess(time.monotonic() - begun, 5)
        self.assertLess(len(self.seen) - asked, 20)
        with self.assertRaises(ClientError) as refused:
            self.s3.get_object(Bucket=NAME, Key="k")
        after = refused.exception.response["ResponseMetadata"]["HTTPHeaders"].get("retry-after", "1")
        self.assertIn(int(after), range(1, 31))
        self.heal()
        self.assertEqual(self.get("k"), b"x")


class Stalls(GatewayCase):
    def test_a_machine_that_stands_still_for_a_while_fails_no_copy(self):
        body = body_of(1, 64 * MIB)
        self.upstream.put("k", body)
        self.fault("slow", MIB // 2, lambda request: request.is_range)
        with tempfile.TemporaryDirectory(prefix="cairn-gateway.") as work:
            copy = subprocess.Popen([binary(), "cp", f"s3://{NAME}/k", work + "/k"], env=dict(
                self.server.client_env(), HOME=work, AWS_ENDPOINT_URL=self.server.endpoint))
            self.addCleanup(copy.kill)
            time.sleep(1.5)  # In the middle of it.
            self.assertIsNone(copy.poll())
            everybody = (self.server.process, self.upstream.server.process, copy)
            self.upstream.proxy.flowing.clear()
            for process in everybody:
                process.send_signal(signal.SIGSTOP)
            time.sleep(14)  # Longer than a piece may take.
            self.upstream.proxy.flowing.set()
            for process in everybody:
                process.send_signal(signal.SIGCONT)
            self.assertEqual(copy.wait(120), 0)
            self.assertEqual(pathlib.Path(work, "k").read_bytes(), body)


class Stale(GatewayCase):
    flags = ("--ttl", "1s", "--stale-if-error", "3s")

    def test_what_is_cached_is_served_for_a_while_when_the_upstream_is_down(self):
        body = body_of(1, MIB)
        self.upstream.put("k", body)
        self.assertEqual(self.get("k"), body)
        self.fault("status", 500)
        self.assertEqual(self.get("k"), body)  # Within the TTL.
        time.sleep(1.1)
        self.assertEqual(self.get("k"), body)
        self.assertGreaterEqual(self.metric("stale_total"), 1)
        self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="unknown"),
                         "ServiceUnavailable")
        time.sleep(4)
        self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="k"), "ServiceUnavailable")


if __name__ == "__main__":
    unittest.main()
