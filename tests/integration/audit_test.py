"""The audit log of a running server: what it holds, and that `cairn admin audit verify` tells an intact
log from an altered one, online and offline, over restarts and kill -9. Needs CAIRN_BINARY."""
import json
import os
import random
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from botocore.exceptions import ClientError

from cairn_server import CairnServer, binary

COLLECT_SECONDS = 0.1  # A line is in the file at most this long after its reply (docs/operations.md).


def lines_of(server):
    folder = os.path.join(server.data, "audit")
    found = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            found += [json.loads(line) for line in file if line.endswith("\n")]
    return found


def verify(server):
    done = subprocess.run([binary(), "admin", "audit", "verify", "--data", server.data],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout or done.stderr


class Audit(unittest.TestCase):
    def setUp(self):
        self.server = CairnServer(cores=2).start()
        self.addCleanup(self.server.close)
        self.s3 = self.server.boto3_client()

    def last_file(self):
        folder = os.path.join(self.server.data, "audit")
        return os.path.join(folder, sorted(os.listdir(folder))[-1])

    def test_lines(self):
        self.s3.create_bucket(Bucket="audited")
        self.s3.put_object(Bucket="audited", Key="dir/\u00fc \"quoted\"\n", Body=b"x")
        self.s3.get_object(Bucket="audited", Key="dir/\u00fc \"quoted\"\n")
        stranger = self.server.boto3_client(secret_key="wrong" * 8)
        with self.assertRaises(ClientError):
            stranger.get_object(Bucket="audited", Key="k")
        self.s3.delete_object(Bucket="audited", Key="dir/\u00fc \"quoted\"\n")
        code, report = verify(self.server)  # Also waits until all lines are there.
        self.assertEqual(code, 0, report)
        lines = lines_of(self.server)
        requests = [line for line in lines if "method" in line]
        # Lines of one core are in order; those of different cores need not be.
        self.assertEqual(sorted(line["route"] for line in requests),
                         ["CreateBucket", "DeleteObject", "GetObject", "PutObject"])
        by_route = {line["route"]: line for line in requests}
        put, denied = by_route["PutObject"], by_route["GetObject"]
        self.assertEqual(put["bucket"], "audited")
        self.assertEqual(put["key"], "dir/\u00fc \"quoted\"\n")
        self.assertEqual(put["status"], 200)
        self.assertEqual(put["access_key"], self.server.access_key)
        self.assertTrue(put["remote"].startswith("127.0.0.1:"))
        self.assertEqual(denied["error"], "SignatureDoesNotMatch")
        self.assertEqual(denied["status"], 403)
        text = "".join(map(json.dumps, lines))
        self.assertNotIn(self.server.secret_key, text)
        self.assertEqual([line["seq"] for line in lines], list(range(1, len(lines) + 1)))
        self.s3.delete_objects(Bucket="audited", Delete={"Objects": [{"Key": "a"}, {"Key": "b\""}]})
        self.server.admin("/admin/v1/audit-verify")
        line = [line for line in lines_of(self.server) if line.get("route") == "DeleteObjects"][0]
        self.assertEqual(line["objects"], [{"key": "a"}, {"key": "b\""}])
        self.assertEqual(os.stat(self.last_file()).st_mode & 0o777, 0o600)
        self.server.admin("/admin/v1/gc", "POST")
        self.server.admin("/admin/v1/audit-verify")
        self.assertTrue(any(line.get("action") == "admin:gc" for line in lines_of(self.server)))
        self.assertGreaterEqual(self.server.metrics()["cairn_audit_lines_total"], 5)

    def test_behind_a_trusted_proxy_the_client_is_told(self):
        self.server.close()
        self.server = CairnServer(args=("--trusted-proxies", "127.0.0.1")).start()
        self.addCleanup(self.server.close)
        request = urllib.request.Request(self.server.endpoint + "/bucket", method="PUT",
                                         headers={"X-Forwarded-For": "8.8.8.8, 203.0.113.7"})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        refused.exception.close()
        self.assertEqual(verify(self.server)[0], 0)
        denied = [line for line in lines_of(self.server) if line.get("status") == 403]
        self.assertEqual([line["remote"] for line in denied], ["203.0.113.7"])

    def test_an_altered_line_is_found_online_and_offline(self):
        self.s3.create_bucket(Bucket="audited")
        for i in range(5):
            self.s3.put_object(Bucket="audited", Key=f"k{i}", Body=b"x")
        self.assertEqual(verify(self.server)[0], 0)
        with open(self.last_file(), "r+b") as file:
            text = file.read()
            altered = text.index(b'"key":"k3"')
            file.seek(altered + 7)
            file.write(b"j")
        # Cores may log in another order than they answered.
        broken = text[:altered].count(b"\n") + 1
        for _ in range(2):
            code, report = verify(self.server)
            self.assertEqual(code, 3, report)
            self.assertEqual(json.loads(report)["line"], broken)
            self.server.stop()

    def test_a_shortened_log_is_found(self):
        self.s3.create_bucket(Bucket="audited")
        self.s3.put_object(Bucket="audited", Key="k", Body=b"x")
        self.server.stop()
        self.assertEqual(verify(self.server)[0], 0)
        with open(self.last_file(), "r+b") as file:
            text = file.read()
            file.truncate(text[:-1].rindex(b"\n") + 1)
        self.assertEqual(verify(self.server)[0], 3)
        self.server.start()
        code, report = verify(self.server)
        self.assertEqual(code, 3, report)
        self.assertEqual(self.server.metrics()["cairn_audit_gap"], 1)

    def test_a_new_root_key_keeps_the_chain(self):
        self.s3.create_bucket(Bucket="audited")
        self.assertEqual(self.server.admin("/admin/v1/keys-rotate", "POST")[0], 200)
        self.s3.put_object(Bucket="audited", Key="k", Body=b"x")
        self.server.restart()
        self.s3.put_object(Bucket="audited", Key="k2", Body=b"x")
        code, report = verify(self.server)
        self.assertEqual(code, 0, report)

    def test_kill_9_keeps_the_chain_and_every_line_older_than_the_window(self):
        self.s3.create_bucket(Bucket="audited")
        generator = random.Random(20260101)
        count = 0
        must_be_there = set()
        for _ in range(8):
            acked = {}
            end = time.monotonic() + generator.uniform(0.1, 1.6)
            while time.monotonic() < end:
                self.s3.put_object(Bucket="audited", Key=f"k{count}", Body=b"x")
                acked[f"k{count}"] = time.monotonic()
                count += 1
            killed = time.monotonic()
            self.server.kill()
            # The writer may be late by a scheduling delay on a busy machine: ten times the promise.
            must_be_there |= {key for key, at in acked.items()
                              if killed - at > 10 * COLLECT_SECONDS}
            self.server.start()
            code, report = verify(self.server)
            self.assertEqual(code, 0, report)
        # After a restart nothing is missing any more.
        self.s3.put_object(Bucket="audited", Key="last", Body=b"x")
        self.assertEqual(verify(self.server)[0], 0)
        there = {line.get("key") for line in lines_of(self.server)}
        self.assertLessEqual(must_be_there | {"last"}, there)


if __name__ == "__main__":
    unittest.main(verbosity=2)
