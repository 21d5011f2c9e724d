"""Policies of users and of buckets together, the public access block, the policy's status."""

import base64
import hashlib

from conformance import main
from policy_case import PolicyCase


class PolicyUsers(PolicyCase):
    # Users -------------------------------------------------------------------------------------------------
    def test_users_have_no_rights_by_themselves(self):
        _, signer = self.user()
        self.assertEqual(self.reads("k", signer), 403)
        self.assertEqual(self.raw("GET", "/", signer=signer).status, 403)

    def test_policies_of_users(self):
        allow = {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{self.b}/*",
        }
        _, signer = self.user(allow)
        self.assertEqual((self.reads("k", signer), self.reads("k", signer, "PUT")), (200, 403))
        self.put(self.statement("Deny", resource="/k"))
        self.assertEqual((self.reads("k", signer), self.reads("public/k", signer)), (403, 200))
        self.assertEqual(
            self.reads("k", self.signer), 403
        )  # A deny of everybody holds for the owner too.

    def test_bucket_policies_name_users(self):
        arn, signer = self.user()
        _, other = self.user()
        self.check(self.put(self.statement(principal={"AWS": arn})), 204)
        self.assertEqual(
            (self.reads("k", signer), self.reads("k", other), self.reads("k")), (200, 403, 403)
        )
        self.check(self.put(self.statement(), self.statement("Deny", {"AWS": arn})), 204)
        self.assertEqual((self.reads("k", signer), self.reads("k", other)), (403, 200))

    def test_bucket_policies_name_nobody_who_is_not_there(self):
        arn, _ = self.user()
        account = arn.split(":")[4]
        for name in ("user/nobody", "user/path" + arn[arn.rfind("/") :], "role/nobody"):
            with self.subTest(name=name):
                principal = {"AWS": [arn, f"arn:aws:iam::{account}:{name}"]}
                reply = self.check(
                    self.put(self.statement(principal=principal)), 400, "MalformedPolicy"
                )
                self.assertEqual(reply.text("Message"), "Invalid principal in policy")
        session = {"AWS": f"arn:aws:sts::{account}:assumed-role/nobody/session"}
        self.check(self.put(self.statement(principal=session)), 400, "MalformedPolicy")
        # Accounts of other servers cannot be looked into.
        self.check(self.put(self.statement(principal={"AWS": "999999999999"})), 204)

    def test_not_principal(self):
        arn, signer = self.user({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
        _, other = self.user({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
        account = arn.split(":")[4]
        deny = self.statement(
            "Deny", None, NotPrincipal={"AWS": [arn, f"arn:aws:iam::{account}:root"]}
        )
        self.check(self.put(deny), 204)
        self.assertEqual((self.reads("k", signer), self.reads("k", other)), (200, 403))

    def test_the_owner_repairs_a_policy(self):
        self.check(self.put(self.statement("Deny", action="s3:*", resource=["", "/*"])), 204)
        self.assertEqual(self.reads("k", self.signer), 403)
        self.check(self.raw("GET", "/" + self.b, "policy"), 200)
        self.check(self.raw("DELETE", "/" + self.b, "policy"), 204)
        self.assertEqual(self.reads("k", self.signer), 200)

    def test_each_key_of_a_deletion_of_many_is_judged(self):
        _, signer = self.user(
            {
                "Effect": "Allow",
                "Action": "s3:DeleteObject",
                "Resource": f"arn:aws:s3:::{self.b}/public/*",
            }
        )
        body = b"<Delete><Object><Key>k</Key></Object><Object><Key>public/k</Key></Object></Delete>"
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        reply = self.check(
            self.raw("POST", "/" + self.b, "delete", {"content-md5": md5}, body, signer=signer), 200
        )
        self.assertEqual(
            (reply.texts("Deleted/Key"), reply.texts("Error/Key"), reply.texts("Error/Code")),
            (["public/k"], ["k"], ["AccessDenied"]),
        )

    def test_copies_need_the_right_to_the_source(self):
        put = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{self.b}/*"}
        get = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{self.b}/k"}
        headers = {"x-amz-copy-source": f"{self.b}/k"}
        _, writer = self.user(put)
        _, both = self.user(put, get)
        self.assertEqual(self.reads("copy", writer, "PUT", headers=headers), 403)
        self.assertEqual(self.reads("copy", both, "PUT", headers=headers), 200)

    # Public access block and status ------------------------------------------------------------------------
    def block(self, **settings):
        names = (
            "BlockPublicAcls",
            "IgnorePublicAcls",
            "BlockPublicPolicy",
            "RestrictPublicBuckets",
        )
        body = "".join(
            f"<{name}>{str(settings.get(name, False)).lower()}</{name}>" for name in names
        )
        body = f"<PublicAccessBlockConfiguration>{body}</PublicAccessBlockConfiguration>"
        return self.raw("PUT", "/" + self.b, "publicAccessBlock", body=body.encode())

    def test_block_round_trip(self):
        query = "publicAccessBlock"
        self.check(
            self.raw("GET", "/" + self.b, query), 404, "NoSuchPublicAccessBlockConfiguration"
        )
        self.check(self.block(BlockPublicPolicy=True), 200)
        reply = self.check(self.raw("GET", "/" + self.b, query), 200)
        self.assertEqual(
            (reply.text("BlockPublicPolicy"), reply.text("BlockPublicAcls")), ("true", "false")
        )
        self.check(self.raw("DELETE", "/" + self.b, query), 204)
        self.check(
            self.raw("GET", "/" + self.b, query), 404, "NoSuchPublicAccessBlockConfiguration"
        )
        for body in (
            b"nonsense",
            b"<Other/>",
            b"<PublicAccessBlockConfiguration><BlockPublicAcls>maybe</BlockPublicAcls>"
            b"</PublicAccessBlockConfiguration>",
        ):
            self.check(self.raw("PUT", "/" + self.b, query, body=body), 400, "MalformedXML")

    def test_block_of_public_policies(self):
        self.check(self.block(BlockPublicPolicy=True), 200)
        self.check(self.put(self.statement()), 403, "AccessDenied")
        self.check(self.put(self.statement(principal={"AWS": self.user()[0]})), 204)

    def test_restriction_of_public_buckets(self):
        self.put(self.statement())
        self.assertEqual(self.reads("k"), 200)
        self.check(self.block(RestrictPublicBuckets=True), 200)
        self.assertEqual((self.reads("k"), self.reads("k", self.signer)), (403, 200))

    def test_status(self):
        self.check(self.raw("GET", "/" + self.b, "policyStatus"), 404, "NoSuchBucketPolicy")
        for statement, expected in (
            (self.statement(), "true"),
            (self.statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/32"}}), "false"),
            (self.statement(principal={"AWS": self.user()[0]}), "false"),
            (self.statement("Deny"), "false"),
        ):
            with self.subTest(statement=statement):
                self.put(statement)
                reply = self.check(self.raw("GET", "/" + self.b, "policyStatus"), 200)
                self.assertEqual(reply.text("IsPublic"), expected)


if __name__ == "__main__":
    main()
