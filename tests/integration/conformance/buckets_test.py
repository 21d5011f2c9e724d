"""Buckets: names, creation, location, heads, deletion, the list of buckets."""

from conformance import Conformance, XMLNS, main

CREATE = (
    '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>"
)


class Buckets(Conformance):
    # Names -------------------------------------------------------------------------------------
    def test_good_names(self):
        for name in (
            "abc",
            "a" * 63,
            "0start",
            "end9",
            "a.b",
            "a-b",
            "a.b.c-d",
            "bucket--twice",
            "1234",
            "my.bucket.name",
            "1.2.3",
            "1.2.3.4a",
            "xn-no-reserved-prefix",
        ):
            with self.subTest(name=name):
                self.check(self.raw("PUT", "/" + name), 200)
                self.check(self.raw("HEAD", "/" + name), 200)
                self.check(self.raw("DELETE", "/" + name), 204)

    def test_bad_names(self):
        for name in (
            "ab",
            "a",
            "a" * 64,
            "Upper",
            "under_score",
            "-start",
            "end-",
            ".start",
            "end.",
            "two..dots",
            "dash-.dot",
            "dot.-dash",
            "192.168.5.123",
            "1.2.3.4",
            "xn--punycode",
            "sthree-x",
            "amzn-s3-demo-x",
            "x-s3alias",
            "x--ol-s3",
            "x.mrap",
            "x--x-s3",
            "x--table-s3",
            "exclamation!",
            "sp%20ace",
            "%C3%A4%C3%B6%C3%BC",
            "a*b",
            "a" * 250,
        ):
            with self.subTest(name=name):
                self.check(self.raw("PUT", "/" + name), 400, "InvalidBucketName")

    def test_bad_name_on_read_is_not_found_or_invalid(self):
        reply = self.raw("GET", "/Upper_Case")
        self.assertIn(
            (reply.status, reply.code()), ((404, "NoSuchBucket"), (400, "InvalidBucketName"))
        )

    # Creation ----------------------------------------------------------------------------------
    def test_create_replies_with_location(self):
        name = self.bucket_name()
        reply = self.check(self.raw("PUT", "/" + name), 200)
        self.assertEqual(reply.headers["location"], "/" + name)
        self.assertEqual(reply.body, b"")

    def test_create_with_trailing_slash_is_the_same_bucket(self):
        name = self.bucket_name()
        self.check(self.raw("PUT", f"/{name}/"), 200)
        self.check(self.raw("HEAD", f"/{name}"), 200)
        self.check(self.raw("HEAD", f"/{name}/"), 200)
        self.check(self.raw("DELETE", f"/{name}/"), 204)

    def test_create_again_in_us_east_1_is_200_and_keeps_the_objects(self):
        name = self.bucket()
        self.fill(name, ["kept"])
        self.assertEqual(self.status_of(self.s3.create_bucket(Bucket=name)), 200)
        self.assertEqual(self.body_of(name, "kept"), b"kept")

    def test_create_again_changes_no_access_control_list(self):
        lists = {"x-amz-object-ownership": "ObjectWriter"}
        public = dict(lists, **{"x-amz-acl": "public-read"})
        open_one, closed_one = self.bucket_name(), self.bucket_name()
        self.check(self.raw("PUT", "/" + open_one, headers=public), 200)
        self.check(self.raw("PUT", "/" + closed_one, headers=lists), 200)
        self.check(self.raw("PUT", "/" + open_one, headers=public), 200)
        self.check(self.raw("PUT", "/" + closed_one), 200)
        for name, headers in ((open_one, lists), (open_one, {}), (closed_one, public)):
            with self.subTest(name=name, headers=headers):
                self.check(
                    self.raw("PUT", "/" + name, headers=headers), 409, "BucketAlreadyExists"
                )
        self.check(self.raw("GET", "/" + open_one, signer=None), 200)
        self.check(self.raw("GET", "/" + closed_one, signer=None), 403)

    def test_create_with_tags(self):
        name = self.bucket_name()
        tag = "<Tag><Key>{}</Key><Value>{}</Value></Tag>"
        body = "<CreateBucketConfiguration><Tags>{}</Tags></CreateBucketConfiguration>"
        for tags, code in (
            (tag.format("k" * 129, "v"), "InvalidTag"),
            (tag.format("user!name", "v"), "InvalidTag"),
            (tag.format("k", "(v)"), "InvalidTag"),
            (tag.format("k", "1") + tag.format("k", "2"), "InvalidTag"),
            ("".join(tag.format(f"k{i}", i) for i in range(51)), "BadRequest"),
            ("<Tag><Key>k</Key></Tag>", "MalformedXML"),
            ("<Other/>", "MalformedXML"),
        ):
            with self.subTest(tags=tags[:80]):
                reply = self.raw("PUT", "/" + name, body=body.format(tags).encode())
                self.check(reply, 400, code)
        self.check(self.raw("HEAD", "/" + name), 404)
        sent = body.format(tag.format("team", "blue") + tag.format("empty", "")).encode()
        self.check(self.raw("PUT", "/" + name, body=sent), 200)
        reply = self.check(self.raw("GET", "/" + name, "tagging"), 200)
        self.assertEqual(reply.texts("TagSet/Tag/Key"), ["team", "empty"])
        self.assertEqual(reply.texts("TagSet/Tag/Value"), ["blue", ""])

    def test_create_and_head_tell_the_arn(self):
        name = self.bucket_name()
        for method in ("PUT", "HEAD"):
            reply = self.check(self.raw(method, "/" + name), 200)
            self.assertEqual(reply.headers["x-amz-bucket-arn"], "arn:aws:s3:::" + name)

    def test_create_with_configuration(self):
        for body in (
            CREATE.format("us-east-1"),
            CREATE.format("eu-west-1"),
            CREATE.format(""),
            "<CreateBucketConfiguration/>",
            CREATE.format("us-east-1").replace(
                ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', ""
            ),
        ):
            with self.subTest(body=body):
                self.check(self.raw("PUT", "/" + self.bucket_name(), body=body.encode()), 200)

    def test_create_with_malformed_configuration(self):
        for body in ("<CreateBucketConfiguration>", "no xml", "<Other/>"):
            with self.subTest(body=body):
                self.check(
                    self.raw("PUT", "/" + self.bucket_name(), body=body.encode()),
                    400,
                    "MalformedXML",
                )

    def test_create_with_lock_enables_versioning(self):
        name = self.bucket(ObjectLockEnabledForBucket=True)
        self.assertEqual(self.s3.get_bucket_versioning(Bucket=name)["Status"], "Enabled")
        lock = self.s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
        self.assertEqual(lock, {"ObjectLockEnabled": "Enabled"})

    # Looking at buckets ------------------------------------------------------------------------
    def test_head_tells_the_region(self):
        name = self.bucket()
        self.assertEqual(
            self.check(self.raw("HEAD", "/" + name), 200).headers["x-amz-bucket-region"],
            "us-east-1",
        )
        reply = self.raw("HEAD", "/missing-bucket")
        self.assertEqual((reply.status, reply.body), (404, b""))
        self.assertIn("x-amz-bucket-region", reply.headers)

    def test_location_of_us_east_1_is_empty(self):
        reply = self.check(self.raw("GET", "/" + self.bucket(), "location"), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "LocationConstraint")
        self.assertIsNone(reply.xml().text)

    def test_missing_bucket(self):
        for method, query, code in (
            ("GET", "", "NoSuchBucket"),
            ("GET", "list-type=2", "NoSuchBucket"),
            ("GET", "location", "NoSuchBucket"),
            ("GET", "acl", "NoSuchBucket"),
            ("GET", "versioning", "NoSuchBucket"),
            ("GET", "policy", "NoSuchBucket"),
            ("GET", "versions", "NoSuchBucket"),
            ("GET", "uploads", "NoSuchBucket"),
            ("GET", "tagging", "NoSuchBucket"),
            ("GET", "cors", "NoSuchBucket"),
            ("GET", "lifecycle", "NoSuchBucket"),
            ("DELETE", "", "NoSuchBucket"),
            ("GET", "encryption", "NoSuchBucket"),
            ("GET", "website", "NoSuchBucket"),
            ("DELETE", "policy", "NoSuchBucket"),
            ("DELETE", "cors", "NoSuchBucket"),
        ):
            with self.subTest(method=method, query=query):
                self.check(self.raw(method, "/missing-bucket", query), 404, code)
        for method in ("GET", "PUT", "DELETE"):
            with self.subTest(method=method):
                reply = self.check(self.raw(method, "/missing-bucket/key"), 404, "NoSuchBucket")
                self.assertEqual(reply.text("BucketName"), "missing-bucket")

    # Deletion ----------------------------------------------------------------------------------
    def test_delete(self):
        name = self.bucket()
        reply = self.check(self.raw("DELETE", "/" + name), 204)
        self.assertEqual(reply.body, b"")
        self.check(self.raw("DELETE", "/" + name), 404, "NoSuchBucket")

    def test_delete_while_not_empty(self):
        name = self.bucket()
        self.fill(name, ["a"])
        self.fails(409, "BucketNotEmpty", self.s3.delete_bucket, Bucket=name)
        self.s3.delete_object(Bucket=name, Key="a")
        self.s3.delete_bucket(Bucket=name)

    def test_versions_and_markers_keep_a_bucket(self):
        name = self.bucket("Enabled")
        version = self.s3.put_object(Bucket=name, Key="a", Body=b"1")["VersionId"]
        marker = self.s3.delete_object(Bucket=name, Key="a")["VersionId"]
        self.fails(409, "BucketNotEmpty", self.s3.delete_bucket, Bucket=name)
        self.s3.delete_object(Bucket=name, Key="a", VersionId=version)
        self.fails(409, "BucketNotEmpty", self.s3.delete_bucket, Bucket=name)
        self.s3.delete_object(Bucket=name, Key="a", VersionId=marker)
        self.s3.delete_bucket(Bucket=name)

    def test_uploads_under_way_do_not_keep_a_bucket(self):
        name = self.bucket()
        self.s3.create_multipart_upload(Bucket=name, Key="a")
        self.s3.delete_bucket(Bucket=name)

    def test_configuration_does_not_survive_deletion(self):
        name = self.bucket("Enabled")
        self.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        self.s3.delete_bucket(Bucket=name)
        self.s3.create_bucket(Bucket=name)
        self.assertNotIn("Status", self.s3.get_bucket_versioning(Bucket=name))
        self.fails(404, "NoSuchTagSet", self.s3.get_bucket_tagging, Bucket=name)

    # The list ----------------------------------------------------------------------------------
    def test_list(self):
        names = sorted(self.bucket() for _ in range(3))
        reply = self.check(self.raw("GET", "/"), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "ListAllMyBucketsResult")
        listed = reply.texts("Buckets/Bucket/Name")
        self.assertEqual([name for name in listed if name in names], names)
        self.assertEqual(len(reply.texts("Buckets/Bucket/CreationDate")), len(listed))
        self.assertTrue(reply.text("Owner/ID"))
        for date in reply.texts("Buckets/Bucket/CreationDate"):
            self.assertRegex(date, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_list_in_pages(self):
        names = [f"paged-{number}" for number in range(5)]
        for name in names:
            self.s3.create_bucket(Bucket=name)
        found, token = [], ""
        while True:
            query = "max-buckets=2&prefix=paged-" + (
                f"&continuation-token={token}" if token else ""
            )
            reply = self.check(self.raw("GET", "/", query), 200)
            page = reply.texts("Buckets/Bucket/Name")
            self.assertLessEqual(len(page), 2)
            self.assertEqual(reply.text("Prefix"), "paged-")
            found += page
            token = reply.text("ContinuationToken")
            if not token:
                break
        self.assertEqual(found, names)

    def test_list_refuses_bad_page_sizes(self):
        for value in ("0", "-1", "10001", "x"):
            with self.subTest(value=value):
                self.check(self.raw("GET", "/", "max-buckets=" + value), 400, "InvalidArgument")

    def test_list_needs_a_signature(self):
        self.check(self.raw("GET", "/", signer=None), 403, "AccessDenied")

    # The expected owner --------------------------------------------------------------------------
    def test_expected_owner(self):
        name = self.bucket()
        self.fill(name, ["a"])
        wrong = {"x-amz-expected-bucket-owner": "000000000000"}
        for method, path, query in (
            ("GET", "/" + name, ""),
            ("GET", f"/{name}/a", ""),
            ("HEAD", "/" + name, ""),
            ("PUT", f"/{name}/b", ""),
            ("DELETE", f"/{name}/a", ""),
            ("GET", "/" + name, "versioning"),
        ):
            with self.subTest(method=method, path=path):
                reply = self.check(self.raw(method, path, query, wrong), 403)
                if method != "HEAD":
                    self.assertEqual(reply.code(), "AccessDenied")
        owner = {"x-amz-expected-bucket-owner": self.s3.list_buckets()["Owner"]["ID"]}
        self.check(self.raw("GET", f"/{name}/a", headers=owner), 200)

    def test_unknown_methods(self):
        name = self.bucket()
        for method, path in (
            ("PATCH", "/" + name),
            ("POST", "/"),
            ("DELETE", "/"),
            ("PUT", "/"),
            ("PATCH", f"/{name}/k"),
        ):
            with self.subTest(method=method, path=path):
                self.check(self.raw(method, path), 405, "MethodNotAllowed")


if __name__ == "__main__":
    main()
