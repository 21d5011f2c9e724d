"""A server is cut off from its Ceph cluster: wholly, in one direction, over and over. Requests end in
time with 503 and never with wrong bytes, what needs no chunk goes on, nothing that was acknowledged is
lost, nothing that failed is there in part, and service is back soon after the network is.

The cluster, this test and its clients are in one network namespace, the server in another; two pairs of
interfaces join them, one for Ceph and one for clients. The first is cut by wrong neighbours' addresses:
what is sent goes to a machine that does not exist, and nobody is told, as behind a switch that drops."""
import ctypes
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from cairn_server import CairnServer  # noqa: E402
import ceph_home  # noqa: E402

CLONE_NEWNET = 0x40000000
CEPH_ADDRESS, NODE_ADDRESS = "10.91.0.1", "10.91.0.2"
CLIENT_ADDRESS, FRONT_ADDRESS = "10.92.0.1", "10.92.0.2"
NOBODY = "02:00:00:00:00:99"
OPERATION_SECONDS = 2    # --home-ceph-timeout.
ANSWER_SECONDS = 25      # Of a request during a cut: some operations one after another, on a shared machine.
RECOVERY_SECONDS = 60
FLAPS = 6
MIB = 1 << 20


def body_of(key):
    return random.Random(key).randbytes(3 * MIB + 7)


class Wires:
    """The server's network namespace, and the two ways into it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        end = time.monotonic() + 10
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            assert time.monotonic() < end, "no network namespace"
            time.sleep(0.01)
        self.prefix = ("nsenter", "--net", "--target", str(self.holder.pid))
        self.ip("link", "set", "lo", "up", inside=True)
        self.addresses = {}
        for name, ours, theirs in (("ceph", CEPH_ADDRESS, NODE_ADDRESS), ("front", CLIENT_ADDRESS, FRONT_ADDRESS)):
            self.ip("link", "add", f"{name}0", "type", "veth", "peer", "name", f"{name}1", "netns",
                    str(self.holder.pid))
            for inside, address in ((False, ours), (True, theirs)):
                device = f"{name}{int(inside)}"
                self.ip("addr", "add", address + "/24", "dev", device, inside=inside)
                self.ip("link", "set", device, "up", inside=inside)
                text = self.ip("-o", "link", "show", device, inside=inside)
                self.addresses[device] = text.split("link/ether ")[1].split()[0]

    def ip(self, *words, inside=False):
        command = [*(self.prefix if inside else ()), "ip", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def set(self, to_ceph, from_ceph):
        """Which ways are open."""
        for inside, address, is_open, device, other in (
                (True, CEPH_ADDRESS, to_ceph, "ceph1", "ceph0"),
                (False, NODE_ADDRESS, from_ceph, "ceph0", "ceph1")):
            self.ip("neigh", "replace", address, "lladdr", self.addresses[other] if is_open else NOBODY,
                    "dev", device, "nud", "permanent", inside=inside)

    def close(self):
        self.holder.kill()
        self.holder.wait()


class PartitionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.wires = Wires()
        cls.addClassCleanup(cls.wires.close)
        cls.wires.set(True, True)
        home = ceph_home.CephHome(address=CEPH_ADDRESS)
        home.flags[home.flags.index("--home-ceph-timeout") + 1] = str(OPERATION_SECONDS)
        cls.server = CairnServer(args=home.flags, stack="", command_prefix=cls.wires.prefix,
                                 address=FRONT_ADDRESS)
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.s3 = cls.server.boto3_client(retries={"max_attempts": 0}, read_timeout=2 * ANSWER_SECONDS,
                                         max_pool_connections=32)
        cls.addClassCleanup(cls.s3.close)
        cls.s3.create_bucket(Bucket="bucket")

    def setUp(self):
        self.stored = {}
        self.refused = set()
        for number in range(3):
            self.put(f"{self.id()}-{number}")
        self.assertEqual(self.refused, set())

    def tearDown(self):
        self.wires.set(True, True)

    def put(self, key):
        """Whether it was acknowledged. It ends in time, and a refusal says to come again."""
        begun = time.monotonic()
        try:
            self.s3.put_object(Bucket="bucket", Key=key, Body=body_of(key))
            self.stored[key] = body_of(key)
            return True
        except ClientError as error:
            self.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], 503, error)
            self.refused.add(key)
            return False
        finally:
            self.assertLess(time.monotonic() - begun, ANSWER_SECONDS)

    def read(self, key):
        return self.s3.get_object(Bucket="bucket", Key=key)["Body"].read()

    def check_cut(self):
        """What a server does that reaches no chunk."""
        self.assertFalse(self.put(self.id() + "-cut"), "a chunk was acknowledged that Ceph cannot have")
        begun = time.monotonic()
        with self.assertRaises((ClientError, BotoCoreError)):
            self.read(self.id() + "-0")
        self.assertLess(time.monotonic() - begun, ANSWER_SECONDS)
        self.s3.put_object(Bucket="bucket", Key="inline", Body=b"in the catalog")
        self.assertEqual(self.read("inline"), b"in the catalog")
        self.assertEqual(self.s3.head_object(Bucket="bucket", Key=self.id() + "-1")["ContentLength"],
                         3 * MIB + 7)

    def check_healed(self):
        end = time.monotonic() + RECOVERY_SECONDS
        while not self.put(self.id() + "-after"):
            self.assertLess(time.monotonic(), end, "service does not come back")
            time.sleep(0.2)
        for key, body in self.stored.items():
            self.assertEqual(self.read(key), body, key)
        for key in self.refused - set(self.stored):
            with self.assertRaises(ClientError) as missing:
                self.read(key)
            self.assertEqual(missing.exception.response["Error"]["Code"], "NoSuchKey", key)
        self.assertEqual(self.server.scrub()["damaged"], [])

    def test_full(self):
        self.wires.set(False, False)
        self.check_cut()
        self.wires.set(True, True)
        self.check_healed()

    def test_nothing_gets_there(self):
        self.wires.set(False, True)
        self.check_cut()
        self.wires.set(True, True)
        self.check_healed()

    def test_nothing_comes_back(self):
        """Ceph does what it is asked, and the server does not hear that it did."""
        self.wires.set(True, False)
        self.check_cut()
        self.wires.set(True, True)
        self.check_healed()

    def test_flapping(self):
        stop = threading.Event()
        failures = []

        def write(writer):
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    self.put(f"{self.id()}-{writer}-{number}")
                except BaseException as error:  # Told to the test's own thread.
                    failures.append(error)
                    return
        writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
        for writer in writers:
            writer.start()
        for flap in range(FLAPS):
            self.wires.set(flap % 3 == 1, flap % 3 == 2)
            time.sleep(1.5)
            self.wires.set(True, True)
            time.sleep(1)
        stop.set()
        for writer in writers:
            writer.join()
        self.assertEqual(failures, [])
        self.check_healed()


def enter_namespace():
    """A network of this process' own, so that nothing outside is changed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise unittest.SkipTest("no network namespaces: " + os.strerror(ctypes.get_errno()))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


if __name__ == "__main__":
    try:
        ceph_home.need_ceph()
        enter_namespace()
    except unittest.SkipTest as reason:
        print(f"SKIPPED: rados_partition: {reason}")
        sys.exit(0)
    sys.exit(unittest.main())
