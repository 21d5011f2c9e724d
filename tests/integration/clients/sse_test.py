"""Server-side encryption by real clients over TLS: SSE-C, SSE-KMS and bucket defaults with boto3,
the AWS CLI and rclone; the errors of S3 for wrong, missing and misplaced keys; nothing of a key in
any file the server writes."""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import subprocess
import tempfile

import clients_case
from cairn_server import CairnServer, binary
from clients_case import MIB

HEADERS = "x-amz-server-side-encryption"
KEY = bytes(range(100, 132))
OTHER_KEY = bytes(range(32))
CANARY = b"plaintext canary of an encrypted object "


def customer(key=KEY, prefix=""):
    """boto3 computes the MD5 itself."""
    return {prefix + "SSECustomerAlgorithm": "AES256", prefix + "SSECustomerKey": key}


class SseTest(clients_case.ClientCase):
    @classmethod
    def setUpClass(cls):
        cls.tls = tempfile.TemporaryDirectory(prefix="cairn-tls.")
        cls.certificate = os.path.join(cls.tls.name, "cert.pem")
        key = os.path.join(cls.tls.name, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                        cls.certificate], check=True, capture_output=True)
        cls.access_log = os.path.join(cls.tls.name, "access.log")
        cls.server_arguments = ("--tls-cert", cls.certificate, "--tls-key", key, "--access-log",
                                cls.access_log, "--kms-keys", "from-the-start")
        super().setUpClass()
        cls.environment["AWS_CA_BUNDLE"] = cls.certificate
        cls.s3 = cls.server.boto3_client(verify=cls.certificate)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.tls.cleanup()

    def bucket(self):
        name = "sse-" + self._testMethodName.replace("_", "-").lower()[5:40].strip("-")
        self.s3.create_bucket(Bucket=name)
        return name

    def refused(self, status, code, call, **arguments):
        with self.assertRaises(self.s3.exceptions.ClientError) as caught:
            call(**arguments)
        reply = caught.exception.response
        self.assertEqual(reply["ResponseMetadata"]["HTTPStatusCode"], status, reply)
        if code:
            self.assertEqual(reply["Error"]["Code"], code, reply)
        return reply

    def headers_of(self, reply):
        return reply["ResponseMetadata"]["HTTPHeaders"]

    # SSE-S3 ------------------------------------------------------------------------------------
    def test_every_object_is_told_to_be_encrypted(self):
        bucket = self.bucket()
        self.assertEqual(self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ServerSideEncryption"],
                         "AES256")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="k")["ServerSideEncryption"], "AES256")
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"], "AES256")
        reply = self.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256")
        self.assertEqual(reply["ETag"].strip('"'), hashlib.md5(b"x").hexdigest())
        self.refused(400, "InvalidArgument", self.s3.put_object, Bucket=bucket, Key="k", Body=b"x",
                     ServerSideEncryption="AES128")
        self.refused(501, "NotImplemented", self.s3.put_object, Bucket=bucket, Key="k", Body=b"x",
                     ServerSideEncryption="aws:kms:dsse")

    # SSE-C -------------------------------------------------------------------------------------
    def test_customer_keys(self):
        bucket = self.bucket()
        key_md5 = base64.b64encode(hashlib.md5(KEY).digest()).decode()
        for name in ("empty", "one", "small", "frame", "medium"):
            body = (self.files / name).read_bytes()
            put = self.s3.put_object(Bucket=bucket, Key=name, Body=body, **customer())
            self.assertEqual(put["SSECustomerAlgorithm"], "AES256")
            self.assertEqual(put["SSECustomerKeyMD5"], key_md5)
            self.assertNotIn("ServerSideEncryption", put)
            self.assertIn("-", put["ETag"])
            got = self.s3.get_object(Bucket=bucket, Key=name, **customer())
            self.assertEqual(got["Body"].read(), body)
            self.assertEqual(got["SSECustomerKeyMD5"], key_md5)
            head = self.s3.head_object(Bucket=bucket, Key=name, **customer())
            self.assertEqual(head["ContentLength"], len(body))
            self.assertEqual(head["ETag"], put["ETag"])
            if len(body) > 100:
                part = self.s3.get_object(Bucket=bucket, Key=name, Range="bytes=50-99", **customer())
                self.assertEqual(part["Body"].read(), body[50:100])
            self.refused(400, "InvalidRequest", self.s3.get_object, Bucket=bucket, Key=name)
            self.refused(400, None, self.s3.head_object, Bucket=bucket, Key=name)
            self.refused(403, "AccessDenied", self.s3.get_object, Bucket=bucket, Key=name,
                         **customer(OTHER_KEY))
            self.refused(403, None, self.s3.head_object, Bucket=bucket, Key=name, **customer(OTHER_KEY))
            self.refused(400, "InvalidRequest", self.s3.get_object_attributes, Bucket=bucket, Key=name,
                         ObjectAttributes=["ETag"])
            self.assertEqual(self.s3.get_object_attributes(
                Bucket=bucket, Key=name, ObjectAttributes=["ETag"], SSECustomerAlgorithm="AES256",
                SSECustomerKey=base64.b64encode(KEY).decode(), SSECustomerKeyMD5=key_md5)["ETag"],
                put["ETag"].strip('"'))
        self.s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
        self.refused(400, "InvalidRequest", self.s3.get_object, Bucket=bucket, Key="plain", **customer())
        self.refused(400, None, self.s3.head_object, Bucket=bucket, Key="plain", **customer())
        # What needs no bytes needs no key.
        self.assertEqual(self.s3.get_object_tagging(Bucket=bucket, Key="small")["TagSet"], [])
        self.assertEqual(self.s3.list_objects_v2(Bucket=bucket)["KeyCount"], 6)
        self.s3.delete_object(Bucket=bucket, Key="small")

    def test_incomplete_customer_keys(self):
        bucket = self.bucket()
        key = base64.b64encode(KEY).decode()
        md5 = base64.b64encode(hashlib.md5(KEY).digest()).decode()
        full = {"-customer-algorithm": "AES256", "-customer-key": key, "-customer-key-MD5": md5}
        wrong = [({"-customer-key": None}, "InvalidArgument"), ({"-customer-key-MD5": None}, "InvalidArgument"),
                 ({"-customer-algorithm": None}, "InvalidArgument"),
                 ({"-customer-algorithm": "AES128"}, "InvalidEncryptionAlgorithmError"),
                 ({"-customer-key": key[:-8] + "AAAAAAA="}, "InvalidArgument"),
                 ({"-customer-key": "!"}, "InvalidArgument"), ({"-customer-key-MD5": "AAAA"}, "InvalidArgument"),
                 ({"": "aws:kms"}, "InvalidArgument"), ({"": "AES256"}, "InvalidArgument")]
        for change, code in wrong:
            headers = {HEADERS + name: value for name, value in {**full, **change}.items() if value}
            with self.subTest(change=change):
                client = self.server.boto3_client(verify=self.certificate)
                client.meta.events.register_first(
                    "before-sign.s3.PutObject",
                    lambda request, h=headers, **_: [request.headers.__setitem__(n, v) for n, v in h.items()])
                reply = self.refused(400, code, client.put_object, Bucket=bucket, Key="k", Body=b"x")
                self.assertNotIn(key, json.dumps(reply, default=str))
        self.refused(404, None, self.s3.head_object, Bucket=bucket, Key="k")

    def test_multipart_with_customer_keys(self):
        bucket = self.bucket()
        body = (self.files / "medium").read_bytes() * 2
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k", **customer())
        self.assertEqual(upload["SSECustomerAlgorithm"], "AES256")
        arguments = dict(Bucket=bucket, Key="k", UploadId=upload["UploadId"])
        self.refused(400, "InvalidRequest", self.s3.upload_part, PartNumber=1, Body=body, **arguments)
        self.refused(400, "InvalidRequest", self.s3.upload_part, PartNumber=1, Body=body, **arguments,
                     **customer(OTHER_KEY))
        self.s3.put_object(Bucket=bucket, Key="source", Body=body, **customer(OTHER_KEY))
        parts = [self.s3.upload_part(PartNumber=1, Body=body, **arguments, **customer())]
        self.assertEqual(parts[0]["SSECustomerAlgorithm"], "AES256")
        self.assertNotEqual(parts[0]["ETag"].strip('"'), hashlib.md5(body).hexdigest())
        copied = self.s3.upload_part_copy(
            PartNumber=2, CopySource=f"{bucket}/source", CopySourceRange="bytes=7-100006", **arguments,
            **customer(), **customer(OTHER_KEY, "CopySource"))
        parts.append(copied["CopyPartResult"])
        done = self.s3.complete_multipart_upload(**arguments, MultipartUpload={"Parts": [
            {"PartNumber": i + 1, "ETag": part["ETag"]} for i, part in enumerate(parts)]})
        self.assertTrue(done["ETag"].strip('"').endswith("-2"))
        whole = body + body[7:100007]
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="k", **customer())["Body"].read(), whole)
        part = self.s3.get_object(Bucket=bucket, Key="k", PartNumber=2, **customer())
        self.assertEqual(part["Body"].read(), whole[len(body):])
        self.refused(403, "AccessDenied", self.s3.get_object, Bucket=bucket, Key="k", **customer(OTHER_KEY))
        plain = self.s3.create_multipart_upload(Bucket=bucket, Key="plain")
        self.refused(400, "InvalidRequest", self.s3.upload_part, Bucket=bucket, Key="plain",
                     UploadId=plain["UploadId"], PartNumber=1, Body=b"x", **customer())
        self.refused(400, "InvalidArgument", self.raw_part, bucket=bucket, upload=plain["UploadId"])

    def raw_part(self, bucket, upload):
        """UploadPart that asks for aws:kms in an upload that was begun without."""
        client = self.server.boto3_client(verify=self.certificate)
        client.meta.events.register_first(
            "before-sign.s3.UploadPart",
            lambda request, **_: request.headers.__setitem__(HEADERS, "aws:kms"))
        client.upload_part(Bucket=bucket, Key="plain", UploadId=upload, PartNumber=1, Body=b"x")

    def test_plain_http_is_refused(self):
        with CairnServer() as server:
            s3 = server.boto3_client()
            s3.create_bucket(Bucket="plain")
            # boto3 refuses by itself: the headers are put in behind its back.
            md5 = base64.b64encode(hashlib.md5(KEY).digest()).decode()
            headers = {"-customer-algorithm": "AES256", "-customer-key": base64.b64encode(KEY).decode(),
                       "-customer-key-MD5": md5}

            def add(request, **_):
                for name, value in headers.items():
                    request.headers[HEADERS + name] = value
            s3.meta.events.register_first("before-sign.s3.PutObject", add)
            with self.assertRaises(s3.exceptions.ClientError) as caught:
                s3.put_object(Bucket="plain", Key="k", Body=b"x")
            self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidRequest")
            self.assertIn("secure connection", caught.exception.response["Error"]["Message"])
        with CairnServer(args=["--allow-ssec-over-http"]) as server:
            s3 = server.boto3_client()
            s3.create_bucket(Bucket="plain")
            s3.meta.events.register_first("before-sign.s3.PutObject", add)
            s3.put_object(Bucket="plain", Key="k", Body=b"x")
            with self.assertRaises(s3.exceptions.ClientError):
                s3.get_object(Bucket="plain", Key="k")

    def test_buckets_that_block_customer_keys(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="before", Body=b"x", **customer())
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="m", **customer())

        def blocked(kind):
            body = ("<ServerSideEncryptionConfiguration><Rule><BlockedEncryptionTypes><EncryptionType>"
                    f"{kind}</EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>")
            client = self.server.boto3_client(verify=self.certificate)

            def put(request, **_):  # An old boto3 does not know the element.
                request.data = body.encode()
                for name in ("Content-MD5", "x-amz-checksum-crc32"):
                    del request.headers[name]
                request.headers["Content-MD5"] = base64.b64encode(hashlib.md5(request.data).digest()).decode()
            client.meta.events.register_first("before-sign.s3.PutBucketEncryption", put)
            client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": []})
        blocked("SSE-C")
        self.refused(403, "AccessDenied", self.s3.put_object, Bucket=bucket, Key="k", Body=b"x", **customer())
        self.refused(403, "AccessDenied", self.s3.create_multipart_upload, Bucket=bucket, Key="k", **customer())
        self.refused(403, "AccessDenied", self.s3.upload_part, Bucket=bucket, Key="m", PartNumber=1,
                     UploadId=upload["UploadId"], Body=b"x", **customer())
        self.refused(403, "AccessDenied", self.s3.copy_object, Bucket=bucket, Key="k",
                     CopySource=f"{bucket}/before", **customer(), **customer(KEY, "CopySource"))
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="before", **customer())["Body"].read(), b"x")
        blocked("NONE")
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"x", **customer())

    def test_headers_that_are_not_signed_are_refused(self):
        bucket = self.bucket()
        for name, value in ((HEADERS, "aws:kms"), (HEADERS + "-customer-algorithm", "AES256"),
                            (HEADERS + "-aws-kms-key-id", "from-the-start")):
            client = self.server.boto3_client(verify=self.certificate)
            client.meta.events.register_first(
                "before-send.s3.PutObject",
                lambda request, n=name, v=value, **_: request.headers.__setitem__(n, v))
            self.refused(403, None, client.put_object, Bucket=bucket, Key="k", Body=b"x")
        self.refused(404, None, self.s3.head_object, Bucket=bucket, Key="k")

    def test_forms(self):
        bucket = self.bucket()
        md5 = base64.b64encode(hashlib.md5(KEY).digest()).decode()
        fields = {HEADERS + "-customer-algorithm": "AES256",
                  HEADERS + "-customer-key": base64.b64encode(KEY).decode(), HEADERS + "-customer-key-MD5": md5}
        for key, extra in (("c", fields), ("kms", {HEADERS: "aws:kms"})):
            form = self.s3.generate_presigned_post(bucket, key, Fields=dict(extra), Conditions=[
                {name: value} for name, value in extra.items()])
            command = ["curl", "-sS", "--cacert", self.certificate, "-o", "/dev/null", "-w", "%{http_code}"]
            for name, value in form["fields"].items():
                command += ["-F", f"{name}={value}"]
            command += ["-F", "file=body;filename=f", form["url"]]
            self.assertEqual(self.run_client(*command).stdout, "204")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="c", **customer())["Body"].read(), b"body")
        self.refused(400, "InvalidRequest", self.s3.get_object, Bucket=bucket, Key="c")
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="kms")["ServerSideEncryption"], "aws:kms")

    # Copies ------------------------------------------------------------------------------------
    def test_copies_between_all_kinds(self):
        bucket = self.bucket()
        kinds = {"none": {}, "s3": {"ServerSideEncryption": "AES256"},
                 "kms": {"ServerSideEncryption": "aws:kms"}, "c1": customer(), "c2": customer(OTHER_KEY)}
        for size in (100, 3 * MIB):
            body = os.urandom(size)
            for source, write in kinds.items():
                self.s3.put_object(Bucket=bucket, Key=source, Body=body, **write)
            for source in kinds:
                keys = {"CopySource" + n: v for n, v in kinds[source].items() if "Customer" in n}
                for target, write in kinds.items():
                    with self.subTest(size=size, source=source, target=target):
                        name = f"{source}-{target}"
                        self.s3.copy_object(Bucket=bucket, Key=name, CopySource=f"{bucket}/{source}",
                                            **write, **keys)
                        read = {n: v for n, v in write.items() if "Customer" in n}
                        self.assertEqual(
                            self.s3.get_object(Bucket=bucket, Key=name, **read)["Body"].read(), body)
                        if keys:
                            self.refused(400, "InvalidRequest", self.s3.copy_object, Bucket=bucket,
                                         Key=name, CopySource=f"{bucket}/{source}", **write)
        # Onto itself with another key: the key is changed.
        self.s3.copy_object(Bucket=bucket, Key="c1", CopySource=f"{bucket}/c1", **customer(OTHER_KEY),
                            **customer(KEY, "CopySource"))
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="c1", **customer(OTHER_KEY))["Body"].read(),
                         body)
        self.assertEqual(json.loads(self.server.admin("/admin/v1/scrub", "POST")[1])["damaged"], [])

    # SSE-KMS -----------------------------------------------------------------------------------
    def test_kms(self):
        bucket = self.bucket()
        context = base64.b64encode(b'{"project": "a"}').decode()
        put = self.s3.put_object(Bucket=bucket, Key="k", Body=CANARY, ServerSideEncryption="aws:kms",
                                 SSEKMSEncryptionContext=context, BucketKeyEnabled=True)
        self.assertEqual(put["ServerSideEncryption"], "aws:kms")
        self.assertRegex(put["SSEKMSKeyId"], r"^arn:aws:kms:us-east-1:000000000001:key/[0-9a-f-]{36}$")
        self.assertEqual(json.loads(base64.b64decode(put["SSEKMSEncryptionContext"])), {"project": "a"})
        self.assertTrue(put["BucketKeyEnabled"])
        self.assertIn("-", put["ETag"])
        for read in (self.s3.get_object, self.s3.head_object):
            got = read(Bucket=bucket, Key="k")
            self.assertEqual((got["ServerSideEncryption"], got["SSEKMSKeyId"], got["BucketKeyEnabled"]),
                             ("aws:kms", put["SSEKMSKeyId"], True))
        again = self.s3.put_object(Bucket=bucket, Key="again", Body=CANARY, ServerSideEncryption="aws:kms",
                                   SSEKMSKeyId=put["SSEKMSKeyId"])
        self.assertEqual(again["SSEKMSKeyId"], put["SSEKMSKeyId"])
        self.refused(400, "KMS.NotFoundException", self.s3.put_object, Bucket=bucket, Key="no", Body=b"x",
                     ServerSideEncryption="aws:kms", SSEKMSKeyId="unknown")
        self.refused(400, "InvalidArgument", self.s3.put_object, Bucket=bucket, Key="no", Body=b"x",
                     ServerSideEncryption="AES256", SSEKMSKeyId=put["SSEKMSKeyId"])
        self.refused(400, "InvalidArgument", self.s3.put_object, Bucket=bucket, Key="no", Body=b"x",
                     ServerSideEncryption="aws:kms", SSEKMSEncryptionContext="e30x")
        self.refused(400, "InvalidRequest", self.s3.get_object, Bucket=bucket, Key="k", **customer())
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="m", ServerSideEncryption="aws:kms")
        self.assertEqual(upload["SSEKMSKeyId"], put["SSEKMSKeyId"])
        part = self.s3.upload_part(Bucket=bucket, Key="m", UploadId=upload["UploadId"], PartNumber=1,
                                   Body=CANARY)
        self.assertEqual(part["SSEKMSKeyId"], put["SSEKMSKeyId"])
        done = self.s3.complete_multipart_upload(
            Bucket=bucket, Key="m", UploadId=upload["UploadId"],
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self.assertEqual(done["SSEKMSKeyId"], put["SSEKMSKeyId"])
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="m")["Body"].read(), CANARY)
        # Reads do not take the headers of writes.
        client = self.server.boto3_client(verify=self.certificate)
        client.meta.events.register_first(
            "before-sign.s3.GetObject",
            lambda request, **_: request.headers.__setitem__(HEADERS, "aws:kms"))
        self.refused(400, "InvalidArgument", client.get_object, Bucket=bucket, Key="k")

    def test_bucket_default(self):
        bucket = self.bucket()
        self.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]})
        put = self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        self.assertEqual((put["ServerSideEncryption"], put["BucketKeyEnabled"]), ("aws:kms", True))
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"], put["SSEKMSKeyId"])
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="m")
        self.assertEqual(upload["ServerSideEncryption"], "aws:kms")
        self.s3.put_object(Bucket=bucket, Key="plain", Body=b"x", ServerSideEncryption="AES256")
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="plain")["ServerSideEncryption"], "AES256")
        copied = self.s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/plain")
        self.assertEqual(copied["ServerSideEncryption"], "aws:kms")
        self.s3.put_object(Bucket=bucket, Key="c", Body=b"x", **customer())
        self.refused(400, "InvalidRequest", self.s3.get_object, Bucket=bucket, Key="c")

    def kms(self, *arguments, code=0):
        """`cairn admin kms ...`: its exit code is as told; the JSON it prints."""
        result = subprocess.run([binary(), "admin", "kms", *arguments, "--data", self.server.data],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def test_kms_keys_are_managed_by_the_command_line(self):
        bucket = self.bucket()
        put = dict(Bucket=bucket, Key="k", Body=CANARY, ServerSideEncryption="aws:kms")
        self.assertEqual([key["id"] for key in self.kms("list")["keys"] if key["id"] == "from-the-start"],
                         ["from-the-start"])
        made = self.kms("create", "--alias", "mine", "--alias", "alias/too")
        self.assertEqual(made["aliases"], ["alias/mine", "alias/too"])
        named = self.kms("create", "--id", "named-key")
        self.assertIn("there is a KMS key", self.kms("create", "--id", "named-key", code=1)["error"])
        for name in (made["id"], made["name"], "alias/mine",
                     made["name"].replace("key/" + made["id"], "alias/too")):
            self.assertEqual(self.s3.put_object(SSEKMSKeyId=name, **put)["SSEKMSKeyId"], made["name"])
        # A key with a name of its own is told by it.
        self.assertEqual(self.s3.put_object(SSEKMSKeyId="named-key", **put)["SSEKMSKeyId"], "named-key")
        self.assertEqual(named["name"], "named-key")
        self.assertEqual(self.kms("rotate", "named-key")["version"], 2)
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="k")["Body"].read(), CANARY)
        self.assertIn("disable", self.kms("delete", "named-key", code=1)["error"])
        self.assertFalse(self.kms("disable", "named-key")["enabled"])
        self.refused(400, "KMS.DisabledException", self.s3.get_object, Bucket=bucket, Key="k")
        self.refused(400, "KMS.DisabledException", self.s3.put_object, SSEKMSKeyId="named-key", **put)
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"], "named-key")
        self.kms("enable", "named-key")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="k")["Body"].read(), CANARY)
        # A new root key wraps the KMS keys too.
        self.assertEqual(self.server.admin("/admin/v1/keys-rotate", "POST")[0], 200)
        self.kms("create", "--id", "after-the-rotation")
        self.s3.put_object(Bucket=bucket, Key="after", Body=CANARY, ServerSideEncryption="aws:kms",
                           SSEKMSKeyId="after-the-rotation")
        self.server.restart()
        for key in ("k", "after"):
            self.assertEqual(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read(), CANARY)
        self.kms("disable", "named-key")
        self.kms("delete", "named-key")
        self.refused(400, "KMS.NotFoundException", self.s3.get_object, Bucket=bucket, Key="k")
        self.s3.delete_object(Bucket=bucket, Key="k")
        self.assertEqual(self.kms("list", "--tenant", "99")["keys"], [])
        self.kms("disable", "unknown", code=1)

    # Other clients -----------------------------------------------------------------------------
    def test_aws_cli(self):
        bucket = self.bucket()
        key = self.work / "key"
        key.write_bytes(KEY)
        aws = ["aws", "--endpoint-url", self.url]
        for name in ("small", "multipart"):
            self.run_client(*aws, "s3", "cp", self.files / name, f"s3://{bucket}/{name}", "--sse-c", "AES256",
                            "--sse-c-key", f"fileb://{key}")
            back = self.work / f"cli-{name}"
            self.run_client(*aws, "s3", "cp", f"s3://{bucket}/{name}", back, "--sse-c", "AES256",
                            "--sse-c-key", f"fileb://{key}")
            self.assert_same(back, name)
            failed = self.run_client(*aws, "s3", "cp", f"s3://{bucket}/{name}", back, check=False)
            self.assertNotEqual(failed.returncode, 0)
            self.run_client(*aws, "s3", "cp", self.files / name, f"s3://{bucket}/kms-{name}", "--sse", "aws:kms")
            self.run_client(*aws, "s3", "cp", f"s3://{bucket}/kms-{name}", back)
            self.assert_same(back, name)
        self.run_client(*aws, "s3", "cp", f"s3://{bucket}/multipart", f"s3://{bucket}/copied", "--sse-c",
                        "AES256", "--sse-c-key", f"fileb://{key}", "--sse-c-copy-source", "AES256",
                        "--sse-c-copy-source-key", f"fileb://{key}")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="copied", **customer())["ContentLength"],
                         (self.files / "multipart").stat().st_size)

    def test_rclone(self):
        bucket = self.bucket()
        remote = (f":s3,provider=Minio,endpoint='{self.url}',access_key_id={self.server.access_key},"
                  f"secret_access_key='{self.server.secret_key}',no_check_bucket=true,"
                  "chunk_size=5Mi,upload_cutoff=6Mi,{}:" + bucket)
        text = "0123456789abcdef0123456789ABCDEF"
        ways = {"c": f"sse_customer_algorithm=AES256,sse_customer_key={text}",
                "kms": "server_side_encryption='aws:kms'"}
        for way, options in ways.items():
            there = remote.replace("{}", options) + "/" + way
            # rclone's S3 library cannot take the variable that the AWS CLI needs.
            self.environment.pop("AWS_CA_BUNDLE", None)
            flags = ["--ca-cert", self.certificate, "--retries", "1", "--config", "/dev/null"]
            self.run_client("rclone", "copy", self.files, there, *flags)
            self.run_client("rclone", "check", "--download", self.files, there, *flags)
            self.run_client("rclone", "copy", there, self.work / ("rclone-" + way), *flags)
            for name in ("empty", "small", "medium", "multipart"):
                self.assert_same(self.work / ("rclone-" + way) / name, name)
        got = self.s3.get_object(Bucket=bucket, Key="c/medium", **customer(text.encode()))
        self.assertEqual(got["Body"].read(), (self.files / "medium").read_bytes())

    # Secrets -----------------------------------------------------------------------------------
    def test_zz_no_file_holds_a_key_or_a_body(self):
        """Last: after everything above."""
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="inline", Body=CANARY * 10, **customer())
        self.s3.put_object(Bucket=bucket, Key="chunk", Body=CANARY * 100_000, **customer())
        self.refused(403, "AccessDenied", self.s3.get_object, Bucket=bucket, Key="chunk",
                     **customer(OTHER_KEY))
        # A key hoisted into a URL is no key, and does not reach the log either.
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "chunk"})
        encoded = base64.b64encode(OTHER_KEY).decode()
        connection = http.client.HTTPSConnection(self.server.host_port, context=self.tls_context())
        connection.request("GET", url.split(self.server.host_port)[1] +
                           f"&{HEADERS}-customer-key={encoded.replace('+', '%2B').replace('/', '%2F')}")
        self.assertGreaterEqual(connection.getresponse().status, 400)
        connection.close()
        report = json.loads(self.server.admin("/admin/v1/scrub", "POST")[1])
        self.assertEqual(report["damaged"], [])
        self.assertGreater(report["locked_objects"], 0)
        self.server.stop()
        needles = [CANARY]
        for key in (KEY, OTHER_KEY):
            md5 = hashlib.md5(key)
            needles += [key, base64.b64encode(key), key.hex().encode(), base64.b64encode(md5.digest())]
        searched = 0
        for path in pathlib.Path(self.server.data).rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                searched += len(content)
                for needle in needles:
                    self.assertNotIn(needle, content, f"{path} holds a secret")
        self.assertGreater(searched, 1 * MIB)
        access_log = pathlib.Path(self.access_log).read_bytes()
        self.assertIn(b"customer-key=-", access_log)
        for needle in needles:
            self.assertNotIn(needle, self.server.log().encode())
            self.assertNotIn(needle, access_log)

    def tls_context(self):
        import ssl
        return ssl.create_default_context(cafile=self.certificate)


if __name__ == "__main__":
    clients_case.main()
