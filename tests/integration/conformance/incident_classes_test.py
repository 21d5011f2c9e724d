#!/usr/bin/env python3
"""One named test for each class of incident that other stores have had (docs/threat-model.md, Classes of
incidents). A test stands for its class: it may grow, it may not go; CLASSES is the floor."""
import base64
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from cairn_server import CairnServer, binary  # noqa: E402
from conformance import Conformance, main, noise, quote  # noqa: E402

CLASSES = {
    "auth_path_verifies", "unsigned_input_is_not_trusted", "rights_never_grow", "policy_semantics",
    "post_policy_conditions", "copy_source", "path_traversal", "no_default_secrets",
    "no_open_information", "no_secrets_in_logs", "no_header_or_log_injection", "odd_input_never_crashes",
    "memory_stays_bounded", "no_request_forgery", "source_address_is_the_peer", "browser",
    "timing_and_answers", "encryption_is_applied", "errors_deny", "dedup_stays_in_scope", "client_tools",
}
STREAMING = ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
             "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "UNSIGNED-PAYLOAD")


class IncidentClasses(Conformance):
    server_args = ("--access-log", "-", "--allow-ssec-over-http")

    # People --------------------------------------------------------------------------------------
    def iam(self, service="iam", keys=None):
        import boto3
        from botocore.config import Config
        keys = keys or {"AccessKeyId": self.server.access_key, "SecretAccessKey": self.server.secret_key}
        return boto3.client(service, endpoint_url=self.server.endpoint, region_name="us-east-1",
                            aws_access_key_id=keys["AccessKeyId"],
                            aws_secret_access_key=keys["SecretAccessKey"],
                            aws_session_token=keys.get("SessionToken"),
                            config=Config(retries={"max_attempts": 0}, proxies={}))

    def user(self, name, *statements):
        """A user with these policy statements: the access key."""
        iam = self.iam()
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": list(statements)}))
        return iam.create_access_key(UserName=name)["AccessKey"]

    def client_of(self, keys):
        return self.iam("s3", keys)

    def test_the_floor(self):
        names = {name.removeprefix("test_") for name in dir(self) if name.startswith("test_")}
        self.assertEqual(CLASSES - names, set(), "a class of incidents has lost its test")

    def absent(self, bucket, key):
        self.fails(404, None, self.s3.head_object, Bucket=bucket, Key=key)

    def spoiled(self, **headers):
        """A signer's headers with a signature that is one digit off."""
        signed = dict(headers)
        value = signed["authorization"]
        signed["authorization"] = value[:-1] + ("0" if value[-1] != "0" else "1")
        return signed

    def test_auth_path_verifies(self):
        bucket = self.bucket()
        for payload in STREAMING:
            for extra in ({}, {"x-amz-meta-snowball-auto-extract": "true"}):
                headers = {"host": self.server.host_port, "x-amz-decoded-content-length": "3", **extra}
                signed = self.signer.sign("PUT", f"/{bucket}/k", "", headers, payload)
                reply = self.raw("PUT", f"/{bucket}/k", headers=self.spoiled(**signed), signer=None,
                                 body=b"3\r\nabc\r\n0\r\n\r\n")
                self.check(reply, 403, "SignatureDoesNotMatch")
                # Without any credentials, and with credentials in the query that are none.
                self.assertIn(self.raw("PUT", f"/{bucket}/k", headers={**headers,
                              "x-amz-content-sha256": payload}, signer=None, body=b"abc").status, (400, 403))
                query = ("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + quote(
                    f"{self.server.access_key}/20260101/us-east-1/s3/aws4_request").replace("/", "%2F") +
                    "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host"
                    "&X-Amz-Signature=" + "0" * 64)
                reply = self.raw("PUT", f"/{bucket}/k", query, headers={**headers,
                                 "x-amz-content-sha256": payload}, signer=None, body=b"abc")
                self.assertIn(reply.status, (400, 403), reply)
        self.absent(bucket, "k")

    def test_unsigned_input_is_not_trusted(self):
        bucket = self.bucket()
        for name in ("x-amz-acl", "x-amz-meta-evil", "x-amz-tagging", "x-amz-copy-source",
                     "x-amz-server-side-encryption", "x-amz-object-lock-legal-hold",
                     "x-amz-bypass-governance-retention", "x-amz-security-token"):
            headers = {"host": self.server.host_port}
            signed = self.signer.sign("PUT", f"/{bucket}/k", "", headers, "UNSIGNED-PAYLOAD")
            reply = self.raw("PUT", f"/{bucket}/k", headers={**signed, name: "true"}, signer=None,
                             body=b"x")
            self.assertIn(reply.status, (400, 403), (name, reply))
        self.absent(bucket, "k")
        # Headers that other stores use among their own servers mean nothing here.
        self.raw("PUT", f"/{bucket}/k", headers={
            "x-minio-source-etag": "0" * 32, "x-minio-replication-server-side-encryption-iv": "AAAA",
            "x-cairn-internal": "1", "x-rgw-forwarded": "1"}, body=b"x")
        head = self.headers_of(self.s3.head_object(Bucket=bucket, Key="k"))
        self.assertEqual(head["etag"], '"9dd4e461268c8034f5c8564e155c67a6"')
        self.assertFalse([name for name in head if "minio" in name or "cairn" in name])

    def test_rights_never_grow(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        own = {"Effect": "Allow", "Action": ["iam:CreateAccessKey", "sts:*"],
               "Resource": ["arn:aws:iam::*:user/grower", "arn:aws:iam::*:role/*"]}
        keys = self.user("grower", read, own)
        self.user("victim")
        iam, s3 = self.iam("iam", keys), self.client_of(keys)
        everything = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        self.assertEqual(s3.get_object(Bucket=bucket, Key="k")["Body"].read(), b"x")
        for call, arguments in (
                (iam.put_user_policy, dict(UserName="grower", PolicyName="q", PolicyDocument=everything)),
                (iam.create_access_key, dict(UserName="victim")),
                (iam.create_user, dict(UserName="another")),
                (iam.attach_user_policy, dict(UserName="grower", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")),
                (iam.create_role, dict(RoleName="r", AssumeRolePolicyDocument=everything)),
                (iam.create_policy, dict(PolicyName="x", PolicyDocument=everything)),
                (iam.delete_user_permissions_boundary, dict(UserName="grower")),
                (iam.list_users, {})):
            self.fails(403, "AccessDenied", call, **arguments)
        # What it mints for itself is as narrow as it is.
        minted = iam.create_access_key(UserName="grower")["AccessKey"]
        session = self.iam("sts", keys).get_session_token()["Credentials"]
        for narrow in (self.client_of(minted), self.client_of(session)):
            self.assertEqual(narrow.get_object(Bucket=bucket, Key="k")["Body"].read(), b"x")
            self.fails(403, "AccessDenied", narrow.put_object, Bucket=bucket, Key="k", Body=b"y")
            self.fails(403, "AccessDenied", narrow.list_objects_v2, Bucket=bucket)
        self.fails(403, None, self.iam("iam", session).create_access_key, UserName="grower")

    def test_policy_semantics(self):
        bucket = self.bucket(versioning="Enabled")
        version = self.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="team=red")["VersionId"]
        objects = f"arn:aws:s3:::{bucket}/*"

        def allowed(name, *statements, headers=None, **arguments):
            s3 = self.client_of(self.user(name, *statements))
            if headers:
                s3.meta.events.register("before-sign.s3.GetObject", lambda request, **_: [
                    request.headers.add_header(key, value) for key, value in headers.items()])
            try:
                s3.get_object(Bucket=bucket, Key="k", **arguments)
                return True
            except s3.exceptions.ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "AccessDenied")
                return False
        get = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": objects}
        self.assertTrue(allowed("plain", get))
        self.assertFalse(allowed("unversioned", get, VersionId=version))
        self.assertTrue(allowed("versioned", {**get, "Action": "s3:GetObjectVersion"}, VersionId=version))
        self.assertFalse(allowed("denied", get, {"Effect": "Deny", "Action": "s3:Get*", "Resource": "*"}))
        self.assertFalse(allowed("none"))
        # A condition on a key that is not there: only its absence, or IfExists, can hold.
        for operator, expected in (("StringEquals", False), ("StringEqualsIfExists", True),
                                   ("ForAllValues:StringEquals", True), ("ForAnyValue:StringEquals", False)):
            condition = {operator: {"aws:RequestTag/none": "x"}}
            self.assertEqual(allowed("cond" + operator.replace(":", ""), {**get, "Condition": condition}),
                             expected, operator)
        # Headers do not speak for keys that describe the caller.
        who = {**get, "Condition": {"StringEquals": {"aws:username": "somebody"}}}
        self.assertFalse(allowed("imposter", who, headers={"username": "somebody", "userid": "somebody",
                                                           "aws-username": "somebody"}))
        tagged = {**get, "Condition": {"StringEquals": {"s3:ExistingObjectTag/team": "blue"}}}
        self.assertFalse(allowed("tagged", tagged))

    def test_post_policy_conditions(self):
        bucket = self.bucket()

        def post(change, conditions=None):
            form = self.s3.generate_presigned_post(
                bucket, "up/${filename}", Fields={"x-amz-meta-kind": "a", "Content-Type": "text/plain"},
                Conditions=conditions or [["starts-with", "$key", "up/"], {"x-amz-meta-kind": "a"},
                                          ["content-length-range", 2, 9], {"Content-Type": "text/plain"}])
            fields, content = dict(form["fields"]), b"12345"
            content = change(fields) or content
            edge = "edge" + noise(6, "edge").hex()
            body = b"".join(f"--{edge}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n".encode()
                            for name, value in fields.items())
            body += (f"--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
                     .encode() + content + f"\r\n--{edge}--\r\n".encode())
            return self.raw("POST", f"/{bucket}", headers={"content-type": f"multipart/form-data; boundary={edge}"},
                            body=body, signer=None)
        self.check(post(lambda fields: None), 204)
        sign = "x-amz-signature"
        for name, change, statuses in (
                ("key", lambda f: f.update(key="other/f"), (403,)),
                ("meta", lambda f: f.update({"x-amz-meta-kind": "b"}), (403,)),
                ("extra", lambda f: f.update({"x-amz-meta-more": "1"}), (403,)),
                ("acl", lambda f: f.update(acl="public-read"), (403,)),
                ("type", lambda f: f.update({"Content-Type": "text/html"}), (403,)),
                ("missing", lambda f: f.pop("x-amz-meta-kind") and None, (403,)),
                ("short", lambda f: b"1", (400, 403)),
                ("long", lambda f: b"1234567890", (400, 403)),
                ("policy", lambda f: f.update(policy=f["policy"][:-8] + "AAAAAAA="), (400, 403)),
                ("signature", lambda f: f.update({sign if sign in f else "signature": "0" * 64}), (403,))):
            reply = post(change)
            self.assertIn(reply.status, statuses, (name, reply))
        self.assertEqual([e["Key"] for e in self.s3.list_objects_v2(Bucket=bucket)["Contents"]], ["up/f"])

    def test_copy_source(self):
        bucket, other = self.bucket(), self.bucket()
        self.s3.put_object(Bucket=other, Key="secret/key", Body=b"s")
        # Encoded forms name what they decode to, once; a `?` inside the key is part of the key.
        for source in (f"/{other}/secret/key", f"{other}/secret%2Fkey", f"%2F{other}%2Fsecret%2Fkey"):
            self.check(self.raw("PUT", f"/{bucket}/t", headers={"x-amz-copy-source": source}), 200)
        for source, status in ((f"{other}/../{other}/secret/key", 404), (f"{other}/%2e%2e/secret/key", 404),
                               (f"{other}/secret/key%3FversionId%3Dx", 404), (f"{other}/secret%252Fkey", 404),
                               ("", 400), ("/", 400), (other, 400), (f"{other}/", 400),
                               (f"{other}/secret/key?versionId=", 400), ("nobody-has-this/k", 404)):
            reply = self.raw("PUT", f"/{bucket}/u", headers={"x-amz-copy-source": source})
            self.assertEqual(reply.status, status, (source, reply))
        self.absent(bucket, "u")
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
        for source in (f"{other}/../secret/key", f"{other}/missing", ""):
            reply = self.raw("PUT", f"/{bucket}/m", f"partNumber=1&uploadId={upload}",
                             headers={"x-amz-copy-source": source})
            self.assertIn(reply.status, (400, 404), (source, reply))

    def test_path_traversal(self):
        bucket, other = self.bucket(), self.bucket()
        keys = ["../escape", "a/../b", "..", ".", "a/./b", "//", "/leading", "a//b", "..\\up", "%2e%2e/x",
                "\u2025/x", "C:\\x", "~/x", "a\nb"]
        for key in keys:
            self.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        self.assertEqual({entry["Key"] for entry in self.s3.list_objects_v2(Bucket=bucket)["Contents"]},
                         set(keys))
        for key in keys:
            self.assertEqual(self.body_of(bucket, key), key.encode())
        for path in (f"/{other}/../{bucket}/a/../b", f"/{other}/%2e%2e/{bucket}/.."):
            self.check(self.raw("GET", path), 404, "NoSuchKey")
        self.assertNotIn("Contents", self.s3.list_objects_v2(Bucket=other))
        outside = [path for path in pathlib.Path(self.server.data).parent.rglob("*")
                   if path.name in ("escape", "leading")]
        self.assertEqual(outside, [])

    def test_no_default_secrets(self):
        pairs = set()
        for _ in range(2):
            server = CairnServer()
            env = dict(os.environ)
            env.pop("CAIRN_ROOT_ACCESS_KEY", None)
            os.makedirs(os.path.dirname(server.data), exist_ok=True)
            process = subprocess.Popen([binary(), "serve", "--data", server.data, "--listen", "127.0.0.1:0",
                                        "--admin-listen", "127.0.0.1:0"], env=env, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            process.stdout.readline()
            process.terminate()
            process.communicate(timeout=60)
            path = pathlib.Path(server.data, "credentials")
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            pairs.add(path.read_text())
            server.close()
        self.assertEqual(len(pairs), 2, "two stores were made with the same credentials")
        text = pathlib.Path(binary()).read_bytes()
        for needle in (b"minioadmin", b"rustfsadmin", b"-----BEGIN PRIVATE", b"-----BEGIN RSA PRIVATE",
                       b"AKIAIOSFODNN7EXAMPLE"):
            self.assertNotIn(needle, text)

    def test_no_open_information(self):
        allowed = {"/healthz", "/readyz"}
        for path in ("/metrics", "/debug/pprof/", "/admin/v1/status", "/admin/v1/users", "/minio/health/live",
                     "/minio/admin/v3/info", "/rustfs/console/", "/license", "/version", "/.env", "/config",
                     "/?Action=ListUsers&Version=2010-05-08", "/cairn/v1/", *allowed):
            for method in ("GET", "POST", "HEAD"):
                reply = self.raw(method, *path.split("?"), signer=None)
                good = path in allowed and method != "POST"
                self.assertEqual(reply.status < 300, good, (method, path, reply))
        # The admin listener wants its token for everything but its probes.
        address, token = self.server.admin_address()
        for given in ("", "Bearer ", "Bearer " + "0" * len(token), "Basic " + token):
            headers = {"authorization": given} if given else {}
            before, self.server._listen = self.server._listen, address
            try:
                reply = self.raw("GET", "/admin/v1/status", headers=headers, signer=None)
            finally:
                self.server._listen = before
            self.assertIn(reply.status, (401, 403), reply)

    def test_no_secrets_in_logs(self):
        bucket = self.bucket()
        canary = "canary" + noise(12, "secrets").hex()
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
        path, query = urllib.parse.urlsplit(url).path, urllib.parse.urlsplit(url).query
        signature = dict(urllib.parse.parse_qsl(query)).get("X-Amz-Signature") or \
            dict(urllib.parse.parse_qsl(query))["Signature"]
        self.raw("GET", path, query, signer=None)
        replies = [
            self.raw("GET", f"/{bucket}/k", headers={"x-amz-security-token": canary}),
            self.raw("GET", f"/{bucket}/k", f"X-Amz-Security-Token={canary}&X-Amz-Signature={canary}"
                     f"&X-Amz-Credential={canary}", signer=None),
            self.raw("GET", f"/{bucket}/k", headers={"authorization": f"AWS {self.server.access_key}:{canary}"},
                     signer=None),
            self.raw("PUT", f"/{bucket}/k", body=b"x", headers={
                "x-amz-server-side-encryption-customer-algorithm": "AES256",
                "x-amz-server-side-encryption-customer-key": canary,
                "x-amz-server-side-encryption-customer-key-md5": canary}),
        ]
        for reply in replies:
            self.assertGreaterEqual(reply.status, 400, reply)
        _, metrics = self.server.admin("/metrics")
        texts = [self.server.log(), metrics]
        texts += [path.read_text(errors="replace") for path in pathlib.Path(self.server.data).rglob("audit*")
                  if path.is_file()]
        for text in texts:
            for secret in (canary, signature, self.server.secret_key):
                self.assertNotIn(secret, text)

    def test_no_header_or_log_injection(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        evil = "a%0d%0aX-Evil:%201%0d%0a%0d%0a<script>"
        for name in ("response-content-type", "response-content-disposition", "response-cache-control",
                     "response-expires", "response-content-language", "response-content-encoding"):
            reply = self.raw("GET", f"/{bucket}/k", f"{name}={evil}")
            self.assertNotIn("x-evil", reply.headers, name)
            self.assertIn(reply.status, (200, 400), reply)
        for path in (f"/{bucket}/{evil}", f"/{evil}/k", f"/{bucket}/%1b%5b31m%00"):
            reply = self.raw("GET", path)
            self.assertNotIn("x-evil", reply.headers)
            self.assertNotIn(b"<script>", reply.body)
        lines = [line for line in self.server.log().splitlines() if line.strip()]
        self.assertFalse([line for line in lines if "\x1b" in line])
        self.assertFalse([line for line in lines if line.startswith("X-Evil")])

    def test_odd_input_never_crashes(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        names = ["range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
                 "content-md5", "content-type", "content-encoding", "expires", "x-amz-acl", "x-amz-tagging",
                 "x-amz-copy-source", "x-amz-copy-source-range", "x-amz-metadata-directive",
                 "x-amz-checksum-crc32", "x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm",
                 "x-amz-trailer", "x-amz-decoded-content-length", "x-amz-server-side-encryption",
                 "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-context",
                 "x-amz-server-side-encryption-customer-key", "x-amz-storage-class", "x-amz-write-offset-bytes",
                 "x-amz-rename-source", "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date",
                 "x-amz-object-lock-legal-hold", "x-amz-website-redirect-location", "x-amz-object-attributes",
                 "x-amz-mfa", "x-amz-expected-bucket-owner", "x-amz-grant-read", "x-amz-if-match-size",
                 "x-amz-mp-object-size", "x-amz-optional-object-attributes", "origin"]
        for name in names:
            for value in ("", " ", "\xff\xfe", "-1", "99999999999999999999999", "%", "a" * 7000, "\t,;=\"'"):
                for method in ("GET", "PUT"):
                    reply = self.raw(method, f"/{bucket}/k", headers={name: value.encode("latin-1")},
                                     body=b"x" if method == "PUT" else b"")
                    self.assertNotIn(reply.status, (500, 502), (name, value[:20], reply))
        for query in ("versionId=%00", "partNumber=&uploadId=", "uploadId=%ff", "max-keys=-1&list-type=2",
                      "acl=&policy=&cors", "%", "&&&=", "delete", "tagging&versionId=null", "restore", "select"):
            for method in ("GET", "PUT", "POST", "DELETE"):
                reply = self.raw(method, f"/{bucket}/x", query, body=b"<" if method in ("PUT", "POST") else b"")
                self.assertNotIn(reply.status, (500, 502), (method, query, reply))
        self.assertIsNone(self.server.process.poll())

    def test_no_request_forgery(self):
        """Issuers on private addresses, and webhooks by URL, are never contacted."""
        contacted = []
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(3)

            def accept():
                try:
                    listener.accept()[0].close()
                    contacted.append(True)
                except OSError:
                    pass
            thread = threading.Thread(target=accept)
            thread.start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            iam = self.iam()
            arn = iam.create_open_id_connect_provider(
                Url=url, ClientIDList=["app"], ThumbprintList=["0" * 40])["OpenIDConnectProviderArn"]
            trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": arn},
                                                             "Action": "sts:AssumeRoleWithWebIdentity"}]}
            role = iam.create_role(RoleName="web", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
            claims = json.dumps({"iss": url, "aud": "app", "sub": "s", "exp": 99999999999})
            parts = [base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
                     for text in ('{"alg":"RS256","kid":"k"}', claims, "no signature")]
            reply = self.raw("POST", "/", signer=None, headers={"content-type": "application/x-www-form-urlencoded"},
                             body=("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=s&RoleArn="
                                   + urllib.parse.quote(role, safe="") + "&WebIdentityToken=" +
                                   ".".join(parts)).encode())
            self.assertGreaterEqual(reply.status, 400, reply)
            bucket = self.bucket()
            self.fails(400, None, self.s3.put_bucket_notification_configuration, Bucket=bucket,
                       NotificationConfiguration={"QueueConfigurations": [
                           {"QueueArn": f"arn:aws:sqs:us-east-1:1:{url}", "Events": ["s3:ObjectCreated:*"]}]})
            thread.join()
        self.assertEqual(contacted, [])

    def test_encryption_is_applied(self):
        """Under every form of encryption no plaintext reaches the disk, and what says it is encrypted with a
        key cannot be read without it."""
        bucket = self.bucket()
        canary = b"canary-" + noise(16, "encrypted").hex().encode()
        key = noise(32, "customer")
        forms = {"none": {}, "s3": {"ServerSideEncryption": "AES256"}, "kms": {"ServerSideEncryption": "aws:kms"},
                 "customer": {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}}
        with CairnServer(args=("--allow-ssec-over-http",)) as server:
            s3 = server.boto3_client()
            s3.create_bucket(Bucket=bucket)
            for name, form in forms.items():
                for size in (1, 3000):
                    s3.put_object(Bucket=bucket, Key=f"{name}{size}", Body=canary * size, **form)
                    read = {k: v for k, v in form.items() if k.startswith("SSECustomer")}
                    got = s3.get_object(Bucket=bucket, Key=f"{name}{size}", **read)
                    self.assertEqual(got["Body"].read(), canary * size)
            for wrong in ({}, {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"w" * 32}):
                with self.assertRaises(s3.exceptions.ClientError) as caught:
                    s3.get_object(Bucket=bucket, Key="customer1", **wrong)
                self.assertIn(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], (400, 403))
            server.stop()
            for path in pathlib.Path(server.data).rglob("*"):
                if path.is_file():
                    content = path.read_bytes()
                    for needle in (canary, key):
                        self.assertNotIn(needle, content, path)

    def test_errors_deny(self):
        """A root key that does not match opens nothing; lookups that fail under a request are in
        tests/unit/s3/ (a bucket whose rules cannot be read answers nobody)."""
        with CairnServer() as server:
            server.boto3_client().create_bucket(Bucket="kept")
            server.stop()
            path = pathlib.Path(server.data, "keys/root.key")
            path.chmod(0o600)
            path.write_text("0" * 64 + "\n")
            with self.assertRaises(RuntimeError) as caught:
                server.start()
            self.assertIn("root key", str(caught.exception))

    def rss(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def test_memory_stays_bounded(self):
        bucket = self.bucket()
        before = self.rss()
        for _ in range(20):
            self.raw("GET", f"/{bucket}", "list-type=2&max-keys=2147483647")
            self.raw("GET", f"/{bucket}", "versions&max-keys=99999999999999999999")
            deep = b"<a>" * 20000
            self.assertGreaterEqual(self.raw("POST", f"/{bucket}", "delete", body=deep,
                                             headers={"content-md5": "x"}).status, 400)
            bomb = b"<!DOCTYPE a [<!ENTITY b \"" + b"c" * 1000 + b"\">]><Delete>&b;</Delete>"
            self.assertGreaterEqual(self.raw("POST", f"/{bucket}", "delete", body=bomb).status, 400)
            self.assertGreaterEqual(self.raw("PUT", f"/{bucket}", "tagging", body=b" " * (5 << 20)).status, 400)
        self.assertLess(self.rss() - before, 64 << 20)

    def test_source_address_is_the_peer(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        self.s3.put_bucket_policy(Bucket=bucket, Policy='{"Version":"2012-10-17","Statement":[{"Effect":'
                                  '"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::'
                                  + bucket + '/*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.7"}}}]}')
        for headers in ({}, {"x-forwarded-for": "192.0.2.7"}, {"x-real-ip": "192.0.2.7"},
                        {"forwarded": "for=192.0.2.7"}):
            self.check(self.raw("GET", f"/{bucket}/k", headers=headers), 403, "AccessDenied")

    def test_browser(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="<script>alert(1)</script>", Body=b"x", ContentType="text/html")
        plain = self.raw("GET", f"/{bucket}", "list-type=2", headers={"origin": "https://evil.example"})
        self.assertEqual([name for name in plain.headers if name.startswith("access-control-")], [])
        self.assertEqual(plain.headers["content-type"], "application/xml")
        self.assertNotIn(b"<script>", plain.body)
        reply = self.raw("OPTIONS", f"/{bucket}/k", signer=None, headers={
            "origin": "https://evil.example", "access-control-request-method": "PUT"})
        self.check(reply, 403)
        self.assertNotIn("access-control-allow-origin", reply.headers)

    def test_timing_and_answers(self):
        """Secrets are compared by one function only, in constant time; the answers for an unknown key and a
        wrong signature differ as S3's do, and do the same work (tests/unit/s3/auth_test.cc)."""
        root = pathlib.Path(__file__).resolve().parents[3]
        pattern = re.compile(r"(secret|signature|token|hmac)\w*\s*(==|!=)\s*\w*(secret|signature|token|hmac)",
                             re.IGNORECASE)
        found = []
        for folder in ("crypto", "iam", "object", "query", "s3", "server"):
            for path in sorted((root / folder).glob("*.cc")):
                for number, line in enumerate(path.read_text().splitlines(), 1):
                    if pattern.search(line.split("//")[0]) and "empty" not in line:
                        found.append(f"{path.name}:{number}: {line.strip()}")
        self.assertEqual(found, [])

    def test_dedup_stays_in_scope(self):
        one, two = self.bucket(), self.bucket()
        body = noise(300_000, "dedup")
        self.s3.put_object(Bucket=one, Key="k", Body=body)
        self.s3.put_object(Bucket=two, Key="k", Body=body)
        self.assertEqual(self.body_of(one, "k"), body)  # In every cache.
        self.s3.delete_object(Bucket=one, Key="k")
        self.fails(404, "NoSuchKey", self.s3.get_object, Bucket=one, Key="k")
        self.server.collect_garbage()
        self.fails(404, "NoSuchKey", self.s3.get_object, Bucket=one, Key="k")
        self.assertEqual(self.body_of(two, "k"), body)

    def test_client_tools(self):
        """What the tools write for themselves, nobody else can read; a secret is never an argument."""
        for name in ("admin.token", "keys/root.key"):
            path = pathlib.Path(self.server.data, name)
            self.assertEqual(path.stat().st_mode & 0o077, 0, name)
        help_text = subprocess.run([binary(), "admin", "--help-all"], capture_output=True, text=True).stdout
        self.assertNotRegex(help_text, r"--(secret|password)[ =]")


if __name__ == "__main__":
    main()
