"""What the native door gives nobody: content for a hash, a replayed proof, a forged name, a right that is not
there (RELIABILITY.md 3.4). Needs CAIRN_BINARY."""
import hashlib
import json
import os
import random
import re
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from cairn_server import CairnServer, binary
from native_client import (CHALLENGE, CHUNK, HELD, MISSING, Chunk, NativeClient, Refused, answer, cut, field, name_of,
                           parse)

BUCKET = "native"


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def allow(actions, resource="*", effect="Allow"):
    return {"Version": "2012-10-17",
            "Statement": [{"Effect": effect, "Action": actions, "Resource": resource}]}


class AttackCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = CairnServer(cores=2).start()
        cls.s3 = cls.server.boto3_client()
        cls.s3.create_bucket(Bucket=BUCKET)
        cls.root = NativeClient(cls.server.endpoint, cls.server.access_key, cls.server.secret_key)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def cli(self, *command):
        done = subprocess.run([binary(), "admin", *command, "--json", "--data", self.server.data],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def client_of(self, key):
        return NativeClient(self.server.endpoint, key["access_key"], key["secret_key"])

    def tenant(self, name):
        """(client, s3) of a new tenant's root, with a bucket of its name."""
        self.cli("tenant", "add", name)
        key = self.cli("key", "add", "--tenant", name)
        s3 = self.server.boto3_client(key["access_key"], key["secret_key"])
        s3.create_bucket(Bucket=name)
        return self.client_of(key), s3

    def user(self, name, document):
        """A client of a user of the root tenant with that policy."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(document, file)
            file.flush()
            self.cli("user", "add", name)
            self.cli("policy", "add", name, file.name)
        self.cli("policy", "attach", name, "--user", name)
        return self.client_of(self.cli("key", "add", "--user", name))

    def refused(self, status, code, call, *arguments, **named):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **named)
        self.assertEqual((caught.exception.status, caught.exception.code), (status, code),
                         caught.exception)
        return caught.exception

    def states(self, client, bucket, chunks, key="probe"):
        session = client.begin(bucket, key, sum(len(chunk.data) for chunk in chunks))
        try:
            return client.offer(bucket, key, session, [chunk.name for chunk in chunks])
        finally:
            client.abort(bucket, key, session)

    def segments_known(self, client, bucket, chunk):
        session = client.begin(bucket, "probe", len(chunk.data))
        try:
            return not all(client.segments(bucket, "probe", session, [chunk])[0])
        finally:
            client.abort(bucket, "probe", session)


class Forgery(AttackCase):
    def test_forged_hash(self):
        good, bad = Chunk(noise(1, CHUNK)), Chunk(noise(2, CHUNK))
        session = self.root.begin(BUCKET, "k", CHUNK)
        # The names of one chunk over the bytes of another.
        body = good.fill_body()
        forged = body[:-CHUNK] + bad.data
        self.refused(400, "BadDigest", self.root.call, "POST", BUCKET, "k", f"fill&session={session}", forged)
        self.assertEqual(self.root.offer(BUCKET, "k", session, [good.name, bad.name]), [MISSING, MISSING])
        # One bit, in the last segment.
        flipped = bytearray(body)
        flipped[-1] ^= 1
        self.refused(400, "BadDigest", self.root.call, "POST", BUCKET, "k", f"fill&session={session}",
                     bytes(flipped))
        self.assertEqual(self.root.offer(BUCKET, "k", session, [good.name]), [MISSING])
        self.root.fill(BUCKET, "k", session, good)
        # A name with the right hash and another size.
        lie = name_of(good.hash, CHUNK - 1)
        self.assertEqual(self.root.offer(BUCKET, "k", session, [lie]), [MISSING])
        self.refused(400, "InvalidRequest", self.root.commit, BUCKET, "k", session, [lie])
        self.root.commit(BUCKET, "k", session, [good.name])
        self.assertEqual(self.states(self.root, BUCKET, [good]), [HELD])
        other = self.root.begin(BUCKET, "k2", CHUNK)
        self.assertEqual(self.root.offer(BUCKET, "k2", other, [lie]), [MISSING])

    def test_wrong_whole_hash(self):
        data = noise(3, CHUNK)
        chunk = Chunk(data)
        session = self.root.begin(BUCKET, "k", CHUNK, hashlib.sha256(b"other").digest())
        self.root.fill(BUCKET, "k", session, chunk)
        self.refused(400, "BadDigest", self.root.commit, BUCKET, "k", session, [chunk.name])

    def test_chunks_that_were_never_filled(self):
        chunks = cut(noise(4, 3 * CHUNK))
        session = self.root.begin(BUCKET, "never", 3 * CHUNK)
        self.root.fill(BUCKET, "never", session, chunks[1])
        error = self.refused(400, "InvalidPart", self.root.commit, BUCKET, "never", session,
                             [chunk.name for chunk in chunks])
        self.assertIn(b"2 of 3 chunks were never filled", error.body)
        self.assertIn(chunks[2].hash.hex().encode(), error.body)
        self.assertNotIn("Contents", self.s3.list_objects_v2(Bucket=BUCKET, Prefix="never"))
        # Another order or another count of good chunks is another file, of another size.
        self.refused(400, "InvalidRequest", self.root.commit, BUCKET, "never", session, [chunks[1].name])

    def test_offer_of_ten_million_chunks(self):
        names = b"".join(name_of(struct.pack("<Q", i) * 4, 65536) for i in range(10_000))
        session = self.root.begin(BUCKET, "many", 1 << 37)
        self.refused(400, "MaxMessageLengthExceeded", self.root.offer, BUCKET, "many", session, [names * 100])
        self.refused(400, "InvalidRequest", self.root.offer, BUCKET, "many", session, [names[:36 * 4097]])
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as file:
            before = int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
        for _ in range(250):
            self.assertEqual(set(self.root.offer(BUCKET, "many", session, [names[:36 * 4096]])), {MISSING})
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as file:
            after = int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
        self.assertLess(after - before, 64 * 1024)  # KiB, for a million names.
        self.refused(400, "InvalidRequest", self.root.begin, BUCKET, "huge", 1 << 39)

    def test_malformed(self):
        session = self.root.begin(BUCKET, "k", 10)
        bad = {
            "begin": [b"\xff\xff", field(2, b"short")],
            f"offer&session={session}": [b"\x08", field(1, b"x" * 35), field(1, name_of(b"h" * 32, 0)),
                                         field(1, name_of(b"h" * 32, 1 << 31))],
            f"segments&session={session}": [field(1, b"x"), field(1, name_of(b"h" * 32, 1 << 20))],
            f"prove&session={session}": [field(1, b""), field(1, field(1, name_of(b"h" * 32, 5)))],
            f"fill&session={session}": [b"", b"\0\0", struct.pack("<I", 1 << 30), struct.pack("<I", 5) + b"\xff" * 5,
                                        Chunk(b"hello").fill_body()[:-1], Chunk(b"hello").fill_body() + b"x"],
            f"commit&session={session}": [field(1, b"x" * 37)],
        }
        for query, bodies in bad.items():
            for body in bodies:
                status, headers, reply = self.root.request("POST", BUCKET, "k", query, body)
                self.assertEqual(status, 400, (query, body, reply))
                self.assertEqual(headers["x-cairn-protocol"], "1")
                self.root.connection = None
        for method, query, status in (("GET", "nonsense", 405), ("POST", "offer", 405), ("DELETE", "begin", 405),
                                      ("POST", "offer&session=unknown", 404), ("GET", "session=unknown", 404)):
            reply = self.root.request(method, BUCKET, "k", query, field(1, name_of(b"h" * 32, 5)))
            self.assertEqual(reply[0], status, (method, query, reply))
        self.assertEqual(self.root.request("POST", BUCKET, "k", "begin", protocol="2")[0], 501)

    def test_bucket_named_cairn_is_a_bucket(self):
        self.s3.create_bucket(Bucket="cairn")
        self.s3.put_object(Bucket="cairn", Key="v1/native/k", Body=b"mine")
        self.assertEqual(self.s3.get_object(Bucket="cairn", Key="v1/native/k")["Body"].read(), b"mine")
        status, headers, _ = self.root.request("GET", BUCKET, "k", "", protocol=None)
        self.assertNotIn("x-cairn-protocol", headers)
        # What is signed for the one is not taken for the other.
        status, _, reply = self.root.request("POST", BUCKET, "k", "begin", field(1, 1), protocol=None)
        self.assertNotEqual(status, 200, reply)


class Matrix(AttackCase):
    """Every request of the door times every way to have no right to it."""
    REQUESTS = (("POST", "begin", field(1, 5)), ("POST", "offer&session=S", field(1, Chunk(b"hello").name)),
                ("POST", "segments&session=S", field(1, b"".join(Chunk(b"hello").segments))),
                ("POST", "prove&session=S", b""), ("POST", "fill&session=S", Chunk(b"hello").fill_body()),
                ("POST", "commit&session=S", field(1, Chunk(b"hello").name)), ("GET", "session=S", b""),
                ("DELETE", "session=S", b""))

    def check(self, client, statuses, **how):
        session = self.root.begin(BUCKET, "k", 5)
        for method, query, body in self.REQUESTS:
            status, headers, reply = client.request(method, BUCKET, "k", query.replace("=S", "=" + session), body,
                                                    **how)
            self.assertIn(status, statuses, (method, query, reply))
            self.assertEqual(headers["x-cairn-protocol"], "1")
            client.connection = None
        self.assertNotIn(2, dict(parse(self.root.status(BUCKET, "k", session))))  # It holds nothing.
        self.root.abort(BUCKET, "k", session)

    def test_unsigned(self):
        self.check(self.root, (403,), sign=False)

    def test_wrong_secret(self):
        self.check(NativeClient(self.server.endpoint, self.server.access_key, "wrong"), (403,))

    def test_unknown_key(self):
        self.check(NativeClient(self.server.endpoint, "AKIANOBODY", "wrong"), (403,))

    def test_expired_signature(self):
        old = {"x-amz-date": "20200101T000000Z",
               "Authorization": f"AWS4-HMAC-SHA256 Credential={self.server.access_key}/20200101/us-east-1/s3/"
                                "aws4_request, SignedHeaders=host;x-amz-cairn-protocol;x-amz-content-sha256;"
                                "x-amz-date, Signature=" + "0" * 64,
               "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        self.check(self.root, (403,), headers=old, sign=False)

    def test_other_tenant(self):
        client, _ = self.tenant("stranger")
        self.check(client, (403,))

    def test_user_without_rights(self):
        self.check(self.user("nothing", allow("s3:ListAllMyBuckets")), (403,))

    def test_reader_may_not_write(self):
        self.check(self.user("reader", allow("s3:Get*")), (403,))

    def test_commit_needs_what_its_headers_ask_for(self):
        writer = self.user("writer", allow("s3:PutObject"))
        chunk = Chunk(b"hello")
        session = writer.begin(BUCKET, "tagged", 5)
        writer.fill(BUCKET, "tagged", session, chunk)
        self.refused(403, "AccessDenied", writer.commit, BUCKET, "tagged", session, [chunk.name],
                     {"x-amz-tagging": "a=b"})
        self.refused(403, "AccessDenied", writer.abort, BUCKET, "tagged", session)
        writer.commit(BUCKET, "tagged", session, [chunk.name])


class Rights(AttackCase):
    def test_other_tenant_with_hashes_gets_missing(self):
        data = noise(10, 2 * CHUNK)
        self.root.upload(BUCKET, "secret", data)
        client, s3 = self.tenant("second")
        self.assertEqual(self.states(client, "second", cut(data)), [MISSING, MISSING])
        self.assertFalse(self.segments_known(client, "second", cut(data)[0]))
        # Nor does a fill without bytes make the server bring them.
        session = client.begin("second", "theft", CHUNK)
        chunk = cut(data)[0]
        self.refused(400, "InvalidPart", client.fill, "second", "theft", session, chunk, [0] * len(chunk.parts))
        self.refused(400, "InvalidPart", client.commit, "second", "theft", session, [chunk.name])
        # Sending it is no error, and gives it nothing of the other's.
        client.upload("second", "own", data)
        self.assertEqual(s3.get_object(Bucket="second", Key="own")["Body"].read(), data)

    def test_user_without_get_object_gets_missing(self):
        data = noise(11, 2 * CHUNK)
        self.s3.create_bucket(Bucket="closed")
        self.root.upload("closed", "secret", data)
        writer = self.user("putter", {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"], "Resource": "*"},
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}]})
        chunks = cut(data)
        self.assertEqual(self.states(writer, BUCKET, chunks), [MISSING, MISSING])
        self.assertFalse(self.segments_known(writer, BUCKET, chunks[0]))
        session = writer.begin(BUCKET, "theft", CHUNK)
        self.refused(400, "InvalidPart", writer.fill, BUCKET, "theft", session, chunks[0],
                     [0] * len(chunks[0].parts))
        writer.abort(BUCKET, "theft", session)
        # A copy that he may read makes it known; its end makes it unknown.
        self.s3.copy_object(Bucket=BUCKET, Key="open", CopySource={"Bucket": "closed", "Key": "secret"})
        self.assertEqual(self.states(writer, BUCKET, chunks), [HELD, HELD])
        self.assertTrue(self.segments_known(writer, BUCKET, chunks[0]))
        self.s3.delete_object(Bucket=BUCKET, Key="open")
        self.server.collect_garbage()
        self.assertEqual(self.states(writer, BUCKET, chunks), [MISSING, MISSING])
        self.assertEqual(self.states(self.root, BUCKET, chunks), [HELD, HELD])

    def test_denied_by_bucket_policy(self):
        data = noise(12, CHUNK)
        self.s3.create_bucket(Bucket="denied")
        self.root.upload("denied", "secret", data)
        reader = self.user("policied", allow(["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"]))
        self.assertEqual(self.states(reader, BUCKET, cut(data)), [HELD])
        self.s3.put_bucket_policy(Bucket="denied", Policy=json.dumps({
            "Version": "2012-10-17", "Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
                 "Resource": "arn:aws:s3:::denied/*"}]}))
        self.assertEqual(self.states(reader, BUCKET, cut(data)), [MISSING])

    def test_own_fills_are_held_in_the_session_only(self):
        writer = self.user("filler", allow(["s3:PutObject", "s3:AbortMultipartUpload"]))
        chunk = Chunk(noise(13, CHUNK))
        session = writer.begin(BUCKET, "k", CHUNK)
        writer.fill(BUCKET, "k", session, chunk)
        self.assertEqual(writer.offer(BUCKET, "k", session, [chunk.name]), [HELD])
        self.assertEqual(self.states(writer, BUCKET, [chunk]), [MISSING])
        writer.commit(BUCKET, "k", session, [chunk.name])
        self.assertEqual(self.states(writer, BUCKET, [chunk]), [MISSING])

    def test_timing_of_a_miss(self):
        """Two-sample Kolmogorov-Smirnov over interleaved offers: another tenant's chunk against nobody's."""
        samples = int(os.environ.get("CAIRN_TIMING_SAMPLES", "2000"))
        data = noise(14, CHUNK)
        self.root.upload(BUCKET, "timed", data)
        client, _ = self.tenant("clock")
        session = client.begin("clock", "probe", CHUNK)
        source = random.Random(15)
        theirs, nobodys = Chunk(data).name, name_of(source.randbytes(32), CHUNK)
        times = {True: [], False: []}
        for i in range(2 * samples):
            is_theirs = source.random() < 0.5
            name = theirs if is_theirs else nobodys
            begun = time.perf_counter()
            self.assertEqual(client.offer("clock", "probe", session, [name]), [MISSING])
            times[is_theirs].append(time.perf_counter() - begun)
        a, b = sorted(times[True]), sorted(times[False])
        distance, i, j = 0.0, 0, 0
        while i < len(a) and j < len(b):
            if a[i] <= b[j]:
                i += 1
            else:
                j += 1
            distance = max(distance, abs(i / len(a) - j / len(b)))
        # c(0.01) = 1.628 (Smirnov 1948).
        self.assertLess(distance, 1.628 * ((len(a) + len(b)) / (len(a) * len(b))) ** 0.5)


class Pool(AttackCase):
    def setUp(self):
        self.data = noise(random.random(), CHUNK)
        self.chunk = Chunk(self.data)
        self.root.upload(BUCKET, "lent", self.data)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls("test_proof")
        cls.member, cls.member_s3 = case.tenant("member")
        cls.outsider, _ = case.tenant("outsider")
        [account] = [t["account"] for t in case.cli("tenant", "list") if t["name"] == "member"]
        cls.server.restart_with("--dedup-pool", "000000000001," + account)

    def challenge(self, client, bucket, chunk=None):
        """(session, nonce)"""
        chunk = chunk or self.chunk
        session = client.begin(bucket, "k", len(chunk.data))
        reply = client.offer_reply(bucket, "k", session, [chunk.name])
        values = dict(parse(reply))
        self.assertEqual(list(values[1]), [CHALLENGE])
        return session, dict(parse(values[2]))[2]

    def prove(self, session, nonce, reply, chunk=None):
        return self.member.prove("member", "k", session, [((chunk or self.chunk).name, nonce, reply)])

    def new_server(self):
        """Failures are remembered for an hour: a test that makes them has a server of its own."""
        cls = type(self)
        cls.server.close()
        cls.setUpClass()
        self.setUp()

    def test_proof(self):
        session, nonce = self.challenge(self.member, "member")
        self.member.sent_bytes = 0
        self.assertEqual(self.prove(session, nonce, answer(nonce, session, self.chunk)), [HELD])
        self.member.commit("member", "k", session, [self.chunk.name])
        self.assertLess(self.member.sent_bytes, 1024)
        # Nothing of the lender's is referred to.
        self.s3.delete_object(Bucket=BUCKET, Key="lent")
        self.server.collect_garbage()
        self.assertEqual(self.member_s3.get_object(Bucket="member", Key="k")["Body"].read(), self.data)
        self.assertEqual(self.server.scrub()["damaged"], [])

    def test_outsider_gets_missing(self):
        self.assertEqual(self.states(self.outsider, "outsider", [self.chunk]), [MISSING])
        self.assertEqual(self.states(self.member, "member", [Chunk(noise(1, 5000))]), [MISSING])

    def test_nonce_is_for_one_answer_of_one_session(self):
        session, nonce = self.challenge(self.member, "member")
        other, _ = self.challenge(self.member, "member")
        good = answer(nonce, session, self.chunk)
        # Of another session, of another account, made up, and again.
        self.assertEqual(self.prove(other, nonce, answer(nonce, other, self.chunk)), [MISSING])
        self.assertEqual(self.prove(session, nonce, good), [MISSING])  # Taken by the attempt before.
        session, nonce = self.challenge(self.member, "member")
        good = answer(nonce, session, self.chunk)
        outside = self.outsider.begin("outsider", "k", CHUNK)
        self.assertEqual(self.outsider.prove("outsider", "k", outside, [
            (self.chunk.name, nonce, answer(nonce, outside, self.chunk))]), [MISSING])
        made_up = bytes(32)
        self.assertEqual(self.prove(session, made_up, answer(made_up, session, self.chunk)), [MISSING])
        self.assertEqual(self.prove(session, nonce, good), [HELD])
        fresh = self.member.begin("member", "k", CHUNK)
        self.assertEqual(self.prove(fresh, nonce, answer(nonce, fresh, self.chunk)), [MISSING])

    def test_who_knows_most_of_it_fails_and_is_asked_no_more(self):
        self.new_server()
        for attempt in range(5):
            session, nonce = self.challenge(self.member, "member")
            # All but one byte, at another place each time.
            known = bytearray(self.data)
            known[(attempt * 997_331 + 17) % CHUNK] ^= 1
            guess = Chunk(bytes(known))
            guess.name = self.chunk.name
            self.assertEqual(self.prove(session, nonce, answer(nonce, session, guess)), [MISSING])
            self.refused(400, "InvalidPart", self.member.commit, "member", "k", session, [self.chunk.name])
        self.assertEqual(self.states(self.member, "member", [self.chunk]), [MISSING])
        # Plain sending is never refused.
        self.member.upload("member", "sent", self.data)
        self.assertEqual(self.member_s3.get_object(Bucket="member", Key="sent")["Body"].read(), self.data)


if __name__ == "__main__":
    unittest.main()
