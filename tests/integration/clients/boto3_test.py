"""Property: boto3 stores and reads real files over every payload form that it sends, and sees S3's
answers for conditions, listings and errors. Method: run under Debian's boto3 1.26 and under the newest
from PyPI (the interpreter decides), each against a real server."""
import hashlib
import io
import sys
import threading

try:
    import boto3
    import botocore
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    print("SKIPPED: boto3: not installed for " + sys.executable)
    sys.exit(0)

import clients_case

MIB = 1 << 20


class Boto3(clients_case.ClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = cls.client()
        cls.s3.create_bucket(Bucket="boto")

    @classmethod
    def client(cls, **config):
        return boto3.client("s3", endpoint_url=cls.url, region_name="us-east-1",
                            aws_access_key_id=cls.server.access_key,
                            aws_secret_access_key=cls.server.secret_key,
                            config=Config(retries={"max_attempts": 1}, **config))

    def assert_code(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], status)

    def test_files_by_upload_file_and_back(self):
        for name in self.names():
            self.s3.upload_file(str(self.files / name), "boto", f"files/{name}")
            self.s3.download_file("boto", f"files/{name}", str(self.work / f"boto-{name}"))
            self.assert_same(self.work / f"boto-{name}", name)

    def test_etag_of_a_put_is_md5_and_of_parts_md5_of_md5s(self):
        body = (self.files / "multipart").read_bytes()
        put = self.s3.put_object(Bucket="boto", Key="etag", Body=body)
        self.assertEqual(put["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
        upload = self.s3.create_multipart_upload(Bucket="boto", Key="parts")["UploadId"]
        parts, digests = [], b""
        for number, at in enumerate(range(0, len(body), 8 * MIB), 1):
            piece = body[at:at + 8 * MIB]
            part = self.s3.upload_part(Bucket="boto", Key="parts", UploadId=upload,
                                       PartNumber=number, Body=piece)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
            digests += hashlib.md5(piece).digest()
        arguments = dict(Bucket="boto", Key="parts", UploadId=upload,
                         MultipartUpload={"Parts": parts})
        done = self.s3.complete_multipart_upload(**arguments)
        self.assertEqual(done["ETag"], f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"')
        self.assertEqual(self.s3.complete_multipart_upload(**arguments)["ETag"], done["ETag"])
        second = self.s3.get_object(Bucket="boto", Key="parts", PartNumber=2)
        self.assertEqual(second["Body"].read(), body[8 * MIB:16 * MIB])
        self.assertEqual(second["PartsCount"], len(parts))

    def test_parallel_ranges_cover_the_object(self):
        body = (self.files / "multipart").read_bytes()
        self.s3.put_object(Bucket="boto", Key="ranges", Body=body)
        step, pieces = 1234567, {}

        def read(at):
            answer = self.s3.get_object(Bucket="boto", Key="ranges",
                                        Range=f"bytes={at}-{at + step - 1}")
            pieces[at] = answer["Body"].read()
        threads = [threading.Thread(target=read, args=(at,)) for at in range(0, len(body), step)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(b"".join(pieces[at] for at in sorted(pieces)), body)

    def test_ranges_at_the_edges(self):
        body = bytes(range(100))
        self.s3.put_object(Bucket="boto", Key="edge", Body=body)
        for text, expected in (("bytes=0-0", body[:1]), ("bytes=-5", body[-5:]),
                               ("bytes=90-", body[90:]), ("bytes=50-5000", body[50:]),
                               ("bytes=-500", body)):
            answer = self.s3.get_object(Bucket="boto", Key="edge", Range=text)
            self.assertEqual(answer["Body"].read(), expected)
            self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 206)
        self.assert_code("InvalidRange", 416, self.s3.get_object, Bucket="boto", Key="edge",
                         Range="bytes=100-")

    def test_listing_pages_through_delimiters(self):
        self.s3.create_bucket(Bucket="boto-list")
        keys = [f"{a}/{b}/{c}" for a in "abc" for b in "xyz" for c in range(4)] + ["root", "ü+ &<"]
        for key in keys:
            self.s3.put_object(Bucket="boto-list", Key=key, Body=b"x")
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="boto-list", MaxKeys=7)
        self.assertEqual([o["Key"] for page in pages for o in page.get("Contents", [])],
                         sorted(keys, key=lambda k: k.encode()))
        top = self.s3.list_objects_v2(Bucket="boto-list", Delimiter="/")
        self.assertEqual([p["Prefix"] for p in top["CommonPrefixes"]], ["a/", "b/", "c/"])
        self.assertEqual([o["Key"] for o in top["Contents"]], ["root", "ü+ &<"])
        old = self.s3.list_objects(Bucket="boto-list", Prefix="b/", Delimiter="/", MaxKeys=2)
        self.assertTrue(old["IsTruncated"])
        self.assertEqual(old["NextMarker"], "b/y/")
        gone = self.s3.delete_objects(Bucket="boto-list",
                                      Delete={"Objects": [{"Key": key} for key in keys]})
        self.assertEqual(len(gone["Deleted"]), len(keys))
        self.s3.delete_bucket(Bucket="boto-list")

    def test_conditions(self):
        put = self.s3.put_object(Bucket="boto", Key="cond", Body=b"1")
        self.assert_code("PreconditionFailed", 412, self.s3.get_object, Bucket="boto", Key="cond",
                         IfMatch='"0"')
        self.assert_code("304", 304, self.s3.head_object, Bucket="boto", Key="cond",
                         IfNoneMatch=put["ETag"])
        if "IfNoneMatch" in self.s3.meta.service_model.operation_model(
                "PutObject").input_shape.members:
            self.assert_code("PreconditionFailed", 412, self.s3.put_object, Bucket="boto",
                             Key="cond", Body=b"2", IfNoneMatch="*")
        self.assertEqual(self.s3.get_object(Bucket="boto", Key="cond")["Body"].read(), b"1")

    def test_checksums_come_back(self):
        for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256"):
            put = self.s3.put_object(Bucket="boto", Key=f"sum-{algorithm}", Body=b"hello",
                                     ChecksumAlgorithm=algorithm)
            got = self.s3.get_object(Bucket="boto", Key=f"sum-{algorithm}", ChecksumMode="ENABLED")
            self.assertEqual(got["Body"].read(), b"hello")
            self.assertEqual(got[f"Checksum{algorithm}"], put[f"Checksum{algorithm}"])
        self.assert_code("BadDigest", 400, self.s3.put_object, Bucket="boto", Key="bad",
                         Body=b"hello", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
        self.assert_code("404", 404, self.s3.head_object, Bucket="boto", Key="bad")

    def test_copies(self):
        self.s3.put_object(Bucket="boto", Key="src k", Body=b"copy me", Metadata={"m": "1"})
        copied = self.s3.copy_object(Bucket="boto", Key="dst", CopySource="boto/src k")
        self.assertIn("ETag", copied["CopyObjectResult"])
        got = self.s3.get_object(Bucket="boto", Key="dst")
        self.assertEqual((got["Body"].read(), got["Metadata"]), (b"copy me", {"m": "1"}))
        upload = self.s3.create_multipart_upload(Bucket="boto", Key="pc")["UploadId"]
        self.s3.upload_file(str(self.files / "multipart"), "boto", "pc-src")
        part = self.s3.upload_part_copy(Bucket="boto", Key="pc", UploadId=upload, PartNumber=1,
                                        CopySource="boto/pc-src",
                                        CopySourceRange="bytes=1000-6999999")
        self.s3.complete_multipart_upload(
            Bucket="boto", Key="pc", UploadId=upload, MultipartUpload={"Parts": [
                {"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]})
        whole = (self.files / "multipart").read_bytes()
        self.assertEqual(self.s3.get_object(Bucket="boto", Key="pc")["Body"].read(),
                         whole[1000:7000000])

    def test_presigned_urls_of_both_signature_versions(self):
        self.s3.put_object(Bucket="boto", Key="pre signed", Body=b"bytes")
        for version in ("s3v4", "s3"):
            url = self.client(signature_version=version).generate_presigned_url(
                "get_object", Params={"Bucket": "boto", "Key": "pre signed"})
            got = self.run_client("curl", "-fsS", url)
            self.assertEqual(got.stdout, "bytes")
            put = self.client(signature_version=version).generate_presigned_url(
                "put_object", Params={"Bucket": "boto", "Key": f"up-{version}"})
            self.run_client("curl", "-fsS", "-T", self.files / "medium", put)
            self.s3.download_file("boto", f"up-{version}", str(self.work / "presigned"))
            self.assert_same(self.work / "presigned", "medium")

    def test_streams_of_unknown_length(self):
        body = (self.files / "multipart").read_bytes()
        self.s3.upload_fileobj(io.BytesIO(body), "boto", "stream")
        self.assertEqual(self.s3.get_object(Bucket="boto", Key="stream")["Body"].read(), body)

    def test_unversioned_answers_and_missing_configurations(self):
        self.assertNotIn("Status", self.s3.get_bucket_versioning(Bucket="boto"))
        self.s3.get_bucket_location(Bucket="boto")
        self.assert_code("NoSuchLifecycleConfiguration", 404,
                         self.s3.get_bucket_lifecycle_configuration, Bucket="boto")
        self.assert_code("NoSuchKey", 404, self.s3.get_object, Bucket="boto", Key="nothing")
        self.assert_code("NoSuchUpload", 404, self.s3.list_parts, Bucket="boto", Key="k",
                         UploadId="none")
        self.assert_code("BucketNotEmpty", 409, self.s3.delete_bucket, Bucket="boto")


if __name__ == "__main__":
    print(f"boto3 {boto3.__version__}, botocore {botocore.__version__}")
    clients_case.main()
