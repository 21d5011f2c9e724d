"""Another S3 server whose bucket appears as a bucket of the server under test, with a proxy between them
that breaks what a test says; and a front that lets client tests which make buckets run on gateway buckets.

    with GatewayUpstream() as upstream, CairnServer(stack="") as server:
        upstream.add_to(server, "bucket", "--ttl", "1s")
        upstream.choose = lambda request: ("status", 503)     # see fault_proxy.py

With gateway in CAIRN_TEST_STACK every CairnServer gets a GatewayFront: whatever bucket a client makes is
made at a second server and mapped."""
import os
import subprocess
import urllib.parse

from cairn_server import CairnServer, binary
from fault_proxy import FaultProxy

BUCKET, PREFIX = "theirs", "of/a/test/"


class GatewayUpstream:
    def __init__(self, server=None, args=()):
        """`server`: another S3 server with endpoint, access_key, secret_key, boto3_client() and close()."""
        self.server = server or CairnServer(stack="", args=args).start()
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket=BUCKET)
        self.proxy = FaultProxy(self.server.endpoint.split("://", 1)[1])
        self.proxy.__enter__()

    @property
    def choose(self):
        return self.proxy.choose

    @choose.setter
    def choose(self, choose):
        self.proxy.choose = choose

    def add_to(self, server, bucket, *flags, endpoint=None, prefix=PREFIX, upstream_bucket=BUCKET):
        env = dict(os.environ, CAIRN_GATEWAY_ACCESS_KEY=self.server.access_key,
                   CAIRN_GATEWAY_SECRET_KEY=self.server.secret_key)
        command = [binary(), "admin", "gateway", "add", bucket, "--data", server.data, "--endpoint",
                   endpoint or self.proxy.endpoint, "--upstream-bucket", upstream_bucket, *flags]
        if prefix:
            command += ["--prefix", prefix]
        result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        if result.returncode != 0:
            raise RuntimeError(result.stdout + result.stderr)
        return result.stdout

    def put(self, key, body, **how):
        return self.s3.put_object(Bucket=BUCKET, Key=PREFIX + key, Body=body, **how)

    def get(self, key):
        return self.s3.get_object(Bucket=BUCKET, Key=PREFIX + key)["Body"].read()

    def keys(self):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def close(self):
        self.proxy.__exit__()
        self.server.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class GatewayFront:
    """Stands before `server`, which runs: `endpoint` is what clients are given. Making a bucket there makes
    one at a server behind it and maps it; deleting one takes both away. All else is the server's."""

    def __init__(self, server):
        self._server = server
        self._upstream = CairnServer(stack="").start()
        self._s3 = self._upstream.boto3_client()
        self._proxy = FaultProxy(server.endpoint.split("://", 1)[1], self._choose)
        self._proxy.__enter__()
        self.endpoint = self._proxy.endpoint

    def _admin(self, name, **parameters):
        return self._server.admin("/admin/v1/gateway-" + name, "POST",
                                  urllib.parse.urlencode(parameters).encode())[0]

    def _choose(self, request):
        path, _, query = request.target.partition("?")
        bucket = path.split("/")[1]
        if not bucket or path not in (f"/{bucket}", f"/{bucket}/") or query not in ("", "x-id=CreateBucket", "x-id=DeleteBucket"):
            return None
        if request.method == "PUT":
            has_lock = request.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true"
            try:
                self._s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=has_lock)
            except self._s3.exceptions.BucketAlreadyOwnedByYou:
                return None
            status = self._admin("add", **{
                "bucket": bucket, "endpoint": self._upstream.endpoint, "upstream-bucket": bucket,
                "access-key": self._upstream.access_key, "secret-key": self._upstream.secret_key})
            return ("status", status)
        if request.method == "DELETE":
            try:
                self._s3.delete_bucket(Bucket=bucket)
            except self._s3.exceptions.ClientError as error:
                told = error.response
                return ("answer", (told["ResponseMetadata"]["HTTPStatusCode"],
                                   b"<Error><Code>%s</Code><Message>%s</Message></Error>" % (
                                       told["Error"]["Code"].encode(), told["Error"]["Message"].encode())))
            return ("status", 204 if self._admin("remove", bucket=bucket) == 200 else 500)
        return None

    def close(self):
        self._proxy.__exit__()
        self._upstream.close()
