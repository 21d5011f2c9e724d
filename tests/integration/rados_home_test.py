"""Chunks at home in a Ceph pool, through a whole server: what is there, what survives restarts and
kill -9, an OSD that dies amid uploads, and what a start with the wrong home says."""
import hashlib
import io
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

from botocore.exceptions import BotoCoreError, ClientError

from cairn_server import CairnServer, binary
from ceph_home import CephHome, cluster

MIB = 1 << 20
BUCKET = "bucket"
BODIES = {"inline": 100, "small": 20_000, "one": 3 * MIB, "many": 40 * MIB + 7}


def body_of(seed, size):
    return random.Random(seed).randbytes(size)


class RadosHomeCase(unittest.TestCase):
    def setUp(self):
        self.home = CephHome()
        self.server = CairnServer(args=self.home.flags, stack="")
        self.addCleanup(self.server.close)
        self.server.start()
        self.s3 = self.server.boto3_client(retries={"max_attempts": 0})
        self.s3.create_bucket(Bucket=BUCKET)

    def put(self, key, body):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key, **how):
        return self.s3.get_object(Bucket=BUCKET, Key=key, **how)["Body"].read()

    def put_all(self):
        for key, size in BODIES.items():
            self.put(key, body_of(key, size))

    def check_all(self):
        for key, size in BODIES.items():
            body = body_of(key, size)
            self.assertEqual(self.get(key), body, key)
            part = self.get(key, Range=f"bytes={size // 3}-{size // 2}")
            self.assertEqual(part, body[size // 3:size // 2 + 1], key)

    def wait_until(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.1)


class KeepingTest(RadosHomeCase):
    def test_bodies_survive_a_stop_and_a_kill(self):
        self.put_all()
        self.check_all()
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.check_all()
        self.server.kill()
        self.server.start()
        self.check_all()

    def test_nothing_in_the_pool_is_plaintext(self):
        body = b"a line that everybody would know again\n" * 50_000
        self.put("text", body)
        stored = self.home.contents()
        self.assertGreater(len(stored), 0)
        for name, content in stored.items():
            self.assertNotIn(b"everybody would know", content, name)

    def test_equal_bodies_share_chunks_and_the_last_takes_them_along(self):
        body = body_of("shared", 9 * MIB)
        self.put("first", body)
        before = sorted(self.home.objects())
        self.put("second", body)
        self.assertEqual(sorted(self.home.objects()), before)
        self.s3.delete_object(Bucket=BUCKET, Key="first")
        time.sleep(3)
        self.assertEqual(hashlib.sha256(self.get("second")).digest(), hashlib.sha256(body).digest())
        self.s3.delete_object(Bucket=BUCKET, Key="second")
        self.wait_until(lambda: not self.home.objects(), "the chunks stay in the pool")

    def test_what_a_kill_left_of_an_upload_is_swept(self):
        upload = self.s3.create_multipart_upload(Bucket=BUCKET, Key="cut")["UploadId"]
        self.s3.upload_part(Bucket=BUCKET, Key="cut", UploadId=upload, PartNumber=1,
                            Body=body_of("part", 6 * MIB))
        self.put("kept", body_of("kept", 5 * MIB))

        def put_unseen():
            try:
                self.put("unseen", body_of("unseen", 60 * MIB))
            except (BotoCoreError, ClientError):
                pass
        writing = threading.Thread(target=put_unseen)
        count = len(self.home.objects())
        writing.start()
        self.wait_until(lambda: len(self.home.objects()) > count + 2, "nothing of the upload arrives")
        self.server.kill()
        writing.join()
        self.assertGreater(len(self.home.objects()), count)
        self.server.start()
        self.s3.abort_multipart_upload(Bucket=BUCKET, Key="cut", UploadId=upload)
        self.assertEqual(self.get("kept"), body_of("kept", 5 * MIB))
        self.s3.delete_object(Bucket=BUCKET, Key="kept")
        self.wait_until(lambda: not self.home.objects(), "orphans stay in the pool")

    def test_a_server_of_the_pool_dies_amid_uploads(self):
        stored = {}
        self.home.cluster.signal("osd.1", signal.SIGKILL)
        end = time.monotonic() + 90
        number = 0
        while len(stored) < 20 and time.monotonic() < end:
            number += 1
            body = body_of(number, 5 * MIB)
            begun = time.monotonic()
            try:
                self.put(f"o{number}", body)
                stored[f"o{number}"] = body
            except ClientError as error:
                self.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], 503)
            self.assertLess(time.monotonic() - begun, 40)
        self.assertEqual(len(stored), 20)
        for key, body in stored.items():
            self.assertEqual(self.get(key), body)
        self.home.cluster.start_osd(1)
        self.home.cluster.wait_clean()
        for key, body in stored.items():
            self.assertEqual(self.get(key), body)


class TenantsTest(RadosHomeCase):
    def admin(self, *words):
        return subprocess.run([binary(), "admin", *words, "--data", self.server.data], capture_output=True,
                              text=True, timeout=300)

    def tenant(self, name):
        """A client of a new account, and the account's number."""
        made = json.loads(self.admin("tenant", "add", name, "--json").stdout)
        key = json.loads(self.admin("key", "add", "--tenant", name, "--json").stdout)
        client = self.server.boto3_client(access_key=key["access_key"], secret_key=key["secret_key"])
        return client, made["account"]

    def test_each_tenants_chunks_are_in_a_namespace_of_their_own(self):
        body = body_of("of all", 9 * MIB)
        self.put("k", body)
        own = sorted(self.home.objects())
        clients = {}
        for name in ("first", "second"):
            client, number = self.tenant(name)
            clients[number] = client
            client.create_bucket(Bucket=name)
            client.put_object(Bucket=name, Key="k", Body=body)
            self.assertGreater(len(self.home.objects(number)), 1, "chunks of a tenant are elsewhere")
            # Parts, and a copy: whatever makes chunks.
            client.upload_fileobj(io.BytesIO(body_of(name, 20 * MIB)), name, "parts")
            client.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": "parts"})
        self.assertEqual(sorted(self.home.objects()), own, "a tenant's chunks are the root tenant's")
        self.server.kill()
        self.server.start()
        for (number, client), name in zip(clients.items(), ("first", "second")):
            self.assertEqual(client.get_object(Bucket=name, Key="k")["Body"].read(), body)
            self.assertEqual(client.get_object(Bucket=name, Key="copy")["Body"].read(), body_of(name, 20 * MIB))
            for key in ("k", "parts", "copy"):
                client.delete_object(Bucket=name, Key=key)
            self.wait_until(lambda: not self.home.objects(number), "a tenant's chunks stay in the pool")
        self.assertEqual(self.get("k"), body)

    def orphans(self, *flags, code=0):
        done = self.admin("orphans", *flags)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_orphans_are_counted_and_dropped_when_asked(self):
        client, number = self.tenant("third")
        client.create_bucket(Bucket="third")
        client.put_object(Bucket="third", Key="k", Body=body_of("third", 5 * MIB))
        self.put_all()
        self.server.collect_garbage()  # With the sweep of a start.
        kept = len(self.home.objects()) + len(self.home.objects(number))
        clean = self.orphans()
        self.assertEqual((clean["objects"], clean["orphans"], clean["dry_run"]), (kept, 0, True))
        tagged = "ab" * 22 + "746e6e74" + f"{int(number):010x}" + "00"
        self.home.plant([f"{n:064x}" for n in range(30)])
        self.home.plant([tagged], number)
        found = self.orphans()
        self.assertEqual((found["orphans"], found["orphan_bytes"], found["dropped"]), (31, 31 * 9, 0))
        self.assertEqual(len(self.home.objects(number)), len(set(self.home.objects(number)) - {tagged}) + 1)
        refused = self.orphans("--drop", code=1)
        self.assertIn("more than may go", refused["error"])
        self.assertEqual(self.orphans()["orphans"], 31, "the brake dropped something")
        dropped = self.orphans("--drop", "--share-max", "1")
        self.assertEqual((dropped["dropped"], dropped["dry_run"]), (31, False))
        self.assertEqual(self.orphans()["objects"], kept)
        self.check_all()
        self.assertEqual(client.get_object(Bucket="third", Key="k")["Body"].read(), body_of("third", 5 * MIB))


class FaultsTest(RadosHomeCase):
    def test_a_full_pool_refuses_writes_in_words_and_reads_go_on(self):
        self.put_all()
        self.home.cluster.order(prefix="osd pool set-quota", pool="data", field="max_bytes", val="1000")
        self.addCleanup(self.home.cluster.order, prefix="osd pool set-quota", pool="data", field="max_bytes",
                        val="0")
        refusals, numbers = [], itertools.count()

        def is_refused():
            try:
                self.put(f"more{next(numbers)}", body_of(f"more{next(numbers)}", 2 * MIB))
            except ClientError as error:
                refusals.append(error.response)
            return bool(refusals)
        self.wait_until(is_refused, "the pool's quota is not kept")
        self.assertEqual(refusals[0]["ResponseMetadata"]["HTTPStatusCode"], 507)
        self.assertIn("full", refusals[0]["Error"]["Message"].lower())
        self.check_all()
        self.s3.delete_object(Bucket=BUCKET, Key="many")
        self.home.cluster.order(prefix="osd pool set-quota", pool="data", field="max_bytes", val="0")
        self.wait_until(lambda: self.writes("after"), "service does not come back")
        self.assertEqual(self.get("after"), body_of("after", 2 * MIB))

    def writes(self, key):
        try:
            self.put(key, body_of(key, 2 * MIB))
            return True
        except ClientError as error:
            self.assertIn(error.response["ResponseMetadata"]["HTTPStatusCode"], (503, 507))
            return False

    def test_killed_amid_linking_and_collecting_nothing_needed_goes_and_nothing_else_stays(self):
        """Equal bodies are linked again and again while their last owners are deleted; the server is
        killed at no particular moment, four times."""
        bodies = [body_of(f"shared{number}", 5 * MIB) for number in range(3)]
        written, dead = {}, threading.Event()

        def write(writer):
            number = 0
            while not dead.is_set():
                number += 1
                key = f"w{writer}-{number % 4}"
                body = bodies[(writer + number) % 3]
                before = written.get(key, (None,))
                written[key] = (*before, body, None)  # Until it is known.
                try:
                    self.put(key, body)
                    written[key] = (body,)
                    if number % 2:
                        written[key] = (body, None)
                        self.s3.delete_object(Bucket=BUCKET, Key=key)
                        written[key] = (None,)
                except (BotoCoreError, ClientError):
                    pass
        for turn in range(4):
            dead.clear()
            writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
            for writer in writers:
                writer.start()
            time.sleep(1 + turn * 0.37)
            dead.set()  # They end at the first request that fails.
            self.server.kill()
            for writer in writers:
                writer.join()
            self.server.start()
        for key, states in written.items():
            try:
                got = self.get(key)
            except ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "NoSuchKey")
                got = None
            self.assertTrue(got in states, f"{key} is neither of what was written last")
        self.assertEqual(self.server.scrub()["damaged"], [])
        for key in written:
            self.s3.delete_object(Bucket=BUCKET, Key=key)
        self.wait_until(lambda: not self.home.objects(), "chunks that nothing needs stay in the pool")


class StartTest(RadosHomeCase):
    def start_error(self, data, flags):
        server = CairnServer(data=data, args=flags, stack="")
        try:
            server.start()
        except RuntimeError as error:
            return str(error)
        finally:
            server.close()
        return self.fail("the server started")

    def test_the_wrong_home_is_refused_in_words(self):
        self.put_all()
        self.server.stop()
        other = os.path.join(os.path.dirname(self.server.data), "other")
        self.addCleanup(shutil.rmtree, other, True)
        stranger = self.start_error(other, self.home.flags)
        self.assertIn("another data directory", stranger)
        shutil.rmtree(other)
        away = self.start_error(self.server.data, ["--tier", "none"])
        self.assertIn("Ceph pool", away)
        elsewhere = CephHome()
        lost = self.start_error(self.server.data, elsewhere.flags)
        self.assertIn("check pool and namespace", lost)
        bad = self.start_error(other, ["--home", "rados:"])
        self.assertIn("rados:POOL/NAMESPACE", bad)
        self.server.start()
        self.check_all()


if __name__ == "__main__":
    try:
        cluster()
    except unittest.SkipTest as reason:
        print(f"SKIPPED: rados_home: {reason}")
        sys.exit(0)
    sys.exit(unittest.main())
