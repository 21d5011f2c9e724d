"""Several `cairn serve` processes on one prefix of a real etcd and one chunk store: a cluster in which
each node can be killed, paused, restarted, and cut off from etcd, from its home and from its peers.

    with ClusterNodes(nodes=3, members=3) as cluster:
        cluster.s3(0).create_bucket(Bucket="b")
        cluster.s3(2).put_object(Bucket="b", Key="k", Body=b"...")
        cluster.nodes[1].kill()
        cluster.cut(0); cluster.heal(0)        # with cuts=True; cluster_network.py

The store is a Ceph pool, or a bucket of another server, as CAIRN_CLUSTER_HOME says (rados, s3); all
nodes share the root key and the root user's keys."""
import os
import shutil
import signal
import tempfile

import network_lab
from cairn_server import CairnServer
from cluster_network import LabNetwork, ProxyNetwork
from etcd_server import EtcdServer

HOME = os.environ.get("CAIRN_CLUSTER_HOME", "rados")


class ClusterNodes:
    def __init__(self, nodes=2, members=1, args=(), cuts=False, home=None, prefix="cluster",
                 etcd=None, start=True, peers=False, clocks=None, etcd_flags=()):
        """`home`: rados, s3, or a home_server.Upstream. `etcd`: one that is there already. `cuts`: nodes
        may be cut off. `peers`: they read through each other's memory. `clocks`: for each node, the
        clock.Clock that it has."""
        self.directory = tempfile.mkdtemp(prefix="cairn-cluster-")
        self._own_etcd = etcd is None
        self.etcd = etcd
        self.prefix = prefix
        self.network = None
        self._args, self._clocks = list(args), clocks
        self._upstream = None
        self._ceph = None
        self._certificates = None
        self.nodes = []
        try:
            home = home or HOME
            if cuts:
                # Ceph listens at 127.0.0.1, which hosts of a lab do not reach.
                in_lab = network_lab.is_inside() and home == "s3"
                self.network = LabNetwork(nodes, members) if in_lab else ProxyNetwork(nodes)
            if self.etcd is None:
                self.etcd = EtcdServer(members, etcd_flags, self.network and self.network.members)
            self.home_flags, self.home_env = self._make_home(home)
            if peers:
                from peer_certificates import PeerCertificates
                self._certificates = PeerCertificates()
            for number in range(nodes):
                self.nodes.append(self._make_node(number))
            if start:
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
        how = self.network.home_server_flags() if self.network else {}
        self._upstream = Upstream(with_proxy=False, server=CairnServer(stack="", **how).start())
        return self._upstream.flags, self._upstream.env

    def _make_node(self, number):
        url, home_flags, how, env = self.etcd.url(self.prefix), self.home_flags, {}, dict(self.home_env)
        if self.network:
            url = self.network.etcd_url(number, self.etcd, self.prefix)
            home_flags = self.network.home_flags(number, home_flags)
            how = self.network.server_flags(number)
        if self._clocks:
            env.update(self._clocks[number].env)
        args = ["--join" if self._certificates else "--catalog", url,
                "--root-key", f"file:{self.directory}/root.key", *self._tier_flags(home_flags),
                *self._args]
        if "--gc-interval-ms" not in args:
            args += ["--gc-interval-ms", "200"]
        if self._certificates:
            args += self._peer_flags(number, how.get("address", "127.0.0.1"))
        node = CairnServer(data=os.path.join(self.directory, f"node{number}"), stack="", env=env,
                           args=args, **how)
        if self.nodes:
            node.access_key, node.secret_key = self.nodes[0].access_key, self.nodes[0].secret_key
        return node

    def _tier_flags(self, home_flags):
        # Peers ask each other's tiers.
        return [flag for flag in home_flags if not self._certificates or flag not in ("--tier", "none")]

    def _peer_flags(self, number, address):
        from peer_nodes import free_port
        name, port = f"node-{number}", free_port()
        listen = advertise = f"{address}:{port}"
        if self.network:
            listen, advertise = self.network.peer_address(number, port)
        return ["--node-name", name, "--peer-listen", listen, "--advertise", advertise,
                "--peer-memory", "512MiB", "--tier", "ram:16MiB", *self._certificates.flags(name, address)]

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

    def cut(self, number, what="etcd", **how):
        self.network.cut(number, what, **how)

    def heal(self, number=None):
        self.network.heal(number)

    def sum(self, metric):
        return sum(node.metrics()[metric] for node in self.nodes if node.process.poll() is None)

    def close(self):
        for node in self.nodes:
            node.close()
        if self._upstream is not None:
            self._upstream.close()
        if self._own_etcd and self.etcd is not None:
            self.etcd.close()
        if self.network is not None:
            self.network.close()
        if self._certificates is not None:
            self._certificates.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
