"""Bucket policies: documents, anonymous callers, conditions."""

import datetime
import json

from conformance import main
from policy_case import PolicyCase


class Policies(PolicyCase):
    # Documents ---------------------------------------------------------------------------------------
    def test_round_trip(self):
        self.check(self.raw("GET", "/" + self.b, "policy"), 404, "NoSuchBucketPolicy")
        self.check(self.put(self.statement()), 204)
        reply = self.check(self.raw("GET", "/" + self.b, "policy"), 200)
        self.assertEqual(json.loads(reply.body), json.loads(self.policy(self.statement())))
        self.assertEqual(reply.headers["content-type"], "application/json")
        self.check(self.raw("DELETE", "/" + self.b, "policy"), 204)
        self.check(self.raw("GET", "/" + self.b, "policy"), 404, "NoSuchBucketPolicy")
        self.check(self.raw("DELETE", "/" + self.b, "policy"), 204)

    def test_malformed(self):
        good = self.statement()
        drop = lambda *names: {
            key: value for key, value in good.items() if key not in names
        }  # noqa: E731
        for document in (
            "",
            "nonsense",
            "[]",
            "{}",
            '{"Version":"2012-10-17"}',
            self.policy(drop("Effect")),
            self.policy(drop("Principal")),
            self.policy(drop("Action")),
            self.policy(drop("Resource")),
            self.policy(dict(good, Effect="allow")),
            self.policy(dict(good, Action="s3:NoSuchThing")),
            self.policy(dict(good, Action="ec2:Run")),
            self.policy(dict(good, Resource="arn:aws:s3:::other-bucket/*")),
            self.policy(dict(good, Resource="*/*")),
            self.policy(dict(good, Principal={"AWS": "nobody"})),
            self.policy(dict(good, Principal={"Other": "*"})),
            self.policy(dict(good, Unknown=1)),
            self.policy(dict(good, NotAction="s3:GetObject")),
            self.policy(dict(good, NotResource="*")),
            self.policy(dict(good, NotPrincipal="*")),
            self.policy(dict(drop("Principal"), NotPrincipal="*")),
            self.policy(dict(good, Condition={"NoSuchOperator": {"aws:SourceIp": "1.2.3.4"}})),
            self.policy(dict(good, Condition={"IpAddress": {"aws:SourceIp": "nonsense"}})),
            self.policy(good).replace("2012-10-17", "2020-01-01"),
            self.policy(dict(good, Sid="x" * 21_000)),
        ):
            with self.subTest(document=document[:150]):
                reply = self.raw("PUT", "/" + self.b, "policy", body=document.encode())
                self.check(reply, 400)
                self.assertIn(
                    reply.code(),
                    ("MalformedPolicy", "InvalidPolicyDocument", "MaxMessageLengthExceeded"),
                )

    def test_actions_fit_resources(self):
        for action, resource, good in (
            ("s3:ListBucket", "", True),
            ("s3:GetObject", "/*", True),
            ("s3:ListBucket", "/*", False),
            ("s3:GetObject", "", False),
            ("s3:*", ["", "/*"], True),
            ("s3:*", "", True),
            ("s3:Get*", "/*", True),
            (["s3:ListBucket", "s3:GetObject"], ["", "/*"], True),
        ):
            with self.subTest(action=action, resource=resource):
                reply = self.put(self.statement(action=action, resource=resource))
                self.check(reply, 204 if good else 400, None if good else "MalformedPolicy")

    # Anonymous -----------------------------------------------------------------------------------------
    def test_nothing_is_public_by_itself(self):
        for method, key, query in (
            ("GET", "k", ""),
            ("HEAD", "k", ""),
            ("PUT", "n", ""),
            ("GET", "", ""),
            ("DELETE", "k", ""),
        ):
            self.assertEqual(self.reads(key, method=method, query=query), 403)

    def test_public_reads(self):
        for principal in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
            self.check(self.put(self.statement(principal=principal, resource="/public/*")), 204)
            self.assertEqual(self.reads("public/k"), 200)
            self.assertEqual(self.reads("public/k", method="HEAD"), 200)
            self.assertEqual(self.reads("k"), 403)
            self.assertEqual(self.reads("public/k", method="PUT"), 403)
            self.assertEqual(self.reads("", query="list-type=2"), 403)

    def test_missing_keys_are_hidden_from_who_may_not_list(self):
        self.put(self.statement())
        self.assertEqual(self.reads("missing"), 403)
        self.put(self.statement(), self.statement(action="s3:ListBucket", resource=""))
        self.assertEqual(self.reads("missing"), 404)

    def test_public_lists_and_writes(self):
        self.check(self.put(self.statement(action="s3:ListBucket", resource="")), 204)
        self.assertEqual(self.reads("", query="list-type=2"), 200)
        self.assertEqual(self.reads("k"), 403)
        self.check(self.put(self.statement(action=["s3:PutObject", "s3:DeleteObject"])), 204)
        self.assertEqual(self.reads("new", method="PUT"), 200)
        self.assertEqual(self.reads("new", method="DELETE"), 204)

    def test_anonymous_copies_and_uploads_in_parts(self):
        self.put(self.statement(action="s3:*", resource=["", "/*"]))
        self.assertEqual(self.raw("POST", f"/{self.b}/k", "uploads", signer=None).status, 403)
        headers = {"x-amz-copy-source": f"{self.b}/k"}
        self.assertEqual(self.reads("copy", method="PUT", headers=headers), 403)

    def test_response_headers_need_a_signature(self):
        self.put(self.statement())
        reply = self.raw("GET", f"/{self.b}/k", "response-content-type=text/x", signer=None)
        self.check(reply, 400, "InvalidRequest")

    def test_deny_beats_allow(self):
        self.put(self.statement(), self.statement("Deny", resource="/public/*"))
        self.assertEqual(self.reads("k"), 200)
        self.assertEqual(self.reads("public/k"), 403)

    def test_wildcards(self):
        for action, resource, key, status in (
            ("s3:Get*", "/*", "k", 200),
            ("s3:*", "/p*/?", "public/k", 200),
            ("s3:*", "/p*/?", "k", 403),
            ("S3:getobject", "/*", "k", 200),
            ("*", "/*", "k", 200),
            ("s3:G?tObject", "/k", "k", 200),
            ("s3:PutObject", "/*", "k", 403),
        ):
            with self.subTest(action=action, resource=resource):
                self.check(self.put(self.statement(action=action, resource=resource)), 204)
                self.assertEqual(self.reads(key), status)

    def test_not_action_and_not_resource(self):
        self.put(
            {
                "Effect": "Allow",
                "Principal": "*",
                "NotAction": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{self.b}/*",
            }
        )
        self.assertEqual((self.reads("k"), self.reads("k", method="PUT")), (200, 403))
        self.put(
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "NotResource": f"arn:aws:s3:::{self.b}/k",
            }
        )
        self.assertEqual((self.reads("k"), self.reads("public/k")), (403, 200))

    # Conditions ----------------------------------------------------------------------------------------
    def test_conditions(self):
        past, future = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
        for condition, headers, status in (
            ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {}, 200),
            ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {}, 403),
            ({"NotIpAddress": {"aws:SourceIp": "127.0.0.1"}}, {}, 403),
            ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.1/32"]}}, {}, 200),
            (
                {"StringLike": {"aws:Referer": ["http://www.example.com/*"]}},
                {"referer": "http://www.example.com/x"},
                200,
            ),
            (
                {"StringLike": {"aws:Referer": ["http://www.example.com/*"]}},
                {"referer": "http://other/"},
                403,
            ),
            ({"StringLike": {"aws:Referer": "http://www.example.com/*"}}, {}, 403),
            ({"StringLikeIfExists": {"aws:Referer": "http://www.example.com/*"}}, {}, 200),
            ({"StringNotLike": {"aws:Referer": "http://bad/*"}}, {"referer": "http://bad/x"}, 403),
            ({"StringEquals": {"aws:UserAgent": "robot"}}, {"user-agent": "robot"}, 200),
            ({"StringEqualsIgnoreCase": {"aws:UserAgent": "ROBOT"}}, {"user-agent": "robot"}, 200),
            ({"StringNotEquals": {"aws:UserAgent": "robot"}}, {"user-agent": "robot"}, 403),
            ({"Bool": {"aws:SecureTransport": "false"}}, {}, 200),
            ({"Bool": {"aws:SecureTransport": "true"}}, {}, 403),
            ({"DateGreaterThan": {"aws:CurrentTime": past}}, {}, 200),
            ({"DateGreaterThan": {"aws:CurrentTime": future}}, {}, 403),
            ({"DateLessThan": {"aws:CurrentTime": future}}, {}, 200),
            ({"NumericGreaterThan": {"aws:EpochTime": "1000"}}, {}, 200),
            ({"Null": {"aws:Referer": "true"}}, {}, 200),
            ({"Null": {"aws:Referer": "false"}}, {}, 403),
            (
                {
                    "StringEquals": {"aws:UserAgent": "robot"},
                    "Bool": {"aws:SecureTransport": "true"},
                },
                {"user-agent": "robot"},
                403,
            ),
        ):
            with self.subTest(condition=condition, headers=headers):
                self.check(self.put(self.statement(Condition=condition)), 204)
                self.assertEqual(self.reads("k", headers=headers), status)

    def test_conditions_of_lists(self):
        for condition, query, status in (
            ({"StringLike": {"s3:prefix": "public/*"}}, "prefix=public/", 200),
            ({"StringLike": {"s3:prefix": "public/*"}}, "prefix=private", 403),
            ({"StringEquals": {"s3:prefix": ""}}, "prefix=", 200),
            ({"StringEquals": {"s3:prefix": ""}}, "prefix=a", 403),
            ({"StringEquals": {"s3:delimiter": "/"}}, "delimiter=/", 200),
            ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, "max-keys=10", 200),
            ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, "max-keys=11", 403),
        ):
            with self.subTest(condition=condition, query=query):
                self.check(
                    self.put(
                        self.statement(action="s3:ListBucket", resource="", Condition=condition)
                    ),
                    204,
                )
                self.assertEqual(self.reads("", query=query), status)

    def test_conditions_of_writes(self):
        for condition, headers, status in (
            (
                {"StringEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}},
                {"x-amz-storage-class": "STANDARD_IA"},
                200,
            ),
            ({"StringEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}}, {}, 403),
            (
                {"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
                {"x-amz-server-side-encryption": "AES256"},
                200,
            ),
            ({"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}}, {}, 403),
            ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, {}, 200),
            (
                {"StringEquals": {"s3:RequestObjectTag/team": "red"}},
                {"x-amz-tagging": "team=red"},
                200,
            ),
            (
                {"StringEquals": {"s3:RequestObjectTag/team": "red"}},
                {"x-amz-tagging": "team=blue"},
                403,
            ),
            ({"StringEquals": {"s3:if-none-match": "*"}}, {"if-none-match": "*"}, 200),
            ({"Null": {"s3:if-none-match": "false"}}, {}, 403),
        ):
            with self.subTest(condition=condition, headers=headers):
                self.raw("DELETE", f"/{self.b}/new")
                actions = ["s3:PutObject", "s3:PutObjectTagging"]
                self.check(self.put(self.statement(action=actions, Condition=condition)), 204)
                self.assertEqual(self.reads("new", method="PUT", headers=headers), status)

    def test_conditions_on_existing_tags(self):
        for key, tags in (("red", "team=red"), ("blue", "team=blue")):
            self.raw("PUT", f"/{self.b}/{key}", headers={"x-amz-tagging": tags}, body=b"x")
        condition = {"StringEquals": {"s3:ExistingObjectTag/team": "red"}}
        self.put(
            self.statement(action=["s3:GetObject", "s3:GetObjectTagging"], Condition=condition)
        )
        self.assertEqual([self.reads(key) for key in ("red", "blue", "k")], [200, 403, 403])
        self.assertEqual([self.reads(key, query="tagging") for key in ("red", "blue")], [200, 403])

    def test_dates_in_conditions(self):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        text = soon.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.put(self.statement(Condition={"DateLessThan": {"aws:CurrentTime": text}}))
        self.assertEqual(self.reads("k"), 200)


if __name__ == "__main__":
    main()
