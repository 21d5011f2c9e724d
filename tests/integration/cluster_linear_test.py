"""Histories of several clients on several servers are linearizable for every key, whatever happens to
etcd and to the servers meanwhile; and a server that reads without asking is caught.

    cluster_linear_test.py [--seconds N] [NAME...]      # longer, and by hand

The runs go side by side; each has an etcd and servers of its own. Bodies are small, so the chunk
store is not part of it."""
import argparse
import os
import random
import sys
import threading
import time
import unittest

from cluster_nodes import ClusterNodes
from linear_histories import Client, Recorder

SECONDS = float(os.environ.get("CAIRN_LINEAR_SECONDS", "30"))
NODES = 3
# What is promised for an idle machine; those that build and test meanwhile get more.
ANSWER_SECONDS = 2
BACK_SECONDS = 5
SLACK_SECONDS = float(os.environ.get("CAIRN_LINEAR_SLACK", "3"))


class Run:
    """One cluster, its clients, and a nemesis beside them."""

    def __init__(self, nemesis, members=3, args=(), clients=9):
        self.nemesis, self.members, self.args, self.clients = nemesis, members, args, clients
        self.dice = random.Random()
        self.outages = []  # When quorum came back.

    def run(self, seconds):
        with ClusterNodes(nodes=NODES, members=self.members, args=self.args, proxies=True) as cluster:
            keys = cluster.nodes[0].access_key, cluster.nodes[0].secret_key
            # No boto3: its sessions are not made in several threads at once.
            self.each = [Client(node.endpoint, *keys) for node in cluster.nodes]
            status, _ = self.each[0].request("PUT", "/linear")
            if status != 200:
                raise RuntimeError(f"the bucket was not made: {status}")
            self.recorder = Recorder([node.endpoint for node in cluster.nodes], *keys, "linear")
            ended = threading.Event()
            beside = threading.Thread(target=self._hurt, args=(cluster, ended))
            beside.start()
            self.recorder.run(seconds, clients=self.clients)
            ended.set()
            beside.join()
            self._check_that_it_serves()
            self.is_legal, self.text = self.recorder.check()

    def _hurt(self, cluster, ended):
        while not ended.wait(0.5 + self.dice.random()):
            self.nemesis(self, cluster, ended)

    def _check_that_it_serves(self):
        """All is healed: every node serves again in time."""
        begin = time.monotonic()
        for number, client in enumerate(self.each):
            while client.request("PUT", f"/linear/after{number}", b"1")[0] != 200:
                if time.monotonic() - begin > BACK_SECONDS + SLACK_SECONDS:
                    raise RuntimeError(f"node {number} does not serve again")
                time.sleep(0.1)
        self.back_seconds = time.monotonic() - begin


def nothing(_run, _cluster, _ended):
    pass


def kill_members(run, cluster, ended):
    """kill -9 of any member, the leader more often than not."""
    leader = cluster.etcd.leader()
    member = leader if leader is not None and run.dice.random() < 0.6 else run.dice.randrange(3)
    cluster.etcd.kill(member)
    ended.wait(1 + run.dice.random() * 2)
    cluster.etcd.start(member)
    ended.wait(2)


def pause_members(run, cluster, ended):
    leader = cluster.etcd.leader()
    member = leader if leader is not None and run.dice.random() < 0.6 else run.dice.randrange(3)
    cluster.etcd.pause(member)
    ended.wait(0.1 + run.dice.random() * 4)
    cluster.etcd.resume(member)
    ended.wait(1)


def lose_quorum(run, cluster, ended):
    members = run.dice.sample(range(3), 2)
    for member in members:
        cluster.etcd.pause(member)
    ended.wait(2 + run.dice.random() * 3)
    for member in members:
        cluster.etcd.resume(member)
    begin = time.monotonic()
    while run.recorder.last_done() < begin and time.monotonic() - begin < 30 and not ended.is_set():
        time.sleep(0.02)
    if not ended.is_set():
        run.outages.append(time.monotonic() - begin)
    ended.wait(1)


def pause_nodes(run, cluster, ended):
    number = run.dice.randrange(NODES)
    cluster.pause(number)
    ended.wait(0.1 + run.dice.random() * 4)
    cluster.resume(number)


def cut_nodes(run, cluster, ended):
    """A node is cut off from etcd; now and then the history that it misses is compacted away."""
    number = run.dice.randrange(NODES)
    cluster.cut(number)
    ended.wait(0.5 + run.dice.random() * 3)
    if run.dice.random() < 0.6:
        cluster.etcd.compact()
    ended.wait(0.3)
    cluster.heal(number)
    ended.wait(1)


def everything(run, cluster, ended):
    run.dice.choice([kill_members, pause_members, pause_nodes, cut_nodes])(run, cluster, ended)


RUNS = {
    "nothing": Run(nothing, members=1),
    "kill_members": Run(kill_members),
    "pause_members": Run(pause_members),
    "lose_quorum": Run(lose_quorum),
    "pause_nodes": Run(pause_nodes, members=1),
    "cut_nodes": Run(cut_nodes, members=1),
    "everything": Run(everything),
    # A server that trusts its mirror as it is: what the checker is there to find.
    "stale": Run(nothing, members=1, args=("--catalog-stale-reads",), clients=12),
}
AT_ONCE = 4  # Clusters side by side: two waves in CI.


def run_all(names, seconds):
    gate = threading.Semaphore(AT_ONCE)
    failures = {}

    def one(name):
        with gate:
            try:
                RUNS[name].run(seconds)
            except Exception as error:  # Told with the test.
                failures[name] = error
    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


class Linearizability(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.failures = run_all(RUNS, SECONDS)

    def legal(self, name, operations=200):
        if name in self.failures:
            raise self.failures[name]
        run = RUNS[name]
        self.assertTrue(run.is_legal, f"{name}\n{run.text}")
        done = sum(count for (_, outcome), count in run.recorder.outcomes.items() if outcome == "done")
        self.assertGreater(done, operations, run.recorder.outcomes)
        for seconds, status, retry_after in run.recorder.refusals:
            self.assertEqual(status, 503)
            self.assertIsNotNone(retry_after)
        print(name, run.text.strip().splitlines()[-1], run.recorder.outcomes, f"back {run.back_seconds:.1f}s")

    def test_nothing(self):
        self.legal("nothing", 1000)
        self.assertEqual(RUNS["nothing"].recorder.refusals, [])

    def test_kill_members(self):
        self.legal("kill_members")

    def test_pause_members(self):
        self.legal("pause_members")

    def test_lose_quorum(self):
        self.legal("lose_quorum", 50)
        run = RUNS["lose_quorum"]
        self.assertTrue(run.recorder.refusals, "nothing was refused without quorum")
        slowest = max(seconds for seconds, _, _ in run.recorder.refusals)
        self.assertLess(slowest, ANSWER_SECONDS + SLACK_SECONDS)
        self.assertLess(max(run.outages, default=0), BACK_SECONDS + SLACK_SECONDS)

    def test_pause_nodes(self):
        self.legal("pause_nodes")

    def test_cut_nodes(self):
        self.legal("cut_nodes")

    def test_everything(self):
        self.legal("everything")

    def test_stale_reads_are_caught(self):
        if "stale" in self.failures:
            raise self.failures["stale"]
        self.assertFalse(RUNS["stale"].is_legal, "the checker did not see a server that reads old state")
        self.assertIn("illegal", RUNS["stale"].text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("names", nargs="*", default=[name for name in RUNS if name != "stale"])
    options = parser.parse_args()
    failures = run_all(options.names, options.seconds)
    bad = bool(failures)
    for name in options.names:
        if name in failures:
            print(name, "failed:", failures[name])
            continue
        run = RUNS[name]
        slowest = max((seconds for seconds, _, _ in run.recorder.refusals), default=0)
        print(name, "legal" if run.is_legal else "ILLEGAL", run.recorder.outcomes,
              f"slowest refusal {slowest:.2f}s, back {run.back_seconds:.2f}s, outages {run.outages}")
        if not run.is_legal:
            bad = True
            print(run.text)
    sys.exit(bad)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main()
    else:
        unittest.main()
