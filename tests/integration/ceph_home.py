"""A Ceph cluster (tests/support/ceph/) whose pool holds the chunks of servers under test. One cluster
per process, begun when it is first asked for, gone when the process ends; a namespace per home.

    home = CephHome()          # unittest.SkipTest where Ceph is not installed
    with CairnServer(args=home.flags) as server: ..."""
import contextlib
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "support/ceph/ceph_cluster.py"
sys.path.insert(0, str(SCRIPT.parent))
import ceph_cluster  # noqa: E402

_numbers = itertools.count()
_cluster = None


def need_ceph():
    if ceph_cluster.rados is None or any(shutil.which(name) is None for name in ceph_cluster.PROGRAMS):
        raise unittest.SkipTest("Ceph is not installed")


def cluster(address="127.0.0.1"):
    global _cluster
    if _cluster is None:
        directory = os.path.join(tempfile.mkdtemp(prefix="cairn-ceph-"), "c")
        ended = subprocess.run(["/usr/bin/python3", SCRIPT, "up", directory, "--until", str(os.getpid()), "--address", address],
                               stdout=subprocess.DEVNULL).returncode
        if ended == ceph_cluster.MISSING:
            os.rmdir(os.path.dirname(directory))
            raise unittest.SkipTest("Ceph is not installed")
        if ended != 0:
            raise RuntimeError(f"the Ceph cluster did not start: {ended}")
        _cluster = ceph_cluster.CephCluster(directory)
    return _cluster


class CephHome:
    def __init__(self, with_tiers=False, address="127.0.0.1"):
        """`with_tiers`: the caches are as the server's other flags say. `address`: where the process's
        cluster is, for the first home of it."""
        self.cluster = cluster(address)
        self.namespace = f"home{next(_numbers)}"
        self.flags = ["--home", f"rados:data/{self.namespace}", "--home-ceph-conf", str(self.cluster.conf),
                      "--home-ceph-timeout", "10", "--home-upkeep-ms", "200"]
        if not with_tiers:
            self.flags += ["--tier", "none"]

    @contextlib.contextmanager
    def pool(self, tenant=""):
        """The namespace of the root tenant's chunks, or of an account's."""
        with ceph_cluster.rados.Rados(conffile=str(self.cluster.conf)) as client:
            with client.open_ioctx("data") as pool:
                pool.set_namespace(self.namespace + ("/" + tenant if tenant else ""))
                yield pool

    def objects(self, tenant=""):
        """Names of the chunks in the pool."""
        with self.pool(tenant) as pool:
            return [item.key for item in pool.list_objects()]

    def plant(self, names, tenant=""):
        """Objects that no catalog knows."""
        with self.pool(tenant) as pool:
            for name in names:
                pool.write_full(name, b"of nobody")

    def contents(self):
        with self.pool() as pool:
            return {item.key: pool.read(item.key, 16 << 20) for item in pool.list_objects()}
