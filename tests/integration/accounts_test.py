"""`cairn admin user|group|policy|key|tenant` against the running server, and that tenants learn
nothing of each other (RELIABILITY.md S26)."""
import json
import os
import re
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from cairn_server import CairnServer, binary

ALLOW_S3 = {"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
READ_ONLY = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}]}


class AccountsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer(cores=2)
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def cli(self, *command, code=0):
        """The output of a command that ends with `code`; parsed where it succeeds with --json."""
        result = subprocess.run([binary(), "admin", *command, "--data", self.server.data],
                                capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        if code == 0 and "--json" in command:
            return json.loads(result.stdout)
        return result.stdout if code == 0 else result.stderr

    def policy_file(self, document):
        file = tempfile.NamedTemporaryFile("w", suffix=".json", delete=False)
        self.addCleanup(os.unlink, file.name)
        with file:
            json.dump(document, file)
        return file.name

    def s3(self, key):
        return self.server.boto3_client(access_key=key["access_key"], secret_key=key["secret_key"])

    def outcome(self, call, **parameters):
        from botocore.exceptions import ClientError
        try:
            call(**parameters)
            return "ok"
        except ClientError as error:
            return error.response["Error"]["Code"]


class AdminCommands(AccountsCase):
    def test_users_groups_policies_and_keys(self):
        self.server.boto3_client().create_bucket(Bucket="commands")
        user = self.cli("user", "add", "anna", "--path", "/staff/", "--json")
        self.assertEqual(user["arn"], "arn:aws:iam::000000000001:user/staff/anna")
        self.assertIn("already exists", self.cli("user", "add", "ANNA", code=1))
        self.assertIn("must contain only", self.cli("user", "add", "a b", code=2))
        key = self.cli("key", "add", "--user", "anna", "--json")
        anna = self.s3(key)
        put = dict(Bucket="commands", Key="k", Body=b"x")
        self.assertEqual(self.outcome(anna.put_object, **put), "AccessDenied")

        self.cli("group", "add", "staff")
        self.cli("group", "join", "staff", "anna")
        self.cli("policy", "add", "work", self.policy_file(ALLOW_S3))
        self.cli("policy", "attach", "work", "--group", "staff")
        self.assertEqual(self.outcome(anna.put_object, **put), "ok")
        [group] = self.cli("group", "list", "--json")
        self.assertEqual((group["members"], group["policies"]), (["anna"], ["work"]))
        # The same name again is a new version, at work at once.
        self.cli("policy", "add", "work", self.policy_file(READ_ONLY))
        self.assertEqual(self.outcome(anna.put_object, **put), "AccessDenied")
        self.assertEqual(self.outcome(anna.get_object, Bucket="commands", Key="k"), "ok")
        self.assertEqual(self.cli("policy", "show", "work", "--json")["document"], READ_ONLY)
        for _ in range(6):
            self.cli("policy", "add", "work", self.policy_file(READ_ONLY))

        self.cli("user", "disable", "anna")
        self.assertEqual(self.outcome(anna.get_object, Bucket="commands", Key="k"),
                         "InvalidAccessKeyId")
        self.assertEqual([u["enabled"] for u in self.cli("user", "list", "--json")], [False])
        self.cli("user", "enable", "anna")
        self.assertEqual(self.outcome(anna.get_object, Bucket="commands", Key="k"), "ok")

        service = self.s3(self.cli("key", "add", "--user", "anna", "--service-account",
                                   "--policy-file", self.policy_file(
                                       {"Version": "2012-10-17", "Statement": [
                                           {"Effect": "Allow", "Action": "s3:ListBucket",
                                            "Resource": "*"}]}), "--json"))
        self.assertEqual(self.outcome(service.list_objects_v2, Bucket="commands"), "ok")
        self.assertEqual(self.outcome(service.get_object, Bucket="commands", Key="k"),
                         "AccessDenied")
        listed = self.cli("key", "list", "--user", "anna", "--json")
        self.assertEqual(sorted(k["service_account"] for k in listed), [False, True])
        self.assertNotIn("secret_key", json.dumps(listed))
        self.cli("key", "disable", key["access_key"])
        self.assertEqual(self.outcome(anna.list_buckets), "InvalidAccessKeyId")
        self.cli("key", "remove", key["access_key"])
        self.assertIn("cannot be found", self.cli("key", "remove", key["access_key"], code=1))

        table = self.cli("user", "list")
        self.assertIn("anna", table)
        self.cli("group", "leave", "staff", "anna")
        self.cli("user", "remove", "anna")
        self.assertIn("cannot be found", self.cli("user", "remove", "anna", code=1))
        self.assertEqual(self.outcome(service.list_objects_v2, Bucket="commands"),
                         "InvalidAccessKeyId")
        self.cli("policy", "remove", "work")
        self.cli("group", "remove", "staff")
        self.assertIn("MalformedPolicyDocument",
                      self.cli("policy", "add", "bad", self.policy_file({}), code=2))
        self.assertIn("cannot read", self.cli("policy", "add", "bad", "/nonexistent", code=2))

    def test_the_listener_wants_its_token(self):
        address, _ = self.server.admin_address()
        request = urllib.request.Request(f"http://{address}/admin/v1/accounts/user-list",
                                         method="POST", data=b"")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with self.assertRaises(urllib.error.HTTPError) as caught:
            opener.open(request, timeout=30)
        self.assertEqual(caught.exception.code, 401)
        self.assertEqual(self.server.admin("/admin/v1/accounts/nonsense", "POST")[0], 404)


class Tenants(AccountsCase):
    def tenant(self, name, *flags):
        made = self.cli("tenant", "add", name, *flags, "--json")
        self.assertRegex(made["account"], r"^\d{12}$")
        return self.s3(self.cli("key", "add", "--tenant", name, "--json"))

    def test_tenants_are_accounts(self):
        first, second = self.tenant("first"), self.tenant("second")
        first.create_bucket(Bucket="of-first")
        first.put_object(Bucket="of-first", Key="k", Body=b"first's")
        # One namespace: the name is taken, and the bucket is somebody else's.
        self.assertEqual(self.outcome(second.create_bucket, Bucket="of-first"),
                         "BucketAlreadyExists")
        self.assertEqual(self.outcome(second.get_object, Bucket="of-first", Key="k"),
                         "AccessDenied")
        self.assertEqual(second.list_buckets()["Buckets"], [])
        self.assertNotEqual(first.list_buckets()["Owner"]["ID"],
                            second.list_buckets()["Owner"]["ID"])
        # Users of two tenants may have the same name.
        for name in ("first", "second"):
            self.cli("user", "add", "anna", "--tenant", name)
        self.assertIn("still has buckets", self.cli("tenant", "remove", "first", code=1))
        first.delete_object(Bucket="of-first", Key="k")
        first.delete_bucket(Bucket="of-first")
        self.cli("tenant", "remove", "first")
        self.assertEqual(self.outcome(first.list_buckets), "InvalidAccessKeyId")
        self.assertIn("second", [t["name"] for t in self.cli("tenant", "list", "--json")])
        self.assertIn("cannot be removed", self.cli("tenant", "remove", "root", code=1))

    maxDiff = None

    def comparable(self, s3, operation, bucket, **parameters):
        """Status, headers and body of a refusal, without what is new in every reply or on every core, and
        without the name that was asked for."""
        from botocore.exceptions import ClientError
        try:
            getattr(s3, operation)(Bucket=bucket, **parameters)
            return "ok"
        except ClientError as error:
            meta = error.response["ResponseMetadata"]
            headers = {name: value for name, value in meta["HTTPHeaders"].items()
                       if name not in ("date", "x-amz-request-id", "x-amz-id-2")}
            text = json.dumps({"error": error.response["Error"], "headers": headers,
                               "status": meta["HTTPStatusCode"]}, sort_keys=True)
            return re.sub(re.escape(bucket), "BUCKET", text)

    def test_an_isolated_tenant_is_not_there_for_others(self):
        hidden = self.tenant("hidden", "--isolated")
        other = self.tenant("curious")
        root = self.server.boto3_client()
        anonymous = self.anonymous()
        names = {"present": "hidden-bucket-1", "absent": "hidden-bucket-2"}
        hidden.create_bucket(Bucket=names["present"])
        hidden.put_object(Bucket=names["present"], Key="key", Body=b"secret")
        # Not even when the tenant shares it with everybody.
        hidden.put_bucket_policy(Bucket=names["present"], Policy=json.dumps(
            {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "s3:*",
                 "Resource": [f"arn:aws:s3:::{names['present']}",
                              f"arn:aws:s3:::{names['present']}/*"]}]}))
        asked = [("head_bucket", {}), ("list_objects_v2", {}), ("list_object_versions", {}),
                 ("get_bucket_location", {}), ("get_bucket_policy", {}), ("get_bucket_acl", {}),
                 ("get_bucket_versioning", {}), ("delete_bucket", {}),
                 ("get_object", {"Key": "key"}), ("head_object", {"Key": "key"}),
                 ("put_object", {"Key": "key", "Body": b"x"}), ("delete_object", {"Key": "key"}),
                 ("create_multipart_upload", {"Key": "key"}), ("list_multipart_uploads", {})]
        compared = 0
        for caller in (other, root, anonymous):
            for operation, parameters in asked:
                answers = [self.comparable(caller, operation, name, **parameters)
                           for name in (names["present"], names["absent"])]
                self.assertNotEqual(answers[0], "ok", operation)
                self.assertEqual(answers[0], answers[1], operation)
                compared += 1
        self.assertEqual(compared, 3 * len(asked))
        # Copying from it is refused like copying from nothing.
        root.create_bucket(Bucket="target")
        copies = [self.outcome(root.copy_object, Bucket="target", Key="k",
                               CopySource={"Bucket": name, "Key": "key"})
                  for name in names.values()]
        self.assertEqual(copies[0], copies[1])
        # The name is free for others, and both buckets go on side by side.
        root.create_bucket(Bucket=names["present"])
        root.put_object(Bucket=names["present"], Key="key", Body=b"root's")
        self.assertEqual(hidden.get_object(Bucket=names["present"], Key="key")["Body"].read(),
                         b"secret")
        self.assertEqual(root.get_object(Bucket=names["present"], Key="key")["Body"].read(),
                         b"root's")
        # The isolated tenant learns nothing of others either.
        for name in ("target", "nowhere-at-all"):
            self.assertEqual(self.outcome(hidden.list_objects_v2, Bucket=name), "NoSuchBucket")
        self.assertEqual([b["Name"] for b in hidden.list_buckets()["Buckets"]],
                         [names["present"]])

    def anonymous(self):
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config
        return boto3.client("s3", endpoint_url=self.server.endpoint, region_name="us-east-1",
                            config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0},
                                          s3={"addressing_style": "path"}, proxies={}))


if __name__ == "__main__":
    unittest.main(verbosity=2)
