"""Two real servers follow each other: changes arrive, only missing chunks travel, nothing is lost over
crashes, partitions and a tail that grew too long, and two sites that both write end up the same."""
import datetime
import json
import os
import random
import subprocess
import time
import unittest

from botocore.exceptions import ClientError

from cairn_server import binary
from site_pair import SitePair, content, versions

MIB = 1 << 20


def noise(seed, size):
    return random.Random(seed).randbytes(size)


class SiteSync(unittest.TestCase):
    def test_what_was_there_and_what_changes_arrives(self):
        with SitePair() as pair:
            pair.make_bucket("sync", versioned=True)
            s3 = pair.a.boto3_client()
            for i in range(20):
                s3.put_object(Bucket="sync", Key=f"old/{i}", Body=noise(i, 100 + i * 5000))
            pair.follow(pair.a, pair.b, "sync")
            pair.wait_in_step(pair.a)
            self.assertEqual(versions(pair.a, "sync"), versions(pair.b, "sync"))
            s3.put_object(Bucket="sync", Key="new", Body=b"one", Metadata={"who": "me"},
                          ContentType="text/x-new", Tagging="k=v")
            s3.put_object(Bucket="sync", Key="new", Body=b"two", CacheControl="no-store")
            s3.put_object(Bucket="sync", Key="large", Body=noise(99, 9 * MIB))
            s3.delete_object(Bucket="sync", Key="old/3")
            s3.put_object_tagging(Bucket="sync", Key="old/4",
                                  Tagging={"TagSet": [{"Key": "t", "Value": "u"}]})
            pair.wait_in_step(pair.a)
            self.assertEqual(versions(pair.a, "sync"), versions(pair.b, "sync"))
            self.assertEqual(content(pair.a, "sync"), content(pair.b, "sync"))
            other = pair.b.boto3_client()
            self.assertEqual(other.get_object_tagging(Bucket="sync", Key="old/4")["TagSet"],
                             [{"Key": "t", "Value": "u"}])
            first = [row for row in versions(pair.b, "sync") if row[0] == "new" and not row[3]][0]
            head = other.head_object(Bucket="sync", Key="new", VersionId=first[1])
            self.assertEqual(head["Metadata"], {"who": "me"})
            self.assertEqual(head["ContentType"], "text/x-new")
            self.assertEqual(head["ReplicationStatus"], "REPLICA")
            self.assertEqual(s3.head_object(Bucket="sync", Key="new")["ReplicationStatus"], "COMPLETED")
            rule = pair.rule(pair.a)
            self.assertEqual((rule["pending_changes"], rule["failed_changes"]), (0, 0), rule)

    def test_only_missing_chunks_travel(self):
        with SitePair() as pair:
            pair.make_bucket("sync")
            s3 = pair.a.boto3_client()
            body = bytearray(noise(1, 64 * MIB))
            s3.put_object(Bucket="sync", Key="model", Body=bytes(body))
            pair.follow(pair.a, pair.b, "sync")
            pair.wait_in_step(pair.a)
            before = pair.rule(pair.a)["sent_bytes"]
            body[30 * MIB:31 * MIB] = noise(2, MIB)
            s3.put_object(Bucket="sync", Key="model", Body=bytes(body))
            pair.wait_in_step(pair.a)
            rule = pair.rule(pair.a)
            self.assertEqual(content(pair.b, "sync")["model"], bytes(body))
            self.assertLess(rule["sent_bytes"] - before, 3 * MIB, rule)
            self.assertGreater(rule["saved_bytes"], 60 * MIB, rule)
            # Another name for what is there costs the names of a chunk or two.
            before = rule["sent_bytes"]
            s3.copy_object(Bucket="sync", Key="copy", CopySource="sync/model")
            pair.wait_in_step(pair.a)
            self.assertLess(pair.rule(pair.a)["sent_bytes"] - before, 64 * 1024)

    def test_multipart_uploads_keep_etag_and_parts(self):
        with SitePair() as pair:
            pair.make_bucket("sync", versioned=True)
            pair.follow(pair.a, pair.b, "sync")
            s3 = pair.a.boto3_client()
            upload = s3.create_multipart_upload(Bucket="sync", Key="m", ChecksumAlgorithm="SHA256")
            parts = []
            for number, size in ((1, 5 * MIB), (2, 6 * MIB + 17), (3, 100)):
                part = s3.upload_part(Bucket="sync", Key="m", UploadId=upload["UploadId"],
                                      PartNumber=number, Body=noise(number, size),
                                      ChecksumAlgorithm="SHA256")
                parts.append({"PartNumber": number, "ETag": part["ETag"],
                              "ChecksumSHA256": part["ChecksumSHA256"]})
            s3.complete_multipart_upload(Bucket="sync", Key="m", UploadId=upload["UploadId"],
                                         MultipartUpload={"Parts": parts})
            pair.wait_in_step(pair.a)
            self.assertEqual(versions(pair.a, "sync"), versions(pair.b, "sync"))
            self.assertEqual(content(pair.a, "sync"), content(pair.b, "sync"))
            for number in (1, 2, 3):
                heads = [site.boto3_client().head_object(Bucket="sync", Key="m", PartNumber=number,
                                                         ChecksumMode="ENABLED")
                         for site in (pair.a, pair.b)]
                for name in ("ContentLength", "ETag", "PartsCount", "ChecksumSHA256"):
                    self.assertEqual(heads[0][name], heads[1][name], (number, name))

    def test_crashes_of_both_sides_lose_nothing(self):
        with SitePair() as pair:
            pair.make_bucket("sync", versioned=True)
            pair.follow(pair.a, pair.b, "sync", "--bandwidth", "8MiB")
            s3 = pair.a.boto3_client()
            s3.put_object(Bucket="sync", Key="large", Body=noise(5, 40 * MIB))
            for i in range(200):
                s3.put_object(Bucket="sync", Key=f"k{i}", Body=noise(i, 2000))
            for site in (pair.a, pair.b, pair.a):
                time.sleep(1)
                site.kill()
                site.start()
            pair.wait_in_step(pair.a)
            self.assertEqual(versions(pair.a, "sync"), versions(pair.b, "sync"))
            self.assertEqual(content(pair.a, "sync"), content(pair.b, "sync"))
            # What was sent before the last crash was not sent again (counters begin with the process).
            rule = pair.rule(pair.a)
            self.assertGreater(rule["saved_bytes"], 4 * MIB, rule)

    def test_a_partition_is_caught_up_with(self):
        with SitePair() as pair:
            pair.make_bucket("sync", versioned=True)
            pair.follow(pair.a, pair.b, "sync")
            pair.wait_in_step(pair.a)
            pair.cut(pair.b)
            s3 = pair.a.boto3_client()
            for i in range(50):
                s3.put_object(Bucket="sync", Key=f"k{i % 10}", Body=noise(i, 3000))
            s3.delete_object(Bucket="sync", Key="k1")
            pair.wait("the failure", lambda: pair.rule(pair.a)["state"] == "failing")
            self.assertEqual(s3.head_object(Bucket="sync", Key="k2")["ReplicationStatus"], "PENDING")
            rule = pair.rule(pair.a)
            self.assertEqual(rule["pending_changes"], 51, rule)
            pair.wait("the lag", lambda: pair.rule(pair.a)["lag_seconds"] > 1)
            metrics = pair.a.metrics()
            lag = [value for name, value in metrics.items() if "sync_lag_seconds" in name]
            self.assertGreater(lag[0], 1)
            pair.heal(pair.b)
            pair.wait_in_step(pair.a)
            self.assertEqual(versions(pair.a, "sync"), versions(pair.b, "sync"))
            self.assertEqual(pair.rule(pair.a)["lag_seconds"], 0)

    def test_a_tail_that_is_too_long_is_compared(self):
        with SitePair(args_a=["--sync-tail-rows", "20"]) as pair:
            pair.make_bucket("sync")
            pair.follow(pair.a, pair.b, "sync")
            s3 = pair.a.boto3_client()
            for i in range(10):
                s3.put_object(Bucket="sync", Key=f"gone{i}", Body=b"x")
            pair.wait_in_step(pair.a)
            pair.cut(pair.b)
            for i in range(10):
                s3.delete_object(Bucket="sync", Key=f"gone{i}")
            for i in range(100):
                s3.put_object(Bucket="sync", Key=f"k{i}", Body=noise(i, 500))
            self.assertLessEqual(pair.rule(pair.a)["pending_changes"], 20)
            pair.a.kill()
            pair.a.start()
            pair.heal(pair.b)
            pair.wait_in_step(pair.a)
            self.assertEqual(content(pair.a, "sync"), content(pair.b, "sync"))
            self.assertEqual(len(content(pair.b, "sync")), 100)

    def removed_at_the_target(self, versioned):
        with SitePair() as pair:
            pair.make_bucket("sync", versioned=versioned)
            rule = pair.follow(pair.a, pair.b, "sync")
            s3, there = pair.a.boto3_client(), pair.b.boto3_client()
            for key in ("stays", "gone", "again"):
                s3.put_object(Bucket="sync", Key=key, Body=key.encode())
            pair.wait_in_step(pair.a)
            for key in ("gone", "again"):
                of = {row[0]: row[1] for row in versions(pair.b, "sync")}
                there.delete_object(Bucket="sync", Key=key, **({"VersionId": of[key]} if versioned else {}))
            pair.b.restart()
            pair.admin(pair.a, "compare", rule)
            pair.wait_in_step(pair.a)
            self.assertEqual(content(pair.b, "sync"), {"stays": b"stays"})
            # What is written after that is another version.
            s3.put_object(Bucket="sync", Key="again", Body=b"new")
            pair.wait_in_step(pair.a)
            pair.admin(pair.a, "compare", rule)
            pair.wait_in_step(pair.a)
            self.assertEqual(content(pair.b, "sync"), {"stays": b"stays", "again": b"new"})
            self.assertEqual(content(pair.a, "sync")["gone"], b"gone")

    def test_what_the_target_removed_does_not_return_by_a_comparison(self):
        self.removed_at_the_target(versioned=False)

    def test_versions_that_the_target_removed_do_not_return_by_a_comparison(self):
        self.removed_at_the_target(versioned=True)

    def test_encryption_under_the_targets_own_keys(self):
        with SitePair() as pair:
            pair.make_bucket("sync", versioned=True)
            for name, site in (("team-a", pair.a), ("team-b", pair.b)):
                subprocess.run([binary(), "admin", "kms", "create", "--id", name, "--data", site.data],
                               capture_output=True, timeout=60, check=True)
            pair.follow(pair.a, pair.b, "sync", "--kms-key", "team-b")
            s3, there = pair.a.boto3_client(), pair.b.boto3_client()
            bodies = {"small": noise(1, 3000), "large": noise(2, 6 * MIB)}
            for key, body in bodies.items():
                s3.put_object(Bucket="sync", Key=key, Body=body, ServerSideEncryption="aws:kms",
                              SSEKMSKeyId="team-a")
            pair.wait_in_step(pair.a)
            self.assertEqual(content(pair.b, "sync"), bodies)
            for key in bodies:
                head = there.head_object(Bucket="sync", Key=key)
                self.assertEqual(head["ServerSideEncryption"], "aws:kms")
                self.assertTrue(head["SSEKMSKeyId"].endswith("team-b"), head["SSEKMSKeyId"])
                self.assertTrue(s3.head_object(Bucket="sync", Key=key)["SSEKMSKeyId"].endswith("team-a"))
            self.assertEqual([row[:2] for row in versions(pair.a, "sync")],
                             [row[:2] for row in versions(pair.b, "sync")])

    def test_locks_hold_at_the_target(self):
        with SitePair() as pair:
            for site in (pair.a, pair.b):
                site.boto3_client().create_bucket(Bucket="sync", ObjectLockEnabledForBucket=True)
            rule = pair.follow(pair.a, pair.b, "sync", "--removals")
            s3, there = pair.a.boto3_client(), pair.b.boto3_client()
            until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
            kept = s3.put_object(Bucket="sync", Key="kept", Body=b"1", ObjectLockMode="GOVERNANCE",
                                 ObjectLockRetainUntilDate=until)["VersionId"]
            held = s3.put_object(Bucket="sync", Key="held", Body=b"2")["VersionId"]
            s3.put_object_legal_hold(Bucket="sync", Key="held", LegalHold={"Status": "ON"})
            pair.wait_in_step(pair.a)
            head = there.head_object(Bucket="sync", Key="kept")
            self.assertEqual(head["ObjectLockMode"], "GOVERNANCE")
            self.assertAlmostEqual(head["ObjectLockRetainUntilDate"].timestamp(), until.timestamp(), delta=1)
            self.assertEqual(there.get_object_legal_hold(Bucket="sync", Key="held")["LegalHold"]["Status"], "ON")
            for key, version in (("kept", kept), ("held", held)):
                with self.assertRaisesRegex(ClientError, "AccessDenied"):
                    there.delete_object(Bucket="sync", Key=key, VersionId=version)
            # Who may bypass it at the source does not thereby bypass it at the target.
            s3.delete_object(Bucket="sync", Key="kept", VersionId=kept, BypassGovernanceRetention=True)
            pair.wait("the refusal", lambda: pair.rule(pair.a)["failed_changes"] == 1)
            self.assertEqual(there.get_object(Bucket="sync", Key="kept", VersionId=kept)["Body"].read(), b"1")
            failed = json.loads(pair.admin(pair.a, "failed", rule).stdout)["failed"]
            self.assertEqual([each["key"] for each in failed], ["kept"])
            # The hold goes at the source, and then at the target.
            s3.put_object_legal_hold(Bucket="sync", Key="held", LegalHold={"Status": "OFF"})
            pair.wait("the release", lambda: there.get_object_legal_hold(
                Bucket="sync", Key="held")["LegalHold"]["Status"] == "OFF")

    def both_write(self, versioned):
        with SitePair() as pair:
            pair.make_bucket("sync", versioned=versioned)
            pair.follow(pair.a, pair.b, "sync")
            pair.follow(pair.b, pair.a, "sync")
            pair.wait_in_step()
            pick = random.Random(7)
            clients = [pair.a.boto3_client(), pair.b.boto3_client()]
            for step in range(120):
                if step == 40:
                    pair.cut(pair.a)
                    pair.cut(pair.b)
                if step == 90:
                    pair.heal(pair.a)
                    pair.heal(pair.b)
                s3 = clients[pick.randrange(2)]
                key = f"k{pick.randrange(5)}"
                if pick.randrange(4) == 0:
                    s3.delete_object(Bucket="sync", Key=key)
                else:
                    s3.put_object(Bucket="sync", Key=key, Body=noise(step, pick.choice([10, 40000])))
            pair.wait_in_step()
            # A change that arrived last may have waited for nobody.
            time.sleep(1)
            pair.wait_in_step()
            self.assertEqual(versions(pair.a, "sync"), versions(pair.b, "sync"))
            self.assertEqual(content(pair.a, "sync"), content(pair.b, "sync"))
            if versioned:
                self.assertGreater(len(versions(pair.a, "sync")), 100)
            for site in (pair.a, pair.b):
                self.assertEqual(site.scrub()["damaged"], [])

    def test_two_sites_that_write_converge_with_versions(self):
        self.both_write(True)

    def test_two_sites_that_write_converge_without_versions(self):
        self.both_write(False)

    def test_the_bandwidth_holds(self):
        with SitePair() as pair:
            pair.make_bucket("sync")
            rule = pair.follow(pair.a, pair.b, "sync", "--bandwidth", "4MiB")
            pair.wait_in_step(pair.a)
            begin = time.monotonic()
            pair.a.boto3_client().put_object(Bucket="sync", Key="k", Body=noise(3, 20 * MIB))
            pair.wait_in_step(pair.a)
            self.assertGreater(time.monotonic() - begin, 4)
            pair.admin(pair.a, "bandwidth", rule, "0")
            self.assertEqual(pair.rule(pair.a)["bandwidth"], 0)

    def test_one_refused_object_does_not_stop_the_rest(self):
        with SitePair(args_a=["--allow-ssec-over-http"]) as pair:
            pair.make_bucket("sync")
            s3 = pair.a.boto3_client()
            rule = pair.follow(pair.a, pair.b, "sync")
            pair.wait_in_step(pair.a)
            key = os.urandom(32)
            # boto3 wants TLS for customers' keys; the header is the same.
            self.put_under_customer_key(pair.a, "sync", "secret", key)
            s3.put_object(Bucket="sync", Key="plain", Body=b"text")
            pair.wait_in_step(pair.a)
            self.assertEqual(list(content(pair.b, "sync")), ["plain"])
            failed = json.loads(pair.admin(pair.a, "failed", rule).stdout)["failed"]
            self.assertEqual([each["key"] for each in failed], ["secret"])
            self.assertIn("SSE-C", failed[0]["reason"])

    def put_under_customer_key(self, site, bucket, name, key):
        import base64
        import hashlib
        s3 = site.boto3_client()

        def add(params, **kwargs):
            params["headers"]["x-amz-server-side-encryption-customer-algorithm"] = "AES256"
            params["headers"]["x-amz-server-side-encryption-customer-key"] = \
                base64.b64encode(key).decode()
            params["headers"]["x-amz-server-side-encryption-customer-key-MD5"] = \
                base64.b64encode(hashlib.md5(key).digest()).decode()
        s3.meta.events.register("before-call.s3.PutObject", add)
        s3.put_object(Bucket=bucket, Key=name, Body=b"hidden")

    def test_rules_are_managed(self):
        with SitePair() as pair:
            pair.make_bucket("sync")
            rule = pair.follow(pair.a, pair.b, "sync", "--prefix", "in/")
            self.assertNotEqual(pair.admin(pair.a, "add", "sync", "--to", pair.b.endpoint + "/nowhere",
                                           "--credentials", pair.credentials(pair.b),
                                           check=False).returncode, 0)
            self.assertNotEqual(pair.admin(pair.a, "add", "sync", "--to", pair.b.endpoint + "/sync",
                                           "--credentials", pair.credentials(pair.a),
                                           check=False).returncode, 0)
            pair.admin(pair.a, "pause", rule)
            s3 = pair.a.boto3_client()
            s3.put_object(Bucket="sync", Key="in/k", Body=b"1")
            s3.put_object(Bucket="sync", Key="out/k", Body=b"2")
            self.assertEqual(pair.rule(pair.a)["pending_changes"], 1)
            self.assertEqual(content(pair.b, "sync"), {})
            pair.admin(pair.a, "resume", rule)
            pair.wait_in_step(pair.a)
            self.assertEqual(content(pair.b, "sync"), {"in/k": b"1"})
            self.assertNotIn("ReplicationStatus", s3.head_object(Bucket="sync", Key="out/k"))
            pair.admin(pair.a, "remove", rule)
            self.assertEqual(pair.rules(pair.a), [])
            s3.put_object(Bucket="sync", Key="in/l", Body=b"3")
            self.assertEqual(content(pair.b, "sync"), {"in/k": b"1"})

    def test_replicas_need_a_right_of_their_own(self):
        with SitePair() as pair:
            pair.make_bucket("sync")
            made = self.restricted_user(pair.b, ["s3:PutObject", "s3:GetObject", "s3:ListBucket"])
            with open(pair.credentials(pair.b), "w", encoding="ascii") as file:
                file.write(f"AWS_ACCESS_KEY_ID={made[0]}\nAWS_SECRET_ACCESS_KEY={made[1]}\n")
            done = pair.admin(pair.a, "add", "sync", "--to", pair.b.endpoint + "/sync", "--credentials",
                              file.name, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("AccessDenied", done.stderr)

    def restricted_user(self, site, actions):
        import boto3
        iam = boto3.client("iam", endpoint_url=site.endpoint, region_name="us-east-1",
                           aws_access_key_id=site.access_key, aws_secret_access_key=site.secret_key)
        iam.create_user(UserName="u")
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}))
        key = iam.create_access_key(UserName="u")["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


if __name__ == "__main__":
    unittest.main(verbosity=2)
