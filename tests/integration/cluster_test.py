"""Several servers on one catalog and one chunk store answer as one: what is written through a node is
there on every other node at once, races have one winner, and what is removed is given back without
hurting a reader elsewhere."""
import json
import os
import random
import subprocess
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError
from cairn_server import binary
from cluster_nodes import ClusterNodes
from linear_histories import Client
from native_client import MISSING, NativeClient, cut
from webhook_receiver import WebhookReceiver

MIB = 1 << 20
NODES = 3
ROUNDS = 25
EVERYBODY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{}/*"}]})


def code_of(call):
    """"200", or the error's code."""
    try:
        call()
        return "200"
    except ClientError as error:
        return error.response["Error"]["Code"]


def body_of(seed, size):
    return random.Random(seed).randbytes(size)


class ClusterCase(unittest.TestCase):
    args = ()

    @classmethod
    def setUpClass(cls):
        cls.cluster = ClusterNodes(nodes=NODES, args=cls.args)
        cls.addClassCleanup(cls.cluster.close)
        cls.s3s = [cls.cluster.s3(number) for number in range(NODES)]
        cls.s3s[0].create_bucket(Bucket="bucket")

    def pairs(self):
        """A writing and a reading client, of different nodes, in turn."""
        for turn in range(ROUNDS):
            yield turn, self.s3s[turn % NODES], self.s3s[(turn + 1 + turn // NODES % 2) % NODES]


class ReadYourWritesTest(ClusterCase):
    def test_objects(self):
        for turn, writer, reader in self.pairs():
            for size in (10, 50_000, 3 * MIB):
                body = body_of(turn * 7 + size, size)
                writer.put_object(Bucket="bucket", Key=f"o{size}", Body=body)
                for each in (reader, *self.s3s):
                    self.assertEqual(each.get_object(Bucket="bucket", Key=f"o{size}")["Body"].read(), body)
        for each in (10, 50_000, 3 * MIB):
            self.s3s[1].delete_object(Bucket="bucket", Key=f"o{each}")
            for other in self.s3s:
                self.assertEqual(code_of(lambda: other.get_object(Bucket="bucket", Key=f"o{each}")), "NoSuchKey")

    def test_listings(self):
        keys = []
        for turn, writer, reader in self.pairs():
            keys.append(f"list/{turn:03}")
            writer.put_object(Bucket="bucket", Key=keys[-1], Body=b"")
            page = reader.list_objects_v2(Bucket="bucket", Prefix="list/")
            self.assertEqual([row["Key"] for row in page["Contents"]], keys)
        self.s3s[2].delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": key} for key in keys]})
        for each in self.s3s:
            self.assertEqual(each.list_objects_v2(Bucket="bucket", Prefix="list/")["KeyCount"], 0)

    def test_buckets_and_their_settings(self):
        for turn, writer, reader in self.pairs():
            name = f"bucket-{turn}"
            self.assertEqual(code_of(lambda: reader.head_bucket(Bucket=name)), "404")
            writer.create_bucket(Bucket=name)
            reader.head_bucket(Bucket=name)
            reader.put_bucket_policy(Bucket=name, Policy=EVERYBODY.replace("{}", name))
            self.assertIn(name, writer.get_bucket_policy(Bucket=name)["Policy"])
            writer.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
            first = reader.put_object(Bucket=name, Key="k", Body=b"1")["VersionId"]
            second = writer.put_object(Bucket=name, Key="k", Body=b"2")["VersionId"]
            versions = reader.list_object_versions(Bucket=name)["Versions"]
            self.assertEqual([row["VersionId"] for row in versions], [second, first])
            for version in (first, second):
                writer.delete_object(Bucket=name, Key="k", VersionId=version)
            reader.delete_bucket(Bucket=name)
            self.assertEqual(code_of(lambda: writer.head_bucket(Bucket=name)), "404")

    def test_tags_of_objects(self):
        self.s3s[0].put_object(Bucket="bucket", Key="tagged", Body=b"x")
        for turn, writer, reader in self.pairs():
            tags = [{"Key": "turn", "Value": str(turn)}]
            writer.put_object_tagging(Bucket="bucket", Key="tagged", Tagging={"TagSet": tags})
            self.assertEqual(reader.get_object_tagging(Bucket="bucket", Key="tagged")["TagSet"], tags)

    def test_accounts(self):
        import boto3
        for turn in range(6):
            one, other = self.cluster.nodes[turn % NODES], self.cluster.nodes[(turn + 1) % NODES]
            iam = [boto3.client("iam", endpoint_url=node.endpoint, region_name="us-east-1",
                                aws_access_key_id=node.access_key,
                                aws_secret_access_key=node.secret_key) for node in (one, other)]
            name = f"user{turn}"
            iam[0].create_user(UserName=name)
            key = iam[1].create_access_key(UserName=name)["AccessKey"]
            user = one.boto3_client(access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
            self.assertEqual(code_of(lambda: user.list_objects_v2(Bucket="bucket")), "AccessDenied")
            iam[0].put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
            user = other.boto3_client(access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
            user.list_objects_v2(Bucket="bucket")
            iam[0].update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
            self.assertNotEqual(code_of(lambda: user.list_objects_v2(Bucket="bucket")), "200")


class RacesTest(ClusterCase):
    def race(self, call):
        """`call(number)` on all nodes at once: the outcomes."""
        with ThreadPoolExecutor(NODES) as pool:
            gate = threading.Barrier(NODES)

            def run(number):
                gate.wait()
                return call(number)
            return list(pool.map(run, range(NODES)))

    def put_if(self, number, key, body, condition):
        node = self.cluster.nodes[number]
        client = Client(node.endpoint, node.access_key, node.secret_key)
        return client.request("PUT", f"/bucket/{key}", body, condition)[0]

    def test_one_creator(self):
        for turn in range(ROUNDS):
            key = f"create{turn}"
            outcomes = self.race(lambda n: self.put_if(n, key, b"%d" % n, {"if-none-match": "*"}))
            self.assertEqual(outcomes.count(200), 1, outcomes)
            self.assertLessEqual(set(outcomes), {200, 409, 412})
            winner = b"%d" % outcomes.index(200)
            self.assertEqual({s3.get_object(Bucket="bucket", Key=key)["Body"].read() for s3 in self.s3s},
                             {winner})

    def test_one_replacer(self):
        etag = self.s3s[0].put_object(Bucket="bucket", Key="replaced", Body=b"0")["ETag"]
        for turn in range(ROUNDS):
            outcomes = self.race(lambda n: self.put_if(n, "replaced", b"%d %d" % (turn, n),
                                                       {"if-match": etag}))
            self.assertEqual(outcomes.count(200), 1, outcomes)
            self.assertLessEqual(set(outcomes), {200, 409, 412})
            etag = self.s3s[turn % NODES].head_object(Bucket="bucket", Key="replaced")["ETag"]

    def test_one_bucket(self):
        for turn in range(ROUNDS):
            outcomes = self.race(
                lambda n: code_of(lambda: self.s3s[n].create_bucket(Bucket=f"raced-{turn}")))
            self.assertGreaterEqual(outcomes.count("200"), 1)
            self.assertLessEqual(set(outcomes), {"200", "BucketAlreadyOwnedByYou"})
            for each in self.s3s:
                each.head_bucket(Bucket=f"raced-{turn}")

    def test_blind_writes_never_fail(self):
        def write(number):
            for turn in range(ROUNDS):
                self.s3s[number].put_object(Bucket="bucket", Key="hot", Body=b"%d %d" % (number, turn))
                if turn % 3 == 0:
                    self.s3s[number].delete_object(Bucket="bucket", Key="hot")
        self.assertEqual(self.race(lambda n: code_of(lambda: write(n))), ["200"] * NODES)

    def test_versions_of_racing_writes_are_all_kept(self):
        self.s3s[0].create_bucket(Bucket="versioned")
        self.s3s[0].put_bucket_versioning(Bucket="versioned",
                                          VersioningConfiguration={"Status": "Enabled"})
        acknowledged = []

        def write(number):
            for _ in range(ROUNDS):
                acknowledged.append(self.s3s[number].put_object(
                    Bucket="versioned", Key="k", Body=b"")["VersionId"])
        self.assertEqual(self.race(lambda n: code_of(lambda: write(n))), ["200"] * NODES)
        listed = [row["VersionId"]
                  for row in self.s3s[1].list_object_versions(Bucket="versioned")["Versions"]]
        self.assertEqual(sorted(listed), sorted(acknowledged))


class MultipartTest(ClusterCase):
    def test_parts_through_all_nodes(self):
        upload = self.s3s[0].create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
        bodies = [body_of(number, 5 * MIB + number) for number in range(9)]

        def send(number):
            reply = self.s3s[number % NODES].upload_part(
                Bucket="bucket", Key="parts", UploadId=upload, PartNumber=number + 1, Body=bodies[number])
            return {"PartNumber": number + 1, "ETag": reply["ETag"]}
        with ThreadPoolExecutor(NODES) as pool:
            parts = list(pool.map(send, range(9)))
        self.assertEqual(len(self.s3s[1].list_parts(Bucket="bucket", Key="parts", UploadId=upload)["Parts"]), 9)
        self.s3s[2].complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload,
                                              MultipartUpload={"Parts": parts})
        for each in self.s3s:
            self.assertEqual(each.get_object(Bucket="bucket", Key="parts")["Body"].read(), b"".join(bodies))
        # A repeat that reaches another node is answered like the first.
        self.s3s[1].complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload,
                                              MultipartUpload={"Parts": parts})


class NativeTest(ClusterCase):
    def test_an_upload_by_names_whose_requests_reach_all_nodes(self):
        data = body_of(5, 20 * MIB)
        clients = [NativeClient(node.endpoint, node.access_key, node.secret_key)
                   for node in self.cluster.nodes]
        chunks = cut(data)
        session = clients[0].begin("bucket", "native", len(data))
        states = clients[1].offer("bucket", "native", session, [chunk.name for chunk in chunks])
        self.assertEqual(set(states), {MISSING})
        for number, chunk in enumerate(chunks):
            clients[number % NODES].fill("bucket", "native", session, chunk)
        clients[2].commit("bucket", "native", session, [chunk.name for chunk in chunks])
        for each in self.s3s:
            self.assertEqual(each.get_object(Bucket="bucket", Key="native")["Body"].read(), data)


class OnceForAllTest(ClusterCase):
    """What one node does for all, and what is counted of all."""

    @classmethod
    def setUpClass(cls):
        cls.hook = WebhookReceiver().__enter__()
        cls.addClassCleanup(cls.hook.__exit__, None, None, None)
        cls.args = ("--notify-webhook", f"hook={cls.hook.url}")
        super().setUpClass()

    def quota(self, number, *arguments):
        done = subprocess.run([binary(), "admin", "quota", *arguments, "--data",
                               self.cluster.nodes[number].data], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def test_quotas_count_what_all_nodes_hold(self):
        self.s3s[0].create_bucket(Bucket="limited")
        self.quota(0, "set", "bucket", "limited", "--size", "100KiB")
        self.s3s[1].put_object(Bucket="limited", Key="a", Body=b"x" * 60_000)
        for each in self.s3s:
            self.assertEqual(code_of(lambda: each.put_object(Bucket="limited", Key="b", Body=b"x" * 50_000)),
                             "QuotaExceeded")
        self.s3s[2].put_object(Bucket="limited", Key="b", Body=b"x" * 40_000)
        self.s3s[0].delete_object(Bucket="limited", Key="a")
        self.s3s[1].put_object(Bucket="limited", Key="c", Body=b"x" * 50_000)
        upload = self.s3s[2].create_multipart_upload(Bucket="limited", Key="d")["UploadId"]
        part = self.s3s[0].upload_part(Bucket="limited", Key="d", UploadId=upload, PartNumber=1,
                                       Body=b"x" * 10_000)
        for number in range(NODES):
            self.assertEqual(self.quota(number, "show", "bucket", "limited")["usage"]["size"], 100_000)
        self.s3s[1].complete_multipart_upload(
            Bucket="limited", Key="d", UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self.quota(1, "set", "bucket", "limited", "--size", "0")
        self.s3s[0].put_object(Bucket="limited", Key="e", Body=b"x" * 200_000)
        for number in range(NODES):
            self.assertEqual(self.quota(number, "show", "bucket", "limited")["usage"],
                             {"known": True, "size": 300_000, "objects": 4})

    def test_every_event_is_told_once_while_nobody_fails(self):
        self.s3s[0].create_bucket(Bucket="events")
        self.s3s[1].put_bucket_notification_configuration(
            Bucket="events", NotificationConfiguration={"QueueConfigurations": [
                {"QueueArn": "arn:cairn:webhook:us-east-1::hook", "Events": ["s3:ObjectCreated:*"]}]})

        def write(number):
            for turn in range(ROUNDS):
                self.s3s[number].put_object(Bucket="events", Key=f"{number}-{turn}", Body=b"")
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(write, range(NODES)))
        self.hook.wait_until(lambda: len(self.hook.records()) >= NODES * ROUNDS)
        time.sleep(1)
        told = sorted(record["s3"]["object"]["key"] for record in self.hook.records())
        self.assertEqual(told, sorted(f"{n}-{t}" for n in range(NODES) for t in range(ROUNDS)))

    def test_what_was_sealed_under_a_kms_key_of_another_node_opens(self):
        for turn, writer, reader in self.pairs():
            if turn == 5:
                break
            node = self.cluster.nodes[turn % NODES]
            status, text = node.admin(f"/admin/v1/kms-create?id=key-{turn}", "POST")
            self.assertEqual(status, 200, text)
            reader.put_object(Bucket="bucket", Key="sealed", Body=b"%d" % turn,
                              ServerSideEncryption="aws:kms", SSEKMSKeyId=f"key-{turn}")
            self.assertEqual(writer.get_object(Bucket="bucket", Key="sealed")["Body"].read(), b"%d" % turn)


class ReadAnewTest(unittest.TestCase):
    """What a node missed is compacted away, so that it reads the whole catalog again."""

    def usage(self, cluster, number):
        done = subprocess.run([binary(), "admin", "quota", "show", "bucket", "bucket", "--data",
                               cluster.nodes[number].data], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return json.loads(done.stdout)["usage"]

    def test_what_buckets_hold_is_counted_again(self):
        with ClusterNodes(nodes=2, cuts=True) as cluster:
            s3s = [cluster.s3(number) for number in range(2)]
            s3s[0].create_bucket(Bucket="bucket")
            for number in range(6):
                s3s[number % 2].put_object(Bucket="bucket", Key=f"k{number}", Body=b"x" * 1000)
            cluster.cut(1)
            for number in range(4):
                s3s[0].delete_object(Bucket="bucket", Key=f"k{number}")
            s3s[0].put_object(Bucket="bucket", Key="large", Body=b"x" * 70_000)
            upload = s3s[0].create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
            s3s[0].upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=1, Body=b"x" * 500)
            # Its watch ends, and is begun anew when what it asks for is gone.
            cluster.etcd.compact()
            cluster.network.lose(1)
            time.sleep(0.1)
            cluster.heal(1)
            s3s[1].put_object(Bucket="bucket", Key="own", Body=b"x" * 30)
            expected = {"known": True, "size": 2 * 1000 + 70_000 + 500 + 30, "objects": 4}
            self.assertEqual(self.usage(cluster, 0), expected)
            end = time.monotonic() + 30
            while self.usage(cluster, 1) != expected and time.monotonic() < end:
                time.sleep(0.2)
            self.assertEqual(self.usage(cluster, 1), expected)
            self.assertIn("usage-recounted", cluster.nodes[1].log())
            # And it goes on from there.
            s3s[0].abort_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload)
            s3s[0].delete_object(Bucket="bucket", Key="own")
            s3s[1].list_objects_v2(Bucket="bucket")
            self.assertEqual(self.usage(cluster, 1), {"known": True, "size": 2 * 1000 + 70_000, "objects": 3})


class GarbageTest(ClusterCase):
    args = ("--garbage-grace", "6")

    def test_a_reader_on_another_node_finishes_and_the_space_comes_back(self):
        body = body_of(1, 64 * MIB)
        self.s3s[0].put_object(Bucket="bucket", Key="read", Body=body)
        stream = self.s3s[1].get_object(Bucket="bucket", Key="read")["Body"]
        got = [stream.read(MIB)]
        self.s3s[2].delete_object(Bucket="bucket", Key="read")
        deleted = time.monotonic()
        while time.monotonic() - deleted < 3:  # Half of the grace, with passes of the collector in it.
            got.append(stream.read(64 * 1024))
            time.sleep(0.1)
        got.append(stream.read())
        self.assertEqual(b"".join(got), body)
        end = time.monotonic() + 90
        while self.cluster.stored_chunks_count() > 0 and time.monotonic() < end:
            time.sleep(0.5)
        self.assertEqual(self.cluster.stored_chunks_count(), 0)


class MuchGarbageTest(ClusterCase):
    """More than a transaction of etcd takes, all found at once."""
    args = ("--garbage-grace", "1", "--gc-interval-ms", "4000")

    def test_it_goes(self):
        keys = [f"much/{number}" for number in range(300)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: self.s3s[len(key) % NODES].put_object(
                Bucket="bucket", Key=key, Body=body_of(key, 20_000)), keys))
        self.s3s[0].delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": key} for key in keys]})
        end = time.monotonic() + 60
        while self.garbage_rows() > 0 and time.monotonic() < end:
            time.sleep(0.5)
        self.assertEqual(self.garbage_rows(), 0)
        self.assertEqual(self.cluster.sum("cairn_gc_failures_total"), 0)

    def garbage_rows(self):
        return self.cluster.etcd.count(self.cluster.prefix + "/kg/")


class LifeTest(ClusterCase):
    args = ("--garbage-grace", "1")

    def test_kills_amid_writes_lose_nothing(self):
        written, stop = {}, threading.Event()

        def write(number):
            turn = 0
            while not stop.is_set():
                turn += 1
                key = f"kill/{number}/{turn % 7}"
                body = body_of(number * 10_000 + turn, random.choice((100, 40_000, 2 * MIB)))
                try:
                    s3 = self.cluster.s3((number + turn) % NODES)
                    s3.put_object(Bucket="bucket", Key=key, Body=body)
                    written[key] = (body,)
                except (ClientError, BotoCoreError):
                    # Unknown: either.
                    written[key] = (*written.get(key, (None,)), body)
        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        for turn in range(6):
            time.sleep(1.5)
            node = self.cluster.nodes[turn % NODES]
            if turn < 3:
                node.kill()
            else:
                self.assertEqual(node.stop(), 0)
            node.start()
        stop.set()
        for writer in writers:
            writer.join()
        self.assertGreater(len(written), 20)
        time.sleep(4)  # The grace and some passes: what is needed must not be given back.
        for key, bodies in written.items():
            for number in range(NODES):
                try:
                    got = self.cluster.s3(number).get_object(Bucket="bucket", Key=key)["Body"].read()
                except ClientError as error:
                    self.assertEqual(error.response["Error"]["Code"], "NoSuchKey")
                    got = None
                self.assertIn(got, bodies, key)
        report = self.cluster.nodes[0].scrub()
        self.assertEqual(report["damaged"], [])


class JoinTest(unittest.TestCase):
    def refused(self, cluster, data, *args):
        done = subprocess.run(
            [binary(), "serve", "--data", data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
             *args], capture_output=True, text=True, timeout=60,
            env={**os.environ, **cluster.home_env})
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_who_does_not_fit_is_refused(self):
        with ClusterNodes(nodes=1) as cluster:
            url = cluster.etcd.url(cluster.prefix)
            key = ["--root-key", f"file:{cluster.directory}/root.key"]
            stranger = os.path.join(cluster.directory, "stranger")
            self.assertIn("share", self.refused(cluster, stranger, "--catalog", url, *key))
            own_key = os.path.join(cluster.directory, "own-key")
            self.assertIn("root key", self.refused(cluster, own_key, "--catalog", url, *cluster.home_flags))
            other = os.path.join(cluster.directory, "other")
            text = self.refused(cluster, other, "--catalog", cluster.etcd.url("other"), *key,
                                *cluster.home_flags)
            self.assertIn("belongs to another catalog", text)


if __name__ == "__main__":
    unittest.main()
