"""Chunks at home in a bucket of another S3 server: what is there, what survives restarts, what an
upstream that misbehaves may do to clients (errors, never wrong bytes, nothing acknowledged lost), and
what a start with the wrong home says."""
import concurrent.futures
import hashlib
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from botocore.exceptions import BotoCoreError, ClientError

import cairn_server
from cairn_server import CairnServer
from cli_peer_test import MotoServer, python_with_moto
from home_server import PREFIX, Upstream

MIB = 1 << 20
BUCKET = "bucket"


def body_of(seed, size):
    return random.Random(seed).randbytes(size)


def is_pack(request, method):
    return request.method == method and request.target.split("?")[0].endswith(".log")


class HomeCase(unittest.TestCase):
    with_proxy = True
    retries = 0

    def setUp(self):
        self.upstream = Upstream(self.with_proxy, self.make_upstream())
        self.addCleanup(self.upstream.close)
        self.server = CairnServer(args=self.upstream.flags, env=self.upstream.env, stack="")
        self.addCleanup(self.server.close)
        self.server.start()
        self.s3 = self.client()
        self.s3.create_bucket(Bucket=BUCKET)

    def make_upstream(self):
        return None

    def client(self):
        return self.server.boto3_client(retries={"max_attempts": self.retries})

    def put(self, key, body):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key, **how):
        return self.s3.get_object(Bucket=BUCKET, Key=key, **how)["Body"].read()

    def wait_until(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)


class KeepingTest(HomeCase):
    """The home works: every size, every restart, and space that comes back."""
    with_proxy = False
    bodies = {"inline": 100, "small": 20_000, "one": 3 * MIB, "many": 40 * MIB + 7}

    def put_all(self):
        for key, size in self.bodies.items():
            self.put(key, body_of(key, size))

    def check_all(self):
        for key, size in self.bodies.items():
            body = body_of(key, size)
            self.assertEqual(self.get(key), body, key)
            at = size // 3
            self.assertEqual(self.get(key, Range=f"bytes={at}-{at + 999}"), body[at:at + 1000])

    def test_bodies_survive_restarts_with_and_without_snapshot_and_kill(self):
        self.put_all()
        self.check_all()
        self.assertEqual(self.server.stop(), 0)
        snapshot = pathlib.Path(self.server.data, "home.packs")
        self.assertTrue(snapshot.exists())
        self.server.start()
        self.s3 = self.client()
        self.check_all()
        self.assertIn('"from_snapshot":%d' % len(self.upstream.packs()), self.server.log())
        self.server.stop()
        snapshot.unlink()
        self.server.start()
        self.s3 = self.client()
        self.check_all()
        self.assertIn('"from_snapshot":0', self.server.log())
        self.server.kill()
        self.server.start()
        self.s3 = self.client()
        self.check_all()
        self.assertEqual(self.server.scrub()["damaged"], [])

    def test_the_upstream_sees_ciphertext_and_the_log_no_keys(self):
        text = b"a sentence that must not be found upstream "
        self.put("clear", text * 100_000)
        self.put("clear-small", text * 500)
        self.assertGreaterEqual(len(self.upstream.packs()), 1)
        for key in self.upstream.packs():
            pack = self.upstream.read(key)
            self.assertLessEqual(len(pack), 64 * MIB)
            self.assertNotIn(text[:16], pack)
        self.assertFalse(os.path.exists(os.path.join(self.server.data, "volume")))
        self.server.stop()
        self.assertNotIn(self.upstream.server.secret_key, self.server.log())
        for name in ("HOME", "home.packs"):
            self.assertNotIn(self.upstream.server.secret_key.encode(),
                             pathlib.Path(self.server.data, name).read_bytes())

    def test_space_comes_back_upstream(self):
        self.put_all()
        for key in self.bodies:
            self.s3.delete_object(Bucket=BUCKET, Key=key)
        self.server.collect_garbage()
        self.wait_until(lambda: not self.upstream.packs(), "dead packs are removed")
        self.assertEqual(self.upstream.keys(), [PREFIX + "/FORMAT"])
        self.assertEqual(self.server.status()["allocated_bytes"], 0)

    def test_deleting_most_of_a_pack_rewrites_it(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda i: self.put(f"k{i}", body_of(i, 300_000)), range(64)))
        allocated = self.server.status()["allocated_bytes"]
        for i in range(64):
            if i % 8:
                self.s3.delete_object(Bucket=BUCKET, Key=f"k{i}")
        self.server.collect_garbage()
        self.wait_until(lambda: self.server.status()["allocated_bytes"] < allocated / 4,
                        "sparse packs are rewritten")
        self.server.kill()
        self.server.start()
        self.s3 = self.client()
        for i in range(0, 64, 8):
            self.assertEqual(self.get(f"k{i}"), body_of(i, 300_000))


class ThirdPartyTest(KeepingTest):
    """The same with another maker's server as upstream (moto)."""
    python = python_with_moto()

    def setUp(self):
        if self.python is None:
            print("SKIPPED: s3_home: no moto")
            self.skipTest("no moto")
        super().setUp()

    def make_upstream(self):
        return MotoServer(self.python)


class FaultsTest(HomeCase):
    """Clients see errors or the right bytes; what was acknowledged is there afterwards."""

    def expect_put_refused(self, key, body):
        with self.assertRaises(ClientError) as caught:
            self.put(key, body)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        self.assertEqual(caught.exception.response["Error"]["Code"], "ServiceUnavailable")

    # Acknowledging before the upstream has answered would make this one fail.
    def test_a_put_that_the_upstream_did_not_take_is_not_acknowledged(self):
        for fault in (("status", 500), ("status", 503), ("drop", 1000), ("status", 403)):
            with self.subTest(fault=fault):
                self.upstream.choose = lambda request, f=fault: f if is_pack(request, "PUT") else None
                self.expect_put_refused("refused", body_of(str(fault), MIB))
                self.upstream.choose = lambda request: None
                with self.assertRaises(ClientError) as caught:
                    self.get("refused")
                self.assertEqual(caught.exception.response["Error"]["Code"], "NoSuchKey")
                self.recover()

    def recover(self):
        def works():
            try:
                self.put("probe", body_of(time.monotonic(), 50_000))
                return True
            except ClientError:
                return False
        self.wait_until(works, "the home works again once the upstream does")

    def test_a_full_upstream_is_insufficient_storage_and_reads_go_on(self):
        self.put("kept", body_of("kept", MIB))
        self.upstream.choose = lambda request: ("status", 507) if is_pack(request, "PUT") else None
        for turn in range(8):
            with self.assertRaises(ClientError) as caught:
                self.put("too-much", body_of(f"too-much{turn}", MIB))
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 507)
        self.assertEqual(self.get("kept"), body_of("kept", MIB))
        self.assertIn("storage.upstream_refuses", self.server.log())
        self.s3.delete_object(Bucket=BUCKET, Key="kept")
        self.server.collect_garbage()
        self.wait_until(lambda: not self.upstream.packs(), "a full upstream can be emptied")

    def test_a_lost_answer_to_a_put_is_found_out(self):
        lost = itertools.count()
        self.upstream.choose = lambda request: (
            ("lost", None) if is_pack(request, "PUT") and next(lost) == 0 else None)
        self.put("lost", body_of("lost", 2 * MIB))
        self.assertEqual(len(self.upstream.faults), 1)
        self.assertEqual(len(self.upstream.packs()), 1, "the repeat found its own pack")
        self.assertEqual(self.get("lost"), body_of("lost", 2 * MIB))
        self.server.kill()
        self.server.start()
        self.s3 = self.client()
        self.assertEqual(self.get("lost"), body_of("lost", 2 * MIB))

    def test_a_pack_without_a_commit_is_an_orphan_that_a_start_sweeps(self):
        self.put("kept", body_of("kept", 2 * MIB))
        before = set(self.upstream.packs())
        lost = itertools.count()
        self.upstream.choose = lambda request: (
            ("lost", None) if is_pack(request, "PUT") and next(lost) == 0 else ("status", 503))
        self.expect_put_refused("orphan", body_of("orphan", 2 * MIB))
        self.upstream.choose = lambda request: None
        self.assertGreater(set(self.upstream.packs()), before)
        self.server.kill()
        self.server.start()
        self.s3 = self.client()
        self.server.collect_garbage()
        self.wait_until(lambda: set(self.upstream.packs()) == before, "orphans are removed")
        self.assertEqual(self.get("kept"), body_of("kept", 2 * MIB))

    def test_reads_come_through_faults_that_pass(self):
        body = body_of("passing", 9 * MIB)
        self.put("passing", body)
        for fault in (("status", 500), ("status", 503), ("status", 404), ("short", 1000),
                      ("reset", 100_000), ("header", ("ETag", '"0123"')),
                      ("header", ("Content-Range", "bytes 0-9/10"))):
            with self.subTest(fault=fault):
                turn = itertools.count()
                self.upstream.choose = lambda request, f=fault, t=turn: (
                    f if is_pack(request, "GET") and next(t) % 4 == 0 else None)
                begun = len(self.upstream.faults)
                self.assertEqual(self.get("passing"), body)
                self.assertEqual(self.get("passing", Range="bytes=5000000-5000099"),
                                 body[5000000:5000100])
                self.assertGreater(len(self.upstream.faults), begun)

    def read_or_none(self, key):
        try:
            return self.get(key)
        except (ClientError, BotoCoreError):
            return None

    def test_a_wrong_byte_is_never_served(self):
        body = body_of("flipped", 9 * MIB)
        self.put("flipped", body)
        for at in (0, 20, 5000, 500_000):
            self.upstream.choose = lambda request, n=at: (
                ("flip", n) if is_pack(request, "GET") else None)
            self.assertIn(self.read_or_none("flipped"), (None, body))
        self.upstream.choose = lambda request: None
        self.assertEqual(self.get("flipped"), body)

    def test_a_dead_upstream_fails_fast_and_comes_back(self):
        body = body_of("before", 3 * MIB)
        self.put("before", body)
        self.upstream.choose = lambda request: ("status", 503)
        for _ in range(8):
            self.assertIsNone(self.read_or_none("before"))
        self.assertEqual(self.server.metrics()["cairn_home_down"], 1)
        self.assertGreaterEqual(self.server.metrics()["cairn_home_failures_total"], 5)
        begun = time.monotonic()
        self.assertIsNone(self.read_or_none("before"))
        self.expect_put_refused("during", body_of("during", MIB))
        self.assertLess(time.monotonic() - begun, 1.0)
        self.s3.head_object(Bucket=BUCKET, Key="before")
        self.s3.put_object(Bucket=BUCKET, Key="inline", Body=b"needs no chunk")
        self.upstream.choose = lambda request: None
        self.wait_until(lambda: self.read_or_none("before") == body, "it is tried again")
        self.recover()
        self.assertEqual(self.server.metrics()["cairn_home_down"], 0)

    def test_a_slow_upstream_is_waited_for(self):
        body = body_of("slow", 600_000)
        self.put("slow", body)
        self.upstream.choose = lambda request: (
            ("slow", 100_000) if is_pack(request, "GET") else None)
        self.assertEqual(self.get("slow"), body)

    def leave_sparse_packs(self):
        """Of 32 small objects every eighth stays. What comes while packs are slow to go gathers in few packs,
        so that what stays shares them with what goes."""
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda i: self.put(str(i), body_of(i, 100_000)), range(32)))
        for i in range(32):
            if i % 8 != 7:
                self.s3.delete_object(Bucket=BUCKET, Key=str(i))
        self.server.collect_garbage()

    def test_background_work_that_hangs_does_not_hold_up_the_end(self):
        stalled = threading.Event()

        def hang(request):
            if is_pack(request, "GET"):
                stalled.set()
                return ("stall", 0)
            return ("late", 0.5) if is_pack(request, "PUT") else None
        self.upstream.choose = hang
        self.leave_sparse_packs()
        self.assertTrue(stalled.wait(60), "the upkeep reads a sparse pack")
        begun = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(time.monotonic() - begun, 8)
        self.upstream.choose = lambda request: None
        self.server.start()
        self.s3 = self.client()
        self.assertEqual(self.get("31"), body_of(31, 100_000))

    def test_a_pack_that_is_gone_is_an_error_and_an_alarm_for_its_objects_only(self):
        self.put("lost", body_of("lost", MIB))
        lost = set(self.upstream.packs())
        self.put("kept", body_of("kept", MIB))
        for key in lost:
            self.upstream.s3.delete_object(Bucket="chunks", Key=key)
        self.assertIsNone(self.read_or_none("lost"))
        self.assertEqual(self.get("kept"), body_of("kept", MIB))
        self.assertIn("storage.pack_lost", self.server.log())
        self.assertGreater(self.server.metrics()["cairn_home_packs_lost_total"], 0)


class StartTest(HomeCase):
    """A start with another home than the directory was made with, or with one that cannot be used, ends
    with a sentence that says what to do."""

    def start_error(self, data, flags, env=None):
        command = [cairn_server.binary(), "serve", "--data", data, "--listen", "127.0.0.1:0",
                   "--admin-listen", "127.0.0.1:0", *flags]
        done = subprocess.run(command, env={**os.environ, **(self.upstream.env if env is None else env)},
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertNotIn(self.upstream.server.secret_key, done.stderr + done.stdout)
        return done.stderr

    def fresh(self):
        return os.path.join(os.path.dirname(self.server.data), "fresh" + str(time.monotonic_ns()))

    def flags(self, **changed):
        flags = list(self.upstream.flags)
        for name, value in changed.items():
            flags[flags.index("--" + name.replace("_", "-")) + 1] = value
        return flags

    def test_another_home_is_refused(self):
        self.put("key", body_of("key", MIB))
        self.server.stop()
        self.assertIn("--home", self.start_error(self.server.data, []))
        self.assertIn("is missing", self.start_error(self.server.data,
                                                     self.flags(home="s3:chunks/elsewhere")))
        self.assertIn("another data directory", self.start_error(self.fresh(), self.flags()))
        with CairnServer(stack="") as local:
            local.stop()
            self.assertIn("its own volume", self.start_error(local.data,
                                                             self.flags(home="s3:chunks/new")))
        self.server.start()
        self.s3 = self.client()
        self.assertEqual(self.get("key"), body_of("key", MIB))

    def test_a_home_that_cannot_be_used_is_explained(self):
        self.assertIn("no such bucket", self.start_error(self.fresh(), self.flags(home="s3:nobucket")))
        wrong = {**self.upstream.env, "CAIRN_HOME_SECRET_KEY": "wrong-secret-key"}
        self.assertIn("refuses the keys", self.start_error(self.fresh(), self.flags(), wrong))
        self.assertIn("CAIRN_HOME_ACCESS_KEY", self.start_error(self.fresh(), self.flags(), {}))
        self.assertIn("expected s3:BUCKET", self.start_error(self.fresh(), self.flags(home="gs:x")))
        self.assertIn("cannot be used", self.start_error(
            self.fresh(), self.flags(home_endpoint="http://127.0.0.1:9")))

    def test_keys_may_come_from_a_file_that_only_the_owner_reads(self):
        path = os.path.join(os.path.dirname(self.server.data), "home.keys")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(f"AWS_ACCESS_KEY_ID={self.upstream.server.access_key}\n"
                       f"AWS_SECRET_ACCESS_KEY={self.upstream.server.secret_key}\n")
        flags = self.flags(home="s3:chunks/by-file") + ["--home-credentials", path]
        with CairnServer(args=flags, stack="") as server:
            s3 = server.boto3_client()
            s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key="key", Body=body_of("file", MIB))
            digest = hashlib.sha256(s3.get_object(Bucket=BUCKET, Key="key")["Body"].read())
            self.assertEqual(digest.digest(), hashlib.sha256(body_of("file", MIB)).digest())
        os.chmod(path, 0o644)
        self.assertIn("chmod 600", self.start_error(self.fresh(), flags, {}))


class TlsServer(CairnServer):
    """An upstream with a certificate of its own making."""

    def __init__(self, directory, days):
        self.certificate, key = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
        request = os.path.join(directory, "request.pem")
        for command in (
                ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj",
                 "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                ["x509", "-req", "-in", request, "-signkey", key, "-days", str(days),
                 "-copy_extensions", "copy", "-out", self.certificate]):
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        super().__init__(args=["--tls-cert", self.certificate, "--tls-key", key], stack="")

    def boto3_client(self, **config):
        return super().boto3_client(verify=False, **config)


class TlsTest(unittest.TestCase):
    """Over TLS the upstream's certificate is verified: against --home-ca, and not when it has expired."""

    def serve(self, days, *more):
        directory = tempfile.mkdtemp(prefix="cairn-tls-")
        self.addCleanup(shutil.rmtree, directory)
        upstream = Upstream(with_proxy=False, server=TlsServer(directory, days).start())
        self.addCleanup(upstream.close)
        flags = upstream.flags + [word.format(ca=upstream.server.certificate) for word in more]
        server = CairnServer(args=flags, env=upstream.env, stack="")
        self.addCleanup(server.close)
        return server.start()

    def test_a_certificate_that_the_given_ca_vouches_for(self):
        server = self.serve(2, "--home-ca", "{ca}")
        s3 = server.boto3_client()
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="key", Body=body_of("tls", 9 * MIB))
        self.assertEqual(s3.get_object(Bucket=BUCKET, Key="key")["Body"].read(), body_of("tls", 9 * MIB))

    def test_an_unknown_or_expired_certificate_is_refused(self):
        for days, more in ((2, ()), (-1, ("--home-ca", "{ca}"))):
            with self.subTest(days=days), self.assertRaises(RuntimeError) as caught:
                self.serve(days, *more)
            self.assertIn("certificate", str(caught.exception))


if __name__ == "__main__":
    sys.exit(unittest.main())
