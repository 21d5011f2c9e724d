"""Two servers whose buckets follow each other, with a proxy between them that a test can break.

    with SitePair() as pair:
        pair.make_bucket("b", versioned=True)
        rule = pair.follow(pair.a, pair.b, "b")          # cairn admin sync add
        pair.wait_in_step(pair.a)
"""
import json
import os
import subprocess
import tempfile
import time

from cairn_server import CairnServer, binary
from fault_proxy import FaultProxy

WAIT_SECONDS = 120


class SitePair:
    def __init__(self, args_a=(), args_b=(), env_b=None):
        self.a = CairnServer(stack="", args=args_a)
        self.b = CairnServer(stack="", args=args_b, env=env_b)
        self.proxies = {}
        self.files = []

    def __enter__(self):
        self.a.start()
        self.b.start()
        # What goes to a site goes through its proxy.
        for site in (self.a, self.b):
            proxy = FaultProxy(site.host_port)
            proxy.__enter__()
            self.proxies[site] = proxy
        return self

    def __exit__(self, *exc):
        for site in (self.a, self.b):
            site.close()
        for proxy in self.proxies.values():
            proxy.__exit__()
        for name in self.files:
            os.unlink(name)

    def make_bucket(self, bucket, versioned=False, sites=None):
        for site in sites or (self.a, self.b):
            s3 = site.boto3_client()
            s3.create_bucket(Bucket=bucket)
            if versioned:
                s3.put_bucket_versioning(Bucket=bucket,
                                         VersioningConfiguration={"Status": "Enabled"})

    def credentials(self, site):
        with tempfile.NamedTemporaryFile("w", prefix="cairn-sync-", delete=False) as file:
            file.write(f"AWS_ACCESS_KEY_ID={site.access_key}\n"
                       f"AWS_SECRET_ACCESS_KEY={site.secret_key}\n")
        os.chmod(file.name, 0o600)
        self.files.append(file.name)
        return file.name

    def admin(self, site, *words, check=True):
        done = subprocess.run([binary(), "admin", "sync", words[0], *words[1:], "--data", site.data],
                              capture_output=True, text=True, timeout=60, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"admin sync {words}: {done.stderr}{done.stdout}")
        return done

    def follow(self, source, target, bucket, *flags, through_proxy=True):
        """The rule's id."""
        endpoint = self.proxies[target].endpoint if through_proxy else target.endpoint
        done = self.admin(source, "add", bucket, "--to", f"{endpoint}/{bucket}", "--credentials",
                          self.credentials(target), *flags)
        return json.loads(done.stdout)["id"]

    def rules(self, site):
        return json.loads(self.admin(site, "list").stdout)["rules"]

    def rule(self, site):
        return self.rules(site)[0]

    def cut(self, target):
        """Nothing gets to the target any more."""
        self.proxies[target].choose = lambda request: ("reset", 0)

    def heal(self, target):
        self.proxies[target].choose = lambda request: None

    def wait(self, what, condition, seconds=WAIT_SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come: {[self.rules(s) for s in (self.a, self.b)]}")

    def wait_in_step(self, *sites, seconds=WAIT_SECONDS):
        for site in sites or (self.a, self.b):
            self.wait("being in step",
                      lambda: all(rule["state"] == "in step" for rule in self.rules(site)), seconds)


def versions(site, bucket):
    """[(key, version id, ETag or None for a marker, is latest, LastModified)] as S3 shows them."""
    rows = []
    for page in site.boto3_client().get_paginator("list_object_versions").paginate(Bucket=bucket):
        for each in page.get("Versions", []):
            rows.append((each["Key"], each["VersionId"], each["ETag"], each["IsLatest"],
                         each["LastModified"]))
        for each in page.get("DeleteMarkers", []):
            rows.append((each["Key"], each["VersionId"], None, each["IsLatest"],
                         each["LastModified"]))
    return sorted(rows, key=str)


def content(site, bucket):
    """{key: bytes} of the current objects."""
    s3 = site.boto3_client()
    out = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page.get("Contents", []):
            out[each["Key"]] = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
    return out
