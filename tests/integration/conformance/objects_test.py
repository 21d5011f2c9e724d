"""Objects: bodies, keys, metadata, the headers that come back, deletion one by one and in bulk."""

import base64
import datetime
import hashlib
import threading
import zlib

from conformance import Conformance, EMPTY_SHA256, md5_etag, noise, quote, main

DELETE = "<Delete>{}{}</Delete>"


class Objects(Conformance):
    def setUp(self):
        self.b = self.bucket()

    # Bodies ------------------------------------------------------------------------------------
    def test_write_read_overwrite_delete(self):
        for body in (b"bar", b"soup", b""):
            put = self.s3.put_object(Bucket=self.b, Key="k", Body=body)
            self.assertEqual(put["ETag"], md5_etag(body))
            self.assertEqual(self.body_of(self.b, "k"), body)
            self.assertEqual(
                self.s3.head_object(Bucket=self.b, Key="k")["ContentLength"], len(body)
            )
        self.assertEqual(self.status_of(self.s3.delete_object(Bucket=self.b, Key="k")), 204)
        self.fails(404, "NoSuchKey", self.s3.get_object, Bucket=self.b, Key="k")
        self.fails(404, "404", self.s3.head_object, Bucket=self.b, Key="k")
        self.assertEqual(self.status_of(self.s3.delete_object(Bucket=self.b, Key="k")), 204)

    def test_put_reply(self):
        reply = self.check(self.raw("PUT", f"/{self.b}/k", body=b"bar"), 200)
        self.assertEqual(reply.body, b"")
        self.assertEqual(reply.headers["content-length"], "0")
        self.assertEqual(reply.headers["etag"], md5_etag(b"bar"))
        self.assertNotIn("x-amz-version-id", reply.headers)
        self.assertRegex(reply.headers["x-amz-request-id"], "^[0-9A-F]{16}$")
        self.assertTrue(reply.headers["x-amz-id-2"])

    def test_get_reply(self):
        self.raw("PUT", f"/{self.b}/k", body=b"bar")
        for method in ("GET", "HEAD"):
            reply = self.check(self.raw(method, f"/{self.b}/k"), 200)
            self.assertEqual(reply.headers["content-length"], "3")
            self.assertEqual(reply.headers["accept-ranges"], "bytes")
            self.assertEqual(reply.headers["content-type"], "binary/octet-stream")
            self.assertEqual(reply.headers["etag"], md5_etag(b"bar"))
            self.assertRegex(
                reply.headers["last-modified"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$"
            )
            self.assertNotIn("x-amz-storage-class", reply.headers)
            self.assertNotIn("x-amz-mp-parts-count", reply.headers)
            self.assertNotIn("x-amz-version-id", reply.headers)
        self.assertEqual(reply.body, b"")

    def test_chunked_transfer_without_length(self):
        body = b"5\r\nhello\r\n0\r\n\r\n"
        reply = self.raw(
            "PUT",
            f"/{self.b}/chunked",
            headers={"transfer-encoding": "chunked"},
            body=body,
            payload="UNSIGNED-PAYLOAD",
        )
        if self.server.is_gateway:  # As S3 itself: what is passed on needs a length.
            self.check(reply, 411, "MissingContentLength")
            return
        self.check(reply, 200)
        self.assertEqual(self.body_of(self.b, "chunked"), b"hello")

    def test_digests(self):
        right = "N7UdGUp1E+RbVvZSTy1R8g=="
        for headers, status, code in (
            ({"content-md5": right}, 200, None),
            ({"content-md5": "rL0Y20xC+Fzt72VPzMSk2A=="}, 400, "BadDigest"),
            ({"content-md5": "tooshort"}, 400, "InvalidDigest"),
            ({"content-md5": "not base64 at all!!!!!!!"}, 400, "InvalidDigest"),
            ({"content-md5": ""}, 400, "InvalidDigest"),
            ({"x-amz-content-sha256": EMPTY_SHA256}, 400, "XAmzContentSHA256Mismatch"),
            ({"x-amz-content-sha256": "nonsense"}, 400, "InvalidArgument"),
        ):
            with self.subTest(headers=headers):
                self.check(
                    self.raw("PUT", f"/{self.b}/digest", headers=headers, body=b"bar"), status, code
                )
        self.assertEqual(self.body_of(self.b, "digest"), b"bar")

    def test_refused_bodies_leave_no_object(self):
        self.raw(
            "PUT",
            f"/{self.b}/none",
            headers={"content-md5": "rL0Y20xC+Fzt72VPzMSk2A=="},
            body=b"bar",
        )
        self.fails(404, "NoSuchKey", self.s3.get_object, Bucket=self.b, Key="none")

    def test_length_is_needed(self):
        self.check(
            self.raw("PUT", f"/{self.b}/k", keep=("content-length",), payload=EMPTY_SHA256),
            411,
            "MissingContentLength",
        )

    # Keys --------------------------------------------------------------------------------------
    def test_keys(self):
        keys = [
            "a//b",
            "./x",
            "../up",
            "a/../b",
            "//",
            "/lead",
            "trail/",
            "space and+plus",
            "%",
            "%25",
            "%2f",
            "unicode-äöü-☃-𝒳",
            "q?uery=1&x#frag",
            "tab\there",
            "new\nline",
            "\x01control",
            "~!@$^*()_-=:;'\",<>",
            "\\back",
            "{brace}",
            "a" * 1024,
            ".",
            "..",
            "ends with space ",
            "e\u0301 decomposed",
            "[x]",
            "`|",
        ]
        for key in keys:
            self.s3.put_object(Bucket=self.b, Key=key, Body=key.encode())
        for key in keys:
            with self.subTest(key=key[:40]):
                self.assertEqual(self.body_of(self.b, key), key.encode())
        listed = self.s3.list_objects_v2(Bucket=self.b)["Contents"]
        self.assertEqual([entry["Key"] for entry in listed], sorted(keys, key=str.encode))
        for key in keys:
            self.s3.delete_object(Bucket=self.b, Key=key)
        self.assertEqual(self.s3.list_objects_v2(Bucket=self.b)["KeyCount"], 0)

    def test_bad_keys(self):
        reply = self.check(
            self.raw("PUT", f"/{self.b}/" + "k" * 1025, body=b"x"), 400, "KeyTooLongError"
        )
        self.assertEqual(reply.text("MaxSizeAllowed"), "1024")
        self.assertEqual(reply.text("Size"), "1025")
        for path in ("%ff", "%c3", "a%00b"):
            with self.subTest(path=path):
                self.assertEqual(self.raw("PUT", f"/{self.b}/{path}", body=b"x").status, 400)

    def test_a_directory_is_not_its_name_without_slash(self):
        self.fill(self.b, ["dir/"])
        self.check(self.raw("HEAD", f"/{self.b}/dir"), 404)
        self.check(self.raw("HEAD", f"/{self.b}/dir/"), 200)

    # Metadata ----------------------------------------------------------------------------------
    def test_standard_headers(self):
        expires = datetime.datetime(2031, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
        self.s3.put_object(
            Bucket=self.b,
            Key="k",
            Body=b"bar",
            CacheControl="public, max-age=14400",
            ContentDisposition='attachment; filename="a.txt"',
            ContentEncoding="gzip",
            ContentLanguage="de, en",
            ContentType="text/plain; charset=utf-8",
            Expires=expires,
            WebsiteRedirectLocation="/else",
        )
        for call in (self.s3.get_object, self.s3.head_object):
            reply = call(Bucket=self.b, Key="k")
            self.assertEqual(reply["CacheControl"], "public, max-age=14400")
            self.assertEqual(reply["ContentDisposition"], 'attachment; filename="a.txt"')
            self.assertEqual(reply["ContentEncoding"], "gzip")
            self.assertEqual(reply["ContentLanguage"], "de, en")
            self.assertEqual(reply["ContentType"], "text/plain; charset=utf-8")
            self.assertEqual(reply["Expires"], expires)
            self.assertEqual(reply["WebsiteRedirectLocation"], "/else")

    def test_expires_is_kept_as_it_was_written(self):
        self.raw("PUT", f"/{self.b}/k", headers={"expires": "tomorrow morning"}, body=b"x")
        self.assertEqual(self.raw("HEAD", f"/{self.b}/k").headers["expires"], "tomorrow morning")

    def test_aws_chunked_is_not_stored(self):
        for sent, kept in (
            ("aws-chunked", None),
            ("aws-chunked,gzip", "gzip"),
            ("gzip, aws-chunked", "gzip"),
            ("gzip,br", "gzip,br"),
            ("aws-chunked, gzip, br", "gzip,br"),
        ):
            with self.subTest(sent=sent):
                self.check(
                    self.raw("PUT", f"/{self.b}/k", headers={"content-encoding": sent}, body=b"x"),
                    200,
                )
                got = self.raw("HEAD", f"/{self.b}/k").headers.get("content-encoding")
                self.assertEqual(got and got.replace(" ", ""), kept)

    def test_user_metadata(self):
        self.s3.put_object(
            Bucket=self.b, Key="k", Body=b"x", Metadata={"Mixed-Case": "V 1", "empty": "", "n": "2"}
        )
        self.assertEqual(
            self.s3.head_object(Bucket=self.b, Key="k")["Metadata"],
            {"mixed-case": "V 1", "empty": "", "n": "2"},
        )
        self.s3.put_object(Bucket=self.b, Key="k", Body=b"x")
        self.assertEqual(self.s3.head_object(Bucket=self.b, Key="k")["Metadata"], {})

    def test_metadata_outside_ascii(self):
        for value in (
            "Hello World\u00e9".encode("latin-1"),
            "Hello World\u00e9".encode(),
            "\u2603".encode(),
        ):
            with self.subTest(value=value):
                self.check(
                    self.raw("PUT", f"/{self.b}/k", headers={"x-amz-meta-m": value}, body=b"x"), 200
                )
                got = self.raw("GET", f"/{self.b}/k").headers["x-amz-meta-m"]
                self.assertEqual(got.encode("latin-1"), value)

    def test_metadata_too_large(self):
        self.check(
            self.raw("PUT", f"/{self.b}/k", headers={"x-amz-meta-a": "x" * 2047}, body=b"x"), 200
        )
        self.check(
            self.raw("PUT", f"/{self.b}/k2", headers={"x-amz-meta-a": "x" * 2048}, body=b"x"),
            400,
            "MetadataTooLarge",
        )

    def test_storage_classes(self):
        for name in (
            "STANDARD_IA",
            "ONEZONE_IA",
            "INTELLIGENT_TIERING",
            "REDUCED_REDUNDANCY",
            "GLACIER_IR",
        ):
            self.s3.put_object(Bucket=self.b, Key="k", Body=b"x", StorageClass=name)
            self.assertEqual(self.s3.head_object(Bucket=self.b, Key="k")["StorageClass"], name)
            self.assertEqual(
                self.s3.list_objects_v2(Bucket=self.b)["Contents"][0]["StorageClass"], name
            )
        self.check(
            self.raw("PUT", f"/{self.b}/k", headers={"x-amz-storage-class": "CHEAP"}, body=b"x"),
            400,
            "InvalidStorageClass",
        )

    # Overrides of a GET ------------------------------------------------------------------------
    OVERRIDES = (
        ("cache-control", "no-cache"),
        ("content-disposition", "bla"),
        ("content-encoding", "aaa"),
        ("content-language", "esperanto"),
        ("content-type", "foo/bar"),
        ("expires", "Thu, 01 Dec 1994 16:00:00 GMT"),
    )

    def test_response_overrides(self):
        self.fill(self.b, ["k"])
        query = "&".join(f"response-{name}={quote(value)}" for name, value in self.OVERRIDES)
        for method in ("GET", "HEAD"):
            reply = self.check(self.raw(method, f"/{self.b}/k", query), 200)
            for name, value in self.OVERRIDES:
                self.assertEqual(reply.headers[name], value)

    # Bulk deletion -----------------------------------------------------------------------------
    def delete(self, body, headers=None, bucket=None):
        body = body.encode()
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        headers = {"content-md5": md5} if headers is None else headers
        return self.raw("POST", f"/{bucket or self.b}", "delete", headers, body)

    def test_delete_objects(self):
        self.fill(self.b, ["a", "b", "<&>\"'", "ä"])
        names = "".join(
            f"<Object><Key>{key}</Key></Object>"
            for key in ("a", "b", "missing", "&lt;&amp;&gt;&quot;'", "ä")
        )
        reply = self.check(self.delete(DELETE.format("", names)), 200)
        self.assertEqual(
            sorted(reply.texts("Deleted/Key")), sorted(["a", "b", "missing", "<&>\"'", "ä"])
        )
        self.assertEqual(self.s3.list_objects_v2(Bucket=self.b)["KeyCount"], 0)

    def test_delete_objects_quietly(self):
        self.fill(self.b, ["a"])
        reply = self.check(
            self.delete(DELETE.format("<Quiet>true</Quiet>", "<Object><Key>a</Key></Object>")), 200
        )
        self.assertEqual(reply.texts("Deleted"), [])
        self.fails(404, "NoSuchKey", self.s3.get_object, Bucket=self.b, Key="a")

    def test_delete_objects_refuses(self):
        one = "<Object><Key>a</Key></Object>"
        for body, status, code in (
            ("<Delete></Delete>", 400, "MalformedXML"),
            ("<Delete><Object/></Delete>", 400, "MalformedXML"),
            ("", 400, None),
            ("nonsense", 400, "MalformedXML"),
            (DELETE.format("", one * 1001), 400, "MalformedXML"),
        ):
            with self.subTest(body=body[:60]):
                self.check(self.delete(body), status, code)
        self.check(self.delete(DELETE.format("", one), headers={}), 400, "InvalidRequest")
        self.check(
            self.delete(
                DELETE.format("", one), headers={"content-md5": "rL0Y20xC+Fzt72VPzMSk2A=="}
            ),
            400,
            "BadDigest",
        )
        self.check(
            self.delete(DELETE.format("", one), bucket="missing-bucket"), 404, "NoSuchBucket"
        )

    def test_delete_objects_takes_a_checksum_in_place_of_md5(self):
        body = DELETE.format("", "<Object><Key>a</Key></Object>")
        crc = base64.b64encode(zlib.crc32(body.encode()).to_bytes(4, "big")).decode()
        self.check(self.delete(body, {"x-amz-checksum-crc32": crc}), 200)
        self.check(self.delete(body, {"x-amz-checksum-crc32": "AAAAAA=="}), 400, "BadDigest")

    def test_delete_a_thousand(self):
        self.fill(self.b, ["real"])
        keys = [{"Key": "real"}] + [{"Key": f"key-{number}"} for number in range(999)]
        self.assertEqual(
            len(self.s3.delete_objects(Bucket=self.b, Delete={"Objects": keys})["Deleted"]), 1000
        )

    # Several at once ---------------------------------------------------------------------------
    def test_readers_see_old_or_new(self):
        bodies = [noise(300_000, 1), noise(300_000, 2)]
        self.s3.put_object(Bucket=self.b, Key="k", Body=bodies[0])
        stop, seen = threading.Event(), []

        def write():
            client = self.server.boto3_client()
            for turn in range(20):
                client.put_object(Bucket=self.b, Key="k", Body=bodies[turn % 2])
            stop.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not stop.is_set():
            reply = self.s3.get_object(Bucket=self.b, Key="k")
            body = reply["Body"].read()
            seen.append((body, reply["ETag"]))
        writer.join()
        for body, etag in seen:
            self.assertEqual(md5_etag(body), etag)
            self.assertIn(body, bodies)


if __name__ == "__main__":
    main()
