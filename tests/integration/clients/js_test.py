"""Property: the JS clients of js/clients.mjs work unmodified. Method: node runs that script against a
real server; it exits non-zero at the first difference."""
import pathlib
import shutil

import clients_case

MODULES = clients_case.ROOT / "build/clients/js"


class JavaScript(clients_case.ClientCase):
    def test_aws_sdk_and_minio(self):
        # Modules are resolved beside the script, so it runs from where they were installed.
        script = MODULES / "clients.mjs"
        shutil.copyfile(clients_case.HERE / "js/clients.mjs", script)
        result = self.run_client(shutil.which("node"), script, environment={
            "CAIRN_URL": self.url, "CAIRN_FILES": str(self.files)}, timeout=300)
        self.assertIn("minio-js: ok", result.stdout)


if __name__ == "__main__":
    clients_case.skip_unless(shutil.which("node"), "js", "node is not installed")
    clients_case.skip_unless(pathlib.Path(MODULES, "node_modules/minio").exists(), "js",
                             "the npm registry was not reached")
    clients_case.main()
