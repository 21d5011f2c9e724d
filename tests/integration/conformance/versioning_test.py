"""Versions: states of a bucket, null versions, delete markers, lists of versions, deletions of many."""

import base64
import hashlib
import threading

from conformance import Conformance, PART, XMLNS, noise, main

ENABLE = b"<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>"


class Versioning(Conformance):
    def setUp(self):
        self.b = self.bucket("Enabled")

    def put(self, key="k", body=b"x", bucket=None):
        return self.s3.put_object(Bucket=bucket or self.b, Key=key, Body=body).get("VersionId")

    def delete(self, key="k", version=None):
        arguments = {"VersionId": version} if version else {}
        return self.s3.delete_object(Bucket=self.b, Key=key, **arguments)

    def versions(self, query="", bucket=None):
        query = "versions" + ("&" + query if query else "")
        return self.check(self.raw("GET", "/" + (bucket or self.b), query), 200)

    def entries(self, query="", bucket=None):
        """(kind, key, version, latest) of a list in its order."""
        out = []
        for element in self.versions(query, bucket).xml():
            kind = element.tag.split("}")[-1]
            if kind in ("Version", "DeleteMarker"):
                text = lambda name: element.find("{*}" + name).text  # noqa: E731
                out.append((kind, text("Key"), text("VersionId"), text("IsLatest") == "true"))
        return out

    # States ------------------------------------------------------------------------------------
    def test_states(self):
        bucket = self.bucket()
        reply = self.check(self.raw("GET", "/" + bucket, "versioning"), 200)
        self.assertEqual(
            (reply.xml().tag, len(reply.xml())), (XMLNS + "VersioningConfiguration", 0)
        )
        for status in (b"Enabled", b"Suspended", b"Enabled", b"Enabled"):
            self.check(self.raw("PUT", "/" + bucket, "versioning", body=ENABLE % status), 200)
            self.assertEqual(
                self.raw("GET", "/" + bucket, "versioning").text("Status"), status.decode()
            )

    def test_bad_states(self):
        for body, status, code in (
            (ENABLE % b"enabled", 400, "MalformedXML"),
            (ENABLE % b"Off", 400, "MalformedXML"),
            (b"<VersioningConfiguration/>", 400, "IllegalVersioningConfigurationException"),
            (b"nonsense", 400, "MalformedXML"),
            (b"", 400, None),
        ):
            with self.subTest(body=body):
                self.check(
                    self.raw("PUT", "/" + self.bucket(), "versioning", body=body), status, code
                )

    def test_mfa_delete_is_not_there(self):
        body = b"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>"
        reply = self.raw("PUT", "/" + self.b, "versioning", body=body)
        self.assertIn(reply.status, (400, 501), reply)

    # Writes and reads --------------------------------------------------------------------------
    def test_versions_are_kept(self):
        ids = [self.put(body=b"%d" % number) for number in range(4)]
        self.assertEqual(len(set(ids)), 4)
        self.assertNotIn("null", ids)
        self.assertEqual(self.body_of(self.b, "k"), b"3")
        for number, version in enumerate(ids):
            got = self.s3.get_object(Bucket=self.b, Key="k", VersionId=version)
            self.assertEqual((got["Body"].read(), got["VersionId"]), (b"%d" % number, version))
            self.assertEqual(
                self.s3.head_object(Bucket=self.b, Key="k", VersionId=version)["VersionId"], version
            )
        expected = [("Version", "k", version, version == ids[-1]) for version in reversed(ids)]
        self.assertEqual(self.entries(), expected)

    def test_permanent_deletion(self):
        ids = [self.put(body=b"%d" % number) for number in range(3)]
        reply = self.raw("DELETE", f"/{self.b}/k", "versionId=" + ids[2])
        self.check(reply, 204)
        self.assertEqual(reply.headers["x-amz-version-id"], ids[2])
        self.assertNotIn("x-amz-delete-marker", reply.headers)
        self.assertEqual(self.body_of(self.b, "k"), b"1")
        self.check(self.raw("GET", f"/{self.b}/k", "versionId=" + ids[2]), 404, "NoSuchVersion")
        self.assertEqual([entry[2] for entry in self.entries()], [ids[1], ids[0]])
        self.check(self.raw("DELETE", f"/{self.b}/k", "versionId=" + ids[2]), 204)

    def test_delete_markers(self):
        version = self.put()
        reply = self.check(self.raw("DELETE", f"/{self.b}/k"), 204)
        self.assertEqual(reply.headers["x-amz-delete-marker"], "true")
        marker = reply.headers["x-amz-version-id"]
        self.assertNotEqual(marker, version)
        for method in ("GET", "HEAD"):
            reply = self.check(
                self.raw(method, f"/{self.b}/k"), 404, "NoSuchKey" if method == "GET" else None
            )
            self.assertEqual(reply.headers["x-amz-delete-marker"], "true")
            self.assertEqual(reply.headers["x-amz-version-id"], marker)
            reply = self.check(self.raw(method, f"/{self.b}/k", "versionId=" + marker), 405)
            self.assertEqual(reply.headers["x-amz-delete-marker"], "true")
            self.assertEqual(reply.headers["allow"], "DELETE")
            if method == "GET":
                self.assertEqual(reply.code(), "MethodNotAllowed")
        self.assertEqual(self.s3.list_objects_v2(Bucket=self.b)["KeyCount"], 0)
        self.assertEqual(
            self.entries(), [("DeleteMarker", "k", marker, True), ("Version", "k", version, False)]
        )
        self.assertEqual(self.body_of(self.b, "k", VersionId=version), b"x")
        reply = self.check(self.raw("DELETE", f"/{self.b}/k", "versionId=" + marker), 204)
        self.assertEqual(
            (reply.headers["x-amz-delete-marker"], reply.headers["x-amz-version-id"]),
            ("true", marker),
        )
        self.assertEqual(self.body_of(self.b, "k"), b"x")

    def test_a_missing_key_gets_a_marker_too(self):
        first, second = self.delete()["VersionId"], self.delete()["VersionId"]
        self.assertEqual(
            self.entries(),
            [("DeleteMarker", "k", second, True), ("DeleteMarker", "k", first, False)],
        )

    def test_bad_version_ids(self):
        self.put()
        for text, status, code in (
            ("not-a-version", 400, "InvalidArgument"),
            ("", 400, "InvalidArgument"),
            ("null", 404, "NoSuchVersion"),
        ):
            with self.subTest(text=text):
                self.check(self.raw("GET", f"/{self.b}/k", "versionId=" + text), status, code)
        other = self.put("other")
        reply = self.check(
            self.raw("GET", f"/{self.b}/k", "versionId=" + other), 404, "NoSuchVersion"
        )
        self.assertEqual((reply.text("Key"), reply.text("VersionId")), ("k", other))
        self.check(self.raw("PUT", f"/{self.b}/k", "versionId=" + other, body=b"x"), 400)

    # The null version ----------------------------------------------------------------------------
    def test_objects_from_before(self):
        bucket = self.bucket()
        self.put(bucket=bucket, body=b"old")
        self.assertEqual(self.entries(bucket=bucket), [("Version", "k", "null", True)])
        self.versioning(bucket, "Enabled")
        self.assertEqual(self.body_of(bucket, "k", VersionId="null"), b"old")
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["VersionId"], "null")
        new = self.put(bucket=bucket, body=b"new")
        self.assertEqual(
            self.entries(bucket=bucket),
            [("Version", "k", new, True), ("Version", "k", "null", False)],
        )
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
        self.check(self.raw("GET", f"/{bucket}/k", "versionId=null"), 404, "NoSuchVersion")
        self.assertEqual(self.body_of(bucket, "k"), b"new")

    def test_suspended(self):
        kept = self.put(body=b"kept")
        self.versioning(self.b, "Suspended")
        reply = self.check(self.raw("PUT", f"/{self.b}/k", body=b"one"), 200)
        self.assertEqual(reply.headers["x-amz-version-id"], "null")
        self.put(body=b"two")
        self.assertEqual(
            self.entries(), [("Version", "k", "null", True), ("Version", "k", kept, False)]
        )
        self.assertEqual(self.body_of(self.b, "k"), b"two")
        self.assertEqual(self.body_of(self.b, "k", VersionId=kept), b"kept")
        reply = self.check(self.raw("DELETE", f"/{self.b}/k"), 204)
        self.assertEqual(
            (reply.headers["x-amz-delete-marker"], reply.headers["x-amz-version-id"]),
            ("true", "null"),
        )
        self.assertEqual(
            self.entries(), [("DeleteMarker", "k", "null", True), ("Version", "k", kept, False)]
        )
        self.put(body=b"three")
        self.assertEqual(
            self.entries(), [("Version", "k", "null", True), ("Version", "k", kept, False)]
        )
        self.versioning(self.b, "Enabled")
        new = self.put(body=b"four")
        self.assertEqual([entry[2] for entry in self.entries()], [new, "null", kept])
        self.delete(version="null")
        self.assertEqual([entry[2] for entry in self.entries()], [new, kept])

    def test_suspended_deletion_of_a_missing_key(self):
        self.versioning(self.b, "Suspended")
        self.delete()
        self.delete()
        self.assertEqual(self.entries(), [("DeleteMarker", "k", "null", True)])

    # Other writers -------------------------------------------------------------------------------
    def test_uploads_in_parts(self):
        ids, bodies = [], []
        for number in range(2):
            body = noise(PART + number, number)
            upload = self.s3.create_multipart_upload(Bucket=self.b, Key="k")["UploadId"]
            etag = self.s3.upload_part(
                Bucket=self.b, Key="k", UploadId=upload, PartNumber=1, Body=body
            )["ETag"]
            done = self.s3.complete_multipart_upload(
                Bucket=self.b,
                Key="k",
                UploadId=upload,
                MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
            )
            ids.append(done["VersionId"])
            bodies.append(body)
        for version, body in zip(ids, bodies):
            self.assertEqual(self.body_of(self.b, "k", VersionId=version), body)

    def test_tags_and_attributes_of_versions(self):
        old, new = self.put(body=b"old"), self.put(body=b"newer")
        tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
        reply = self.s3.put_object_tagging(Bucket=self.b, Key="k", VersionId=old, Tagging=tags)
        self.assertEqual(reply["VersionId"], old)
        got = self.s3.get_object_tagging(Bucket=self.b, Key="k", VersionId=old)
        self.assertEqual((got["TagSet"], got["VersionId"]), (tags["TagSet"], old))
        got = self.s3.get_object_tagging(Bucket=self.b, Key="k")
        self.assertEqual((got["TagSet"], got["VersionId"]), ([], new))
        headers = {"x-amz-object-attributes": "ObjectSize"}
        reply = self.raw("GET", f"/{self.b}/k", "attributes&versionId=" + old, headers)
        self.assertEqual((reply.text("ObjectSize"), reply.headers["x-amz-version-id"]), ("3", old))

    # Lists of versions -----------------------------------------------------------------------------
    def test_list_of_versions(self):
        self.fill(self.b, ["a/1", "a/2", "b", "b", "c d"])
        self.delete("b")
        reply = self.versions()
        self.assertEqual(reply.xml().tag, XMLNS + "ListVersionsResult")
        self.assertEqual(reply.texts("Version/Key"), ["a/1", "a/2", "b", "b", "c d"])
        self.assertEqual(reply.texts("DeleteMarker/Key"), ["b"])
        self.assertEqual(
            (
                reply.text("Name"),
                reply.text("Prefix"),
                reply.text("KeyMarker"),
                reply.text("VersionIdMarker"),
                reply.text("MaxKeys"),
                reply.text("IsTruncated"),
            ),
            (self.b, "", "", "", "1000", "false"),
        )
        for name in (
            "Version/ETag",
            "Version/Size",
            "Version/StorageClass",
            "Version/Owner/ID",
            "Version/LastModified",
        ):
            self.assertEqual(len(reply.texts(name)), 5, name)
        self.assertEqual(len(reply.texts("DeleteMarker/Owner/ID")), 1)
        reply = self.versions("delimiter=/")
        self.assertEqual(
            (reply.texts("CommonPrefixes/Prefix"), reply.texts("Version/Key")),
            (["a/"], ["b", "b", "c d"]),
        )
        self.assertEqual(self.versions("prefix=a/").texts("Version/Key"), ["a/1", "a/2"])
        reply = self.versions("prefix=c%20&encoding-type=url")
        self.assertEqual((reply.text("Version/Key"), reply.text("Prefix")), ("c%20d", "c%20"))

    def test_pages_of_versions(self):
        for key in ("a", "b", "c"):
            for _ in range(3):
                self.put(key)
        self.delete("b")
        whole = self.entries()
        self.assertEqual(len(whole), 10)
        for size in (1, 2, 3, 7):
            with self.subTest(size=size):
                found, step = [], ""
                while step is not None:
                    reply = self.versions(f"max-keys={size}{step}")
                    page = self.entries(f"max-keys={size}{step}")
                    self.assertLessEqual(len(page), size)
                    found += page
                    step = None
                    if reply.text("IsTruncated") == "true":
                        step = (
                            f"&key-marker={reply.text('NextKeyMarker')}"
                            f"&version-id-marker={reply.text('NextVersionIdMarker')}"
                        )
                self.assertEqual(found, whole)
        self.assertEqual(self.entries("key-marker=a"), [entry for entry in whole if entry[1] > "a"])

    def test_list_of_versions_refuses(self):
        version = self.put()
        for query in (
            "version-id-marker=" + version,
            "key-marker=k&version-id-marker=nonsense",
            "key-marker=k&version-id-marker=",
            "max-keys=-1",
            "max-keys=x",
            "encoding-type=base64",
        ):
            with self.subTest(query=query):
                self.check(
                    self.raw("GET", "/" + self.b, "versions&" + query), 400, "InvalidArgument"
                )

    def test_list_of_an_empty_bucket(self):
        self.assertEqual(self.entries(), [])
        self.assertEqual(self.versions("max-keys=0").text("IsTruncated"), "false")

    # Many at once ----------------------------------------------------------------------------------
    def delete_many(self, objects):
        body = (
            "<Delete>"
            + "".join(
                f"<Object><Key>{key}</Key>"
                + (f"<VersionId>{version}</VersionId>" if version else "")
                + "</Object>"
                for key, version in objects
            )
            + "</Delete>"
        )
        md5 = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
        return self.check(
            self.raw("POST", "/" + self.b, "delete", {"content-md5": md5}, body.encode()), 200
        )

    def test_deletion_of_many(self):
        ids = [self.put(f"k{number}") for number in range(3)]
        reply = self.delete_many([(f"k{number}", None) for number in range(3)])
        self.assertEqual(reply.texts("Deleted/DeleteMarker"), ["true"] * 3)
        markers = reply.texts("Deleted/DeleteMarkerVersionId")
        self.assertEqual(reply.texts("Deleted/VersionId"), [])
        self.assertEqual(len(set(markers)), 3)
        reply = self.delete_many([(f"k{number}", version) for number, version in enumerate(ids)])
        self.assertEqual(reply.texts("Deleted/VersionId"), ids)
        self.assertEqual(reply.texts("Deleted/DeleteMarker"), [])
        reply = self.delete_many(
            [(f"k{number}", version) for number, version in enumerate(markers)]
        )
        self.assertEqual(reply.texts("Deleted/DeleteMarkerVersionId"), markers)
        self.assertEqual(reply.texts("Deleted/DeleteMarker"), ["true"] * 3)
        self.assertEqual(self.entries(), [])

    def test_deletions_of_many_side_by_side(self):
        for key in range(4):
            for _ in range(3):
                self.put(f"k{key}")
        objects = [(key, version) for _, key, version, _ in self.entries()]
        replies = []
        threads = [
            threading.Thread(target=lambda: replies.append(self.delete_many(objects)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for reply in replies:
            self.assertEqual((len(reply.texts("Deleted")), reply.texts("Error")), (12, []))
        self.assertEqual(self.entries(), [])

    def test_writers_side_by_side(self):
        ids, lock = [], threading.Lock()

        def write(number):
            version = self.put(body=b"%d" % number)
            with lock:
                ids.append(version)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(entry[2] for entry in self.entries()), sorted(ids))
        self.assertEqual([entry[3] for entry in self.entries()], [True] + [False] * 7)


if __name__ == "__main__":
    main()
