#!/usr/bin/python3
"""The client of the native protocol in transfer/ against a real server: what it sends is what the server lacks.

Method: transfer_driver with native=1; bytes are counted by the server. Needs CAIRN_BINARY and
CAIRN_TRANSFER_DRIVER.
"""
import hashlib
import http.client
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from cairn_server import CairnServer

MIB = 1024 * 1024
DRIVER = os.environ.get("CAIRN_TRANSFER_DRIVER")
SIZE = 96 * MIB + 4321


class NoDoor(http.server.BaseHTTPRequestHandler):
    """Another S3 server, as far as a client can see: hands all requests on but those of the door."""
    protocol_version = "HTTP/1.1"
    upstream = None
    doors_asked = 0

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/cairn/"):
            type(self).doors_asked += 1
            return self.answer(404, {}, b"<Error><Code>NoSuchBucket</Code></Error>")
        connection = http.client.HTTPConnection(self.upstream)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        connection.request(self.command, self.path, body=body, headers=headers)
        reply = connection.getresponse()
        return self.answer(reply.status, dict(reply.getheaders()), reply.read())

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def log_message(self, *arguments):
        pass


class NativeTransfer(unittest.TestCase):
    def setUp(self):
        self.server = CairnServer(cores=2).start()
        self.addCleanup(self.server.close)
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket="bucket")
        self.directory = tempfile.mkdtemp(prefix="cairn-native-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.body = bytearray(random.Random(7).randbytes(SIZE))

    def file_of(self, body):
        path = os.path.join(self.directory, "file")
        with open(path, "wb") as file:
            file.write(body)
        return path

    def command(self, key, path, endpoint=None, **settings):
        settings = dict(native=1, members=2, journal=os.path.join(self.directory, "journal")) | settings
        return [DRIVER, "put", endpoint or self.server.endpoint, "bucket", key, path] + [
            f"{name}={value}" for name, value in settings.items()]

    def put(self, key, path, code=0, **settings):
        done = subprocess.run(self.command(key, path, **settings), text=True, timeout=120,
                              env=self.server.client_env(), capture_output=True)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def received(self):
        """Bytes of bodies that the server has received."""
        return sum(value for name, value in self.server.metrics().items()
                   if name.startswith("cairn_request_body_bytes_total") and 'direction="in"' in name)

    def put_counted(self, key, body):
        before = self.received()
        self.put(key, self.file_of(body))
        return self.received() - before

    def assert_stored(self, key, body):
        stored = self.s3.get_object(Bucket="bucket", Key=key)["Body"].read()
        self.assertEqual(hashlib.sha256(stored).digest(), hashlib.sha256(body).digest())

    def test_only_what_is_new_is_sent(self):
        sent = self.put_counted("new", self.body)
        self.assertLess(sent, SIZE * 1.002)
        self.assert_stored("new", self.body)
        self.assertLess(self.put_counted("same", self.body), 64 * 1024)
        self.assert_stored("same", self.body)
        for at in (5 * MIB, 50 * MIB, 90 * MIB):
            self.body[at:at + MIB] = random.Random(at).randbytes(MIB)
        self.assertLess(self.put_counted("changed", self.body), 6 * MIB)
        self.assert_stored("changed", self.body)
        shifted = random.Random(8).randbytes(100) + bytes(self.body)
        self.assertLess(self.put_counted("shifted", shifted), MIB)
        self.assert_stored("shifted", shifted)
        self.assertEqual(self.server.scrub()["damaged"], [])

    def test_what_came_by_s3_is_known(self):
        self.s3.put_object(Bucket="bucket", Key="s3", Body=bytes(self.body))
        self.assertLess(self.put_counted("native", self.body), 64 * 1024)
        self.assert_stored("native", self.body)

    def interrupted(self, how):
        path = self.file_of(self.body)
        before = self.received()
        process = subprocess.Popen(self.command("k", path), env=self.server.client_env(), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while self.received() - before < SIZE / 2 and process.poll() is None and time.monotonic() < end:
            pass
        process.send_signal(how)
        process.communicate(timeout=60)
        return path

    def test_goes_on_after_an_interrupt(self):
        for how in (signal.SIGINT, signal.SIGKILL):
            self.s3.delete_object(Bucket="bucket", Key="k")
            path = self.interrupted(how)
            if process_finished := self.s3.list_objects_v2(Bucket="bucket").get("KeyCount"):
                self.skipTest(f"too fast to interrupt ({process_finished})")
            before = self.received()
            report = self.put("k", path)
            # The workers' chunks in flight are what may be sent twice.
            self.assertLess(self.received() - before + SIZE / 2, SIZE + 14 * 8 * MIB)
            self.assertGreater(report["resumed"], 0)
            self.assert_stored("k", self.body)
            self.assertEqual(os.listdir(os.path.join(self.directory, "journal")), [])
            self.assertNotIn("Uploads", self.s3.list_multipart_uploads(Bucket="bucket"))
            self.body = bytearray(random.Random(9).randbytes(SIZE))

    def test_server_killed_in_between(self):
        path = self.file_of(self.body)
        process = subprocess.Popen(self.command("k", path, stall=5), env=self.server.client_env(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while self.received() < SIZE / 3 and process.poll() is None and time.monotonic() < end:
            pass
        self.server.kill()
        process.wait(120)
        self.server.start()
        self.s3 = self.server.boto3_client()
        self.put("k", path)
        self.assert_stored("k", self.body)
        self.assertEqual(self.server.scrub()["damaged"], [])

    def test_falls_back_where_there_is_no_door(self):
        NoDoor.upstream = self.server.host_port
        proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), NoDoor)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        self.put("k", self.file_of(self.body), endpoint=f"http://127.0.0.1:{proxy.server_port}")
        self.assertEqual(NoDoor.doors_asked, 1)
        self.assert_stored("k", self.body)

    def test_refusals_are_told_as_they_are(self):
        path = self.file_of(self.body)
        done = subprocess.run([DRIVER, "put", self.server.endpoint, "absent", "k", path, "native=1"],
                              text=True, env=self.server.client_env(), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["code"], "NoSuchBucket")


if __name__ == "__main__":
    unittest.main()
