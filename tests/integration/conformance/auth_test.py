"""Authentication by header: SigV4 and SigV2 as they should be, and spoiled in every way S3 names."""

import base64
import datetime
import email.utils
import hashlib
import hmac

from conformance import Conformance, EMPTY_SHA256, Signer, main

UTC = datetime.timezone.utc


def stamp(minutes=0):
    moment = datetime.datetime.now(UTC) + datetime.timedelta(minutes=minutes)
    return moment.strftime("%Y%m%dT%H%M%SZ")


class Authentication(Conformance):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.b = "auth"
        cls.s3.create_bucket(Bucket=cls.b)
        cls.s3.put_object(Bucket=cls.b, Key="k", Body=b"bar")

    def spoiled(self, change, method="GET", path="/auth/k", query="", headers=None, body=b""):
        """A signed request whose Authorization header went through `change`."""
        headers = dict({"host": self.server.host_port}, **(headers or {}))
        payload = hashlib.sha256(body).hexdigest()
        signed = self.signer.sign(method, path, query, headers, payload)
        signed["authorization"] = change(signed["authorization"])
        return self.raw(method, path, query, signed, body, signer=None)

    # SigV4 -----------------------------------------------------------------------------------------
    def test_good(self):
        self.assertEqual(self.check(self.raw("GET", "/auth/k"), 200).body, b"bar")

    def test_spacing_of_the_header(self):
        for change in (
            lambda text: text.replace(", ", ","),
            lambda text: text.replace(", ", ",  "),
        ):
            self.check(self.spoiled(change), 200)

    def test_malformed_headers(self):
        key = self.server.access_key
        today = stamp()[:8]
        malformed = "AuthorizationHeaderMalformed"
        for name, change, code in (
            ("no space", lambda text: "AWS4-HMAC-SHA256", "InvalidArgument"),
            (
                "unknown scheme",
                lambda text: text.replace("AWS4-HMAC", "AWS9-HMAC"),
                "InvalidArgument",
            ),
            ("unknown scheme", lambda text: "Basic dXNlcjpwYXNz", "InvalidArgument"),
            ("no credential", lambda text: text.replace("Credential=", "Crudential="), malformed),
            ("no signature", lambda text: text.partition(", Signature")[0], malformed),
            ("no signed headers", lambda text: text.replace("SignedHeaders", "Signed"), malformed),
            ("short scope", lambda text: text.replace("/aws4_request", ""), malformed),
            ("service", lambda text: text.replace("/s3/", "/ec2/"), malformed),
            ("terminal", lambda text: text.replace("aws4_request", "aws_request"), malformed),
            ("bad date", lambda text: text.replace(f"/{today}/", "/hello/"), malformed),
            ("other date", lambda text: text.replace(f"/{today}/", "/20130101/"), malformed),
            ("empty credential", lambda text: text.replace(f"{key}/", ""), malformed),
        ):
            with self.subTest(name):
                self.check(self.spoiled(change), 400, code)

    def test_unknown_access_key(self):
        reply = self.raw("GET", "/auth/k", signer=Signer("NOSUCHKEY", "secret"))
        self.check(reply, 403, "InvalidAccessKeyId")
        self.assertEqual(reply.text("AWSAccessKeyId"), "NOSUCHKEY")

    def test_wrong_secret(self):
        signer = Signer(self.server.access_key, "wrong")
        reply = self.check(self.raw("GET", "/auth/k", signer=signer), 403, "SignatureDoesNotMatch")
        self.assertEqual(reply.text("AWSAccessKeyId"), self.server.access_key)
        self.assertEqual(reply.text("SignatureProvided"), signer.last_signature)
        self.assertTrue(reply.text("StringToSign").startswith("AWS4-HMAC-SHA256\n"))
        self.assertTrue(reply.text("CanonicalRequest").startswith("GET\n/auth/k\n"))
        self.assertTrue(reply.text("StringToSignBytes"))
        self.assertNotIn(self.server.secret_key.encode(), reply.body)

    def test_wrong_secret_on_writes_changes_nothing(self):
        signer = Signer(self.server.access_key, "wrong")
        for method, path in (
            ("PUT", "/auth/k"),
            ("DELETE", "/auth/k"),
            ("DELETE", "/auth"),
            ("PUT", "/new-bucket"),
        ):
            with self.subTest(method=method, path=path):
                self.check(
                    self.raw(method, path, body=b"x" if method == "PUT" else b"", signer=signer),
                    403,
                )
        self.assertEqual(self.body_of("auth", "k"), b"bar")

    def test_dates(self):
        for headers, status, code in (
            ({"x-amz-date": stamp(-14)}, 200, None),
            ({"x-amz-date": stamp(14)}, 200, None),
            ({"x-amz-date": stamp(-16)}, 403, "RequestTimeTooSkewed"),
            ({"x-amz-date": stamp(16)}, 403, "RequestTimeTooSkewed"),
            ({"x-amz-date": "yesterday"}, 403, "AccessDenied"),
            ({"x-amz-date": ""}, 403, "AccessDenied"),
        ):
            with self.subTest(headers=headers):
                date = headers["x-amz-date"]
                time = date if date.endswith("Z") else None
                self.check(self.raw("GET", "/auth/k", headers=headers, time=time), status, code)

    def test_skew_is_explained(self):
        old = stamp(-60)
        reply = self.check(self.raw("GET", "/auth/k", headers={"x-amz-date": old}, time=old), 403)
        self.assertEqual(reply.text("MaxAllowedSkewMilliseconds"), "900000")
        self.assertTrue(reply.text("RequestTime"))
        self.assertTrue(reply.text("ServerTime"))

    def test_the_date_header_serves_too(self):
        headers = {"host": self.server.host_port, "date": email.utils.formatdate(usegmt=True)}
        time = stamp()
        signed = sorted(["host", "date", "x-amz-content-sha256"])
        headers["x-amz-content-sha256"] = EMPTY_SHA256
        text = self.signer.string_to_sign("GET", "/auth/k", "", headers, signed, EMPTY_SHA256, time)
        # The string to sign carries the time of the Date header in the form of SigV4.
        moment = email.utils.parsedate_to_datetime(headers["date"]).strftime("%Y%m%dT%H%M%SZ")
        text = text.replace(time, moment)
        signature = hmac.new(self.signer.key(time[:8]), text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.server.access_key}/{self.signer.scope(time[:8])}, "
            f"SignedHeaders={';'.join(signed)}, Signature={signature}"
        )
        self.check(self.raw("GET", "/auth/k", headers=headers, signer=None), 200)

    def test_unsigned_amz_headers(self):
        headers = {"host": self.server.host_port}
        signed = self.signer.sign("GET", "/auth/k", "", headers, EMPTY_SHA256)
        signed["x-amz-meta-sneaked"] = "in"
        reply = self.check(
            self.raw("GET", "/auth/k", headers=signed, signer=None), 403, "AccessDenied"
        )
        self.assertEqual(reply.text("HeadersNotSigned"), "x-amz-meta-sneaked")

    def test_other_headers_need_no_signature(self):
        headers = {"host": self.server.host_port}
        signed = self.signer.sign("GET", "/auth/k", "", headers, EMPTY_SHA256)
        signed.update({"user-agent": "test", "range": "bytes=0-0", "accept-encoding": "identity"})
        self.check(self.raw("GET", "/auth/k", headers=signed, signer=None), 206)

    def test_payload_hashes(self):
        for payload, status, code in (
            ("UNSIGNED-PAYLOAD", 200, None),
            (hashlib.sha256(b"body").hexdigest(), 200, None),
            (EMPTY_SHA256, 400, "XAmzContentSHA256Mismatch"),
            ("unsigned-payload", 400, "InvalidArgument"),
            ("abc", 400, "InvalidArgument"),
            ("", 400, "InvalidArgument"),
            ("STREAMING-AWS4-HMAC-SHA512-PAYLOAD", 400, "InvalidArgument"),
        ):
            with self.subTest(payload=payload):
                headers = {"x-amz-content-sha256": payload}
                reply = self.raw("PUT", "/auth/payload", headers=headers, body=b"body")
                self.check(reply, status, code)

    def test_mismatch_is_explained(self):
        headers = {"x-amz-content-sha256": EMPTY_SHA256}
        reply = self.raw("PUT", "/auth/mismatch", headers=headers, body=b"body")
        self.assertEqual(reply.text("ClientComputedContentSHA256"), EMPTY_SHA256)
        self.assertEqual(reply.text("S3ComputedContentSHA256"), hashlib.sha256(b"body").hexdigest())
        self.check(self.raw("HEAD", "/auth/mismatch"), 404)

    def test_streaming_hash_where_nothing_streams(self):
        reply = self.raw("GET", "/auth/k", payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
        self.assertIn(reply.status, (200, 400))
        body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        reply = self.raw(
            "PUT", "/auth", "versioning", payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", body=body
        )
        self.assertEqual(reply.status, 400, reply)

    def test_two_mechanisms_at_once(self):
        query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
        self.check(self.raw("GET", "/auth/k", query), 400, "InvalidArgument")

    def test_paths_and_queries_are_signed_as_written(self):
        for path, query in (
            ("/auth/a%20b", ""),
            ("/auth/a+b", ""),
            ("/auth/%7Etilde", ""),
            ("/auth/~tilde", ""),
            ("/auth/dots/../x", ""),
            ("/auth//double", ""),
            ("/auth/%2F", ""),
            ("/auth/x%2fy", ""),
            ("/auth/!$&'()*,;=:@", ""),
            ("/auth/%21%24", ""),
            ("/auth/k", "x-id=GetObject"),
            ("/auth/k", "b=2&a=1&a=0"),
            ("/auth/k", "empty"),
            ("/auth/k", "empty="),
            ("/auth/k", "sp=a%20b"),
            ("/auth/k", "plus=a%2Bb"),
            ("/auth/k", "slash=a/b"),
            ("/auth/k", "utf8=%C3%A4"),
        ):
            with self.subTest(path=path, query=query):
                reply = self.raw("GET", path, query)
                self.assertIn(reply.status, (200, 404), reply)

    def test_header_values_are_trimmed_and_squeezed(self):
        headers = {"host": self.server.host_port, "x-amz-meta-a": "  two   words  "}
        signed = self.signer.sign("PUT", "/auth/trimmed", "", headers, EMPTY_SHA256)
        self.check(self.raw("PUT", "/auth/trimmed", headers=signed, signer=None), 200)

    # Signed chunks -----------------------------------------------------------------------------------
    def signed_chunks(self, chunks, spoil=None, trailer=None, decoded=None):
        kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
        time = stamp()
        headers = {
            "host": self.server.host_port,
            "content-encoding": "aws-chunked",
            "x-amz-decoded-content-length": str(
                sum(map(len, chunks)) if decoded is None else decoded
            ),
        }
        if trailer:
            headers["x-amz-trailer"] = trailer.partition(":")[0]
        headers = self.signer.sign("PUT", "/auth/chunks", "", headers, kind, time)
        before, body = self.signer.last_signature, b""
        key, scope = self.signer.key(time[:8]), self.signer.scope(time[:8])
        for number, chunk in enumerate(list(chunks) + [b""]):
            text = "\n".join(
                [
                    "AWS4-HMAC-SHA256-PAYLOAD",
                    time,
                    scope,
                    before,
                    EMPTY_SHA256,
                    hashlib.sha256(chunk).hexdigest(),
                ]
            )
            before = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
            shown = "0" * 64 if spoil == number else before
            body += b"%x;chunk-signature=%s\r\n" % (len(chunk), shown.encode())
            body += chunk + b"\r\n" if chunk or not trailer else b""
        if trailer:
            digest = hashlib.sha256(trailer.encode() + b"\n").hexdigest()
            text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", time, scope, before, digest])
            signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
            if spoil == "trailer":
                signature = "0" * 64
            body += f"{trailer}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()
        return self.raw("PUT", "/auth/chunks", headers=headers, body=body, signer=None)

    def test_signed_chunks(self):
        crc = "x-amz-checksum-crc32:" + base64.b64encode((0xCBF43926).to_bytes(4, "big")).decode()
        for arguments, status, code in (
            ({"chunks": [b"123456789"]}, 200, None),
            ({"chunks": [b"a" * 65536, b"b" * 65536, b"c"]}, 200, None),
            ({"chunks": []}, 200, None),
            ({"chunks": [b"a" * 8192, b"b"], "spoil": 0}, 403, "SignatureDoesNotMatch"),
            ({"chunks": [b"a" * 8192, b"b"], "spoil": 1}, 403, "SignatureDoesNotMatch"),
            ({"chunks": [b"a" * 8192, b"b"], "spoil": 2}, 403, "SignatureDoesNotMatch"),
            ({"chunks": [b"123456789"], "trailer": crc}, 200, None),
            (
                {"chunks": [b"123456789"], "trailer": crc, "spoil": "trailer"},
                403,
                "SignatureDoesNotMatch",
            ),
            ({"chunks": [b"12345678"], "trailer": crc}, 400, "BadDigest"),
            ({"chunks": [b"123456789"], "decoded": 10}, 400, "IncompleteBody"),
        ):
            with self.subTest(arguments=str(arguments)[:80]):
                self.raw("DELETE", "/auth/chunks")
                self.check(self.signed_chunks(**arguments), status, code)
                expected = b"".join(arguments["chunks"]) if status == 200 else None
                reply = self.raw("GET", "/auth/chunks")
                self.assertEqual(reply.body if reply.status == 200 else None, expected)

    # SigV2 -----------------------------------------------------------------------------------------
    def v2(self, method, path, resource=None, secret=None, headers=None, body=b"", query=""):
        headers = {name.lower(): value for name, value in (headers or {}).items()}
        headers.setdefault("date", email.utils.formatdate(usegmt=True))
        amz = "".join(
            f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-amz-")
        )
        date = "" if "x-amz-date" in headers else headers["date"]
        text = "\n".join(
            [method, headers.get("content-md5", ""), headers.get("content-type", ""), date, ""]
        )
        text += amz + (resource or path)
        secret = secret or self.server.secret_key
        signature = base64.b64encode(
            hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
        ).decode()
        headers["authorization"] = f"AWS {self.server.access_key}:{signature}"
        return self.raw(method, path, query, headers, body, signer=None)

    def test_v2(self):
        self.check(
            self.v2(
                "PUT",
                "/auth/v2",
                headers={"content-type": "text/x", "x-amz-meta-a": "b"},
                body=b"v2",
            ),
            200,
        )
        self.assertEqual(self.check(self.v2("GET", "/auth/v2"), 200).body, b"v2")
        for resource in ("/auth?acl", "/auth/?acl"):  # boto3 signs a slash that it does not send.
            self.check(self.v2("GET", "/auth", resource, query="acl"), 200)
        self.check(self.v2("GET", "/auth/", "/auth/?acl", query="acl"), 200)
        self.check(self.v2("GET", "/auth/v2", secret="wrong"), 403, "SignatureDoesNotMatch")
        self.check(
            self.v2("GET", "/auth/v2", headers={"x-amz-date": email.utils.formatdate(usegmt=True)}),
            200,
        )

    def test_v2_dates(self):
        for date, status, code in (
            (
                email.utils.formatdate(datetime.datetime.now().timestamp() - 3600, usegmt=True),
                403,
                "RequestTimeTooSkewed",
            ),
            ("yesterday", 403, "AccessDenied"),
            ("", 403, "AccessDenied"),
        ):
            with self.subTest(date=date):
                self.check(self.v2("GET", "/auth/k", headers={"date": date}), status, code)

    def test_v2_malformed(self):
        for text in ("AWS", "AWS ", "AWS key", "AWS :signature"):
            with self.subTest(text=text):
                headers = {"authorization": text, "date": email.utils.formatdate(usegmt=True)}
                reply = self.raw("GET", "/auth/k", headers=headers, signer=None)
                self.assertIn(
                    (reply.status, reply.code()),
                    ((400, "InvalidArgument"), (403, "AccessDenied"), (403, "InvalidAccessKeyId")),
                )

    # Anonymous -------------------------------------------------------------------------------------
    def test_anonymous(self):
        for method, path, query in (
            ("GET", "/auth/k", ""),
            ("PUT", "/auth/k", ""),
            ("DELETE", "/auth/k", ""),
            ("GET", "/auth", ""),
            ("GET", "/auth", "acl"),
            ("POST", "/auth/k", "uploads"),
            ("DELETE", "/auth", ""),
            ("PUT", "/other-one", ""),
            ("GET", "/", ""),
            ("GET", "/auth", "policy"),
            ("GET", "/auth", "versions"),
        ):
            with self.subTest(method=method, path=path, query=query):
                self.check(self.raw(method, path, query, signer=None), 403, "AccessDenied")
        self.check(self.raw("HEAD", "/auth/k", signer=None), 403)
        self.check(self.raw("HEAD", "/auth", signer=None), 403)

    # Errors ------------------------------------------------------------------------------------------
    def test_shape_of_errors(self):
        reply = self.check(self.raw("GET", "/auth/missing%3C%26%3E"), 404, "NoSuchKey")
        self.assertEqual(reply.headers["content-type"], "application/xml")
        self.assertTrue(reply.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>'))
        root = reply.xml()
        self.assertEqual(root.tag, "Error")
        self.assertEqual(reply.text("Key"), "missing<&>")
        self.assertEqual(reply.text("RequestId"), reply.headers["x-amz-request-id"])
        self.assertEqual(reply.text("HostId"), reply.headers["x-amz-id-2"])
        self.assertTrue(reply.text("Message"))
        self.assertEqual([child.tag for child in root][:2], ["Code", "Message"])
        head = self.raw("HEAD", "/auth/missing")
        self.assertEqual((head.status, head.body), (404, b""))

    def test_replies_have_a_date_and_ids(self):
        for path in ("/", "/auth", "/auth/k", "/missing-bucket"):
            reply = self.raw("GET", path)
            self.assertRegex(reply.headers["x-amz-request-id"], "^[0-9A-F]{16}$")
            moment = email.utils.parsedate_to_datetime(reply.headers["date"])
            self.assertLess(abs((moment - datetime.datetime.now(UTC)).total_seconds()), 5)
            self.assertNotIn("AmazonS3", reply.headers["server"])
            self.assertNotIn("MinIO", reply.headers["server"])


if __name__ == "__main__":
    main()
