"""cairn sync against a real server: what is copied, what is deleted, and what must never be touched.
Needs CAIRN_BINARY."""
import os
import time
import unittest

from cli_case import DENIED, FAILED, NOT_FOUND, USAGE, CliCase


class Sync(CliCase):
    def changes(self, *arguments, **options):
        """What a sync did: sorted (event, place) pairs."""
        events = self.json_lines("sync", *arguments, **options)
        return sorted((event["event"], event.get("to") or event.get("location")) for event in events
                      if event["event"] not in ("progress", "summary"))

    def make_tree(self):
        for name in ("a", "sub/b", "sub/deep/c"):
            self.write("tree/" + name, name.encode())
        return self.work / "tree"

    def test_up_only_what_changed(self):
        tree = self.make_tree()
        self.assertEqual(self.changes(tree, self.url("p")),
                         [("upload", self.url("p/" + name)) for name in ("a", "sub/b", "sub/deep/c")])
        self.assertEqual(self.changes(tree, self.url("p")), [])
        self.write("tree/a", b"longer than before")
        future = time.time() + 100
        os.utime(tree / "sub/b", (future, future))
        self.assertEqual(self.changes(tree, self.url("p"), "--size-only"),
                         [("upload", self.url("p/a"))])
        self.assertEqual(self.changes(tree, self.url("p")), [("upload", self.url("p/sub/b"))])
        self.assertEqual(self.get("p/a"), b"longer than before")

    def test_down_only_what_changed(self):
        self.put("p/a", b"1")
        self.put("p/sub/b", b"2")
        target = self.work / "new/target"
        self.assertEqual(self.changes(self.url("p"), target),
                         [("download", f"{target}/a"), ("download", f"{target}/sub/b")])
        self.assertEqual(self.changes(self.url("p"), target), [])
        past = time.time() - 1000
        os.utime(target / "a", (past, past))
        self.assertEqual(self.changes(self.url("p"), target), [("download", f"{target}/a")])
        future = time.time() + 1000
        os.utime(target / "a", (future, future))
        self.assertEqual(self.changes(self.url("p"), target), [])
        self.assertEqual(self.changes(self.url("p"), target, "--exact-timestamps"),
                         [("download", f"{target}/a")])

    def test_content_decides_when_asked(self):
        tree = self.make_tree()
        self.changes(tree, self.url("p"))
        status = (tree / "a").stat()
        (tree / "a").write_bytes(b"b")  # Same size, same time, other content.
        os.utime(tree / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assertEqual(self.changes(tree, self.url("p")), [])
        self.assertEqual(self.changes(tree, self.url("p"), "--checksum"),
                         [("upload", self.url("p/a"))])
        future = time.time() + 100
        os.utime(tree / "a", (future, future))
        self.assertEqual(self.changes(tree, self.url("p"), "--checksum"), [])
        self.assertEqual(self.changes(self.url("p"), self.url("q"), "--checksum"),
                         [("copy", self.url("q/" + name)) for name in ("a", "sub/b", "sub/deep/c")])
        self.assertEqual(self.changes(self.url("p"), self.url("q"), "--checksum"), [])

    def test_deletes_only_when_asked_and_only_what_filters_accept(self):
        tree = self.make_tree()
        for key in ("p/a", "p/gone", "p/gone.keep", "p-other/x"):
            self.put(key)
        self.changes(tree, self.url("p"))
        self.assertIn("p/gone", self.keys())
        shown = self.run_cli("sync", tree, self.url("p"), "--delete", "--dryrun").stdout
        self.assertIn("(dryrun) delete: " + self.url("p/gone"), shown)
        self.assertEqual(self.changes(tree, self.url("p"), "--delete", "--exclude", "*.keep"),
                         [("deleted", self.url("p/gone"))])
        self.assertEqual(self.keys(), ["p-other/x", "p/a", "p/gone.keep", "p/sub/b", "p/sub/deep/c"])

    def test_deletes_files_but_never_through_links(self):
        self.put("p/a")
        victim = self.write("victim/precious")
        target = self.work / "target"
        self.write("target/old/file")
        self.write("target/.cache.cairn-partial")
        os.symlink(self.work / "victim", target / "link")
        os.symlink(victim, target / "file-link")
        self.assertEqual(self.changes(self.url("p"), target, "--delete"),
                         [("deleted", f"{target}/old/file"), ("download", f"{target}/a")])
        self.assertTrue(victim.exists())
        self.assertTrue((target / "link").is_symlink())
        self.put("p/link/precious", b"evil")
        self.run_cli("sync", self.url("p"), target, code=DENIED)
        self.assertEqual(victim.read_bytes(), b"x")

    def test_nothing_is_deleted_after_a_failure(self):
        self.put("p/a")
        self.put("p/../x")
        self.write("target/old")
        result = self.run_cli("sync", self.url("p"), self.work / "target", "--delete", code=FAILED)
        self.assertIn("nothing was deleted", result.stderr)
        self.assertTrue((self.work / "target/old").exists())
        self.run_cli("sync", self.work / "absent", self.url("p"), "--delete", code=NOT_FOUND)
        self.run_cli("sync", "s3://there-is-no-such-bucket", self.work / "target", "--delete",
                     code=NOT_FOUND)
        self.assertTrue((self.work / "target/old").exists())
        self.assertIn("p/a", self.keys())

    def test_between_buckets(self):
        self.put("p/a", b"1")
        self.put("p/b", b"2")
        other = self.bucket + "-2"
        self.run_cli("mb", f"s3://{other}")
        self.run_cli("sync", self.url("p"), f"s3://{other}")
        self.assertEqual(self.s3.get_object(Bucket=other, Key="b")["Body"].read(), b"2")
        self.assertEqual(self.changes(self.url("p"), f"s3://{other}"), [])

    def test_usage(self):
        self.run_cli("sync", self.work, self.work, code=USAGE)
        self.run_cli("sync", "-", self.url(), code=USAGE)
        self.run_cli("sync", self.work, self.url(), "--size-only", "--checksum", code=USAGE)
        self.run_cli("sync", self.work, self.url(), "--include", "[", code=USAGE)


if __name__ == "__main__":
    unittest.main()
