"""A small client of the native protocol (docs/native-protocol.md), written from the document alone: protobuf
by hand, SigV4 by botocore. It cuts at fixed places, which the protocol allows.

    client = NativeClient(server.endpoint, access_key, secret_key)
    client.upload("bucket", "key", data)
"""
import hashlib
import hmac
import http.client
import struct
import urllib.parse

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SEGMENT = 64 * 1024
CHUNK = 4 * 1024 * 1024
MISSING, HELD, CHALLENGE = 0, 1, 2


# Protobuf: fields of varints and bytes, which is all that the protocol uses.
def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value) if value else b""
    return varint(number << 3 | 2) + varint(len(value)) + value if value is not None else b""


def parse(message):
    """[(field number, int or bytes)] in order."""
    out, at = [], 0

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = take()
        if tag & 7 == 0:
            out.append((tag >> 3, take()))
        else:
            size = take()
            out.append((tag >> 3, message[at:at + size]))
            at += size
    return out


def one(message, number, default=b""):
    return dict(parse(message)).get(number, default)


# Names.
def name_of(digest, size):
    return digest + struct.pack("<I", size)


class Chunk:
    """Bytes that are one chunk."""

    def __init__(self, data, segment=SEGMENT):
        self.data = data
        self.parts = [data[i:i + segment] for i in range(0, len(data), segment)]
        self.hashes = [hashlib.sha256(part).digest() for part in self.parts]
        self.segments = [name_of(h, len(p)) for h, p in zip(self.hashes, self.parts)]
        self.hash = hashlib.sha256(b"".join(self.hashes)).digest()
        self.name = name_of(self.hash, len(data))

    def fill_body(self, sent=None):
        head = field(1, b"".join(self.segments))
        if sent is not None:
            head += field(2, bytes(sent))
        parts = self.parts if sent is None else [p for p, s in zip(self.parts, sent) if s]
        return struct.pack("<I", len(head)) + head + b"".join(parts)


def cut(data, size=CHUNK):
    return [Chunk(data[i:i + size]) for i in range(0, len(data), size)]


class Refused(Exception):
    def __init__(self, status, body, headers):
        super().__init__(f"{status} {body[:500]!r}")
        self.status, self.body, self.headers = status, body, headers
        start = body.find(b"<Code>")
        self.code = body[start + 6:body.find(b"</Code>")].decode() if start >= 0 else ""


class NativeClient:
    """One connection; not thread-safe. `sent_bytes` counts bodies."""

    def __init__(self, endpoint, access_key, secret_key, token=None):
        self.endpoint = endpoint
        self.host = endpoint.split("://", 1)[1]
        self.credentials = Credentials(access_key, secret_key, token)
        self.connection = None
        self.sent_bytes = 0

    def request(self, method, bucket, key, query, body=b"", headers=None, sign=True, protocol="1"):
        """(status, headers, body)."""
        url = f"{self.endpoint}/cairn/v1/{bucket}/{urllib.parse.quote(key)}?{query}"
        request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
        if protocol is not None:
            request.headers["x-amz-cairn-protocol"] = protocol
        if sign:
            S3SigV4Auth(self.credentials, "s3", "us-east-1").add_auth(request)
        prepared = request.prepare()
        target = url.split(self.host, 1)[1]
        for attempt in (1, 2):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(self.host, timeout=120)
                self.connection.request(method, target, body=body, headers=dict(prepared.headers))
                reply = self.connection.getresponse()
                data = reply.read()
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.connection = None
                if attempt == 2:
                    raise
        self.sent_bytes += len(body)
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, data

    def call(self, method, bucket, key, query, body=b"", headers=None):
        status, head, data = self.request(method, bucket, key, query, body, headers)
        if status >= 300:
            raise Refused(status, data, head)
        return head, data

    def begin(self, bucket, key, size, sha256=None, headers=None):
        _, reply = self.call("POST", bucket, key, "begin", field(1, size) + field(2, sha256), headers)
        return one(reply, 1).decode()

    def offer_reply(self, bucket, key, session, names):
        return self.call("POST", bucket, key, f"offer&session={session}",
                         field(1, b"".join(names)))[1]

    def offer(self, bucket, key, session, names):
        return list(one(self.offer_reply(bucket, key, session, names), 1))

    def segments(self, bucket, key, session, chunks):
        body = b"".join(field(1, b"".join(chunk.segments)) for chunk in chunks)
        _, reply = self.call("POST", bucket, key, f"segments&session={session}", body)
        return [list(value) for number, value in parse(reply) if number == 1]

    def prove(self, bucket, key, session, proofs):
        """proofs: [(name, nonce, answer)]"""
        body = b"".join(field(1, field(1, n) + field(2, c) + field(3, a)) for n, c, a in proofs)
        return list(one(self.call("POST", bucket, key, f"prove&session={session}", body)[1], 1))

    def fill(self, bucket, key, session, chunk, sent=None):
        self.call("POST", bucket, key, f"fill&session={session}", chunk.fill_body(sent))

    def commit(self, bucket, key, session, names, headers=None):
        return self.call("POST", bucket, key, f"commit&session={session}",
                         field(1, b"".join(names)), headers)[0]

    def status(self, bucket, key, session):
        return self.call("GET", bucket, key, f"session={session}")[1]

    def abort(self, bucket, key, session):
        self.call("DELETE", bucket, key, f"session={session}")

    def upload(self, bucket, key, data, headers=None, chunks=None):
        """The reply's headers of the commit."""
        chunks = chunks if chunks is not None else cut(data)
        session = self.begin(bucket, key, len(data), hashlib.sha256(data).digest())
        names = [chunk.name for chunk in chunks]
        states = self.offer(bucket, key, session, names) if names else []
        missing = [chunk for chunk, state in zip(chunks, states) if state != HELD]
        for chunk in missing:
            unknown = self.segments(bucket, key, session, [chunk])[0]
            self.fill(bucket, key, session, chunk, None if all(unknown) else unknown)
        return self.commit(bucket, key, session, names, headers)


def answer(nonce, session, chunk):
    """Of a challenge."""
    return hmac.new(nonce, session.encode() + chunk.name + chunk.data, hashlib.sha256).digest()
