"""Presigned URLs of SigV4 and SigV2: what they permit, when they expire, how they are refused."""

import datetime
import hashlib
import hmac
import time
import urllib.parse

from conformance import Conformance, main


class Presigned(Conformance):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.b = "presigned"
        cls.s3.create_bucket(Bucket=cls.b)
        cls.s3.put_object(Bucket=cls.b, Key="k", Body=b"bar")
        cls.v2 = cls.server.boto3_client(signature_version="s3")

    def send(self, method, url, headers=None, body=b""):
        parts = urllib.parse.urlsplit(url)
        headers = dict({"host": parts.netloc}, **(headers or {}))
        return self.raw(method, parts.path, parts.query, headers, body, signer=None)

    def url(self, client, operation, seconds=600, **parameters):
        parameters = dict({"Bucket": self.b, "Key": "k"}, **parameters)
        return client.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds)

    def sign(self, method="GET", path="/presigned/k", **changes):
        """A V4 query made by hand; `changes` replace or (None) drop parameters before signing."""
        now = datetime.datetime.now(datetime.timezone.utc)
        moment = changes.pop("time", now.strftime("%Y%m%dT%H%M%SZ"))
        values = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.server.access_key}/{self.signer.scope(moment[:8])}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": "600",
            "X-Amz-SignedHeaders": "host",
        }
        values.update({name.replace("_", "-"): value for name, value in changes.items()})
        query = "&".join(
            f"{name}={urllib.parse.quote(value, safe='')}"
            for name, value in values.items()
            if value is not None
        )
        text = self.signer.string_to_sign(
            method,
            path,
            query,
            {"host": self.server.host_port},
            ["host"],
            "UNSIGNED-PAYLOAD",
            moment,
        )
        signature = hmac.new(self.signer.key(moment[:8]), text.encode(), hashlib.sha256).hexdigest()
        return path, query + "&X-Amz-Signature=" + signature

    # What they permit ----------------------------------------------------------------------------
    def test_reads_and_writes(self):
        for client in (self.s3, self.v2):
            with self.subTest(client=client.meta.config.signature_version):
                self.assertEqual(
                    self.check(self.send("GET", self.url(client, "get_object")), 200).body, b"bar"
                )
                self.check(self.send("HEAD", self.url(client, "head_object")), 200)
                self.check(
                    self.send("PUT", self.url(client, "put_object", Key="new"), body=b"new"), 200
                )
                self.assertEqual(self.body_of(self.b, "new"), b"new")
                self.check(self.send("DELETE", self.url(client, "delete_object", Key="new")), 204)
                url = client.generate_presigned_url(
                    "list_objects", Params={"Bucket": self.b, "Prefix": "k"}
                )
                self.assertEqual(
                    self.check(self.send("GET", url), 200).texts("Contents/Key"), ["k"]
                )

    def test_strange_keys(self):
        for key in ("a b+c", "ä/ö", "x%20y", "q?a=b&c", "a//b", "~!*'()"):
            for client in (self.s3, self.v2):
                with self.subTest(key=key, client=client.meta.config.signature_version):
                    self.check(
                        self.send("PUT", self.url(client, "put_object", Key=key), body=b"x"), 200
                    )
                    self.assertEqual(
                        self.send("GET", self.url(client, "get_object", Key=key)).body, b"x"
                    )

    def test_the_method_is_signed(self):
        for client in (self.s3, self.v2):
            for method in ("PUT", "DELETE", "HEAD"):
                with self.subTest(client=client.meta.config.signature_version, method=method):
                    self.check(self.send(method, self.url(client, "get_object")), 403)

    def test_the_path_and_query_are_signed(self):
        for client in (self.s3, self.v2):
            url = self.url(client, "get_object", Key="other")
            self.check(self.send("GET", url.replace("/other", "/k")), 403, "SignatureDoesNotMatch")
            url = self.url(client, "get_object", ResponseContentType="text/x")
            self.check(
                self.send("GET", url.replace("text%2Fx", "text%2Fy")), 403, "SignatureDoesNotMatch"
            )

    def test_response_headers(self):
        for client in (self.s3, self.v2):
            url = self.url(
                client,
                "get_object",
                ResponseContentType="text/x",
                ResponseContentDisposition='a; b="c d"',
            )
            reply = self.check(self.send("GET", url), 200)
            self.assertEqual(reply.headers["content-type"], "text/x")
            self.assertEqual(reply.headers["content-disposition"], 'a; b="c d"')

    def test_hoisted_headers(self):
        path, query = self.sign(
            "PUT", "/presigned/hoisted", **{"x-amz-meta-a": "b", "x-amz-tagging": "t=1"}
        )
        self.check(self.raw("PUT", path, query, body=b"x", signer=None), 200)
        self.assertEqual(self.s3.head_object(Bucket=self.b, Key="hoisted")["Metadata"], {"a": "b"})
        tags = self.s3.get_object_tagging(Bucket=self.b, Key="hoisted")["TagSet"]
        self.assertEqual(tags, [{"Key": "t", "Value": "1"}])

    def test_checksums_in_the_query_are_ignored(self):
        extra = {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-sdk-checksum-algorithm": "CRC32"}
        path, query = self.sign("PUT", "/presigned/crc", **extra)
        self.check(self.raw("PUT", path, query, body=b"not empty", signer=None), 200)
        self.assertEqual(self.body_of(self.b, "crc"), b"not empty")

    def test_signed_headers_must_come(self):
        url = self.url(self.s3, "put_object", Key="typed", ContentType="text/x")
        self.check(self.send("PUT", url, {"content-type": "text/x"}, b"x"), 200)
        self.check(
            self.send("PUT", url, {"content-type": "text/y"}, b"x"), 403, "SignatureDoesNotMatch"
        )

    # Expiry ----------------------------------------------------------------------------------------
    def test_expired(self):
        old = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).strftime(
            "%Y%m%dT%H%M%SZ"
        )
        path, query = self.sign(time=old, X_Amz_Expires="60")
        reply = self.check(self.raw("GET", path, query, signer=None), 403, "AccessDenied")
        self.assertEqual(reply.text("Message"), "Request has expired")
        self.assertEqual(reply.text("X-Amz-Expires"), "60")
        self.assertTrue(reply.text("Expires"))
        self.assertTrue(reply.text("ServerTime"))
        url = self.url(self.v2, "get_object", seconds=-10)
        reply = self.check(self.send("GET", url), 403, "AccessDenied")
        self.assertEqual(reply.text("Message"), "Request has expired")

    def test_not_yet_valid(self):
        later = (
            datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=20)
        ).strftime("%Y%m%dT%H%M%SZ")
        path, query = self.sign(time=later)
        self.check(self.raw("GET", path, query, signer=None), 403, "AccessDenied")

    def test_a_week_is_the_longest(self):
        path, query = self.sign(X_Amz_Expires="604800")
        self.check(self.raw("GET", path, query, signer=None), 200)

    # Refusals --------------------------------------------------------------------------------------
    def test_bad_parameters(self):
        today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d")
        key = self.server.access_key
        for changes, status in (
            ({"X_Amz_Expires": "604801"}, 400),
            ({"X_Amz_Expires": "-1"}, 400),
            ({"X_Amz_Expires": "x"}, 400),
            ({"X_Amz_Expires": None}, 400),
            ({"X_Amz_Algorithm": "AWS4-HMAC-SHA1"}, 400),
            ({"X_Amz_Algorithm": None}, 400),
            ({"X_Amz_Date": None}, 400),
            ({"X_Amz_Date": "today"}, 400),
            ({"X_Amz_SignedHeaders": None}, 400),
            ({"X_Amz_Credential": None}, 400),
            ({"X_Amz_Credential": key}, 400),
            ({"X_Amz_Credential": f"{key}/{today}/us-east-1/ec2/aws4_request"}, 400),
            ({"X_Amz_Credential": f"{key}/{today}/us-east-1/s3/aws_request"}, 400),
            ({"X_Amz_Credential": f"{key}/20130101/us-east-1/s3/aws4_request"}, 400),
        ):
            with self.subTest(changes=changes):
                path, query = self.sign(**changes)
                reply = self.raw("GET", path, query, signer=None)
                self.check(reply, status, "AuthorizationQueryParametersError")

    def test_zero_seconds_are_over(self):
        path, query = self.sign(X_Amz_Expires="0")
        self.assertIn(self.raw("GET", path, query, signer=None).status, (400, 403))

    def test_bad_signatures_and_keys(self):
        path, query = self.sign()
        self.check(
            self.raw("GET", path, query[:-4] + "0000", signer=None), 403, "SignatureDoesNotMatch"
        )
        path, query = self.sign()
        self.check(
            self.raw("GET", path, query + "&extra=1", signer=None), 403, "SignatureDoesNotMatch"
        )
        moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d")
        path, query = self.sign(X_Amz_Credential=f"NOSUCHKEY/{self.signer.scope(moment)}")
        self.check(self.raw("GET", path, query, signer=None), 403, "InvalidAccessKeyId")
        url = self.url(self.v2, "get_object").replace(self.server.access_key, "NOSUCHKEY")
        self.check(self.send("GET", url), 403, "InvalidAccessKeyId")

    def test_v2_parameters(self):
        expires = int(time.time()) + 600
        for query in (
            f"AWSAccessKeyId={self.server.access_key}&Expires={expires}",
            f"AWSAccessKeyId={self.server.access_key}&Signature=x",
            f"AWSAccessKeyId={self.server.access_key}&Signature=x&Expires=soon",
        ):
            with self.subTest(query=query):
                self.assertIn(
                    self.raw("GET", "/presigned/k", query, signer=None).status, (400, 403)
                )


if __name__ == "__main__":
    main()
