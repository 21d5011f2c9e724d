"""Two accounts: whose a bucket and an object are, and what one may do with the other's."""

import json

from accounts import AccountCase
from conformance import XMLNS, main

GRANT = (
    "<AccessControlPolicy><Owner><ID>{}</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="
    '"http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>{}</ID></Grantee>'
    "<Permission>{}</Permission></Grant></AccessControlList></AccessControlPolicy>"
)


class Accounts(AccountCase):
    def setUp(self):
        self.b = self.bucket(ObjectOwnership="ObjectWriter")
        self.fill(self.b, ["k"])

    def grant(self, path, permission):
        body = GRANT.format(self.owner, self.alt_owner, permission).encode()
        self.check(self.raw("PUT", path, "acl", body=body), 200)

    def policy(self, action, resource="/*", principal="*", effect="Allow", **more):
        statement = {
            "Effect": effect,
            "Principal": principal,
            "Action": action,
            "Resource": f"arn:aws:s3:::{self.b}{resource}",
        }
        statement.update(more)
        body = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
        self.check(self.raw("PUT", "/" + self.b, "policy", body=body), 204)

    # Names and lists -------------------------------------------------------------------------------------
    def test_names_are_shared(self):
        self.assertNotEqual(self.owner, self.alt_owner)
        self.check(self.as_alt("PUT", "/" + self.b), 409, "BucketAlreadyExists")
        self.assertNotIn(self.b, [bucket["Name"] for bucket in self.alt.list_buckets()["Buckets"]])

    def test_nothing_of_another_account_is_open(self):
        path = f"/{self.b}"
        for method, key, query in (
            ("GET", "/k", ""),
            ("HEAD", "/k", ""),
            ("PUT", "/k", ""),
            ("PUT", "/n", ""),
            ("DELETE", "/k", ""),
            ("GET", "/missing", ""),
            ("GET", "", ""),
            ("HEAD", "", ""),
            ("DELETE", "", ""),
            ("GET", "", "versions"),
            ("GET", "", "uploads"),
            ("GET", "", "policy"),
            ("GET", "", "acl"),
            ("GET", "/k", "acl"),
            ("GET", "/k", "tagging"),
            ("GET", "", "location"),
            ("GET", "", "versioning"),
            ("POST", "/k", "uploads"),
            ("GET", "", "lifecycle"),
            ("DELETE", "", "policy"),
            ("GET", "", "ownershipControls"),
        ):
            with self.subTest(method=method, key=key, query=query):
                reply = self.check(
                    self.as_alt(method, path + key, query, body=b"x" if method == "PUT" else b""),
                    403,
                )
                if method != "HEAD":
                    self.assertEqual(reply.code(), "AccessDenied")
        self.assertEqual(self.body_of(self.b, "k"), b"k")

    # Lists -----------------------------------------------------------------------------------------------
    def test_canned_lists(self):
        for bucket_acl, object_acl, read, listing, write in (
            ("private", "private", 403, 403, 403),
            ("private", "public-read", 200, 403, 403),
            ("private", "public-read-write", 200, 403, 403),
            ("public-read", "private", 403, 200, 403),
            ("public-read", "public-read", 200, 200, 403),
            ("public-read-write", "private", 403, 200, 200),
            ("authenticated-read", "authenticated-read", 200, 200, 403),
        ):
            with self.subTest(bucket=bucket_acl, object=object_acl):
                self.raw("PUT", f"/{self.b}/k", headers={"x-amz-acl": object_acl}, body=b"x")
                self.check(self.raw("PUT", f"/{self.b}", "acl", {"x-amz-acl": bucket_acl}), 200)
                self.assertEqual(self.as_alt("GET", f"/{self.b}/k").status, read)
                self.assertEqual(self.as_alt("GET", f"/{self.b}").status, listing)
                self.assertEqual(self.as_alt("PUT", f"/{self.b}/new", body=b"x").status, write)
                self.assertEqual(self.as_alt("PUT", f"/{self.b}/k", body=b"y").status, write)

    def test_grants_on_buckets(self):
        key = f"/{self.b}/k"
        for permission, listing, write, read_acl, write_acl in (
            ("READ", 200, 403, 403, 403),
            ("WRITE", 403, 200, 403, 403),
            ("READ_ACP", 403, 403, 200, 403),
            ("WRITE_ACP", 403, 403, 403, 200),
            ("FULL_CONTROL", 200, 200, 200, 200),
        ):
            with self.subTest(permission=permission):
                self.grant(f"/{self.b}", permission)
                self.assertEqual(self.as_alt("GET", f"/{self.b}").status, listing)
                self.assertEqual(self.as_alt("PUT", f"/{self.b}/new", body=b"x").status, write)
                self.assertEqual(self.as_alt("GET", f"/{self.b}", "acl").status, read_acl)
                self.assertEqual(
                    self.as_alt("PUT", f"/{self.b}", "acl", {"x-amz-acl": "private"}).status,
                    write_acl,
                )
                self.assertEqual(self.as_alt("GET", key).status, 403)

    def test_grants_on_objects(self):
        key = f"/{self.b}/k"
        for permission, read, read_acl, write_acl in (
            ("READ", 200, 403, 403),
            ("WRITE", 403, 403, 403),
            ("READ_ACP", 403, 200, 403),
            ("WRITE_ACP", 403, 403, 200),
            ("FULL_CONTROL", 200, 200, 200),
        ):
            with self.subTest(permission=permission):
                self.grant(key, permission)
                self.assertEqual(self.as_alt("GET", key).status, read)
                self.assertEqual(self.as_alt("GET", key, "acl").status, read_acl)
                self.assertEqual(
                    self.as_alt("PUT", key, "acl", {"x-amz-acl": "private"}).status, write_acl
                )
                self.assertEqual(self.as_alt("PUT", key, body=b"x").status, 403)

    def test_objects_belong_to_their_writer(self):
        self.check(self.raw("PUT", f"/{self.b}", "acl", {"x-amz-acl": "public-read-write"}), 200)
        path = f"/{self.b}/theirs"
        self.check(self.as_alt("PUT", path, body=b"x"), 200)
        self.assertEqual(self.as_alt("GET", path, "acl").text("Owner/ID"), self.alt_owner)
        self.assertEqual(self.as_alt("GET", path).status, 200)
        self.assertEqual(self.raw("GET", path).status, 403)
        self.check(
            self.as_alt("PUT", path, headers={"x-amz-acl": "bucket-owner-read"}, body=b"x"), 200
        )
        self.assertEqual(
            (self.raw("GET", path).status, self.raw("GET", path, "acl").status), (200, 403)
        )
        self.check(
            self.as_alt("PUT", path, headers={"x-amz-acl": "bucket-owner-full-control"}, body=b"x"),
            200,
        )
        reply = self.check(self.raw("GET", path, "acl"), 200)
        self.assertEqual(
            sorted(reply.texts("AccessControlList/Grant/Grantee/ID")),
            sorted([self.owner, self.alt_owner]),
        )
        self.assertEqual(self.raw("DELETE", path).status, 204)

    def ownership(self, value):
        body = f"<OwnershipControls><Rule><ObjectOwnership>{value}</ObjectOwnership></Rule></OwnershipControls>"
        self.check(self.raw("PUT", "/" + self.b, "ownershipControls", body=body.encode()), 200)

    def test_preferred_owners(self):
        self.ownership("BucketOwnerPreferred")
        self.grant(f"/{self.b}", "WRITE")
        self.as_alt("PUT", f"/{self.b}/theirs", body=b"x")
        self.assertEqual(self.raw("GET", f"/{self.b}/theirs").status, 403)
        self.as_alt(
            "PUT", f"/{self.b}/ours", headers={"x-amz-acl": "bucket-owner-full-control"}, body=b"x"
        )
        reply = self.check(self.raw("GET", f"/{self.b}/ours", "acl"), 200)
        self.assertEqual(reply.text("Owner/ID"), self.owner)

    def test_enforced_owners(self):
        self.ownership("BucketOwnerEnforced")
        self.policy(["s3:PutObject", "s3:GetObject"], principal={"CanonicalUser": self.alt_owner})
        self.check(self.as_alt("PUT", f"/{self.b}/n", body=b"x"), 200)
        headers = {"x-amz-acl": "bucket-owner-full-control"}
        self.assertIn(
            self.as_alt("PUT", f"/{self.b}/n", headers=headers, body=b"x").status, (200, 403)
        )
        self.assertEqual(self.raw("GET", f"/{self.b}/n", "acl").text("Owner/ID"), self.owner)
        self.assertEqual(self.body_of(self.b, "n"), b"x")

    # Policies --------------------------------------------------------------------------------------------
    def test_policies_open_a_bucket(self):
        number = self.account_number(self.alt_signer)
        for principal in (
            "*",
            {"AWS": "*"},
            {"AWS": number},
            {"AWS": f"arn:aws:iam::{number}:root"},
            {"CanonicalUser": self.alt_owner},
        ):
            with self.subTest(principal=principal):
                self.policy("s3:GetObject", principal=principal)
                self.assertEqual(self.as_alt("GET", f"/{self.b}/k").status, 200)
                self.assertEqual(self.as_alt("PUT", f"/{self.b}/k", body=b"x").status, 403)
                self.assertEqual(self.as_alt("GET", f"/{self.b}").status, 403)
                self.raw("DELETE", "/" + self.b, "policy")
                self.assertEqual(self.as_alt("GET", f"/{self.b}/k").status, 403)

    def account_number(self, signer):
        import boto3

        client = boto3.client(
            "sts",
            endpoint_url=self.server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=signer.access_key,
            aws_secret_access_key=signer.secret_key,
        )
        return client.get_caller_identity()["Account"]

    def test_policies_deny_another_account(self):
        self.check(
            self.raw("PUT", f"/{self.b}/k", headers={"x-amz-acl": "public-read"}, body=b"x"), 200
        )
        self.assertEqual(self.as_alt("GET", f"/{self.b}/k").status, 200)
        self.policy("s3:GetObject", effect="Deny", principal={"CanonicalUser": self.alt_owner})
        self.assertEqual(self.as_alt("GET", f"/{self.b}/k").status, 403)
        self.assertEqual(self.raw("GET", f"/{self.b}/k", signer=None).status, 200)

    def test_another_account_may_manage_what_it_is_given(self):
        self.policy(["s3:ListBucket", "s3:GetBucketLocation"], "")
        reply = self.check(self.as_alt("GET", f"/{self.b}", "list-type=2"), 200)
        self.assertEqual(reply.texts("Contents/Key"), ["k"])
        self.check(self.as_alt("GET", f"/{self.b}", "location"), 200)
        self.check(self.as_alt("GET", f"/{self.b}", "policy"), 403)

    def test_uploads_tell_their_initiator(self):
        self.policy("s3:*", "/*")
        upload = self.as_alt("POST", f"/{self.b}/m", "uploads").text("UploadId")
        self.s3.create_multipart_upload(Bucket=self.b, Key="n")
        reply = self.check(self.raw("GET", f"/{self.b}", "uploads"), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "ListMultipartUploadsResult")
        self.assertEqual(reply.texts("Upload/Key"), ["m", "n"])
        self.check(self.as_alt("DELETE", f"/{self.b}/m", "uploadId=" + upload), 204)

    # Copies ----------------------------------------------------------------------------------------------
    def test_copies_across_accounts(self):
        mine = self.bucket(client=self.alt)
        source = {"x-amz-copy-source": f"{self.b}/k"}
        self.check(self.as_alt("PUT", f"/{mine}/copy", headers=source), 403, "AccessDenied")
        self.check(self.raw("PUT", f"/{mine}/copy", headers=source), 403, "AccessDenied")
        self.policy("s3:GetObject")
        self.check(self.as_alt("PUT", f"/{mine}/copy", headers=source), 200)
        self.assertEqual(self.as_alt("GET", f"/{mine}/copy").body, b"k")

    def test_expected_owners(self):
        number = self.account_number(self.alt_signer)
        self.check(
            self.raw("GET", f"/{self.b}/k", headers={"x-amz-expected-bucket-owner": number}), 403
        )
        right = self.account_number(self.signer)
        self.check(
            self.raw("GET", f"/{self.b}/k", headers={"x-amz-expected-bucket-owner": right}), 200
        )

    def test_public_access_block_and_other_accounts(self):
        self.policy("s3:GetObject")
        body = b"<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
        self.check(self.raw("PUT", "/" + self.b, "publicAccessBlock", body=body), 200)
        self.assertEqual(self.as_alt("GET", f"/{self.b}/k").status, 403)


if __name__ == "__main__":
    main()
