"""Server-side encryption: SSE-S3, SSE-KMS and customers' keys in headers, defaults of buckets."""

import base64
import hashlib

from conformance import ClientError, Conformance, PART, md5_etag, noise, main

PREFIX = "x-amz-server-side-encryption"
CUSTOMER = PREFIX + "-customer-"
SOURCE = "x-amz-copy-source-server-side-encryption-customer-"


def customer(seed, prefix=CUSTOMER):
    key = noise(32, seed)
    return {
        prefix + "algorithm": "AES256",
        prefix + "key": base64.b64encode(key).decode(),
        prefix + "key-md5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }


class Encryption(Conformance):
    server_args = ("--allow-ssec-over-http", "--kms-keys", "first,second")

    def setUp(self):
        self.b = self.bucket()

    def put(self, headers, key="k", body=b"bar"):
        return self.raw("PUT", f"/{self.b}/{key}", headers=headers, body=body)

    def get(self, headers=None, key="k", method="GET", query=""):
        return self.raw(method, f"/{self.b}/{key}", query, headers)

    # SSE-S3 ------------------------------------------------------------------------------------------
    def test_s3(self):
        for body in (b"", b"bar", noise(100_000, 1)):
            reply = self.check(self.put({PREFIX: "AES256"}, body=body), 200)
            self.assertEqual(
                (reply.headers[PREFIX], reply.headers["etag"]), ("AES256", md5_etag(body))
            )
            for method in ("GET", "HEAD"):
                reply = self.check(self.get(method=method), 200)
                self.assertEqual(reply.headers[PREFIX], "AES256")
            self.assertEqual(self.get().body, body)
        for value in ("AES128", "aes256", ""):
            with self.subTest(value=value):
                self.check(self.put({PREFIX: value}), 400, "InvalidArgument")

    def test_encryption_headers_do_not_belong_on_reads(self):
        self.put({})
        for method in ("GET", "HEAD"):
            self.assertEqual(self.get({PREFIX: "AES256"}, method=method).status, 400)

    # SSE-KMS -----------------------------------------------------------------------------------------
    def test_kms(self):
        body = noise(100_000, 2)
        reply = self.check(
            self.put({PREFIX: "aws:kms", PREFIX + "-aws-kms-key-id": "first"}, body=body), 200
        )
        self.assertEqual(reply.headers[PREFIX], "aws:kms")
        self.assertTrue(reply.headers[PREFIX + "-aws-kms-key-id"].endswith("first"))
        reply = self.check(self.get(), 200)
        self.assertEqual((reply.headers[PREFIX], reply.body), ("aws:kms", body))
        self.assertEqual(self.get({"range": "bytes=70000-70010"}).body, body[70000:70011])

    def test_kms_refused(self):
        for headers in (
            {PREFIX: "AES256", PREFIX + "-aws-kms-key-id": "first"},
            {PREFIX + "-aws-kms-key-id": "first"},
            {PREFIX: "aws:kms", PREFIX + "-aws-kms-key-id": "no-such-key"},
            {PREFIX: "aws:kms", PREFIX + "-context": "no base64 json"},
        ):
            with self.subTest(headers=headers):
                reply = self.put(headers)
                self.assertIn(reply.status, (400, 404), reply)
                self.assertEqual(self.get(method="HEAD").status, 404)

    def test_kms_needs_signatures_of_version_4(self):
        v2 = self.server.boto3_client(signature_version="s3")
        kms = dict(ServerSideEncryption="aws:kms", SSEKMSKeyId="first")
        self.assertEqual(
            self.error(v2.put_object, Bucket=self.b, Key="k", Body=b"x", **kms), "InvalidArgument"
        )
        self.assertEqual(self.get(method="HEAD").status, 404)
        self.s3.put_object(Bucket=self.b, Key="k", Body=b"x", **kms)
        self.assertEqual(self.error(v2.get_object, Bucket=self.b, Key="k"), "InvalidArgument")
        self.assertEqual(v2.head_object(Bucket=self.b, Key="k")["ServerSideEncryption"], "aws:kms")
        v2.put_object(Bucket=self.b, Key="plain", Body=b"x", ServerSideEncryption="AES256")
        self.assertEqual(v2.get_object(Bucket=self.b, Key="plain")["Body"].read(), b"x")

    def error(self, call, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        return raised.exception.response["Error"]["Code"]

    def test_kms_in_parts_and_copies(self):
        bodies = [noise(PART, 1), noise(1000, 2)]
        upload = self.s3.create_multipart_upload(
            Bucket=self.b, Key="k", ServerSideEncryption="aws:kms", SSEKMSKeyId="first"
        )["UploadId"]
        parts = [
            {
                "PartNumber": number,
                "ETag": self.s3.upload_part(
                    Bucket=self.b, Key="k", UploadId=upload, PartNumber=number, Body=body
                )["ETag"],
            }
            for number, body in enumerate(bodies, 1)
        ]
        done = self.s3.complete_multipart_upload(
            Bucket=self.b, Key="k", UploadId=upload, MultipartUpload={"Parts": parts}
        )
        self.assertEqual(done["ServerSideEncryption"], "aws:kms")
        self.assertEqual(self.get().body, b"".join(bodies))
        for headers, expected in (
            ({}, None),
            ({PREFIX: "AES256"}, "AES256"),
            ({PREFIX: "aws:kms", PREFIX + "-aws-kms-key-id": "second"}, "aws:kms"),
        ):
            with self.subTest(headers=headers):
                self.check(
                    self.put(dict(headers, **{"x-amz-copy-source": f"{self.b}/k"}), "copy", b""),
                    200,
                )
                reply = self.get(key="copy")
                self.assertEqual(reply.body, b"".join(bodies))
                self.assertIn(reply.headers.get(PREFIX), (expected, expected or "AES256"))

    # Customers' keys ---------------------------------------------------------------------------------
    def test_customer_keys(self):
        for size in (0, 1, 1000, 100_000, 9_000_000):
            body = noise(size, size)
            with self.subTest(size=size):
                put = self.check(self.put(customer(1), body=body), 200)
                for method in ("GET", "HEAD"):
                    reply = self.check(self.get(customer(1), method=method), 200)
                    self.assertEqual(reply.headers[CUSTOMER + "algorithm"], "AES256")
                    self.assertEqual(
                        reply.headers[CUSTOMER + "key-md5"], customer(1)[CUSTOMER + "key-md5"]
                    )
                    self.assertEqual(reply.headers["etag"], put.headers["etag"])
                    self.assertNotIn(CUSTOMER + "key", reply.headers)
                self.assertEqual(self.get(customer(1)).body, body)

    def test_customer_keys_are_needed_to_read(self):
        self.put(customer(1))
        for headers in ({}, customer(2)):
            for method in ("GET", "HEAD"):
                with self.subTest(headers=headers, method=method):
                    reply = self.get(headers, method=method)
                    self.assertIn(reply.status, (400, 403), reply)
        self.check(self.get({}), 400, "InvalidRequest")
        self.check(self.get(customer(2)), 403, "AccessDenied")  # As AWS; a wrong key, not a bad one.
        self.check(self.get({"x-amz-object-attributes": "ETag"}, query="attributes"), 400)
        self.put({}, "plain")
        self.check(self.get(customer(1), "plain"), 400, "InvalidRequest")

    def test_customer_keys_refused(self):
        good = customer(1)
        for change in (
            {CUSTOMER + "key-md5": base64.b64encode(bytes(16)).decode()},
            {CUSTOMER + "key-md5": "x"},
            {CUSTOMER + "key": base64.b64encode(bytes(31)).decode()},
            {CUSTOMER + "key": "no base64!"},
            {CUSTOMER + "algorithm": "AES128"},
            {CUSTOMER + "algorithm": None},
            {CUSTOMER + "key": None},
            {CUSTOMER + "key-md5": None},
            {PREFIX: "AES256"},
            {PREFIX: "aws:kms"},
        ):
            with self.subTest(change=change):
                headers = {
                    name: value for name, value in dict(good, **change).items() if value is not None
                }
                reply = self.check(self.put(headers), 400)
                codes = ("InvalidArgument", "InvalidRequest", "InvalidEncryptionAlgorithmError")
                self.assertIn(reply.code(), codes)

    def test_customer_keys_of_parts(self):
        bodies = [noise(PART, 3), noise(1000, 4)]
        reply = self.check(self.raw("POST", f"/{self.b}/k", "uploads", customer(1)), 200)
        self.assertEqual(reply.headers[CUSTOMER + "algorithm"], "AES256")
        upload, done = reply.text("UploadId"), ""
        for headers in ({}, customer(2)):
            part = self.raw("PUT", f"/{self.b}/k", f"partNumber=1&uploadId={upload}", headers, b"x")
            self.assertEqual(part.status, 400, part)
        for number, body in enumerate(bodies, 1):
            part = self.raw(
                "PUT", f"/{self.b}/k", f"partNumber={number}&uploadId={upload}", customer(1), body
            )
            done += f"<Part><PartNumber>{number}</PartNumber><ETag>{self.check(part, 200).headers['etag']}</ETag></Part>"
        done = f"<CompleteMultipartUpload>{done}</CompleteMultipartUpload>".encode()
        self.check(self.raw("POST", f"/{self.b}/k", "uploadId=" + upload, customer(1), done), 200)
        self.assertEqual(self.check(self.get(customer(1)), 200).body, b"".join(bodies))
        self.assertEqual(
            self.get(dict(customer(1), range=f"bytes={PART - 5}-{PART + 5}")).body,
            b"".join(bodies)[PART - 5 : PART + 6],
        )
        self.assertIn(self.get().status, (400, 403))

    def test_copies_between_all_kinds(self):
        kinds = {
            "plain": {},
            "s3": {PREFIX: "AES256"},
            "kms": {PREFIX: "aws:kms", PREFIX + "-aws-kms-key-id": "first"},
            "customer": customer(1),
            "customer2": customer(2),
        }
        body = noise(50_000, "copies")
        for source, given in kinds.items():
            self.check(self.put(given, source, body), 200)
        for source in kinds:
            for target, given in kinds.items():
                with self.subTest(source=source, target=target):
                    seed = {"customer": 1, "customer2": 2}.get(source)
                    headers = dict(given, **{"x-amz-copy-source": f"{self.b}/{source}"})
                    headers.update(customer(seed, SOURCE) if seed else {})
                    self.check(self.put(headers, "copy-" + target, b""), 200)
                    read = given if target.startswith("customer") else {}
                    self.assertEqual(self.check(self.get(read, "copy-" + target), 200).body, body)
        headers = {"x-amz-copy-source": f"{self.b}/customer"}
        self.assertIn(self.put(headers, "copy", b"").status, (400, 403))
        headers.update(customer(2, SOURCE))
        self.assertIn(self.put(headers, "copy", b"").status, (400, 403))

    # Defaults ----------------------------------------------------------------------------------------
    def default(self, algorithm, key=None):
        inner = f"<SSEAlgorithm>{algorithm}</SSEAlgorithm>" + (
            f"<KMSMasterKeyID>{key}</KMSMasterKeyID>" if key else ""
        )
        body = (
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
            + inner
            + "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
        )
        return self.raw("PUT", "/" + self.b, "encryption", body=body.encode())

    def test_defaults(self):
        for algorithm, key in (("AES256", None), ("aws:kms", "first")):
            self.check(self.default(algorithm, key), 200)
            reply = self.check(self.put({}), 200)
            self.assertEqual(reply.headers[PREFIX], algorithm)
            self.assertEqual(self.get().headers[PREFIX], algorithm)
            self.assertEqual(self.get().body, b"bar")
            upload = self.raw("POST", f"/{self.b}/m", "uploads")
            self.assertEqual(upload.headers[PREFIX], algorithm)
        self.check(self.put({PREFIX: "AES256"}), 200)
        self.assertEqual(self.get().headers[PREFIX], "AES256")

    def test_defaults_refused(self):
        self.check(self.default("AES256", "first"), 400)
        self.check(self.default("ROT13"), 400, "MalformedXML")


class PlainHttp(Conformance):
    def test_customer_keys_need_tls(self):
        bucket = self.bucket()
        reply = self.raw("PUT", f"/{bucket}/k", headers=customer(1), body=b"x")
        self.check(reply, 400, "InvalidRequest")


if __name__ == "__main__":
    main()
