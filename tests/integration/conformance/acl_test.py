"""Access control lists where object ownership lets them count, and where it does not."""

from conformance import Conformance, XMLNS, main

XSI = "{http://www.w3.org/2001/XMLSchema-instance}type"
ALL = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


def acl(owner, *grants):
    """`grants`: (grantee XML inner, type, permission)."""
    body = "".join(
        f'<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{kind}">{inner}</Grantee>'
        f"<Permission>{permission}</Permission></Grant>"
        for inner, kind, permission in grants
    )
    return (
        f"<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList>{body}</AccessControlList>"
        "</AccessControlPolicy>"
    ).encode()


class Lists(Conformance):
    def setUp(self):
        self.b = self.bucket(ObjectOwnership="ObjectWriter")
        self.fill(self.b, ["k"])
        self.owner = self.s3.list_buckets()["Owner"]["ID"]

    def grants(self, path):
        reply = self.check(self.raw("GET", path, "acl"), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "AccessControlPolicy")
        self.assertEqual(reply.text("Owner/ID"), self.owner)
        found = []
        for grant in reply.xml().iter(XMLNS + "Grant"):
            grantee = grant.find(XMLNS + "Grantee")
            name = grantee.find(XMLNS + "ID")
            name = grantee.find(XMLNS + "URI") if name is None else name
            self.assertEqual(
                grantee.get(XSI), "Group" if name.tag.endswith("URI") else "CanonicalUser"
            )
            found.append((name.text, grant.find(XMLNS + "Permission").text))
        return sorted(found)

    def anonymous(self, method, path, query="", body=b""):
        return self.raw(method, path, query, body=body, signer=None).status

    # Canned lists ----------------------------------------------------------------------------------------
    CANNED = (
        ("private", []),
        ("public-read", [(ALL, "READ")]),
        ("public-read-write", [(ALL, "READ"), (ALL, "WRITE")]),
        ("authenticated-read", [(AUTHENTICATED, "READ")]),
    )

    def test_default(self):
        for path in (f"/{self.b}", f"/{self.b}/k"):
            self.assertEqual(self.grants(path), [(self.owner, "FULL_CONTROL")])

    def test_canned(self):
        for name, grants in self.CANNED:
            expected = sorted([(self.owner, "FULL_CONTROL")] + grants)
            for path in (f"/{self.b}", f"/{self.b}/k"):
                with self.subTest(name=name, path=path):
                    self.check(self.raw("PUT", path, "acl", {"x-amz-acl": name}), 200)
                    self.assertEqual(self.grants(path), expected)

    def test_canned_at_creation(self):
        for name, grants in self.CANNED:
            expected = sorted([(self.owner, "FULL_CONTROL")] + grants)
            with self.subTest(name=name):
                bucket = self.bucket(ObjectOwnership="ObjectWriter", ACL=name)
                self.assertEqual(self.grants("/" + bucket), expected)
                self.raw("PUT", f"/{bucket}/k", headers={"x-amz-acl": name}, body=b"x")
                self.assertEqual(self.grants(f"/{bucket}/k"), expected)
                upload = self.s3.create_multipart_upload(Bucket=bucket, Key="m", ACL=name)[
                    "UploadId"
                ]
                etag = self.s3.upload_part(
                    Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"x"
                )["ETag"]
                self.s3.complete_multipart_upload(
                    Bucket=bucket,
                    Key="m",
                    UploadId=upload,
                    MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
                )
                self.assertEqual(self.grants(f"/{bucket}/m"), expected)
                self.s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k", ACL=name)
                self.assertEqual(self.grants(f"/{bucket}/c"), expected)

    def test_lists_are_not_copied(self):
        self.raw("PUT", f"/{self.b}/k", "acl", {"x-amz-acl": "public-read"})
        self.s3.copy_object(Bucket=self.b, Key="c", CopySource=f"{self.b}/k")
        self.assertEqual(self.grants(f"/{self.b}/c"), [(self.owner, "FULL_CONTROL")])

    def test_overwriting_resets_the_list(self):
        self.raw("PUT", f"/{self.b}/k", "acl", {"x-amz-acl": "public-read"})
        self.raw("PUT", f"/{self.b}/k", body=b"new")
        self.assertEqual(self.anonymous("GET", f"/{self.b}/k"), 403)

    def test_unknown_canned(self):
        for path in (f"/{self.b}", f"/{self.b}/k"):
            self.check(
                self.raw("PUT", path, "acl", {"x-amz-acl": "public-ready"}), 400, "InvalidArgument"
            )
        reply = self.raw("PUT", f"/{self.b}/n", headers={"x-amz-acl": "public-ready"}, body=b"x")
        self.check(reply, 400, "InvalidArgument")

    # Grants ----------------------------------------------------------------------------------------------
    def test_documents(self):
        owner = (f"<ID>{self.owner}</ID>", "CanonicalUser", "FULL_CONTROL")
        for permission in ("FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"):
            for path in (f"/{self.b}", f"/{self.b}/k"):
                body = acl(self.owner, owner, (f"<URI>{ALL}</URI>", "Group", permission))
                self.check(self.raw("PUT", path, "acl", body=body), 200)
                self.assertEqual(
                    self.grants(path), sorted([(self.owner, "FULL_CONTROL"), (ALL, permission)])
                )

    def test_an_owner_may_drop_own_rights_and_take_them_back(self):
        self.check(self.raw("PUT", f"/{self.b}/k", "acl", body=acl(self.owner)), 200)
        self.assertEqual(self.grants(f"/{self.b}/k"), [])
        self.check(self.raw("PUT", f"/{self.b}/k", "acl", {"x-amz-acl": "private"}), 200)

    def test_documents_refused(self):
        good = (f"<URI>{ALL}</URI>", "Group", "READ")
        for body, codes in (
            (b"nonsense", ("MalformedACLError",)),
            (b"<AccessControlPolicy", ("MalformedACLError",)),
            (b"<Other/>", ("MalformedACLError",)),
            (
                acl(self.owner, (good[0], good[1], "SUPER")),
                ("MalformedACLError", "MalformedXML", "InvalidArgument"),
            ),
            (
                acl(self.owner, ("<URI>http://nobody/</URI>", "Group", "READ")),
                ("InvalidArgument", "MalformedACLError"),
            ),
            (acl(self.owner, ("<ID>nobody</ID>", "CanonicalUser", "READ")), ("InvalidArgument",)),
            (acl("nobody", good), ("InvalidArgument",)),
            (acl(self.owner, (good[0], "Robot", "READ")), ("MalformedACLError",)),
            (acl("f" * 64, good), ("InvalidArgument", "MalformedACLError", "AccessDenied")),
        ):
            with self.subTest(body=body[:200]):
                reply = self.raw("PUT", f"/{self.b}/k", "acl", body=body)
                self.assertIn(reply.status, (400, 403), reply)
                self.assertIn(reply.code(), codes)

    def test_grant_headers(self):
        headers = {
            "x-amz-grant-read": f'uri="{ALL}"',
            "x-amz-grant-full-control": f'id="{self.owner}"',
            "x-amz-grant-write-acp": f"uri={AUTHENTICATED}, id={self.owner}",
        }
        expected = sorted(
            [
                (ALL, "READ"),
                (self.owner, "FULL_CONTROL"),
                (AUTHENTICATED, "WRITE_ACP"),
                (self.owner, "WRITE_ACP"),
            ]
        )
        self.check(self.raw("PUT", f"/{self.b}/k", "acl", headers), 200)
        self.assertEqual(self.grants(f"/{self.b}/k"), expected)
        self.check(self.raw("PUT", f"/{self.b}/n", headers=headers, body=b"x"), 200)
        self.assertEqual(self.grants(f"/{self.b}/n"), expected)
        headers["x-amz-acl"] = "private"
        self.check(self.raw("PUT", f"/{self.b}/k", "acl", headers), 400, "InvalidRequest")

    # What they allow -------------------------------------------------------------------------------------
    def test_what_public_lists_allow(self):
        bucket, key = f"/{self.b}", f"/{self.b}/k"
        for bucket_acl, object_acl, read, listing, write in (
            ("private", "private", 403, 403, 403),
            ("private", "public-read", 200, 403, 403),
            ("public-read", "private", 403, 200, 403),
            ("public-read-write", "private", 403, 200, 200),
            ("authenticated-read", "authenticated-read", 403, 403, 403),
            ("private", "public-read-write", 200, 403, 403),
        ):
            with self.subTest(bucket=bucket_acl, object=object_acl):
                self.raw("PUT", key, body=b"x")
                self.raw("PUT", bucket, "acl", {"x-amz-acl": bucket_acl})
                self.raw("PUT", key, "acl", {"x-amz-acl": object_acl})
                self.assertEqual(self.anonymous("GET", key), read)
                self.assertEqual(self.anonymous("HEAD", key), read)
                self.assertEqual(self.anonymous("GET", bucket), listing)
                self.assertEqual(self.anonymous("PUT", bucket + "/new", body=b"x"), write)
                self.assertEqual(self.anonymous("GET", key, "acl"), 403)
                self.assertEqual(self.anonymous("GET", bucket, "acl"), 403)
                self.raw("DELETE", bucket + "/new")

    def test_lists_may_be_read_and_written_by_grantees(self):
        key = f"/{self.b}/k"
        body = acl(self.owner, (f"<URI>{ALL}</URI>", "Group", "READ_ACP"))
        self.raw("PUT", key, "acl", body=body)
        self.assertEqual(
            (self.anonymous("GET", key, "acl"), self.anonymous("GET", key)), (200, 403)
        )

    # Public access block and ownership ---------------------------------------------------------------------
    def block(self, name):
        body = f"<PublicAccessBlockConfiguration><{name}>true</{name}></PublicAccessBlockConfiguration>".encode()
        self.check(self.raw("PUT", "/" + self.b, "publicAccessBlock", body=body), 200)

    def test_block_of_public_lists(self):
        self.block("BlockPublicAcls")
        for method, path, query in (
            ("PUT", f"/{self.b}", "acl"),
            ("PUT", f"/{self.b}/k", "acl"),
            ("PUT", f"/{self.b}/n", ""),
        ):
            for name in ("public-read", "public-read-write", "authenticated-read"):
                with self.subTest(path=path, name=name):
                    reply = self.raw(method, path, query, {"x-amz-acl": name}, b"")
                    self.check(reply, 403, "AccessDenied")
        self.check(self.raw("PUT", f"/{self.b}/k", "acl", {"x-amz-acl": "private"}), 200)

    def test_public_lists_are_ignored(self):
        self.raw("PUT", f"/{self.b}", "acl", {"x-amz-acl": "public-read"})
        self.raw("PUT", f"/{self.b}/k", "acl", {"x-amz-acl": "public-read"})
        self.assertEqual(
            (self.anonymous("GET", f"/{self.b}"), self.anonymous("GET", f"/{self.b}/k")), (200, 200)
        )
        self.block("IgnorePublicAcls")
        self.assertEqual(
            (self.anonymous("GET", f"/{self.b}"), self.anonymous("GET", f"/{self.b}/k")), (403, 403)
        )

    def ownership(self, bucket, value):
        body = f"<OwnershipControls><Rule><ObjectOwnership>{value}</ObjectOwnership></Rule></OwnershipControls>".encode()
        return self.raw("PUT", "/" + bucket, "ownershipControls", body=body)

    def test_ownership_controls(self):
        for value in ("BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced"):
            self.check(self.ownership(self.b, value), 200)
            reply = self.check(self.raw("GET", "/" + self.b, "ownershipControls"), 200)
            self.assertEqual(reply.text("Rule/ObjectOwnership"), value)
        self.check(self.ownership(self.b, "Nobody"), 400, "MalformedXML")
        self.check(self.raw("DELETE", "/" + self.b, "ownershipControls"), 204)
        self.check(
            self.raw("GET", "/" + self.b, "ownershipControls"),
            404,
            "OwnershipControlsNotFoundError",
        )

    def test_enforced_buckets_have_no_lists(self):
        bucket = self.bucket()
        self.fill(bucket, ["k"])
        for path in (f"/{bucket}", f"/{bucket}/k"):
            reply = self.raw("PUT", path, "acl", {"x-amz-acl": "public-read"})
            self.check(reply, 400, "AccessControlListNotSupported")
            for name in ("private", "bucket-owner-full-control"):
                if name == "private" or path.endswith("k"):
                    self.assertIn(
                        self.raw("PUT", path, "acl", {"x-amz-acl": name}).status, (200, 400)
                    )
            self.assertEqual(self.grants(path), [(self.owner, "FULL_CONTROL")])
        reply = self.raw("PUT", f"/{bucket}/n", headers={"x-amz-acl": "public-read"}, body=b"x")
        self.check(reply, 400, "AccessControlListNotSupported")
        for name in ("private", "bucket-owner-full-control"):
            self.check(self.raw("PUT", f"/{bucket}/n", headers={"x-amz-acl": name}, body=b"x"), 200)

    def test_enforcement_of_a_bucket_with_lists(self):
        self.raw("PUT", f"/{self.b}", "acl", {"x-amz-acl": "public-read"})
        self.check(
            self.ownership(self.b, "BucketOwnerEnforced"),
            400,
            "InvalidBucketAclWithObjectOwnership",
        )
        reply = self.raw("PUT", "/" + self.bucket_name(), headers={"x-amz-acl": "public-read"})
        self.check(reply, 400, "InvalidBucketAclWithObjectOwnership")

    def test_lists_sleep_while_ownership_is_enforced(self):
        self.raw("PUT", f"/{self.b}/k", "acl", {"x-amz-acl": "public-read"})
        self.check(self.ownership(self.b, "BucketOwnerEnforced"), 200)
        self.assertEqual(self.anonymous("GET", f"/{self.b}/k"), 403)
        self.check(self.ownership(self.b, "ObjectWriter"), 200)
        self.assertEqual(self.anonymous("GET", f"/{self.b}/k"), 200)

    def test_missing(self):
        self.check(self.raw("GET", f"/{self.b}/missing", "acl"), 404, "NoSuchKey")
        self.check(
            self.raw("PUT", f"/{self.b}/missing", "acl", {"x-amz-acl": "private"}), 404, "NoSuchKey"
        )


if __name__ == "__main__":
    main()
