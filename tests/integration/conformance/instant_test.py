"""Instant uploads: a hash alone gives nothing, the right to read gives all, and what fails anyway fails
before its body is sent.

Every case sends the head of an upload only and looks at the server's first words: `100` asks for the body
(a miss), anything else is final. Nobody ever sends a byte of a body that a case claims to have."""

import base64
import hashlib
import os
import socket
import subprocess
import zlib

from accounts import AccountCase
from conformance import MIB, Signer, binary, main
from policy_case import PolicyCase

SMALL, LARGE = 4096, 300_000  # In the catalog; in chunks.


class FirstWords:
    """The first reply to a head: `status`, `headers` and what of the body came with it."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:400]!r}"


class InstantCase(PolicyCase, AccountCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alt_bucket = "alt-bucket"
        cls.alt.create_bucket(Bucket=cls.alt_bucket)

    def setUp(self):
        super().setUp()
        self.small = os.urandom(SMALL)
        self.large = os.urandom(LARGE)

    # Speaking ------------------------------------------------------------------------------------
    def first_words(self, path, body, query="", signer=None, headers=None, payload=None, size=None):
        """Announces `body` and waits; the connection must end after a final answer."""
        signer = signer or self.signer
        headers = {name.lower(): value for name, value in (headers or {}).items()}
        headers["host"] = self.server.host_port
        payload = payload or hashlib.sha256(body).hexdigest()
        headers = signer.sign("PUT", path, query, headers, payload)
        headers["content-length"] = str(len(body) if size is None else size)
        headers["expect"] = "100-continue"
        target = path + ("?" + query if query else "")
        text = f"PUT {target} HTTP/1.1\r\n"
        text += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        host, _, port = self.server.host_port.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(text.encode())
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                self.assertTrue(piece, "closed without an answer")
                data += piece
            if not data.startswith(b"HTTP/1.1 100"):
                # Final: the server ends its side and asks for nothing more.
                while piece := connection.recv(65536):
                    data += piece
        return FirstWords(data)

    def misses(self, path, body, **more):
        reply = self.first_words(path, body, **more)
        self.assertEqual(reply.status, 100, reply)

    def hits(self, path, body, **more):
        reply = self.first_words(path, body, **more)
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.headers["etag"], f'"{hashlib.md5(body).hexdigest()}"')
        self.assertEqual(reply.headers.get("connection"), "close")
        return reply

    def upload(self, bucket, key="up", client=None, **arguments):
        upload = (client or self.s3).create_multipart_upload(Bucket=bucket, Key=key, **arguments)
        return f"partNumber=1&uploadId={upload['UploadId']}"

    def put(self, key, body, bucket=None):
        self.s3.put_object(Bucket=bucket or self.b, Key=key, Body=body)

    def bodies(self):
        return (("small", self.small), ("large", self.large))


class ByRight(InstantCase):
    def test_the_owner_of_the_store_sends_nothing_twice(self):
        for name, body in self.bodies():
            self.misses(f"/{self.b}/new", body)
            self.put(name, body)
            self.hits(f"/{self.b}/copy-{name}", body)
            self.assertEqual(self.body_of(self.b, f"copy-{name}"), body)
            query = self.upload(self.b)
            self.hits(f"/{self.b}/up", body, query=query)

    def test_another_tenant_with_nothing_but_the_hash_misses(self):
        for name, body in self.bodies():
            self.put(name, body)
            self.misses(f"/{self.alt_bucket}/k", body, signer=self.alt_signer)
            query = self.upload(self.alt_bucket, client=self.alt)
            self.misses(f"/{self.alt_bucket}/up", body, query=query, signer=self.alt_signer)

    def test_another_tenant_misses_even_where_it_may_read(self):
        # Content is known in the domain of its tenant only: what crosses it is sent.
        statement = self.statement(action=["s3:GetObject", "s3:PutObject"])
        self.check(self.put_policy(statement), 204)
        for name, body in self.bodies():
            self.put(name, body)
            self.misses(f"/{self.b}/k", body, signer=self.alt_signer)
            self.misses(f"/{self.alt_bucket}/k", body, signer=self.alt_signer)

    def put_policy(self, *statements):
        return PolicyCase.put(self, *statements)

    def user_who_puts(self, *more):
        _, signer = self.user(
            self.statement(action=["s3:PutObject"], principal=None, resource="/in/*"), *more
        )
        return signer

    def test_a_user_without_the_right_to_read_misses_until_it_has_it(self):
        name = f"user-{self.users + 1}"
        signer = self.user_who_puts()
        for key, body in self.bodies():
            self.put(key, body)
            query = self.upload(self.b, "in/up")
            self.misses(f"/{self.b}/in/new", body, signer=signer)
            self.misses(f"/{self.b}/in/up", body, query=query, signer=signer)
        read = self.policy(self.statement(principal=None, resource="/*"))
        self.iam.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=read)
        for key, body in self.bodies():
            self.hits(f"/{self.b}/in/{key}", body, signer=signer)
            query = self.upload(self.b, "in/up")
            self.hits(f"/{self.b}/in/up", body, query=query, signer=signer)
            self.assertEqual(self.body_of(self.b, f"in/{key}"), body)
        self.iam.delete_user_policy(UserName=name, PolicyName="read")
        for _, body in self.bodies():
            self.misses(f"/{self.b}/in/again", body, signer=signer)

    def test_a_right_to_one_holder_of_several_is_enough(self):
        for key in ("secret/a", "open/k", "secret/b"):
            self.put(key, self.large)
        signer = self.user_who_puts(self.statement(principal=None, resource="/open/*"))
        self.hits(f"/{self.b}/in/k", self.large, signer=signer)
        self.s3.delete_object(Bucket=self.b, Key="open/k")
        self.misses(f"/{self.b}/in/l", self.large, signer=signer)

    def test_the_users_own_write_is_no_right_to_read_it(self):
        signer = self.user_who_puts()
        self.check(self.raw("PUT", f"/{self.b}/in/mine", body=self.large, signer=signer), 200)
        self.misses(f"/{self.b}/in/mine", self.large, signer=signer)
        self.misses(f"/{self.b}/in/other", self.large, signer=signer)

    def test_a_bucket_policy_grants_and_denies(self):
        self.put("held", self.large)
        arn, signer = self.user(
            self.statement(action=["s3:PutObject"], principal=None, resource="/in/*")
        )
        grant = self.statement(principal={"AWS": arn}, resource="/held")
        self.check(self.put_policy(grant), 204)
        self.hits(f"/{self.b}/in/a", self.large, signer=signer)
        deny = self.statement(effect="Deny", principal={"AWS": arn}, resource="/held")
        self.check(self.put_policy(grant, deny), 204)
        self.misses(f"/{self.b}/in/b", self.large, signer=signer)

    def test_a_part_is_known_when_its_object_may_be_read(self):
        part, last = os.urandom(5 * MIB), os.urandom(1000)
        upload = self.s3.create_multipart_upload(Bucket=self.b, Key="secret/parts")["UploadId"]
        parts = []
        for number, body in enumerate((part, last), 1):
            done = self.s3.upload_part(
                Bucket=self.b, Key="secret/parts", UploadId=upload, PartNumber=number, Body=body
            )
            parts.append({"PartNumber": number, "ETag": done["ETag"]})
            self.misses(f"/{self.b}/early", body)  # Nobody may read a pending upload.
        self.s3.complete_multipart_upload(
            Bucket=self.b, Key="secret/parts", UploadId=upload, MultipartUpload={"Parts": parts}
        )
        blind = self.user_who_puts()
        reader = self.user_who_puts(self.statement(principal=None, resource="/secret/*"))
        for body in (part, last):
            self.misses(f"/{self.b}/in/x", body, signer=blind)
            self.hits(f"/{self.b}/in/x", body, signer=reader)
            query = self.upload(self.b, "in/up")
            self.misses(f"/{self.b}/in/up", body, query=query, signer=blind)
            self.hits(f"/{self.b}/in/up", body, query=query, signer=reader)


class Holders(InstantCase):
    """A body is known as long as somebody may read it, and no longer."""

    def setUp(self):
        super().setUp()
        # All rights but to what the case itself writes: no copy of its own keeps the body known.
        _, self.reader = self.user(
            self.statement(action=["s3:PutObject"], principal=None, resource="/in/*"),
            self.statement(action=["s3:GetObject"], principal=None, resource="/held/*"),
        )

    def known(self, body, signer=None):
        return self.first_words(f"/{self.b}/in/probe", body, signer=signer or self.reader).status

    def test_an_overwritten_body_is_forgotten(self):
        for _, body in self.bodies():
            self.put("held/k", body)
            self.assertEqual(self.known(body), 200)
            self.put("held/k", b"other")
            self.assertEqual(self.known(body), 100)

    def test_a_deleted_body_is_forgotten(self):
        for _, body in self.bodies():
            self.put("held/k", body)
            self.s3.delete_object(Bucket=self.b, Key="held/k")
            self.assertEqual(self.known(body), 100)
            self.server.collect_garbage()
            self.assertEqual(self.known(body), 100)

    def test_a_renamed_body_goes_with_its_name(self):
        for _, body in self.bodies():
            self.put("held/k", body)
            for source, target, status in (
                ("held/k", "away/k", 100),
                ("away/k", "held/l", 200),
            ):
                reply = self.raw(
                    "PUT",
                    f"/{self.b}/{target}",
                    "renameObject",
                    {"x-amz-rename-source": f"/{self.b}/{source}"},
                )
                self.check(reply, 200)
                self.assertEqual(self.known(body), status, target)

    def test_versions_need_the_right_to_versions(self):
        self.versioning(self.b, "Enabled")
        _, reader = self.user(
            self.statement(action=["s3:PutObject"], principal=None, resource="/in/*"),
            self.statement(action=["s3:GetObjectVersion"], principal=None, resource="/held/*"),
        )
        for _, body in self.bodies():
            put = self.s3.put_object(Bucket=self.b, Key="held/k", Body=body)
            self.assertEqual(self.known(body), 200)
            self.assertEqual(self.known(body, reader), 100)  # Not without a version id.
            self.s3.delete_object(Bucket=self.b, Key="held/k")  # A marker hides it.
            self.assertEqual(self.known(body), 100)
            self.assertEqual(self.known(body, reader), 200)
            self.s3.delete_object(Bucket=self.b, Key="held/k", VersionId=put["VersionId"])
            self.assertEqual(self.known(body, reader), 100)
            for version in self.s3.list_object_versions(Bucket=self.b)["DeleteMarkers"]:
                self.s3.delete_object(Bucket=self.b, Key="held/k", VersionId=version["VersionId"])

    def test_a_deleted_bucket_is_forgotten(self):
        bucket = self.bucket()
        self.put("k", self.large, bucket)
        self.hits(f"/{self.b}/l", self.large)
        self.s3.delete_object(Bucket=self.b, Key="l")
        self.s3.delete_object(Bucket=bucket, Key="k")
        self.s3.delete_bucket(Bucket=bucket)
        self.misses(f"/{self.b}/l", self.large)

    def test_it_outlives_a_restart(self):
        for name, body in self.bodies():
            self.put(name, body)
        self.server.restart()
        for name, body in self.bodies():
            self.hits(f"/{self.b}/again-{name}", body)


class Claims(InstantCase):
    """What a head says of its body is compared with what is stored."""

    def setUp(self):
        super().setUp()
        self.put("held", self.large)

    def test_a_forged_hash_changes_nothing(self):
        forged, other = os.urandom(LARGE), self.large
        path = f"/{self.b}/forged"
        claim = hashlib.sha256(forged).hexdigest()
        reply = self.raw("PUT", path, body=other, payload=claim)
        self.check(reply, 400, "XAmzContentSHA256Mismatch")
        self.misses(path, forged)  # Nothing is known under the hash that was claimed.
        self.fails(404, None, self.s3.head_object, Bucket=self.b, Key="forged")

    def test_other_digests_must_agree(self):
        path, wrong = f"/{self.b}/k", hashlib.md5(b"x").digest()
        crc64 = {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"x").to_bytes(4, "big"))}
        for headers in ({"content-md5": base64.b64encode(wrong).decode()},
                        {name: value.decode() for name, value in crc64.items()}):
            self.misses(path, self.large, headers=headers)
        right = base64.b64encode(hashlib.md5(self.large).digest()).decode()
        self.hits(path, self.large, headers={"content-md5": right})

    def test_another_length_is_another_body(self):
        self.misses(f"/{self.b}/k", self.large, size=LARGE - 1)
        self.misses(f"/{self.b}/k", self.large, size=LARGE + 1)

    def test_a_checksum_header_names_the_body_too(self):
        value = base64.b64encode(hashlib.sha256(self.large).digest()).decode()
        headers = {"x-amz-checksum-sha256": value}
        reply = self.hits(
            f"/{self.b}/k", self.large, headers=headers, payload="UNSIGNED-PAYLOAD"
        )
        self.assertEqual(reply.headers["x-amz-checksum-sha256"], value)
        # Two that differ name nothing; the reply to the bytes says what is wrong.
        self.misses(f"/{self.b}/l", b"y" * LARGE, headers=headers)

    def test_no_hash_no_answer(self):
        self.misses(f"/{self.b}/k", self.large, payload="UNSIGNED-PAYLOAD")

    def test_it_is_a_put_in_everything_else(self):
        self.versioning(self.b, "Enabled")
        headers = {
            "x-amz-meta-a": "b",
            "content-type": "a/b",
            "x-amz-tagging": "k=v",
            "x-amz-server-side-encryption": "AES256",
        }
        reply = self.hits(f"/{self.b}/k", self.large, headers=headers)
        self.assertEqual(reply.headers["x-amz-server-side-encryption"], "AES256")
        head = self.s3.head_object(Bucket=self.b, Key="k")
        self.assertEqual(head["VersionId"], reply.headers["x-amz-version-id"])
        self.assertEqual((head["Metadata"], head["ContentType"]), ({"a": "b"}, "a/b"))
        tags = self.s3.get_object_tagging(Bucket=self.b, Key="k")["TagSet"]
        self.assertEqual(tags, [{"Key": "k", "Value": "v"}])
        self.assertEqual(self.body_of(self.b, "k"), self.large)

    def test_objects_under_keys_of_customers_are_not_known(self):
        body, key = os.urandom(LARGE), os.urandom(32)
        sealed = {
            "x-amz-server-side-encryption-customer-algorithm": "AES256",
            "x-amz-server-side-encryption-customer-key": base64.b64encode(key).decode(),
            "x-amz-server-side-encryption-customer-key-md5": base64.b64encode(
                hashlib.md5(key).digest()
            ).decode(),
        }
        self.check(self.raw("PUT", f"/{self.b}/sealed", headers=sealed, body=body), 200)
        self.misses(f"/{self.b}/k", body)
        self.misses(f"/{self.b}/sealed", body, headers=sealed)
        self.misses(f"/{self.b}/sealed", self.large, headers=sealed)

    server_args = ("--allow-ssec-over-http",)


class FailsBeforeTheBody(InstantCase):
    """Every refusal that does not depend on the body comes in place of the 100."""

    def refused(self, status, code, path, body=b"x" * 1000, **more):
        reply = self.first_words(path, body, **more)
        self.assertEqual(reply.status, status, reply)
        self.assertIn(f"<Code>{code}</Code>".encode(), reply.body)

    def test_refusals(self):
        here = f"/{self.b}/k"
        part = "partNumber=1&uploadId="
        _, nobody = self.user()
        new = {"if-none-match": "*"}
        self.refused(412, "PreconditionFailed", here, headers=new)
        self.refused(412, "PreconditionFailed", here, headers={"if-match": '"x"'})
        self.refused(404, "NoSuchKey", f"/{self.b}/none", headers={"if-match": '"x"'})
        self.refused(403, "AccessDenied", here, signer=nobody)
        self.refused(403, "AccessDenied", here, signer=self.alt_signer)
        self.refused(403, "InvalidAccessKeyId", here, signer=Signer("NOBODY", "x"))
        self.refused(404, "NoSuchBucket", "/no-such-bucket/k")
        self.refused(404, "NoSuchUpload", here, query=part + "0" * 48)
        self.refused(400, "InvalidArgument", here, query="partNumber=0&uploadId=" + "0" * 48)
        self.refused(400, "InvalidWriteOffset", here, headers={"x-amz-write-offset-bytes": "7"})
        self.refused(400, "EntityTooLarge", here, size=51 * (1 << 40))
        self.refused(400, "InvalidDigest", here, headers={"content-md5": "!"})

    def test_a_used_up_quota(self):
        command = [binary(), "admin", "quota", "set", "bucket", self.b, "--size", "2KiB"]
        subprocess.run(command + ["--data", self.server.data], check=True, capture_output=True)
        self.refused(403, "QuotaExceeded", f"/{self.b}/large", body=self.large)
        query = self.upload(self.b)
        self.refused(403, "QuotaExceeded", f"/{self.b}/up", body=self.large, query=query)
        # An instant upload counts as any other: what dedup saves on disk is nobody's to know.
        other = self.bucket()
        self.put("held", self.large, other)
        self.refused(403, "QuotaExceeded", f"/{self.b}/large", body=self.large)


if __name__ == "__main__":
    main()
