"""Property: browsers upload with presigned forms. Method: node drives headless Chromium over
js/browser_forms.mjs against a real server; it exits non-zero at the first difference."""
import pathlib
import shutil

import clients_case

MODULES = clients_case.ROOT / "build/clients/js"


class Browser(clients_case.ClientCase):
    def test_forms(self):
        # Modules are resolved beside the script, so it runs from where they were installed.
        script = MODULES / "browser_forms.mjs"
        shutil.copyfile(clients_case.HERE / "js/browser_forms.mjs", script)
        result = self.run_client(shutil.which("node"), script, environment={"CAIRN_URL": self.url},
                                 timeout=300)
        self.assertIn("browser: ok", result.stdout)


if __name__ == "__main__":
    clients_case.skip_unless(shutil.which("node"), "browser", "node is not installed")
    clients_case.skip_unless(pathlib.Path("/usr/bin/chromium").exists(), "browser",
                             "chromium is not installed")
    clients_case.skip_unless(pathlib.Path(MODULES, "node_modules/playwright-core").exists(), "browser",
                             "the npm registry was not reached")
    clients_case.main()
