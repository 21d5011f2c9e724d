"""moto, an S3 server of somebody else's in Python, for tests against what is not Cairn; where it is installed
(prepare_clients.sh)."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

import boto3
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]


def python_with_moto():
    for candidate in (ROOT / "build/clients/venv/bin/python", shutil.which("python3")):
        if candidate and os.path.exists(candidate) and subprocess.run(
                [candidate, "-c", "import moto.server"], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    return None


class MotoServer:
    """As much of CairnServer as CliCase and home_server.Upstream use."""
    access_key, secret_key = "peer-key", "peer-secret-that-is-never-told"

    def __init__(self, python):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen([python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("moto did not start")

    def boto3_client(self):
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1",
                            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key,
                            config=Config(s3={"addressing_style": "path"}, proxies={}))

    def close(self):
        self.process.terminate()
        self.process.wait(30)
