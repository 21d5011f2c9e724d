"""Notifications: every change of an object is told to the webhooks that the bucket's rules name, in
order, at least once whatever happens to the server or the webhook, and to nobody else. Needs
CAIRN_BINARY."""
import random
import threading
import time
import unittest
import urllib.parse

from botocore.exceptions import ClientError

from cairn_server import CairnServer
from webhook_receiver import WebhookReceiver

ARN = "arn:cairn:webhook:us-east-1::"


def configure(s3, bucket, rules):
    """`rules`: (webhook, events, prefix, suffix)."""
    queues = []
    for number, (webhook, events, prefix, suffix) in enumerate(rules):
        filters = [{"Name": name, "Value": value}
                   for name, value in (("prefix", prefix), ("suffix", suffix)) if value]
        rule = {"Id": f"rule-{number}", "QueueArn": ARN + webhook, "Events": events}
        if filters:
            rule["Filter"] = {"Key": {"FilterRules": filters}}
        queues.append(rule)
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": queues})


def brief(record):
    return record["eventName"], urllib.parse.unquote_plus(record["s3"]["object"]["key"])


class Notifications(unittest.TestCase):
    def setUp(self):
        self.hook = self.enterContext(WebhookReceiver())
        self.other = self.enterContext(WebhookReceiver())
        self.server = CairnServer(cores=2, args=[
            "--notify-webhook", f"main={self.hook.url},other={self.other.url}"],
            env={"CAIRN_NOTIFY_WEBHOOK_TOKEN": "main=open-sesame"}).start()
        self.addCleanup(self.server.close)
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket="told")

    if not hasattr(unittest.TestCase, "enterContext"):  # Python before 3.11.
        def enterContext(self, manager):
            entered = manager.__enter__()
            self.addCleanup(manager.__exit__, None, None, None)
            return entered

    def start(self, rules):
        """Configures, and takes the test event away."""
        configure(self.s3, "told", rules)
        for webhook, receiver in (("main", self.hook), ("other", self.other)):
            if any(rule[0] == webhook for rule in rules):
                receiver.wait_until(lambda r=receiver: any("Event" in b for b in r.bodies))
                receiver.bodies.clear()
                receiver.headers.clear()

    def test_configuring_sends_a_test_event(self):
        configure(self.s3, "told", [("main", ["s3:ObjectCreated:*"], None, None)])
        self.hook.wait_for(1)
        self.assertEqual(self.hook.bodies[0]["Event"], "s3:TestEvent")
        self.assertEqual(self.hook.bodies[0]["Bucket"], "told")
        self.assertEqual(self.hook.headers[0]["Authorization"], "Bearer open-sesame")
        with self.assertRaises(ClientError):
            configure(self.s3, "told", [("unknown", ["s3:ObjectCreated:*"], None, None)])

    def test_each_kind_of_change(self):
        self.start([("main", ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], None, None)])
        s3, key = self.s3, "a b/\u00fc+.txt"
        put = s3.put_object(Bucket="told", Key=key, Body=b"hello")
        s3.copy_object(Bucket="told", Key="copy", CopySource={"Bucket": "told", "Key": key})
        upload = s3.create_multipart_upload(Bucket="told", Key="big")["UploadId"]
        part = s3.upload_part(Bucket="told", Key="big", UploadId=upload, PartNumber=1, Body=b"x")
        s3.complete_multipart_upload(
            Bucket="told", Key="big", UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        s3.delete_object(Bucket="told", Key=key)
        s3.delete_objects(Bucket="told", Delete={"Objects": [{"Key": "copy"}, {"Key": "big"}]})
        records = self.hook.wait_for(6)
        self.assertEqual([brief(record) for record in records[:4]],
                         [("ObjectCreated:Put", key), ("ObjectCreated:Copy", "copy"),
                          ("ObjectCreated:CompleteMultipartUpload", "big"),
                          ("ObjectRemoved:Delete", key)])
        self.assertEqual(sorted(brief(record) for record in records[4:]),
                         [("ObjectRemoved:Delete", "big"), ("ObjectRemoved:Delete", "copy")])
        first = records[0]
        self.assertEqual(first["s3"]["object"]["size"], 5)
        self.assertEqual('"' + first["s3"]["object"]["eTag"] + '"', put["ETag"])
        self.assertEqual(first["s3"]["bucket"]["name"], "told")
        self.assertEqual(first["s3"]["configurationId"], "rule-0")
        self.assertEqual(first["requestParameters"]["sourceIPAddress"], "127.0.0.1")
        self.assertEqual(first["responseElements"]["x-amz-request-id"],
                         put["ResponseMetadata"]["RequestId"])
        sequencers = [record["s3"]["object"]["sequencer"] for record in records]
        self.assertEqual(sequencers, sorted(sequencers))
        self.assertEqual(len(set(sequencers)), 6)

    def test_versions_and_markers(self):
        self.s3.put_bucket_versioning(Bucket="told",
                                      VersioningConfiguration={"Status": "Enabled"})
        self.start([("main", ["s3:ObjectRemoved:*", "s3:ObjectCreated:Put"], None, None)])
        version = self.s3.put_object(Bucket="told", Key="k", Body=b"1")["VersionId"]
        marker = self.s3.delete_object(Bucket="told", Key="k")["VersionId"]
        self.s3.delete_object(Bucket="told", Key="k", VersionId=marker)
        self.s3.delete_object(Bucket="told", Key="k", VersionId=version)
        records = self.hook.wait_for(4)
        self.assertEqual([(r["eventName"], r["s3"]["object"]["versionId"]) for r in records],
                         [("ObjectCreated:Put", version),
                          ("ObjectRemoved:DeleteMarkerCreated", marker),
                          ("ObjectRemoved:Delete", marker), ("ObjectRemoved:Delete", version)])

    def test_tags(self):
        self.start([("main", ["s3:ObjectTagging:*"], None, None)])
        self.s3.put_object(Bucket="told", Key="k", Body=b"1")
        self.s3.put_object_tagging(Bucket="told", Key="k",
                                   Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        self.s3.delete_object_tagging(Bucket="told", Key="k")
        self.assertEqual([brief(record) for record in self.hook.wait_for(2)],
                         [("ObjectTagging:Put", "k"), ("ObjectTagging:Delete", "k")])

    def test_filters_and_targets(self):
        self.start([("main", ["s3:ObjectCreated:Put"], "in/", ".jpg"),
                    ("other", ["s3:ObjectRemoved:Delete"], None, None)])
        for key in ("in/a.jpg", "in/a.png", "out/a.jpg"):
            self.s3.put_object(Bucket="told", Key=key, Body=b"x")
            self.s3.delete_object(Bucket="told", Key=key)
        self.other.wait_for(3)
        self.hook.wait_for(1)
        self.assertEqual([brief(r) for r in self.hook.records()],
                         [("ObjectCreated:Put", "in/a.jpg")])
        self.assertEqual(len(self.other.records()), 3)
        # A refused write is told to nobody.
        with self.assertRaises(ClientError):
            self.s3.put_object(Bucket="told", Key="in/b.jpg", Body=b"x",
                               ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
        self.s3.put_object(Bucket="told", Key="in/c.jpg", Body=b"x")
        self.hook.wait_for(2)
        self.assertEqual(brief(self.hook.records()[1])[1], "in/c.jpg")

    def test_a_webhook_that_fails_is_told_later_and_redirects_are_not_followed(self):
        self.start([("main", ["s3:ObjectCreated:Put"], None, None)])
        for status in (503, 307):
            self.hook.status = status
            refused = self.hook.refused_count
            self.s3.put_object(Bucket="told", Key=f"while-{status}", Body=b"x")
            self.hook.wait_until(lambda r=refused: self.hook.refused_count > r)
            self.assertGreaterEqual(self.server.metrics()["cairn_events_queued"], 1)
            told = len(self.hook.bodies)
            self.hook.status = 204
            self.hook.wait_for(told + 1)
            self.assertEqual(brief(self.hook.records()[-1])[1], f"while-{status}")
        self.assertGreater(self.server.metrics()["cairn_events_delivery_failures_total"], 0)

    def test_kill_9_loses_no_event_of_an_acknowledged_write(self):
        self.start([("main", ["s3:ObjectCreated:Put"], None, None)])
        acknowledged, lock, generator = [], threading.Lock(), random.Random(5)
        for cycle in range(10):
            stopping = threading.Event()

            def write(writer, cycle=cycle, stopping=stopping):
                s3 = self.server.boto3_client()
                for number in range(10_000):
                    if stopping.is_set():
                        return
                    key = f"{cycle}/{writer}/{number:05}"
                    try:
                        s3.put_object(Bucket="told", Key=key, Body=b"x")
                    except Exception:  # noqa: BLE001  The server died: not acknowledged.
                        return
                    with lock:
                        acknowledged.append(key)

            writers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
            for writer in writers:
                writer.start()
            time.sleep(generator.uniform(0.05, 0.5))  # The moment of the crash is random.
            if cycle % 3 == 1:
                self.hook.status = 500  # Crashes with a queue.
            self.server.kill()
            stopping.set()
            for writer in writers:
                writer.join()
            self.hook.status = 200
            self.server.start()
        told = lambda: {brief(r)[1] for b in self.hook.bodies for r in b["Records"]}  # noqa: E731
        self.hook.wait_until(lambda: told() >= set(acknowledged), 60)
        self.assertGreater(len(acknowledged), 100)
        # In order: per writer the first telling of each key comes after that of the one before.
        first_seen = {}
        for position, record in enumerate(self.hook.records()):
            first_seen.setdefault(brief(record)[1], position)
        for cycle in range(10):
            for writer in range(4):
                keys = [k for k in acknowledged if k.startswith(f"{cycle}/{writer}/")]
                positions = [first_seen[key] for key in keys]
                self.assertEqual(positions, sorted(positions))


if __name__ == "__main__":
    unittest.main(verbosity=2)
