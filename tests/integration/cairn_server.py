"""Starts and stops real `cairn serve` processes for integration tests.

The binary is named by the environment variable CAIRN_BINARY. Every server gets a directory of its
own (mkdtemp), free ports on 127.0.0.1 and credentials made for it. Nothing here sleeps: starting
waits for the `ready` line, stopping for the end of the process.

    with CairnServer() as server:
        s3 = server.boto3_client()
        s3.create_bucket(Bucket="b")
        server.kill()      # kill -9
        server.start()     # on the same data and the same port
"""
import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

START_SECONDS = 60
# What TSan makes of a report (its option exitcode): the report is in the log of the server.
SANITIZER_EXIT = 66
STOP_SECONDS = 60
MAKING_CLIENTS = threading.Lock()  # boto3's session is not made for several threads.


def binary():
    path = os.environ.get("CAIRN_BINARY")
    if not path:
        raise RuntimeError("set CAIRN_BINARY to the cairn executable")
    return path


class CairnServer:
    """One server on one data directory. Not thread-safe, but clients may be used from threads."""

    def __init__(self, data=None, cores=None, args=(), env=None, command_prefix=(), stack=None,
                 address="127.0.0.1"):
        """`data`: a directory to keep (default: a temporary one, removed by close()).
        `args`: further flags of `cairn serve`. `env`: further variables.
        `command_prefix`: e.g. ("valgrind", "--tool=callgrind"). `address`: where it listens.
        `stack`: "" is one volume behind a tier in memory, "local" the volume alone; "s3" keeps the
        chunks in the bucket of a second server, "rados" in a Ceph pool, "disk" puts a tier in memory and one on disk before
        them, "disk+s3" is both; "homes": on two volumes as copies, staged on a third; "gateway":
        buckets that are made are gateway buckets, whose objects are in a second server; "cluster": it
        and a second server on one etcd and one bucket, reached in turn (cluster_front.py); default: as
        the variable CAIRN_TEST_STACK says, so that whole test modules run on that stack."""
        self._own_directory = None if data else tempfile.mkdtemp(prefix="cairn-test-")
        self.data = data or os.path.join(self._own_directory, "data")
        self.access_key = "TESTKEY" + secrets.token_hex(6).upper()
        self.secret_key = secrets.token_urlsafe(30)
        self._cores = cores
        self._args = list(args)
        self._env = dict(env or {})
        self._prefix = list(command_prefix)
        self._address = address
        self._listen = address + ":0"
        self._stack = os.environ.get("CAIRN_TEST_STACK", "") if stack is None else stack
        if "disk" in self._stack.split("+") and "--tier" not in self._args:
            self._args += ["--tier", "ram:16MiB", "--tier",
                           f"disk:{self.data}-cache:64MiB:first-miss=100%"]
        if "local" in self._stack.split("+") and "--tier" not in self._args:
            self._args += ["--tier", "none"]
        if "homes" in self._stack.split("+") and "--config" not in self._args:
            self._args += ["--config", self._write_homes()]
        self.upstream = None
        self._front = None
        self._has_ceph_home = False
        self.process = None
        self.endpoint = None
        self._log = None

    # Life -------------------------------------------------------------------------------------
    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.close()

    def start(self):
        """Starts the process and waits until it serves. A restart keeps the port."""
        if self.process is not None and self.process.poll() is None:
            raise RuntimeError("the server already runs")
        if "s3" in self._stack.split("+") and self.upstream is None:
            from home_server import Upstream
            self.upstream = Upstream(with_proxy=False, with_tiers="--tier" in self._args)
            self._args += self.upstream.flags
            self._env.update(self.upstream.env)
        if "rados" in self._stack.split("+") and not self._has_ceph_home:
            from ceph_home import CephHome
            self._args += CephHome(with_tiers="--tier" in self._args).flags
            self._has_ceph_home = True
        if "cluster" in self._stack.split("+") and self._front is None:
            from cluster_front import ClusterFront
            self._front = ClusterFront(self, with_tiers="--tier" in self._args)
            self._args += self._front.flags
            self._env.update(self._front.env)
        env = dict(os.environ)
        env.update(CAIRN_ROOT_ACCESS_KEY=self.access_key, CAIRN_ROOT_SECRET_KEY=self.secret_key)
        env.update(self._env)
        command = self._prefix + [binary(), "serve", "--data", self.data, "--listen", self._listen,
                                  "--admin-listen", self._address + ":0"]
        if self._cores:
            command += ["--cores", str(self._cores)]
        command += self._args
        self._log = tempfile.TemporaryFile(mode="w+b")
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=self._log,
                                        text=True)
        self.endpoint = self._wait_until_ready()
        self._listen = self.endpoint.split("://", 1)[1]
        if "gateway" in self._stack.split("+"):
            from gateway_upstream import GatewayFront
            self._front = self._front or GatewayFront(self)
            self.endpoint = self._front.endpoint
        if "cluster" in self._stack.split("+"):
            self._front.attach()
            self.endpoint = self._front.endpoint
        return self

    def arguments(self):
        """The flags that it is started with, besides those of its addresses and its data."""
        return list(self._args)

    def _write_homes(self):
        text = "home_upkeep_ms = 200\nstaging_delay_ms = 200\n"
        for name in ("one", "two", "fast"):
            text += f'[[home]]\nname = "{name}"\nkind = "volume"\npath = "{self.data}-{name}"\n'
        text += '[[placement]]\nname = "standard"\nhomes = ["one", "two"]\nstaging = "fast"\n'
        path = self.data + "-homes.toml"
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def _wait_until_ready(self):
        lines = queue.Queue()

        def pump(stream):
            for line in stream:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=pump, args=(self.process.stdout,), daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=START_SECONDS)
            except queue.Empty:
                self.kill()
                raise RuntimeError("the server did not start in time:\n" + self.log()) from None
            if line is None:
                code = self.process.wait(STOP_SECONDS)
                raise RuntimeError(f"the server ended with {code}:\n" + self.log())
            if line.startswith("ready "):
                return line.split()[1]

    def stop(self, timeout=STOP_SECONDS):
        """SIGTERM: drains; returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError("the server did not stop in time:\n" + self.log()) from None
        if code == SANITIZER_EXIT:
            print(self.log()[-20000:], file=sys.stderr)
        return code

    def kill(self):
        """kill -9: what a crash of the process leaves behind."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(STOP_SECONDS)

    def restart(self):
        self.stop()
        return self.start()

    def restart_with(self, *args):
        """With further flags from now on."""
        self._args += args
        return self.restart()

    def close(self):
        """Ends the process by force and removes a temporary data directory."""
        self.kill()
        if self.upstream is not None:
            self.upstream.close()
        if self._front is not None:
            self._front.close()
        if self._own_directory:
            shutil.rmtree(self._own_directory, ignore_errors=True)

    # Looking at it -----------------------------------------------------------------------------
    def log(self):
        """Everything the running (or last) process wrote to standard error."""
        self._log.flush()
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    @property
    def is_gateway(self):
        """Whether the buckets that clients make are gateway buckets."""
        return "gateway" in self._stack.split("+")

    @property
    def host_port(self):
        return self._listen

    def admin_address(self):
        with open(os.path.join(self.data, "admin.token"), encoding="ascii") as file:
            values = dict(line.strip().split("=", 1) for line in file)
        return values["address"], values["token"]

    def admin(self, path, method="GET", body=None):
        """Status and text of a page of the admin listener."""
        address, token = self.admin_address()
        request = urllib.request.Request(f"http://{address}{path}", method=method, data=body,
                                         headers={"Authorization": "Bearer " + token})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=600) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self):
        """{'name{labels}': value} of the metrics page."""
        _, text = self.admin("/metrics")
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def status(self):
        return json.loads(self.admin("/admin/v1/status")[1])

    def scrub(self):
        return json.loads(self.admin("/admin/v1/scrub", "POST")[1])

    def collect_garbage(self):
        return json.loads(self.admin("/admin/v1/gc", "POST")[1])

    # Clients -----------------------------------------------------------------------------------
    def client_env(self):
        """Environment for command line clients: credentials, no proxies, no config files."""
        env = {key: value for key, value in os.environ.items()
               if not key.lower().endswith("_proxy") and not key.startswith("AWS_")}
        env.update(AWS_ACCESS_KEY_ID=self.access_key, AWS_SECRET_ACCESS_KEY=self.secret_key,
                   AWS_DEFAULT_REGION="us-east-1", AWS_CONFIG_FILE="/nonexistent",
                   AWS_SHARED_CREDENTIALS_FILE="/nonexistent", AWS_EC2_METADATA_DISABLED="true")
        return env

    def boto3_client(self, access_key=None, secret_key=None, verify=None, **config):
        import boto3
        from botocore.config import Config
        settings = dict(signature_version="s3v4", retries={"max_attempts": 0},
                        s3={"addressing_style": "path"}, connect_timeout=10, read_timeout=60,
                        proxies={})
        settings.update(config)
        with MAKING_CLIENTS:
            return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", verify=verify,
                                aws_access_key_id=access_key or self.access_key,
                                aws_secret_access_key=secret_key or self.secret_key,
                                config=Config(**settings))
