"""What tests of gateway buckets share: an upstream behind a proxy, a server before it, and its bucket
mapped to one of the server's."""
import random
import time
import unittest

from botocore.exceptions import BotoCoreError, ClientError

from cairn_server import CairnServer
from gateway_upstream import GatewayUpstream

MIB = 1 << 20
NAME = "bucket"


def body_of(seed, size):
    return random.Random(seed).randbytes(size)


class GatewayCase(unittest.TestCase):
    flags = ("--ttl", "60s")
    tiers = ()
    retries = 0

    def setUp(self):
        self.upstream = GatewayUpstream(self.make_upstream())
        self.addCleanup(self.upstream.close)
        self.server = CairnServer(cores=2, stack="", args=self.tiers)
        self.addCleanup(self.server.close)
        self.server.start()
        self.upstream.add_to(self.server, NAME, *self.flags)
        self.s3 = self.server.boto3_client(retries={"max_attempts": self.retries})
        self.seen = []  # Requests that reached the upstream.
        self.upstream.choose = self.note

    def make_upstream(self):
        return None

    def note(self, request):
        self.seen.append(request)
        return None

    def fault(self, kind, value, when=lambda request: True, times=10**9):
        """From now on requests for which `when` holds get the fault, `times` of them."""
        left = [times]

        def choose(request):
            self.seen.append(request)
            if left[0] > 0 and when(request):
                left[0] -= 1
                return kind, value
            return None
        self.upstream.choose = choose

    def heal(self):
        self.upstream.choose = self.note
        # A breaker that opened tries again after a second, then two, four...
        end = time.monotonic() + 40
        while self.metric("upstream_down") and time.monotonic() < end:
            self.outcome(self.s3.head_object, Bucket=NAME, Key="heal")
            time.sleep(0.2)

    def metric(self, name):
        return self.server.metrics().get(f'cairn_gateway_{name}{{bucket="{NAME}"}}', 0)

    def put(self, key, body, **how):
        return self.s3.put_object(Bucket=NAME, Key=key, Body=body, **how)

    def get(self, key, **how):
        return self.s3.get_object(Bucket=NAME, Key=key, **how)["Body"].read()

    def outcome(self, call, **parameters):
        try:
            call(**parameters)
            return "ok"
        except ClientError as error:
            return error.response["Error"]["Code"]
        except BotoCoreError as error:
            return type(error).__name__

    def count(self, method):
        return sum(1 for request in self.seen if request.method == method)
