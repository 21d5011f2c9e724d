"""Gateway buckets (docs/gateway.md): buckets of another server read through the caches and written
through; what is fresh, what is secret, and who may read what is cached."""
import base64
import concurrent.futures
import glob
import hashlib
import http.client
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from botocore.exceptions import BotoCoreError, ClientError

import gateway_faults_test as faults
from cairn_server import CairnServer, binary
from cli_peer_test import MotoServer, python_with_moto
from gateway_case import GatewayCase, MIB, NAME, body_of
from gateway_upstream import BUCKET, GatewayUpstream, PREFIX


class Reads(GatewayCase):
    def test_objects_with_all_that_is_said_of_them(self):
        body = body_of(1, 5 * MIB + 17)
        self.upstream.put("a/b c+ü", body, ContentType="text/x", Metadata={"one": "two"},
                          CacheControl="no-store", ContentDisposition="inline", ChecksumAlgorithm="SHA256")
        head = self.s3.head_object(Bucket=NAME, Key="a/b c+ü", ChecksumMode="ENABLED")
        self.assertEqual(head["ETag"], '"%s"' % hashlib.md5(body).hexdigest())
        self.assertEqual((head["ContentLength"], head["ContentType"], head["Metadata"]),
                         (len(body), "text/x", {"one": "two"}))
        self.assertEqual((head["CacheControl"], head["ContentDisposition"]), ("no-store", "inline"))
        self.assertEqual(head["ChecksumSHA256"],
                         base64.b64encode(hashlib.sha256(body).digest()).decode())
        self.assertEqual(self.get("a/b c+ü"), body)
        for first, last in ((0, 0), (65535, 65536), (MIB - 1, 3 * MIB), (5 * MIB, 6 * MIB)):
            got = self.s3.get_object(Bucket=NAME, Key="a/b c+ü", Range=f"bytes={first}-{last}")
            self.assertEqual(got["Body"].read(), body[first:last + 1])
            self.assertEqual(got["ContentRange"],
                             f"bytes {first}-{min(last, len(body) - 1)}/{len(body)}")
        self.assertEqual(self.get("a/b c+ü", Range="bytes=-10"), body[-10:])
        got = self.s3.get_object(Bucket=NAME, Key="a/b c+ü", ResponseContentType="a/b",
                                 ResponseCacheControl="max-age=1")
        self.assertEqual((got["ContentType"], got["CacheControl"]), ("a/b", "max-age=1"))
        outcome = self.outcome
        of = dict(Bucket=NAME, Key="a/b c+ü")
        self.assertEqual(outcome(self.s3.get_object, IfNoneMatch=head["ETag"], **of), "304")
        self.assertEqual(outcome(self.s3.get_object, IfMatch='"0"', **of), "PreconditionFailed")
        self.assertEqual(outcome(self.s3.get_object, Range="bytes=99999999-", **of), "InvalidRange")
        self.assertEqual(outcome(self.s3.get_object, Bucket=NAME, Key="none"), "NoSuchKey")

    def test_a_second_read_asks_the_upstream_nothing(self):
        body = body_of(2, 3 * MIB)
        self.upstream.put("k", body)
        self.assertEqual(self.get("k"), body)
        self.assertEqual((self.count("HEAD"), self.count("GET")), (1, 1))
        for _ in range(3):
            self.assertEqual(self.get("k"), body)
        self.assertEqual(len(self.seen), 2)
        self.assertEqual(self.metric("metadata_hits_total"), 3)
        self.assertEqual(self.metric("upstream_received_bytes_total"), len(body))

    def test_many_readers_of_a_cold_object_read_the_upstream_once(self):
        body = body_of(3, 16 * MIB)
        self.upstream.put("cold", body)
        barrier = threading.Barrier(64)

        def read(_):
            client = self.server.boto3_client()
            barrier.wait()
            return hashlib.sha256(client.get_object(Bucket=NAME, Key="cold")["Body"].read()).digest()
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            digests = set(pool.map(read, range(64)))
        self.assertEqual(digests, {hashlib.sha256(body).digest()})
        self.assertEqual(self.metric("upstream_received_bytes_total"), len(body))
        self.assertEqual(self.count("HEAD"), 1)
        self.assertLessEqual(self.count("GET"), 4)

    def ranges(self):
        """Those that were asked for at the upstream, in order."""
        asked = [request.headers["range"] for request in self.seen if request.is_range]
        return [tuple(int(end) for end in text.removeprefix("bytes=").split("-")) for text in asked]

    def test_a_read_in_order_takes_few_requests(self):
        body = body_of(4, 160 * MIB)
        self.upstream.put("large", body)
        self.assertEqual(hashlib.sha256(self.get("large")).digest(), hashlib.sha256(body).digest())
        # 4, 8, then 16 MiB each: 66 of them for a GiB. Nothing is asked for twice.
        self.assertLessEqual(self.count("GET"), 14)
        self.assertEqual(self.metric("upstream_received_bytes_total"), len(body))
        asked = sorted(self.ranges())
        self.assertEqual([first for first, _ in asked], [0] + [last + 1 for _, last in asked[:-1]])
        self.assertEqual(asked[-1][1], len(body) - 1)

    def test_a_range_takes_no_more_than_it_needs(self):
        body = body_of(5, 40 * MIB)
        self.upstream.put("large", body)
        for first, last in ((3 * MIB + 5, 3 * MIB + 9), (10 * MIB, 12 * MIB + 70_000), (39 * MIB, 41 * MIB)):
            self.assertEqual(self.get("large", Range=f"bytes={first}-{last}"), body[first:last + 1])
        frame = 64 * 1024
        self.assertEqual(self.ranges(), [(3 * MIB, 3 * MIB + frame - 1), (10 * MIB, 12 * MIB + 2 * frame - 1),
                                         (39 * MIB, 40 * MIB - 1)])

    def test_what_is_cached_is_not_asked_for_again(self):
        # Seven on an idle machine; a reader who is held up lets a run end, and begins another one.
        fewest = min(self.requests_for_an_object_with_holes(number) for number in range(3))
        self.assertLessEqual(fewest, 20 // 2, "less than one for two of the blocks")

    def requests_for_an_object_with_holes(self, number):
        """How many the blocks took that were not cached."""
        key, body = f"holes{number}", body_of(6 + number, 24 * MIB)
        self.upstream.put(key, body)
        begun = self.metric("upstream_received_bytes_total")
        for block in (1, 2, 9, 15):
            first = block * MIB
            self.assertEqual(self.get(key, Range=f"bytes={first}-{first + MIB - 1}"),
                             body[first:first + MIB])
        requests = self.count("GET")
        self.assertEqual(self.get(key), body)
        self.assertEqual(self.metric("upstream_received_bytes_total") - begun, len(body))
        return self.count("GET") - requests

    def test_a_client_that_is_slow_or_goes_away_holds_nothing_up(self):
        body = body_of(7, 64 * MIB)
        self.upstream.put("large", body)
        slow = self.s3.get_object(Bucket=NAME, Key="large")["Body"]
        self.assertEqual(slow.read(MIB), body[:MIB])
        gone = [self.server.boto3_client().get_object(Bucket=NAME, Key="large")["Body"] for _ in range(20)]
        for stream in gone:
            stream.close()
        self.assertEqual(self.server.boto3_client().get_object(Bucket=NAME, Key="large")["Body"].read(), body)
        time.sleep(11)  # Longer than an answer is kept open for somebody who does not read it.
        self.assertEqual(slow.read(), body[MIB:])
        asked = sum(last + 1 - first for first, last in self.ranges())
        self.assertLess(asked, 2 * len(body))

    def test_empty_objects_and_parts(self):
        self.upstream.put("empty", b"")
        self.assertEqual(self.get("empty"), b"")
        upload = self.upstream.s3.create_multipart_upload(Bucket=BUCKET, Key=PREFIX + "parts")
        of = dict(Bucket=BUCKET, Key=PREFIX + "parts", UploadId=upload["UploadId"])
        bodies = [body_of(4, 5 * MIB), body_of(5, 1000)]
        parts = [{"PartNumber": n + 1, "ETag": self.upstream.s3.upload_part(
            PartNumber=n + 1, Body=body, **of)["ETag"]} for n, body in enumerate(bodies)]
        self.upstream.s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **of)
        got = self.s3.get_object(Bucket=NAME, Key="parts", PartNumber=2)
        self.assertEqual((got["Body"].read(), got["PartsCount"]), (bodies[1], 2))
        self.assertEqual(self.s3.head_object(Bucket=NAME, Key="parts", PartNumber=1)["ContentLength"],
                         5 * MIB)
        self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="parts", PartNumber=3),
                         "InvalidPartNumber")
        self.assertEqual(self.get("parts"), b"".join(bodies))

    def test_versions(self):
        self.upstream.s3.put_bucket_versioning(Bucket=BUCKET,
                                               VersioningConfiguration={"Status": "Enabled"})
        old = self.upstream.put("v", b"old")["VersionId"]
        new = self.upstream.put("v", b"new!")["VersionId"]
        self.assertEqual(self.s3.get_bucket_versioning(Bucket=NAME)["Status"], "Enabled")
        self.assertEqual(self.get("v", VersionId=old), b"old")
        self.assertEqual(self.s3.get_object(Bucket=NAME, Key="v")["VersionId"], new)
        rows = self.s3.list_object_versions(Bucket=NAME)["Versions"]
        self.assertEqual([(row["Key"], row["VersionId"]) for row in rows], [("v", new), ("v", old)])
        marker = self.s3.delete_object(Bucket=NAME, Key="v")
        self.assertTrue(marker["DeleteMarker"])
        with self.assertRaises(ClientError) as gone:
            self.s3.head_object(Bucket=NAME, Key="v")
        headers = gone.exception.response["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual(headers["x-amz-delete-marker"], "true")
        self.assertEqual(self.get("v", VersionId=new), b"new!")
        self.s3.delete_object(Bucket=NAME, Key="v", VersionId=marker["VersionId"])
        self.assertEqual(self.get("v"), b"new!")

    def test_listings_are_the_upstreams_without_the_prefix(self):
        keys = [f"d{n % 3}/k {n:02}" for n in range(20)] + ["top&<", "z"]
        for key in keys:
            self.upstream.put(key, b"x")
        self.upstream.s3.put_object(Bucket=BUCKET, Key="of/a/tes", Body=b"")
        self.upstream.s3.put_object(Bucket=BUCKET, Key="outside", Body=b"")
        for operation in ("list_objects_v2", "list_objects", "list_object_versions"):
            pages = self.s3.get_paginator(operation).paginate(Bucket=NAME,
                                                              PaginationConfig={"PageSize": 4})
            rows = [row for page in pages for row in page.get("Contents", page.get("Versions", []))]
            self.assertEqual([row["Key"] for row in rows], sorted(keys), operation)
            page = getattr(self.s3, operation)(Bucket=NAME, EncodingType="url")
            rows = page.get("Contents", page.get("Versions", []))
            self.assertEqual([urllib.parse.unquote(row["Key"]) for row in rows], sorted(keys), operation)
        page = self.s3.list_objects_v2(Bucket=NAME, Delimiter="/", FetchOwner=True)
        self.assertEqual([row["Prefix"] for row in page["CommonPrefixes"]], ["d0/", "d1/", "d2/"])
        self.assertEqual((page["Name"], page["Prefix"]), (NAME, ""))
        page = self.s3.list_objects_v2(Bucket=NAME, Prefix="d1/", StartAfter="d1/k 10")
        self.assertEqual([row["Key"] for row in page["Contents"]],
                         [key for key in sorted(keys) if key.startswith("d1/") and key > "d1/k 10"])
        # A key outside, which no upstream should name, is no listing.
        self.assertNotIn("outside", str(self.s3.list_objects_v2(Bucket=NAME)))


class Writes(GatewayCase):
    def test_what_is_written_is_there_and_is_read_at_once(self):
        clients = [self.server.boto3_client() for _ in range(4)]  # On both cores.
        for turn in range(4):
            body = body_of(turn, 100_000 + turn)
            clients[turn].put_object(Bucket=NAME, Key="k", Body=body, Metadata={"turn": str(turn)})
            self.assertEqual(self.upstream.get("k"), body)
            for client in clients:
                got = client.get_object(Bucket=NAME, Key="k")
                self.assertEqual((got["Body"].read(), got["Metadata"]), (body, {"turn": str(turn)}))
        self.s3.delete_object(Bucket=NAME, Key="k")
        for client in clients:
            self.assertEqual(self.outcome(client.get_object, Bucket=NAME, Key="k"), "NoSuchKey")

    def test_bodies_of_all_sizes_and_conditions(self):
        for size in (0, 1, 65536, 256 * 1024, 256 * 1024 + 1, 3 * MIB + 7):
            body = body_of(size, size)
            for algorithm in ("CRC32", "SHA256"):
                self.put("k", body, ChecksumAlgorithm=algorithm)
                self.assertEqual(self.upstream.get("k"), body)
        of = dict(Bucket=NAME, Key="k", Body=b"other")
        # As headers, because the oldest clients have no parameters for them.
        for condition in (("If-None-Match", "*"), ("If-Match", '"0"')):
            def add(params, condition=condition, **_):
                params["headers"][condition[0]] = condition[1]
            self.s3.meta.events.register("before-call.s3.PutObject", add, unique_id="condition")
            self.assertEqual(self.outcome(self.s3.put_object, **of), "PreconditionFailed")
            self.s3.meta.events.unregister("before-call.s3.PutObject", unique_id="condition")
        self.assertEqual(self.upstream.get("k"), body)

    def test_a_body_that_is_not_what_was_claimed_is_not_stored(self):
        body = body_of(1, MIB)
        md5 = base64.b64encode(hashlib.md5(b"another").digest()).decode()
        crc = base64.b64encode(b"abcd").decode()
        of = dict(Bucket=NAME, Key="bad", Body=body)
        self.assertEqual(self.outcome(self.s3.put_object, ContentMD5=md5, **of), "BadDigest")
        self.assertEqual(self.outcome(self.s3.put_object, ChecksumCRC32=crc, **of), "BadDigest")
        self.assertEqual(self.outcome(self.s3.put_object, Bucket=NAME, Key="bad", Body=b"",
                                      ContentMD5=md5), "BadDigest")
        self.assertEqual(self.upstream.keys(), [])
        # Nor does it count as trouble of the upstream.
        self.assertEqual(self.metric("upstream_failures_total"), 0)
        self.put("bad", body)
        self.assertEqual(self.upstream.get("bad"), body)

    def test_multipart_uploads_pass_through(self):
        body = body_of(2, 20 * MIB + 3)
        self.s3.upload_fileobj(io.BytesIO(body), NAME, "big", ExtraArgs={"Metadata": {"a": "b"}})
        self.assertEqual(self.upstream.get("big"), body)
        self.assertEqual(self.get("big"), body)
        self.assertEqual(self.s3.head_object(Bucket=NAME, Key="big")["Metadata"], {"a": "b"})
        upload = self.s3.create_multipart_upload(Bucket=NAME, Key="open")
        self.assertEqual((upload["Bucket"], upload["Key"]), (NAME, "open"))
        of = dict(Bucket=NAME, Key="open", UploadId=upload["UploadId"])
        self.s3.upload_part(PartNumber=1, Body=body[:5 * MIB], **of)
        self.s3.upload_part_copy(PartNumber=2, CopySource={"Bucket": NAME, "Key": "big"},
                                 CopySourceRange=f"bytes=0-{5 * MIB - 1}", **of)
        self.assertEqual([part["PartNumber"] for part in self.s3.list_parts(**of)["Parts"]], [1, 2])
        uploads = self.s3.list_multipart_uploads(Bucket=NAME)["Uploads"]
        self.assertEqual([row["Key"] for row in uploads], ["open"])
        self.s3.abort_multipart_upload(**of)
        self.assertNotIn("Uploads", self.s3.list_multipart_uploads(Bucket=NAME))
        self.assertEqual(self.outcome(self.s3.list_parts, **of), "NoSuchUpload")

    def test_refusals_of_uploads_say_what_is_wrong(self):
        upload = self.s3.create_multipart_upload(Bucket=NAME, Key="parts")
        of = dict(Bucket=NAME, Key="parts", UploadId=upload["UploadId"])
        tags = [self.s3.upload_part(PartNumber=n, Body=b"tiny", **of)["ETag"] for n in (1, 2)]

        def complete(*parts, **how):
            with self.assertRaises(ClientError) as refused:
                self.s3.complete_multipart_upload(**dict(of, **how), MultipartUpload={
                    "Parts": [{"PartNumber": number, "ETag": tag} for number, tag in parts]})
            return refused.exception.response["Error"]
        told = complete((1, tags[0]), (2, tags[1]))
        self.assertEqual((told["Code"], told["MinSizeAllowed"], told["ProposedSize"], told["PartNumber"]),
                         ("EntityTooSmall", "5242880", "4", "1"))
        self.assertEqual(told["ETag"].strip('"'), tags[0].strip('"'))
        self.assertEqual(complete((2, tags[1]), (1, tags[0]))["Code"], "InvalidPartOrder")
        self.assertEqual(complete((1, tags[0]), (3, tags[1]))["Code"], "InvalidPart")
        self.assertEqual(complete((1, '"' + "0" * 32 + '"'))["Code"], "InvalidPart")
        self.assertEqual(complete((1, tags[0]), UploadId="none")["Code"], "NoSuchUpload")
        self.assertEqual(self.outcome(self.s3.upload_part, PartNumber=1, Body=b"", **dict(of, UploadId="none")),
                         "NoSuchUpload")
        self.assertEqual(self.outcome(self.s3.upload_part, PartNumber=10_001, Body=b"", **of),
                         "InvalidArgument")
        self.assertEqual(self.outcome(self.s3.complete_multipart_upload, **of), "MalformedXML")

    def test_bodies_need_a_length(self):
        url = self.s3.generate_presigned_url("put_object", Params={"Bucket": NAME, "Key": "k"})
        connection = http.client.HTTPConnection(self.server.host_port, timeout=60)
        self.addCleanup(connection.close)
        connection.request("PUT", url.split(self.server.host_port, 1)[1], body=iter([b"a", b"b"]),
                           encode_chunked=True)
        reply = connection.getresponse()
        self.assertEqual(reply.status, 411)
        self.assertIn(b"<Code>MissingContentLength</Code>", reply.read())
        self.assertEqual(self.upstream.keys(), [])

    def test_copies_beyond_5_gib_are_refused(self):
        upload = self.upstream.s3.create_multipart_upload(Bucket=BUCKET, Key=PREFIX + "huge")
        of = dict(Bucket=BUCKET, Key=PREFIX + "huge", UploadId=upload["UploadId"])
        # Parts that share their chunks: no bytes are written but the first one's.
        tag = self.upstream.s3.upload_part(PartNumber=1, Body=bytes(64 * MIB), **of)["ETag"]
        parts = [{"PartNumber": 1, "ETag": tag}]
        source = {"Bucket": BUCKET, "Key": PREFIX + "sixty-four"}
        self.upstream.put("sixty-four", bytes(64 * MIB))
        for number in range(2, 82):
            copied = self.upstream.s3.upload_part_copy(PartNumber=number, CopySource=source, **of)
            parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
        self.upstream.s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **of)
        source = {"Bucket": NAME, "Key": "huge"}
        self.s3.create_bucket(Bucket="here")
        codes = {bucket: self.outcome(self.s3.copy_object, Bucket=bucket, Key="copy", CopySource=source)
                 for bucket in (NAME, "here")}
        # Between buckets of one upstream the upstream decides; Cairn copies by reference.
        self.assertEqual(codes, {NAME: "ok", "here": "InvalidRequest"})

    def test_copies(self):
        body = body_of(3, 6 * MIB)
        self.put("from", body, Metadata={"a": "b"}, ContentType="x/y")
        sent = self.metric("upstream_sent_bytes_total")
        self.s3.copy_object(Bucket=NAME, Key="to", CopySource={"Bucket": NAME, "Key": "from"})
        self.assertEqual(self.metric("upstream_sent_bytes_total"), sent, "the upstream copies itself")
        self.assertEqual(self.upstream.get("to"), body)
        # In place with other metadata, as s3fs does.
        self.s3.copy_object(Bucket=NAME, Key="to", CopySource={"Bucket": NAME, "Key": "to"},
                            MetadataDirective="REPLACE", Metadata={"mtime": "1"})
        self.assertEqual(self.s3.head_object(Bucket=NAME, Key="to")["Metadata"], {"mtime": "1"})
        self.s3.create_bucket(Bucket="here")
        self.s3.copy_object(Bucket="here", Key="k", CopySource={"Bucket": NAME, "Key": "from"})
        got = self.s3.get_object(Bucket="here", Key="k")
        self.assertEqual((got["Body"].read(), got["Metadata"], got["ContentType"]),
                         (body, {"a": "b"}, "x/y"))
        self.s3.copy_object(Bucket=NAME, Key="back", CopySource={"Bucket": "here", "Key": "k"})
        self.assertEqual(self.upstream.get("back"), body)
        self.assertEqual(self.s3.head_object(Bucket=NAME, Key="back")["Metadata"], {"a": "b"})
        # A range is of parts: whole objects are copied whole, in either direction and at the upstream.
        self.s3.meta.events.register("before-sign.s3.CopyObject", lambda request, **_: request.headers.add_header(
            "x-amz-copy-source-range", "bytes=0-9"))
        for bucket, source in ((NAME, "here"), ("here", NAME), (NAME, NAME)):
            self.s3.copy_object(Bucket=bucket, Key="whole", CopySource={"Bucket": source, "Key": "k" if source == "here" else "from"})
            self.assertEqual(self.s3.get_object(Bucket=bucket, Key="whole")["Body"].read(), body, (bucket, source))
        self.assertEqual(self.outcome(self.s3.copy_object, Bucket="here", Key="k",
                                      CopySource={"Bucket": NAME, "Key": "none"}), "NoSuchKey")
        self.assertEqual(self.outcome(self.s3.copy_object, Bucket="here", Key="k", CopySourceIfMatch="0",
                                      CopySource={"Bucket": NAME, "Key": "from"}), "PreconditionFailed")

    def test_deletions_and_tags(self):
        for n in range(5):
            self.put(f"k{n}", b"x")
        self.assertEqual(self.get("k1"), b"x")
        answer = self.s3.delete_objects(Bucket=NAME, Delete={
            "Objects": [{"Key": f"k{n}"} for n in range(4)] + [{"Key": "none"}]})
        self.assertEqual(sorted(row["Key"] for row in answer["Deleted"]),
                         ["k0", "k1", "k2", "k3", "none"])
        self.assertEqual(self.upstream.keys(), [PREFIX + "k4"])
        self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="k1"), "NoSuchKey")
        tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
        self.s3.put_object_tagging(Bucket=NAME, Key="k4", Tagging=tags)
        self.assertEqual(self.s3.get_object_tagging(Bucket=NAME, Key="k4")["TagSet"], tags["TagSet"])
        self.s3.delete_object_tagging(Bucket=NAME, Key="k4")
        self.assertEqual(self.s3.get_object_tagging(Bucket=NAME, Key="k4")["TagSet"], [])

    def test_a_restore_is_the_upstreams_business(self):
        self.put("k", b"x")
        self.put("frozen", b"x", StorageClass="GLACIER")
        of = dict(Bucket=NAME, RestoreRequest={"Days": 1})
        self.assertEqual(self.outcome(self.s3.restore_object, Key="k", **of), "InvalidObjectState")
        self.assertEqual(self.outcome(self.s3.restore_object, Key="frozen", **of), "ok")
        asked = [request.target for request in self.seen if request.method == "POST"]
        self.assertEqual(asked, [f"/{BUCKET}/{PREFIX}{key}?restore=" for key in ("k", "frozen")])
        self.assertIn("Restore", self.s3.head_object(Bucket=NAME, Key="frozen"))

    def test_what_it_does_not_do_it_says(self):
        self.put("k", b"x")
        for call, more in ((self.s3.put_bucket_versioning,
                            {"VersioningConfiguration": {"Status": "Enabled"}}),
                           (self.s3.put_bucket_lifecycle_configuration, {"LifecycleConfiguration": {
                               "Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""},
                                          "Expiration": {"Days": 1}}]}}),
                           (self.s3.delete_bucket, {})):
            self.assertEqual(self.outcome(call, Bucket=NAME, **more), "NotImplemented")
        self.assertEqual(self.outcome(self.s3.put_object, Bucket=NAME, Key="k", Body=b"",
                                      ACL="public-read"), "AccessControlListNotSupported")
        post = self.s3.generate_presigned_post(NAME, "form")
        edge = "edge"
        form = "".join(f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                       for name, value in post["fields"].items())
        form += f'--{edge}\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--{edge}--\r\n'
        request = urllib.request.Request(post["url"], data=form.encode(), headers={
            "Content-Type": f"multipart/form-data; boundary={edge}"})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
        self.assertEqual(refused.exception.code, 501)
        self.assertEqual(self.s3.get_object_acl(Bucket=NAME, Key="k")["Grants"][0]["Permission"],
                         "FULL_CONTROL")
        self.assertEqual(self.s3.head_bucket(Bucket=NAME)["ResponseMetadata"]["HTTPStatusCode"], 200)


class Freshness(GatewayCase):
    flags = ("--ttl", "2s")

    def test_changes_behind_its_back_are_seen_after_the_ttl(self):
        self.upstream.put("k", b"one")
        self.assertEqual(self.get("k"), b"one")
        self.upstream.put("k", b"two!")
        self.assertEqual(self.get("k"), b"one")
        time.sleep(2.1)
        self.assertEqual(self.get("k"), b"two!")
        self.upstream.s3.delete_object(Bucket=BUCKET, Key=PREFIX + "k")
        time.sleep(2.1)
        self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="k"), "NoSuchKey")

    def test_an_unchanged_object_is_read_from_the_caches_after_the_ttl(self):
        body = body_of(1, MIB)
        self.upstream.put("k", body)
        self.assertEqual(self.get("k"), body)
        time.sleep(2.1)
        self.assertEqual(self.get("k"), body)
        self.assertEqual((self.count("HEAD"), self.count("GET")), (2, 1))
        self.assertEqual(self.metric("revalidated_total"), 1)

    def test_what_was_not_there_is_asked_for_again_within_a_second(self):
        self.assertEqual(self.outcome(self.s3.head_object, Bucket=NAME, Key="k"), "404")
        self.assertEqual(self.outcome(self.s3.head_object, Bucket=NAME, Key="k"), "404")
        self.upstream.put("k", b"x")
        time.sleep(1.05)
        self.assertEqual(self.get("k"), b"x")

    def test_two_servers_before_one_bucket(self):
        with CairnServer(stack="") as other:
            self.upstream.add_to(other, NAME, *self.flags)
            there = other.boto3_client()
            self.put("k", b"one")
            self.assertEqual(there.get_object(Bucket=NAME, Key="k")["Body"].read(), b"one")
            there.put_object(Bucket=NAME, Key="k", Body=b"two!")
            self.assertIn(self.get("k"), (b"one", b"two!"))
            time.sleep(2.1)
            self.assertEqual(self.get("k"), b"two!")


class Secrets(GatewayCase):
    def setUp(self):
        self.cache = tempfile.mkdtemp(prefix="cairn-gateway.")
        self.addCleanup(shutil.rmtree, self.cache, ignore_errors=True)
        self.tiers = ("--tier", "ram:16MiB", "--tier", f"disk:{self.cache}:64MiB:first-miss=100%")
        super().setUp()

    def files(self):
        names = [name for root in (self.server.data, self.cache)
                 for name in glob.glob(root + "/**", recursive=True) if os.path.isfile(name)]
        return {name: pathlib.Path(name).read_bytes() for name in names}

    def test_bodies_and_keys_are_nowhere_in_clear_and_disk_hits_survive_a_restart(self):
        marker = b"A sentence that must not be found on any disk. "
        body = marker * (2 * MIB // len(marker))
        self.upstream.put("k", body)
        self.assertEqual(self.get("k"), body)
        listed = subprocess.run([binary(), "admin", "gateway", "list", "--data", self.server.data],
                                capture_output=True, text=True, check=True).stdout
        self.assertNotIn(self.upstream.server.secret_key, listed)
        self.assertEqual(json.loads(listed)["gateways"][0]["access_key"], self.upstream.server.access_key)
        self.server.restart()
        self.s3 = self.server.boto3_client()
        secret = self.upstream.server.secret_key.encode()
        for name, text in self.files().items():
            self.assertNotIn(marker, text, name)
            self.assertNotIn(secret, text, name)
        self.assertNotIn(self.upstream.server.secret_key, self.server.log())
        self.seen.clear()
        self.assertEqual(self.get("k"), body)
        self.assertEqual((self.count("HEAD"), self.count("GET")), (1, 0), "read from the disk tier")

    def test_kill_9_while_blocks_are_kept_and_bodies_written_leaves_nothing_wrong(self):
        bodies = {f"k{n}": body_of(n, 3 * MIB + n) for n in range(12)}
        for key, body in bodies.items():
            self.upstream.put(key, body)
        written, over = {}, threading.Event()

        def read_and_write(number):
            pick, turn = random.Random(number), 0
            while not over.is_set():
                turn += 1
                key, name = f"k{pick.randrange(12)}", f"w{number}/{turn}"
                try:
                    client = self.server.boto3_client(connect_timeout=2)
                    got = client.get_object(Bucket=NAME, Key=key)["Body"].read()
                    self.assertEqual(got, bodies[key])
                    client.put_object(Bucket=NAME, Key=name, Body=body_of(name, 200_000))
                    written[name] = body_of(name, 200_000)
                except (BotoCoreError, ClientError):
                    pass  # The server was killed.
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(read_and_write, number) for number in range(4)]
            for _ in range(4):
                time.sleep(0.7)
                self.server.kill()
                self.server.start()
            over.set()
            for each in running:
                each.result()
        self.assertGreater(len(written), 4)
        self.s3 = self.server.boto3_client()
        for key, body in (bodies | written).items():
            self.assertEqual(self.get(key), body)
        for name, body in written.items():
            self.assertEqual(self.upstream.get(name), body)
        metrics = self.server.metrics()
        self.assertGreater(sum(value for name, value in metrics.items()
                               if name.startswith("cairn_disk_tier_device_read_bytes_total")), 0)

    def test_rot_on_the_cache_disk_is_a_miss(self):
        body = body_of(1, 2 * MIB)
        self.upstream.put("k", body)
        self.assertEqual(self.get("k"), body)
        self.server.stop()
        for name in glob.glob(self.cache + "/*"):
            if os.path.getsize(name) < MIB:
                continue
            with open(name, "r+b") as file:
                for at in range(2 * MIB, os.path.getsize(name), 50_000):
                    file.seek(at)
                    file.write(b"rot")
        self.server.start()
        self.s3 = self.server.boto3_client()
        self.assertEqual(self.get("k"), body)


class Rights(GatewayCase):
    def admin(self, *command):
        result = subprocess.run([binary(), "admin", *command, "--data", self.server.data],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def client(self, key):
        return self.server.boto3_client(access_key=key["access_key"], secret_key=key["secret_key"])

    def test_who_may_not_read_gets_nothing_of_what_is_cached(self):
        self.upstream.put("k", b"x" * 1000)
        self.assertEqual(self.get("k"), b"x" * 1000)
        self.admin("user", "add", "anna")
        anna = self.client(json.loads(self.admin("key", "add", "--user", "anna", "--json")))
        of = dict(Bucket=NAME, Key="k")
        self.assertEqual(self.outcome(anna.get_object, **of), "AccessDenied")
        self.assertEqual(self.outcome(anna.head_object, **of), "403")
        self.assertEqual(self.outcome(anna.list_objects_v2, Bucket=NAME), "AccessDenied")
        self.assertEqual(self.outcome(anna.put_object, Body=b"", **of), "AccessDenied")
        answer = anna.delete_objects(Bucket=NAME, Delete={"Objects": [{"Key": "k"}]})
        self.assertEqual([row["Code"] for row in answer["Errors"]], ["AccessDenied"])
        self.assertEqual(self.outcome(anna.head_object, Bucket=NAME, Key="none"), "403")
        self.assertEqual(self.upstream.get("k"), b"x" * 1000)
        # A policy of the bucket gives the right to read, and no more.
        self.s3.put_bucket_policy(Bucket=NAME, Policy=json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000001:user/anna"},
                "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{NAME}/*"}]}))
        self.assertEqual(anna.get_object(**of)["Body"].read(), b"x" * 1000)
        self.assertEqual(self.outcome(anna.delete_object, **of), "AccessDenied")
        # What the upstream has no more is gone for all.
        self.s3.delete_object(**of)
        self.assertEqual(self.outcome(anna.get_object, **of), "AccessDenied")
        self.assertEqual(self.outcome(self.s3.get_object, **of), "NoSuchKey")

    def test_read_only_and_removal(self):
        self.upstream.put("k", b"x")
        self.upstream.add_to(self.server, NAME, "--read-only")
        self.assertEqual(self.get("k"), b"x")
        for call, more in ((self.s3.put_object, {"Key": "k", "Body": b""}),
                           (self.s3.delete_object, {"Key": "k"}),
                           (self.s3.create_multipart_upload, {"Key": "k"}),
                           (self.s3.delete_objects, {"Delete": {"Objects": [{"Key": "k"}]}})):
            self.assertEqual(self.outcome(call, Bucket=NAME, **more), "AccessDenied")
        self.admin("gateway", "remove", NAME)
        self.assertEqual(self.outcome(self.s3.get_object, Bucket=NAME, Key="k"), "NoSuchBucket")
        self.assertEqual(self.upstream.get("k"), b"x")
        self.assertEqual([name for name in self.server.metrics() if f'"{NAME}"' in name], [])
        # A bucket with objects of its own becomes no gateway.
        self.s3.create_bucket(Bucket=NAME)
        with self.assertRaisesRegex(RuntimeError, "no gateway"):
            self.upstream.add_to(self.server, NAME)


class Certificates(unittest.TestCase):
    def certificate(self, directory, name, days):
        key, request, out = (str(directory / f"{name}.{end}") for end in ("key", "csr", "crt"))
        extensions = directory / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1\n")
        for command in (["req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request,
                         "-subj", "/CN=127.0.0.1"],
                        ["x509", "-req", "-in", request, "-signkey", key, "-days", str(days),
                         "-extfile", str(extensions), "-out", out]):
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        return out, key

    def test_a_certificate_that_expired_or_is_unknown_is_refused(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="cairn-gateway."))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        for name, days, knows, works in (("good", 2, True, True), ("unknown", 2, False, False),
                                         ("expired", -1, True, False)):
            with self.subTest(name=name):
                certificate, key = self.certificate(directory, name, days)
                secure = CairnServer(stack="", args=["--tls-cert", certificate, "--tls-key", key]).start()
                self.addCleanup(secure.close)
                client = secure.boto3_client(verify=False)
                client.create_bucket(Bucket=BUCKET)
                client.put_object(Bucket=BUCKET, Key="k", Body=b"x")
                with CairnServer(stack="") as server:
                    GatewayUpstream.add_to(_Plain(secure), server, NAME,
                                           *(("--ca", certificate) if knows else ()),
                                           endpoint=secure.endpoint, prefix="")
                    s3 = server.boto3_client()
                    if works:
                        self.assertEqual(s3.get_object(Bucket=NAME, Key="k")["Body"].read(), b"x")
                        s3.upload_fileobj(io.BytesIO(body_of(1, 9 * MIB)), NAME, "big")
                        self.assertEqual(client.get_object(Bucket=BUCKET, Key="big")["Body"].read(),
                                         body_of(1, 9 * MIB))
                    else:
                        with self.assertRaises(ClientError) as refused:
                            s3.get_object(Bucket=NAME, Key="k")
                        self.assertEqual(refused.exception.response["Error"]["Code"],
                                         "ServiceUnavailable")


class _Plain:
    def __init__(self, server):
        self.server = server


class Moto(GatewayCase):
    """The same with a server that is not Cairn."""
    python = python_with_moto()

    def make_upstream(self):
        if not self.python:
            print("SKIPPED: gateway: no moto")
            self.skipTest("no moto")
        return MotoServer(self.python)

    test_objects_with_all_that_is_said_of_them = Reads.test_objects_with_all_that_is_said_of_them
    test_a_second_read_asks_the_upstream_nothing = Reads.test_a_second_read_asks_the_upstream_nothing
    test_listings = Reads.test_listings_are_the_upstreams_without_the_prefix
    test_what_is_written_is_there = Writes.test_what_is_written_is_there_and_is_read_at_once
    test_bodies = Writes.test_bodies_of_all_sizes_and_conditions
    test_deletions_and_tags = Writes.test_deletions_and_tags
    test_multipart = Writes.test_multipart_uploads_pass_through
    test_changes = faults.ChangesWhileRead.test_a_read_of_an_object_that_changed_begins_anew


if __name__ == "__main__":
    unittest.main()
