"""cairn bench, help, man and the completions of the shells that are here. Needs CAIRN_BINARY."""
import os
import shutil
import subprocess
import unittest

from cairn_server import binary
from cli_case import FAILED, KIB, NOT_FOUND, USAGE, CliCase


class Bench(CliCase):
    def bench(self, *arguments, **options):
        return self.json_lines("bench", self.url("load"), "--duration", "1s", "--warm-up", "0",
                               *arguments, **options)[-1]

    def test_closed_loop(self):
        told = self.bench("--op", "put", "--size", "4KiB", "--concurrency", "4")
        self.assertNotIn("get", told)
        put = told["put"]
        self.assertGreater(put["requests"], 10)
        self.assertEqual((put["errors"], put["bytes"]), (0, put["requests"] * 4 * KIB))
        times = put["latency_ms"]
        self.assertLessEqual(times["min"], times["p50"])
        self.assertLessEqual(times["p50"], times["p99"])
        self.assertLessEqual(times["p99"], times["max"])
        self.assertEqual(self.keys(), [])

    def test_mixed_sizes_and_kept_objects(self):
        told = self.bench("--op", "mixed", "--size", "1KiB:50,64KiB:50", "--objects", "5", "--keep")
        self.assertGreater(told["get"]["requests"], 0)
        self.assertGreater(told["put"]["requests"], 0)
        self.assertEqual(len([key for key in self.keys() if "/read-" in key]), 5)

    def test_open_loop_keeps_its_rate(self):
        told = self.bench("--op", "get", "--size", "1KiB", "--rate", "50", "--concurrency", "8")
        self.assertLessEqual(abs(told["get"]["requests"] - 50), 3)

    def test_open_loop_counts_from_when_a_request_was_due(self):
        # One worker for more than it can do: the queue before it is part of the latency.
        told = self.bench("--op", "put", "--size", "1MiB", "--rate", "3000", "--concurrency", "1")
        self.assertGreater(told["put"]["latency_ms"]["max"], 1000)
        self.assertGreater(told["unsent"], 0)
        self.assertEqual(told["put"]["requests"] + told["unsent"], 3000)

    def test_bad_settings(self):
        self.run_cli("bench", self.url(), "--size", "1GiB", code=USAGE)
        self.run_cli("bench", self.url(), "--op", "delete", code=USAGE)
        self.run_cli("bench", self.url(), "--duration", "0", code=USAGE)
        self.run_cli("bench", "s3://there-is-no-such-bucket", "--op", "get", code=NOT_FOUND)


class Help(CliCase):
    def test_help(self):
        self.assertIn("--recursive", self.run_cli("help", "cp").stdout)
        self.assertIn("cairn admin", self.run_cli("help", "admin", "user", "add").stdout)
        self.run_cli("help", "fly", code=USAGE)
        self.assertIn("Exit codes", self.run_cli("--help").stdout)

    def test_the_manual_has_no_errors(self):
        page = self.run_cli("man").stdout
        self.assertIn("cairn sync", page)
        if shutil.which("groff"):
            checked = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z"], input=page, text=True,
                                     capture_output=True, check=False)
            self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def complete(self, *words):
        script = ('eval "$("$0" completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cairn; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        result = subprocess.run(["bash", "-uc", script, binary(), *words], env=self.environment,
                                capture_output=True, text=True, check=True)
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def test_bash(self):
        self.assertIn("sync", self.complete("cairn", "s"))
        self.assertNotIn("cp", self.complete("cairn", "s"))
        self.assertIn("--recursive", self.complete("cairn", "cp", "--rec"))
        self.assertEqual(self.complete("cairn", "admin", "user", "ad"), ["add"])
        self.assertIn("--tenant", self.complete("cairn", "admin", "user", "add", "--ten"))

    def test_every_shell_parses_its_completion(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.run_cli("completion", shell).stdout
            self.assertIn("cairn", script)
            if shutil.which(shell):
                path = self.write(shell + ".completion", script.encode())
                subprocess.run([shell, "-n", str(path)], check=True, capture_output=True)
        self.run_cli("completion", "tcsh", code=USAGE)


if __name__ == "__main__":
    unittest.main()
