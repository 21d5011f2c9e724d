"""Uploads in parts: creation, parts, completion, abortion, lists of parts and of uploads, parts by copy."""

import hashlib
import threading

from conformance import PART, Conformance, XMLNS, md5_etag, noise, main


def complete_body(parts):
    return (
        "<CompleteMultipartUpload>"
        + "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in parts
        )
        + "</CompleteMultipartUpload>"
    ).encode()


def parts_etag(*bodies):
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(bodies)}"'


class Multipart(Conformance):
    def setUp(self):
        self.b = self.bucket()

    def create(self, key="k", **arguments):
        return self.s3.create_multipart_upload(Bucket=self.b, Key=key, **arguments)["UploadId"]

    def part(self, upload, number, body, key="k"):
        return self.s3.upload_part(
            Bucket=self.b, Key=key, UploadId=upload, PartNumber=number, Body=body
        )["ETag"]

    def complete(self, upload, parts, key="k", headers=None):
        return self.raw(
            "POST", f"/{self.b}/{key}", "uploadId=" + upload, headers, complete_body(parts)
        )

    # The way of an upload ------------------------------------------------------------------------
    def test_upload(self):
        bodies = [noise(PART, 1), noise(PART, 2), noise(100, 3)]
        reply = self.check(
            self.raw(
                "POST", f"/{self.b}/k", "uploads", {"content-type": "text/x", "x-amz-meta-a": "b"}
            ),
            200,
        )
        self.assertEqual(reply.xml().tag, XMLNS + "InitiateMultipartUploadResult")
        self.assertEqual((reply.text("Bucket"), reply.text("Key")), (self.b, "k"))
        upload = reply.text("UploadId")
        parts = [(number, self.part(upload, number, body)) for number, body in enumerate(bodies, 1)]
        self.assertEqual([etag for _, etag in parts], [md5_etag(body) for body in bodies])
        self.fails(404, "NoSuchKey", self.s3.get_object, Bucket=self.b, Key="k")
        reply = self.check(self.complete(upload, parts), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "CompleteMultipartUploadResult")
        self.assertEqual((reply.text("Bucket"), reply.text("Key")), (self.b, "k"))
        self.assertEqual(reply.text("ETag"), parts_etag(*bodies))
        self.assertTrue(reply.text("Location").endswith(f"/{self.b}/k"))
        got = self.s3.get_object(Bucket=self.b, Key="k")
        self.assertEqual(got["Body"].read(), b"".join(bodies))
        self.assertEqual(
            (got["ETag"], got["ContentType"], got["Metadata"]),
            (parts_etag(*bodies), "text/x", {"a": "b"}),
        )
        self.assertEqual(
            self.s3.list_objects_v2(Bucket=self.b)["Contents"][0]["ETag"], parts_etag(*bodies)
        )

    def test_create_without_length(self):
        reply = self.raw("POST", f"/{self.b}/k", "uploads", keep=("content-length",))
        self.check(reply, 200)

    def test_etags_in_any_dress(self):
        body = noise(10, 1)
        plain = hashlib.md5(body).hexdigest()
        for etag in (plain, f'"{plain}"', f"&quot;{plain}&quot;"):
            with self.subTest(etag=etag):
                upload = self.create()
                self.part(upload, 1, body)
                self.check(self.complete(upload, [(1, etag)]), 200)

    def test_numbers_with_gaps_and_a_subset(self):
        upload = self.create()
        bodies = {number: noise(PART, number) for number in (3, 500)} | {
            10000: b"last",
            7: b"left out",
        }
        etags = {number: self.part(upload, number, body) for number, body in bodies.items()}
        self.check(
            self.complete(upload, [(number, etags[number]) for number in (3, 500, 10000)]), 200
        )
        self.assertEqual(self.body_of(self.b, "k"), bodies[3] + bodies[500] + b"last")

    def test_a_part_is_replaced(self):
        upload = self.create()
        old = self.part(upload, 1, b"old")
        new = self.part(upload, 1, b"new")
        self.check(self.complete(upload, [(1, old)]), 400, "InvalidPart")
        self.check(self.complete(upload, [(1, new)]), 200)
        self.assertEqual(self.body_of(self.b, "k"), b"new")

    def test_complete_again(self):
        upload = self.create()
        parts = [(1, self.part(upload, 1, b"x"))]
        first = self.check(self.complete(upload, parts), 200)
        again = self.check(self.complete(upload, parts), 200)
        self.assertEqual(first.text("ETag"), again.text("ETag"))

    def test_completes_side_by_side(self):
        upload = self.create()
        parts = [(1, self.part(upload, 1, b"x"))]
        replies = []
        threads = [
            threading.Thread(target=lambda: replies.append(self.complete(upload, parts)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([reply.status for reply in replies], [200] * 4, replies)

    def test_overwrite_while_an_upload_is_under_way(self):
        upload = self.create()
        parts = [(1, self.part(upload, 1, b"parts"))]
        self.fill(self.b, ["k"])
        self.check(self.complete(upload, parts), 200)
        self.assertEqual(self.body_of(self.b, "k"), b"parts")

    # What completion refuses -----------------------------------------------------------------------
    def test_complete_refuses(self):
        upload = self.create()
        one, two = self.part(upload, 1, noise(PART, 1)), self.part(upload, 2, b"small")
        for parts, status, code in (
            ([(2, two), (1, one)], 400, "InvalidPartOrder"),
            ([(1, one), (1, one)], 400, "InvalidPartOrder"),
            ([(1, one), (3, two)], 400, "InvalidPart"),
            ([(1, two)], 400, "InvalidPart"),
            ([(1, '"ffffffffffffffffffffffffffffffff"')], 400, "InvalidPart"),
            ([], 400, "MalformedXML"),
            ([(0, one)], 400, None),
            ([(10001, one)], 400, None),
        ):
            with self.subTest(parts=parts):
                self.check(self.complete(upload, parts), status, code)
        part = "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>"
        whole = "<CompleteMultipartUpload>{}</CompleteMultipartUpload>"
        for body in (b"", b"nonsense", b"<Other/>", whole.format(part.format("x", one)).encode()):
            with self.subTest(body=body):
                self.check(
                    self.raw("POST", f"/{self.b}/k", "uploadId=" + upload, body=body),
                    400,
                    "MalformedXML",
                )
        self.check(self.complete(upload, [(1, one), (2, two)]), 200)

    def test_small_parts(self):
        upload = self.create()
        parts = [(1, self.part(upload, 1, b"tiny")), (2, self.part(upload, 2, b"last"))]
        reply = self.check(self.complete(upload, parts), 400, "EntityTooSmall")
        self.assertEqual(reply.text("MinSizeAllowed"), "5242880")
        self.assertEqual(reply.text("ProposedSize"), "4")
        self.assertEqual(reply.text("PartNumber"), "1")

    def test_size_of_the_whole(self):
        upload = self.create()
        parts = [(1, self.part(upload, 1, b"four"))]
        self.check(
            self.complete(upload, parts, headers={"x-amz-mp-object-size": "5"}),
            400,
            "InvalidRequest",
        )
        self.check(self.complete(upload, parts, headers={"x-amz-mp-object-size": "4"}), 200)

    def test_unknown_uploads(self):
        upload = self.create()
        for method, query, body in (
            ("PUT", "partNumber=1&uploadId={}", b"x"),
            ("GET", "uploadId={}", b""),
            ("DELETE", "uploadId={}", b""),
            ("POST", "uploadId={}", complete_body([(1, md5_etag(b"x"))])),
        ):
            for path, wrong in ((f"/{self.b}/k", "nosuchupload"), (f"/{self.b}/other-key", upload)):
                with self.subTest(method=method, path=path):
                    self.check(
                        self.raw(method, path, query.format(wrong), body=body), 404, "NoSuchUpload"
                    )

    def test_part_numbers(self):
        upload = self.create()
        for number, status in (
            ("0", 400),
            ("-1", 400),
            ("10001", 400),
            ("x", 400),
            ("1", 200),
            ("10000", 200),
        ):
            with self.subTest(number=number):
                reply = self.raw(
                    "PUT", f"/{self.b}/k", f"partNumber={number}&uploadId={upload}", body=b"x"
                )
                self.check(reply, status, "InvalidArgument" if status == 400 else None)

    def test_digest_of_a_part(self):
        upload = self.create()
        query = f"partNumber=1&uploadId={upload}"
        self.check(
            self.raw(
                "PUT", f"/{self.b}/k", query, {"content-md5": "rL0Y20xC+Fzt72VPzMSk2A=="}, b"bar"
            ),
            400,
            "BadDigest",
        )

    def test_abort(self):
        upload = self.create()
        etag = self.part(upload, 1, b"x")
        self.check(self.raw("DELETE", f"/{self.b}/k", "uploadId=" + upload), 204)
        self.check(self.complete(upload, [(1, etag)]), 404, "NoSuchUpload")
        self.check(self.raw("DELETE", f"/{self.b}/k", "uploadId=" + upload), 404, "NoSuchUpload")
        self.assertNotIn("Uploads", self.s3.list_multipart_uploads(Bucket=self.b))

    # Lists -----------------------------------------------------------------------------------------
    def test_list_parts(self):
        upload = self.create(StorageClass="STANDARD_IA")
        etags = [self.part(upload, number, b"p%d" % number) for number in range(1, 6)]
        reply = self.check(self.raw("GET", f"/{self.b}/k", "uploadId=" + upload), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "ListPartsResult")
        self.assertEqual(reply.texts("Part/PartNumber"), ["1", "2", "3", "4", "5"])
        self.assertEqual(reply.texts("Part/ETag"), etags)
        self.assertEqual(reply.texts("Part/Size"), ["2"] * 5)
        self.assertEqual(
            (
                reply.text("StorageClass"),
                reply.text("MaxParts"),
                reply.text("IsTruncated"),
                reply.text("UploadId"),
            ),
            ("STANDARD_IA", "1000", "false", upload),
        )
        self.assertTrue(reply.text("Owner/ID"))
        self.assertTrue(reply.text("Initiator/ID"))
        page = self.s3.list_parts(Bucket=self.b, Key="k", UploadId=upload, MaxParts=2)
        self.assertEqual(
            (page["IsTruncated"], page["NextPartNumberMarker"], page["MaxParts"]), (True, 2, 2)
        )
        page = self.s3.list_parts(Bucket=self.b, Key="k", UploadId=upload, PartNumberMarker=4)
        self.assertEqual([part["PartNumber"] for part in page["Parts"]], [5])
        for query in ("max-parts=-1", "max-parts=x", "part-number-marker=x"):
            with self.subTest(query=query):
                self.check(
                    self.raw("GET", f"/{self.b}/k", f"{query}&uploadId={upload}"),
                    400,
                    "InvalidArgument",
                )

    def test_list_uploads(self):
        uploads = sorted(
            [(key, self.create(key)) for key in ("a/1", "a/2", "b", "b", "c d")],
            key=lambda pair: pair[0],
        )
        reply = self.check(self.raw("GET", "/" + self.b, "uploads"), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "ListMultipartUploadsResult")
        self.assertEqual(reply.texts("Upload/Key"), ["a/1", "a/2", "b", "b", "c d"])
        self.assertEqual(
            sorted(reply.texts("Upload/UploadId")), sorted(upload for _, upload in uploads)
        )
        self.assertEqual(reply.text("IsTruncated"), "false")
        reply = self.check(self.raw("GET", "/" + self.b, "uploads&delimiter=/&prefix="), 200)
        self.assertEqual(reply.texts("CommonPrefixes/Prefix"), ["a/"])
        self.assertEqual(reply.texts("Upload/Key"), ["b", "b", "c d"])
        reply = self.raw("GET", "/" + self.b, "uploads&prefix=c%20&encoding-type=url")
        self.assertEqual(
            (reply.texts("Upload/Key"), reply.text("Prefix"), reply.text("EncodingType")),
            (["c%20d"], "c%20", "url"),
        )
        self.assertEqual(
            self.raw("GET", "/" + self.b, "uploads&key-marker=a/2").texts("Upload/Key"),
            ["b", "b", "c d"],
        )
        found, step = [], ""
        while step is not None:
            reply = self.check(self.raw("GET", "/" + self.b, "uploads&max-uploads=2" + step), 200)
            found += list(zip(reply.texts("Upload/Key"), reply.texts("Upload/UploadId")))
            step = None
            if reply.text("IsTruncated") == "true":
                step = (
                    f"&key-marker={reply.text('NextKeyMarker').replace(' ', '%20')}"
                    f"&upload-id-marker={reply.text('NextUploadIdMarker')}"
                )
        self.assertEqual(sorted(found), sorted(uploads))

    def test_list_uploads_refuses(self):
        for query in ("max-uploads=-1", "max-uploads=x", "encoding-type=base64"):
            with self.subTest(query=query):
                self.check(
                    self.raw("GET", "/" + self.b, "uploads&" + query), 400, "InvalidArgument"
                )

    def test_upload_id_markers(self):
        b = self.bucket()
        ids = [
            self.s3.create_multipart_upload(Bucket=b, Key=key)["UploadId"] for key in ("a", "a", "b")
        ]
        pages = "uploads&key-marker=a&upload-id-marker="
        reply = self.check(self.raw("GET", "/" + b, pages + ids[0]), 200)
        self.assertEqual(reply.texts("Upload/UploadId"), ids[1:])
        self.assertEqual(reply.text("UploadIdMarker"), ids[0])
        # Clients abort what a page showed, the marker's upload too, and go on.
        self.s3.abort_multipart_upload(Bucket=b, Key="a", UploadId=ids[0])
        reply = self.check(self.raw("GET", "/" + b, pages + ids[0]), 200)
        self.assertEqual(reply.texts("Upload/UploadId"), ids[1:])
        self.check(self.raw("GET", "/" + b, pages + "nonsense"), 400, "InvalidArgument")
        # Without the key it belongs to it is neither looked at nor told.
        reply = self.check(self.raw("GET", "/" + b, "uploads&upload-id-marker=nonsense"), 200)
        self.assertEqual(reply.texts("Upload/UploadId"), ids[1:])
        self.assertEqual(reply.text("UploadIdMarker"), "")

    # Parts by copy -----------------------------------------------------------------------------------
    def copy_part(self, upload, number, source, part_range=None, key="k"):
        headers = {"x-amz-copy-source": source}
        if part_range is not None:
            headers["x-amz-copy-source-range"] = part_range
        return self.raw(
            "PUT", f"/{self.b}/{key}", f"partNumber={number}&uploadId={upload}", headers
        )

    def test_parts_by_copy(self):
        source = noise(PART + 1000, "source")
        self.s3.put_object(Bucket=self.b, Key="a source+1", Body=source)
        upload = self.create()
        first = self.check(
            self.copy_part(upload, 1, f"/{self.b}/a%20source%2B1", f"bytes=0-{PART - 1}"), 200
        )
        self.assertEqual(first.xml().tag, XMLNS + "CopyPartResult")
        self.assertEqual(first.text("ETag"), md5_etag(source[:PART]))
        self.assertTrue(first.text("LastModified"))
        second = self.check(self.copy_part(upload, 2, f"{self.b}/a%20source%2B1"), 200)
        self.check(self.complete(upload, [(1, first.text("ETag")), (2, second.text("ETag"))]), 200)
        self.assertEqual(self.body_of(self.b, "k"), source[:PART] + source)

    def test_parts_by_copy_refuse(self):
        self.s3.put_object(Bucket=self.b, Key="source", Body=b"0123456789")
        upload = self.create()
        for text in (
            "bytes=0-10",
            "bytes=100-200",
            "0-3",
            "bytes=-3",
            "bytes=3-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "bytes=hello-world",
            "lines=0-3",
            "",
        ):
            with self.subTest(range=text):
                reply = self.check(self.copy_part(upload, 1, f"/{self.b}/source", text), 400)
                self.assertIn(reply.code(), ("InvalidArgument", "InvalidRange"))
        self.check(self.copy_part(upload, 1, f"/{self.b}/missing"), 404, "NoSuchKey")
        self.check(self.copy_part(upload, 1, "/missing-bucket/source"), 404, "NoSuchBucket")
        self.check(self.copy_part("nosuchupload", 1, f"/{self.b}/source"), 404, "NoSuchUpload")


if __name__ == "__main__":
    main()
