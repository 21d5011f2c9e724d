"""Property: every configuration of a bucket and of an object comes back from boto3 as it was put, unset
ones answer S3's codes, and what a configuration says is done (versions, locks, CORS, expiration headers).
Method: one round trip per configuration against a real server; raw requests where no client sends them."""
import datetime
import http.client
import json
import sys
import time
import unittest

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    print("SKIPPED: boto3: not installed for " + sys.executable)
    sys.exit(0)

import clients_case

HOOK = "arn:cairn:webhook:us-east-1::hook"


class ConfigCase(unittest.TestCase):
    ARGS = ("--notify-webhook", "hook=http://127.0.0.1:9/")

    @classmethod
    def setUpClass(cls):
        cls.server = clients_case.CairnServer(args=cls.ARGS).start()
        cls.addClassCleanup(cls.server.close)
        cls.s3 = boto3.client("s3", endpoint_url=cls.server.endpoint, region_name="us-east-1",
                              aws_access_key_id=cls.server.access_key,
                              aws_secret_access_key=cls.server.secret_key,
                              config=Config(retries={"max_attempts": 1}))

    def bucket(self, **arguments):
        name = "config-" + str(time.time_ns())
        self.s3.create_bucket(Bucket=name, **arguments)
        return name

    def assert_code(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], status)
        return caught.exception.response

    def answer(self, call, **arguments):
        """The reply without its metadata and headers of its own."""
        reply = call(**arguments)
        reply.pop("ResponseMetadata")
        return reply


class BucketDocuments(ConfigCase):
    def test_tagging(self):
        name = self.bucket()
        self.assert_code("NoSuchTagSet", 404, self.s3.get_bucket_tagging, Bucket=name)
        tags = [{"Key": "a b", "Value": "é"}, {"Key": "c", "Value": ""}]
        self.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        self.assertEqual(self.s3.get_bucket_tagging(Bucket=name)["TagSet"], tags)
        twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
        self.assert_code("InvalidTag", 400, self.s3.put_bucket_tagging, Bucket=name,
                         Tagging={"TagSet": twice})
        self.assertEqual(self.s3.get_bucket_tagging(Bucket=name)["TagSet"], tags)
        self.s3.delete_bucket_tagging(Bucket=name)
        self.assert_code("NoSuchTagSet", 404, self.s3.get_bucket_tagging, Bucket=name)

    def test_cors(self):
        name = self.bucket()
        self.assert_code("NoSuchCORSConfiguration", 404, self.s3.get_bucket_cors, Bucket=name)
        rules = [{"ID": "one", "AllowedHeaders": ["*"], "AllowedMethods": ["GET", "PUT"],
                  "AllowedOrigins": ["https://*.example.com"], "ExposeHeaders": ["ETag"],
                  "MaxAgeSeconds": 60}]
        self.s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})
        self.assertEqual(self.s3.get_bucket_cors(Bucket=name)["CORSRules"], rules)
        bad = [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]
        error = self.assert_code("InvalidRequest", 400, self.s3.put_bucket_cors, Bucket=name,
                                 CORSConfiguration={"CORSRules": bad})
        self.assertEqual(error["Error"]["Message"],
                         "Found unsupported HTTP method in CORS config. Unsupported method is PATCH")
        self.s3.delete_bucket_cors(Bucket=name)
        self.assert_code("NoSuchCORSConfiguration", 404, self.s3.get_bucket_cors, Bucket=name)

    def test_lifecycle(self):
        name = self.bucket()
        get = self.s3.get_bucket_lifecycle_configuration
        self.assert_code("NoSuchLifecycleConfiguration", 404, get, Bucket=name)
        midnight = datetime.datetime(2030, 1, 2, tzinfo=datetime.timezone.utc)
        rules = [
            {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}},
            {"ID": "b", "Status": "Disabled", "Prefix": "old/", "Expiration": {"Date": midnight}},
            {"ID": "c", "Status": "Enabled", "Filter": {
                "And": {"Prefix": "x", "Tags": [{"Key": "k", "Value": "v"}],
                        "ObjectSizeGreaterThan": 5}},
             "NoncurrentVersionExpiration": {"NoncurrentDays": 2, "NewerNoncurrentVersions": 3},
             "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]},
            {"ID": "d", "Status": "Enabled", "Filter": {},
             "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        ]
        self.s3.put_bucket_lifecycle_configuration(Bucket=name,
                                                   LifecycleConfiguration={"Rules": rules})
        self.assertEqual(get(Bucket=name)["Rules"], rules)
        zero = [{"ID": "a", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 0}}]
        self.assert_code("InvalidArgument", 400, self.s3.put_bucket_lifecycle_configuration,
                         Bucket=name, LifecycleConfiguration={"Rules": zero})
        self.s3.delete_bucket_lifecycle(Bucket=name)
        self.assert_code("NoSuchLifecycleConfiguration", 404, get, Bucket=name)

    def test_encryption(self):
        name = self.bucket()
        self.assert_code("ServerSideEncryptionConfigurationNotFoundError", 404,
                         self.s3.get_bucket_encryption, Bucket=name)
        wanted = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                             "BucketKeyEnabled": False}]}
        self.s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=wanted)
        self.assertEqual(
            self.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"], wanted)
        self.s3.delete_bucket_encryption(Bucket=name)
        self.assert_code("ServerSideEncryptionConfigurationNotFoundError", 404,
                         self.s3.get_bucket_encryption, Bucket=name)

    def test_website(self):
        name = self.bucket()
        self.assert_code("NoSuchWebsiteConfiguration", 404, self.s3.get_bucket_website, Bucket=name)
        wanted = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "e.html"},
                  "RoutingRules": [{"Condition": {"KeyPrefixEquals": "docs/"},
                                    "Redirect": {"ReplaceKeyPrefixWith": "documents/"}}]}
        self.s3.put_bucket_website(Bucket=name, WebsiteConfiguration=wanted)
        self.assertEqual(self.answer(self.s3.get_bucket_website, Bucket=name), wanted)
        self.s3.delete_bucket_website(Bucket=name)
        self.assert_code("NoSuchWebsiteConfiguration", 404, self.s3.get_bucket_website, Bucket=name)

    def test_notification(self):
        name = self.bucket()
        get = self.s3.get_bucket_notification_configuration
        put = self.s3.put_bucket_notification_configuration
        self.assertEqual(self.answer(get, Bucket=name), {})
        wanted = {"QueueConfigurations": [{
            "Id": "q", "QueueArn": HOOK, "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "in/"}]}}}]}
        put(Bucket=name, NotificationConfiguration=wanted)
        self.assertEqual(self.answer(get, Bucket=name), wanted)
        unknown = {"TopicConfigurations": [{"TopicArn": HOOK + "2",
                                            "Events": ["s3:ObjectRemoved:*"]}]}
        self.assert_code("InvalidArgument", 400, put, Bucket=name,
                         NotificationConfiguration=unknown)
        put(Bucket=name, NotificationConfiguration={})
        self.assertEqual(self.answer(get, Bucket=name), {})

    def test_logging(self):
        name, target = self.bucket(), self.bucket()
        self.assertEqual(self.answer(self.s3.get_bucket_logging, Bucket=name), {})
        wanted = {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "log/"}}
        self.s3.put_bucket_logging(Bucket=name, BucketLoggingStatus=wanted)
        self.assertEqual(self.answer(self.s3.get_bucket_logging, Bucket=name), wanted)
        absent = {"LoggingEnabled": {"TargetBucket": "no-such-target", "TargetPrefix": ""}}
        self.assert_code("InvalidTargetBucketForLogging", 400, self.s3.put_bucket_logging,
                         Bucket=name, BucketLoggingStatus=absent)
        self.s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={})
        self.assertEqual(self.answer(self.s3.get_bucket_logging, Bucket=name), {})

    def test_request_payment_and_accelerate(self):
        name = self.bucket()
        self.assertEqual(self.s3.get_bucket_request_payment(Bucket=name)["Payer"], "BucketOwner")
        self.s3.put_bucket_request_payment(Bucket=name,
                                           RequestPaymentConfiguration={"Payer": "Requester"})
        self.assertEqual(self.s3.get_bucket_request_payment(Bucket=name)["Payer"], "Requester")
        get = self.s3.get_bucket_accelerate_configuration
        self.assertEqual(self.answer(get, Bucket=name), {})
        self.s3.put_bucket_accelerate_configuration(
            Bucket=name, AccelerateConfiguration={"Status": "Suspended"})
        self.assertEqual(self.answer(get, Bucket=name)["Status"], "Suspended")
        dotted = self.s3.create_bucket(Bucket="dotted.config")["Location"].strip("/")
        self.assert_code("InvalidRequest", 400, self.s3.put_bucket_accelerate_configuration,
                         Bucket=dotted, AccelerateConfiguration={"Status": "Enabled"})

    def test_configurations_that_are_never_set(self):
        name = self.bucket()
        self.assert_code("ReplicationConfigurationNotFoundError", 404,
                         self.s3.get_bucket_replication, Bucket=name)
        for kind in ("inventory", "analytics", "metrics", "intelligent_tiering"):
            get = getattr(self.s3, f"get_bucket_{kind}_configuration")
            self.assert_code("NoSuchConfiguration", 404, get, Bucket=name, Id="x")
            listing = getattr(self.s3, f"list_bucket_{kind}_configurations")
            self.assertEqual(self.answer(listing, Bucket=name), {"IsTruncated": False})

    def test_configurations_outlive_a_restart(self):
        name = self.bucket()
        tags = [{"Key": "kept", "Value": "yes"}]
        self.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        self.server.kill()
        self.server.start()
        self.assertEqual(self.s3.get_bucket_tagging(Bucket=name)["TagSet"], tags)
        self.assertEqual(self.s3.get_bucket_versioning(Bucket=name)["Status"], "Enabled")


class Versions(ConfigCase):
    def versioned(self, status="Enabled"):
        name = self.bucket()
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})
        return name

    def test_states_of_a_bucket(self):
        name = self.bucket()
        self.assertEqual(self.answer(self.s3.get_bucket_versioning, Bucket=name), {})
        self.assertNotIn("VersionId", self.s3.put_object(Bucket=name, Key="k", Body=b"0"))
        for status in ("Enabled", "Suspended", "Enabled"):
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})
            self.assertEqual(self.s3.get_bucket_versioning(Bucket=name)["Status"], status)
        self.assert_code("NotImplemented", 501, self.s3.put_bucket_versioning, Bucket=name,
                         VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"})

    def test_versions_markers_and_their_listing(self):
        name = self.versioned()
        ids = [self.s3.put_object(Bucket=name, Key="k", Body=b"%d" % i)["VersionId"]
               for i in range(3)]
        self.assertEqual(len(set(ids)), 3)
        marker = self.s3.delete_object(Bucket=name, Key="k")
        self.assertTrue(marker["DeleteMarker"])
        error = self.assert_code("NoSuchKey", 404, self.s3.get_object, Bucket=name, Key="k")
        headers = error["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual(headers["x-amz-delete-marker"], "true")
        self.assertEqual(headers["x-amz-version-id"], marker["VersionId"])
        error = self.assert_code("MethodNotAllowed", 405, self.s3.get_object, Bucket=name, Key="k",
                                 VersionId=marker["VersionId"])
        headers = error["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual(headers["x-amz-delete-marker"], "true")
        self.assertEqual(headers["allow"], "DELETE")
        self.assertEqual(
            self.s3.get_object(Bucket=name, Key="k", VersionId=ids[1])["Body"].read(), b"1")
        listed = self.s3.list_object_versions(Bucket=name)
        self.assertEqual([v["VersionId"] for v in listed["Versions"]], ids[::-1])
        self.assertEqual([v["IsLatest"] for v in listed["Versions"]], [False] * 3)
        self.assertTrue(listed["DeleteMarkers"][0]["IsLatest"])
        gone = self.s3.delete_object(Bucket=name, Key="k", VersionId=marker["VersionId"])
        self.assertTrue(gone["DeleteMarker"])
        self.assertEqual(self.s3.get_object(Bucket=name, Key="k")["VersionId"], ids[2])

    def test_ids_that_name_nothing(self):
        name = self.versioned()
        stored = self.s3.put_object(Bucket=name, Key="k", Body=b"")["VersionId"]
        self.s3.delete_object(Bucket=name, Key="k", VersionId=stored)
        self.assert_code("NoSuchVersion", 404, self.s3.get_object, Bucket=name, Key="k",
                         VersionId=stored)
        self.assert_code("InvalidArgument", 400, self.s3.get_object, Bucket=name, Key="k",
                         VersionId="no!id")
        self.assert_code("404", 404, self.s3.head_object, Bucket=name, Key="k", VersionId=stored)
        self.assert_code("InvalidArgument", 400, self.s3.list_object_versions, Bucket=name,
                         VersionIdMarker=stored)

    def test_null_versions_of_suspended_buckets(self):
        name = self.versioned()
        first = self.s3.put_object(Bucket=name, Key="k", Body=b"1")["VersionId"]
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
        self.assertEqual(self.s3.put_object(Bucket=name, Key="k", Body=b"2")["VersionId"], "null")
        self.assertEqual(self.s3.put_object(Bucket=name, Key="k", Body=b"3")["VersionId"], "null")
        listed = [v["VersionId"] for v in self.s3.list_object_versions(Bucket=name)["Versions"]]
        self.assertEqual(listed, ["null", first])
        null = self.s3.get_object(Bucket=name, Key="k", VersionId="null")
        self.assertEqual(null["Body"].read(), b"3")

    def test_deleting_many_versions(self):
        name = self.versioned()
        first = self.s3.put_object(Bucket=name, Key="a", Body=b"1")["VersionId"]
        self.s3.put_object(Bucket=name, Key="b", Body=b"1")
        deleted = self.s3.delete_objects(Bucket=name, Delete={"Objects": [
            {"Key": "a", "VersionId": first}, {"Key": "b"}]})["Deleted"]
        by_key = {entry["Key"]: entry for entry in deleted}
        self.assertEqual(by_key["a"]["VersionId"], first)
        self.assertNotIn("DeleteMarker", by_key["a"])
        self.assertTrue(by_key["b"]["DeleteMarker"])
        again = self.s3.delete_objects(Bucket=name, Delete={"Objects": [
            {"Key": "b", "VersionId": by_key["b"]["DeleteMarkerVersionId"]}]})["Deleted"]
        self.assertTrue(again[0]["DeleteMarker"])

    def test_copies_of_versions(self):
        name = self.versioned()
        first = self.s3.put_object(Bucket=name, Key="k", Body=b"first")["VersionId"]
        self.s3.put_object(Bucket=name, Key="k", Body=b"second")
        copied = self.s3.copy_object(Bucket=name, Key="copy", CopySource={
            "Bucket": name, "Key": "k", "VersionId": first})
        self.assertEqual(copied["CopySourceVersionId"], first)
        self.assertEqual(self.s3.get_object(Bucket=name, Key="copy")["Body"].read(), b"first")

    def test_unversioned_buckets_list_null_versions(self):
        name = self.bucket()
        self.s3.put_object(Bucket=name, Key="k", Body=b"")
        version = self.s3.list_object_versions(Bucket=name)["Versions"][0]
        self.assertEqual((version["VersionId"], version["IsLatest"]), ("null", True))


class ObjectTags(ConfigCase):
    def test_tags_of_versions(self):
        name = self.bucket()
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        first = self.s3.put_object(Bucket=name, Key="k", Body=b"", Tagging="a=1&b=%20")["VersionId"]
        self.s3.put_object(Bucket=name, Key="k", Body=b"")
        reply = self.s3.get_object_tagging(Bucket=name, Key="k", VersionId=first)
        self.assertEqual(reply["TagSet"], [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": " "}])
        self.assertEqual(reply["VersionId"], first)
        self.assertEqual(self.s3.get_object_tagging(Bucket=name, Key="k")["TagSet"], [])
        tags = [{"Key": "c", "Value": "2"}]
        self.s3.put_object_tagging(Bucket=name, Key="k", Tagging={"TagSet": tags})
        self.assertEqual(self.s3.get_object_tagging(Bucket=name, Key="k")["TagSet"], tags)
        self.assertEqual(self.s3.get_object(Bucket=name, Key="k")["TagCount"], 1)
        self.s3.delete_object_tagging(Bucket=name, Key="k")
        self.assertEqual(self.s3.get_object_tagging(Bucket=name, Key="k")["TagSet"], [])
        self.assertNotIn("TagCount", self.s3.get_object(Bucket=name, Key="k"))

    def test_bad_tags(self):
        name = self.bucket()
        self.s3.put_object(Bucket=name, Key="k", Body=b"")
        many = [{"Key": str(i), "Value": ""} for i in range(11)]
        self.assert_code("InvalidTag", 400, self.s3.put_object_tagging, Bucket=name, Key="k",
                         Tagging={"TagSet": many})
        self.assert_code("InvalidTag", 400, self.s3.put_object, Bucket=name, Key="k", Body=b"",
                         Tagging="aws:x=1")
        self.assert_code("NoSuchKey", 404, self.s3.put_object_tagging, Bucket=name, Key="absent",
                         Tagging={"TagSet": []})

    def test_tags_of_copies_and_uploads(self):
        name = self.bucket()
        self.s3.put_object(Bucket=name, Key="k", Body=b"1", Tagging="a=1")
        source = {"Bucket": name, "Key": "k"}
        self.s3.copy_object(Bucket=name, Key="same", CopySource=source)
        self.s3.copy_object(Bucket=name, Key="other", CopySource=source, Tagging="b=2",
                            TaggingDirective="REPLACE")
        upload = self.s3.create_multipart_upload(Bucket=name, Key="parts", Tagging="c=3")["UploadId"]
        part = self.s3.upload_part(Bucket=name, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
        self.s3.complete_multipart_upload(
            Bucket=name, Key="parts", UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        for key, tag in (("same", "a"), ("other", "b"), ("parts", "c")):
            tags = self.s3.get_object_tagging(Bucket=name, Key=key)["TagSet"]
            self.assertEqual([t["Key"] for t in tags], [tag], key)


class Locks(ConfigCase):
    def locked(self):
        return self.bucket(ObjectLockEnabledForBucket=True)

    def put(self, bucket, key="k", **arguments):
        return self.s3.put_object(Bucket=bucket, Key=key, Body=b"x", ChecksumAlgorithm="SHA256",
                                  **arguments)["VersionId"]

    @staticmethod
    def later(days):
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        return now + datetime.timedelta(days=days)

    def remove(self, bucket, version, bypass=False):
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=version,
                              BypassGovernanceRetention=bypass)

    def test_configuration(self):
        plain, name = self.bucket(), self.locked()
        self.assert_code("ObjectLockConfigurationNotFoundError", 404,
                         self.s3.get_object_lock_configuration, Bucket=plain)
        get = self.s3.get_object_lock_configuration
        self.assertEqual(get(Bucket=name)["ObjectLockConfiguration"],
                         {"ObjectLockEnabled": "Enabled"})
        wanted = {"ObjectLockEnabled": "Enabled",
                  "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
        self.s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=wanted)
        self.assertEqual(get(Bucket=name)["ObjectLockConfiguration"], wanted)
        self.assert_code("InvalidBucketState", 409, self.s3.put_bucket_versioning, Bucket=name,
                         VersioningConfiguration={"Status": "Suspended"})
        self.assert_code("InvalidBucketState", 409, self.s3.put_object_lock_configuration,
                         Bucket=plain, ObjectLockConfiguration=wanted)
        self.s3.put_bucket_versioning(Bucket=plain, VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_object_lock_configuration(Bucket=plain, ObjectLockConfiguration=wanted)
        self.assertEqual(get(Bucket=plain)["ObjectLockConfiguration"], wanted)
        version = self.put(plain)
        kept = self.s3.get_object_retention(Bucket=plain, Key="k", VersionId=version)["Retention"]
        self.assertEqual(kept["Mode"], "GOVERNANCE")
        self.assertLess(abs((kept["RetainUntilDate"] - self.later(1)).total_seconds()), 60)

    def test_plain_buckets_take_no_locks(self):
        name = self.bucket()
        self.s3.put_object(Bucket=name, Key="k", Body=b"")
        self.assert_code("InvalidRequest", 400, self.s3.put_object, Bucket=name, Key="k", Body=b"",
                         ObjectLockLegalHoldStatus="ON")
        self.assert_code("InvalidRequest", 400, self.s3.get_object_retention, Bucket=name, Key="k")
        self.assert_code("InvalidRequest", 400, self.s3.put_object_legal_hold, Bucket=name, Key="k",
                         LegalHold={"Status": "ON"})

    def test_governance_may_be_bypassed_and_compliance_not(self):
        name = self.locked()
        for mode in ("GOVERNANCE", "COMPLIANCE"):
            version = self.put(name, ObjectLockMode=mode, ObjectLockRetainUntilDate=self.later(2))
            head = self.s3.head_object(Bucket=name, Key="k")
            self.assertEqual(head["ObjectLockMode"], mode)
            self.assertEqual(head["ObjectLockRetainUntilDate"], self.later(2).replace(
                second=head["ObjectLockRetainUntilDate"].second,
                minute=head["ObjectLockRetainUntilDate"].minute,
                hour=head["ObjectLockRetainUntilDate"].hour))
            self.assert_code("AccessDenied", 403, self.remove, bucket=name, version=version)
            shorter = {"Mode": mode, "RetainUntilDate": self.later(1)}
            longer = {"Mode": mode, "RetainUntilDate": self.later(3)}
            put = self.s3.put_object_retention
            put(Bucket=name, Key="k", Retention=longer)
            self.assert_code("AccessDenied", 403, put, Bucket=name, Key="k", Retention=shorter)
            if mode == "GOVERNANCE":
                put(Bucket=name, Key="k", Retention=shorter, BypassGovernanceRetention=True)
                self.remove(name, version, bypass=True)
            else:
                self.assert_code("AccessDenied", 403, put, Bucket=name, Key="k", Retention=shorter,
                                 BypassGovernanceRetention=True)
                self.assert_code("AccessDenied", 403, self.remove, bucket=name, version=version,
                                 bypass=True)

    def test_legal_hold(self):
        name = self.locked()
        version = self.put(name)
        get = self.s3.get_object_legal_hold
        self.assert_code("NoSuchObjectLockConfiguration", 404, get, Bucket=name, Key="k")
        self.assert_code("NoSuchObjectLockConfiguration", 404, self.s3.get_object_retention,
                         Bucket=name, Key="k")
        for status in ("ON", "OFF"):
            self.s3.put_object_legal_hold(Bucket=name, Key="k", LegalHold={"Status": status})
            self.assertEqual(get(Bucket=name, Key="k")["LegalHold"], {"Status": status})
            head = self.s3.head_object(Bucket=name, Key="k")
            self.assertEqual(head["ObjectLockLegalHoldStatus"], status)
            if status == "ON":
                self.assert_code("AccessDenied", 403, self.remove, bucket=name, version=version,
                                 bypass=True)
        self.remove(name, version)

    def test_locks_of_copies_and_uploads(self):
        name = self.locked()
        self.put(name)
        self.s3.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": "k"},
                            ObjectLockLegalHoldStatus="ON")
        upload = self.s3.create_multipart_upload(
            Bucket=name, Key="parts", ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=self.later(1))["UploadId"]
        part = self.s3.upload_part(Bucket=name, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
        self.s3.complete_multipart_upload(
            Bucket=name, Key="parts", UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self.assertEqual(self.s3.head_object(Bucket=name, Key="copy")["ObjectLockLegalHoldStatus"],
                         "ON")
        self.assertEqual(self.s3.head_object(Bucket=name, Key="parts")["ObjectLockMode"],
                         "GOVERNANCE")

    def test_bad_lock_headers(self):
        name = self.locked()
        put = self.s3.put_object
        given = {"Bucket": name, "Key": "k", "Body": b"", "ChecksumAlgorithm": "SHA256"}
        self.assert_code("InvalidArgument", 400, put, ObjectLockMode="GOVERNANCE", **given)
        self.assert_code("InvalidArgument", 400, put, ObjectLockMode="abc",
                         ObjectLockRetainUntilDate=self.later(1), **given)
        self.assert_code("InvalidArgument", 400, put, ObjectLockMode="GOVERNANCE",
                         ObjectLockRetainUntilDate=self.later(-1), **given)
        self.assert_code("InvalidArgument", 400, put, ObjectLockLegalHoldStatus="maybe", **given)


class ExpirationHeader(ConfigCase):
    def test_put_head_and_get_tell_when_and_why(self):
        name = self.bucket()
        self.s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [
            {"ID": "soon & sure", "Status": "Enabled", "Filter": {"Prefix": "tmp/"},
             "Expiration": {"Days": 1}},
            {"ID": "stale", "Status": "Enabled", "Filter": {"Prefix": "tmp/"},
             "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}]})
        upload = self.s3.create_multipart_upload(Bucket=name, Key="tmp/parts")
        self.assertEqual(upload["AbortRuleId"], "stale")
        self.assertGreater(upload["AbortDate"], datetime.datetime.now(datetime.timezone.utc))
        part = self.s3.upload_part(Bucket=name, Key="tmp/parts", UploadId=upload["UploadId"],
                                   PartNumber=1, Body=b"x")
        completed = self.s3.complete_multipart_upload(
            Bucket=name, Key="tmp/parts", UploadId=upload["UploadId"],
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        copied = self.s3.copy_object(Bucket=name, Key="tmp/copy",
                                     CopySource={"Bucket": name, "Key": "tmp/parts"})
        replies = [completed, copied,
                   self.s3.put_object(Bucket=name, Key="tmp/a", Body=b""),
                   self.s3.head_object(Bucket=name, Key="tmp/a"),
                   self.s3.get_object(Bucket=name, Key="tmp/a")]
        for reply in replies:
            self.assertRegex(reply["Expiration"], r'^expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 '
                                                  r'GMT", rule-id="soon%20%26%20sure"$')
        self.assertNotIn("Expiration", self.s3.put_object(Bucket=name, Key="a", Body=b""))


class RawRequests(ConfigCase):
    """Without credentials, as browsers send them."""
    ARGS = ConfigCase.ARGS + ("--website-domain", "web.test")

    def request(self, method, path, **headers):
        connection = http.client.HTTPConnection(self.server.host_port, timeout=30)
        self.addCleanup(connection.close)
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read().decode()

    def open_to_all(self, bucket, *actions):
        self.s3.delete_public_access_block(Bucket=bucket)
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": "*", "Action": list(actions),
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}))

    def test_a_page_of_another_origin_reads_and_writes(self):
        name = self.bucket()
        self.s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [
            {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://*.app"],
             "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"]}]})
        status, headers, _ = self.request("OPTIONS", f"/{name}/k", Origin="https://my.app",
                                          Access_Control_Request_Method="PUT",
                                          Access_Control_Request_Headers="content-type")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Access-Control-Allow-Origin"], "https://my.app")
        self.assertEqual(headers["Access-Control-Allow-Headers"], "content-type")
        self.s3.put_object(Bucket=name, Key="k", Body=b"x")
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "k"})
        path = url.split(self.server.host_port, 1)[1]
        status, headers, body = self.request("GET", path, Origin="https://my.app")
        self.assertEqual((status, body), (200, "x"))
        self.assertEqual(headers["Access-Control-Expose-Headers"], "ETag")
        status, headers, _ = self.request("GET", f"/{name}/k", Origin="https://my.app")
        self.assertEqual(status, 403)
        self.assertEqual(headers["Access-Control-Allow-Origin"], "https://my.app")
        self.s3.delete_bucket_cors(Bucket=name)
        _, headers, _ = self.request("GET", path, Origin="https://my.app")
        self.assertNotIn("Access-Control-Allow-Origin", headers)

    def site(self, **configuration):
        name = self.bucket()
        configuration.setdefault("IndexDocument", {"Suffix": "index.html"})
        self.s3.put_bucket_website(Bucket=name, WebsiteConfiguration=configuration)
        for key, body in (("index.html", "home"), ("docs/index.html", "docs"), ("e.html", "sorry"),
                          ("page", "page")):
            self.s3.put_object(Bucket=name, Key=key, Body=body.encode(), ContentType="text/html")
        self.s3.put_object(Bucket=name, Key="moved", Body=b"",
                           WebsiteRedirectLocation="https://example.com/there")
        return name

    def browse(self, bucket, path, method="GET"):
        return self.request(method, path, Host=bucket + ".web.test:80")

    def test_a_site_shows_index_and_error_documents(self):
        name = self.site(ErrorDocument={"Key": "e.html"})
        status, headers, body = self.browse(name, "/")
        self.assertEqual(status, 403)
        self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")
        self.assertIn("<li>Code: AccessDenied</li>", body)
        self.open_to_all(name, "s3:GetObject", "s3:ListBucket")
        self.assertEqual(self.browse(name, "/")[::2], (200, "home"))
        self.assertEqual(self.browse(name, "/docs/")[::2], (200, "docs"))
        self.assertEqual(self.browse(name, "/page?versionId=x")[::2], (200, "page"))
        status, headers, _ = self.browse(name, "/docs")
        self.assertEqual((status, headers["Location"]), (302, "/docs/"))
        status, headers, body = self.browse(name, "/absent")
        self.assertEqual((status, body), (404, "sorry"))
        self.assertEqual(headers["Content-Type"], "text/html")
        status, headers, _ = self.browse(name, "/moved")
        self.assertEqual((status, headers["Location"]), (301, "https://example.com/there"))
        status, headers, body = self.browse(name, "/page", "HEAD")
        self.assertEqual((status, headers["Content-Length"], body), (200, "4", ""))
        self.assertEqual(self.browse(name, "/page", "PUT")[0], 405)
        self.s3.delete_object(Bucket=name, Key="e.html")
        status, _, body = self.browse(name, "/<absent>".replace("<", "%3C").replace(">", "%3E"))
        self.assertEqual(status, 404)
        self.assertIn("<li>Code: NoSuchKey</li>", body)
        self.assertIn("<li>Key: &lt;absent&gt;</li>", body)

    def test_a_site_redirects_by_rules(self):
        name = self.site(RoutingRules=[
            {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}},
            {"Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "img/"},
             "Redirect": {"HostName": "cdn.example", "Protocol": "https", "HttpRedirectCode": "307"}}])
        self.open_to_all(name, "s3:GetObject", "s3:ListBucket")
        status, headers, _ = self.browse(name, "/old/a%20b")
        self.assertEqual((status, headers["Location"]),
                         (301, f"http://{name}.web.test:80/new/a%20b"))
        status, headers, _ = self.browse(name, "/img/x.png")
        self.assertEqual((status, headers["Location"]), (307, "https://cdn.example/img/x.png"))
        self.assertEqual(self.browse(name, "/other")[0], 404)
        whole = self.bucket()
        self.s3.put_bucket_website(Bucket=whole, WebsiteConfiguration={
            "RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}})
        status, headers, _ = self.browse(whole, "/a/b")
        self.assertEqual((status, headers["Location"]), (301, "https://example.com/a/b"))

    def test_hosts_that_are_no_site(self):
        name = self.bucket()
        for host_bucket, code in ((name, "NoSuchWebsiteConfiguration"),
                                  ("no-such-site", "NoSuchBucket")):
            status, _, body = self.browse(host_bucket, "/")
            self.assertEqual(status, 404)
            self.assertIn(f"<li>Code: {code}</li>", body)


if __name__ == "__main__":
    clients_case.main()
