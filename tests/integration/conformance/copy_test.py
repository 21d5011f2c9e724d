"""CopyObject: sources and how they are written, directives, a copy onto itself, sizes, versions."""

import hashlib

from conformance import PART, Conformance, XMLNS, md5_etag, noise, main


class Copy(Conformance):
    def setUp(self):
        self.b = self.bucket()
        self.s3.put_object(
            Bucket=self.b,
            Key="source",
            Body=b"bar",
            Metadata={"a": "1"},
            ContentType="text/x",
            CacheControl="no-cache",
            Tagging="t=1",
            StorageClass="STANDARD_IA",
        )

    def copy(self, source, key="copy", headers=None, bucket=None):
        headers = dict({"x-amz-copy-source": source}, **(headers or {}))
        return self.raw("PUT", f"/{bucket or self.b}/{key}", headers=headers)

    # Sources -----------------------------------------------------------------------------------
    def test_reply(self):
        reply = self.check(self.copy(f"/{self.b}/source"), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "CopyObjectResult")
        self.assertEqual(reply.text("ETag"), md5_etag(b"bar"))
        self.assertRegex(reply.text("LastModified"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(reply.headers["content-type"], "application/xml")
        self.assertEqual(self.body_of(self.b, "copy"), b"bar")

    def test_forms_of_the_source(self):
        for key, written in (
            ("source", "{}/source"),
            ("source", "/{}/source"),
            ("source", "{}%2Fsource"),
            ("source", "%2F{}%2Fsource"),
            ("a b", "{}/a%20b"),
            ("a b", "{}/a+b"),
            ("a+b", "{}/a%2Bb"),
            ("?x=1", "{}/%3Fx%3D1"),
            ("ä/ö", "{}/%C3%A4/%C3%B6"),
            ("d//e/", "{}/d//e/"),
            ("100%25", "{}/100%2525"),
            ("v?versionId=1", "{}/v%3FversionId%3D1"),
        ):
            with self.subTest(written=written):
                if key != "source":
                    self.s3.put_object(Bucket=self.b, Key=key, Body=key.encode())
                self.check(self.copy(written.format(self.b)), 200)
                self.assertEqual(
                    self.body_of(self.b, "copy"), b"bar" if key == "source" else key.encode()
                )

    def test_bad_sources(self):
        for source, status, code in (
            (f"/{self.b}/missing", 404, "NoSuchKey"),
            ("/missing-bucket/k", 404, "NoSuchBucket"),
            ("nokey", 400, "InvalidArgument"),
            ("", 400, "InvalidArgument"),
            ("/", 400, "InvalidArgument"),
            (f"/{self.b}/", 400, "InvalidArgument"),
            (f"/{self.b}/source?versionId=", 400, "InvalidArgument"),
            (f"/{self.b}/%ff", 400, None),
        ):
            with self.subTest(source=source):
                self.check(self.copy(source), status, code)

    def test_to_another_bucket(self):
        other = self.bucket()
        self.check(self.copy(f"/{self.b}/source", bucket=other), 200)
        self.assertEqual(self.body_of(other, "copy"), b"bar")
        self.check(self.copy(f"/{self.b}/source", bucket="missing-bucket"), 404, "NoSuchBucket")

    def test_empty_and_large_objects(self):
        for body in (b"", noise(3 * PART + 5, "large")):
            self.s3.put_object(Bucket=self.b, Key="source", Body=body)
            self.check(self.copy(f"/{self.b}/source"), 200)
            self.assertEqual(self.body_of(self.b, "copy"), body)

    def test_object_of_parts(self):
        bodies = [noise(PART, 1), b"end"]
        upload = self.s3.create_multipart_upload(Bucket=self.b, Key="parts")["UploadId"]
        done = [
            {
                "PartNumber": number,
                "ETag": self.s3.upload_part(
                    Bucket=self.b, Key="parts", UploadId=upload, PartNumber=number, Body=body
                )["ETag"],
            }
            for number, body in enumerate(bodies, 1)
        ]
        self.s3.complete_multipart_upload(
            Bucket=self.b, Key="parts", UploadId=upload, MultipartUpload={"Parts": done}
        )
        self.check(self.copy(f"/{self.b}/parts"), 200)
        self.assertEqual(self.body_of(self.b, "copy"), b"".join(bodies))

    def test_the_copy_outlives_its_source(self):
        self.check(self.copy(f"/{self.b}/source"), 200)
        self.s3.delete_object(Bucket=self.b, Key="source")
        self.assertEqual(self.body_of(self.b, "copy"), b"bar")

    # Directives --------------------------------------------------------------------------------
    def test_metadata_is_copied(self):
        headers = {"x-amz-meta-b": "2", "content-type": "text/y", "cache-control": "public"}
        for directive in ({}, {"x-amz-metadata-directive": "COPY"}):
            self.check(self.copy(f"/{self.b}/source", headers=dict(headers, **directive)), 200)
            got = self.s3.head_object(Bucket=self.b, Key="copy")
            self.assertEqual(
                (got["Metadata"], got["ContentType"], got["CacheControl"]),
                ({"a": "1"}, "text/x", "no-cache"),
            )

    def test_metadata_is_replaced(self):
        headers = {
            "x-amz-meta-b": "2",
            "content-type": "text/y",
            "x-amz-metadata-directive": "REPLACE",
        }
        self.check(self.copy(f"/{self.b}/source", headers=headers), 200)
        got = self.s3.head_object(Bucket=self.b, Key="copy")
        self.assertEqual((got["Metadata"], got["ContentType"]), ({"b": "2"}, "text/y"))
        self.assertNotIn("CacheControl", got)
        self.check(
            self.copy(f"/{self.b}/source", headers={"x-amz-metadata-directive": "REPLACE"}), 200
        )
        got = self.s3.head_object(Bucket=self.b, Key="copy")
        self.assertEqual((got["Metadata"], got["ContentType"]), ({}, "binary/octet-stream"))

    def test_storage_class_is_of_the_request(self):
        self.check(self.copy(f"/{self.b}/source"), 200)
        self.assertNotIn("StorageClass", self.s3.head_object(Bucket=self.b, Key="copy"))
        self.check(
            self.copy(f"/{self.b}/source", headers={"x-amz-storage-class": "ONEZONE_IA"}), 200
        )
        self.assertEqual(
            self.s3.head_object(Bucket=self.b, Key="copy")["StorageClass"], "ONEZONE_IA"
        )

    def test_tags(self):
        for headers, expected in (
            ({}, [{"Key": "t", "Value": "1"}]),
            ({"x-amz-tagging": "u=2"}, [{"Key": "t", "Value": "1"}]),
            (
                {"x-amz-tagging-directive": "COPY", "x-amz-tagging": "u=2"},
                [{"Key": "t", "Value": "1"}],
            ),
            (
                {"x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "u=2"},
                [{"Key": "u", "Value": "2"}],
            ),
            ({"x-amz-tagging-directive": "REPLACE"}, []),
        ):
            with self.subTest(headers=headers):
                self.check(self.copy(f"/{self.b}/source", headers=headers), 200)
                self.assertEqual(
                    self.s3.get_object_tagging(Bucket=self.b, Key="copy")["TagSet"], expected
                )

    def test_unknown_directives(self):
        for name in ("x-amz-metadata-directive", "x-amz-tagging-directive"):
            self.check(
                self.copy(f"/{self.b}/source", headers={name: "MAYBE"}), 400, "InvalidArgument"
            )

    # Onto itself ---------------------------------------------------------------------------------
    def test_onto_itself_changes_something_or_is_refused(self):
        for headers, status in (
            ({}, 400),
            ({"x-amz-metadata-directive": "COPY"}, 400),
            ({"x-amz-metadata-directive": "REPLACE", "x-amz-meta-c": "3"}, 200),
            ({"x-amz-storage-class": "ONEZONE_IA"}, 200),
            ({"x-amz-website-redirect-location": "/x"}, 200),
            ({"x-amz-server-side-encryption": "AES256"}, 200),
        ):
            with self.subTest(headers=headers):
                self.check(
                    self.copy(f"/{self.b}/source", key="source", headers=headers),
                    status,
                    "InvalidRequest" if status == 400 else None,
                )
                self.assertEqual(self.body_of(self.b, "source"), b"bar")

    # Versions ------------------------------------------------------------------------------------
    def test_versions(self):
        bucket = self.bucket("Enabled")
        ids = [
            self.s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"]
            for body in (b"one", b"two")
        ]
        for version, body in zip(ids, (b"one", b"two")):
            reply = self.check(self.copy(f"/{bucket}/k?versionId={version}", bucket=bucket), 200)
            self.assertEqual(reply.headers["x-amz-copy-source-version-id"], version)
            new = reply.headers["x-amz-version-id"]
            self.assertNotIn(new, ids)
            self.assertEqual(self.body_of(bucket, "copy", VersionId=new), body)
        reply = self.check(self.copy(f"/{bucket}/k", bucket=self.b), 200)
        self.assertEqual(reply.headers["x-amz-copy-source-version-id"], ids[1])
        self.assertNotIn("x-amz-version-id", reply.headers)

    def test_an_older_version_onto_itself(self):
        bucket = self.bucket("Enabled")
        old = self.s3.put_object(Bucket=bucket, Key="k", Body=b"old")["VersionId"]
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"new")
        self.check(self.copy(f"/{bucket}/k?versionId={old}", key="k", bucket=bucket), 200)
        self.assertEqual(self.body_of(bucket, "k"), b"old")

    def test_missing_versions_and_markers(self):
        bucket = self.bucket("Enabled")
        version = self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
        self.check(self.copy(f"/{bucket}/other?versionId={version}"), 404, "NoSuchVersion")
        marker = self.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
        self.check(self.copy(f"/{bucket}/k"), 404, "NoSuchKey")
        self.check(self.copy(f"/{bucket}/k?versionId={marker}"), 400, "InvalidRequest")
        self.check(self.copy(f"/{bucket}/k?versionId=not-a-version"), 400, "InvalidArgument")

    def test_a_body_is_not_part_of_a_copy(self):
        self.assertEqual(
            hashlib.md5(b"bar").hexdigest(), self.copy(f"{self.b}/source").text("ETag").strip('"')
        )


if __name__ == "__main__":
    main()
