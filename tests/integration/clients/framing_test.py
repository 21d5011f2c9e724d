"""Property: bodies framed as every client frames them (S3.md 0.2, 1.4) are stored byte for byte, and a
changed byte, length, signature or trailer stores nothing. Method: the framings written out on a raw
socket, cut at odd places, signed with an independent implementation of the chunk signatures."""
import base64
import datetime
import hashlib
import hmac
import random
import socket
import sys
import urllib.parse
import zlib

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    print("SKIPPED: boto3: not installed for " + sys.executable)
    sys.exit(0)

import clients_case

EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"


def sha256(text):
    return hashlib.sha256(text).hexdigest()


def crc32_of(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


class Signer:
    """Version 4, from AWS's documentation."""

    def __init__(self, access_key, secret):
        self.access_key = access_key
        self.date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        self.scope = f"{self.date[:8]}/us-east-1/s3/aws4_request"
        key = ("AWS4" + secret).encode()
        for piece in self.scope.split("/"):
            key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
        self.key = key

    def sign(self, *lines):
        return hmac.new(self.key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()

    def authorization(self, path, headers):
        names = ";".join(sorted(headers))
        canonical = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = f"PUT\n{path}\n\n{canonical}\n{names}\n{headers['x-amz-content-sha256']}"
        self.seed = self.sign("AWS4-HMAC-SHA256", self.date, self.scope, sha256(request.encode()))
        return (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{self.scope},"
                f"SignedHeaders={names},Signature={self.seed}")

    def chunks(self, pieces):
        previous, out = self.seed, b""
        for piece in [*pieces, b""]:
            previous = self.sign("AWS4-HMAC-SHA256-PAYLOAD", self.date, self.scope, previous, EMPTY,
                                 sha256(piece))
            out += b"%x;chunk-signature=%s\r\n" % (len(piece), previous.encode())
            if piece:
                out += piece + b"\r\n"
        self.last = previous
        return out

    def trailer_signature(self, line):
        return self.sign("AWS4-HMAC-SHA256-TRAILER", self.date, self.scope, self.last,
                         sha256(line.encode()))


def http_chunked(body, generator):
    """The outer framing of botocore and the JS SDK, in pieces that cut the inner one anywhere."""
    out, at = b"", 0
    while at < len(body):
        size = generator.choice((1, 2, 7, 1000, 65536, 1 << 20))
        piece = body[at:at + size]
        out += b"%x\r\n%s\r\n" % (len(piece), piece)
        at += size
    return out + b"0\r\n\r\n"


class Framing(clients_case.ClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = boto3.client("s3", endpoint_url=cls.url, region_name="us-east-1",
                              aws_access_key_id=cls.server.access_key,
                              aws_secret_access_key=cls.server.secret_key,
                              config=Config(retries={"max_attempts": 1},
                                            s3={"addressing_style": "path"}))
        cls.s3.create_bucket(Bucket="framing")
        cls.body = (cls.files / "medium").read_bytes()[:300_001]
        cls.sum = crc32_of(cls.body)

    def put(self, key, payload, make_body, trailer="x-amz-checksum-crc32", nested=False, length=None):
        """`make_body(signer)` after the head is signed. The status and text of the reply."""
        address = urllib.parse.urlsplit(self.url)
        signer = Signer(self.server.access_key, self.server.secret_key)
        headers = {"host": address.netloc, "x-amz-date": signer.date, "x-amz-content-sha256": payload,
                   "x-amz-decoded-content-length": str(len(self.body) if length is None else length),
                   "content-encoding": "aws-chunked"}
        if trailer:
            headers["x-amz-trailer"] = trailer
        authorization = signer.authorization(f"/framing/{key}", headers)
        body = make_body(signer)
        if nested:
            body = http_chunked(body, random.Random(len(body)))
            headers["transfer-encoding"] = "chunked"
        else:
            headers["content-length"] = str(len(body))
        head = f"PUT /framing/{key} HTTP/1.1\r\nAuthorization: {authorization}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            connection.sendall((head + "Connection: close\r\n\r\n").encode())
            try:
                connection.sendall(body)
            except OSError:
                pass  # Refused before the end.
            reply = b""
            while piece := connection.recv(65536):
                reply += piece
        return int(reply.split(b" ", 2)[1]), reply.decode("latin-1")

    def unsigned(self, *pieces, tail):
        framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        return lambda signer: framed + b"0\r\n" + tail.encode()

    def split(self, size):
        return [self.body[at:at + size] for at in range(0, len(self.body), size)]

    def assert_stored(self, answer, key):
        self.assertEqual(answer[0], 200, answer[1])
        got = self.s3.get_object(Bucket="framing", Key=key)
        self.assertEqual(got["Body"].read(), self.body)
        self.assertNotIn("ContentEncoding", got)

    def assert_refused(self, answer, status, code, key):
        self.assertEqual(answer[0], status, answer[1])
        self.assertIn(f"<Code>{code}</Code>", answer[1])
        with self.assertRaises(ClientError):
            self.s3.head_object(Bucket="framing", Key=key)

    def test_unsigned_trailers_in_all_spellings(self):
        line = f"x-amz-checksum-crc32:{self.sum}"
        for number, tail in enumerate((line + "\r\n\r\n", line + "\n\r\n", line + "\r\n", line,
                                       line + "\n\n", line + " \r\n\r\n\r\n")):
            for nested in (False, True):
                for size in (8192, 65536, len(self.body)):
                    key = f"unsigned-{number}-{nested}-{size}"
                    answer = self.put(key, UNSIGNED, self.unsigned(*self.split(size), tail=tail),
                                      nested=nested)
                    self.assert_stored(answer, key)
                    self.assertIn(f"x-amz-checksum-crc32: {self.sum}", answer[1])

    def test_no_trailer_announced(self):
        for number, tail in enumerate(("\r\n", "")):
            key = f"none-{number}"
            answer = self.put(key, UNSIGNED, self.unsigned(self.body, tail=tail), trailer=None)
            self.assert_stored(answer, key)
            self.assertIn("x-amz-checksum-crc64nvme: ", answer[1])

    def test_wrong_trailers(self):
        line = f"x-amz-checksum-crc32:{self.sum}\r\n\r\n"
        other = f"x-amz-checksum-crc32:{crc32_of(b'other')}\r\n\r\n"
        for tail, trailer, status, code in (
                (other, "x-amz-checksum-crc32", 400, "BadDigest"),
                (line, "x-amz-checksum-crc99", 400, "InvalidRequest"),
                (line, "x-amz-meta-a", 400, "InvalidRequest"),
                (line, None, 400, "MalformedTrailerError"),
                ("\r\n", "x-amz-checksum-crc32", 400, "MalformedTrailerError"),
                ("no colon\r\n\r\n", "x-amz-checksum-crc32", 400, "MalformedTrailerError"),
                (f"x-amz-checksum-sha1:{self.sum}\r\n\r\n", "x-amz-checksum-crc32", 400,
                 "MalformedTrailerError")):
            answer = self.put("wrong", UNSIGNED, self.unsigned(self.body, tail=tail), trailer=trailer)
            self.assert_refused(answer, status, code, "wrong")

    def test_wrong_lengths_and_framing(self):
        line = f"x-amz-checksum-crc32:{self.sum}\r\n\r\n"
        body = self.unsigned(self.body, tail=line)
        for length in (len(self.body) - 1, len(self.body) + 1, 0):
            self.assert_refused(self.put("wrong", UNSIGNED, body, length=length), 400, "IncompleteBody",
                                "wrong")
        cut = self.unsigned(self.body[:-1], tail=line)
        self.assert_refused(self.put("wrong", UNSIGNED, cut), 400, "IncompleteBody", "wrong")
        no_end = lambda signer: b"%x\r\n%s\r\n" % (len(self.body), self.body)
        self.assert_refused(self.put("wrong", UNSIGNED, no_end), 400, "IncompleteBody", "wrong")

    def signed_trailer(self, size, ending, spoil=None):
        line = f"x-amz-checksum-crc32:{self.sum}"

        def make(signer):
            chunks = signer.chunks(self.split(size))
            signature = signer.trailer_signature(line + "\n")
            framed = chunks + f"{line}{ending}x-amz-trailer-signature:{signature}{ending}\r\n".encode()
            return spoil(framed) if spoil else framed
        return make

    def test_signed_chunks(self):
        for nested in (False, True):
            for size in (8192, 65536, 131072):
                key = f"signed-{nested}-{size}"
                answer = self.put(key, SIGNED, lambda signer: signer.chunks(self.split(size)) + b"\r\n",
                                  trailer=None, nested=nested)
                self.assert_stored(answer, key)
        for ending in ("\r\n", "\n"):
            key = f"signed-trailer-{len(ending)}"
            answer = self.put(key, SIGNED_TRAILER, self.signed_trailer(65536, ending))
            self.assert_stored(answer, key)

    def test_signed_chunks_may_not_change(self):
        def flip(at):
            return lambda framed: framed[:at] + bytes([framed[at] ^ 1]) + framed[at + 1:]
        framed_bytes = len(self.body) + 5 * 90
        places = [200, 65536 + 300, framed_bytes // 2]
        for at in places:
            answer = self.put("spoiled", SIGNED_TRAILER, self.signed_trailer(65536, "\r\n", flip(at)))
            self.assert_refused(answer, 403, "SignatureDoesNotMatch", "spoiled")

        def other_sum(framed):
            return framed.replace(self.sum.encode(), crc32_of(b"other").encode())
        answer = self.put("spoiled", SIGNED_TRAILER, self.signed_trailer(65536, "\r\n", other_sum))
        self.assert_refused(answer, 403, "SignatureDoesNotMatch", "spoiled")

        def unsigned_trailer(framed):
            return framed[:framed.index(b"x-amz-trailer-signature")] + b"\r\n"
        answer = self.put("spoiled", SIGNED_TRAILER,
                          self.signed_trailer(65536, "\r\n", unsigned_trailer))
        self.assert_refused(answer, 400, "MalformedTrailerError", "spoiled")


if __name__ == "__main__":
    clients_case.main()
