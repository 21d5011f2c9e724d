"""Property: rclone copies a tree in and out, checks it by hash, serves ranges, and deletes it.
Method: rclone's own `check --download` and our SHA-256 of what comes back."""
import os

import clients_case


class Rclone(clients_case.ClientCase):
    def rclone(self, *arguments, provider="Other", check=True):
        environment = {
            "RCLONE_CONFIG_CAIRN_TYPE": "s3", "RCLONE_CONFIG_CAIRN_PROVIDER": provider,
            "RCLONE_CONFIG_CAIRN_ENDPOINT": self.url, "RCLONE_CONFIG_CAIRN_REGION": "us-east-1",
            "RCLONE_CONFIG_CAIRN_ACCESS_KEY_ID": self.server.access_key,
            "RCLONE_CONFIG_CAIRN_SECRET_ACCESS_KEY": self.server.secret_key,
            "RCLONE_S3_UPLOAD_CUTOFF": "8M", "RCLONE_S3_CHUNK_SIZE": "5M",
            "RCLONE_CONFIG": str(self.work / "rclone.conf")}
        return self.run_client("rclone", *arguments, check=check, environment=environment)

    def round_trip(self, provider, bucket):
        self.rclone("mkdir", f"cairn:{bucket}", provider=provider)
        self.rclone("copy", self.files, f"cairn:{bucket}/in", provider=provider)
        self.rclone("check", "--download", self.files, f"cairn:{bucket}/in", provider=provider)
        self.rclone("check", self.files, f"cairn:{bucket}/in", provider=provider)
        self.rclone("copy", f"cairn:{bucket}/in", self.work / bucket, provider=provider)
        for name in self.names():
            self.assert_same(self.work / bucket / name, name)

    def test_tree_as_other_provider(self):
        self.round_trip("Other", "rclone-other")

    def test_tree_as_minio_provider_which_checks_multipart_etags(self):
        self.round_trip("Minio", "rclone-minio")

    def test_second_copy_transfers_nothing_and_mtime_is_kept(self):
        self.rclone("copy", self.files, "cairn:rclone-again/x")
        again = self.rclone("copy", "-v", self.files, "cairn:rclone-again/x").stderr
        self.assertIn("There was nothing to transfer", again)

    def test_range_server_side_copy_and_delete(self):
        self.rclone("copyto", self.files / "multipart", "cairn:rclone-ops/big")
        part = self.rclone("hashsum", "SHA-256", "--download", "cairn:rclone-ops/big").stdout
        self.assertIn(clients_case.sha256_of(self.files / "multipart"), part)
        whole = (self.files / "multipart").read_bytes()
        self.rclone("copyto", "cairn:rclone-ops/big", "cairn:rclone-ops/copy + ü")
        self.rclone("copyto", "cairn:rclone-ops/copy + ü", self.work / "copied")
        self.assertEqual((self.work / "copied").read_bytes(), whole)
        self.rclone("purge", "cairn:rclone-ops")
        self.assertNotEqual(self.rclone("lsd", "cairn:rclone-ops", check=False).returncode, 0)


if __name__ == "__main__":
    clients_case.skip_unless(os.path.exists("/usr/bin/rclone"), "rclone", "rclone is not installed")
    clients_case.main()
