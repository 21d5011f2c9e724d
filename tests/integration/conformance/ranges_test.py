"""Range and partNumber of GET and HEAD."""

from conformance import PART, Conformance, md5_etag, noise, main

BODY = noise(100, "ranges")
# Range header, first and last byte that come back (None: the whole body with 200; 416: refused).
RANGES = (
    ("bytes=0-0", (0, 0)),
    ("bytes=4-7", (4, 7)),
    ("bytes=0-99", (0, 99)),
    ("bytes=0-100", (0, 99)),
    ("bytes=0-999999", (0, 99)),
    ("bytes=0-", (0, 99)),
    ("bytes=99-", (99, 99)),
    ("bytes=50-", (50, 99)),
    ("bytes=-1", (99, 99)),
    ("bytes=-7", (93, 99)),
    ("bytes=-100", (0, 99)),
    ("bytes=-101", (0, 99)),
    ("bytes=00-01", (0, 1)),
    ("bytes=99-99", (99, 99)),
    ("bytes=99-18446744073709551615", (99, 99)),
    ("bytes=100-", 416),
    ("bytes=100-110", 416),
    ("bytes=999-", 416),
    ("bytes=-0", 416),
    ("bytes=0-1,3-4", None),
    ("bytes=5-2", None),
    ("bytes=", None),
    ("bytes=-", None),
    ("bytes", None),
    ("lines=0-3", None),
    ("bytes=a-b", None),
    ("bytes=1", None),
    ("bytes=0-x", None),
    ("0-3", None),
    ("bytes=--1", None),
    ("bytes 0-3", None),
    ("", None),
)


class Ranges(Conformance):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.b = "ranges"
        cls.s3.create_bucket(Bucket=cls.b)
        cls.s3.put_object(Bucket=cls.b, Key="k", Body=BODY)
        cls.s3.put_object(Bucket=cls.b, Key="empty", Body=b"")
        cls.parts = [noise(PART, "part 1"), noise(PART + 7, "part 2"), noise(333, "part 3")]
        upload = cls.s3.create_multipart_upload(Bucket=cls.b, Key="parts")["UploadId"]
        done = [
            {
                "PartNumber": number,
                "ETag": cls.s3.upload_part(
                    Bucket=cls.b, Key="parts", UploadId=upload, PartNumber=number, Body=body
                )["ETag"],
            }
            for number, body in zip((1, 2, 3), cls.parts)
        ]
        cls.whole = b"".join(cls.parts)
        cls.etag = cls.s3.complete_multipart_upload(
            Bucket=cls.b, Key="parts", UploadId=upload, MultipartUpload={"Parts": done}
        )["ETag"]

    def test_ranges(self):
        for method in ("GET", "HEAD"):
            for text, expected in RANGES:
                with self.subTest(method=method, range=text):
                    reply = self.raw(method, "/ranges/k", headers={"range": text})
                    if expected == 416:
                        self.assertEqual(reply.status, 416)
                        self.assertEqual(reply.headers["content-range"], "bytes */100")
                        if method == "GET":
                            self.assertEqual(reply.code(), "InvalidRange")
                            self.assertEqual(reply.text("ActualObjectSize"), "100")
                            self.assertEqual(reply.text("RangeRequested"), text)
                        continue
                    first, last = expected or (0, 99)
                    self.assertEqual(reply.status, 206 if expected else 200)
                    self.assertEqual(reply.headers["content-length"], str(last - first + 1))
                    self.assertEqual(
                        reply.headers.get("content-range"),
                        f"bytes {first}-{last}/100" if expected else None,
                    )
                    self.assertEqual(reply.headers["etag"], md5_etag(BODY))
                    if method == "GET":
                        self.assertEqual(reply.body, BODY[first : last + 1])

    def test_ranges_of_an_empty_object(self):
        for text, status in (
            ("bytes=0-", 416),
            ("bytes=0-10", 416),
            ("bytes=1-2", 416),
            ("bytes=-1", 200),
            ("bytes=-40", 200),
            ("", 200),
        ):
            with self.subTest(range=text):
                reply = self.check(
                    self.raw("GET", "/ranges/empty", headers={"range": text}), status
                )
                if status == 200:
                    self.assertEqual(reply.body, b"")
                    self.assertNotIn("content-range", reply.headers)

    def test_ranges_across_parts(self):
        size = len(self.whole)
        for first, last in (
            (PART - 3, PART + 3),
            (0, 0),
            (size - 5, size - 1),
            (PART, 2 * PART + 6),
            (2 * PART + 6, 2 * PART + 7),
            (3, size - 4),
        ):
            with self.subTest(first=first, last=last):
                reply = self.check(
                    self.raw("GET", "/ranges/parts", headers={"range": f"bytes={first}-{last}"}),
                    206,
                )
                self.assertEqual(reply.body, self.whole[first : last + 1])
                self.assertEqual(reply.headers["content-range"], f"bytes {first}-{last}/{size}")

    # Parts -------------------------------------------------------------------------------------
    def test_part_numbers(self):
        size, first = len(self.whole), 0
        for number, body in enumerate(self.parts, 1):
            for method in ("GET", "HEAD"):
                with self.subTest(part=number, method=method):
                    reply = self.check(
                        self.raw(method, "/ranges/parts", f"partNumber={number}"), 206
                    )
                    self.assertEqual(
                        reply.headers["content-range"],
                        f"bytes {first}-{first + len(body) - 1}/{size}",
                    )
                    self.assertEqual(reply.headers["content-length"], str(len(body)))
                    self.assertEqual(reply.headers["x-amz-mp-parts-count"], "3")
                    self.assertEqual(reply.headers["etag"], self.etag)
                    if method == "GET":
                        self.assertEqual(reply.body, body)
            first += len(body)

    def test_part_beyond_the_last(self):
        reply = self.check(
            self.raw("GET", "/ranges/parts", "partNumber=4"), 416, "InvalidPartNumber"
        )
        self.assertEqual(reply.text("ActualPartCount"), "3")
        self.assertEqual(reply.text("PartNumberRequested"), "4")
        self.check(self.raw("HEAD", "/ranges/parts", "partNumber=4"), 416)

    def test_part_of_an_object_without_parts(self):
        reply = self.check(self.raw("GET", "/ranges/k", "partNumber=1"), 206)
        self.assertEqual(reply.headers["content-range"], "bytes 0-99/100")
        self.assertEqual(reply.body, BODY)
        self.assertNotIn("x-amz-mp-parts-count", reply.headers)
        self.check(self.raw("GET", "/ranges/k", "partNumber=2"), 416, "InvalidPartNumber")
        reply = self.check(self.raw("GET", "/ranges/empty", "partNumber=1"), 200)
        self.assertNotIn("content-range", reply.headers)

    def test_bad_part_numbers(self):
        for value in ("0", "-1", "10001", "x", ""):
            with self.subTest(value=value):
                self.check(
                    self.raw("GET", "/ranges/parts", "partNumber=" + value), 400, "InvalidArgument"
                )

    def test_part_number_with_range(self):
        reply = self.raw("GET", "/ranges/parts", "partNumber=1", {"range": "bytes=0-3"})
        self.check(reply, 400, "InvalidRequest")

    def test_checksums_are_not_given_for_ranges(self):
        for text, given in (("bytes=0-9", False), ("", True), ("bytes=5-2", True)):
            reply = self.raw(
                "GET", "/ranges/k", headers={"range": text, "x-amz-checksum-mode": "ENABLED"}
            )
            found = [name for name in reply.headers if name.startswith("x-amz-checksum-")]
            self.assertEqual(bool(found), given, (text, found))


if __name__ == "__main__":
    main()
