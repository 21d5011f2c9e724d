"""With cluster in CAIRN_TEST_STACK every CairnServer is one of two nodes: on an etcd of their own, with
their chunks in one bucket of another server. Clients reach both by one address, whose connections go
to the nodes in turn, so that client tests read on one what they wrote on the other."""
import itertools
import os
import socket
import threading

from cairn_server import CairnServer
from etcd_server import EtcdServer
from home_server import Upstream

BUFFER_BYTES = 256 * 1024


class ClusterFront:
    def __init__(self, server, with_tiers):
        """Before `server` is started: what it needs is added to its flags and variables."""
        self._server = server
        self._etcd = EtcdServer(members=1)
        self._upstream = Upstream(with_proxy=False, with_tiers=with_tiers)
        os.makedirs(os.path.dirname(server.data), exist_ok=True)
        self.flags = ["--catalog", self._etcd.url("front"), "--root-key", f"file:{server.data}-root.key",
                      "--garbage-grace", "1", *self._upstream.flags]
        self.env = self._upstream.env
        self._second = None
        self._listener = None
        self.endpoint = None

    def attach(self):
        """When the server is ready."""
        if self._second is None:
            self._second = CairnServer(data=self._server.data + "-second", stack="", env=self.env,
                                       args=self._server.arguments())
            self._second.access_key = self._server.access_key
            self._second.secret_key = self._server.secret_key
            self._second.start()
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
            threading.Thread(target=self._accept, daemon=True).start()
            self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self):
        for turn in itertools.count():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            node = (self._server, self._second)[turn % 2]
            threading.Thread(target=self._serve, args=(client, node), daemon=True).start()

    @staticmethod
    def _serve(client, node):
        host, port = node.host_port.rsplit(":", 1)
        try:
            upstream = socket.create_connection((host, int(port)), timeout=30)
        except OSError:
            client.close()
            return
        upstream.settimeout(None)
        back = threading.Thread(target=ClusterFront._pump, args=(upstream, client), daemon=True)
        back.start()
        ClusterFront._pump(client, upstream)
        back.join()
        upstream.close()
        client.close()

    @staticmethod
    def _pump(source, target):
        try:
            while data := source.recv(BUFFER_BYTES):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for side in (source, target):
                try:
                    side.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        if self._listener is not None:
            self._listener.close()
        if self._second is not None:
            self._second.close()
        self._upstream.close()
        self._etcd.close()
