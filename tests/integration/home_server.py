"""A second server whose bucket holds the chunks of the first one (`--home`), with a proxy between them
that breaks what a test says.

    with Upstream() as upstream, CairnServer(args=upstream.flags, env=upstream.env) as server: ...
        upstream.choose = lambda request: ("status", 503)     # see fault_proxy.py

There are no caches in front unless told: what is read comes from the bucket. With s3 in
CAIRN_TEST_STACK every CairnServer gets an Upstream of its own, so that any integration test runs on
this stack."""
from cairn_server import CairnServer
from fault_proxy import FaultProxy

BUCKET, PREFIX = "chunks", "of/a/test"


class Upstream:
    def __init__(self, with_proxy=True, server=None, with_tiers=False, upkeep_ms=200):
        """`with_tiers`: the caches are as the server's other flags say. `server`: another S3 server
        with endpoint, access_key, secret_key, boto3_client() and close(). `upkeep_ms`: pause between
        passes that read and join packs."""
        self.server = server or CairnServer(stack="").start()
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket=BUCKET)
        self._proxy = FaultProxy(self.server.endpoint.split("://", 1)[1]) if with_proxy else None
        if self._proxy:
            self._proxy.__enter__()
        endpoint = self._proxy.endpoint if self._proxy else self.server.endpoint
        self.flags = ["--home", f"s3:{BUCKET}/{PREFIX}", "--home-endpoint", endpoint,
                      "--home-upkeep-ms", str(upkeep_ms)]
        if not with_tiers:
            self.flags += ["--tier", "none"]
        self.env = {"CAIRN_HOME_ACCESS_KEY": self.server.access_key,
                    "CAIRN_HOME_SECRET_KEY": self.server.secret_key}

    @property
    def choose(self):
        return self._proxy.choose

    @choose.setter
    def choose(self, choose):
        self._proxy.choose = choose

    @property
    def faults(self):
        return self._proxy.faults

    def keys(self):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def packs(self):
        return [key for key in self.keys() if key.endswith(".log")]

    def read(self, key):
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def close(self):
        if self._proxy:
            self._proxy.__exit__()
        self.server.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
