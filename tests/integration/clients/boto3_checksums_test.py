"""Property: every checksum algorithm of the newest boto3 is taken by every way to write, kept, told,
and found right when the object is read back with its checksum checked. Method: the matrix algorithm x
(put_object from memory, put_object from a stream, upload in parts with a checksum of parts, upload in
parts with one of the whole) x (HTTP, HTTPS). boto3 itself compares what it reads with the checksum of
the reply; the values are computed here besides, by the algorithm's own library."""
import base64
import hashlib
import io
import os
import random
import subprocess
import sys
import tempfile
import unittest

try:
    import boto3
    from awscrt import checksums as crt
    from botocore.config import Config
    from botocore.exceptions import ClientError
    from botocore.httpchecksum import _SUPPORTED_CHECKSUM_ALGORITHMS
except ImportError:
    print("SKIPPED: boto3_checksums: boto3 with awscrt is not installed for " + sys.executable)
    sys.exit(0)

import clients_case
from cairn_server import CairnServer

PART = 5 * clients_case.MIB


def big_endian(function, size):
    return lambda data: function(data).to_bytes(size, "big")


def by_hashlib(name):
    return lambda data: hashlib.new(name, data).digest()


DIGESTS = {
    "CRC32": big_endian(crt.crc32, 4), "CRC32C": big_endian(crt.crc32c, 4),
    "CRC64NVME": big_endian(crt.crc64nvme, 8), "SHA1": by_hashlib("sha1"),
    "SHA256": by_hashlib("sha256"), "SHA512": by_hashlib("sha512"), "MD5": by_hashlib("md5"),
    "XXHASH64": crt.XXHash.compute_xxhash64, "XXHASH3": crt.XXHash.compute_xxhash3_64,
    "XXHASH128": crt.XXHash.compute_xxhash3_128}
# The ones that boto3 computes; MD5 it takes as a value only.
COMPUTED = sorted(name.upper() for name in _SUPPORTED_CHECKSUM_ALGORITHMS)
COMPOSITE = sorted(set(DIGESTS) - {"CRC64NVME"})
FULL_OBJECT = ("CRC32", "CRC32C", "CRC64NVME")


def value_of(algorithm, data):
    return base64.b64encode(DIGESTS[algorithm](data)).decode()


class Checksums:
    """The matrix for one scheme."""

    arguments = ()
    verify = None

    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer(args=cls.arguments).start()
        cls.s3 = boto3.client(
            "s3", endpoint_url=cls.server.endpoint, region_name="us-east-1", verify=cls.verify,
            aws_access_key_id=cls.server.access_key, aws_secret_access_key=cls.server.secret_key,
            config=Config(retries={"max_attempts": 1}, response_checksum_validation="when_supported"))
        cls.s3.create_bucket(Bucket="sums")
        generator = random.Random(44)
        cls.bodies = [b"", b"123456789", generator.randbytes(100_000)]
        cls.parts = [generator.randbytes(PART), generator.randbytes(12_345)]

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def assert_reads(self, key, body, algorithm, value, kind):
        """`value` and `kind` are told by GET and HEAD, and boto3 finds the bytes right."""
        name = "Checksum" + algorithm
        head = self.s3.head_object(Bucket="sums", Key=key, ChecksumMode="ENABLED")
        got = self.s3.get_object(Bucket="sums", Key=key, ChecksumMode="ENABLED")
        self.assertEqual(got["Body"].read(), body)
        for reply in (head, got):
            self.assertEqual((reply.get(name), reply.get("ChecksumType")), (value, kind))
        told = self.s3.get_object_attributes(Bucket="sums", Key=key, ObjectAttributes=["Checksum"])
        self.assertEqual(told["Checksum"].get(name), value.partition("-")[0]
                         if kind == "FULL_OBJECT" else value)
        silent = self.s3.head_object(Bucket="sums", Key=key)
        self.assertNotIn(name, silent)

    def test_every_algorithm_of_boto3_is_in_the_matrix(self):
        enum = self.s3.meta.service_model.shape_for("ChecksumAlgorithm").enum
        self.assertEqual(sorted(enum), sorted(DIGESTS))
        self.assertEqual(sorted(set(enum) - set(COMPUTED)), ["MD5"])

    def test_put_object(self):
        for algorithm in COMPUTED:
            for body in self.bodies:
                with self.subTest(algorithm=algorithm, size=len(body)):
                    value = value_of(algorithm, body)
                    put = self.s3.put_object(Bucket="sums", Key="put", Body=body,
                                             ChecksumAlgorithm=algorithm)
                    self.assertEqual(put["Checksum" + algorithm], value)
                    self.assertEqual(put["ChecksumType"], "FULL_OBJECT")
                    self.assert_reads("put", body, algorithm, value, "FULL_OBJECT")

    def test_put_object_from_a_stream(self):
        for algorithm in COMPUTED:
            with self.subTest(algorithm=algorithm):
                body = self.bodies[-1]
                put = self.s3.put_object(Bucket="sums", Key="stream", Body=io.BytesIO(body),
                                         ChecksumAlgorithm=algorithm)
                self.assertEqual(put["Checksum" + algorithm], value_of(algorithm, body))
                self.assert_reads("stream", body, algorithm, value_of(algorithm, body), "FULL_OBJECT")

    def test_put_object_with_a_value(self):
        for algorithm in DIGESTS:
            with self.subTest(algorithm=algorithm):
                body = self.bodies[1]
                name, value = "Checksum" + algorithm, value_of(algorithm, body)
                self.s3.put_object(Bucket="sums", Key="value", Body=body, **{name: value})
                self.assert_reads("value", body, algorithm, value, "FULL_OBJECT")
                wrong = {name: value_of(algorithm, b"something else")}
                with self.assertRaises(ClientError) as refused:
                    self.s3.put_object(Bucket="sums", Key="wrong", Body=body, **wrong)
                self.assertEqual(refused.exception.response["Error"]["Code"], "BadDigest")
        listed = self.s3.list_objects_v2(Bucket="sums", Prefix="wrong")
        self.assertEqual(listed["KeyCount"], 0)

    def upload(self, key, algorithm, kind):
        """Uploads the parts; returns the upload's id and what Complete is told of each part."""
        upload = self.s3.create_multipart_upload(Bucket="sums", Key=key, ChecksumAlgorithm=algorithm,
                                                 ChecksumType=kind)
        self.assertEqual((upload["ChecksumAlgorithm"], upload["ChecksumType"]), (algorithm, kind))
        told = []
        for number, body in enumerate(self.parts, 1):
            given = {"ChecksumAlgorithm": algorithm} if algorithm in COMPUTED else \
                {"Checksum" + algorithm: value_of(algorithm, body)}
            part = self.s3.upload_part(Bucket="sums", Key=key, UploadId=upload["UploadId"],
                                       PartNumber=number, Body=body, **given)
            self.assertEqual(part["Checksum" + algorithm], value_of(algorithm, body))
            told.append({"PartNumber": number, "ETag": part["ETag"],
                         "Checksum" + algorithm: part["Checksum" + algorithm]})
        return upload["UploadId"], told

    def test_parts_with_a_checksum_of_parts(self):
        body = b"".join(self.parts)
        for algorithm in COMPOSITE:
            with self.subTest(algorithm=algorithm):
                upload, told = self.upload("composite", algorithm, "COMPOSITE")
                done = self.s3.complete_multipart_upload(
                    Bucket="sums", Key="composite", UploadId=upload, MultipartUpload={"Parts": told})
                raw = b"".join(DIGESTS[algorithm](part) for part in self.parts)
                value = value_of(algorithm, raw) + "-2"
                self.assertEqual(done["Checksum" + algorithm], value)
                self.assert_reads("composite", body, algorithm, value, "COMPOSITE")

    def test_parts_with_a_checksum_of_the_whole(self):
        body = b"".join(self.parts)
        for algorithm in FULL_OBJECT:
            value = value_of(algorithm, body)
            for given in ({}, {"Checksum" + algorithm: value}):
                with self.subTest(algorithm=algorithm, given=given):
                    upload, told = self.upload("whole", algorithm, "FULL_OBJECT")
                    wrong = {"Checksum" + algorithm: value_of(algorithm, b"something else")}
                    with self.assertRaises(ClientError):
                        self.s3.complete_multipart_upload(
                            Bucket="sums", Key="whole", UploadId=upload, ChecksumType="FULL_OBJECT",
                            MultipartUpload={"Parts": told}, **wrong)
                    done = self.s3.complete_multipart_upload(
                        Bucket="sums", Key="whole", UploadId=upload, ChecksumType="FULL_OBJECT",
                        MultipartUpload={"Parts": told}, **given)
                    self.assertEqual(done["Checksum" + algorithm], value)
                    self.assert_reads("whole", body, algorithm, value, "FULL_OBJECT")


class OverHttp(Checksums, unittest.TestCase):
    pass


class OverHttps(Checksums, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        certificate, key = (f"{cls.directory.name}/{name}" for name in ("c.pem", "k.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                        "-out", certificate], check=True, capture_output=True, timeout=60)
        cls.arguments = ("--tls-cert", certificate, "--tls-key", key)
        cls.verify = certificate
        super().setUpClass()


if __name__ == "__main__":
    if os.environ.get("CAIRN_TEST_STACK") == "gateway":
        unittest.main(defaultTest="OverHttp", verbosity=2)  # What makes gateway buckets for clients speaks no TLS.
    clients_case.main()
