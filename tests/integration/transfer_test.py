#!/usr/bin/python3
"""The transfer engine against a real server, with faults on the way and kills at any time.

Property: whatever happens, the file or object is right in the end, or there is a clear error and
nothing under the target's name; what has been moved is not moved again.
Method: transfer_driver through a proxy that breaks answers (fault_proxy.py).
"""
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from cairn_server import CairnServer
from fault_proxy import FaultProxy

MIB = 1024 * 1024
DRIVER = os.environ.get("CAIRN_TRANSFER_DRIVER")
SEED = int(os.environ.get("CAIRN_SEED", "1"))


def noise(size, seed):
    source = random.Random(seed)
    pieces = [source.randbytes(min(64 * MIB, size - at)) for at in range(0, size, 64 * MIB)]
    return b"".join(pieces)


class Outcome:
    def __init__(self, code, text, errors):
        self.code, self.errors = code, errors
        self.report = json.loads(text) if text.strip() else {}

    def __getattr__(self, name):
        return self.report[name]


class TransferTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer().start()
        cls.s3 = cls.server.boto3_client()
        cls.s3.create_bucket(Bucket="bucket")
        cls.body = noise(64 * MIB + 12345, SEED)
        cls.s3.upload_fileobj(__import__("io").BytesIO(cls.body), "bucket", "big")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="cairn-transfer-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.random = random.Random(SEED)

    def path(self, name):
        return os.path.join(self.directory, name)

    def command(self, verb, endpoint, key, path, **settings):
        return [DRIVER, verb, endpoint, "bucket", key, path] + [
            f"{name}={value}" for name, value in settings.items()]

    def run_driver(self, verb, endpoint, key, path, variables=None, **settings):
        done = subprocess.run(self.command(verb, endpoint, key, path, **settings), text=True,
                              env={**self.server.client_env(), **(variables or {})},
                              capture_output=True, timeout=120)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def kill_after(self, seconds, verb, endpoint, key, path, how=signal.SIGKILL, **settings):
        process = subprocess.Popen(self.command(verb, endpoint, key, path, **settings),
                                   env=self.server.client_env(), stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        try:
            text, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(how)
            text, _ = process.communicate(timeout=60)
        return Outcome(process.returncode, text, "")

    def assert_is_body(self, path, body=None):
        with open(path, "rb") as file:
            self.assertTrue(file.read() == (body or self.body), "the file differs")
        left = [name for name in os.listdir(self.directory) if name.startswith(".")]
        self.assertEqual(left, [])

    def stored(self, key):
        return self.s3.get_object(Bucket="bucket", Key=key)["Body"].read()

    def file_of(self, body, name="source"):
        with open(self.path(name), "wb") as file:
            file.write(body)
        return self.path(name)

    # Downloads ---------------------------------------------------------------------------------
    def download_with(self, choose, **settings):
        with FaultProxy(self.server.host_port, choose) as proxy:
            outcome = self.run_driver("get", proxy.endpoint, "big", self.path("out"), **settings)
            return outcome, proxy

    def some(self, fault, one_in=4):
        return lambda request: fault(request) if request.is_range and \
            self.random.randrange(one_in) == 0 else None

    def test_download_survives_faults(self):
        anywhere = lambda: self.random.randrange(8 * MIB)  # noqa: E731
        faults = {
            "refusals": lambda _: ("status", 503),
            "short bodies": lambda _: ("short", anywhere()),
            "resets": lambda _: ("reset", anywhere()),
            "server errors": lambda _: ("status", 500),
        }
        for name, fault in faults.items():
            with self.subTest(name):
                outcome, proxy = self.download_with(self.some(fault))
                self.assertEqual(outcome.code, 0, outcome.report)
                self.assertTrue(proxy.faults)
                self.assert_is_body(self.path("out"))
                os.unlink(self.path("out"))

    def test_download_without_direct_io_and_on_two_cores(self):
        for settings in ({"direct": 0}, {"members": 2}, {"sync": 1}):
            outcome, _ = self.download_with(lambda _: None, **settings)
            self.assertEqual(outcome.code, 0, outcome.report)
            self.assert_is_body(self.path("out"))

    def test_on_the_epoll_backend(self):
        variables = {"CAIRN_IO": "epoll"}
        source = self.file_of(self.body)
        put = self.run_driver("put", self.server.endpoint, "epoll", source, variables)
        self.assertEqual(put.code, 0, put.report)
        got = self.run_driver("get", self.server.endpoint, "epoll", self.path("out"), variables)
        self.assertEqual(got.code, 0, got.report)
        self.assert_is_body(self.path("out"))

    def test_a_burst_of_refusals_passes(self):
        calls = [0]

        def burst(_):
            calls[0] += 1
            return ("status", 503) if calls[0] % 40 < 15 else None
        with FaultProxy(self.server.host_port, burst) as proxy:
            put = self.run_driver("put", proxy.endpoint, "burst", self.file_of(self.body))
            self.assertEqual(put.code, 0, put.report)
            got = self.run_driver("get", proxy.endpoint, "burst", self.path("out"))
            self.assertEqual(got.code, 0, got.report)
        self.assert_is_body(self.path("out"))

    def test_damage_on_the_way_is_an_error(self):
        hits = []

        def flip_once(request):
            if request.is_range and not hits:
                hits.append(request)
                return ("flip", 1000)
            return None
        outcome, _ = self.download_with(flip_once)
        self.assertEqual(outcome.code, 1)
        self.assertIn("CRC-64", outcome.error)
        self.assertEqual(os.listdir(self.directory), [])

    def test_another_etag_starts_over(self):
        hits = []

        def other_once(request):
            if request.is_range and len(hits) < 1:
                hits.append(request)
                return ("header", ("ETag", '"00000000000000000000000000000000"'))
            return None
        outcome, _ = self.download_with(other_once)
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assertEqual(outcome.restarts, 1)
        self.assert_is_body(self.path("out"))
        outcome, _ = self.download_with(
            lambda request: ("header", ("ETag", '"0"')) if request.is_range else None)
        self.assertEqual(outcome.code, 1)
        self.assertIn("replaced", outcome.error)

    def test_an_object_replaced_meanwhile_comes_whole(self):
        self.s3.put_object(Bucket="bucket", Key="changing", Body=self.body)
        other = noise(len(self.body), SEED + 1)
        hits = []

        def replace(request):
            if request.is_range and len(hits) < 3:
                hits.append(request)
                if len(hits) == 3:
                    self.s3.put_object(Bucket="bucket", Key="changing", Body=other)
            return None
        with FaultProxy(self.server.host_port, replace) as proxy:
            outcome = self.run_driver("get", proxy.endpoint, "changing", self.path("out"))
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assert_is_body(self.path("out"), other)

    def test_a_stalled_tail_is_asked_for_twice(self):
        hits = []

        def stall_once(request):
            if request.is_range and not hits:
                hits.append(request)
                return ("stall", 100_000)
            return None
        begun = time.monotonic()
        outcome, _ = self.download_with(stall_once)
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assertGreaterEqual(outcome.hedges, 1)
        self.assertLess(time.monotonic() - begun, 15)
        self.assert_is_body(self.path("out"))

    def test_a_slow_tail_is_asked_for_twice(self):
        hits = []

        def slow_once(request):
            if request.is_range and not hits:
                hits.append(request)
                return ("slow", 10_000)
            return None
        outcome, _ = self.download_with(slow_once)
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assertGreaterEqual(outcome.hedges, 1)
        self.assert_is_body(self.path("out"))

    def test_a_server_that_never_answers_is_given_up(self):
        outcome, proxy = self.download_with(
            lambda request: ("status", 503) if request.is_range else None)
        self.assertEqual(outcome.code, 1)
        self.assertIn("503", outcome.error)
        self.assertFalse(os.path.exists(self.path("out")))
        self.assertLess(proxy.requests_count, 200)

    def test_download_goes_on_after_kills(self):
        sent = 0
        with FaultProxy(self.server.host_port,
                        lambda r: ("slow", 200_000) if r.is_range else None) as proxy:
            for how in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
                outcome = self.kill_after(1 + self.random.random(), "get", proxy.endpoint, "big",
                                          self.path("out"), how)
                self.assertFalse(os.path.exists(self.path("out")))
                if how == signal.SIGINT:
                    self.assertEqual(outcome.code, 3)
        outcome = self.run_driver("get", self.server.endpoint, "big", self.path("out"))
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assertGreater(outcome.resumed, 0)
        self.assertEqual(outcome.resumed + outcome.sent, len(self.body))
        self.assert_is_body(self.path("out"))

    def interrupted_download(self):
        with FaultProxy(self.server.host_port,
                        lambda r: ("slow", 400_000) if r.is_range else None) as proxy:
            self.kill_after(2, "get", proxy.endpoint, "big", self.path("out"))
        self.assertTrue(os.path.exists(self.path(".out.cairn-journal")))

    def test_a_damaged_journal_starts_over(self):
        for damage in (b"", b"not a journal", None):
            self.interrupted_download()
            path = self.path(".out.cairn-journal")
            with open(path, "rb") as file:
                text = bytearray(file.read())
            if damage is None:
                text[40] ^= 1
            with open(path, "wb") as file:
                file.write(text if damage is None else damage)
            outcome = self.run_driver("get", self.server.endpoint, "big", self.path("out"))
            self.assertEqual(outcome.code, 0, outcome.report)
            self.assertEqual(outcome.resumed, 0)
            self.assert_is_body(self.path("out"))
            os.unlink(self.path("out"))

    def test_a_damaged_partial_file_is_not_believed(self):
        self.interrupted_download()
        with open(self.path(".out.cairn-partial"), "r+b") as file:
            file.write(b"\0" * (64 * MIB))
        outcome = self.run_driver("get", self.server.endpoint, "big", self.path("out"))
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assertEqual(outcome.resumed, 0)
        self.assert_is_body(self.path("out"))

    def test_two_downloads_to_one_target(self):
        with FaultProxy(self.server.host_port,
                        lambda r: ("slow", 100_000) if r.is_range else None) as proxy:
            first = subprocess.Popen(self.command("get", proxy.endpoint, "big", self.path("out")),
                                     env=self.server.client_env(), stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 20
            while not os.path.exists(self.path(".out.cairn-partial")):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            second = self.run_driver("get", self.server.endpoint, "big", self.path("out"))
            first.kill()
            first.wait()
        self.assertEqual(second.code, 1)
        self.assertIn("another process", second.error)

    def test_a_full_disk_is_told(self):
        mount = self.path("small")
        os.mkdir(mount)
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", mount],
                              capture_output=True)
        if made.returncode != 0:
            self.skipTest("full_disk: no right to mount")
        try:
            outcome = self.run_driver("get", self.server.endpoint, "big", mount + "/out")
            self.assertEqual(outcome.code, 1)
            self.assertIn("no space for", outcome.error)
            self.assertEqual(os.listdir(mount), [])
        finally:
            subprocess.run(["umount", mount], check=True)

    def test_a_missing_object_leaves_nothing(self):
        outcome = self.run_driver("get", self.server.endpoint, "nothing", self.path("out"))
        self.assertEqual(outcome.code, 1)
        self.assertEqual(os.listdir(self.directory), [])

    # Uploads -----------------------------------------------------------------------------------
    def test_upload_survives_faults(self):
        source = self.file_of(self.body)
        faults = {
            "refusals": lambda _: ("status", 503),
            "resets in the request": lambda _: ("drop", self.random.randrange(4 * MIB)),
            "lost answers": lambda _: ("reset", 0),
        }
        for name, fault in faults.items():
            with self.subTest(name):
                choose = lambda r, f=fault: f(r) if r.is_part and \
                    self.random.randrange(4) == 0 else None  # noqa: E731
                with FaultProxy(self.server.host_port, choose) as proxy:
                    outcome = self.run_driver("put", proxy.endpoint, "up-" + name[:4], source)
                self.assertEqual(outcome.code, 0, outcome.report)
                self.assertTrue(self.stored("up-" + name[:4]) == self.body)

    def test_a_lost_answer_to_the_last_step(self):
        source = self.file_of(self.body)
        hits = []

        def lose_once(request):
            if request.method == "POST" and "uploadId=" in request.target and not hits:
                hits.append(request)
                return ("lost", None)
            return None
        with FaultProxy(self.server.host_port, lose_once) as proxy:
            outcome = self.run_driver("put", proxy.endpoint, "lost", source)
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assertTrue(hits and self.stored("lost") == self.body)

    def test_upload_goes_on_after_kills(self):
        body = noise(96 * MIB + 7, SEED + 2)
        source, journal = self.file_of(body), self.path("journal")
        with FaultProxy(self.server.host_port) as proxy:
            for how in (signal.SIGKILL, signal.SIGINT):
                enough = proxy.request_bytes + 26 * MIB
                process = subprocess.Popen(
                    self.command("put", proxy.endpoint, "again", source, journal=journal,
                                 in_flight=1, start=1),
                    env=self.server.client_env(), stdout=subprocess.DEVNULL)
                while proxy.request_bytes < enough and process.poll() is None:
                    time.sleep(0.005)
                process.send_signal(how)
                process.wait(60)
            outcome = self.run_driver("put", proxy.endpoint, "again", source, journal=journal,
                                      in_flight=1, start=1)
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assertGreater(outcome.resumed, 0)
        self.assertLessEqual(proxy.request_bytes, len(body) + 2 * 8 * MIB + 64 * 1024)
        self.assertTrue(self.stored("again") == body)
        self.assertEqual(os.listdir(journal), [])

    def interrupted_upload(self, source, key):
        journal = self.path("journal")
        for _ in range(20):
            self.kill_after(0.3, "put", self.server.endpoint, key, source, journal=journal,
                            in_flight=1, start=1)
            if os.path.isdir(journal) and os.listdir(journal):
                return journal
        self.fail("the upload could not be interrupted")

    def test_an_upload_that_the_server_forgot_starts_over(self):
        body = noise(160 * MIB, SEED + 3)
        source = self.file_of(body)
        journal = self.interrupted_upload(source, "forgotten")
        for upload in self.s3.list_multipart_uploads(Bucket="bucket")["Uploads"]:
            self.s3.abort_multipart_upload(Bucket="bucket", Key=upload["Key"],
                                           UploadId=upload["UploadId"])
        outcome = self.run_driver("put", self.server.endpoint, "forgotten", source, journal=journal)
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assertEqual(outcome.resumed, 0)
        self.assertTrue(self.stored("forgotten") == body)

    def test_a_file_changed_between_runs_starts_over(self):
        body = noise(160 * MIB, SEED + 4)
        source = self.file_of(body)
        journal = self.interrupted_upload(source, "edited")
        body = b"x" + body[1:]
        source = self.file_of(body)
        outcome = self.run_driver("put", self.server.endpoint, "edited", source, journal=journal)
        self.assertEqual(outcome.code, 0, outcome.report)
        self.assertEqual(outcome.resumed, 0)
        self.assertTrue(self.stored("edited") == body)

    def test_a_file_changed_while_it_is_read_is_an_error(self):
        source = self.file_of(self.body)
        hits = []

        def change(request):
            if request.is_part and not hits:
                hits.append(request)
                with open(source, "r+b") as file:
                    file.write(b"changed")
            return None
        with FaultProxy(self.server.host_port, change) as proxy:
            outcome = self.run_driver("put", proxy.endpoint, "moving", source)
        self.assertEqual(outcome.code, 1)
        self.assertIn("was changed", outcome.error)
        keys = [row["Key"] for row in self.s3.list_objects_v2(Bucket="bucket").get("Contents", [])]
        self.assertNotIn("moving", keys)
        uploads = self.s3.list_multipart_uploads(Bucket="bucket").get("Uploads", [])
        self.assertNotIn("moving", [row["Key"] for row in uploads])

    # Both --------------------------------------------------------------------------------------
    def test_memory_is_bounded(self):
        source = self.file_of(noise(400 * MIB, SEED + 5))
        put = self.run_driver("put", self.server.endpoint, "large", source)
        self.assertEqual(put.code, 0, put.report)
        self.assertLess(put.rss_kib, 200 * 1024)
        got = self.run_driver("get", self.server.endpoint, "large", self.path("out"))
        self.assertEqual(got.code, 0, got.report)
        self.assertLess(got.rss_kib, 120 * 1024)
        with open(source, "rb") as one, open(self.path("out"), "rb") as two:
            self.assertEqual(hashlib.file_digest(one, "sha256").digest(),
                             hashlib.file_digest(two, "sha256").digest())

    def test_many_small_files_and_some_large_ones(self):
        source, target = self.path("from"), self.path("to")
        os.mkdir(source)
        os.mkdir(target)
        sizes = {f"f{i} ü+&": self.random.randrange(40_000) for i in range(300)}
        sizes.update(empty=0, one=1, large=20 * MIB + 1, edge=8 * MIB, over=8 * MIB + 1)
        bodies = {name: noise(size, name) for name, size in sizes.items()}
        for name, body in bodies.items():
            with open(os.path.join(source, name), "wb") as file:
                file.write(body)
        hits = lambda r: ("status", 503) if self.random.randrange(20) == 0 else None  # noqa: E731
        with FaultProxy(self.server.host_port, hits) as proxy:
            put = self.run_driver("put-many", proxy.endpoint, "many/", source, members=2)
            self.assertEqual((put.code, put.files), (0, len(sizes)), put.report)
            got = self.run_driver("get-many", proxy.endpoint, "many/", target, members=2)
            self.assertEqual((got.code, got.files), (0, len(sizes)), got.report)
        self.assertEqual(sorted(os.listdir(target)), sorted(sizes))
        for name, body in bodies.items():
            with open(os.path.join(target, name), "rb") as file:
                self.assertTrue(file.read() == body, name)

    def test_tls_is_verified(self):
        certificate, key = self.path("cert.pem"), self.path("key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                        "-out", certificate, "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        with CairnServer(args=["--tls-cert", certificate, "--tls-key", key]) as server:
            server.boto3_client(verify=certificate).create_bucket(Bucket="bucket")
            run = lambda verb, path, *more: subprocess.run(  # noqa: E731
                [DRIVER, verb, server.endpoint, "bucket", "k", path, *more], text=True,
                env=server.client_env(), capture_output=True, timeout=120)
            source = self.file_of(self.body)
            put = run("put", source, "ca=" + certificate)
            self.assertEqual(put.returncode, 0, put.stdout + put.stderr)
            got = run("get", self.path("out"), "ca=" + certificate)
            self.assertEqual(got.returncode, 0, got.stdout)
            with open(self.path("out"), "rb") as file:
                self.assertTrue(file.read() == self.body)
            self.assertEqual(run("get", self.path("no")).returncode, 1)
            self.assertFalse(os.path.exists(self.path("no")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
