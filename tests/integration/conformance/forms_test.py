"""Uploads by HTML form: fields, policies of SigV4 and SigV2, success actions, refusals."""

import base64
import datetime
import hashlib
import hmac
import json

from conformance import Conformance, md5_etag, noise, main


class Forms(Conformance):
    def setUp(self):
        self.b = self.bucket(ObjectOwnership="ObjectWriter")

    # Making forms ----------------------------------------------------------------------------------------
    def post(self, fields, file=b"bar", filename="file.txt", bucket=None, headers=None, after=()):
        """`fields`: pairs in order. `file` None leaves the file out."""
        boundary, body = "x-the-boundary-x", b""
        pairs = list(fields.items()) if isinstance(fields, dict) else list(fields)
        for name, value in pairs:
            value = value if isinstance(value, bytes) else str(value).encode()
            body += b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (
                boundary.encode(),
                name.encode(),
                value,
            )
        if file is not None:
            body += (
                b'--%s\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n'
                % (boundary.encode(), filename.encode(), file)
            )
        for name, value in after:
            body += b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (
                boundary.encode(),
                name.encode(),
                value.encode(),
            )
        body += b"--%s--\r\n" % boundary.encode()
        headers = headers or {"content-type": "multipart/form-data; boundary=" + boundary}
        return self.raw("POST", "/" + (bucket or self.b), headers=headers, body=body, signer=None)

    def conditions(self, *more):
        return [
            {"bucket": self.b},
            ["starts-with", "$key", "foo"],
            {"acl": "private"},
            ["starts-with", "$Content-Type", "text/plain"],
            ["content-length-range", 0, 1024],
            *more,
        ]

    def policy(self, conditions=None, minutes=60, **changes):
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
        document = {
            "expiration": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "conditions": self.conditions() if conditions is None else conditions,
        }
        document.update(changes)
        return base64.b64encode(
            json.dumps({k: v for k, v in document.items() if v is not None}).encode()
        ).decode()

    def v2(self, policy, key="foo.txt", **more):
        signature = hmac.new(
            self.server.secret_key.encode(), policy.encode(), hashlib.sha1
        ).digest()
        fields = {
            "key": key,
            "AWSAccessKeyId": self.server.access_key,
            "acl": "private",
            "signature": base64.b64encode(signature).decode(),
            "policy": policy,
            "Content-Type": "text/plain",
        }
        fields.update(more)
        return {name: value for name, value in fields.items() if value is not None}

    def v4(self, conditions=(), key="foo.txt", **more):
        time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        signed = {
            "x-amz-algorithm": "AWS4-HMAC-SHA256",
            "x-amz-date": time,
            "x-amz-credential": f"{self.server.access_key}/{self.signer.scope(time[:8])}",
        }
        policy = self.policy(
            self.conditions(*conditions, *({name: value} for name, value in signed.items()))
        )
        signature = hmac.new(self.signer.key(time[:8]), policy.encode(), hashlib.sha256).hexdigest()
        fields = dict({"key": key, "acl": "private", "Content-Type": "text/plain"}, **signed)
        fields.update({"policy": policy, "x-amz-signature": signature})
        fields.update(more)
        return {name: value for name, value in fields.items() if value is not None}

    # What is taken ---------------------------------------------------------------------------------------
    def test_signed_forms(self):
        for fields in (self.v2(self.policy()), self.v4()):
            reply = self.check(self.post(fields), 204)
            self.assertEqual(reply.headers["etag"], md5_etag(b"bar"))
            self.assertTrue(reply.headers["location"].endswith(f"/{self.b}/foo.txt"))
            got = self.s3.get_object(Bucket=self.b, Key="foo.txt")
            self.assertEqual((got["Body"].read(), got["ContentType"]), (b"bar", "text/plain"))

    def test_anonymous_forms(self):
        fields = {"key": "foo.txt", "acl": "public-read", "Content-Type": "text/plain"}
        self.check(self.post(fields), 403, "AccessDenied")
        public = self.bucket(ObjectOwnership="ObjectWriter", ACL="public-read-write")
        self.check(self.post(fields, bucket=public), 204)
        self.assertEqual(self.body_of(public, "foo.txt"), b"bar")

    def test_names_in_any_case(self):
        fields = self.v2(
            self.policy(
                [
                    {"bUcKeT": self.b},
                    ["StArTs-WiTh", "$KeY", "foo"],
                    {"AcL": "private"},
                    ["StArTs-WiTh", "$CoNtEnT-TyPe", "text/plain"],
                ]
            )
        )
        renamed = {"key": "kEy", "acl": "aCl", "policy": "pOLICy"}
        self.check(
            self.post({renamed.get(name, name): value for name, value in fields.items()}), 204
        )

    def test_the_file_names_the_key(self):
        self.check(self.post(self.v2(self.policy(), key="${filename}"), filename="foo.txt"), 204)
        self.assertEqual(self.body_of(self.b, "foo.txt"), b"bar")
        self.check(self.post(self.v2(self.policy(), key="foo/${filename}"), filename="a.txt"), 204)
        self.assertEqual(self.body_of(self.b, "foo/a.txt"), b"bar")

    def test_escaped_dollars(self):
        policy = self.policy(
            [
                {"bucket": self.b},
                ["starts-with", "$key", "\\$foo"],
                {"acl": "private"},
                ["starts-with", "$Content-Type", "text/plain"],
            ]
        )
        self.check(self.post(self.v2(policy, key="\\$foo.txt")), 204)
        self.assertEqual(self.body_of(self.b, "\\$foo.txt"), b"bar")

    def test_metadata(self):
        policy = self.policy(self.conditions(["starts-with", "$x-amz-meta-foo", "bar"]))
        self.check(self.post(self.v2(policy, **{"x-amz-meta-foo": "barclamp"})), 204)
        self.assertEqual(
            self.s3.head_object(Bucket=self.b, Key="foo.txt")["Metadata"], {"foo": "barclamp"}
        )

    def test_ignored_fields(self):
        self.check(self.post(self.v2(self.policy(), **{"x-ignore-foo": "bar"})), 204)
        self.check(self.post(self.v2(self.policy()), after=[("later", "ignored")]), 204)

    def test_tags(self):
        tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
        policy = self.policy(self.conditions(["starts-with", "$tagging", ""]))
        self.check(self.post(self.v2(policy, tagging=tagging)), 204)
        tags = self.s3.get_object_tagging(Bucket=self.b, Key="foo.txt")["TagSet"]
        self.assertEqual(tags, [{"Key": "a", "Value": "b"}])

    def test_large_files(self):
        body = noise(3 << 20, "form")
        policy = self.policy(
            [
                {"bucket": self.b},
                ["starts-with", "$key", "foo"],
                {"acl": "private"},
                ["starts-with", "$Content-Type", "text/plain"],
                ["content-length-range", 1 << 20, 5 << 20],
            ]
        )
        self.check(self.post(self.v2(policy), file=body), 204)
        self.assertEqual(self.body_of(self.b, "foo.txt"), body)

    # Success actions -------------------------------------------------------------------------------------
    def test_success_status(self):
        for asked, status in (("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)):
            with self.subTest(asked=asked):
                policy = self.policy(self.conditions(["starts-with", "$success_action_status", ""]))
                reply = self.check(self.post(self.v2(policy, success_action_status=asked)), status)
                if status == 201:
                    self.assertTrue(reply.xml().tag.endswith("PostResponse"))
                    self.assertEqual(
                        (reply.text("Bucket"), reply.text("Key"), reply.text("ETag")),
                        (self.b, "foo.txt", md5_etag(b"bar")),
                    )
                    self.assertTrue(reply.text("Location").endswith(f"/{self.b}/foo.txt"))
                else:
                    self.assertEqual(reply.body, b"")

    def test_success_redirect(self):
        url = "http://www.example.com/done?x=1"
        policy = self.policy(self.conditions(["eq", "$success_action_redirect", url]))
        reply = self.check(self.post(self.v2(policy, success_action_redirect=url)), 303)
        etag = md5_etag(b"bar").strip('"')
        self.assertEqual(
            reply.headers["location"], f"{url}&bucket={self.b}&key=foo.txt&etag=%22{etag}%22"
        )
        policy = self.policy(self.conditions(["starts-with", "$success_action_redirect", ""]))
        self.check(self.post(self.v2(policy, success_action_redirect="no url")), 204)

    # Refusals --------------------------------------------------------------------------------------------
    def test_policies_refused(self):
        for policy, status, code in (
            (self.policy(minutes=-60), 403, "AccessDenied"),
            (
                self.policy(
                    [
                        ["starts-with", "$key", "foo"],
                        {"acl": "private"},
                        ["starts-with", "$Content-Type", ""],
                    ]
                ),
                403,
                "AccessDenied",
            ),
            (
                self.policy([{"bucket": "another-bucket"}] + self.conditions()[1:]),
                403,
                "AccessDenied",
            ),
            (
                self.policy(self.conditions(["starts-with", "$x-amz-meta-foo", "bar"])),
                403,
                "AccessDenied",
            ),
            (
                self.policy(
                    [{"bucket": self.b}, ["starts-with", "$key", "other"]] + self.conditions()[2:]
                ),
                403,
                "AccessDenied",
            ),
            (self.policy(self.conditions()[:-2]), 403, "AccessDenied"),
            (self.policy(self.conditions(["content-length-range", 0, 0])), 400, "EntityTooLarge"),
            (
                self.policy(self.conditions(["content-length-range", 512, 1000])),
                400,
                "EntityTooSmall",
            ),
            (
                self.policy(self.conditions(["content-length-range", 0])),
                400,
                "InvalidPolicyDocument",
            ),
            (
                self.policy(self.conditions(["content-length-range", -1, 0])),
                400,
                "InvalidPolicyDocument",
            ),
            (self.policy(expiration="soon"), 400, "InvalidPolicyDocument"),
            (self.policy(expiration="2030-01-01 00:00:00"), 400, "InvalidPolicyDocument"),
            (self.policy(expiration=None), 400, "InvalidPolicyDocument"),
            (
                self.policy(expiration=None, EXPIRATION="2030-01-01T00:00:00Z"),
                400,
                "InvalidPolicyDocument",
            ),
            (self.policy(conditions=[{}]), 400, "InvalidPolicyDocument"),
            (
                base64.b64encode(b'{"expiration":"2030-01-01T00:00:00Z"}').decode(),
                400,
                "InvalidPolicyDocument",
            ),
            (
                base64.b64encode(b'{"expiration":"2030-01-01T00:00:00Z","CONDITIONS":[]}').decode(),
                400,
                "InvalidPolicyDocument",
            ),
            (base64.b64encode(b"nonsense").decode(), 400, "InvalidPolicyDocument"),
        ):
            with self.subTest(policy=base64.b64decode(policy)[:200]):
                self.check(self.post(self.v2(policy)), status, code)
        self.fails(404, "404", self.s3.head_object, Bucket=self.b, Key="foo.txt")

    def test_fields_refused(self):
        today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d")
        for fields, status, code in (
            (self.v2(self.policy(), AWSAccessKeyId="NOSUCHKEY"), 403, "InvalidAccessKeyId"),
            (self.v2(self.policy(), signature="bm9uc2Vuc2U="), 403, "SignatureDoesNotMatch"),
            (self.v2(self.policy(), signature=None), 400, None),
            (
                self.v2(self.policy(self.conditions()[:1] + self.conditions()[2:]), key=None),
                400,
                None,
            ),
            (self.v2(self.policy(), extra="field"), 403, "AccessDenied"),
            (self.v4(**{"x-amz-signature": "0" * 64}), 403, "SignatureDoesNotMatch"),
            (self.v4(**{"x-amz-algorithm": "AWS4-HMAC-SHA1"}), 400, None),
            (self.v4(**{"x-amz-credential": f"NOSUCHKEY/{self.signer.scope(today)}"}), 403, None),
        ):
            with self.subTest(fields=str(fields)[:120]):
                self.check(self.post(fields), status, code)

    def test_the_form_itself(self):
        self.check(self.post(self.v2(self.policy()), file=None), 400, "InvalidArgument")
        reply = self.post(self.v2(self.policy()), headers={"content-type": "text/plain"})
        self.assertIn(reply.status, (400, 412), reply)
        policy = self.policy([{"bucket": "missing-bucket"}] + self.conditions()[1:])
        self.check(self.post(self.v2(policy), bucket="missing-bucket"), 404, "NoSuchBucket")
        headers = {"content-type": "multipart/form-data; boundary=other"}
        self.check(self.post(self.v2(self.policy()), headers=headers), 400)

    def test_wrong_checksum(self):
        policy = self.policy(self.conditions(["starts-with", "$x-amz-checksum-crc32", ""]))
        reply = self.post(self.v2(policy, **{"x-amz-checksum-crc32": "AAAAAA=="}))
        self.check(reply, 400, "BadDigest")


if __name__ == "__main__":
    main()
