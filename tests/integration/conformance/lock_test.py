"""Object lock: configuration, default retention, retention and legal holds, what they forbid."""

import base64
import datetime
import hashlib

from conformance import Conformance, XMLNS, main

UTC = datetime.timezone.utc
PATIENCE = datetime.timedelta(seconds=20)


def later(**delta):
    return (datetime.datetime.now(UTC) + datetime.timedelta(**delta)).replace(microsecond=0)


def text_of(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def retention(mode, moment):
    return f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{text_of(moment)}</RetainUntilDate></Retention>".encode()


def configuration(inner="", enabled="<ObjectLockEnabled>Enabled</ObjectLockEnabled>"):
    rule = f"<Rule><DefaultRetention>{inner}</DefaultRetention></Rule>" if inner else ""
    return f"<ObjectLockConfiguration>{enabled}{rule}</ObjectLockConfiguration>".encode()


class Lock(Conformance):
    def setUp(self):
        self.b = self.bucket(ObjectLockEnabledForBucket=True)
        self.v = self.s3.put_object(Bucket=self.b, Key="k", Body=b"x")["VersionId"]

    def send(self, method, query, body=b"", headers=None, path=None, versions=True):
        headers = dict(headers or {})
        if body:
            headers["content-md5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        return self.raw(method, path or f"/{self.b}/k", query, headers, body)

    def delete(self, version=None, bypass=False):
        headers = {"x-amz-bypass-governance-retention": "true"} if bypass else {}
        return self.raw("DELETE", f"/{self.b}/k", "versionId=" + (version or self.v), headers)

    # The bucket ------------------------------------------------------------------------------------
    def test_configuration(self):
        for inner, parts in (
            ("<Mode>GOVERNANCE</Mode><Days>1</Days>", ("GOVERNANCE", "1", None)),
            ("<Mode>COMPLIANCE</Mode><Years>2</Years>", ("COMPLIANCE", None, "2")),
            ("", (None, None, None)),
        ):
            self.check(
                self.send("PUT", "object-lock", configuration(inner), path="/" + self.b), 200
            )
            reply = self.check(self.send("GET", "object-lock", path="/" + self.b), 200)
            self.assertEqual(reply.xml().tag, XMLNS + "ObjectLockConfiguration")
            self.assertEqual(reply.text("ObjectLockEnabled"), "Enabled")
            found = tuple(
                reply.text("Rule/DefaultRetention/" + name) for name in ("Mode", "Days", "Years")
            )
            self.assertEqual(found, parts)

    def test_configuration_refused(self):
        for body, status, codes in (
            (
                configuration("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"),
                400,
                ("MalformedXML",),
            ),
            (configuration("<Mode>governance</Mode><Days>1</Days>"), 400, ("MalformedXML",)),
            (configuration("<Mode>OTHER</Mode><Days>1</Days>"), 400, ("MalformedXML",)),
            (configuration("<Mode>GOVERNANCE</Mode>"), 400, ("MalformedXML",)),
            (configuration("<Days>1</Days>"), 400, ("MalformedXML",)),
            (
                configuration(enabled="<ObjectLockEnabled>Disabled</ObjectLockEnabled>"),
                400,
                ("MalformedXML",),
            ),
            (
                configuration("<Mode>GOVERNANCE</Mode><Days>0</Days>"),
                400,
                ("InvalidArgument", "InvalidRetentionPeriod"),
            ),
            (
                configuration("<Mode>GOVERNANCE</Mode><Days>-1</Days>"),
                400,
                ("InvalidArgument", "InvalidRetentionPeriod", "MalformedXML"),
            ),
            (
                configuration("<Mode>GOVERNANCE</Mode><Years>-1</Years>"),
                400,
                ("InvalidArgument", "InvalidRetentionPeriod", "MalformedXML"),
            ),
            (
                configuration("<Mode>GOVERNANCE</Mode><Days>36501</Days>"),
                400,
                ("InvalidArgument", "InvalidRetentionPeriod"),
            ),
            (b"nonsense", 400, ("MalformedXML",)),
        ):
            with self.subTest(body=body):
                reply = self.check(self.send("PUT", "object-lock", body, path="/" + self.b), status)
                self.assertIn(reply.code(), codes)

    def test_buckets_without_lock(self):
        plain = self.bucket()
        self.s3.put_object(Bucket=plain, Key="k", Body=b"x")
        self.check(
            self.send("GET", "object-lock", path="/" + plain),
            404,
            "ObjectLockConfigurationNotFoundError",
        )
        body = configuration("<Mode>GOVERNANCE</Mode><Days>1</Days>")
        self.check(
            self.send("PUT", "object-lock", body, path="/" + plain), 409, "InvalidBucketState"
        )
        for method, query, body in (
            ("GET", "retention", b""),
            ("PUT", "retention", retention("GOVERNANCE", later(days=1))),
            ("GET", "legal-hold", b""),
            ("PUT", "legal-hold", b"<LegalHold><Status>ON</Status></LegalHold>"),
        ):
            with self.subTest(method=method, query=query):
                self.check(
                    self.send(method, query, body, path=f"/{plain}/k"), 400, "InvalidRequest"
                )
        headers = {
            "x-amz-object-lock-mode": "GOVERNANCE",
            "x-amz-object-lock-retain-until-date": text_of(later(days=1)),
        }
        self.check(self.send("PUT", "", b"x", headers, f"/{plain}/k"), 400, "InvalidRequest")

    def test_lock_may_be_switched_on_later(self):
        bucket = self.bucket("Enabled")
        self.check(self.send("PUT", "object-lock", configuration(), path="/" + bucket), 200)
        self.assertEqual(
            self.send("GET", "object-lock", path="/" + bucket).text("ObjectLockEnabled"), "Enabled"
        )

    def test_versioning_stays(self):
        body = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
        self.check(
            self.raw("PUT", "/" + self.b, "versioning", body=body), 409, "InvalidBucketState"
        )

    # Retention -------------------------------------------------------------------------------------
    def test_retention(self):
        until = later(days=1)
        self.check(self.send("GET", "retention"), 404, "NoSuchObjectLockConfiguration")
        self.check(self.send("PUT", "retention", retention("GOVERNANCE", until)), 200)
        reply = self.check(self.send("GET", "retention"), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "Retention")
        self.assertEqual(reply.text("Mode"), "GOVERNANCE")
        self.assertEqual(reply.text("RetainUntilDate")[:19], text_of(until)[:19])
        head = self.s3.head_object(Bucket=self.b, Key="k")
        self.assertEqual(
            (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]), ("GOVERNANCE", until)
        )
        self.delete(bypass=True)

    def test_retention_refused(self):
        for body, codes in (
            (retention("GOVERNANCE", later(days=-1)), ("InvalidArgument",)),
            (retention("governance", later(days=1)), ("MalformedXML",)),
            (retention("abc", later(days=1)), ("MalformedXML",)),
            (
                b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate></Retention>",
                ("MalformedXML", "InvalidArgument"),
            ),
            (b"<Retention><Mode>GOVERNANCE</Mode></Retention>", ("MalformedXML",)),
            (b"nonsense", ("MalformedXML",)),
        ):
            with self.subTest(body=body):
                reply = self.check(self.send("PUT", "retention", body), 400)
                self.assertIn(reply.code(), codes)
        self.check(
            self.send(
                "PUT",
                "retention",
                retention("GOVERNANCE", later(days=1)),
                path=f"/{self.b}/missing",
            ),
            404,
            "NoSuchKey",
        )

    def test_governance(self):
        until, bypass = later(days=2), {"x-amz-bypass-governance-retention": "true"}
        self.check(self.send("PUT", "retention", retention("GOVERNANCE", until)), 200)
        self.check(self.delete(), 403, "AccessDenied")
        self.check(self.raw("DELETE", f"/{self.b}/k"), 204)  # A marker hides it; the version stays.
        self.assertEqual(self.body_of(self.b, "k", VersionId=self.v), b"x")
        version = "retention&versionId=" + self.v
        self.check(self.send("PUT", version, retention("GOVERNANCE", later(days=3))), 200)
        self.check(
            self.send("PUT", version, retention("GOVERNANCE", later(days=1))), 403, "AccessDenied"
        )
        self.check(self.send("PUT", version, b"<Retention/>"), 403, "AccessDenied")
        self.check(self.send("PUT", version, retention("GOVERNANCE", later(days=1)), bypass), 200)
        self.check(self.send("PUT", version, b"<Retention/>", bypass), 200)
        self.check(self.send("GET", version), 404, "NoSuchObjectLockConfiguration")
        self.check(self.delete(), 204)

    def test_governance_is_bypassed_by_the_header(self):
        self.check(self.send("PUT", "retention", retention("GOVERNANCE", later(days=1))), 200)
        self.check(self.delete(bypass=True), 204)
        self.check(self.raw("GET", f"/{self.b}/k", "versionId=" + self.v), 404, "NoSuchVersion")

    def test_compliance_cannot_be_bypassed(self):
        until, bypass = later(seconds=120), {"x-amz-bypass-governance-retention": "true"}
        self.check(self.send("PUT", "retention", retention("COMPLIANCE", until)), 200)
        self.check(self.delete(), 403, "AccessDenied")
        self.check(self.delete(bypass=True), 403, "AccessDenied")
        self.check(
            self.send("PUT", "retention", retention("COMPLIANCE", later(seconds=60)), bypass),
            403,
            "AccessDenied",
        )
        self.check(
            self.send("PUT", "retention", retention("GOVERNANCE", until), bypass),
            403,
            "AccessDenied",
        )
        self.check(self.send("PUT", "retention", retention("COMPLIANCE", later(seconds=180))), 200)

    def test_retention_ends(self):
        end = later(seconds=2)
        self.check(self.send("PUT", "retention", retention("COMPLIANCE", later(seconds=2))), 200)
        reply = self.check(self.delete(), 403, "AccessDenied")
        while reply.status == 403 and later() < end + PATIENCE:
            reply = self.delete()
        self.check(reply, 204)

    # Legal holds -----------------------------------------------------------------------------------
    def hold(self, status):
        return self.send(
            "PUT", "legal-hold", f"<LegalHold><Status>{status}</Status></LegalHold>".encode()
        )

    def test_legal_holds(self):
        self.check(self.send("GET", "legal-hold"), 404, "NoSuchObjectLockConfiguration")
        self.check(self.hold("ON"), 200)
        reply = self.check(self.send("GET", "legal-hold"), 200)
        self.assertEqual((reply.xml().tag, reply.text("Status")), (XMLNS + "LegalHold", "ON"))
        self.assertEqual(
            self.s3.head_object(Bucket=self.b, Key="k")["ObjectLockLegalHoldStatus"], "ON"
        )
        self.check(self.delete(bypass=True), 403, "AccessDenied")
        self.check(self.hold("OFF"), 200)
        self.assertEqual(self.send("GET", "legal-hold").text("Status"), "OFF")
        self.check(self.delete(), 204)

    def test_legal_holds_refused(self):
        for status in ("on", "abc", ""):
            with self.subTest(status=status):
                self.check(self.hold(status), 400, "MalformedXML")
        self.check(self.send("PUT", "legal-hold", b"nonsense"), 400, "MalformedXML")

    # With the upload ---------------------------------------------------------------------------------
    def test_headers_of_an_upload(self):
        until = later(days=1)
        headers = {
            "x-amz-object-lock-mode": "GOVERNANCE",
            "x-amz-object-lock-retain-until-date": text_of(until),
            "x-amz-object-lock-legal-hold": "ON",
        }
        reply = self.check(self.send("PUT", "", b"x", headers), 200)
        head = self.s3.head_object(Bucket=self.b, Key="k")
        self.assertEqual(
            (
                head["ObjectLockMode"],
                head["ObjectLockRetainUntilDate"],
                head["ObjectLockLegalHoldStatus"],
            ),
            ("GOVERNANCE", until, "ON"),
        )
        version = reply.headers["x-amz-version-id"]
        self.check(self.delete(version, bypass=True), 403)
        self.send("PUT", "legal-hold", b"<LegalHold><Status>OFF</Status></LegalHold>")
        self.check(self.delete(version, bypass=True), 204)

    def test_headers_of_an_upload_refused(self):
        until = text_of(later(days=1))
        for headers in (
            {"x-amz-object-lock-mode": "GOVERNANCE"},
            {"x-amz-object-lock-retain-until-date": until},
            {"x-amz-object-lock-mode": "abc", "x-amz-object-lock-retain-until-date": until},
            {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "soon"},
            {
                "x-amz-object-lock-mode": "GOVERNANCE",
                "x-amz-object-lock-retain-until-date": text_of(later(days=-1)),
            },
            {"x-amz-object-lock-legal-hold": "maybe"},
        ):
            with self.subTest(headers=headers):
                reply = self.check(self.send("PUT", "", b"x", headers), 400)
                self.assertIn(reply.code(), ("InvalidArgument", "InvalidRequest"))

    def test_default_retention(self):
        self.send(
            "PUT",
            "object-lock",
            configuration("<Mode>GOVERNANCE</Mode><Days>1</Days>"),
            path="/" + self.b,
        )
        version = self.check(self.send("PUT", "", b"x"), 200).headers["x-amz-version-id"]
        head = self.s3.head_object(Bucket=self.b, Key="k")
        self.assertEqual(head["ObjectLockMode"], "GOVERNANCE")
        left = head["ObjectLockRetainUntilDate"] - datetime.datetime.now(UTC)
        self.assertLess(abs(left - datetime.timedelta(days=1)), datetime.timedelta(minutes=1))
        self.check(self.delete(version), 403, "AccessDenied")
        self.check(self.delete(version, bypass=True), 204)
        self.check(self.delete(self.v), 204)  # From before: not retained.

    def test_default_retention_of_parts_and_copies(self):
        self.send(
            "PUT",
            "object-lock",
            configuration("<Mode>GOVERNANCE</Mode><Days>1</Days>"),
            path="/" + self.b,
        )
        upload = self.s3.create_multipart_upload(Bucket=self.b, Key="k")["UploadId"]
        etag = self.s3.upload_part(
            Bucket=self.b, Key="k", UploadId=upload, PartNumber=1, Body=b"x"
        )["ETag"]
        done = self.s3.complete_multipart_upload(
            Bucket=self.b,
            Key="k",
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
        )
        self.check(self.delete(done["VersionId"]), 403, "AccessDenied")
        copied = self.s3.copy_object(
            Bucket=self.b, Key="k", CopySource={"Bucket": self.b, "Key": "k", "VersionId": self.v}
        )
        self.check(self.delete(copied["VersionId"]), 403, "AccessDenied")

    def test_copies_do_not_take_locks_along(self):
        self.check(self.hold("ON"), 200)
        self.s3.copy_object(Bucket=self.b, Key="copy", CopySource=f"{self.b}/k")
        self.assertNotIn(
            "ObjectLockLegalHoldStatus", self.s3.head_object(Bucket=self.b, Key="copy")
        )

    def test_deletion_of_many(self):
        self.check(self.hold("ON"), 200)
        body = f"<Delete><Object><Key>k</Key><VersionId>{self.v}</VersionId></Object></Delete>".encode()
        reply = self.check(self.send("POST", "delete", body, path="/" + self.b), 200)
        self.assertEqual(
            (reply.texts("Error/Code"), reply.texts("Deleted")), (["AccessDenied"], [])
        )


if __name__ == "__main__":
    main()
