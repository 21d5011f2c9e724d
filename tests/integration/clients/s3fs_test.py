"""Property: a bucket mounted with s3fs behaves as a directory: files are written, listed, renamed,
chmodded, read at offsets and removed. Method: a FUSE mount of a real server."""
import os
import shutil
import subprocess
import time

import clients_case


class S3fs(clients_case.ClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        password = cls.work / "passwd"
        password.write_text(f"{cls.server.access_key}:{cls.server.secret_key}\n")
        password.chmod(0o600)
        subprocess.run(["/usr/bin/aws", "--endpoint-url", cls.url, "s3", "mb", "s3://s3fs"],
                       check=True, env=cls.environment, capture_output=True)
        cls.mount = cls.work / "mount"
        cls.mount.mkdir()
        cls.process = subprocess.Popen(
            ["s3fs", "s3fs", str(cls.mount), "-f", "-o", f"url={cls.url}", "-o",
             "use_path_request_style", "-o", f"passwd_file={password}", "-o", "multipart_size=10",
             "-o", f"tmpdir={cls.work}"], env=cls.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            if os.path.ismount(cls.mount) or cls.process.poll() is not None:
                break
            time.sleep(0.05)
        if not os.path.ismount(cls.mount):
            raise RuntimeError("s3fs did not mount")

    @classmethod
    def tearDownClass(cls):
        subprocess.run(["umount", str(cls.mount)], check=False)
        try:
            cls.process.wait(30)
        except subprocess.TimeoutExpired:
            # It is unmounted; when s3fs ends after that is its own matter.
            cls.process.kill()
            cls.process.wait(30)
        super().tearDownClass()

    def test_files_through_the_mount(self):
        target = self.mount / "dir"
        target.mkdir()
        for name in self.names():
            shutil.copyfile(self.files / name, target / name)
        self.assertEqual(sorted(os.listdir(target)), self.names())
        for name in self.names():
            self.assert_same(target / name, name)
        (target / "medium").rename(target / "renamed")
        (target / "renamed").chmod(0o640)
        with open(target / "renamed", "rb") as stream:
            stream.seek(1000000)
            self.assertEqual(stream.read(1000),
                             (self.files / "medium").read_bytes()[1000000:1001000])
        shutil.rmtree(target)
        self.assertEqual(os.listdir(self.mount), [])


if __name__ == "__main__":
    clients_case.skip_unless(os.path.exists("/usr/bin/s3fs"), "s3fs", "s3fs is not installed")
    clients_case.skip_unless(os.path.exists("/dev/fuse"), "s3fs", "no /dev/fuse here")
    clients_case.main()
