"""A real etcd of one or three members on 127.0.0.1, for tests of servers whose metadata is there."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

START_SECONDS = 60


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class EtcdServer:
    """The members end with close(); a member is paused and killed by its number."""

    def __init__(self, members=1, flags=()):
        self.directory = tempfile.mkdtemp(prefix="cairn-etcd-")
        ports = _free_ports(2 * members)
        self._clients, self._peers = ports[::2], ports[1::2]
        self._flags = list(flags)
        self._processes = [None] * members
        for member in range(members):
            self.start(member)
        for member in range(members):
            self._wait_until_healthy(member)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def url(self, prefix="cairn"):
        return "etcd://" + ",".join(f"127.0.0.1:{port}" for port in self._clients) + "/" + prefix

    @property
    def processes(self):
        return [process for process in self._processes if process is not None]

    @property
    def client_ports(self):
        return list(self._clients)

    def leader(self):
        """The number of the leader, or None."""
        for member, port in enumerate(self._clients):
            if self._processes[member] is None or self._processes[member].poll() is not None:
                continue
            try:
                told = json.loads(self._post(port, "/v3/maintenance/status", {}))
            except OSError:
                continue
            if told.get("leader") and told["leader"] == told["header"]["member_id"]:
                return member
        return None

    def compact(self, member=0):
        """Forgets all history before the present revision."""
        port = self._clients[member]
        told = json.loads(self._post(port, "/v3/maintenance/status", {}))
        self._post(port, "/v3/kv/compaction", {"revision": told["header"]["revision"], "physical": True})

    @staticmethod
    def _post(port, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}",
                                         data=json.dumps(body).encode(), method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return opener.open(request, timeout=5).read()

    def start(self, member):
        client, peer = (f"http://127.0.0.1:{ports[member]}" for ports in (self._clients, self._peers))
        cluster = ",".join(f"m{i}=http://127.0.0.1:{port}" for i, port in enumerate(self._peers))
        with open(f"{self.directory}/m{member}.log", "ab") as log:
            self._processes[member] = subprocess.Popen(
                ["etcd", "--name", f"m{member}", "--data-dir", f"{self.directory}/m{member}",
                 "--listen-client-urls", client, "--advertise-client-urls", client,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", cluster, "--initial-cluster-token", self.directory,
                 "--heartbeat-interval", "50", "--election-timeout", "500",
                 "--logger", "zap", "--log-level", "warn", *self._flags],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def pause(self, member):
        self._processes[member].send_signal(signal.SIGSTOP)

    def resume(self, member):
        self._processes[member].send_signal(signal.SIGCONT)

    def kill(self, member):
        process = self._processes[member]
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def close(self):
        for member in range(len(self._processes)):
            self.kill(member)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _wait_until_healthy(self, member):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                url = f"http://127.0.0.1:{self._clients[member]}/health"
                if b'"true"' in opener.open(url, timeout=2).read():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline or self._processes[member].poll() is not None:
                with open(os.path.join(self.directory, f"m{member}.log"), encoding="utf-8") as log:
                    raise RuntimeError("etcd did not start:\n" + log.read())
            time.sleep(0.05)
