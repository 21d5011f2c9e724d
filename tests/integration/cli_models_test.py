"""cairn push and pull: versions of a directory, shared and immutable; pulls that verify, resume and
stay inside their directory. Needs CAIRN_BINARY."""
import hashlib
import json
import os
import random
import shutil
import unittest

from cli_case import DAMAGED, FAILED, KIB, MIB, NOT_FOUND, PRECONDITION, USAGE, CliCase


class Models(CliCase):
    def setUp(self):
        super().setUp()
        self.files = {"config.json": b'{"layers": 2}', "model-1.safetensors": random.randbytes(10 * MIB),
                      "model-2.safetensors": random.randbytes(10 * MIB), "tokenizer/vocab": b"a\nb\n",
                      "empty": b"", "run.sh": b"#!/bin/sh\n"}
        for name, body in self.files.items():
            self.write("model/" + name, body)
        (self.work / "model/run.sh").chmod(0o755)
        self.name = f"s3://{self.bucket}/org/llama"

    def push(self, tag="v1", *arguments, **options):
        return self.json_lines("push", self.work / "model", f"{self.name}:{tag}", *arguments, **options)

    def assert_pulled(self, directory, files=None):
        for name, body in (files or self.files).items():
            self.assertEqual((directory / name).read_bytes(), body, name)

    def sent(self, events):
        summaries = [event for event in events if event["event"] == "summary"]
        return summaries[-1]["bytes_sent"] if summaries else 0

    def test_there_and_back(self):
        self.push()
        # Plain S3 users find the files where they look.
        self.assertEqual(self.keys("org/llama/v1/"),
                         sorted("org/llama/v1/" + name for name in self.files))
        self.assertEqual(self.get("org/llama/v1/config.json"), self.files["config.json"])
        manifest = json.loads(self.get("org/llama/.cairn/v1.json"))
        self.assertEqual(manifest["format"], "cairn-model/1")
        listed = {entry["path"]: entry for entry in manifest["files"]}
        for name, body in self.files.items():
            self.assertEqual((listed[name]["size"], listed[name]["sha256"]),
                             (len(body), hashlib.sha256(body).hexdigest()))
        self.run_cli("pull", f"{self.name}:v1", cwd=self.work)
        self.assert_pulled(self.work / "llama")
        self.assertEqual((self.work / "llama/run.sh").stat().st_mode & 0o777, 0o755)
        self.assertEqual((self.work / "llama/config.json").stat().st_mode & 0o777, 0o644)
        found = self.json_lines("models", f"s3://{self.bucket}")
        self.assertEqual([(entry["model"], entry["tag"]) for entry in found], [("org/llama", "v1")])

    def test_the_next_version_sends_only_what_changed(self):
        self.push("v1")
        self.files["config.json"] = b'{"layers": 3}'
        self.write("model/config.json", self.files["config.json"])
        os.rename(self.work / "model/model-1.safetensors", self.work / "model/renamed.safetensors")
        self.files["renamed.safetensors"] = self.files.pop("model-1.safetensors")
        events = self.push("v2")
        self.assertLess(self.sent(events), 4 * KIB)
        self.assertEqual(events[-1]["bytes_shared"], sum(map(len, self.files.values())) - 13)
        self.run_cli("pull", f"{self.name}:v2", self.work / "two")
        self.assert_pulled(self.work / "two")
        self.run_cli("pull", f"{self.name}:v1", self.work / "one")
        self.assertFalse((self.work / "one/renamed.safetensors").exists())

    def test_a_tag_does_not_change(self):
        self.push()
        self.assertEqual(self.sent(self.push()), 0)  # The same files: nothing to do.
        self.write("model/config.json", b"other")
        self.push(code=PRECONDITION)
        self.assertEqual(self.get("org/llama/v1/config.json"), self.files["config.json"])
        os.remove(self.work / "model/empty")
        self.push("v1", "--force")
        self.assertEqual(self.get("org/llama/v1/config.json"), b"other")
        self.assertNotIn("org/llama/v1/empty", self.keys())
        self.run_cli("pull", f"{self.name}:v1", self.work / "out")
        self.assertEqual((self.work / "out/config.json").read_bytes(), b"other")

    def test_a_cut_push_is_invisible_and_is_finished_by_the_next(self):
        self.push()
        # What a push leaves that was cut before the manifest.
        self.s3.delete_object(Bucket=self.bucket, Key="org/llama/.cairn/v1.json")
        self.s3.delete_object(Bucket=self.bucket, Key="org/llama/v1/model-2.safetensors")
        self.run_cli("pull", f"{self.name}:v1", self.work / "out", code=NOT_FOUND)
        events = self.push()
        self.assertEqual(events[-1]["event"], "pushed")
        uploads = [event["to"] for event in events if event["event"] == "upload"]
        self.assertEqual(uploads, [f"{self.name}/v1/model-2.safetensors"])
        self.run_cli("pull", f"{self.name}:v1", self.work / "out")
        self.assert_pulled(self.work / "out")

    def test_two_pushes_of_one_tag_do_not_mix(self):
        self.put("org/llama/v1/config.json", b"of somebody else")
        self.push(code=PRECONDITION)
        self.assertEqual(self.get("org/llama/v1/config.json"), b"of somebody else")
        self.assertEqual(self.keys("org/llama/.cairn/"), [])

    def test_a_pull_restarts_nothing_that_is_right(self):
        self.push()
        out = self.work / "out"
        self.run_cli("pull", f"{self.name}:v1", out)
        before = {name: (out / name).stat().st_ino for name in self.files}
        (out / "config.json").write_bytes(b'{"layers": 9}')  # The same size.
        os.remove(out / "model-1.safetensors")
        (out / "own-notes").write_bytes(b"mine")
        events = self.json_lines("pull", f"{self.name}:v1", out)
        fetched = sorted(event["from"] for event in events if event["event"] == "download")
        self.assertEqual(fetched, [f"{self.name}/v1/config.json", f"{self.name}/v1/model-1.safetensors"])
        self.assert_pulled(out)
        self.assertEqual((out / "model-2.safetensors").stat().st_ino, before["model-2.safetensors"])
        self.assertEqual((out / "own-notes").read_bytes(), b"mine")

    def test_a_part_of_a_model(self):
        self.push()
        self.run_cli("pull", f"{self.name}:v1", self.work / "out", "--exclude", "*", "--include", "*.json")
        self.assertEqual(os.listdir(self.work / "out"), ["config.json"])

    def test_wrong_content_never_arrives(self):
        self.push()
        self.put("org/llama/v1/config.json", b'{"layers": X}')
        self.put("org/llama/v1/model-1.safetensors", random.randbytes(10 * MIB))
        self.run_cli("pull", f"{self.name}:v1", self.work / "out", code=DAMAGED)
        self.assertEqual(sorted(os.listdir(self.work / "out")),
                         ["empty", "model-2.safetensors", "run.sh", "tokenizer"])

    def test_verifying(self):
        self.push()
        out = self.work / "out"
        self.run_cli("pull", f"{self.name}:v1", out)
        self.run_cli("pull", f"{self.name}:v1", out, "--verify-only")
        (out / "run.sh").write_bytes(b"#!/bin/SH\n")
        result = self.run_cli("pull", f"{self.name}:v1", out, "--verify-only", code=DAMAGED)
        self.assertIn("run.sh", result.stderr)

    def test_hostile_manifests(self):
        self.push()
        manifest = json.loads(self.get("org/llama/.cairn/v1.json"))
        for path in ("../evil", "/tmp/cairn-evil", "a/../../evil"):
            manifest["files"][0]["path"] = path
            self.put("org/llama/.cairn/evil.json", json.dumps(manifest).encode())
            self.run_cli("pull", f"{self.name}:evil", self.work / "in/out", code=DAMAGED)
        self.put("org/llama/.cairn/evil.json", b"not json")
        self.run_cli("pull", f"{self.name}:evil", self.work / "in/out", code=DAMAGED)
        self.assertFalse((self.work / "in").exists())
        self.assertFalse(os.path.exists("/tmp/cairn-evil"))

    def test_links_in_the_directory_are_not_followed(self):
        self.push()
        out = self.work / "out"
        out.mkdir()
        victim = self.write("victim/vocab", b"mine")
        os.symlink(self.work / "victim", out / "tokenizer")
        os.symlink(victim, out / "config.json")
        self.run_cli("pull", f"{self.name}:v1", out, code=FAILED)
        self.assertEqual(victim.read_bytes(), b"mine")
        self.assertEqual((out / "config.json").read_bytes(), self.files["config.json"])

    def test_errors_say_what_to_do(self):
        self.push("v1")
        result = self.run_cli("pull", f"{self.name}:v9", code=NOT_FOUND)
        self.assertIn("its tags are v1", result.stderr)
        result = self.run_cli("pull", self.name, code=NOT_FOUND)
        self.assertIn("its tags are v1", result.stderr)
        self.run_cli("push", self.work / "model", self.name, code=USAGE)
        self.run_cli("push", self.work / "absent", f"{self.name}:v2", code=NOT_FOUND)
        (self.work / "void").mkdir()
        self.run_cli("push", self.work / "void", f"{self.name}:v2", code=NOT_FOUND)
        self.run_cli("push", self.work / "model", "s3://there-is-no-such-bucket/m:v1", code=NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
