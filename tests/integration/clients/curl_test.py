"""Property: a shell user with `curl --aws-sigv4` can make a bucket, put, read ranges and delete; and
the raw HTTP behaviour that such users see is S3's. Method: curl 7.88 against a real server."""
import os

import clients_case


class Curl(clients_case.ClientCase):
    def curl(self, path, *arguments, check=True):
        return self.run_client(
            "curl", "-sS", "--fail-with-body", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
            f"{self.server.access_key}:{self.server.secret_key}", *arguments, self.url + path,
            check=check)

    def test_a_session(self):
        self.curl("/curl-bucket", "-X", "PUT")
        for name in ("empty", "small", "medium", "multipart"):
            self.curl(f"/curl-bucket/{name}", "-T", self.files / name)
            self.curl(f"/curl-bucket/{name}", "-o", self.work / f"curl-{name}")
            self.assert_same(self.work / f"curl-{name}", name)
        self.curl("/curl-bucket/medium", "-r", "100-199", "-o", self.work / "curl-range")
        self.assertEqual((self.work / "curl-range").read_bytes(),
                         (self.files / "medium").read_bytes()[100:200])
        self.assertIn("<Key>medium</Key>", self.curl("/curl-bucket").stdout)
        self.curl("/curl-bucket/medium", "-X", "DELETE")
        missing = self.curl("/curl-bucket/medium", check=False)
        self.assertEqual(missing.returncode, 22)
        self.assertIn("<Code>NoSuchKey</Code>", missing.stdout)

    def test_anonymous_requests_are_refused(self):
        answer = self.run_client("curl", "-sS", "-o", "/dev/stdout", "-w", "%{http_code}",
                                 self.url + "/curl-bucket/x").stdout
        self.assertTrue(answer.endswith("403"), answer)
        self.assertIn("<Code>AccessDenied</Code>", answer)


if __name__ == "__main__":
    clients_case.skip_unless(os.path.exists("/usr/bin/curl"), "curl", "curl is not installed")
    clients_case.main()
