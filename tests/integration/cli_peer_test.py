"""The client commands against servers that are not Cairn: moto, a plain S3 in Python, for what every S3
server can do; and one of our own that tries to lure the client to another origin. Needs CAIRN_BINARY."""
import hashlib
import http.server
import os
import random
import subprocess
import tempfile
import threading
import unittest

import cli_case
from cli_case import DONE, KIB, MIB, NOT_FOUND, PRECONDITION
from moto_server import MotoServer, python_with_moto


class PlainPeer(cli_case.CliCase):
    @classmethod
    def setUpClass(cls):
        cls.server = MotoServer(PYTHON)
        cls.s3 = cls.server.boto3_client()

    def test_files_both_ways(self):
        for size in (0, 10, 8 * MIB + 1, 40 * MIB):
            body = random.Random(size).randbytes(size)
            path = self.write("file", body)
            self.run_cli("cp", path, self.url("dir/k"), "--metadata", "a=b")
            self.assertEqual(hashlib.sha256(self.get("dir/k")).digest(), hashlib.sha256(body).digest())
            self.run_cli("cp", self.url("dir/k"), self.work / "back")
            self.assertEqual((self.work / "back").read_bytes(), body)
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="dir/k")["Metadata"], {"a": "b"})
        self.run_cli("cp", self.url("none"), self.work / "x", code=NOT_FOUND)

    def test_streams_and_copies(self):
        body = random.randbytes(20 * MIB)
        self.run_cli("cp", "-", self.url("k"), input=body, text=False)
        self.assertEqual(self.run_cli("cp", self.url("k"), "-", text=False).stdout, body)
        self.run_cli("mv", self.url("k"), self.url("moved"))
        self.assertEqual(self.keys(), ["moved"])
        self.assertEqual(self.get("moved"), body)

    def test_folders_and_sync(self):
        for i in range(30):
            self.write(f"tree/{i % 3}/{i}", bytes([i]) * 1000)
        self.run_cli("sync", self.work / "tree", self.url("p"))
        self.assertEqual(len(self.keys("p/")), 30)
        self.assertEqual(self.run_cli("sync", self.work / "tree", self.url("p")).stdout, "")
        self.run_cli("sync", self.url("p"), self.work / "back")
        self.assertEqual((self.work / "back/2/29").read_bytes(), bytes([29]) * 1000)
        os.remove(self.work / "tree/0/0")
        self.run_cli("sync", self.work / "tree", self.url("p"), "--delete")
        self.assertEqual(len(self.keys("p/")), 29)
        self.assertEqual(len(self.json_lines("ls", "-r", self.url("p/"))), 29)
        self.run_cli("rb", "--force", f"s3://{self.bucket}")

    def test_models(self):
        self.write("model/config.json", b"{}")
        self.write("model/weights", random.randbytes(9 * MIB))
        name = f"s3://{self.bucket}/m"
        self.run_cli("push", self.work / "model", f"{name}:v1")
        self.write("model/config.json", b"{1}")
        events = self.json_lines("push", self.work / "model", f"{name}:v2")
        self.assertEqual(events[-1]["bytes_shared"], 9 * MIB)
        self.run_cli("push", self.work / "model", f"{name}:v1", code=PRECONDITION)
        self.run_cli("pull", f"{name}:v2", self.work / "out")
        self.assertEqual((self.work / "out/config.json").read_bytes(), b"{1}")
        self.assertEqual((self.work / "out/weights").stat().st_size, 9 * MIB)

    def test_bench(self):
        told = self.json_lines("bench", self.url(), "--duration", "1s", "--warm-up", "0", "--size", "1K",
                               "--concurrency", "2")[-1]
        self.assertEqual(told["get"]["errors"] + told["put"]["errors"], 0)


class Lure(http.server.BaseHTTPRequestHandler):
    """Answers everything with a redirect to another origin."""
    seen = []
    location = None

    def answer(self):
        self.seen.append((self.command, self.path))
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location + self.path)
            self.send_header("x-amz-bucket-region", "eu-west-1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *arguments):
        pass


class Origins(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory(prefix="cairn-cli.")
        self.addCleanup(self.home.cleanup)

    def test_credentials_stay_with_their_origin(self):
        for status in (301, 302, 307, 308):
            reached = []

            class Elsewhere(Lure):
                seen = reached

            thief = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
            thief.status, thief.location = 200, None
            lure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lure)
            lure.status, lure.location = status, f"http://127.0.0.1:{thief.server_port}"
            for server in (thief, lure):
                threading.Thread(target=server.serve_forever, daemon=True).start()
            environment = {"PATH": "/usr/bin:/bin", "HOME": self.home.name,
                           "AWS_ENDPOINT_URL": f"http://127.0.0.1:{lure.server_port}",
                           "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
            for arguments in (("ls", "s3://bucket"), ("cat", "s3://bucket/k"),
                              ("cp", __file__, "s3://bucket/k"), ("rm", "s3://bucket/k")):
                result = subprocess.run([cli_case.binary(), *arguments], env=environment, timeout=60,
                                        capture_output=True, check=False)
                self.assertNotEqual(result.returncode, DONE)
            for server in (thief, lure):
                server.shutdown()
                server.server_close()
            self.assertEqual(reached, [])

    def test_other_servers_are_asked_in_s3_alone(self):
        asked = []

        class Refusing(Lure):
            seen = asked

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
        server.status, server.location = 403, None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(20 * MIB)
            subprocess.run([cli_case.binary(), "cp", file.name, "s3://bucket/k"], timeout=60, check=False,
                           capture_output=True, env={
                               "PATH": "/usr/bin:/bin", "HOME": self.home.name,
                               "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
                               "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"})
        server.shutdown()
        server.server_close()
        self.assertIn("/bucket", {path.rstrip("/") for _, path in asked})
        self.assertEqual([path for _, path in asked if not path.startswith("/bucket")], [])


PYTHON = python_with_moto()
if PYTHON is None:
    del PlainPeer
    print("SKIPPED: cli_peer: no moto")

if __name__ == "__main__":
    unittest.main()
