"""How the nodes of a cluster reach etcd, their home and each other, so that a test can cut them off: on
hosts of a network_lab where the machine has them, else at 127.0.0.1 through cutting proxies. Both:

    network.cut(0, "etcd")                 # node 0 and etcd, both ways
    network.cut(0, "home", ("there",))     # what it sends is lost, answers would arrive
    network.heal(0)                        # and everything reaches everything again

With proxies a node is cut off from its peers as the one that they ask, and members of etcd not at all."""
from cut_proxy import WAYS, CutProxy
from network_lab import Lab

FAR_SIDES = ("etcd", "home", "peers")


class LabNetwork:
    can_split_members = True

    def __init__(self, nodes, members):
        self._lab = Lab()
        self.members = [self._lab.host() for _ in range(members)]
        self.home = self._lab.host()
        self._nodes = [self._lab.host() for _ in range(nodes)]

    def server_flags(self, number):
        """Of CairnServer, for a node."""
        return {"address": self._nodes[number].address, "command_prefix": self._nodes[number].prefix}

    def home_server_flags(self):
        return {"address": self.home.address, "command_prefix": self.home.prefix}

    def peer_address(self, number, port):
        """Where a node listens for peers, and where they find it."""
        listen = f"{self._nodes[number].address}:{port}"
        return listen, listen

    def etcd_url(self, _number, etcd, prefix):
        return etcd.url(prefix)

    def home_flags(self, _number, flags):
        return list(flags)

    def cut(self, number, what, ways=WAYS):
        node = self._nodes[number]
        others = [other for other in self._nodes if other is not node]
        for far in {"etcd": self.members, "home": [self.home], "peers": others}[what]:
            if "there" in ways:
                self._lab.cut(node, far)
            if "back" in ways:
                self._lab.cut(far, node)

    def lose(self, _number):
        """Packets are lost already; connections end when that was too many."""

    def split_member(self, member):
        """One member of etcd and the others lose each other; nodes reach all of them."""
        for other in self.members:
            if other is not self.members[member]:
                self._lab.cut(self.members[member], other)
                self._lab.cut(other, self.members[member])

    def heal(self, _number=None):
        self._lab.heal_all()

    def close(self):
        self._lab.close()


class ProxyNetwork:
    can_split_members = False
    members = None

    def __init__(self, nodes):
        self._proxies = [{what: [] for what in FAR_SIDES} for _ in range(nodes)]

    def _add(self, number, what, host, port):
        self._proxies[number][what].append(CutProxy(host, int(port)))
        return f"127.0.0.1:{self._proxies[number][what][-1].port}"

    def server_flags(self, _number):
        return {}

    def home_server_flags(self):
        return {}

    def peer_address(self, number, port):
        return f"127.0.0.1:{port}", self._add(number, "peers", "127.0.0.1", port)

    def etcd_url(self, number, etcd, prefix):
        own = [self._add(number, "etcd", *client.rsplit(":", 1)) for client in etcd.clients]
        return "etcd://" + ",".join(own) + "/" + prefix

    def home_flags(self, number, flags):
        flags = list(flags)
        if "--home-endpoint" in flags:  # Ceph has none, and is not cut off.
            at = flags.index("--home-endpoint") + 1
            host, port = flags[at].split("://", 1)[1].rsplit(":", 1)
            flags[at] = "http://" + self._add(number, "home", host, port)
        return flags

    def watch(self, number, on_data):
        """CutProxy.on_data of what that node sends to etcd and to its home."""
        for what in ("etcd", "home"):
            for proxy in self._proxies[number][what]:
                proxy.on_data = on_data

    def cut(self, number, what, ways=WAYS):
        for proxy in self._proxies[number][what]:
            proxy.cut(ways)

    def lose(self, number):
        """What that node and etcd have sent each other while they were cut off never arrives."""
        for proxy in self._proxies[number]["etcd"]:
            proxy.lose()

    def heal(self, number=None):
        for of_node in self._proxies if number is None else [self._proxies[number]]:
            for proxy in sum(of_node.values(), []):
                proxy.heal()

    def close(self):
        for of_node in self._proxies:
            for proxy in sum(of_node.values(), []):
                proxy.close()
