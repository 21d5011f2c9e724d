"""Property: Debian's aws-cli v2 stores, lists, reads back and deletes real files unmodified.
Method: s3 and s3api verbs against a real server, files compared by SHA-256."""
import json
import os

import clients_case


class AwsCli(clients_case.ClientCase):
    def aws(self, *arguments, check=True):
        return self.run_client("/usr/bin/aws", "--endpoint-url", self.url, *arguments, check=check)

    def test_1_files_go_in_and_come_back_equal(self):
        self.aws("s3", "mb", "s3://aws-files")
        self.aws("s3", "cp", "--recursive", self.files, "s3://aws-files/in/")
        listing = self.aws("s3", "ls", "--recursive", "s3://aws-files/").stdout
        for name in self.names():
            self.assertIn(f"in/{name}", listing)
        self.aws("s3", "cp", "--recursive", "s3://aws-files/in/", self.work / "out")
        for name in self.names():
            self.assert_same(self.work / "out" / name, name)

    def test_2_sync_sends_nothing_the_second_time(self):
        self.aws("s3", "mb", "s3://aws-sync")
        first = self.aws("s3", "sync", self.files, "s3://aws-sync/").stdout
        self.assertIn("upload:", first)
        self.assertEqual(self.aws("s3", "sync", self.files, "s3://aws-sync/").stdout.strip(), "")
        os.utime(self.files / "small")
        self.assertIn("small", self.aws("s3", "sync", self.files, "s3://aws-sync/").stdout)

    def test_3_ranges_and_attributes(self):
        self.aws("s3api", "create-bucket", "--bucket", "aws-api")
        put = json.loads(self.aws("s3api", "put-object", "--bucket", "aws-api", "--key", "k/é x+y",
                                  "--body", self.files / "medium", "--metadata", "a=1,b=two",
                                  "--content-type", "application/x-test").stdout)
        part = self.work / "range"
        self.aws("s3api", "get-object", "--bucket", "aws-api", "--key", "k/é x+y", "--range",
                 "bytes=100000-1999999", part)
        whole = (self.files / "medium").read_bytes()
        self.assertEqual(part.read_bytes(), whole[100000:2000000])
        head = json.loads(self.aws("s3api", "head-object", "--bucket", "aws-api", "--key",
                                   "k/é x+y").stdout)
        self.assertEqual(head["ContentLength"], len(whole))
        self.assertEqual(head["Metadata"], {"a": "1", "b": "two"})
        self.assertEqual(head["ContentType"], "application/x-test")
        self.assertEqual(head["ETag"], put["ETag"])

    def test_4_copy_move_delete(self):
        self.aws("s3", "mb", "s3://aws-move")
        self.aws("s3", "cp", self.files / "multipart", "s3://aws-move/a")
        self.aws("s3", "cp", "s3://aws-move/a", "s3://aws-move/b")
        self.aws("s3", "mv", "s3://aws-move/b", "s3://aws-move/c")
        self.aws("s3", "cp", "s3://aws-move/c", self.work / "moved")
        self.assert_same(self.work / "moved", "multipart")
        self.assertNotEqual(self.aws("s3api", "head-object", "--bucket", "aws-move", "--key", "b",
                                     check=False).returncode, 0)
        refused = self.aws("s3", "rb", "s3://aws-move", check=False)
        self.assertIn("BucketNotEmpty", refused.stderr)
        self.aws("s3", "rb", "--force", "s3://aws-move")
        self.assertNotIn("aws-move", self.aws("s3", "ls").stdout)

    def test_5_errors_are_clear(self):
        missing = self.aws("s3api", "get-object", "--bucket", "aws-none", "--key", "k",
                           self.work / "x", check=False)
        self.assertIn("NoSuchBucket", missing.stderr)
        wrong = self.run_client("/usr/bin/aws", "--endpoint-url", self.url, "s3", "ls", check=False,
                                environment={"AWS_SECRET_ACCESS_KEY": "wrong"})
        self.assertIn("SignatureDoesNotMatch", wrong.stderr)

    def test_6_a_presigned_url_reads(self):
        self.aws("s3", "mb", "s3://aws-presign")
        self.aws("s3", "cp", self.files / "frame", "s3://aws-presign/f")
        url = self.aws("s3", "presign", "s3://aws-presign/f").stdout.strip()
        self.run_client("curl", "-fsS", "-o", self.work / "presigned", url)
        self.assert_same(self.work / "presigned", "frame")


if __name__ == "__main__":
    clients_case.skip_unless(os.path.exists("/usr/bin/aws"), "aws-cli", "awscli is not installed")
    clients_case.main()
