"""A real etcd of one or three members, for tests of servers whose metadata is there."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
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


def thread_states(pid):
    """The state letters of a process's threads (proc_pid_stat(5))."""
    states = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as file:
                states.append(file.read().rpartition(") ")[2][0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return states


class EtcdServer:
    """The members end with close(); a member is paused and killed by its number."""

    def __init__(self, members=1, flags=(), hosts=None, certificates=None):
        """`hosts`: of a network_lab.Lab, one for each member; default: all at 127.0.0.1. `certificates`:
        (authority, certificate, key), PEM files; the members then take clients over TLS too, and demand a
        certificate of them there."""
        self.directory = tempfile.mkdtemp(prefix="cairn-etcd-")
        ports = _free_ports(3 * members)
        self.client_ports = ports[::3]
        addresses = [host.address for host in hosts] if hosts else ["127.0.0.1"] * members
        self._prefixes = [host.prefix for host in hosts] if hosts else [()] * members
        self.clients = [f"{address}:{port}" for address, port in zip(addresses, ports[::3])]
        self._peers = [f"{address}:{port}" for address, port in zip(addresses, ports[1::3])]
        self._secure = [f"{address}:{port}" for address, port in zip(addresses, ports[2::3])]
        self._flags = list(flags)
        self._has_tls = certificates is not None
        if self._has_tls:
            self._flags += ["--client-cert-auth", "--trusted-ca-file", certificates[0],
                            "--cert-file", certificates[1], "--key-file", certificates[2]]
        self._processes = [None] * members
        for member in range(members):
            self.start(member)
        for member in range(members):
            self._wait_until_healthy(member)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def url(self, prefix="cairn", tls=False):
        scheme, members = ("etcds://", self._secure) if tls else ("etcd://", self.clients)
        return scheme + ",".join(members) + "/" + prefix

    @property
    def processes(self):
        return [process for process in self._processes if process is not None]

    def leader(self):
        """The number of the leader, or None."""
        for member in range(len(self.clients)):
            if self._processes[member] is None or self._processes[member].poll() is not None:
                continue
            try:
                told = self.ask(member, "/v3/maintenance/status")
            except OSError:
                continue
            if told.get("leader") and told["leader"] == told["header"]["member_id"]:
                return member
        return None

    def compact(self, member=0):
        """Forgets all history before the present revision."""
        told = self.ask(member, "/v3/maintenance/status")
        self.ask(member, "/v3/kv/compaction", {"revision": told["header"]["revision"], "physical": True})

    def count(self, prefix):
        """How many keys begin so."""
        first = prefix.encode()
        end = first[:-1] + bytes([first[-1] + 1])
        key, range_end = (base64.b64encode(each).decode() for each in (first, end))
        told = self.ask(0, "/v3/kv/range", {"key": key, "range_end": range_end, "count_only": True})
        return int(told.get("count", 0))

    def ask(self, member, path, body=None, timeout=5):
        """What a member's JSON gateway answers."""
        request = urllib.request.Request(f"http://{self.clients[member]}{path}",
                                         data=json.dumps(body or {}).encode(), method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return json.loads(opener.open(request, timeout=timeout).read())

    def fill(self, value_bytes, count):
        """Writes values beside everybody's until etcd is over its quota: their keys."""
        value = base64.b64encode(os.urandom(value_bytes)).decode()
        for number in range(count):
            key = base64.b64encode(b"junk%06d" % number).decode()
            try:
                self.ask(0, "/v3/kv/put", {"key": key, "value": value}, timeout=10)
            except urllib.error.HTTPError:
                break
        while not self.ask(0, "/v3/maintenance/alarm", {"action": "GET"}).get("alarms"):
            time.sleep(0.05)

    def make_room(self):
        """What an operator does then: delete, compact, defragment, and take the alarm back."""
        first, end = (base64.b64encode(key).decode() for key in (b"junk", b"junl"))
        self.ask(0, "/v3/kv/deleterange", {"key": first, "range_end": end}, timeout=10)
        self.compact()
        for member in range(len(self.clients)):
            self.ask(member, "/v3/maintenance/defragment", timeout=30)
        for alarm in self.ask(0, "/v3/maintenance/alarm", {"action": "GET"}).get("alarms", ()):
            self.ask(0, "/v3/maintenance/alarm", {"action": "DEACTIVATE", **alarm})

    def wait_for_quorum(self, seconds=30):
        """Until a member answers a read that needs the others."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for member in range(len(self.clients)):
                try:
                    self.ask(member, "/v3/kv/range", {"key": "AA=="}, timeout=0.5)
                    return
                except OSError:
                    time.sleep(0.02)

    def start(self, member):
        client, peer = f"http://{self.clients[member]}", f"http://{self._peers[member]}"
        listen = client + (f",https://{self._secure[member]}" if self._has_tls else "")
        cluster = ",".join(f"m{i}=http://{peer}" for i, peer in enumerate(self._peers))
        with open(f"{self.directory}/m{member}.log", "ab") as log:
            self._processes[member] = subprocess.Popen(
                [*self._prefixes[member], "etcd", "--name", f"m{member}", "--data-dir", f"{self.directory}/m{member}",
                 "--listen-client-urls", listen, "--advertise-client-urls", client,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", cluster, "--initial-cluster-token", self.directory,
                 "--heartbeat-interval", "50", "--election-timeout", "500",
                 "--logger", "zap", "--log-level", "warn", *self._flags],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def pause(self, member):
        """Returns when it stands still: on a busy machine its threads go on for a while."""
        process = self._processes[member]
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGSTOP)
        end = time.monotonic() + 10
        while not all(state in "TZX" for state in thread_states(process.pid)):
            if time.monotonic() > end:
                raise RuntimeError(f"member {member} of etcd does not stop")
            time.sleep(0.001)

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
                url = f"http://{self.clients[member]}/health"
                if b'"true"' in opener.open(url, timeout=2).read():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline or self._processes[member].poll() is not None:
                with open(os.path.join(self.directory, f"m{member}.log"), encoding="utf-8") as log:
                    raise RuntimeError("etcd did not start:\n" + log.read())
            time.sleep(0.05)
