"""Property: for a caller who knows nothing but a hash, a body that only another tenant holds and a body that
nobody holds take the same time to be asked for. Method: 10,000 heads of each kind in random order over raw
sockets, the time to the `100` of each, and a two-sample Kolmogorov-Smirnov test of the two; p has to be
above 0.01. Of equal distributions one run in a hundred fails, so a run that does is repeated once with
fresh samples: a real difference fails both. The same test tells misses from hits, as a negative control."""
import bisect
import hashlib
import math
import os
import random
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "conformance"))
from accounts import admin  # noqa: E402
from cairn_server import CairnServer  # noqa: E402
from conformance import Signer  # noqa: E402

SAMPLES = 10_000
CONTROL_SAMPLES = 500
HELD_COUNT = 200  # Hashes of each kind: both are asked for as often.
BODY_BYTES = 20_000
P_MIN = 0.01


def ks_p_value(left, right):
    """p of the two-sample Kolmogorov-Smirnov test (asymptotic; samples are large)."""
    left, right = sorted(left), sorted(right)
    distance = max(abs(bisect.bisect_right(left, x) / len(left) -
                       bisect.bisect_right(right, x) / len(right)) for x in left + right)
    effective = math.sqrt(len(left) * len(right) / (len(left) + len(right)))
    scaled = (effective + 0.12 + 0.11 / effective) * distance
    if scaled < 0.2:
        return 1.0
    total = sum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * total))


class InstantTiming(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer(cores=1).start()
        owner = cls.server.boto3_client()
        owner.create_bucket(Bucket="owner")
        cls.held = []
        for number in range(HELD_COUNT):
            body = hashlib.shake_128(b"held%d" % number).digest(BODY_BYTES)
            owner.put_object(Bucket="owner", Key=f"k{number}", Body=body)
            cls.held.append(hashlib.sha256(body).hexdigest())
        cls.hashes = {"held": cls.held, "unknown": [os.urandom(32).hex() for _ in cls.held]}
        admin(cls.server, "tenant", "add", "other")
        key = admin(cls.server, "key", "add", "--tenant", "other")
        cls.other = Signer(key["access_key"], key["secret_key"])
        cls.server.boto3_client(key["access_key"], key["secret_key"]).create_bucket(Bucket="other")
        cls.owner = Signer(cls.server.access_key, cls.server.secret_key)
        host, _, port = cls.server.host_port.rpartition(":")
        cls.address = (host, int(port))

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def head(self, signer, path, sha256):
        headers = signer.sign("PUT", path, "", {"host": self.server.host_port}, sha256)
        headers["content-length"] = str(BODY_BYTES)
        headers["expect"] = "100-continue"
        return (f"PUT {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()

    def ask(self, head):
        """Seconds to the first answer, and whether it asked for the body."""
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begin = time.perf_counter()
            connection.sendall(head)
            reply = connection.recv(4096)
            return time.perf_counter() - begin, reply.startswith(b"HTTP/1.1 100")

    def sample(self, count):
        times = {"held": [], "unknown": []}
        order = ["held", "unknown"] * count
        random.shuffle(order)
        for kind in order:
            head = self.head(self.other, "/other/k", random.choice(self.hashes[kind]))
            taken, missed = self.ask(head)
            self.assertTrue(missed, kind)
            times[kind].append(taken)
        return times

    def test_a_body_of_another_tenant_takes_as_long_as_none(self):
        self.sample(200)  # Warm.
        for attempt in range(2):
            times = self.sample(SAMPLES)
            p = ks_p_value(times["held"], times["unknown"])
            medians = {kind: round(sorted(values)[len(values) // 2] * 1e6)
                       for kind, values in times.items()}
            print(f"attempt {attempt + 1}: p = {p:.4f}, medians {medians} us", flush=True)
            if p > P_MIN:
                return
        self.fail(f"two runs of {SAMPLES} samples differ: p = {p}")

    def test_the_method_sees_a_difference(self):
        hits, misses = [], []
        for number in range(CONTROL_SAMPLES):
            taken, missed = self.ask(self.head(self.owner, f"/owner/n{number}", self.held[0]))
            self.assertFalse(missed)
            hits.append(taken)
            taken, missed = self.ask(self.head(self.owner, f"/owner/n{number}", os.urandom(32).hex()))
            self.assertTrue(missed)
            misses.append(taken)
        self.assertLess(ks_p_value(hits, misses), P_MIN)


if __name__ == "__main__":
    unittest.main(verbosity=2)
