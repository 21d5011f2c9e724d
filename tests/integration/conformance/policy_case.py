"""What the files on policies share: statements, users of the account with keys, probes."""

import json

import boto3

from conformance import Conformance, Signer


class PolicyCase(Conformance):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.iam = boto3.client(
            "iam",
            endpoint_url=cls.server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=cls.server.access_key,
            aws_secret_access_key=cls.server.secret_key,
        )
        cls.users = 0

    def setUp(self):
        self.b = self.bucket()
        self.fill(self.b, ["k", "public/k"])

    # Making things -------------------------------------------------------------------------------
    def user(self, *statements):
        """A user with a key and an inline policy: (arn, signer)."""
        type(self).users += 1
        name = f"user-{self.users}"
        arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            self.iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=document)
        return arn, Signer(key["AccessKeyId"], key["SecretAccessKey"])

    def statement(
        self, effect="Allow", principal="*", action="s3:GetObject", resource="/*", **more
    ):
        out = {"Effect": effect, "Action": action}
        if principal is not None:
            out["Principal"] = principal
        if resource is not None:
            resources = [resource] if isinstance(resource, str) else resource
            out["Resource"] = [f"arn:aws:s3:::{self.b}{text}" for text in resources]
        return dict(out, **more)

    def policy(self, *statements):
        return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})

    def put(self, *statements, headers=None):
        body = self.policy(*statements).encode()
        return self.raw("PUT", "/" + self.b, "policy", headers, body)

    def reads(self, key="k", signer=None, method="GET", query="", headers=None):
        body = b"x" if method == "PUT" else b""
        return self.raw(
            method, f"/{self.b}/{key}" if key else "/" + self.b, query, headers, body, signer=signer
        ).status
