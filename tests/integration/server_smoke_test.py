"""The main flows of one server with boto3: buckets, objects, ranges, conditions, multipart, listings,
deletions, restart, health and metrics. Needs python3-boto3 and CAIRN_BINARY."""
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

from botocore.exceptions import ClientError

from cairn_server import CairnServer, binary

MIB = 1 << 20


def noise(size, seed):
    """Bytes that neither compress nor repeat."""
    return hashlib.shake_128(seed.encode()).digest(size)


class Smoke(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer(cores=2).start()
        cls.s3 = cls.server.boto3_client()
        cls.s3.create_bucket(Bucket="smoke")

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log()
        cls.server.close()
        assert code == 0, f"exit code {code}:\n{log}"

    def fails(self, status, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        reply = caught.exception.response
        self.assertEqual(reply["ResponseMetadata"]["HTTPStatusCode"], status, reply)
        if code is not None:
            self.assertEqual(reply["Error"]["Code"], code, reply)

    # Buckets ------------------------------------------------------------------------------------
    def test_buckets(self):
        s3 = self.s3
        s3.create_bucket(Bucket="bucket-one")
        self.assertIn("bucket-one", [b["Name"] for b in s3.list_buckets()["Buckets"]])
        head = s3.head_bucket(Bucket="bucket-one")
        self.assertEqual(
            head["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"], "us-east-1")
        self.assertIsNone(s3.get_bucket_location(Bucket="bucket-one")["LocationConstraint"])
        s3.put_object(Bucket="bucket-one", Key="k", Body=b"x")
        self.fails(409, "BucketNotEmpty", s3.delete_bucket, Bucket="bucket-one")
        s3.delete_object(Bucket="bucket-one", Key="k")
        s3.delete_bucket(Bucket="bucket-one")
        self.fails(404, None, s3.head_bucket, Bucket="bucket-one")
        self.fails(404, "NoSuchBucket", s3.list_objects_v2, Bucket="bucket-one")
        self.fails(404, "NoSuchBucket", s3.put_object, Bucket="bucket-one", Key="k", Body=b"x")
        self.fails(400, "InvalidBucketName", s3.create_bucket, Bucket="192.168.1.1")

    def test_configurations(self):
        s3 = self.s3
        self.assertNotIn("Status", s3.get_bucket_versioning(Bucket="smoke"))
        acl = s3.get_bucket_acl(Bucket="smoke")
        self.assertEqual(acl["Grants"][0]["Permission"], "FULL_CONTROL")
        self.fails(404, "NoSuchBucketPolicy", s3.get_bucket_policy, Bucket="smoke")
        self.fails(404, "NoSuchTagSet", s3.get_bucket_tagging, Bucket="smoke")
        self.fails(404, "NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration,
                   Bucket="smoke")
        self.fails(400, "MalformedPolicy", s3.put_bucket_policy, Bucket="smoke", Policy="{}")
        self.fails(501, "NotImplemented", s3.put_bucket_replication, Bucket="smoke",
                   ReplicationConfiguration={"Role": "arn:aws:iam::000000000001:role/r", "Rules": [
                       {"Status": "Enabled", "Prefix": "", "Destination": {
                           "Bucket": "arn:aws:s3:::elsewhere"}}]})
        self.fails(400, "AccessControlListNotSupported", s3.put_bucket_acl, Bucket="smoke",
                   ACL="public-read")

    # Objects ------------------------------------------------------------------------------------
    def test_round_trip_of_sizes(self):
        for size in (0, 1, 4096, 16384, 16385, 70000, MIB, 9 * MIB + 17):
            body = noise(size, f"size {size}")
            key = f"sizes/{size}"
            put = self.s3.put_object(Bucket="smoke", Key=key, Body=body)
            self.assertEqual(put["ETag"], '"%s"' % hashlib.md5(body).hexdigest())
            got = self.s3.get_object(Bucket="smoke", Key=key)
            self.assertEqual(got["Body"].read(), body, size)
            self.assertEqual(got["ContentLength"], size)
            self.assertEqual(got["ContentType"], "binary/octet-stream")
            head = self.s3.head_object(Bucket="smoke", Key=key)
            self.assertEqual((head["ContentLength"], head["ETag"]), (size, put["ETag"]))

    def test_uploads_after_an_empty_one_on_the_same_connection(self):
        # botocore cannot read the reply after a final one that it got instead of a 100.
        client = self.server.boto3_client(max_pool_connections=1)
        for body in (b"", b"x", b"", b"yy"):
            etag = client.put_object(Bucket="smoke", Key="turns", Body=body)["ETag"]
            self.assertEqual(etag.strip('"'), hashlib.md5(body).hexdigest())

    def test_metadata(self):
        self.s3.put_object(Bucket="smoke", Key="meta", Body=b"m", ContentType="text/x-test",
                           CacheControl="no-cache", ContentDisposition="attachment",
                           ContentEncoding="gzip", ContentLanguage="de", StorageClass="STANDARD_IA",
                           Metadata={"Mixed-Case": "Value 1", "b": "2"}, Tagging="a=1&b=2%203")
        head = self.s3.head_object(Bucket="smoke", Key="meta")
        self.assertEqual(head["Metadata"], {"mixed-case": "Value 1", "b": "2"})
        self.assertEqual(head["ContentType"], "text/x-test")
        self.assertEqual(head["CacheControl"], "no-cache")
        self.assertEqual(head["ContentEncoding"], "gzip")
        self.assertEqual(head["StorageClass"], "STANDARD_IA")
        tags = self.s3.get_object_tagging(Bucket="smoke", Key="meta")["TagSet"]
        self.assertEqual(tags, [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2 3"}])
        got = self.s3.get_object(Bucket="smoke", Key="meta", ResponseContentType="text/plain")
        self.assertEqual(got["ContentType"], "text/plain")
        self.fails(400, "MetadataTooLarge", self.s3.put_object, Bucket="smoke", Key="meta2",
                   Body=b"", Metadata={"big": "x" * 3000})
        self.fails(404, None, self.s3.head_object, Bucket="smoke", Key="meta2")

    def test_strange_keys(self):
        keys = ["a//b", "./x", "../up", "space and+plus", "unicode-äöü-☃", "dir/", "per%20cent",
                "q?uery=1&x", "tab\there"]
        self.s3.create_bucket(Bucket="strange")
        for key in keys:
            self.s3.put_object(Bucket="strange", Key=key, Body=key.encode())
        for key in keys:
            self.assertEqual(self.s3.get_object(Bucket="strange", Key=key)["Body"].read(),
                             key.encode())
        listed = [o["Key"] for o in self.s3.list_objects_v2(Bucket="strange")["Contents"]]
        self.assertEqual(listed, sorted(keys, key=lambda key: key.encode()))
        self.fails(404, None, self.s3.head_object, Bucket="strange", Key="dir")
        self.fails(400, "KeyTooLongError", self.s3.put_object, Bucket="strange", Key="k" * 1025,
                   Body=b"")

    def test_ranges(self):
        body = noise(3 * MIB, "ranges")
        self.s3.put_object(Bucket="smoke", Key="ranges", Body=body)

        def read(text):
            reply = self.s3.get_object(Bucket="smoke", Key="ranges", Range=text)
            return reply["ResponseMetadata"]["HTTPStatusCode"], reply["Body"].read()

        self.assertEqual(read("bytes=0-0"), (206, body[:1]))
        self.assertEqual(read("bytes=65530-65545"), (206, body[65530:65546]))
        self.assertEqual(read("bytes=1000000-"), (206, body[1000000:]))
        self.assertEqual(read("bytes=-17"), (206, body[-17:]))
        self.assertEqual(read("bytes=5-3"), (200, body))
        self.fails(416, "InvalidRange", self.s3.get_object, Bucket="smoke", Key="ranges",
                   Range=f"bytes={len(body)}-")

    def test_conditional_reads_and_writes(self):
        s3 = self.s3
        etag = s3.put_object(Bucket="smoke", Key="cond", Body=b"one")["ETag"]
        self.fails(304, None, s3.get_object, Bucket="smoke", Key="cond", IfNoneMatch=etag)
        self.fails(412, "PreconditionFailed", s3.get_object, Bucket="smoke", Key="cond",
                   IfMatch='"0123"')
        self.assertEqual(s3.get_object(Bucket="smoke", Key="cond", IfMatch=etag)["Body"].read(),
                         b"one")
        # botocore of Debian 12 knows no conditional writes: the header is added by hand.
        status, text = self.raw_put("cond", b"two", {"If-None-Match": "*"})
        self.assertEqual((status, "PreconditionFailed" in text), (412, True))
        status, _ = self.raw_put("cond", b"two", {"If-Match": etag})
        self.assertEqual(status, 200)
        status, text = self.raw_put("cond-missing", b"x", {"If-Match": etag})
        self.assertEqual((status, "NoSuchKey" in text), (404, True))
        self.assertEqual(s3.get_object(Bucket="smoke", Key="cond")["Body"].read(), b"two")

    def raw_put(self, key, body, headers):
        """A presigned PUT with headers of our own, unsigned ones included."""
        url = self.s3.generate_presigned_url(
            "put_object", Params={"Bucket": "smoke", "Key": key}, ExpiresIn=600)
        connection = http.client.HTTPConnection(self.server.host_port, timeout=60)
        connection.request("PUT", url.split(self.server.host_port, 1)[1], body=body,
                           headers=headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, text

    def test_wrong_hashes_store_nothing(self):
        self.fails(400, "BadDigest", self.s3.put_object, Bucket="smoke", Key="bad", Body=b"body",
                   ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
        self.fails(400, "BadDigest", self.s3.put_object, Bucket="smoke", Key="bad", Body=b"body",
                   ChecksumSHA256="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
        self.fails(404, None, self.s3.head_object, Bucket="smoke", Key="bad")

    def test_checksums(self):
        body = noise(100000, "checksum")
        for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256"):
            try:
                put = self.s3.put_object(Bucket="smoke", Key="sum", Body=body,
                                         ChecksumAlgorithm=algorithm)
            except Exception as error:  # CRC32C needs awscrt, which may be absent.
                self.assertIn("crt", str(error).lower())
                continue
            value = put["Checksum" + algorithm]
            head = self.s3.head_object(Bucket="smoke", Key="sum", ChecksumMode="ENABLED")
            self.assertEqual(head["Checksum" + algorithm], value)
            attributes = self.s3.get_object_attributes(
                Bucket="smoke", Key="sum", ObjectAttributes=["ETag", "Checksum", "ObjectSize"])
            self.assertEqual(attributes["Checksum"]["Checksum" + algorithm], value)
            self.assertEqual(attributes["ObjectSize"], len(body))

    # Multipart ----------------------------------------------------------------------------------
    def test_multipart(self):
        s3 = self.s3
        parts = [noise(5 * MIB, "p1"), noise(6 * MIB + 3, "p2"), noise(1000, "p3")]
        upload = s3.create_multipart_upload(Bucket="smoke", Key="multi", Metadata={"m": "1"})
        upload_id = upload["UploadId"]
        tags = []
        for number, part in enumerate(parts, 1):
            done = s3.upload_part(Bucket="smoke", Key="multi", UploadId=upload_id,
                                  PartNumber=number, Body=part)
            tags.append({"PartNumber": number, "ETag": done["ETag"]})
        listed = s3.list_parts(Bucket="smoke", Key="multi", UploadId=upload_id)["Parts"]
        self.assertEqual([p["Size"] for p in listed], [len(p) for p in parts])
        uploads = s3.list_multipart_uploads(Bucket="smoke", Prefix="multi")["Uploads"]
        self.assertEqual([u["UploadId"] for u in uploads], [upload_id])
        self.fails(400, "InvalidPart", s3.complete_multipart_upload, Bucket="smoke", Key="multi",
                   UploadId=upload_id,
                   MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"' + "0" * 32 + '"'}]})
        self.fails(400, "InvalidPartOrder", s3.complete_multipart_upload, Bucket="smoke",
                   Key="multi", UploadId=upload_id, MultipartUpload={"Parts": tags[::-1]})
        for _ in range(2):  # The second Complete repeats the first's answer.
            done = s3.complete_multipart_upload(Bucket="smoke", Key="multi", UploadId=upload_id,
                                                MultipartUpload={"Parts": tags})
            joined = b"".join(hashlib.md5(p).digest() for p in parts)
            self.assertEqual(done["ETag"], '"%s-3"' % hashlib.md5(joined).hexdigest())
        got = s3.get_object(Bucket="smoke", Key="multi")
        self.assertEqual(got["Body"].read(), b"".join(parts))
        self.assertEqual(got["Metadata"], {"m": "1"})
        second = s3.get_object(Bucket="smoke", Key="multi", PartNumber=2)
        self.assertEqual(second["Body"].read(), parts[1])
        self.assertEqual(second["PartsCount"], 3)

    def test_multipart_abort_and_small_parts(self):
        s3 = self.s3
        upload_id = s3.create_multipart_upload(Bucket="smoke", Key="aborted")["UploadId"]
        tags = [{"PartNumber": n, "ETag": s3.upload_part(
            Bucket="smoke", Key="aborted", UploadId=upload_id, PartNumber=n, Body=b"small")["ETag"]}
            for n in (1, 2)]
        self.fails(400, "EntityTooSmall", s3.complete_multipart_upload, Bucket="smoke",
                   Key="aborted", UploadId=upload_id, MultipartUpload={"Parts": tags})
        s3.abort_multipart_upload(Bucket="smoke", Key="aborted", UploadId=upload_id)
        self.fails(404, "NoSuchUpload", s3.list_parts, Bucket="smoke", Key="aborted",
                   UploadId=upload_id)
        self.fails(404, "NoSuchUpload", s3.upload_part, Bucket="smoke", Key="aborted",
                   UploadId=upload_id, PartNumber=1, Body=b"x")
        self.fails(404, None, s3.head_object, Bucket="smoke", Key="aborted")

    def test_copies(self):
        s3 = self.s3
        body = noise(7 * MIB, "copy")
        s3.put_object(Bucket="smoke", Key="copy/source +ä", Body=body, Metadata={"a": "1"})
        source = {"Bucket": "smoke", "Key": "copy/source +ä"}
        s3.copy_object(Bucket="smoke", Key="copy/target", CopySource=source)
        got = s3.get_object(Bucket="smoke", Key="copy/target")
        self.assertEqual((got["Body"].read(), got["Metadata"]), (body, {"a": "1"}))
        s3.copy_object(Bucket="smoke", Key="copy/target", CopySource=source,
                       MetadataDirective="REPLACE", Metadata={"b": "2"}, ContentType="text/plain")
        head = s3.head_object(Bucket="smoke", Key="copy/target")
        self.assertEqual((head["Metadata"], head["ContentType"]), ({"b": "2"}, "text/plain"))
        self.fails(400, "InvalidRequest", s3.copy_object, Bucket="smoke", Key="copy/target",
                   CopySource={"Bucket": "smoke", "Key": "copy/target"})
        self.fails(404, "NoSuchKey", s3.copy_object, Bucket="smoke", Key="x",
                   CopySource={"Bucket": "smoke", "Key": "not-there"})
        upload_id = s3.create_multipart_upload(Bucket="smoke", Key="copy/parts")["UploadId"]
        part = s3.upload_part_copy(Bucket="smoke", Key="copy/parts", UploadId=upload_id,
                                   PartNumber=1, CopySource=source,
                                   CopySourceRange=f"bytes=1000-{6 * MIB}")["CopyPartResult"]
        s3.complete_multipart_upload(
            Bucket="smoke", Key="copy/parts", UploadId=upload_id,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self.assertEqual(s3.get_object(Bucket="smoke", Key="copy/parts")["Body"].read(),
                         body[1000:6 * MIB + 1])

    # Listing and deleting -----------------------------------------------------------------------
    def test_listing_and_deleting(self):
        s3 = self.s3
        s3.create_bucket(Bucket="listing")
        keys = sorted([f"a/{i:02d}" for i in range(12)] + [f"b/{i}" for i in range(3)] + ["c", "d"])
        for key in keys:
            s3.put_object(Bucket="listing", Key=key, Body=b"1")
        for name in ("list_objects", "list_objects_v2"):
            pages = s3.get_paginator(name).paginate(Bucket="listing",
                                                    PaginationConfig={"PageSize": 5})
            self.assertEqual([o["Key"] for page in pages for o in page.get("Contents", [])], keys)
            pages = s3.get_paginator(name).paginate(Bucket="listing", Delimiter="/",
                                                    PaginationConfig={"PageSize": 1})
            found = [(p["Prefix"] if "Prefix" in p else p["Key"]) for page in pages
                     for p in page.get("CommonPrefixes", []) + page.get("Contents", [])]
            self.assertEqual(found, ["a/", "b/", "c", "d"])
        page = s3.list_objects_v2(Bucket="listing", Prefix="a/", StartAfter="a/05", MaxKeys=2)
        self.assertEqual([o["Key"] for o in page["Contents"]], ["a/06", "a/07"])
        self.assertEqual((page["KeyCount"], page["IsTruncated"]), (2, True))
        self.assertEqual(s3.list_objects_v2(Bucket="listing", MaxKeys=0)["KeyCount"], 0)
        self.fails(400, "InvalidArgument", s3.list_objects_v2, Bucket="listing",
                   ContinuationToken="nonsense")
        versions = s3.list_object_versions(Bucket="listing", Prefix="b/")["Versions"]
        self.assertEqual([(v["Key"], v["VersionId"]) for v in versions],
                         [(f"b/{i}", "null") for i in range(3)])
        gone = s3.delete_objects(Bucket="listing", Delete={
            "Objects": [{"Key": key} for key in keys + ["never-there"]]})
        self.assertEqual(len(gone["Deleted"]), len(keys) + 1)
        self.assertNotIn("Contents", s3.list_objects_v2(Bucket="listing"))
        s3.delete_bucket(Bucket="listing")

    # Who may ------------------------------------------------------------------------------------
    def test_refusals(self):
        wrong = self.server.boto3_client(secret_key="not the secret at all")
        self.fails(403, "SignatureDoesNotMatch", wrong.list_buckets)
        unknown = self.server.boto3_client(access_key="NOBODY")
        self.fails(403, "InvalidAccessKeyId", unknown.list_buckets)
        reply = http.client.HTTPConnection(self.server.host_port, timeout=60)
        reply.request("GET", "/smoke/multi")
        answer = reply.getresponse()
        self.assertEqual(answer.status, 403)
        self.assertIn(b"<Code>AccessDenied</Code>", answer.read())
        reply.close()

    def test_presigned_urls(self):
        self.s3.put_object(Bucket="smoke", Key="presigned", Body=b"by url")
        for version in ("s3v4", "s3"):
            client = self.server.boto3_client(signature_version=version)
            url = client.generate_presigned_url(
                "get_object", Params={"Bucket": "smoke", "Key": "presigned"}, ExpiresIn=60)
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(url, timeout=60) as reply:
                self.assertEqual(reply.read(), b"by url", version)

    # Looking after it ---------------------------------------------------------------------------
    def test_admin(self):
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.server.admin(path)[0], 200)
            reply = http.client.HTTPConnection(self.server.host_port, timeout=60)
            reply.request("GET", path)
            self.assertEqual(reply.getresponse().status, 200)
            reply.close()
        self.s3.put_object(Bucket="smoke", Key="counted", Body=b"12345")
        metrics = self.server.metrics()
        self.assertGreaterEqual(metrics['cairn_requests_total{route="PutObject",status="200"}'], 1)
        self.assertGreaterEqual(
            metrics['cairn_request_body_bytes_total{route="PutObject",direction="in"}'], 5)
        self.assertEqual(metrics["cairn_ready"], 1)
        status = self.server.status()
        self.assertTrue(status["ready"])
        self.assertEqual(self.server.scrub()["damaged"], [])
        address, _ = self.server.admin_address()
        connection = http.client.HTTPConnection(address, timeout=60)
        connection.request("POST", "/admin/v1/scrub", headers={"Authorization": "Bearer wrong"})
        self.assertEqual(connection.getresponse().status, 401)
        connection.close()


class Lifecycle(unittest.TestCase):
    def test_restart_kill_and_rotation_keep_everything(self):
        with CairnServer(cores=2) as server:
            s3 = server.boto3_client()
            s3.create_bucket(Bucket="kept")
            bodies = {f"k{i}": noise(size, f"kept {i}")
                      for i, size in enumerate((0, 100, 20000, 3 * MIB, 9 * MIB))}
            for key, body in bodies.items():
                s3.put_object(Bucket="kept", Key=key, Body=body)

            def check():
                for key, body in bodies.items():
                    self.assertEqual(s3.get_object(Bucket="kept", Key=key)["Body"].read(), body)

            server.kill()
            server.start()
            check()
            rotated = subprocess.run([binary(), "admin", "keys", "rotate", "--data", server.data],
                                     capture_output=True, text=True, timeout=60)
            self.assertEqual(rotated.returncode, 0, rotated.stderr)
            s3.put_object(Bucket="kept", Key="after", Body=b"rotation")
            bodies["after"] = b"rotation"
            self.assertEqual(server.stop(), 0)
            server.start()
            check()
            self.assertEqual(server.stop(), 0)

    def test_clear_refusals_at_start(self):
        with CairnServer() as server:
            second = subprocess.run(
                [binary(), "serve", "--data", server.data, "--listen", "127.0.0.1:0"],
                capture_output=True, text=True, timeout=60)
            self.assertEqual(second.returncode, 1)
            self.assertIn("in use by another cairn process", second.stderr)
            server.stop()
            with open(os.path.join(server.data, "keys", "root.key"), "r+", encoding="ascii") as key:
                text = key.read()
                key.seek(0)
                key.write(("1" if text[0] != "1" else "2") + text[1:])
            with self.assertRaisesRegex(RuntimeError, "root key does not match"):
                server.start()
            with open(os.path.join(server.data, "FORMAT"), "w", encoding="ascii") as file:
                file.write("cairn 99\n")
            with self.assertRaisesRegex(RuntimeError, "newer Cairn"):
                server.start()

    def test_usage_errors(self):
        for arguments in (["serve"], ["serve", "--data", "/x", "--no-such-flag"], []):
            done = subprocess.run([binary()] + arguments, capture_output=True, text=True,
                                  timeout=60, env={"PATH": os.environ["PATH"]})
            self.assertEqual(done.returncode, 2, done.stderr)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("lisssten = ':1'\n")
            file.flush()
            done = subprocess.run([binary(), "serve", "--data", "/x", "--config", file.name],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2)
            self.assertIn("lisssten: there is no such setting", done.stderr)

    def test_created_credentials_and_access_log(self):
        with tempfile.TemporaryDirectory() as directory:
            log = os.path.join(directory, "access.jsonl")
            server = CairnServer(data=os.path.join(directory, "data"), args=["--access-log", log],
                                 env={"CAIRN_ROOT_ACCESS_KEY": "", "CAIRN_ROOT_SECRET_KEY": ""})
            server.start()
            path = os.path.join(server.data, "credentials")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            with open(path, encoding="ascii") as file:
                pair = dict(line.strip().split("=", 1) for line in file)
            self.assertIn(path, server.log())
            self.assertNotIn(pair["AWS_SECRET_ACCESS_KEY"], server.log())
            s3 = server.boto3_client(access_key=pair["AWS_ACCESS_KEY_ID"],
                                     secret_key=pair["AWS_SECRET_ACCESS_KEY"])
            s3.create_bucket(Bucket="logged")
            s3.put_object(Bucket="logged", Key='quote"\nline', Body=b"12345")
            self.assertEqual(server.stop(), 0)
            with open(log, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
            self.assertEqual([line["route"] for line in lines], ["CreateBucket", "PutObject"])
            self.assertEqual((lines[1]["status"], lines[1]["bytes_in"]), (200, 5))
            self.assertEqual(lines[1]["access_key"], pair["AWS_ACCESS_KEY_ID"])
            server.close()

    def test_tls_and_silent_handshakes(self):
        with tempfile.TemporaryDirectory() as directory:
            certificate, key = (os.path.join(directory, name) for name in ("c.pem", "k.pem"))
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                            "-keyout", key, "-out", certificate],
                           check=True, capture_output=True, timeout=60)
            with CairnServer(cores=1, args=["--tls-cert", certificate, "--tls-key", key]) as server:
                self.assertTrue(server.endpoint.startswith("https://"))
                address = ("127.0.0.1", int(server.host_port.rsplit(":", 1)[1]))
                silent = [socket.create_connection(address) for _ in range(4)]
                s3 = server.boto3_client(verify=certificate)
                s3.create_bucket(Bucket="tls")
                body = noise(6 * MIB, "tls")
                s3.put_object(Bucket="tls", Key="k", Body=body)
                self.assertEqual(s3.get_object(Bucket="tls", Key="k")["Body"].read(), body)
                for connection in silent:
                    connection.close()
                self.assertEqual(server.stop(), 0)

    def test_second_signal_ends_at_once(self):
        with CairnServer() as server:
            # A request that never ends its body keeps a graceful drain waiting.
            s3 = server.boto3_client()
            s3.create_bucket(Bucket="slow")
            url = s3.generate_presigned_url("put_object", Params={"Bucket": "slow", "Key": "k"})
            connection = http.client.HTTPConnection(server.host_port, timeout=60)
            connection.putrequest("PUT", url.split(server.host_port, 1)[1])
            connection.putheader("Content-Length", "1000")
            connection.putheader("Expect", "100-continue")
            connection.endheaders()
            self.assertIn(b"100", connection.sock.recv(100))
            server.process.send_signal(signal.SIGTERM)
            with self.assertRaises(subprocess.TimeoutExpired):
                server.process.wait(1)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(20), 0)
            connection.close()


if __name__ == "__main__":
    unittest.main()
