"""Property: s3cmd, which checks every ETag against its own MD5, stores, syncs, lists, reads ranges
and deletes. Method: its verbs against a real server, files compared by SHA-256."""
import os

import clients_case


class S3cmd(clients_case.ClientCase):
    def s3cmd(self, *arguments, check=True):
        host = self.url.removeprefix("http://")
        return self.run_client(
            "s3cmd", "--no-ssl", f"--host={host}", f"--host-bucket={host}",
            f"--access_key={self.server.access_key}", f"--secret_key={self.server.secret_key}",
            "--multipart-chunk-size-mb=5", "--no-progress", "-c", "/dev/null", *arguments, check=check)

    def test_1_files_go_in_and_come_back_equal(self):
        self.s3cmd("mb", "s3://s3cmd-files")
        for name in self.names():
            self.s3cmd("put", self.files / name, f"s3://s3cmd-files/in/{name}")
            self.s3cmd("get", f"s3://s3cmd-files/in/{name}", self.work / f"s3cmd-{name}")
            self.assert_same(self.work / f"s3cmd-{name}", name)
        listing = self.s3cmd("ls", "-r", "s3://s3cmd-files").stdout
        for name in self.names():
            self.assertIn(f"s3://s3cmd-files/in/{name}", listing)

    def test_2_sync_info_copy_delete(self):
        self.s3cmd("mb", "s3://s3cmd-sync")
        self.s3cmd("sync", f"{self.files}/", "s3://s3cmd-sync/t/")
        again = self.s3cmd("sync", f"{self.files}/", "s3://s3cmd-sync/t/").stdout
        self.assertNotIn("upload:", again)
        info = self.s3cmd("info", "s3://s3cmd-sync/t/medium").stdout
        self.assertIn("File size: 3145745", info)
        self.s3cmd("cp", "s3://s3cmd-sync/t/medium", "s3://s3cmd-sync/copy")
        self.s3cmd("get", "--continue", "s3://s3cmd-sync/copy", self.work / "s3cmd-copy")
        self.assert_same(self.work / "s3cmd-copy", "medium")
        self.s3cmd("del", "-r", "-f", "s3://s3cmd-sync")
        self.s3cmd("rb", "s3://s3cmd-sync")
        self.assertNotIn("s3cmd-sync", self.s3cmd("ls").stdout)

    def test_3_resumes_a_cut_download_by_range(self):
        self.s3cmd("mb", "s3://s3cmd-range")
        self.s3cmd("put", self.files / "multipart", "s3://s3cmd-range/big")
        cut = self.work / "cut"
        cut.write_bytes((self.files / "multipart").read_bytes()[:7000001])
        self.s3cmd("get", "--continue", "s3://s3cmd-range/big", cut)
        self.assert_same(cut, "multipart")


if __name__ == "__main__":
    clients_case.skip_unless(os.path.exists("/usr/bin/s3cmd"), "s3cmd", "s3cmd is not installed")
    clients_case.main()
