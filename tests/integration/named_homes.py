"""Several homes for one server: buckets of further Cairn servers behind proxies, and volumes.

    with Homes({"aws": "s3", "gcs": "s3", "fast": "volume"}) as homes:
        homes.placement("standard", ["aws", "gcs"])
        server = homes.server()
        homes.upstreams["aws"].kill()"""
import json
import os
import shutil
import subprocess
import tempfile

import cairn_server
from cairn_server import CairnServer
from fault_proxy import FaultProxy

BUCKET = "chunks"


class Homes:
    def __init__(self, kinds):
        self.directory = tempfile.mkdtemp(prefix="cairn-homes-")
        self.kinds = dict(kinds)
        self.upstreams, self.proxies, self.placements = {}, {}, []
        self._server = None
        for name, kind in self.kinds.items():
            if kind == "s3":
                self._add_upstream(name)

    def _add_upstream(self, name):
        upstream = CairnServer(stack="").start()
        upstream.boto3_client().create_bucket(Bucket=BUCKET)
        self.upstreams[name] = upstream
        self.proxies[name] = FaultProxy(upstream.endpoint.split("://", 1)[1])
        self.proxies[name].__enter__()
        with open(self.path(name + ".keys"), "w") as file:
            file.write(f"AWS_ACCESS_KEY_ID={upstream.access_key}\n"
                       f"AWS_SECRET_ACCESS_KEY={upstream.secret_key}\n")
        os.chmod(self.path(name + ".keys"), 0o600)

    def path(self, name):
        return os.path.join(self.directory, name)

    def placement(self, name, homes, **more):
        """`more`: ack, staging, storage_class."""
        self.placements = [row for row in self.placements if row[0] != name]
        self.placements.append((name, homes, more))

    def config(self, homes=None):
        text = 'home_upkeep_ms = 200\nstaging_delay_ms = 200\n'
        for name, kind in self.kinds.items():
            if homes is not None and name not in homes:
                continue
            text += f'[[home]]\nname = "{name}"\nkind = "{kind}"\n'
            if kind == "s3":
                text += (f'bucket = "{BUCKET}"\nprefix = "of/{name}"\n'
                         f'endpoint = "{self.proxies[name].endpoint}"\n'
                         f'credentials = "{self.path(name + ".keys")}"\n')
            elif kind == "volume":
                text += f'path = "{self.path(name)}"\n'
        for name, members, more in self.placements:
            text += f'[[placement]]\nname = "{name}"\nhomes = {json.dumps(members)}\n'
            for key, value in more.items():
                text += f'{key.replace("_", "-")} = {json.dumps(value)}\n'
        return text

    def write_config(self, homes=None):
        path = self.path("cairn.toml")
        with open(path, "w") as file:
            file.write(self.config(homes))
        return path

    def server(self, **how):
        """The server over the homes, started; a second call gives the same one."""
        if self._server is None:
            self._server = CairnServer(args=["--config", self.write_config(), "--tier", "none"],
                                       stack="", **how)
            self._server.start()
        return self._server

    def admin(self, *words):
        """`cairn admin placement WORDS`, its JSON."""
        ran = subprocess.run([cairn_server.binary(), "admin", "placement", *words, "--data",
                              self._server.data], capture_output=True, text=True, timeout=60)
        if ran.returncode:
            raise RuntimeError(ran.stdout + ran.stderr)
        return json.loads(ran.stdout)

    def home(self, name):
        return {home["name"]: home for home in self.admin("status")["homes"]}[name]

    def close(self):
        if self._server is not None:
            self._server.close()
        for name, upstream in self.upstreams.items():
            self.proxies[name].__exit__()
            upstream.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
