"""Lifecycle on a running server whose days are short: what is due goes, what is not stays, and events
and audit lines tell of it. Needs CAIRN_BINARY."""
import json
import os
import time
import unittest
import urllib.parse

from cairn_server import CairnServer
from webhook_receiver import WebhookReceiver

DAY_SECONDS = 2


def rule(prefix, **actions):
    return {"ID": prefix or "all", "Status": "Enabled", "Filter": {"Prefix": prefix}, **actions}


class Lifecycle(unittest.TestCase):
    def setUp(self):
        self.hook = WebhookReceiver()
        self.addCleanup(self.hook.__exit__)
        self.server = CairnServer(cores=2, args=[
            "--lifecycle-day-seconds", str(DAY_SECONDS), "--lifecycle-interval", "1",
            "--notify-webhook", f"main={self.hook.url}"]).start()
        self.addCleanup(self.server.close)
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket="lived")

    def set_rules(self, *rules):
        self.s3.put_bucket_lifecycle_configuration(
            Bucket="lived", LifecycleConfiguration={"Rules": list(rules)})

    def keys(self):
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket="lived").get("Contents", [])]

    def wait_until(self, condition, days=10):
        end = time.monotonic() + days * DAY_SECONDS + 20
        while not condition():
            self.assertLess(time.monotonic(), end, self.server.metrics())
            time.sleep(0.1)  # The worker's pace is what is waited for; there is no event to hear.

    def test_expiration(self):
        self.s3.put_bucket_notification_configuration(
            Bucket="lived", NotificationConfiguration={"QueueConfigurations": [
                {"Id": "n", "QueueArn": "arn:cairn:webhook:us-east-1::main",
                 "Events": ["s3:LifecycleExpiration:*"]}]})
        self.set_rules(rule("old/", Expiration={"Days": 1}), rule("later/", Expiration={"Days": 999}))
        for key in ("old/a", "old/b", "later/c", "other"):
            self.s3.put_object(Bucket="lived", Key=key, Body=b"x")
        self.wait_until(lambda: self.keys() == ["later/c", "other"])
        self.hook.wait_until(lambda: len([b for b in self.hook.bodies if "Records" in b]) >= 2)
        told = {(r["eventName"], urllib.parse.unquote_plus(r["s3"]["object"]["key"]))
                for b in self.hook.bodies for r in b.get("Records", [])}
        self.assertEqual(told, {("LifecycleExpiration:Delete", "old/a"),
                                ("LifecycleExpiration:Delete", "old/b")})
        self.assertEqual(self.server.metrics()["cairn_lifecycle_removed_total"], 2)
        self.server.admin("/admin/v1/audit-verify")  # Flushes.
        folder = os.path.join(self.server.data, "audit")
        lines = [json.loads(line) for name in os.listdir(folder)
                 for line in open(os.path.join(folder, name), encoding="utf-8")]
        own = {line["key"] for line in lines if line.get("principal") == "cairn"}
        self.assertEqual(own, {"old/a", "old/b"})

    def test_versions(self):
        self.s3.put_bucket_versioning(Bucket="lived",
                                      VersioningConfiguration={"Status": "Enabled"})
        self.set_rules(rule("", Expiration={"Days": 1},
                            NoncurrentVersionExpiration={"NoncurrentDays": 1}))
        self.s3.put_object(Bucket="lived", Key="k", Body=b"1")
        self.s3.put_object(Bucket="lived", Key="k", Body=b"22")

        def left():
            page = self.s3.list_object_versions(Bucket="lived")
            return len(page.get("Versions", [])), len(page.get("DeleteMarkers", []))
        self.wait_until(lambda: left() == (0, 1))
        self.set_rules(rule("", Expiration={"ExpiredObjectDeleteMarker": True}))
        self.wait_until(lambda: left() == (0, 0))

    def test_uploads(self):
        self.set_rules(rule("", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}))
        self.s3.create_multipart_upload(Bucket="lived", Key="k")
        self.wait_until(
            lambda: not self.s3.list_multipart_uploads(Bucket="lived").get("Uploads"))

    def test_it_goes_on_after_kill_9(self):
        self.set_rules(rule("", Expiration={"Days": 1}))
        for number in range(300):
            self.s3.put_object(Bucket="lived", Key=f"{number:04}", Body=b"x")
        self.wait_until(lambda: len(self.keys()) < 300)
        self.server.kill()
        self.server.start()
        self.wait_until(lambda: not self.keys())


if __name__ == "__main__":
    unittest.main(verbosity=2)
