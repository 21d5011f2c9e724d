"""What the tests of `cairn`'s client commands share: a server, a home of their own, and the command.

The commands see nothing of the caller's environment: credentials come from variables, the profile
file and ~/.aws from a temporary HOME. Standard error is never a terminal here unless a test makes
one."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from cairn_server import CairnServer, binary

KIB, MIB = 1 << 10, 1 << 20
DONE, FAILED, USAGE, DAMAGED, NOT_FOUND, PRECONDITION, DENIED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130


class CliCase(unittest.TestCase):
    server_arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer(cores=2, args=cls.server_arguments).start()
        cls.s3 = cls.server.boto3_client()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="cairn-cli."))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.home = self.work / "home"
        self.home.mkdir()
        self.environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC",
            "AWS_ENDPOINT_URL": self.server.endpoint, "AWS_ACCESS_KEY_ID": self.server.access_key,
            "AWS_SECRET_ACCESS_KEY": self.server.secret_key}
        self.bucket = "b" + self.id().rsplit(".", 1)[1].replace("_", "-").lower()[-40:]
        self.s3.create_bucket(Bucket=self.bucket)

    def url(self, key=""):
        return f"s3://{self.bucket}/{key}"

    def start(self, *arguments, **options):
        options.setdefault("env", self.environment)
        return subprocess.Popen([binary(), *map(str, arguments)], **options)

    def run_cli(self, *arguments, code=DONE, env=None, **options):
        """Runs a command, checks its exit code and that nothing secret is told; returns the result."""
        options.setdefault("text", True)
        result = subprocess.run([binary(), *map(str, arguments)], capture_output=True, timeout=180,
                                env=dict(self.environment, **(env or {})), **options)
        self.assertEqual(result.returncode, code, f"{arguments}: {result.stdout}{result.stderr}")
        told = str(result.stdout) + str(result.stderr)
        self.assertNotIn(self.server.secret_key, told)
        return result

    def json_lines(self, *arguments, **options):
        output = self.run_cli(*arguments, "--json", **options).stdout
        return [json.loads(line) for line in output.splitlines()]

    def put(self, key, body=b"x", **options):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **options)

    def get(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def received(self):
        """Bytes of request bodies that the server has taken so far."""
        return sum(value for name, value in self.server.metrics().items()
                   if name.startswith("cairn_request_body_bytes_total") and '"in"' in name)

    def keys(self, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def write(self, name, body=b"x"):
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path
