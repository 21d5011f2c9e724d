"""cairn cp and mv against a real server: files, folders, streams, copies by the server; what becomes
of hostile keys and links; interruption and resuming; what is shown to people and to machines.
Needs CAIRN_BINARY."""
import hashlib
import json
import os
import pty
import random
import signal
import subprocess
import threading
import time
import unittest

from botocore.exceptions import ClientError

from cairn_server import binary
from cli_case import (DONE, FAILED, INTERRUPTED, KIB, MIB, NOT_FOUND, PRECONDITION, USAGE, CliCase)


class Copies(CliCase):
    def test_one_file_each_way(self):
        for size in (0, 1, 16 * KIB, 16 * KIB + 1, 8 * MIB, 8 * MIB + 1, 37 * MIB + 5):
            body = random.Random(size).randbytes(size)
            path = self.write("in/file.json", body)
            self.run_cli("cp", path, self.url("k"))
            self.assertEqual(hashlib.sha256(self.get("k")).digest(), hashlib.sha256(body).digest())
            self.run_cli("cp", self.url("k"), self.work / "out/deep/file")
            self.assertEqual((self.work / "out/deep/file").read_bytes(), body)
            head = self.s3.head_object(Bucket=self.bucket, Key="k")
            self.assertEqual(head["ContentType"], "application/json")
            self.assertEqual(int((self.work / "out/deep/file").stat().st_mtime),
                             int(head["LastModified"].timestamp()))
        self.assertEqual(os.listdir(self.work / "out/deep"), ["file"])

    def test_targets_that_are_folders(self):
        path = self.write("name.bin", b"1")
        self.run_cli("cp", path, self.url())
        self.run_cli("cp", path, self.url("sub/"))
        self.run_cli("cp", path, f"s3://{self.bucket}")
        self.run_cli("cp", path, self.write("b.bin"), self.url("two/"))
        self.assertEqual(self.keys(), ["name.bin", "sub/name.bin", "two/b.bin", "two/name.bin"])
        self.run_cli("cp", path, self.write("other/name.bin"), self.url("three/"), code=USAGE)
        self.assertEqual(self.keys("three/"), [])
        (self.work / "dir").mkdir()
        self.run_cli("cp", self.url("sub/name.bin"), self.work / "dir")
        self.run_cli("cp", self.url("sub/name.bin"), f"{self.work}/new/")
        self.run_cli("cp", self.url("name.bin"), ".", cwd=self.work / "new")
        self.assertEqual(sorted(os.listdir(self.work / "new")), ["name.bin"])
        self.assertEqual((self.work / "dir/name.bin").read_bytes(), b"1")

    def test_what_an_object_is_besides_its_bytes(self):
        path = self.write("a.html", b"x")
        self.run_cli("cp", path, self.url("k"), "--metadata", "a=1,b=two words", "--metadata", "c=3",
                     "--cache-control", "max-age=9", "--content-disposition", "inline",
                     "--content-language", "en", "--storage-class", "STANDARD", "--sse", "AES256")
        head = self.s3.head_object(Bucket=self.bucket, Key="k")
        self.assertEqual(head["Metadata"], {"a": "1", "b": "two words", "c": "3"})
        self.assertEqual((head["ContentType"], head["CacheControl"], head["ContentDisposition"],
                          head["ContentLanguage"], head["ServerSideEncryption"]),
                         ("text/html", "max-age=9", "inline", "en", "AES256"))
        self.run_cli("cp", path, self.url("k2"), "--no-guess-mime-type")
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="k2")["ContentType"],
                         "binary/octet-stream")
        for bad in (["--metadata", "novalue"], ["--metadata", "a b=1"], ["--sse", "none"],
                    ["--content-type", "a\nb"]):
            self.run_cli("cp", path, self.url("k3"), *bad, code=USAGE)
        self.assertNotIn("k3", self.keys())

    def test_preconditions(self):
        path = self.write("a", b"new")
        etag = self.put("k", b"old")["ETag"]
        self.run_cli("cp", path, self.url("k"), "--if-none-match", code=PRECONDITION)
        self.run_cli("cp", path, self.url("k"), "--if-match", "0" * 32, code=PRECONDITION)
        self.assertEqual(self.get("k"), b"old")
        self.run_cli("cp", path, self.url("k"), "--if-match", etag.strip('"'))
        self.run_cli("cp", path, self.url("k2"), "--if-none-match")
        self.assertEqual((self.get("k"), self.get("k2")), (b"new", b"new"))

    def test_folders(self):
        tree = {"a.txt": b"1", "sub/b.bin": b"22", "sub/deep/c": b"", "z": b"x" * 9 * MIB}
        for name, body in tree.items():
            self.write("tree/" + name, body)
        os.symlink("sub/b.bin", self.work / "tree/link")
        os.symlink("..", self.work / "tree/sub/loop")
        self.run_cli("cp", "-r", self.work / "tree", self.url("p"))
        self.assertEqual(self.keys(), ["p/a.txt", "p/link", "p/sub/b.bin", "p/sub/deep/c", "p/z"])
        self.run_cli("cp", "-r", self.url("p"), self.work / "back")
        for name, body in tree.items():
            self.assertEqual((self.work / "back" / name).read_bytes(), body)
        self.run_cli("cp", "-r", self.work / "tree", self.url("q"), "--no-follow-symlinks",
                     "--exclude", "*", "--include", "*.txt", "--include", "link")
        self.assertEqual(self.keys("q"), ["q/a.txt"])
        self.run_cli("cp", self.work / "tree", self.url("r"), code=USAGE)
        self.run_cli("cp", "-r", self.url("none"), self.work / "none", code=NOT_FOUND)
        self.run_cli("cp", "-r", self.work / "absent", self.url("r"), code=NOT_FOUND)
        # "p" is a folder, not the beginning of names.
        self.put("p-other/x")
        self.run_cli("cp", "-r", self.url("p"), self.work / "again")
        self.assertFalse((self.work / "again/other").exists())

    def test_thousands_of_small_files(self):
        for i in range(3000):
            self.write(f"many/{i % 50:02}/{i:05}", i.to_bytes(4, "big") * 40)
        summary = self.json_lines("cp", "-r", self.work / "many", self.url("many"))[-1]
        self.assertEqual((summary["event"], summary["files_done"], summary["bytes_done"]),
                         ("summary", 3000, 3000 * 160))
        self.run_cli("cp", "-r", self.url("many"), self.work / "back")
        for i in range(3000):
            path = self.work / f"back/{i % 50:02}/{i:05}"
            self.assertEqual(path.read_bytes(), i.to_bytes(4, "big") * 40)

    def test_some_of_many_fail(self):
        self.write("tree/good", b"1")
        self.write("tree/bad", b"2").chmod(0)
        self.write("tree/also good", b"3")
        if os.access(self.work / "tree/bad", os.R_OK):
            # Root reads everything: a name that no key can have fails too.
            os.rename(self.work / "tree/bad", os.fsencode(self.work / "tree") + b"/bad\xff")
        self.run_cli("cp", "-r", self.work / "tree", self.url("t"), code=FAILED)
        self.assertEqual(self.keys("t"), ["t/also good", "t/good"])

    def test_hostile_keys_stay_inside_the_target(self):
        for key in ("d/../../evil", "d//abs", "d/./x", "d/..", "d/ok", "d/.ok.cairn-partial"):
            self.put(key, b"!")
        result = self.run_cli("cp", "-r", self.url("d"), self.work / "out/in", code=FAILED)
        self.assertEqual(result.stderr.count("cannot be a file here"), 5)
        found = [os.path.relpath(os.path.join(root, name), self.work / "out")
                 for root, _, names in os.walk(self.work / "out") for name in names]
        self.assertEqual(found, ["in/ok"])
        self.run_cli("cp", self.url("d/.."), self.work, code=USAGE)
        self.assertFalse((self.work / "evil").exists())

    def test_links_in_the_target_are_not_followed(self):
        victim = self.write("victim/file", b"mine")
        (self.work / "out").mkdir()
        os.symlink(self.work / "victim", self.work / "out/dir")
        os.symlink(victim, self.work / "out/link")
        self.put("d/dir/file", b"evil")
        self.put("d/link", b"new")
        self.run_cli("cp", "-r", self.url("d"), self.work / "out", code=FAILED)
        self.assertEqual(victim.read_bytes(), b"mine")
        self.assertEqual((self.work / "out/link").read_bytes(), b"new")
        self.assertFalse((self.work / "out/link").is_symlink())

    def test_streams(self):
        for size in (0, 5, 16 * MIB, 16 * MIB + 1, 70 * MIB + 3):
            body = random.Random(size).randbytes(size)
            self.run_cli("cp", "-", self.url("k"), input=body, text=False)
            self.assertEqual(hashlib.sha256(self.get("k")).digest(), hashlib.sha256(body).digest())
            result = self.run_cli("cp", self.url("k"), "-", text=False)
            self.assertEqual(result.stdout, body)
        self.run_cli("cp", "-", self.url("typed.html"), "--expected-size", "1K", input="x")
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="typed.html")["ContentType"],
                         "text/html")
        self.run_cli("cp", "-", self.url(), input="x", code=USAGE)
        self.run_cli("cp", "-", "-", code=USAGE)
        self.run_cli("cp", "a", "b", code=USAGE)

    def test_copies_by_the_server(self):
        body = random.randbytes(20 * MIB)
        self.put("a/model", body, ContentType="x/y", Metadata={"m": "1"})
        self.put("a/small", b"s")
        self.run_cli("cp", "-r", self.url("a"), self.url("b"))
        self.assertEqual(self.get("b/model"), body)
        head = self.s3.head_object(Bucket=self.bucket, Key="b/model")
        self.assertEqual((head["ContentType"], head["Metadata"]), ("x/y", {"m": "1"}))
        self.run_cli("cp", self.url("a/model"), self.url("c"), "--metadata", "m=2")
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="c")["Metadata"], {"m": "2"})
        self.run_cli("cp", self.url("none"), self.url("d"), code=NOT_FOUND)

    def test_copies_by_the_server_in_parts(self):
        body = random.randbytes(20 * MIB + 7)
        self.put("a", body, ContentType="x/y", Metadata={"m": "1"}, CacheControl="max-age=5",
                 ContentDisposition="inline", ContentLanguage="de")
        self.run_cli("cp", self.url("a"), self.url("b"), "--copy-cutoff", "8MiB")
        self.assertEqual(self.get("b"), body)
        head = self.s3.head_object(Bucket=self.bucket, Key="b")
        self.assertTrue(head["ETag"].endswith('-3"'), head["ETag"])
        self.assertEqual((head["ContentType"], head["Metadata"], head["CacheControl"],
                          head["ContentDisposition"], head["ContentLanguage"]),
                         ("x/y", {"m": "1"}, "max-age=5", "inline", "de"))
        self.run_cli("cp", self.url("a"), self.url("b"), "--copy-cutoff", "8MiB", "--if-none-match",
                     code=PRECONDITION)
        uploads = self.s3.list_multipart_uploads(Bucket=self.bucket)
        self.assertNotIn("Uploads", uploads)
        self.run_cli("cp", self.url("a"), self.url("c"), "--copy-cutoff", "1", code=USAGE)

    def test_moves(self):
        self.write("m/a", b"1")
        self.write("m/b", b"2")
        self.run_cli("mv", "-r", self.work / "m", self.url("m"))
        self.assertEqual(os.listdir(self.work / "m"), [])
        self.run_cli("mv", "-r", self.url("m"), self.url("n"))
        self.assertEqual(self.keys(), ["n/a", "n/b"])
        self.run_cli("mv", self.url("n/a"), self.work / "back")
        self.assertEqual((self.keys(), (self.work / "back").read_bytes()), (["n/b"], b"1"))
        self.run_cli("mv", self.url("n/b"), self.url("n/b"), code=USAGE)
        self.run_cli("mv", self.write("kept"), "s3://there-is-no-such-bucket/x", code=NOT_FOUND)
        self.assertTrue((self.work / "kept").exists())
        self.assertEqual(self.keys(), ["n/b"])

    def test_dry_runs_change_nothing(self):
        self.write("t/a")
        self.put("k")
        shown = self.run_cli("cp", "-r", self.work / "t", self.url("t"), "--dryrun").stdout
        self.assertIn(f"(dryrun) upload: {self.work}/t/a to {self.url('t/a')}", shown)
        shown = self.run_cli("mv", self.url("k"), self.work / "k", "--dryrun").stdout
        self.assertIn("(dryrun) move:", shown)
        self.assertEqual(self.keys(), ["k"])
        self.assertFalse((self.work / "k").exists())


class Showing(CliCase):
    def test_quiet_where_nobody_watches(self):
        path = self.write("big", random.randbytes(30 * MIB))
        result = self.run_cli("cp", path, self.url("k"))
        self.assertEqual(result.stderr, "")
        self.assertEqual(result.stdout, f"upload: {path} to {self.url('k')}\n")
        result = self.run_cli("cp", "--quiet", self.url("k"), self.work / "out")
        self.assertEqual((result.stdout, result.stderr), ("", ""))

    def test_events_for_machines(self):
        path = self.write("big", random.randbytes(30 * MIB))
        events = self.json_lines("cp", path, self.url("k"))
        done = [event for event in events if event["event"] == "upload"]
        self.assertEqual([(event["to"], event["size"]) for event in done], [(self.url("k"), 30 * MIB)])
        summary = events[-1]
        self.assertEqual((summary["event"], summary["bytes_total"], summary["bytes_done"]),
                         ("summary", 30 * MIB, 30 * MIB))
        result = self.run_cli("cp", "--json", self.url("none"), self.work / "x", code=NOT_FOUND)
        error = json.loads(result.stdout.splitlines()[0])
        self.assertEqual((error["event"], error["code"]), ("error", "not_found"))

    def test_a_terminal_sees_progress(self):
        path = self.write("big", random.randbytes(80 * MIB))
        controller, terminal = pty.openpty()
        process = self.start("cp", path, self.url("k"), stderr=terminal, stdout=subprocess.DEVNULL)
        os.close(terminal)
        shown = b""
        while True:
            try:
                piece = os.read(controller, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(controller)
        self.assertEqual(process.wait(60), DONE)
        self.assertIn(b"/80.0 MiB", shown)
        self.assertIn(b"eta ", shown)
        self.assertIn(b"80.0 MiB in ", shown)


class Savings(CliCase):
    """What the server has is not sent: a Cairn server is asked by names of chunks."""

    def copy(self, path, key, *arguments):
        before = self.received()
        summary = self.json_lines("cp", path, self.url(key), *arguments)[-1]
        self.assertEqual(summary["bytes_done"], path.stat().st_size)
        return summary, self.received() - before

    def test_the_same_again(self):
        path = self.write("model", random.randbytes(64 * MIB))
        summary, received = self.copy(path, "first")
        self.assertGreaterEqual(received, 64 * MIB)
        summary, received = self.copy(path, "second")
        self.assertLess(received, MIB)
        self.assertGreater(summary["bytes_instant"] + summary["bytes_deduplicated"], 63 * MIB)
        self.assertEqual(self.get("second"), path.read_bytes())
        result = self.run_cli("cp", path, self.url("third"))
        self.assertIn("not sent: ", result.stdout)
        self.assertEqual(result.stderr, "")

    def test_a_changed_copy(self):
        body = bytearray(random.randbytes(64 * MIB))
        path = self.write("model", body)
        self.copy(path, "first")
        for at in (10 * MIB, 30 * MIB, 50 * MIB):
            body[at:at + MIB // 4] = random.randbytes(MIB // 4)
        body[100:100] = b"inserted at the front"
        path.write_bytes(body)
        summary, received = self.copy(path, "changed")
        self.assertLess(received, 6 * MIB)
        self.assertGreater(summary["bytes_deduplicated"], 56 * MIB)
        self.assertEqual(self.get("changed"), bytes(body))
        _, received = self.copy(path, "plain", "--plain-s3")
        self.assertEqual(self.get("plain"), bytes(body))

    def test_conditions_and_headers_hold_by_names_too(self):
        path = self.write("page.html", random.randbytes(20 * MIB))
        self.run_cli("cp", path, self.url("k"), "--metadata", "a=b", "--cache-control", "max-age=1")
        head = self.s3.head_object(Bucket=self.bucket, Key="k")
        self.assertEqual((head["ContentType"], head["Metadata"], head["CacheControl"]),
                         ("text/html", {"a": "b"}, "max-age=1"))
        self.run_cli("cp", path, self.url("k"), "--if-none-match", code=PRECONDITION)
        self.run_cli("cp", path, "s3://there-is-no-such-bucket/k", code=NOT_FOUND)


class Interruptions(CliCase):
    """A command is stopped when part of its work is done; the same command then does the rest."""

    def start_and_interrupt(self, arguments, is_far_enough, signal_number=signal.SIGINT):
        process = self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while process.poll() is None and not is_far_enough():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.002)
        process.send_signal(signal_number)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    def slow(self, limit):
        """The server takes and gives this many bytes per second."""
        for direction in ("--bytes-in", "--bytes-out"):
            subprocess.run([binary(), "admin", "quota", "set", "bucket", self.bucket, direction,
                            limit, "--data", self.server.data], check=True, capture_output=True)

    def test_upload_goes_on_where_it_stopped(self):
        size = 96 * MIB
        path = self.write("big", random.randbytes(size))
        self.slow("40MiB")
        uploads = lambda: self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])

        def parts_count():
            try:
                return sum(len(self.s3.list_parts(Bucket=self.bucket, Key=upload["Key"],
                                                  UploadId=upload["UploadId"]).get("Parts", []))
                           for upload in uploads())
            except ClientError:  # The limit holds for us too.
                return 0

        code, _, errors = self.start_and_interrupt(["cp", "--plain-s3", path, self.url("k")],
                                                   lambda: parts_count() >= 3)
        self.assertEqual(code, INTERRUPTED)
        self.assertIn("same command", errors)
        self.slow("0")
        summary = self.json_lines("cp", "--plain-s3", path, self.url("k"))[-1]
        self.assertGreaterEqual(summary["bytes_resumed"], 3 * 8 * MIB)
        self.assertEqual(summary["bytes_sent"] + summary["bytes_resumed"], size)
        self.assertEqual(hashlib.sha256(self.get("k")).digest(),
                         hashlib.sha256(path.read_bytes()).digest())
        self.assertEqual(uploads(), [])

    def test_upload_by_names_goes_on_where_it_stopped(self):
        size = 96 * MIB
        path = self.write("big", random.randbytes(size))
        self.slow("40MiB")
        before = self.received()
        code, _, _ = self.start_and_interrupt(["cp", path, self.url("k")],
                                              lambda: self.received() - before > 32 * MIB)
        self.assertEqual(code, INTERRUPTED)
        self.slow("0")
        self.assertEqual(self.keys(), [])
        before = self.received()
        summary = self.json_lines("cp", path, self.url("k"))[-1]
        self.assertEqual(summary["bytes_done"], size)
        self.assertLess(self.received() - before, size - 16 * MIB)
        self.assertEqual(hashlib.sha256(self.get("k")).digest(),
                         hashlib.sha256(path.read_bytes()).digest())

    def test_download_goes_on_where_it_stopped(self):
        size = 96 * MIB
        body = random.randbytes(size)
        self.put("k", body)
        self.slow("40MiB")
        target = self.work / "out"
        partial = self.work / ".out.cairn-partial"
        far = lambda: partial.exists() and partial.stat().st_blocks * 512 > 0 and (
            time.sleep(0.7) is None)
        code, _, errors = self.start_and_interrupt(["cp", self.url("k"), target], far)
        self.assertEqual(code, INTERRUPTED)
        self.assertFalse(target.exists())
        self.slow("0")
        summary = self.json_lines("cp", self.url("k"), target)[-1]
        self.assertGreater(summary["bytes_resumed"], 0)
        self.assertEqual(target.read_bytes(), body)
        self.assertEqual(sorted(os.listdir(self.work)), ["home", "out"])

    def test_a_stream_that_stops_leaves_nothing(self):
        process = self.start("cp", "-", self.url("k"), stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(os.urandom(40 * MIB))
        process.stdin.flush()
        while not self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads"):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), INTERRUPTED)
        process.stdin.close()
        process.stderr.close()
        self.assertEqual(self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []), [])
        self.assertEqual(self.keys(), [])


if __name__ == "__main__":
    unittest.main()
