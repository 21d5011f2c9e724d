"""One run of a history: a cluster, clients that write down what they are told, a nemesis beside them, and
what is asked of the whole when it ends. Used by cluster_linear_test.py."""
import random
import threading
import time

from cluster_nodes import ClusterNodes
from linear_histories import Client, Recorder
from nemeses import NODES

# What is promised for an idle machine; those that build and test meanwhile get more (slack).
ANSWER_SECONDS = 2
BACK_SECONDS = 5
SERVED_SECONDS_MAX = 60  # Then it is called dead.
IN_HOME_BYTES = 20_000   # Of bodies that lie in the home; smaller ones are in the catalog.


class Run:
    """Legal when `failures` is empty afterwards."""

    def __init__(self, nemesis, members=3, args=(), clients=9, seconds=12, body_bytes=0, peers=False,
                 clocks=False, etcd_flags=(), may_be_full=False):
        self.nemesis, self.members, self.args, self.clients = nemesis, members, list(args), clients
        self.seconds, self.body_bytes, self.peers = seconds, body_bytes, peers
        self.with_clocks, self.etcd_flags, self.may_be_full = clocks, etcd_flags, may_be_full

    def again(self):
        """The same, not yet run."""
        return Run(self.nemesis, self.members, self.args, self.clients, self.seconds, self.body_bytes,
                   self.peers, self.with_clocks, self.etcd_flags, self.may_be_full)

    def run(self, seconds=None):
        self.seed = random.randrange(1 << 32)
        self.dice = random.Random(self.seed)
        self.outages = []  # Seconds from when all was whole again until every node served.
        self.full = []     # Refusals and reads while etcd was full.
        self.hurts = 0
        self.error = None
        self.clocks = self._make_clocks()
        try:
            with ClusterNodes(nodes=NODES, members=self.members, args=self.args, cuts=True,
                              peers=self.peers, clocks=self.clocks, etcd_flags=self.etcd_flags) as cluster:
                self._run(cluster, seconds or self.seconds)
        finally:
            for clock in self.clocks:
                clock.__exit__()

    def _make_clocks(self):
        if not self.with_clocks:
            return []
        from clock.clock import Clock
        return [Clock() for _ in range(NODES)]

    def _run(self, cluster, seconds):
        keys = cluster.nodes[0].access_key, cluster.nodes[0].secret_key
        # No boto3: its sessions are not made in several threads at once.
        self.each = [Client(node.endpoint, *keys) for node in cluster.nodes]
        status, _ = self.each[0].request("PUT", "/linear")
        if status != 200:
            raise RuntimeError(f"the bucket was not made: {status}")
        self.recorder = Recorder([node.endpoint for node in cluster.nodes], *keys, "linear", self.body_bytes)
        ended = threading.Event()
        beside = threading.Thread(target=self._hurt, args=(cluster, ended))
        beside.start()
        self.recorder.run(seconds, self.clients, self.seed)
        ended.set()
        beside.join()
        self._check_that_it_serves()
        self.recorder.read_all()
        self.is_legal, self.text = self.recorder.check()
        self.read_anew = sum(node.log().count('"etcd_history_compacted"') for node in cluster.nodes)
        self.errors_told = [f"node {number}: {line}" for number, node in enumerate(cluster.nodes)
                            for line in node.log().splitlines() if '"level":"error"' in line]

    def _hurt(self, cluster, ended):
        try:
            while not ended.wait(0.5 + self.dice.random()):
                self.nemesis(self, cluster, ended)
                self.hurts += 1
        except Exception as error:  # Told at the end.
            self.error = error
            self.recorder.stop.set()

    def wait_until_served(self, ended):
        """Notes how long it takes until an operation that begins now, or later, succeeds at every node."""
        begin = time.monotonic()
        while not all(self.recorder.serves_since(number, begin) for number in range(NODES)):
            if ended.wait(0.01):
                return
            if time.monotonic() - begin > SERVED_SECONDS_MAX:
                break
        self.outages.append(time.monotonic() - begin)

    def _check_that_it_serves(self):
        """All is whole: every node serves again."""
        begin = time.monotonic()
        for number, client in enumerate(self.each):
            while client.request("PUT", f"/linear/after{number}", b"1")[0] != 200:
                if time.monotonic() - begin > SERVED_SECONDS_MAX:
                    raise RuntimeError(f"node {number} does not serve again")
                time.sleep(0.1)
        self.outages.append(time.monotonic() - begin)

    def done_count(self):
        return sum(count for (_, outcome), count in self.recorder.outcomes.items() if outcome == "done")

    def offences(self, slack_seconds=0.0):
        """What is wrong with it, as lines; none when all is as promised."""
        if self.error:
            yield f"the nemesis failed: {self.error!r}"
        if not self.is_legal:
            yield "not linearizable:\n" + self.text
        if self.longest_outage() > BACK_SECONDS + slack_seconds:
            yield f"served only {self.longest_outage():.1f} s after all was whole again"
        allowed = {503, 507} if self.may_be_full else {503}
        for seconds, status, retry_after in self.recorder.refusals:
            if status not in allowed or status == 503 and retry_after is None:
                yield f"{status} after {seconds:.1f} s, Retry-After {retry_after}"

    def longest_outage(self):
        return max(self.outages)

    def slowest_refusal(self):
        return max((seconds for seconds, _, _ in self.recorder.refusals), default=0.0)
