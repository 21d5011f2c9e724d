"""Property: restic initialises a repository, backs up, verifies every pack by reading it, restores
byte-equal files, and forgets. Method: restic's own `check --read-data` on a real server."""
import os

import clients_case


class Restic(clients_case.ClientCase):
    def restic(self, *arguments):
        return self.run_client("restic", "-r", f"s3:{self.url}/restic/repo", *arguments,
                               environment={"RESTIC_PASSWORD": "test", "XDG_CACHE_HOME": str(self.work)},
                               timeout=300)

    def test_backup_check_restore_forget(self):
        self.restic("init")
        self.restic("backup", self.files)
        self.restic("backup", self.files)
        self.assertIn("no errors were found", self.restic("check", "--read-data").stdout)
        self.restic("restore", "latest", "--target", self.work / "restored")
        for name in self.names():
            self.assert_same(self.work / "restored" / str(self.files)[1:] / name, name)
        self.restic("forget", "--keep-last", "1", "--prune")
        self.assertIn("no errors were found", self.restic("check").stdout)


if __name__ == "__main__":
    clients_case.skip_unless(os.path.exists("/usr/bin/restic"), "restic", "restic is not installed")
    clients_case.main()
