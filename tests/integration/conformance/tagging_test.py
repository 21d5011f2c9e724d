"""Tags of buckets and objects: documents, headers, limits, what reads tell of them."""

from conformance import Conformance, quote, main


def document(tags):
    return (
        "<Tagging><TagSet>"
        + "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags)
        + "</TagSet></Tagging>"
    ).encode()


def many(count):
    return [(f"k{number}", f"v{number}") for number in range(count)]


class Tagging(Conformance):
    def setUp(self):
        self.b = self.bucket()
        self.s3.put_object(Bucket=self.b, Key="k", Body=b"x")

    def tags(self, path):
        reply = self.check(self.raw("GET", path, "tagging"), 200)
        return sorted(zip(reply.texts("TagSet/Tag/Key"), reply.texts("TagSet/Tag/Value")))

    # Documents -----------------------------------------------------------------------------------
    def test_round_trip(self):
        for path, status in ((f"/{self.b}", 204), (f"/{self.b}/k", 200)):
            for tags in (
                [("a", "1")],
                [("Hello", ""), ("ä", "ö ü"), ("a b+c-d=e._:/@", "v=.:/@ +")],
                many(10),
            ):
                with self.subTest(path=path, tags=tags):
                    self.check(self.raw("PUT", path, "tagging", body=document(tags)), status)
                    self.assertEqual(self.tags(path), sorted(tags))
            self.check(self.raw("DELETE", path, "tagging"), 204)
        self.check(self.raw("GET", f"/{self.b}", "tagging"), 404, "NoSuchTagSet")
        self.assertEqual(self.tags(f"/{self.b}/k"), [])

    def test_limits(self):
        for path, most in ((f"/{self.b}", 50), (f"/{self.b}/k", 10)):
            for tags, good in (
                (many(most), True),
                (many(most + 1), False),
                ([("k" * 128, "v" * 256)], True),
                ([("k" * 129, "v")], False),
                ([("k", "v" * 257)], False),
                ([("ä" * 128, "ö" * 256)], True),
                ([("twice", "1"), ("twice", "2")], False),
                ([("", "v")], False),
                ([("aws:reserved", "v")], False),
                ([("bad{brace}", "v")], False),
                ([("k", "bad*star")], False),
            ):
                with self.subTest(path=path, tags=str(tags)[:60]):
                    reply = self.raw("PUT", path, "tagging", body=document(tags))
                    if good:
                        self.assertIn(reply.status, (200, 204), reply)
                    else:
                        self.check(reply, 400)
                        self.assertIn(reply.code(), ("InvalidTag", "BadRequest"))

    def test_malformed(self):
        for path in (f"/{self.b}", f"/{self.b}/k"):
            for body in (
                b"<Tagging>",
                b"nonsense",
                b"<Other/>",
                b"<Tagging/>",
                b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
                b"<Tagging><TagSet><Tag><Value>a</Value></Tag></TagSet></Tagging>",
            ):
                with self.subTest(path=path, body=body):
                    self.check(self.raw("PUT", path, "tagging", body=body), 400, "MalformedXML")

    def test_missing_object(self):
        self.check(self.raw("GET", f"/{self.b}/missing", "tagging"), 404, "NoSuchKey")
        self.check(
            self.raw("PUT", f"/{self.b}/missing", "tagging", body=document(many(1))),
            404,
            "NoSuchKey",
        )
        self.check(self.raw("DELETE", f"/{self.b}/missing", "tagging"), 404, "NoSuchKey")

    # Headers -------------------------------------------------------------------------------------
    def test_header(self):
        for text, tags in (
            ("a=1&b=2", [("a", "1"), ("b", "2")]),
            ("a=1", [("a", "1")]),
            ("empty=", [("empty", "")]),
            ("noequals", [("noequals", "")]),
            ("a%20b=c%2Bd", [("a b", "c+d")]),
            ("a+b=c", [("a b", "c")]),
            (quote("ä") + "=" + quote("ö"), [("ä", "ö")]),
            ("", []),
        ):
            with self.subTest(text=text):
                self.check(
                    self.raw("PUT", f"/{self.b}/h", headers={"x-amz-tagging": text}, body=b"x"), 200
                )
                self.assertEqual(self.tags(f"/{self.b}/h"), tags)
                count = self.raw("HEAD", f"/{self.b}/h").headers.get("x-amz-tagging-count")
                self.assertEqual(count, str(len(tags)) if tags else None)

    def test_header_refused(self):
        eleven = "&".join(f"{key}={value}" for key, value in many(11))
        for text in (eleven, "a=1&a=2", "=v", "a=" + "v" * 257, "k" * 129 + "=v", "a=%zz", "a={"):
            with self.subTest(text=text[:40]):
                reply = self.raw(
                    "PUT", f"/{self.b}/bad", headers={"x-amz-tagging": text}, body=b"x"
                )
                self.check(reply, 400)
                self.assertIn(reply.code(), ("InvalidTag", "BadRequest", "InvalidArgument"))

    def test_header_with_an_empty_key_is_not_well_formed(self):
        for text in ("=", "=v", "a=1&=2"):
            with self.subTest(text=text):
                reply = self.raw(
                    "PUT", f"/{self.b}/bad", headers={"x-amz-tagging": text}, body=b"x"
                )
                self.check(reply, 400, "InvalidArgument")

    def test_an_overwrite_drops_tags(self):
        self.raw("PUT", f"/{self.b}/k", "tagging", body=document(many(2)))
        self.raw("PUT", f"/{self.b}/k", body=b"new")
        self.assertEqual(self.tags(f"/{self.b}/k"), [])

    def test_tagging_changes_neither_body_nor_time(self):
        before = self.raw("HEAD", f"/{self.b}/k").headers
        self.raw("PUT", f"/{self.b}/k", "tagging", body=document(many(2)))
        after = self.raw("HEAD", f"/{self.b}/k").headers
        for name in ("etag", "last-modified", "content-length"):
            self.assertEqual(before[name], after[name])
        self.assertEqual(after["x-amz-tagging-count"], "2")

    def test_of_an_upload_in_parts(self):
        upload = self.s3.create_multipart_upload(Bucket=self.b, Key="m", Tagging="a=1")["UploadId"]
        etag = self.s3.upload_part(
            Bucket=self.b, Key="m", UploadId=upload, PartNumber=1, Body=b"x"
        )["ETag"]
        self.s3.complete_multipart_upload(
            Bucket=self.b,
            Key="m",
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
        )
        self.assertEqual(self.tags(f"/{self.b}/m"), [("a", "1")])


if __name__ == "__main__":
    main()
