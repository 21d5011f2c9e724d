"""What every client test shares: a running server, credentials in the environment, and real files.

A test module defines one ClientCase subclass and ends with `clients_case.main()`. Where the client is
not to be had the whole module prints `SKIPPED: name: reason` and succeeds; tools/check_skips.py
refuses skips that are not on the list."""
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent))
from cairn_server import CairnServer  # noqa: E402

MIB = 1 << 20


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(MIB):
            digest.update(piece)
    return digest.hexdigest()


def skip_unless(condition, name, reason):
    """Ends the module as skipped when the client is not there."""
    if not condition:
        print(f"SKIPPED: {name}: {reason}")
        sys.exit(0)


def model_path():
    """Real weights (fetched by prepare_clients.sh), or None."""
    path = ROOT / "build/models/isnet-uint8.onnx"
    return path if path.exists() else None


class ClientCase(unittest.TestCase):
    """One server and one directory of files for all tests of a module."""

    server_arguments = ()  # Further flags of `cairn serve`.

    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer(args=cls.server_arguments)
        cls.server.start()
        cls.url = cls.server.endpoint
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="cairn-clients."))
        cls.files = cls.work / "files"
        cls.files.mkdir()
        cls.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(cls.work), "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": cls.server.access_key,
            "AWS_SECRET_ACCESS_KEY": cls.server.secret_key, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true"}
        generator = random.Random(20)
        sizes = {"empty": 0, "one": 1, "small": 5000, "inline-edge": 16384, "frame": 65537,
                 "medium": 3 * MIB + 17, "multipart": 21 * MIB + 5}
        for name, size in sizes.items():
            (cls.files / name).write_bytes(generator.randbytes(size))
        if model_path():
            os.link(model_path(), cls.files / "model.onnx") if cls._same_device() else shutil.copy(
                model_path(), cls.files / "model.onnx")

    @classmethod
    def _same_device(cls):
        return os.stat(model_path()).st_dev == os.stat(cls.files).st_dev

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        shutil.rmtree(cls.work, ignore_errors=True)

    def run_client(self, *command, check=True, timeout=180, environment=None, **options):
        """Runs a client with nothing of the caller's environment but what the test gives."""
        result = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                                timeout=timeout, env=dict(self.environment, **(environment or {})),
                                **options)
        if check and result.returncode != 0:
            self.fail(f"{command} exited with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result

    def assert_same(self, path, name):
        """The file at `path` has the bytes of the test file `name`."""
        self.assertEqual(sha256_of(path), sha256_of(self.files / name), f"{path} differs from {name}")

    def names(self):
        return sorted(path.name for path in self.files.iterdir())


def main():
    unittest.main(verbosity=2)
