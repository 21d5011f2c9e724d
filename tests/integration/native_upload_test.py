"""Uploads by names of chunks against a real server: what is stored is what was named, a commit is a PutObject in
all but its body, and uploads survive restarts, kills and each other. Needs CAIRN_BINARY."""
import base64
import hashlib
import random
import threading
import unittest

from botocore.config import Config
from botocore.exceptions import ClientError

from cairn_server import CairnServer
from native_client import (CHUNK, HELD, MISSING, Chunk, NativeClient, Refused, cut, field, name_of, one, parse)

BUCKET = "native"


def noise(seed, size):
    return random.Random(seed).randbytes(size)


class NativeCase(unittest.TestCase):
    def setUp(self):
        self.server = CairnServer(cores=2).start()
        self.addCleanup(self.server.close)
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket=BUCKET)
        self.client = self.make_client()

    def make_client(self):
        return NativeClient(self.server.endpoint, self.server.access_key, self.server.secret_key)

    def body(self, key, **more):
        return self.s3.get_object(Bucket=BUCKET, Key=key, **more)["Body"].read()

    def refused(self, status, code, call, *arguments, **named):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **named)
        self.assertEqual((caught.exception.status, caught.exception.code), (status, code),
                         caught.exception)
        self.assertEqual(caught.exception.headers["x-cairn-protocol"], "1")
        return caught.exception

    def missing(self, key):
        with self.assertRaises(ClientError) as caught:
            self.s3.head_object(Bucket=BUCKET, Key=key)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 404)

    def chunks_count(self):
        return self.server.metrics()["cairn_chunks"]

    def assert_sound(self):
        self.assertEqual(self.server.scrub()["damaged"], [])


class Upload(NativeCase):
    def test_new_data_then_the_same_again(self):
        data = noise(1, 3 * CHUNK + 12345)
        head = self.client.upload(BUCKET, "a/b c+d", data)
        self.assertEqual(head["etag"], f'"{hashlib.md5(data).hexdigest()}"')
        self.assertEqual(self.body("a/b c+d"), data)
        self.client.sent_bytes = 0
        self.client.upload(BUCKET, "again", data)
        self.assertLess(self.client.sent_bytes, 1024)
        self.assertEqual(self.body("again"), data)
        self.s3.delete_object(Bucket=BUCKET, Key="a/b c+d")
        self.server.collect_garbage()
        self.assertEqual(self.body("again"), data)
        self.assert_sound()

    def test_sizes_around_the_edges(self):
        for size in (0, 1, 16 * 1024, 16 * 1024 + 1, 65536, CHUNK - 1, CHUNK, CHUNK + 1):
            data = noise(size, size)
            head = self.client.upload(BUCKET, f"size-{size}", data)
            self.assertEqual(head["etag"], f'"{hashlib.md5(data).hexdigest()}"')
            self.assertEqual(self.body(f"size-{size}"), data)
            self.assertEqual(int(head["x-amz-object-size"]), size)

    def test_large_body_has_an_etag_that_is_no_md5_and_a_checksum_that_is_right(self):
        data = noise(2, 64 * 1024 * 1024 + 1)
        chunks = cut(data)
        head = self.client.upload(BUCKET, "large", data, chunks=chunks)
        etag = hashlib.md5(b"".join(chunk.hash for chunk in chunks)).hexdigest()
        self.assertEqual(head["etag"], f'"{etag}-{len(chunks)}"')
        # An old boto3 computes no checksum by itself and has no word for that.
        is_new = "request_checksum_calculation" in Config.OPTION_DEFAULTS
        options = {"request_checksum_calculation": "when_required"} if is_new else {}
        plain = self.server.boto3_client(**options)
        plain.put_object(Bucket=BUCKET, Key="by-s3", Body=data)
        by_s3 = self.s3.head_object(Bucket=BUCKET, Key="by-s3", ChecksumMode="ENABLED")
        self.assertEqual(head["x-amz-checksum-crc64nvme"],
                         by_s3["ResponseMetadata"]["HTTPHeaders"]["x-amz-checksum-crc64nvme"])
        # Of chunks that were not seen in this session nothing is claimed, unless it is asked for.
        again = self.client.upload(BUCKET, "again", data, chunks=chunks)
        self.assertNotIn("x-amz-checksum-crc64nvme", again)
        sha1 = base64.b64encode(hashlib.sha1(data).digest()).decode()
        asked = self.client.upload(BUCKET, "asked", data, {"x-amz-checksum-sha1": sha1}, chunks)
        self.assertEqual(asked["x-amz-checksum-sha1"], sha1)
        wrong = base64.b64encode(hashlib.sha1(b"x").digest()).decode()
        self.refused(400, "BadDigest", self.client.upload, BUCKET, "wrong", data,
                     {"x-amz-checksum-sha1": wrong}, chunks)
        self.missing("wrong")

    def test_changed_segment_is_all_that_is_sent(self):
        data = bytearray(noise(3, 4 * CHUNK))
        self.client.upload(BUCKET, "v1", bytes(data))
        data[CHUNK + 100:CHUNK + 200] = noise(4, 100)
        self.client.sent_bytes = 0
        self.client.upload(BUCKET, "v2", bytes(data))
        self.assertLess(self.client.sent_bytes, 2 * 65536)
        self.assertEqual(self.body("v2"), data)
        self.server.restart()
        self.client = self.make_client()
        data[2 * CHUNK + 100:2 * CHUNK + 200] = noise(5, 100)
        self.client.upload(BUCKET, "v3", bytes(data))
        self.assertEqual(self.body("v3"), data)
        self.assert_sound()

    def test_commit_is_a_put_object(self):
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        data = noise(6, 100_000)
        head = self.client.upload(BUCKET, "k", data, {
            "Content-Type": "text/x-native", "Cache-Control": "no-cache", "x-amz-meta-colour": "green",
            "x-amz-tagging": "a=1&b=2", "x-amz-storage-class": "STANDARD_IA"})
        stored = self.s3.head_object(Bucket=BUCKET, Key="k")
        self.assertEqual(stored["VersionId"], head["x-amz-version-id"])
        self.assertEqual((stored["ContentType"], stored["CacheControl"], stored["Metadata"]),
                         ("text/x-native", "no-cache", {"colour": "green"}))
        self.assertEqual(stored["StorageClass"], "STANDARD_IA")
        tags = self.s3.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"]
        self.assertEqual({tag["Key"]: tag["Value"] for tag in tags}, {"a": "1", "b": "2"})
        second = self.client.upload(BUCKET, "k", data + b"x")
        self.assertNotEqual(second["x-amz-version-id"], head["x-amz-version-id"])
        self.assertEqual(self.body("k", VersionId=head["x-amz-version-id"]), data)

    def test_conditions(self):
        data = noise(7, 50_000)
        etag = self.client.upload(BUCKET, "k", data, {"If-None-Match": "*"})["etag"]
        self.refused(412, "PreconditionFailed", self.client.upload, BUCKET, "k", data,
                     {"If-None-Match": "*"})
        self.refused(412, "PreconditionFailed", self.client.begin, BUCKET, "k", 1, None, {"If-None-Match": "*"})
        self.client.upload(BUCKET, "k", data + b"2", {"If-Match": etag})
        self.refused(412, "PreconditionFailed", self.client.upload, BUCKET, "k", data, {"If-Match": etag})
        self.assertEqual(self.body("k"), data + b"2")

    def test_kms_content(self):
        data = noise(8, CHUNK + 5)
        headers = {"x-amz-server-side-encryption": "aws:kms"}
        chunks = cut(data)
        names = [chunk.name for chunk in chunks]
        self.client.upload(BUCKET, "plain", data)
        session = self.client.begin(BUCKET, "sealed", len(data), None, headers)
        self.assertEqual(self.client.offer(BUCKET, "sealed", session, names), [MISSING, MISSING])
        for chunk in chunks:
            self.client.fill(BUCKET, "sealed", session, chunk)
        self.refused(400, "InvalidRequest", self.client.commit, BUCKET, "sealed", session, names)
        head = self.client.commit(BUCKET, "sealed", session, names, headers)
        self.assertEqual(head["x-amz-server-side-encryption"], "aws:kms")
        self.assertEqual(self.body("sealed"), data)
        key = base64.b64encode(b"k" * 32).decode()
        md5 = base64.b64encode(hashlib.md5(b"k" * 32).digest()).decode()
        status, head, _ = self.client.request("POST", BUCKET, "c", "begin", field(1, 1), {
            "x-amz-server-side-encryption-customer-algorithm": "AES256",
            "x-amz-server-side-encryption-customer-key": key,
            "x-amz-server-side-encryption-customer-key-md5": md5})
        self.assertIn(status, (400, 501))
        self.assertEqual(head["x-cairn-protocol"], "1")

    def test_repeated_commit_gives_the_same_answer(self):
        data = noise(9, 50_000)
        chunk = Chunk(data)
        session = self.client.begin(BUCKET, "k", len(data))
        self.client.fill(BUCKET, "k", session, chunk)
        first = self.client.commit(BUCKET, "k", session, [chunk.name])
        self.s3.put_object(Bucket=BUCKET, Key="k", Body=b"newer")
        second = self.client.commit(BUCKET, "k", session, [chunk.name])
        self.assertEqual(first["etag"], second["etag"])
        self.assertEqual(self.body("k"), b"newer")

    def test_is_a_multipart_upload_to_s3(self):
        session = self.client.begin(BUCKET, "k", 5)
        chunk = Chunk(b"hello")
        self.client.fill(BUCKET, "k", session, chunk)
        listed = self.s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
        self.assertEqual([(u["Key"], u["UploadId"]) for u in listed], [("k", session)])
        with self.assertRaises(ClientError) as caught:
            self.s3.upload_part(Bucket=BUCKET, Key="k", UploadId=session, PartNumber=1, Body=b"x")
        self.assertEqual(caught.exception.response["Error"]["Code"], "NoSuchUpload")
        with self.assertRaises(ClientError):
            self.s3.complete_multipart_upload(Bucket=BUCKET, Key="k", UploadId=session, MultipartUpload={
                "Parts": [{"PartNumber": 1, "ETag": "x"}]})
        self.s3.abort_multipart_upload(Bucket=BUCKET, Key="k", UploadId=session)
        self.refused(404, "NoSuchUpload", self.client.commit, BUCKET, "k", session, [chunk.name])
        parts = self.s3.create_multipart_upload(Bucket=BUCKET, Key="p")["UploadId"]
        self.refused(404, "NoSuchUpload", self.client.offer, BUCKET, "p", parts, [chunk.name])
        self.refused(404, "NoSuchUpload", self.client.commit, BUCKET, "p", parts, [chunk.name])

    def test_abort_gives_everything_back(self):
        session = self.client.begin(BUCKET, "k", 2 * CHUNK)
        for chunk in cut(noise(10, 2 * CHUNK)):
            self.client.fill(BUCKET, "k", session, chunk)
        self.assertEqual(self.chunks_count(), 2)
        self.client.abort(BUCKET, "k", session)
        self.server.collect_garbage()
        self.assertEqual(self.chunks_count(), 0)

    def test_chunks_that_a_commit_does_not_name_are_given_back(self):
        chunks = cut(noise(11, 3 * CHUNK))
        session = self.client.begin(BUCKET, "k", CHUNK)
        for chunk in chunks:
            self.client.fill(BUCKET, "k", session, chunk)
        self.client.commit(BUCKET, "k", session, [chunks[1].name])
        self.server.collect_garbage()
        self.assertEqual(self.chunks_count(), 1)
        self.assertEqual(self.body("k"), chunks[1].data)
        self.assert_sound()


class Resume(NativeCase):
    def test_same_session_after_kill(self):
        data = noise(20, 4 * CHUNK)
        chunks = cut(data)
        names = [chunk.name for chunk in chunks]
        session = self.client.begin(BUCKET, "k", len(data))
        for chunk in chunks[:2]:
            self.client.fill(BUCKET, "k", session, chunk)
        self.server.kill()
        self.server.start()
        self.client = self.make_client()
        self.assertEqual(self.client.offer(BUCKET, "k", session, names), [HELD, HELD, MISSING, MISSING])
        status = self.client.status(BUCKET, "k", session)
        held = one(status, 2)
        self.assertEqual({held[i:i + 36] for i in range(0, len(held), 36)}, set(names[:2]))
        # Another session of who may read everything finds them too.
        second = self.client.begin(BUCKET, "k", len(data))
        self.assertEqual(self.client.offer(BUCKET, "k", second, names), [HELD, HELD, MISSING, MISSING])
        self.client.abort(BUCKET, "k", session)
        self.server.collect_garbage()
        for chunk in chunks[2:]:
            self.client.fill(BUCKET, "k", second, chunk)
        self.client.commit(BUCKET, "k", second, names)
        self.assertEqual(self.body("k"), data)
        self.assert_sound()

    def test_committed_survives_kill(self):
        data = noise(21, CHUNK + 7)
        self.client.upload(BUCKET, "k", data)
        self.server.kill()
        self.server.start()
        self.s3 = self.server.boto3_client()
        self.assertEqual(self.body("k"), data)

    def test_two_clients_fill_the_same_upload(self):
        data = noise(22, 12 * CHUNK)
        chunks = cut(data)
        names = [chunk.name for chunk in chunks]
        session = self.client.begin(BUCKET, "k", len(data))
        errors = []

        def work(seed):
            client = self.make_client()
            mine = list(chunks)
            random.Random(seed).shuffle(mine)
            try:
                for chunk in mine:
                    client.fill(BUCKET, "k", session, chunk)
                client.commit(BUCKET, "k", session, names)
            except Refused as error:
                # The other one has committed meanwhile.
                if error.code != "NoSuchUpload":
                    errors.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            self.server.collect_garbage()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(self.body("k"), data)
        self.server.collect_garbage()
        self.assertEqual(self.body("k"), data)
        self.assertEqual(self.chunks_count(), 12)
        self.assert_sound()

    def test_offered_chunks_outlive_their_last_object(self):
        data = noise(23, 2 * CHUNK)
        names = [chunk.name for chunk in cut(data)]
        self.client.upload(BUCKET, "old", data)
        session = self.client.begin(BUCKET, "new", len(data))
        self.assertEqual(self.client.offer(BUCKET, "new", session, names), [HELD, HELD])
        self.s3.delete_object(Bucket=BUCKET, Key="old")
        self.server.collect_garbage()
        self.server.restart()
        self.server.collect_garbage()
        self.client = self.make_client()
        self.client.commit(BUCKET, "new", session, names)
        self.s3 = self.server.boto3_client()
        self.assertEqual(self.body("new"), data)
        self.assert_sound()


if __name__ == "__main__":
    unittest.main()
