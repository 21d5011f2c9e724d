"""Checksums: every algorithm in headers and trailers, of parts and of wholes, and their refusals."""

import base64
import hashlib
import zlib

from conformance import PART, Conformance, md5_etag, noise, main


def reflected_crc(data, polynomial, bits):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    value = mask = (1 << bits) - 1
    for byte in data:
        value = value >> 8 ^ table[(value ^ byte) & 255]
    return (value ^ mask).to_bytes(bits // 8, "big")


ALGORITHMS = {
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "CRC32C": lambda data: reflected_crc(data, 0x82F63B78, 32),
    "CRC64NVME": lambda data: reflected_crc(data, 0x9A6C9329AC4BC9B5, 64),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
    "SHA512": lambda data: hashlib.sha512(data).digest(),
    "MD5": lambda data: hashlib.md5(data).digest(),
}
BODY = b"123456789"


def value_of(algorithm, data):
    return base64.b64encode(ALGORITHMS[algorithm](data)).decode()


def header(algorithm):
    return "x-amz-checksum-" + algorithm.lower()


class Checksums(Conformance):
    def setUp(self):
        self.b = self.bucket()

    # Single bodies -------------------------------------------------------------------------------
    def test_known_values(self):
        self.assertEqual(value_of("CRC64NVME", BODY), "rosUhgp5mIg=")
        self.assertEqual(value_of("CRC32", BODY), "y/Q5Jg==")

    def test_in_a_header(self):
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm=algorithm):
                value = value_of(algorithm, BODY)
                reply = self.check(
                    self.raw("PUT", f"/{self.b}/k", headers={header(algorithm): value}, body=BODY),
                    200,
                )
                self.assertEqual(reply.headers[header(algorithm)], value)
                self.assertEqual(reply.headers["x-amz-checksum-type"], "FULL_OBJECT")
                for method in ("GET", "HEAD"):
                    got = self.raw(
                        method, f"/{self.b}/k", headers={"x-amz-checksum-mode": "ENABLED"}
                    )
                    self.assertEqual(got.headers[header(algorithm)], value)
                    self.assertEqual(got.headers["x-amz-checksum-type"], "FULL_OBJECT")
                    self.assertNotIn(header(algorithm), self.raw(method, f"/{self.b}/k").headers)
                listed = self.raw("GET", f"/{self.b}", "list-type=2")
                self.assertEqual(listed.texts("Contents/ChecksumAlgorithm"), [algorithm])

    def test_in_a_trailer(self):
        for algorithm in ALGORITHMS:
            for ending in ("\r\n\r\n", "\n\r\n"):
                with self.subTest(algorithm=algorithm, ending=ending):
                    value = value_of(algorithm, BODY)
                    reply = self.trailer(f"{header(algorithm)}:{value}{ending}", header(algorithm))
                    self.check(reply, 200)
                    self.assertEqual(reply.headers[header(algorithm)], value)
                    self.assertEqual(self.body_of(self.b, "t"), BODY)

    def trailer(self, trailer, declared, length=len(BODY), data=BODY):
        body = b"%x\r\n%s\r\n0\r\n%s" % (len(data), data, trailer.encode())
        headers = {"x-amz-decoded-content-length": str(length), "content-encoding": "aws-chunked"}
        if declared:
            headers["x-amz-trailer"] = declared
        return self.raw(
            "PUT",
            f"/{self.b}/t",
            headers=headers,
            body=body,
            payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        )

    def test_trailers_refused(self):
        right = f"x-amz-checksum-crc32:{value_of('CRC32', BODY)}\r\n\r\n"
        for arguments, status, code in (
            (("x-amz-checksum-crc32:AAAAAA==\r\n\r\n", "x-amz-checksum-crc32"), 400, "BadDigest"),
            ((right, "x-amz-checksum-crc99"), 400, "InvalidRequest"),
            ((right, "x-amz-checksum-crc32", len(BODY) + 1), 400, "IncompleteBody"),
            ((right, "x-amz-checksum-crc32", len(BODY) - 1), 400, "IncompleteBody"),
            (("x-amz-checksum-crc32:!!!\r\n\r\n", "x-amz-checksum-crc32"), 400, None),
        ):
            with self.subTest(arguments=arguments):
                self.check(self.trailer(*arguments), status, code)
                self.fails(404, "NoSuchKey", self.s3.get_object, Bucket=self.b, Key="t")
        self.check(self.trailer("\r\n", None), 200)

    def test_decoded_length_is_needed(self):
        body = b"0\r\n\r\n"
        for headers in ({}, {"x-amz-decoded-content-length": "x"}):
            self.check(
                self.raw(
                    "PUT",
                    f"/{self.b}/t",
                    headers=headers,
                    body=body,
                    payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                ),
                411,
                "MissingContentLength",
            )

    def test_refused(self):
        for headers, code in (
            ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
            ({"x-amz-checksum-sha256": base64.b64encode(bytes(32)).decode()}, "BadDigest"),
            ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, "BadDigest"),
            ({"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest"),
            ({"x-amz-checksum-crc32": "not base64"}, "InvalidRequest"),
            ({"x-amz-checksum-sha1": ""}, "InvalidRequest"),
            (
                {
                    "x-amz-checksum-crc32": value_of("CRC32", BODY),
                    "x-amz-checksum-sha1": value_of("SHA1", BODY),
                },
                "InvalidRequest",
            ),
            ({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest"),
            ({"x-amz-sdk-checksum-algorithm": "CRC99"}, "InvalidRequest"),
        ):
            with self.subTest(headers=headers):
                self.check(self.raw("PUT", f"/{self.b}/r", headers=headers, body=BODY), 400, code)
        self.fails(404, "NoSuchKey", self.s3.get_object, Bucket=self.b, Key="r")

    def test_crc64nvme_is_made_when_nothing_is_sent(self):
        put = self.check(self.raw("PUT", f"/{self.b}/k", body=BODY), 200)
        self.assertEqual(put.headers["x-amz-checksum-crc64nvme"], "rosUhgp5mIg=")
        got = self.raw("HEAD", f"/{self.b}/k", headers={"x-amz-checksum-mode": "ENABLED"})
        self.assertEqual(got.headers["x-amz-checksum-crc64nvme"], "rosUhgp5mIg=")

    # Parts -----------------------------------------------------------------------------------------
    def create(self, algorithm=None, kind=None, key="m"):
        headers = {}
        if algorithm:
            headers["x-amz-checksum-algorithm"] = algorithm
        if kind:
            headers["x-amz-checksum-type"] = kind
        reply = self.check(self.raw("POST", f"/{self.b}/{key}", "uploads", headers), 200)
        return reply.text("UploadId"), reply

    def part(self, upload, number, body, algorithm=None, key="m"):
        headers = {header(algorithm): value_of(algorithm, body)} if algorithm else {}
        reply = self.check(
            self.raw(
                "PUT", f"/{self.b}/{key}", f"partNumber={number}&uploadId={upload}", headers, body
            ),
            200,
        )
        if algorithm:
            self.assertEqual(reply.headers[header(algorithm)], headers[header(algorithm)])
        return reply.headers["etag"]

    def complete(self, upload, parts, algorithm=None, headers=None, key="m"):
        """`parts`: (number, etag, body or None for no checksum)."""
        body = "<CompleteMultipartUpload>"
        for number, etag, data in parts:
            body += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>"
            if algorithm and data is not None:
                body += f"<Checksum{algorithm}>{value_of(algorithm, data)}</Checksum{algorithm}>"
            body += "</Part>"
        body += "</CompleteMultipartUpload>"
        return self.raw("POST", f"/{self.b}/{key}", "uploadId=" + upload, headers, body.encode())

    def test_composite(self):
        bodies = [noise(PART, 1), noise(77, 2)]
        for algorithm in ("CRC32", "SHA1", "SHA256"):
            with self.subTest(algorithm=algorithm):
                upload, created = self.create(algorithm)
                self.assertEqual(created.headers["x-amz-checksum-algorithm"], algorithm)
                self.assertEqual(created.headers["x-amz-checksum-type"], "COMPOSITE")
                parts = [
                    (number, self.part(upload, number, body, algorithm), body)
                    for number, body in enumerate(bodies, 1)
                ]
                value = (
                    value_of(algorithm, b"".join(ALGORITHMS[algorithm](body) for body in bodies))
                    + "-2"
                )
                reply = self.check(self.complete(upload, parts, algorithm), 200)
                self.assertEqual(reply.text("Checksum" + algorithm), value)
                self.assertEqual(reply.text("ChecksumType"), "COMPOSITE")
                got = self.raw("HEAD", f"/{self.b}/m", headers={"x-amz-checksum-mode": "ENABLED"})
                self.assertEqual(
                    (got.headers[header(algorithm)], got.headers["x-amz-checksum-type"]),
                    (value, "COMPOSITE"),
                )
                part = self.raw(
                    "GET", f"/{self.b}/m", "partNumber=2", {"x-amz-checksum-mode": "ENABLED"}
                )
                self.assertEqual(part.headers[header(algorithm)], value_of(algorithm, bodies[1]))

    def test_full_object(self):
        bodies = [noise(PART, 1), noise(77, 2)]
        whole = b"".join(bodies)
        for algorithm, kind in (
            ("CRC32", "FULL_OBJECT"),
            ("CRC64NVME", None),
            ("CRC64NVME", "FULL_OBJECT"),
        ):
            with self.subTest(algorithm=algorithm, kind=kind):
                upload, created = self.create(algorithm, kind)
                self.assertEqual(created.headers["x-amz-checksum-type"], "FULL_OBJECT")
                parts = [
                    (number, self.part(upload, number, body, algorithm), None)
                    for number, body in enumerate(bodies, 1)
                ]
                wrong = {
                    header(algorithm): base64.b64encode(
                        bytes(len(ALGORITHMS[algorithm](b"")))
                    ).decode()
                }
                self.check(self.complete(upload, parts, headers=wrong), 400, "BadDigest")
                reply = self.check(
                    self.complete(
                        upload, parts, headers={header(algorithm): value_of(algorithm, whole)}
                    ),
                    200,
                )
                self.assertEqual(reply.text("Checksum" + algorithm), value_of(algorithm, whole))
                self.assertEqual(reply.text("ChecksumType"), "FULL_OBJECT")

    def test_nothing_asked_for_gives_a_full_crc64nvme(self):
        upload, created = self.create()
        reply = self.check(self.complete(upload, [(1, self.part(upload, 1, BODY), None)]), 200)
        self.assertEqual(
            (reply.text("ChecksumCRC64NVME"), reply.text("ChecksumType")),
            ("rosUhgp5mIg=", "FULL_OBJECT"),
        )

    def test_composite_needs_the_checksum_of_each_part(self):
        upload, _ = self.create("SHA1")
        etag = self.part(upload, 1, BODY, "SHA1")
        reply = self.check(self.complete(upload, [(1, etag, None)]), 400, "InvalidRequest")
        self.assertIn("sha1", reply.text("Message"))
        self.check(self.complete(upload, [(1, etag, b"other")], "SHA1"), 400, "InvalidPart")
        self.check(self.complete(upload, [(1, etag, BODY)], "SHA1"), 200)

    def test_part_named_with_a_checksum_that_is_not_kept(self):
        upload, _ = self.create("CRC32C", "FULL_OBJECT")
        etag = self.part(upload, 1, BODY, "CRC32C")
        reply = self.check(self.complete(upload, [(1, etag, BODY)], "SHA256"), 400, "BadDigest")
        self.assertIn("sha256", reply.text("Message"))
        self.assertIn("part 1", reply.text("Message"))
        self.check(self.complete(upload, [(1, etag, BODY)], "CRC32C"), 200)

    def test_part_with_another_algorithm(self):
        upload, _ = self.create("SHA256")
        self.check(
            self.raw(
                "PUT",
                f"/{self.b}/m",
                f"partNumber=1&uploadId={upload}",
                {header("CRC32"): value_of("CRC32", BODY)},
                BODY,
            ),
            400,
            "InvalidRequest",
        )

    def test_types_that_do_not_go_together(self):
        for algorithm, kind in (
            ("CRC64NVME", "COMPOSITE"),
            ("SHA1", "FULL_OBJECT"),
            (None, "COMPOSITE"),
            ("CRC99", None),
            ("CRC32", "HALF"),
        ):
            with self.subTest(algorithm=algorithm, kind=kind):
                headers = {
                    name: value
                    for name, value in (
                        ("x-amz-checksum-algorithm", algorithm),
                        ("x-amz-checksum-type", kind),
                    )
                    if value
                }
                reply = self.raw("POST", f"/{self.b}/m", "uploads", headers)
                if (algorithm, kind) == ("SHA1", "FULL_OBJECT"):
                    self.assertIn(
                        reply.status, (200, 400)
                    )  # Some SDKs ask for it; taking it is a superset.
                    continue
                self.assertEqual(reply.status, 400, reply)
                self.assertIn(reply.code(), ("InvalidRequest", "InvalidArgument"))

    # Copies and attributes ---------------------------------------------------------------------------
    def test_a_copy_may_choose_an_algorithm(self):
        self.raw(
            "PUT", f"/{self.b}/source", headers={header("SHA1"): value_of("SHA1", BODY)}, body=BODY
        )
        for headers, algorithm in (
            ({}, "SHA1"),
            ({"x-amz-checksum-algorithm": "SHA256"}, "SHA256"),
            ({"x-amz-checksum-algorithm": "CRC64NVME"}, "CRC64NVME"),
        ):
            with self.subTest(headers=headers):
                reply = self.check(
                    self.raw(
                        "PUT",
                        f"/{self.b}/copy",
                        headers=dict(headers, **{"x-amz-copy-source": f"{self.b}/source"}),
                    ),
                    200,
                )
                self.assertEqual(reply.text("Checksum" + algorithm), value_of(algorithm, BODY))

    def attributes(self, key, names, query="attributes", **headers):
        headers = dict({"x-amz-object-attributes": names}, **headers)
        return self.raw("GET", f"/{self.b}/{key}", query, headers)

    def test_attributes(self):
        self.raw("PUT", f"/{self.b}/k", headers={header("SHA1"): value_of("SHA1", BODY)}, body=BODY)
        reply = self.check(
            self.attributes("k", "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"), 200
        )
        self.assertTrue(reply.xml().tag.endswith("GetObjectAttributesResponse"))
        self.assertEqual(reply.text("ETag"), md5_etag(BODY).strip('"'))
        self.assertEqual(reply.text("Checksum/ChecksumSHA1"), value_of("SHA1", BODY))
        self.assertEqual(reply.text("ObjectSize"), str(len(BODY)))
        self.assertEqual(reply.text("StorageClass"), "STANDARD")
        self.assertIsNone(reply.text("ObjectParts"))
        self.assertIn("last-modified", reply.headers)
        reply = self.check(self.attributes("k", "ObjectSize"), 200)
        self.assertEqual([element.tag.split("}")[-1] for element in reply.xml()], ["ObjectSize"])

    def test_attributes_refused(self):
        self.raw("PUT", f"/{self.b}/k", body=BODY)
        self.check(self.raw("GET", f"/{self.b}/k", "attributes"), 400, "InvalidRequest")
        self.check(self.attributes("k", "Nonsense"), 400, "InvalidArgument")
        self.check(self.attributes("missing", "ETag"), 404, "NoSuchKey")
        for name in ("x-amz-max-parts", "x-amz-part-number-marker"):
            self.check(self.attributes("k", "ETag", **{name: "-1"}), 400, "InvalidArgument")

    def test_attributes_of_parts(self):
        bodies = [noise(PART, 1), noise(PART, 2), b"end"]
        upload, _ = self.create("SHA256")
        parts = [
            (number, self.part(upload, number, body, "SHA256"), body)
            for number, body in enumerate(bodies, 1)
        ]
        self.check(self.complete(upload, parts, "SHA256"), 200)
        reply = self.check(self.attributes("m", "ObjectParts,Checksum"), 200)
        self.assertIn(
            "3", (reply.text("ObjectParts/PartsCount"), reply.text("ObjectParts/TotalPartsCount"))
        )
        self.assertEqual(reply.texts("ObjectParts/Part/Size"), [str(len(body)) for body in bodies])
        self.assertEqual(
            reply.texts("ObjectParts/Part/ChecksumSHA256"),
            [value_of("SHA256", body) for body in bodies],
        )
        self.assertEqual(reply.text("Checksum/ChecksumType"), "COMPOSITE")
        headers = {"x-amz-max-parts": "1", "x-amz-part-number-marker": "1"}
        reply = self.check(self.attributes("m", "ObjectParts", **headers), 200)
        self.assertEqual(reply.texts("ObjectParts/Part/PartNumber"), ["2"])
        self.assertEqual(
            (
                reply.text("ObjectParts/IsTruncated"),
                reply.text("ObjectParts/NextPartNumberMarker"),
                reply.text("ObjectParts/MaxParts"),
            ),
            ("true", "2", "1"),
        )


if __name__ == "__main__":
    main()
