"""What every file of the conformance suite shares: a server, signed raw requests, and assertions.

A file covers one area of S3 and ends with `main()`. Cases say what S3 does (design: the AWS
documentation), never what this server happens to do. boto3 speaks where it can; `raw` sends what
boto3 refuses to send or does not know."""

import datetime
import hashlib
import hmac
import http.client
import pathlib
import sys
import unittest
import urllib.parse
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from cairn_server import CairnServer, binary  # noqa: E402, F401

from botocore.exceptions import ClientError  # noqa: E402

MIB = 1 << 20
PART = 5 * MIB  # The least size of a part that is not the last.
XMLNS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def noise(size, seed):
    """Bytes that neither compress nor repeat."""
    return hashlib.shake_128(str(seed).encode()).digest(size)


def md5_etag(body):
    return '"%s"' % hashlib.md5(body).hexdigest()


def quote(text):
    """Percent-encodes as SigV4 does; `/` stays."""
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    return urllib.parse.quote(data, safe="/-._~")


class Reply:
    """One HTTP reply: `status`, `headers` (lower-case names), `body`."""

    def __init__(self, response):
        self.status = response.status
        self.reason = response.reason
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def xml(self):
        return xml.etree.ElementTree.fromstring(self.body)

    def text(self, path):
        """Text of the first element at `path`, whatever its namespace; None when there is none."""
        found = self.xml().find("/".join("{*}" + step for step in path.split("/")))
        return None if found is None else (found.text or "")

    def texts(self, path):
        found = self.xml().findall("/".join("{*}" + step for step in path.split("/")))
        return [element.text or "" for element in found]

    def code(self):
        return self.text("Code") if self.body else None

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:600]!r}"


class Signer:
    """SigV4 in the Authorization header, every part of which a test may spoil."""

    def __init__(self, access_key, secret_key, region="us-east-1", service="s3"):
        self.access_key, self.secret_key = access_key, secret_key
        self.region, self.service = region, service

    def scope(self, date):
        return f"{date}/{self.region}/{self.service}/aws4_request"

    def key(self, date):
        key = b"AWS4" + self.secret_key.encode()
        for step in (date, self.region, self.service, "aws4_request"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        return key

    def string_to_sign(self, method, path, query, headers, signed, payload, time):
        pairs = [item.partition("=") for item in query.split("&") if item]
        plain = [
            (urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(value))
            for name, _, value in pairs
        ]
        canonical_query = "&".join(
            f"{name}={value}"
            for name, value in sorted(
                (urllib.parse.quote(name, safe="-._~"), urllib.parse.quote(value, safe="-._~"))
                for name, value in plain
            )
        )
        lines = [method, quote(urllib.parse.unquote_to_bytes(path)), canonical_query]
        request = "\n".join(lines).encode() + b"\n"
        for name in signed:
            value = headers.get(name, "")
            value = value if isinstance(value, bytes) else str(value).encode("utf-8")
            request += name.encode() + b":" + b" ".join(value.split()) + b"\n"
        request += b"\n" + ";".join(signed).encode() + b"\n" + payload.encode()
        return "\n".join(
            ["AWS4-HMAC-SHA256", time, self.scope(time[:8]), hashlib.sha256(request).hexdigest()]
        )

    def sign(self, method, path, query, headers, payload, time=None):
        """The headers that make the request signed; `headers` has lower-case names and `host`."""
        time = time or datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = dict(headers)
        headers.setdefault("x-amz-date", time)
        headers.setdefault("x-amz-content-sha256", payload)
        signed = sorted(name for name in headers if name not in ("content-length", "expect"))
        text = self.string_to_sign(
            method, path, query, headers, signed, headers["x-amz-content-sha256"], time
        )
        self.last_signature = hmac.new(
            self.key(time[:8]), text.encode(), hashlib.sha256
        ).hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{self.scope(time[:8])}, "
            f"SignedHeaders={';'.join(signed)}, Signature={self.last_signature}"
        )
        return headers


class Conformance(unittest.TestCase):
    """One server for all cases of a file; every case makes buckets of its own."""

    server_args = ()
    server_env = {}
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer(cores=1, args=cls.server_args, env=cls.server_env).start()
        cls.s3 = cls.server.boto3_client()
        cls.signer = Signer(cls.server.access_key, cls.server.secret_key)
        cls.buckets = 0

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log()
        cls.server.close()
        assert code == 0, f"exit code {code}:\n{log}"

    # Making things -----------------------------------------------------------------------------
    @classmethod
    def bucket_name(cls):
        cls.buckets += 1
        return f"bucket-{cls.buckets:04d}"

    def bucket(self, versioning=None, client=None, **arguments):
        name = self.bucket_name()
        (client or self.s3).create_bucket(Bucket=name, **arguments)
        if versioning:
            self.versioning(name, versioning)
        return name

    def versioning(self, bucket, status):
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    def fill(self, bucket, keys):
        for key in keys:
            self.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

    # Raw requests ------------------------------------------------------------------------------
    def raw(
        self,
        method,
        path,
        query="",
        headers=None,
        body=b"",
        signer="self",
        payload=None,
        time=None,
        keep=(),
    ):
        """Sends one request on a connection of its own. `path` and `query` go out as they are
        written. `signer` None sends it unsigned. `keep`: names of headers not to add."""
        headers = {name.lower(): value for name, value in (headers or {}).items()}
        headers.setdefault("host", self.server.host_port)
        signer = self.signer if signer == "self" else signer
        if signer is not None:
            payload = payload or hashlib.sha256(body).hexdigest()
            headers = signer.sign(method, path, query, headers, payload, time)
        if (
            "content-length" not in headers
            and "transfer-encoding" not in headers
            and (body or method in ("PUT", "POST"))
            and "content-length" not in keep
        ):
            headers["content-length"] = str(len(body))
        connection = http.client.HTTPConnection(self.server.host_port, timeout=60)
        try:
            connection.putrequest(
                method,
                path + ("?" + query if query else ""),
                skip_host=True,
                skip_accept_encoding=True,
            )
            for name, value in headers.items():
                connection.putheader(
                    name, value if isinstance(value, bytes) else str(value).encode("utf-8")
                )
            connection.endheaders(body or None)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    # Assertions --------------------------------------------------------------------------------
    def check(self, reply, status, code=None):
        self.assertEqual(reply.status, status, reply)
        if code is not None:
            self.assertEqual(reply.code(), code, reply)
        return reply

    def fails(self, status, code, call, **arguments):
        """Calls with boto3 and returns the error's reply. `code` None: any (HEAD has none)."""
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        reply = caught.exception.response
        self.assertEqual(reply["ResponseMetadata"]["HTTPStatusCode"], status, reply)
        if code is not None:
            self.assertEqual(reply["Error"]["Code"], code, reply)
        return reply

    def body_of(self, bucket, key, **arguments):
        return self.s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()

    def status_of(self, reply):
        return reply["ResponseMetadata"]["HTTPStatusCode"]

    def headers_of(self, reply):
        return reply["ResponseMetadata"]["HTTPHeaders"]


def main():
    unittest.main(verbosity=1)
