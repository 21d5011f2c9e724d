"""Property: append and rename work over the wire as S3's directory buckets document them, with the
headers that their clients send. Method: requests signed with botocore's own signer, since older SDKs
do not know the operations; what was stored is read back with boto3."""
import concurrent.futures
import hashlib
import http.client
import sys
import urllib.parse

try:
    import boto3
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.config import Config
    from botocore.credentials import Credentials
    from botocore.exceptions import ClientError
except ImportError:
    print("SKIPPED: boto3: not installed for " + sys.executable)
    sys.exit(0)

import clients_case


class AppendRename(clients_case.ClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = boto3.client("s3", endpoint_url=cls.url, region_name="us-east-1",
                              aws_access_key_id=cls.server.access_key,
                              aws_secret_access_key=cls.server.secret_key,
                              config=Config(retries={"max_attempts": 1},
                                            s3={"addressing_style": "path"}))
        cls.s3.create_bucket(Bucket="logs")

    def send(self, method, path, headers=None, body=b""):
        request = AWSRequest(method=method, url=self.url + path, data=body, headers=headers or {})
        S3SigV4Auth(Credentials(self.server.access_key, self.server.secret_key), "s3",
                    "us-east-1").add_auth(request)
        address = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        prepared = request.prepare()
        connection.request(method, path, body=body, headers=dict(prepared.headers))
        reply = connection.getresponse()
        reply.text = reply.read().decode()
        connection.close()
        return reply

    def append(self, key, offset, body, **headers):
        sent = {"x-amz-write-offset-bytes": str(offset)}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.send("PUT", f"/logs/{key}", sent, body)

    def rename(self, source, target, **headers):
        sent = {"x-amz-rename-source": source}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.send("PUT", f"/logs/{target}?renameObject=", sent)

    def body_of(self, key):
        return self.s3.get_object(Bucket="logs", Key=key)["Body"].read()

    def assert_error(self, reply, status, code):
        self.assertEqual(reply.status, status, reply.text)
        self.assertIn(f"<Code>{code}</Code>", reply.text)

    def test_appends_of_real_files(self):
        whole = b""
        for name in ("small", "one", "medium", "inline-edge", "multipart"):
            piece = (self.files / name).read_bytes()
            reply = self.append("app", len(whole), piece)
            whole += piece
            self.assertEqual(reply.status, 200, reply.text)
            self.assertEqual(reply.headers["x-amz-object-size"], str(len(whole)))
        self.assertEqual(hashlib.sha256(self.body_of("app")).digest(), hashlib.sha256(whole).digest())
        part = self.s3.get_object(Bucket="logs", Key="app", Range="bytes=4990-8999")["Body"].read()
        self.assertEqual(part, whole[4990:9000])
        head = self.s3.head_object(Bucket="logs", Key="app", PartNumber=2)
        self.assertEqual(head["PartsCount"], 4)  # The first two stayed one small object.

    def test_refusals(self):
        self.assert_error(self.append("refused", 1, b"x"), 400, "InvalidWriteOffset")
        self.assertEqual(self.append("refused", 0, b"abc", x_amz_meta_a="1").status, 200)
        for offset in (0, 2, 4, (1 << 63) - 1):
            self.assert_error(self.append("refused", offset, b"x"), 400, "InvalidWriteOffset")
        for offset in ("-1", "x", str(1 << 64), ""):
            self.assert_error(self.append("refused", offset, b"x"), 400, "InvalidArgument")
        self.assert_error(self.append("refused", 3, b""), 400, "InvalidRequest")
        self.assert_error(self.append("refused", 3, b"x", x_amz_meta_a="1"), 400, "InvalidRequest")
        self.assert_error(self.append("refused", 3, b"x", If_Match='"0"'), 412, "PreconditionFailed")
        self.assertEqual(self.body_of("refused"), b"abc")

    def test_one_of_many_appends_at_one_offset_wins(self):
        self.append("race", 0, b"start")
        pieces = [bytes([65 + number]) * (1000 * number + 1) for number in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda piece: self.append("race", 5, piece), pieces))
        winners = [piece for piece, reply in zip(pieces, replies) if reply.status == 200]
        self.assertEqual(len(winners), 1)
        self.assertEqual(self.body_of("race"), b"start" + winners[0])
        for reply in replies:
            if reply.status != 200:
                self.assert_error(reply, 400, "InvalidWriteOffset")

    def test_renames(self):
        for name in ("empty", "small", "medium"):
            body = (self.files / name).read_bytes()
            put = self.s3.put_object(Bucket="logs", Key="from/ä b", Body=body, Metadata={"a": "1"},
                                     ContentType="text/x")
            reply = self.rename("/logs/from/%C3%A4%20b", "to/plus%2B")
            self.assertEqual((reply.status, reply.text), (200, ""))
            got = self.s3.get_object(Bucket="logs", Key="to/plus+")
            self.assertEqual((got["Body"].read(), got["ETag"], got["Metadata"], got["ContentType"]),
                             (body, put["ETag"], {"a": "1"}, "text/x"))
            with self.assertRaises(ClientError):
                self.s3.head_object(Bucket="logs", Key="from/ä b")
        keys = [entry["Key"] for entry in self.s3.list_objects_v2(Bucket="logs")["Contents"]]
        self.assertIn("to/plus+", keys)
        self.assertNotIn("from/ä b", keys)

    def test_conditions_and_tokens_of_renames(self):
        etag = self.s3.put_object(Bucket="logs", Key="a", Body=b"a")["ETag"]
        self.s3.put_object(Bucket="logs", Key="b", Body=b"b")
        self.assert_error(self.rename("a", "b", If_None_Match="*"), 412, "PreconditionFailed")
        self.assert_error(self.rename("a", "b", x_amz_rename_source_if_match='"0"'), 412,
                          "PreconditionFailed")
        self.assert_error(self.rename("missing", "b"), 404, "NoSuchKey")
        self.assert_error(self.rename("a", "a"), 400, "InvalidRequest")
        token = {"x_amz_client_token": "11111111-2222"}
        self.assertEqual(self.rename("a", "b", x_amz_rename_source_if_match=etag, **token).status, 200)
        self.assertEqual(self.rename("a", "b", **token).status, 200)
        self.assert_error(self.rename("b", "c", **token), 400, "IdempotencyParameterMismatch")
        self.assertEqual(self.body_of("b"), b"a")


if __name__ == "__main__":
    clients_case.main()
