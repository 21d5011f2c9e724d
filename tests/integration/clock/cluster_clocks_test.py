"""The wall clocks of the nodes of a cluster differ, by minutes as S3's clients bear it, and by a day: versions
are in the order of their commits, garbage is kept for its grace, nobody is given up or loses what is done
once for all, and a node tells clients that its clock is too far off instead of serving them.
Needs CAIRN_BINARY, CAIRN_CLOCK_SHIFT, boto3."""
import pathlib
import random
import sys
import time
import unittest

from botocore.exceptions import ClientError

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from clock import Clock  # noqa: E402
from cluster_nodes import ClusterNodes  # noqa: E402

MIB = 1 << 20
DAY = 86_400
SKEWS = (-600, 0, 600)  # Seconds; S3 takes requests that are signed up to 15 minutes ago or ahead.
GRACE_SECONDS = 6


class ClusterClocksTest(unittest.TestCase):
    def setUp(self):
        self.clocks = [Clock() for _ in SKEWS]
        for clock in self.clocks:
            self.addCleanup(clock.__exit__)
        self.cluster = ClusterNodes(nodes=len(SKEWS), clocks=self.clocks, home="s3", args=(
            "--garbage-grace", str(GRACE_SECONDS), "--home-silence-seconds", "10", "--lifecycle-interval", "1"))
        self.addCleanup(self.cluster.close)
        self.s3s = [self.cluster.s3(number) for number in range(len(SKEWS))]
        self.s3s[0].create_bucket(Bucket="bucket")

    def skew(self):
        for clock, seconds in zip(self.clocks, SKEWS):
            clock.shift(seconds)

    def expect_nobody_was_given_up(self):
        for node in self.cluster.nodes:
            self.assertIsNone(node.process.poll())
            for event in ("session_expired", "tenure-lost", "given-up"):
                self.assertNotIn(event, node.log())

    def test_versions_are_in_the_order_of_their_commits(self):
        self.s3s[0].put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        self.skew()
        written = []
        for turn in range(30):
            body = b"%d" % turn
            s3 = random.choice(self.s3s)
            written.append(s3.put_object(Bucket="bucket", Key="k", Body=body)["VersionId"])
            for each in self.s3s:
                self.assertEqual(each.get_object(Bucket="bucket", Key="k")["Body"].read(), body)
        for each in self.s3s:
            rows = each.list_object_versions(Bucket="bucket")["Versions"]
            self.assertEqual([row["VersionId"] for row in rows], written[::-1])
        # The newest of what is left is the present one, whoever takes the others away.
        self.s3s[2].delete_object(Bucket="bucket", Key="k", VersionId=written[-1])
        self.assertEqual(self.s3s[0].get_object(Bucket="bucket", Key="k")["VersionId"], written[-2])

    def test_an_upload_through_nodes_of_different_times(self):
        self.skew()
        upload = self.s3s[0].create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
        bodies = [random.Random(number).randbytes(5 * MIB) for number in range(3)]
        parts = [{"PartNumber": number + 1, "ETag": self.s3s[number].upload_part(
            Bucket="bucket", Key="parts", UploadId=upload, PartNumber=number + 1, Body=body)["ETag"]}
            for number, body in enumerate(bodies)]
        self.s3s[2].complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload,
                                              MultipartUpload={"Parts": parts})
        for each in self.s3s:
            self.assertEqual(each.get_object(Bucket="bucket", Key="parts")["Body"].read(), b"".join(bodies))

    def test_garbage_is_kept_for_its_grace_whatever_clocks_say(self):
        self.skew()
        body = random.Random(1).randbytes(48 * MIB)
        self.s3s[0].put_object(Bucket="bucket", Key="read", Body=body)
        stream = self.s3s[1].get_object(Bucket="bucket", Key="read")["Body"]
        got = [stream.read(MIB)]
        self.s3s[2].delete_object(Bucket="bucket", Key="read")
        deleted = time.monotonic()
        while time.monotonic() - deleted < GRACE_SECONDS / 2:
            for clock in self.clocks:
                clock.shift(random.choice((-DAY, 0, DAY)))
            got.append(stream.read(64 * 1024))
            time.sleep(0.1)
        got.append(stream.read())
        self.assertEqual(b"".join(got), body)
        end = time.monotonic() + 60
        while self.cluster.stored_chunks_count() > 0 and time.monotonic() < end:
            time.sleep(0.5)
        self.assertEqual(self.cluster.stored_chunks_count(), 0)

    def test_jumps_of_days_end_no_session(self):
        """Silence is measured by the clock that does not jump."""
        for turn in range(2 * len(self.clocks)):
            self.clocks[turn % len(self.clocks)].shift(random.choice((-DAY, DAY)))
            time.sleep(2)
        for clock in self.clocks:
            clock.shift(0)
        for number, s3 in enumerate(self.s3s):
            s3.put_object(Bucket="bucket", Key=f"k{number}", Body=random.Random(number).randbytes(MIB))
        self.expect_nobody_was_given_up()

    def test_a_clock_that_is_too_far_off_is_told(self):
        self.clocks[1].shift(20 * 60)
        with self.assertRaises(ClientError) as refused:
            self.s3s[1].list_objects_v2(Bucket="bucket")
        self.assertEqual(refused.exception.response["Error"]["Code"], "RequestTimeTooSkewed")
        for number in (0, 2):
            self.s3s[number].list_objects_v2(Bucket="bucket")

    def wait_for_clock(self, number, differs):
        end = time.monotonic() + 60
        while self.cluster.nodes[number].metrics()["cairn_clock_differs"] != differs:
            self.assertLess(time.monotonic(), end, f"node {number}: {self.cluster.nodes[number].metrics()}")
            time.sleep(0.2)

    def passes(self):
        """Over all buckets, by the rules of lifecycle."""
        return [node.metrics()["cairn_lifecycle_passes_total"] for node in self.cluster.nodes]

    def test_a_node_whose_clock_is_days_off_expires_nothing_and_says_so(self):
        kept = b"to be kept for 100 days"
        self.s3s[0].put_object(Bucket="bucket", Key="k", Body=kept)
        self.s3s[0].put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": [
            {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 100}}]})
        end = time.monotonic() + 60
        while max(self.passes()) < 2:
            self.assertLess(time.monotonic(), end, "no rule is worked off")
            time.sleep(0.2)
        worker = self.passes().index(max(self.passes()))
        others = [number for number in range(len(SKEWS)) if number != worker]
        self.clocks[worker].shift(200 * DAY)
        self.wait_for_clock(worker, 1)
        node = self.cluster.nodes[worker]
        self.assertIn("clock_differs", node.log())
        self.assertGreater(node.metrics()["cairn_clock_offset_seconds"], 199 * DAY)
        for other in others:
            self.assertEqual(self.cluster.nodes[other].metrics()["cairn_clock_differs"], 0)
        passes = self.passes()[worker]
        time.sleep(3)
        self.assertEqual(self.passes()[worker], passes)
        self.assertEqual(self.s3s[others[0]].get_object(Bucket="bucket", Key="k")["Body"].read(), kept)
        self.clocks[worker].shift(0)
        self.wait_for_clock(worker, 0)
        self.assertIn("clock_agrees_again", node.log())


if __name__ == "__main__":
    unittest.main()
