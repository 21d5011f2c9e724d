"""Buckets as web sites: index and error documents, redirects, routing rules, what stays closed."""

import json

from conformance import Conformance, main

SITE = "site.test"


class Website(Conformance):
    server_args = ("--website-domain", SITE)

    def setUp(self):
        self.b = self.bucket()
        for key, body in (
            ("index.html", b"home"),
            ("docs/index.html", b"docs"),
            ("page", b"page"),
            ("oops.html", b"oops"),
        ):
            self.s3.put_object(Bucket=self.b, Key=key, Body=body, ContentType="text/html")
        self.publish()

    def publish(self):
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{self.b}/*",
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.s3.put_bucket_policy(Bucket=self.b, Policy=json.dumps(policy))

    def configure(self, inner):
        body = f"<WebsiteConfiguration>{inner}</WebsiteConfiguration>".encode()
        self.check(self.raw("PUT", "/" + self.b, "website", body=body), 200)

    def documents(self, more=""):
        self.configure(
            "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
            "<ErrorDocument><Key>oops.html</Key></ErrorDocument>" + more
        )

    def visit(self, path, method="GET", headers=None):
        headers = dict({"host": f"{self.b}.{SITE}"}, **(headers or {}))
        return self.raw(method, path, headers=headers, signer=None)

    def test_unset(self):
        self.check(self.visit("/"), 404)
        self.assertIn("html", self.visit("/").headers["content-type"])

    def test_index_documents(self):
        self.documents()
        for path, body in (
            ("/", b"home"),
            ("/docs/", b"docs"),
            ("/page", b"page"),
            ("/index.html", b"home"),
        ):
            with self.subTest(path=path):
                reply = self.check(self.visit(path), 200)
                self.assertEqual((reply.body, reply.headers["content-type"]), (body, "text/html"))
                self.assertEqual(self.check(self.visit(path, "HEAD"), 200).body, b"")

    def test_a_folder_without_its_slash_is_redirected(self):
        self.documents()
        reply = self.check(self.visit("/docs"), 302)
        self.assertEqual(reply.headers["location"], "/docs/")

    def test_error_documents(self):
        self.documents()
        self.s3.put_bucket_policy(
            Bucket=self.b,
            Policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": "*",
                            "Action": ["s3:GetObject", "s3:ListBucket"],
                            "Resource": [f"arn:aws:s3:::{self.b}", f"arn:aws:s3:::{self.b}/*"],
                        }
                    ],
                }
            ),
        )
        reply = self.check(self.visit("/missing"), 404)
        self.assertEqual(reply.body, b"oops")

    def test_errors_without_a_document_are_pages(self):
        self.configure("<IndexDocument><Suffix>index.html</Suffix></IndexDocument>")
        reply = self.visit("/missing")
        self.assertIn(reply.status, (403, 404))
        self.assertIn(b"<html", reply.body.lower())

    def test_private_buckets_stay_closed(self):
        self.documents()
        self.s3.delete_bucket_policy(Bucket=self.b)
        self.check(self.visit("/"), 403)

    def test_only_reads(self):
        self.documents()
        for method in ("PUT", "POST", "DELETE"):
            with self.subTest(method=method):
                self.check(self.visit("/page", method), 405)
        self.assertEqual(self.body_of(self.b, "page"), b"page")

    def test_redirect_of_an_object(self):
        self.documents()
        self.s3.put_object(Bucket=self.b, Key="old", Body=b"", WebsiteRedirectLocation="/page")
        self.s3.put_object(
            Bucket=self.b, Key="away", Body=b"", WebsiteRedirectLocation="http://www.example.com/x"
        )
        self.assertEqual(self.check(self.visit("/old"), 301).headers["location"], "/page")
        self.assertEqual(
            self.check(self.visit("/away"), 301).headers["location"], "http://www.example.com/x"
        )

    def test_redirect_locations_are_checked(self):
        for location, good in (
            ("/", True),
            ("https://example.com/", True),
            ("http://example.com/" + "x" * (2048 - 19), True),
            ("http://example.com/" + "x" * (2049 - 19), False),
            ("page", False),
            ("ftp://example.com/", False),
            ("HTTP://example.com/", False),
        ):
            with self.subTest(location=location[:30], size=len(location)):
                headers = {"x-amz-website-redirect-location": location}
                for method, query in (("PUT", ""), ("POST", "uploads")):
                    reply = self.raw(method, f"/{self.b}/r", query, dict(headers))
                    if good:
                        self.check(reply, 200)
                    else:
                        self.check(reply, 400, "InvalidRedirectLocation")

    def test_redirect_of_all_requests(self):
        self.configure(
            "<RedirectAllRequestsTo><HostName>www.example.com</HostName><Protocol>https</Protocol>"
            "</RedirectAllRequestsTo>"
        )
        reply = self.check(self.visit("/any/thing"), 301)
        self.assertEqual(reply.headers["location"], "https://www.example.com/any/thing")

    def test_routing_rules(self):
        self.documents(
            "<RoutingRules><RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals></Condition><Redirect>"
            "<ReplaceKeyPrefixWith>docs/</ReplaceKeyPrefixWith></Redirect></RoutingRule><RoutingRule><Condition>"
            "<KeyPrefixEquals>gone/</KeyPrefixEquals></Condition><Redirect><HostName>www.example.com</HostName>"
            "<Protocol>https</Protocol><ReplaceKeyWith>new</ReplaceKeyWith><HttpRedirectCode>307</HttpRedirectCode>"
            "</Redirect></RoutingRule></RoutingRules>"
        )
        reply = self.check(self.visit("/old/a"), 301)
        self.assertTrue(reply.headers["location"].endswith(f"{self.b}.{SITE}/docs/a"), reply)
        reply = self.check(self.visit("/gone/a"), 307)
        self.assertEqual(reply.headers["location"], "https://www.example.com/new")

    def test_conditions_and_ranges(self):
        self.documents()
        etag = self.visit("/").headers["etag"]
        self.check(self.visit("/", headers={"if-none-match": etag}), 304)
        self.assertEqual(
            self.check(self.visit("/", headers={"range": "bytes=0-1"}), 206).body, b"ho"
        )


if __name__ == "__main__":
    main()
