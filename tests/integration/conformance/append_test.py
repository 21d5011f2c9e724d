"""Appending to objects and renaming them."""

import base64
import hashlib
import threading
import zlib

from conformance import Conformance, md5_etag, noise, main


class Append(Conformance):
    def setUp(self):
        self.b = self.bucket()

    def append(self, offset, body, key="k", headers=None):
        headers = dict({"x-amz-write-offset-bytes": str(offset)}, **(headers or {}))
        return self.raw("PUT", f"/{self.b}/{key}", headers=headers, body=body)

    def test_append(self):
        pieces = [b"one", noise(300_000, 1), b"three", noise(20_000, 4)]
        whole = b""
        for piece in pieces:
            reply = self.check(self.append(len(whole), piece), 200)
            whole += piece
            self.assertEqual(reply.headers["x-amz-object-size"], str(len(whole)))
            self.assertEqual(self.body_of(self.b, "k"), whole)
            head = self.s3.head_object(Bucket=self.b, Key="k")
            self.assertEqual(
                (head["ContentLength"], head["ETag"]), (len(whole), reply.headers["etag"])
            )
        got = self.raw("GET", f"/{self.b}/k", headers={"range": "bytes=1-300004"})
        self.assertEqual(got.body, whole[1:300005])

    def test_wrong_offsets(self):
        self.check(self.append(5, b"x"), 400, "InvalidWriteOffset")
        self.fails(404, "404", self.s3.head_object, Bucket=self.b, Key="k")
        self.check(self.append(0, b"abc"), 200)
        for offset in (0, 2, 4):
            self.check(self.append(offset, b"x"), 400, "InvalidWriteOffset")
        for offset in ("-1", "x", ""):
            self.assertEqual(self.append(offset, b"x").status, 400)
        self.assertEqual(self.body_of(self.b, "k"), b"abc")

    def test_refused(self):
        self.append(0, b"abc")
        self.check(self.append(3, b"", headers={}), 400, "InvalidRequest")
        self.check(self.append(3, b"x", headers={"x-amz-meta-a": "b"}), 400, "InvalidRequest")

    def test_metadata_stays(self):
        self.s3.put_object(
            Bucket=self.b, Key="k", Body=b"abc", Metadata={"a": "b"}, ContentType="text/x"
        )
        self.check(self.append(3, b"def"), 200)
        head = self.s3.head_object(Bucket=self.b, Key="k")
        self.assertEqual((head["Metadata"], head["ContentType"]), ({"a": "b"}, "text/x"))

    def test_checksum_of_the_whole(self):
        self.append(0, b"12345", headers={"x-amz-checksum-crc32": self.crc(b"12345")})
        reply = self.check(
            self.append(5, b"6789", headers={"x-amz-checksum-crc32": self.crc(b"6789")}), 200
        )
        self.assertEqual(reply.headers["x-amz-checksum-crc32"], self.crc(b"123456789"))
        self.check(
            self.append(9, b"x", headers={"x-amz-checksum-crc32": self.crc(b"y")}), 400, "BadDigest"
        )
        self.assertEqual(self.body_of(self.b, "k"), b"123456789")

    def crc(self, data):
        return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()

    def test_one_of_many_appenders_wins(self):
        self.append(0, b"start")
        statuses = []
        threads = [
            threading.Thread(target=lambda: statuses.append(self.append(5, b"x").status))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [200] + [400] * 5)
        self.assertEqual(self.body_of(self.b, "k"), b"startx")

    # Renaming --------------------------------------------------------------------------------------------
    def rename(self, source, target, headers=None):
        headers = dict({"x-amz-rename-source": source}, **(headers or {}))
        return self.raw("PUT", f"/{self.b}/{target}", "renameObject", headers)

    def test_rename(self):
        body = noise(200_000, "rename")
        for source, written in (
            ("source", "source"),
            ("a b+c", "a%20b%2Bc"),
            ("source", "/{}/source"),
        ):
            with self.subTest(source=source):
                self.s3.put_object(Bucket=self.b, Key=source, Body=body, Metadata={"a": "b"})
                reply = self.check(self.rename(written.format(self.b), "target"), 200)
                self.assertEqual(reply.body, b"")
                got = self.s3.get_object(Bucket=self.b, Key="target")
                self.assertEqual(
                    (got["Body"].read(), got["ETag"], got["Metadata"]),
                    (body, md5_etag(body), {"a": "b"}),
                )
                self.fails(404, "404", self.s3.head_object, Bucket=self.b, Key=source)

    def test_rename_refused(self):
        self.check(self.rename("missing", "target"), 404, "NoSuchKey")
        self.check(self.rename("", "target"), 400)
        self.fill(self.b, ["source", "taken"])
        for headers, status in (
            ({"if-none-match": "*"}, 412),
            ({"if-match": md5_etag(b"other")}, 412),
            ({"x-amz-rename-source-if-match": md5_etag(b"other")}, 412),
            ({"x-amz-rename-source-if-none-match": md5_etag(b"source")}, 412),
        ):
            with self.subTest(headers=headers):
                self.check(self.rename("source", "taken", headers), status, "PreconditionFailed")
                self.assertEqual(
                    (self.body_of(self.b, "source"), self.body_of(self.b, "taken")),
                    (b"source", b"taken"),
                )
        headers = {
            "if-match": md5_etag(b"taken"),
            "x-amz-rename-source-if-match": md5_etag(b"source"),
        }
        self.check(self.rename("source", "taken", headers), 200)
        self.assertEqual(self.body_of(self.b, "taken"), b"source")

    def test_rename_again_with_the_same_token(self):
        self.fill(self.b, ["source"])
        token = {"x-amz-client-token": hashlib.md5(b"token").hexdigest()}
        self.check(self.rename("source", "target", token), 200)
        self.check(self.rename("source", "target", token), 200)
        self.check(self.rename("source", "elsewhere", token), 400, "IdempotencyParameterMismatch")


if __name__ == "__main__":
    main()
