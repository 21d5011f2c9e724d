"""Buckets whose requesters pay: strangers say in every request that they know; the owner need not."""

import json

from accounts import AccountCase
from conformance import main

PAYER = {"x-amz-request-payer": "requester"}
PAYS = "<RequestPaymentConfiguration><Payer>{}</Payer></RequestPaymentConfiguration>"


class RequesterPays(AccountCase):
    def setUp(self):
        self.b = self.bucket()
        self.fill(self.b, ["k"])
        self.allow("s3:GetObject", "s3:PutObject", "s3:ListBucket")
        self.pay("Requester")

    def allow(self, *actions):
        both = [f"arn:aws:s3:::{self.b}", f"arn:aws:s3:::{self.b}/*"]
        statements = [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": action,
                "Resource": both[0] if action == "s3:ListBucket" else both[1],
            }
            for action in actions
        ]
        self.s3.put_bucket_policy(
            Bucket=self.b, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
        )

    def pay(self, payer):
        body = PAYS.format(payer).encode()
        self.check(self.raw("PUT", "/" + self.b, "requestPayment", body=body), 200)

    def test_the_owner_says_nothing(self):
        reply = self.check(self.raw("GET", f"/{self.b}/k"), 200)
        self.assertNotIn("x-amz-request-charged", reply.headers)

    def test_strangers_say_that_they_know(self):
        for method, path, body in (
            ("GET", "/k", b""),
            ("HEAD", "/k", b""),
            ("PUT", "/new", b"x"),
            ("GET", "", b""),
        ):
            with self.subTest(method=method, path=path):
                path = f"/{self.b}{path}"
                reply = self.as_alt(method, path, body=body)
                self.assertEqual(reply.status, 403)
                if method != "HEAD":
                    self.assertEqual(reply.code(), "AccessDenied")
                wrong = {"x-amz-request-payer": "owner"}
                self.assertEqual(self.as_alt(method, path, headers=wrong, body=body).status, 403)
                reply = self.as_alt(method, path, headers=dict(PAYER), body=body)
                self.assertEqual(reply.status, 200, reply)
                self.assertEqual(reply.headers["x-amz-request-charged"], "requester")

    def test_it_gives_no_right(self):
        self.allow("s3:ListBucket")
        self.check(self.as_alt("GET", f"/{self.b}/k", headers=dict(PAYER)), 403, "AccessDenied")

    def test_nobody_pays_for_nothing(self):
        for headers in ({}, dict(PAYER)):
            reply = self.raw("GET", f"/{self.b}/k", headers=headers, signer=None)
            self.check(reply, 403, "AccessDenied")

    def test_presigned(self):
        def fetch(headers, **more):
            url = self.alt.generate_presigned_url(
                "get_object", Params={"Bucket": self.b, "Key": "k", **more}
            )
            path, _, query = url.partition(self.server.endpoint)[2].partition("?")
            return self.raw("GET", path, query, headers, signer=None)

        self.check(fetch({}), 403, "AccessDenied")
        # boto3 signs the header into the URL, and whoever uses it sends it.
        reply = self.check(fetch(dict(PAYER), RequestPayer="requester"), 200)
        self.assertEqual(reply.headers["x-amz-request-charged"], "requester")

    def test_copies_out_of_it(self):
        target = self.bucket(client=self.alt)
        source = {"x-amz-copy-source": f"/{self.b}/k"}
        self.check(self.as_alt("PUT", f"/{target}/k", headers=dict(source)), 403, "AccessDenied")
        self.check(self.as_alt("PUT", f"/{target}/k", headers={**source, **PAYER}), 200)

    def test_the_owner_pays_again(self):
        self.pay("BucketOwner")
        reply = self.check(self.as_alt("GET", f"/{self.b}/k"), 200)
        self.assertNotIn("x-amz-request-charged", reply.headers)
        self.check(self.as_alt("GET", f"/{self.b}/k", headers=dict(PAYER)), 200)


if __name__ == "__main__":
    main()
