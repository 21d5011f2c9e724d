"""Hosts in network namespaces, each behind a cable of its own to one router, whose packets a test drops:
in one way or both, between any two. Unlike a proxy's, these partitions have what real ones have:
connections that hang, SYNs without an answer, and TCP that waits longer and longer before it tries again.

    network_lab.enter()              # at the program's start: into namespaces of its own
    with Lab() as lab:
        a, b = lab.host(), lab.host()
        subprocess.Popen([*a.prefix, "server", "--listen", a.address])
        lab.cut(a, b)                # what a sends to b is lost
        lab.heal(a, b)

enter() needs root, or a kernel that lets users make namespaces. Everything is gone when the program ends.
"""
import itertools
import os
import subprocess
import sys

SETTING = "CAIRN_TEST_NETWORK"  # "lab" inside, "host" asks for none.
PREPARE = "mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up"
PROBE = PREPARE + " && ip netns add p && ip -n p rule add from 10.0.0.1 to 10.0.0.2 blackhole"

_numbers = itertools.count(1)


def enter():
    """Starts the program anew in namespaces, once; goes on as it is where they cannot be had."""
    if os.environ.get(SETTING):
        return
    into = ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    try:
        probe = subprocess.run([*into, "sh", "-c", PROBE], capture_output=True, text=True)
    except OSError as error:
        probe = subprocess.CompletedProcess([], 1, "", str(error))
    if probe.returncode != 0:
        print("no network namespaces here, proxies cut instead:", probe.stderr.strip(), file=sys.stderr)
        os.environ[SETTING] = "host"
        return
    os.environ[SETTING] = "lab"
    os.execvp("unshare", [*into, "sh", "-c", PREPARE + ' && exec "$@"', "sh", sys.executable, *sys.argv])


def is_inside():
    return os.environ.get(SETTING) == "lab"


def _ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr}")


class Host:
    def __init__(self, namespace, address):
        self.namespace, self.address = namespace, address
        self.prefix = ("ip", "netns", "exec", namespace)  # Before a command: it runs on this host.


class Lab:
    """The program itself is a host too, which reaches all others."""

    def __init__(self):
        self._number = next(_numbers)
        self._router = f"r{self._number}"
        self._hosts = 0
        self._cut = set()
        _ip("netns", "add", self._router)
        subprocess.run(["ip", "netns", "exec", self._router, "sh", "-c",
                        "echo 1 > /proc/sys/net/ipv4/ip_forward"], check=True)
        self._connect(0, None)

    def host(self):
        self._hosts += 1
        namespace = f"h{self._number}-{self._hosts}"
        _ip("netns", "add", namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        return Host(namespace, self._connect(self._hosts, namespace))

    def _connect(self, number, namespace):
        """A cable between the router and a namespace; None is the program's."""
        own, other = f"c{self._number}-{number}", f"to{number}"
        net = f"10.{self._number}.{number}"
        at = [] if namespace is None else ["-n", namespace]
        _ip("link", "add", own, *([] if namespace is None else ["netns", namespace]), "type", "veth",
            "peer", "name", other, "netns", self._router)
        _ip("-n", self._router, "addr", "add", f"{net}.1/24", "dev", other)
        _ip("-n", self._router, "link", "set", other, "up")
        _ip(*at, "addr", "add", f"{net}.2/24", "dev", own)
        _ip(*at, "link", "set", own, "up")
        _ip(*at, "route", "add", f"10.{self._number}.0.0/16", "via", f"{net}.1")
        return f"{net}.2"

    def cut(self, source, target):
        """What `source` sends to `target` does not arrive."""
        pair = source.address, target.address
        if pair not in self._cut:
            self._cut.add(pair)
            self._rule("add", *pair)

    def heal(self, source, target):
        pair = source.address, target.address
        if pair in self._cut:
            self._cut.remove(pair)
            self._rule("del", *pair)

    def heal_all(self):
        while self._cut:
            self._rule("del", *self._cut.pop())

    def _rule(self, verb, source, target):
        _ip("-n", self._router, "rule", verb, "from", source, "to", target, "pref", "100", "blackhole")

    def close(self):
        for number in range(1, self._hosts + 1):
            _ip("netns", "del", f"h{self._number}-{number}")
        _ip("netns", "del", self._router)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
