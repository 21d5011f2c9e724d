"""A Ceph cluster (tests/support/ceph/) whose pool holds the chunks of servers under test. One cluster
per process, begun when it is first asked for, gone when the process ends; a namespace per home.

    home = CephHome()          # unittest.SkipTest where Ceph is not installed
    with CairnServer(args=home.flags) as server: ..."""
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "support/ceph/ceph_cluster.py"
sys.path.insert(0, str(SCRIPT.parent))
import ceph_cluster  # noqa: E402

_numbers = itertools.count()
_cluster = None


def cluster():
    global _cluster
    if _cluster is None:
        directory = os.path.join(tempfile.mkdtemp(prefix="cairn-ceph-"), "c")
        ended = subprocess.run(["/usr/bin/python3", SCRIPT, "up", directory, "--until", str(os.getpid())],
                               stdout=subprocess.DEVNULL).returncode
        if ended == ceph_cluster.MISSING:
            os.rmdir(os.path.dirname(directory))
            raise unittest.SkipTest("Ceph is not installed")
        if ended != 0:
            raise RuntimeError(f"the Ceph cluster did not start: {ended}")
        _cluster = ceph_cluster.CephCluster(directory)
    return _cluster


class CephHome:
    def __init__(self, with_tiers=False):
        """`with_tiers`: the caches are as the server's other flags say."""
        self.cluster = cluster()
        self.namespace = f"home{next(_numbers)}"
        self.flags = ["--home", f"rados:data/{self.namespace}", "--home-ceph-conf", str(self.cluster.conf),
                      "--home-ceph-timeout", "10", "--home-upkeep-ms", "200"]
        if not with_tiers:
            self.flags += ["--tier", "none"]

    def objects(self):
        """Names of the chunks in the pool."""
        with ceph_cluster.rados.Rados(conffile=str(self.cluster.conf)) as client:
            with client.open_ioctx("data") as pool:
                pool.set_namespace(self.namespace)
                return [item.key for item in pool.list_objects()]

    def contents(self):
        with ceph_cluster.rados.Rados(conffile=str(self.cluster.conf)) as client:
            with client.open_ioctx("data") as pool:
                pool.set_namespace(self.namespace)
                return {item.key: pool.read(item.key, 16 << 20) for item in pool.list_objects()}
