"""The wall clock of a server jumps by hours, forward and back: what is cached for a time is believed for
that time by a clock that does not jump, requests to an upstream are signed so that it takes them,
and nothing acknowledged is lost or wrong. Needs CAIRN_BINARY, CAIRN_CLOCK_SHIFT, boto3."""
import datetime
import pathlib
import random
import sys
import time
import types
import unittest

import botocore.auth
from botocore.exceptions import ClientError

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from cairn_server import CairnServer  # noqa: E402
from clock import Clock  # noqa: E402
from gateway_upstream import GatewayUpstream  # noqa: E402
from home_server import Upstream  # noqa: E402
from named_homes import Homes  # noqa: E402
from site_pair import SitePair, content, versions  # noqa: E402

MIB = 1 << 20
HOUR = 3600
JUMPS = (600, -600, 0)  # S3 takes requests that are signed up to 15 minutes ago or ahead.
LONG_JUMPS = (26 * HOUR, -26 * HOUR, 0)


def noise(seed, size):
    return random.Random(seed).randbytes(size)


class SigningTime(types.ModuleType):
    """Stands in for the module datetime in botocore.auth: shifted for one signature."""

    def __init__(self):
        super().__init__("datetime")
        self.seconds = 0
        shifted = self

        class Shifted(datetime.datetime):
            @classmethod
            def utcnow(cls):
                return datetime.datetime.utcnow() + datetime.timedelta(seconds=shifted.seconds)

        self.datetime, self.timezone = Shifted, datetime.timezone


SIGNING_TIME = botocore.auth.datetime = SigningTime()
try:
    import botocore.crt.auth  # Instead of the other one, where it is installed.
    botocore.crt.auth.datetime = SIGNING_TIME
except ImportError:
    pass


class ShiftedClient:
    """A client whose requests are signed by the server's clock."""

    def __init__(self, server):
        self.seconds = 0
        # A body on its way to an upstream that has another time is asked for again.
        self.s3 = server.boto3_client(retries={"max_attempts": 2})
        self.s3.meta.events.register("before-sign.s3", lambda **_: self._shift(self.seconds))
        self.s3.meta.events.register("before-send.s3", lambda **_: self._shift(0))

    @staticmethod
    def _shift(seconds):
        SIGNING_TIME.seconds = seconds


class Jumps(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()
        self.addCleanup(self.clock.__exit__)

    def serve(self, **how):
        server = CairnServer(stack="", env=dict(self.clock.env, **how.pop("env", {})), **how).start()
        self.addCleanup(server.close)
        return server

    def jump(self, client, seconds):
        self.clock.shift(seconds)
        client.seconds = seconds

    def test_what_a_gateway_knows_is_believed_for_its_time(self):
        with GatewayUpstream() as upstream:
            seen = []
            upstream.choose = lambda request: seen.append(request.method)
            server = self.serve()
            upstream.add_to(server, "bucket", "--ttl", "3s")
            s3 = server.boto3_client()
            read = lambda: s3.get_object(Bucket="bucket", Key="k")["Body"].read()  # noqa: E731
            for number, seconds in enumerate(JUMPS):
                old, new = b"old%d" % number, b"new %d" % number
                s3.put_object(Bucket="bucket", Key="k", Body=old)
                self.assertEqual(read(), old)
                begun, before = time.monotonic(), len(seen)
                self.clock.shift(seconds)
                upstream.put("k", new)  # Behind its back.
                got = read()
                if time.monotonic() - begun < 3:
                    self.assertEqual((got, len(seen)), (old, before), f"asked again after {seconds} s")
                time.sleep(3.1)
                self.assertEqual(read(), new, f"believed for longer after {seconds} s")

    def test_an_upstream_with_another_time_is_asked_by_its_own(self):
        with GatewayUpstream() as upstream:
            server = self.serve()
            upstream.add_to(server, "bucket", "--ttl", "0s")
            client = ShiftedClient(server)
            for number, seconds in enumerate(LONG_JUMPS):
                self.jump(client, seconds)
                body = noise(number, 3 * MIB)
                client.s3.put_object(Bucket="bucket", Key=f"k{number}", Body=body)
                self.assertEqual(upstream.get(f"k{number}"), body)
                for known in range(number + 1):
                    got = client.s3.get_object(Bucket="bucket", Key=f"k{known}")["Body"].read()
                    self.assertEqual(got, noise(known, 3 * MIB))

    def test_a_home_in_a_bucket_and_tiers(self):
        with Upstream(with_tiers=True) as upstream:
            server = self.serve(args=[*upstream.flags, "--tier", "ram:16MiB"], env=upstream.env)
            client = ShiftedClient(server)
            client.s3.create_bucket(Bucket="clock")
            for number, seconds in enumerate(LONG_JUMPS):
                self.jump(client, seconds)
                client.s3.put_object(Bucket="clock", Key=f"k{number}", Body=noise(number, 2 * MIB))
                for known in range(number + 1):
                    got = client.s3.get_object(Bucket="clock", Key=f"k{known}")["Body"].read()
                    self.assertEqual(got, noise(known, 2 * MIB))
            server.kill()
            server.start()
            self.assertEqual(client.s3.get_object(Bucket="clock", Key="k0")["Body"].read(), noise(0, 2 * MIB))

    def test_staging_goes_on(self):
        with Homes({"far": "volume", "fast": "volume"}) as homes:
            homes.placement("standard", ["far"], staging="fast")
            server = homes.server(env=self.clock.env)
            client = ShiftedClient(server)
            client.s3.create_bucket(Bucket="clock")
            for number, seconds in enumerate(LONG_JUMPS):
                self.jump(client, seconds)
                client.s3.put_object(Bucket="clock", Key=f"k{number}", Body=noise(number, 2 * MIB))
                end = time.monotonic() + 60
                while server.metrics()['cairn_home_owed_chunks{home="far"}'] > 0:
                    self.assertLess(time.monotonic(), end, "chunks that do not go on")
                    time.sleep(0.05)
            for number in range(len(LONG_JUMPS)):
                got = client.s3.get_object(Bucket="clock", Key=f"k{number}")["Body"].read()
                self.assertEqual(got, noise(number, 2 * MIB))

    def test_an_overwrite_is_later_than_what_it_replaces(self):
        server = self.serve()
        client = ShiftedClient(server)
        client.s3.create_bucket(Bucket="clock")
        client.s3.put_bucket_versioning(Bucket="clock", VersioningConfiguration={"Status": "Enabled"})
        for number, seconds in enumerate((0, 26 * HOUR, -26 * HOUR, 0)):
            self.jump(client, seconds)
            client.s3.put_object(Bucket="clock", Key="k", Body=b"%d" % number)
            self.assertEqual(client.s3.get_object(Bucket="clock", Key="k")["Body"].read(), b"%d" % number)
        rows = client.s3.list_object_versions(Bucket="clock")["Versions"]
        bodies = [client.s3.get_object(Bucket="clock", Key="k", VersionId=row["VersionId"])["Body"].read()
                  for row in rows]
        self.assertEqual(bodies, [b"3", b"2", b"1", b"0"])

    def test_sites_whose_clocks_differ_converge(self):
        with SitePair() as pair:
            pair.a.close()
            pair.a = self.serve()
            pair.proxies[pair.a] = pair.proxies[pair.b]  # Nothing is sent to it.
            pair.make_bucket("sync", versioned=True)
            pair.follow(pair.a, pair.b, "sync")
            client = ShiftedClient(pair.a)
            for number, seconds in enumerate(LONG_JUMPS):
                self.jump(client, seconds)
                for turn in range(3):
                    client.s3.put_object(Bucket="sync", Key="k", Body=b"%d %d" % (number, turn))
                pair.wait_in_step(pair.a)
            self.assertEqual(versions(pair.a, "sync"), versions(pair.b, "sync"))
            self.assertEqual(content(pair.b, "sync"), {"k": b"2 2"})

    def test_signatures_of_another_time_are_refused(self):
        server = self.serve()
        s3 = server.boto3_client()
        s3.create_bucket(Bucket="clock")
        self.clock.shift(HOUR)
        with self.assertRaises(ClientError) as refused:
            s3.list_objects_v2(Bucket="clock")
        self.assertEqual(refused.exception.response["Error"]["Code"], "RequestTimeTooSkewed")


if __name__ == "__main__":
    unittest.main()
