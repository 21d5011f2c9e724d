"""cairn configure, ls, du, find, stat, cat, presign, rm, mb, rb against a real server: what they
show, what they change, and how they end. Needs CAIRN_BINARY."""
import os
import pty
import subprocess
import unittest
import urllib.request

from cairn_server import binary
from cli_case import (DENIED, DONE, FAILED, INTERRUPTED, KIB, MIB, NOT_FOUND, PRECONDITION, USAGE,
                      CliCase)


class Objects(CliCase):
    def test_listing(self):
        for i in range(5):
            self.put(f"d/k{i}", b"x" * (i * KIB))
        self.put("top")
        lines = self.run_cli("ls", self.url()).stdout.splitlines()
        self.assertEqual([line.split()[-1] for line in lines], ["d/", "top"])
        self.assertTrue(lines[0].endswith("PRE d/"))
        lines = self.run_cli("ls", "-r", self.url("d/")).stdout.splitlines()
        self.assertEqual([line.split()[2:] for line in lines],
                         [[str(i * KIB), f"d/k{i}"] for i in range(5)])
        self.assertIn("4.0 KiB", self.run_cli("ls", "--human", self.url("d/k4")).stdout)
        entries = self.json_lines("ls", self.url("d/"))
        self.assertEqual([(entry["key"], entry["size"]) for entry in entries],
                         [(f"d/k{i}", i * KIB) for i in range(5)])
        buckets = self.json_lines("ls")
        self.assertIn(self.bucket, [entry["name"] for entry in buckets])
        self.run_cli("ls", self.url("none"), code=NOT_FOUND)
        self.run_cli("ls", "s3://there-is-no-such-bucket", code=NOT_FOUND)
        self.run_cli("ls", "/tmp", code=USAGE)
        self.run_cli("ls", "--no-such-flag", code=USAGE)

    def test_listing_of_many_pages(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket,
                                      VersioningConfiguration={"Status": "Enabled"})
        names = [f"{i:05}" for i in range(2345)]
        for name in names:
            self.put(name)
        found = [entry["key"] for entry in self.json_lines("ls", "-r", self.url())]
        self.assertEqual(found, names)
        self.assertEqual(self.json_lines("du", self.url())[0]["objects"], 2345)
        self.run_cli("rm", "-r", self.url())
        self.assertEqual(self.keys(), [])
        self.assertEqual(self.json_lines("du", "--versions", self.url())[0]["objects"], 2 * 2345)
        self.run_cli("rb", f"s3://{self.bucket}", code=PRECONDITION)
        self.run_cli("rb", "--force", f"s3://{self.bucket}")
        self.run_cli("ls", self.url(), code=NOT_FOUND)

    def test_output_that_nobody_reads(self):
        for i in range(30):
            self.put(f"k{i:02}", b"x" * 100 * KIB)
        names = " ".join(self.url(f"k{i:02}") for i in range(30))
        for command in (f"cat {names}", f"ls -r {self.url()}", f"stat {names} --json"):
            script = f'set -o pipefail; "{binary()}" {command} | head -c 10 >/dev/null'
            result = subprocess.run(["bash", "-c", script], env=self.environment, timeout=60,
                                    capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stderr), (0, ""), command)

    def test_keys_are_bytes(self):
        for key in ("a b", "a//b", "../x", "%41", "ü/ß", "a+b", "a?b#c", "x\ty"):
            self.put(key, key.encode())
            self.assertEqual(self.run_cli("cat", self.url(key)).stdout, key)
        self.assertEqual(sorted(entry["key"] for entry in self.json_lines("ls", "-r", self.url())),
                         sorted(self.keys()))

    def test_find(self):
        self.put("a/model.bin", b"x" * 3 * KIB)
        self.put("b/model.txt", b"x" * KIB)
        self.put("model.bin.old", b"")
        found = self.run_cli("find", self.url(), "--name", "*.bin").stdout.split()
        self.assertEqual(found, [self.url("a/model.bin")])
        found = self.run_cli("find", self.url(), "--larger", "1023", "--smaller", "2K").stdout.split()
        self.assertEqual(found, [self.url("b/model.txt")])
        self.assertEqual(self.run_cli("find", self.url(), "--older", "1h").stdout, "")
        self.assertEqual(len(self.run_cli("find", self.url(), "--newer", "1h").stdout.split()), 3)
        self.run_cli("find", self.url(), "--larger", "lots", code=USAGE)

    def test_stat(self):
        etag = self.put("k", b"hello", ContentType="text/plain", Metadata={"who": "me"})["ETag"]
        told = self.json_lines("stat", self.url("k"))[0]
        self.assertEqual((told["size"], told["etag"], told["content_type"], told["metadata"]),
                         (5, etag.strip('"'), "text/plain", {"who": "me"}))
        self.assertIn("text/plain", self.run_cli("stat", self.url("k")).stdout)
        self.run_cli("stat", self.url("none"), code=NOT_FOUND)
        self.run_cli("stat", self.url())

    def test_cat(self):
        body = os.urandom(3 * MIB + 7)
        self.put("k", body)
        self.assertEqual(self.run_cli("cat", self.url("k"), text=False).stdout, body)
        for text, expected in (("0-99", body[:100]), ("100-", body[100:]), ("-10", body[-10:]),
                               (f"{len(body) - 1}-999999999", body[-1:])):
            result = self.run_cli("cat", "--range", text, self.url("k"), text=False)
            self.assertEqual(result.stdout, expected)
        self.run_cli("cat", "--range", "5-2", self.url("k"), code=USAGE)
        self.run_cli("cat", "--range", f"{len(body)}-", self.url("k"), code=FAILED)
        self.run_cli("cat", self.url("none"), code=NOT_FOUND)

    def test_presigned_urls_need_no_credentials(self):
        self.put("k y", b"hello")
        url = self.run_cli("presign", self.url("k y"), "--expires", "1m").stdout.strip()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.assertEqual(opener.open(url, timeout=30).read(), b"hello")
        put = self.run_cli("presign", self.url("new"), "--method", "PUT").stdout.strip()
        opener.open(urllib.request.Request(put, data=b"sent", method="PUT"), timeout=30)
        self.assertEqual(self.get("new"), b"sent")
        self.run_cli("presign", self.url("k"), "--expires", "8d", code=USAGE)

    def test_remove(self):
        for key in ("logs/a", "logs/b.txt", "logs-old/a", "keep"):
            self.put(key)
        shown = self.run_cli("rm", "-r", self.url("logs"), "--dryrun").stdout
        self.assertEqual(shown.count("(dryrun) delete:"), 2)
        self.assertEqual(len(self.keys()), 4)
        self.run_cli("rm", "-r", self.url("logs"), "--exclude", "*", "--include", "*.txt")
        self.assertEqual(self.keys(), ["keep", "logs-old/a", "logs/a"])
        self.run_cli("rm", self.url(), code=USAGE)
        self.run_cli("rm", self.url("keep"), self.url("logs/a"))
        self.assertEqual(self.keys(), ["logs-old/a"])

    def test_remove_versions(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket,
                                      VersioningConfiguration={"Status": "Enabled"})
        first = self.put("k", b"1")["VersionId"]
        self.put("k", b"2")
        self.put("k2", b"3")
        self.run_cli("rm", self.url("k"))
        listed = self.json_lines("ls", "--versions", self.url("k"))
        self.assertEqual([entry["type"] for entry in listed if entry["key"] == "k"],
                         ["delete-marker", "version", "version"])
        self.assertEqual(self.run_cli("cat", self.url("k"), "--version-id", first).stdout, "1")
        self.run_cli("rm", self.url("k"), "--version-id", first)
        self.run_cli("rm", "--versions", self.url("k"))
        left = self.s3.list_object_versions(Bucket=self.bucket)
        self.assertEqual([version["Key"] for version in left["Versions"]], ["k2"])

    def test_buckets(self):
        self.run_cli("mb", "s3://made-here")
        self.run_cli("mb", "s3://NotAName", code=USAGE)
        self.run_cli("mb", "made-here", code=USAGE)
        self.s3.put_object(Bucket="made-here", Key="k", Body=b"x")
        self.s3.create_multipart_upload(Bucket="made-here", Key="unfinished")
        result = self.run_cli("rb", "s3://made-here", code=PRECONDITION)
        self.assertIn("--force", result.stderr)
        self.run_cli("rb", "--force", "s3://made-here")
        self.run_cli("rb", "s3://made-here", code=NOT_FOUND)


class Credentials(CliCase):
    def without_variables(self):
        return {name: value for name, value in self.environment.items() if not name.startswith("AWS_")}

    def test_configured_profile_is_used(self):
        secret = self.write("secret", self.server.secret_key.encode() + b"\n")
        self.environment = self.without_variables()
        self.run_cli("configure", "--profile", "lab", "--endpoint-url", self.server.endpoint,
                     "--access-key", self.server.access_key, "--secret-key-file", secret)
        path = self.home / ".config/cairn/config"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.run_cli("ls", "--profile", "lab", self.url("none"), code=NOT_FOUND)
        self.put("k")
        self.run_cli("ls", "--profile", "lab", self.url())
        self.run_cli("ls", "--profile", "other", self.url(), code=NOT_FOUND)
        path.chmod(0o644)
        result = self.run_cli("ls", "--profile", "lab", self.url(), code=DENIED)
        self.assertIn("chmod 600", result.stderr)

    def test_answers_on_standard_input(self):
        self.environment = self.without_variables()
        answers = f"{self.server.endpoint}\n{self.server.access_key}\n{self.server.secret_key}\n\n"
        self.run_cli("configure", input=answers)
        self.run_cli("ls")
        # What was there is kept where the answer is empty.
        self.run_cli("configure", input="\n\n\neu-1\n")
        text = (self.home / ".config/cairn/config").read_text()
        self.assertIn("region = eu-1", text)
        self.assertIn(self.server.access_key, text)
        self.run_cli("configure", input="", code=USAGE)
        self.run_cli("configure", "--endpoint-url", "ftp://x", code=USAGE)

    def test_a_terminal_does_not_show_the_secret(self):
        self.environment = self.without_variables()
        for secret, code in ((self.server.secret_key + "x\x7f\n", DONE), ("part\x03", INTERRUPTED)):
            controller, terminal = pty.openpty()
            process = self.start("configure", stdin=terminal, stderr=terminal)
            os.close(terminal)
            shown = b""
            for question, answer in ((b"Endpoint", self.server.endpoint + "\n"),
                                     (b"Access key", self.server.access_key + "\n"),
                                     (b"Secret key", secret), (b"Region", "\n")):
                while question not in shown:
                    shown += os.read(controller, 4096)
                os.write(controller, answer.encode())
                if answer.endswith("\x03"):
                    break
            while True:
                try:
                    shown += os.read(controller, 4096)
                except OSError:
                    break
            os.close(controller)
            self.assertEqual(process.wait(60), code)
            self.assertNotIn(self.server.secret_key.encode(), shown)
            self.assertNotIn(b"part", shown)
        self.run_cli("ls")

    def test_files_of_aws(self):
        self.environment = self.without_variables()
        self.write("home/.aws/credentials",
                   f"[work]\naws_access_key_id={self.server.access_key}\n"
                   f"aws_secret_access_key = {self.server.secret_key}\n".encode()).chmod(0o600)
        self.write("home/.aws/config", "[profile work]\ns3 =\n  endpoint_url = "
                                       f"{self.server.endpoint}\n".encode())
        self.run_cli("ls", env={"AWS_PROFILE": "work"})

    def test_wrong_and_missing_credentials(self):
        self.run_cli("ls", self.url(), env={"AWS_SECRET_ACCESS_KEY": "wrong"}, code=DENIED)
        self.run_cli("ls", self.url(), "--no-sign-request", code=DENIED)
        self.run_cli("ls", env={"AWS_SECRET_ACCESS_KEY": ""}, code=USAGE)
        self.environment = self.without_variables()
        result = self.run_cli("ls", code=DENIED)
        self.assertIn("cairn configure", result.stderr)

    def test_nobody_answers(self):
        environment = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
        result = self.run_cli("ls", env=environment, code=FAILED)
        self.assertIn("127.0.0.1:1", result.stderr)


if __name__ == "__main__":
    unittest.main()
