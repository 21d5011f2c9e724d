"""Storage classes as stock clients steer them, on a server with two homes: what is put under a class,
copied to one or moved by a lifecycle rule lies in that class's home and nowhere else, and is the same
object as before. Needs CAIRN_BINARY, boto3; the aws part needs the aws command."""
import hashlib
import json
import os
import shutil
import subprocess
import time
import unittest

import cairn_server
from botocore.exceptions import ClientError
from cairn_server import CairnServer
from named_homes import Homes

DAY_SECONDS = 2
MiB = 1 << 20


def content(seed, size):
    return hashlib.shake_128(str(seed).encode()).digest(size)


class Classes(unittest.TestCase):
    FLAGS = ["--lifecycle-day-seconds", str(DAY_SECONDS), "--lifecycle-interval", "1"]

    def setUp(self):
        self.homes = Homes({"near": "volume", "far": "volume"})
        self.addCleanup(self.homes.close)
        self.homes.placement("standard", ["near"])
        self.homes.placement("cold", ["far"], storage_class=["STANDARD_IA", "GLACIER_IR", "COLD_HDD"])
        self.server = CairnServer(args=["--config", self.homes.write_config(), "--tier", "none",
                                        *self.FLAGS], stack="").start()
        self.addCleanup(self.server.close)
        self.s3 = self.server.boto3_client()
        self.s3.create_bucket(Bucket="classes")

    def held(self):
        """MiB of chunks in each home, rounded; after what is not needed has gone."""
        self.server.collect_garbage()
        metrics = self.server.metrics()
        return tuple(round(metrics[f'cairn_home_live_bytes{{home="{home}"}}'] / MiB)
                     for home in ("near", "far"))

    def wait_for(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.1)  # The worker's pace is what is waited for; there is no event to hear.

    def body(self, key, **how):
        return self.s3.get_object(Bucket="classes", Key=key, **how)["Body"].read()

    def lifecycle(self, *actions, prefix=""):
        self.s3.put_bucket_lifecycle_configuration(
            Bucket="classes", LifecycleConfiguration={"Rules": [
                {"ID": f"r{i}", "Status": "Enabled", "Filter": {"Prefix": prefix}, **action}
                for i, action in enumerate(actions)]})

    def test_a_put_goes_where_its_class_is_kept(self):
        for key, storage_class, held in (
                ("hot", None, (4, 0)), ("cold", "STANDARD_IA", (4, 4)),
                ("icy", "GLACIER_IR", (4, 8)), ("deep", "DEEP_ARCHIVE", (8, 8))):
            how = {"StorageClass": storage_class} if storage_class else {}
            self.s3.put_object(Bucket="classes", Key=key, Body=content(key, 4 * MiB), **how)
            self.assertEqual(self.held(), held, key)
            self.assertEqual(self.body(key), content(key, 4 * MiB))
            self.assertEqual(self.s3.head_object(Bucket="classes", Key=key).get("StorageClass"),
                             storage_class)
        listed = {row["Key"]: row["StorageClass"]
                  for row in self.s3.list_objects_v2(Bucket="classes")["Contents"]}
        self.assertEqual(listed, {"hot": "STANDARD", "cold": "STANDARD_IA", "icy": "GLACIER_IR",
                                  "deep": "DEEP_ARCHIVE"})
        with self.assertRaisesRegex(ClientError, "InvalidStorageClass"):
            self.s3.put_object(Bucket="classes", Key="k", Body=b"x", StorageClass="CHEAP")
        self.server.restart()
        for key in listed:
            self.assertEqual(self.body(key), content(key, 4 * MiB))

    def test_a_lifecycle_rule_moves_to_a_class_of_the_operators_own(self):
        self.s3.put_object(Bucket="classes", Key="k", Body=content("own", 3 * MiB))
        with self.assertRaisesRegex(ClientError, "MalformedXML"):
            self.lifecycle({"Transitions": [{"Days": 1, "StorageClass": "CHEAP"}]})
        self.lifecycle({"Transitions": [{"Days": 1, "StorageClass": "COLD_HDD"}]})
        head = lambda: self.s3.head_object(Bucket="classes", Key="k").get("StorageClass")  # noqa: E731
        self.wait_for(lambda: head() == "COLD_HDD", "the transition")
        self.assertEqual(self.held(), (0, 3))
        self.assertEqual(self.body("k"), content("own", 3 * MiB))
        rules = self.s3.get_bucket_lifecycle_configuration(Bucket="classes")["Rules"]
        self.assertEqual(rules[0]["Transitions"], [{"Days": 1, "StorageClass": "COLD_HDD"}])
        # A rule whose class nobody takes any more moves nothing.
        self.s3.put_object(Bucket="classes", Key="later", Body=content("later", MiB))
        self.server.stop()
        self.homes.placement("cold", ["far"], storage_class=["STANDARD_IA", "GLACIER_IR"])
        self.homes.write_config()
        self.server.start()
        self.wait_for(lambda: self.server.metrics()["cairn_lifecycle_transitions_skipped_total"] > 0,
                      "the rule to be looked at")
        self.assertNotIn("StorageClass", self.s3.head_object(Bucket="classes", Key="later"))
        self.assertEqual(self.body("k"), content("own", 3 * MiB))

    def test_multipart_uploads_and_copies(self):
        upload = self.s3.create_multipart_upload(Bucket="classes", Key="m", StorageClass="STANDARD_IA")
        parts = [content(i, 5 * MiB) for i in (1, 2)]
        done = [{"PartNumber": i, "ETag": self.s3.upload_part(
            Bucket="classes", Key="m", UploadId=upload["UploadId"], PartNumber=i, Body=part)["ETag"]}
            for i, part in enumerate(parts, 1)]
        self.s3.complete_multipart_upload(Bucket="classes", Key="m", UploadId=upload["UploadId"],
                                          MultipartUpload={"Parts": done})
        self.assertEqual(self.held(), (0, 10))
        # The way of stock clients to change a class: a copy onto itself.
        self.s3.copy_object(Bucket="classes", Key="m", CopySource="classes/m", StorageClass="STANDARD",
                            MetadataDirective="COPY")
        self.assertEqual(self.held(), (10, 0))
        self.assertEqual(self.body("m"), b"".join(parts))
        self.assertNotIn("StorageClass", self.s3.head_object(Bucket="classes", Key="m"))
        with self.assertRaisesRegex(ClientError, "InvalidRequest"):
            self.s3.copy_object(Bucket="classes", Key="m", CopySource="classes/m")

    def test_a_lifecycle_rule_moves_what_is_due(self):
        tagged = {"Tagging": "a=b", "Metadata": {"name": "value"}, "ChecksumAlgorithm": "SHA256"}
        self.s3.put_object(Bucket="classes", Key="logs/a", Body=content("a", 3 * MiB), **tagged)
        self.s3.put_object(Bucket="classes", Key="other", Body=content("b", 2 * MiB))
        upload = self.s3.create_multipart_upload(Bucket="classes", Key="logs/m")
        part = self.s3.upload_part(Bucket="classes", Key="logs/m", UploadId=upload["UploadId"],
                                   PartNumber=1, Body=content("m", 5 * MiB))
        self.s3.complete_multipart_upload(
            Bucket="classes", Key="logs/m", UploadId=upload["UploadId"],
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self.s3.put_object(Bucket="classes", Key="logs/small", Body=b"small")

        def seen(key):
            head = self.s3.head_object(Bucket="classes", Key=key, ChecksumMode="ENABLED")
            return {name: value for name, value in head.items()
                    if name not in ("ResponseMetadata", "StorageClass")}
        keys = ("logs/a", "logs/m", "logs/small")
        before = {key: seen(key) for key in keys}
        self.assertEqual(self.held(), (10, 0))
        self.lifecycle({"Transitions": [{"Days": 0, "StorageClass": "GLACIER_IR"}]}, prefix="logs/")
        self.wait_for(lambda: all(
            self.s3.head_object(Bucket="classes", Key=key).get("StorageClass") == "GLACIER_IR"
            for key in keys), "the rule was not applied")
        self.assertEqual(self.held(), (2, 8))
        self.assertEqual({key: seen(key) for key in keys}, before)
        self.assertEqual(self.body("logs/a"), content("a", 3 * MiB))
        self.assertEqual(self.body("logs/m", PartNumber=1), content("m", 5 * MiB))
        metrics = self.server.metrics()
        self.assertEqual(metrics["cairn_lifecycle_transitions_total"], 3)
        self.assertEqual(metrics["cairn_lifecycle_transition_bytes_total"], 8 * MiB)
        self.server.admin("/admin/v1/audit-verify")  # Flushes.
        folder = os.path.join(self.server.data, "audit")
        text = ""
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text += file.read()
        self.assertEqual(text.count('"s3:LifecycleTransition"'), 3)

    def test_older_versions_and_several_steps(self):
        self.s3.put_bucket_versioning(Bucket="classes", VersioningConfiguration={"Status": "Enabled"})
        ids = [self.s3.put_object(Bucket="classes", Key="k", Body=content(i, 2 * MiB))["VersionId"]
               for i in range(3)]
        self.lifecycle({"NoncurrentVersionTransitions": [
            {"NoncurrentDays": 0, "StorageClass": "GLACIER_IR"},
            {"NoncurrentDays": 3, "StorageClass": "GLACIER"}]})

        def classes():
            rows = self.s3.list_object_versions(Bucket="classes")["Versions"]
            return {row["VersionId"]: row["StorageClass"] for row in rows}
        last = {ids[0]: "GLACIER", ids[1]: "GLACIER", ids[2]: "STANDARD"}
        self.wait_for(lambda: classes() == last, "the rule was not applied")
        for i, version in enumerate(ids):
            self.assertEqual(self.body("k", VersionId=version), content(i, 2 * MiB))
        self.assertEqual(self.server.metrics()["cairn_lifecycle_transitions_total"], 4)

    def test_kill_9_while_a_transition_runs(self):
        """A transition of 96 MiB takes longer than the pause between the kills."""
        body = content("big", 96 * MiB)
        self.s3.put_object(Bucket="classes", Key="big", Body=body)
        etag = self.s3.head_object(Bucket="classes", Key="big")["ETag"]
        self.lifecycle({"Transitions": [{"Days": 0, "StorageClass": "GLACIER_IR"}]})

        def far():
            return self.server.metrics()['cairn_home_live_bytes{home="far"}']
        for _ in range(3):
            was = far()
            self.wait_for(lambda: far() > was + 8 * MiB or self.is_cold("big"), "nothing moves")
            self.server.kill()
            self.server.start()
            self.s3 = self.server.boto3_client()
            self.assertEqual(hashlib.md5(self.body("big")).hexdigest(), etag.strip('"'))
        self.wait_for(lambda: self.is_cold("big"), "the rule was not applied")
        self.wait_for(lambda: self.held() == (0, 96), "what was cut short is not given back")
        self.assertEqual(self.body("big"), body)
        self.assertEqual(self.server.scrub()["damaged"], [])

    def is_cold(self, key):
        return self.s3.head_object(Bucket="classes", Key=key).get("StorageClass") == "GLACIER_IR"

    def test_a_bucket_has_a_placement_of_its_own(self):
        self.s3.create_bucket(Bucket="kept-far",
                              CreateBucketConfiguration={"LocationConstraint": ":cold"})
        self.s3.put_object(Bucket="kept-far", Key="k", Body=content("k", 2 * MiB))
        self.assertEqual(self.held(), (0, 2))
        self.assertNotIn("StorageClass", self.s3.head_object(Bucket="kept-far", Key="k"))
        with self.assertRaisesRegex(ClientError, "InvalidLocationConstraint"):
            self.s3.create_bucket(Bucket="nowhere",
                                  CreateBucketConfiguration={"LocationConstraint": ":nowhere"})
        told = self.admin("kept-far")
        self.assertEqual((told["placement"], [row["name"] for row in told["placements"]]),
                         ("cold", ["standard", "cold"]))
        self.assertEqual(self.admin("kept-far", "standard")["placement"], "standard")
        self.s3.put_object(Bucket="kept-far", Key="new", Body=content("new", 2 * MiB))
        self.assertEqual(self.held(), (2, 2))
        refused = self.run_admin("kept-far", "nowhere")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("standard, cold", refused.stdout + refused.stderr)

    def run_admin(self, *words):
        return subprocess.run([cairn_server.binary(), "admin", "bucket", "placement", *words,
                               "--data", self.server.data], capture_output=True, text=True,
                              timeout=60)

    def admin(self, *words):
        ran = self.run_admin(*words)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        return json.loads(ran.stdout)

    def run_client(self, *command):
        ran = subprocess.run(command, env=self.server.client_env(), capture_output=True, text=True,
                             timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        return ran.stdout

    @unittest.skipUnless(shutil.which("aws"), "no aws command")
    def test_the_aws_command(self):
        path = self.homes.path("file")
        with open(path, "wb") as file:
            file.write(content("file", 20 * MiB))
        aws = ("aws", "--endpoint-url", self.server.endpoint, "s3", "cp", "--quiet")
        self.run_client(*aws, "--storage-class", "STANDARD_IA", path, "s3://classes/k")
        self.assertEqual(self.held(), (0, 20))
        self.run_client(*aws, "--storage-class", "STANDARD", "s3://classes/k", "s3://classes/k")
        self.assertEqual(self.held(), (20, 0))
        self.run_client(*aws, "--storage-class", "GLACIER_IR", "s3://classes/k", "s3://classes/k")
        self.assertEqual(self.held(), (0, 20))
        self.assertEqual(self.body("k"), content("file", 20 * MiB))

    def test_archive_classes_are_read_at_once(self):
        path = self.homes.path("read")
        for storage_class in ("GLACIER", "DEEP_ARCHIVE"):
            self.s3.put_object(Bucket="classes", Key="k", Body=b"bytes", StorageClass=storage_class)
            head = self.s3.head_object(Bucket="classes", Key="k")
            self.assertIn('ongoing-request="false"', head["Restore"])
            reply = self.s3.restore_object(Bucket="classes", Key="k", RestoreRequest={"Days": 1})
            self.assertEqual(reply["ResponseMetadata"]["HTTPStatusCode"], 200)
            self.assertEqual(self.body("k"), b"bytes")
            if shutil.which("aws"):
                self.run_client("aws", "--endpoint-url", self.server.endpoint, "s3", "cp", "--quiet",
                                "s3://classes/k", path)
                with open(path, "rb") as file:
                    self.assertEqual(file.read(), b"bytes")
        for how in ({}, {"StorageClass": "GLACIER_IR"}):
            self.s3.put_object(Bucket="classes", Key="k", Body=b"bytes", **how)
            self.assertNotIn("Restore", self.s3.head_object(Bucket="classes", Key="k"))
            with self.assertRaisesRegex(ClientError, "InvalidObjectState"):
                self.s3.restore_object(Bucket="classes", Key="k", RestoreRequest={"Days": 1})
        with self.assertRaisesRegex(ClientError, "MalformedXML"):
            self.s3.restore_object(Bucket="classes", Key="k", RestoreRequest={"Days": 0})
        with self.assertRaisesRegex(ClientError, "NoSuchKey"):
            self.s3.restore_object(Bucket="classes", Key="none", RestoreRequest={"Days": 1})

    def test_a_native_upload_goes_where_its_class_is_kept(self):
        """`cairn cp` names the chunks of a large file before it sends them."""
        path = self.homes.path("large")
        with open(path, "wb") as file:
            file.write(content("large", 40 * MiB))
        flags = ("--endpoint-url", self.server.endpoint)
        for storage_class, held in (("GLACIER_IR", (0, 40)), ("STANDARD", (40, 0))):
            self.run_client(cairn_server.binary(), "cp", path, "s3://classes/large",
                            "--storage-class", storage_class, *flags)
            self.assertEqual(self.held(), held)
            self.assertEqual(self.body("large"), content("large", 40 * MiB))

    def test_the_cairn_command(self):
        folder = self.homes.path("folder")
        os.mkdir(folder)
        for name in ("a", "b"):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content(name, 3 * MiB))
        cairn = (cairn_server.binary(),)
        flags = ("--endpoint-url", self.server.endpoint)
        self.run_client(*cairn, "cp", os.path.join(folder, "a"), "s3://classes/a", "--storage-class",
                        "STANDARD_IA", *flags)
        self.assertEqual(self.held(), (0, 3))
        self.assertIn("STANDARD_IA", self.run_client(*cairn, "stat", "s3://classes/a", *flags))
        self.run_client(*cairn, "sync", folder, "s3://classes/dir/", "--storage-class", "GLACIER_IR",
                        *flags)
        self.assertEqual(self.held(), (0, 6))
        self.run_client(*cairn, "cp", "s3://classes/a", "s3://classes/a", "--storage-class", "STANDARD", *flags)
        self.assertEqual(self.held(), (3, 6))


class RealDays(unittest.TestCase):
    """With days of 24 hours S3's rules for small objects hold."""

    def test_the_minimum_size_is_told_and_kept(self):
        with CairnServer(stack="") as server:
            s3 = server.boto3_client()
            s3.create_bucket(Bucket="classes")
            rules = {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""},
                                "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}]}]}
            # As a header, because the oldest clients have no parameter for it.
            told = "x-amz-transition-default-minimum-object-size"
            for given in (None, "varies_by_storage_class", "all_storage_classes_128K"):
                def add(params, **_):
                    if given:
                        params["headers"][told] = given
                event = "before-call.s3.PutBucketLifecycleConfiguration"
                s3.meta.events.register(event, add, unique_id=event)
                s3.put_bucket_lifecycle_configuration(Bucket="classes", LifecycleConfiguration=rules)
                s3.meta.events.unregister(event, unique_id=event)
                got = s3.get_bucket_lifecycle_configuration(Bucket="classes")
                self.assertEqual(got["ResponseMetadata"]["HTTPHeaders"][told],
                                 given or "all_storage_classes_128K")
                self.assertEqual(got["Rules"], rules["Rules"])


if __name__ == "__main__":
    unittest.main()
