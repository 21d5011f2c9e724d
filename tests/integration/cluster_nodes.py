"""Several `cairn serve` processes on one prefix of a real etcd and one chunk store: a cluster in which
each node can be killed, paused, restarted, and cut off from etcd.

    with ClusterNodes(nodes=3, members=3) as cluster:
        cluster.s3(0).create_bucket(Bucket="b")
        cluster.s3(2).put_object(Bucket="b", Key="k", Body=b"...")
        cluster.nodes[1].kill()
        cluster.cut(0); cluster.heal(0)        # node 0 and etcd, with proxies=True

The store is a Ceph pool, or a bucket of another server, as CAIRN_CLUSTER_HOME says (rados, s3); all
nodes share the root key and the root user's keys."""
import os
import shutil
import signal
import tempfile

from cairn_server import CairnServer
from cut_proxy import CutProxy
from etcd_server import EtcdServer

HOME = os.environ.get("CAIRN_CLUSTER_HOME", "rados")


class ClusterNodes:
    def __init__(self, nodes=2, members=1, args=(), proxies=False, home=None, prefix="cluster",
                 etcd=None, start=True):
        """`home`: rados, s3, or a home_server.Upstream. `etcd`: one that is there already. `proxies`:
        every node reaches etcd through proxies of its own."""
        self.directory = tempfile.mkdtemp(prefix="cairn-cluster-")
        self._own_etcd = etcd is None
        self.etcd = etcd or EtcdServer(members=members)
        self.prefix = prefix
        self._proxies = []
        self._upstream = None
        self._ceph = None
        self.nodes = []
        try:
            self.home_flags, self.home_env = self._make_home(home or HOME)
        except BaseException:
            self.close()  # Nobody else could: the constructor fails.
            raise
        for number in range(nodes):
            url = self.etcd.url(prefix)
            if proxies:
                own = [CutProxy("127.0.0.1", port) for port in self.etcd.client_ports]
                self._proxies.append(own)
                url = "etcd://" + ",".join(f"127.0.0.1:{one.port}" for one in own) + "/" + prefix
            self.nodes.append(self._make_node(number, url, args))
        if not start:
            return
        try:
            for node in self.nodes:
                node.start()
        except BaseException:
            self.close()  # Nobody else could: the constructor fails.
            raise

    def _make_home(self, kind):
        if not isinstance(kind, str):
            return kind.flags, kind.env
        if kind == "rados":
            from ceph_home import CephHome
            self._ceph = CephHome()
            return self._ceph.flags, {}
        from home_server import Upstream
        self._upstream = Upstream(with_proxy=False)
        return self._upstream.flags, self._upstream.env

    def _make_node(self, number, url, args):
        node = CairnServer(data=os.path.join(self.directory, f"node{number}"), stack="",
                           env=self.home_env,
                           args=["--catalog", url, "--root-key", f"file:{self.directory}/root.key",
                                 *self.home_flags, "--gc-interval-ms", "200", *args])
        if self.nodes:
            node.access_key, node.secret_key = self.nodes[0].access_key, self.nodes[0].secret_key
        return node

    def stored_chunks_count(self):
        """How many chunks the store holds."""
        if self._ceph is not None:
            return len(self._ceph.objects())
        return sum(1 for key in self._upstream.keys() if "/chunks/" in key)

    def s3(self, number, **how):
        return self.nodes[number].boto3_client(**how)

    def pause(self, number):
        self.nodes[number].process.send_signal(signal.SIGSTOP)

    def resume(self, number):
        self.nodes[number].process.send_signal(signal.SIGCONT)

    def cut(self, number):
        for proxy in self._proxies[number]:
            proxy.cut()

    def heal(self, number):
        for proxy in self._proxies[number]:
            proxy.heal()

    def close(self):
        for node in self.nodes:
            node.close()
        for own in self._proxies:
            for proxy in own:
                proxy.close()
        if self._upstream is not None:
            self._upstream.close()
        if self._own_etcd:
            self.etcd.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
