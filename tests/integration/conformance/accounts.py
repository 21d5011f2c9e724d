"""Accounts beside the server's own, made as an operator makes them: by `cairn admin`."""

import json
import subprocess

from conformance import Conformance, Signer, binary


def admin(server, *words):
    """The JSON that `cairn admin WORDS` prints."""
    command = [binary(), "admin", *words, "--data", server.data, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{words} failed: {done.stdout}{done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


class AccountCase(Conformance):
    """`signer`, `s3` and `owner` are the main account's; `alt_signer`, `alt` and `alt_owner` those of
    a second account."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        admin(cls.server, "tenant", "add", "alt")
        key = admin(cls.server, "key", "add", "--tenant", "alt")
        cls.alt_signer = Signer(key["access_key"], key["secret_key"])
        cls.alt = cls.server.boto3_client(key["access_key"], key["secret_key"])
        cls.owner = cls.s3.list_buckets()["Owner"]["ID"]
        cls.alt_owner = cls.alt.list_buckets()["Owner"]["ID"]

    def as_alt(self, method, path, query="", headers=None, body=b""):
        return self.raw(method, path, query, headers, body, signer=self.alt_signer)
