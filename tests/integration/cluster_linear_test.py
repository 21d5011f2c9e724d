"""Histories of several clients on several servers are linearizable for every key, whatever happens to
etcd, to the servers and to the network between them; nothing acknowledged is lost, and they serve again
in time. A server that reads without asking is caught.

    CAIRN_BINARY=.. CAIRN_LINEAR_CHECK=.. CAIRN_CLOCK_SHIFT=.. CAIRN_CLUSTER_HOME=s3 \\
        cluster_linear_test.py --runs 10 --seconds 60 [NAME...]       # by hand; prints a table

The runs go side by side; each has an etcd and servers of its own, on hosts of a network_lab where the
machine lets it have one."""
import argparse
import os
import sys
import threading
import unittest

import nemeses
import network_lab
from linear_runs import ANSWER_SECONDS, IN_HOME_BYTES, Run

SECONDS = float(os.environ.get("CAIRN_LINEAR_SECONDS", "30"))
SLACK_SECONDS = float(os.environ.get("CAIRN_LINEAR_SLACK", "3"))
AT_ONCE = 4
# Garbage is found, dropped and deleted while they run. Readers that are paused or cut off from the home
# for seconds have to be done within the grace.
GARBAGE = ("--garbage-grace", "1")
GARBAGE_OF_SLOW = ("--garbage-grace", "12")

RUNS = {
    "nothing": Run(nemeses.nothing, members=1),
    "kill_members": Run(nemeses.kill_members, seconds=SECONDS),
    "kill_leader": Run(nemeses.kill_leader),
    "pause_members": Run(nemeses.pause_members),
    "split_members": Run(nemeses.split_members),
    "lose_quorum": Run(nemeses.lose_quorum, seconds=SECONDS),
    "fill_etcd": Run(nemeses.fill_etcd, etcd_flags=("--quota-backend-bytes", str(nemeses.QUOTA_BYTES)),
                     may_be_full=True),
    "pause_nodes": Run(nemeses.pause_nodes, members=1, seconds=SECONDS, body_bytes=IN_HOME_BYTES,
                       args=GARBAGE_OF_SLOW),
    "kill_nodes": Run(nemeses.kill_nodes, members=1, seconds=SECONDS, body_bytes=IN_HOME_BYTES,
                      args=GARBAGE),
    "cut_etcd": Run(nemeses.cut_etcd, members=1, seconds=SECONDS),
    "flap": Run(nemeses.flap),
    "cut_home": Run(nemeses.cut_home, members=1, body_bytes=IN_HOME_BYTES, args=GARBAGE_OF_SLOW),
    "cut_peers": Run(nemeses.cut_peers, members=1, body_bytes=IN_HOME_BYTES, args=GARBAGE, peers=True),
    "everything": Run(nemeses.everything, seconds=SECONDS, body_bytes=IN_HOME_BYTES,
                      args=GARBAGE_OF_SLOW),
}
if "CAIRN_CLOCK_SHIFT" in os.environ:  # Not with sanitizers, which want to be preloaded first.
    RUNS["skew_clocks"] = Run(nemeses.skew_clocks, members=1, body_bytes=IN_HOME_BYTES, args=GARBAGE,
                              clocks=True)
# A server that trusts its mirror as it is: what the checker is there to find.
STALE = Run(nemeses.nothing, members=1, args=("--catalog-stale-reads",), clients=12, seconds=SECONDS)


def run_all(runs, at_once, seconds=None, tell=lambda number: None):
    """Errors by number in `runs`; longest first."""
    gate = threading.Semaphore(at_once)
    failures = {}

    def one(number):
        with gate:
            try:
                runs[number].run(seconds)
            except Exception as error:  # Told with the test.
                failures[number] = error
        if number not in failures:
            tell(number)
    threads = [threading.Thread(target=one, args=(number,)) for number in
               sorted(range(len(runs)), key=lambda number: -runs[number].seconds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


class Linearizability(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.names = [*RUNS, "stale"]
        cls.failures = run_all([*RUNS.values(), STALE], AT_ONCE)

    def legal(self, name, operations=200):
        number = self.names.index(name)
        if number in self.failures:
            raise self.failures[number]
        run = RUNS[name]
        print(name, run.text.strip().splitlines()[-1], run.recorder.outcomes, f"hurt {run.hurts} times,",
              f"back after at most {run.longest_outage():.1f} s")
        self.assertEqual([], list(run.offences(SLACK_SECONDS)), f"{name}, seed {run.seed}")
        self.assertGreater(run.done_count(), operations, run.recorder.outcomes)
        if run.nemesis is not nemeses.nothing:
            self.assertGreater(run.hurts, 0)
        return run

    def test_nothing(self):
        run = self.legal("nothing", 1000)
        self.assertEqual(run.recorder.refusals, [])

    def test_kill_members(self):
        self.legal("kill_members")

    def test_kill_leader(self):
        self.legal("kill_leader")

    def test_pause_members(self):
        self.legal("pause_members")

    def test_split_members(self):
        self.legal("split_members")

    def test_lose_quorum(self):
        run = self.legal("lose_quorum", 50)
        self.assertTrue(run.recorder.refusals, "nothing was refused without quorum")
        self.assertLess(run.slowest_refusal(), ANSWER_SECONDS + SLACK_SECONDS)

    def test_fill_etcd(self):
        run = self.legal("fill_etcd")
        for refusals, reads in run.full:
            self.assertGreater(refusals, 0, "nothing was refused while etcd was full")
            self.assertGreater(reads, 0, "nothing was read while etcd was full")

    def test_pause_nodes(self):
        self.legal("pause_nodes")

    def test_kill_nodes(self):
        self.legal("kill_nodes")

    def test_cut_etcd(self):
        self.legal("cut_etcd")

    def test_flap(self):
        self.legal("flap")

    def test_cut_home(self):
        self.legal("cut_home")

    def test_cut_peers(self):
        self.legal("cut_peers")

    if "skew_clocks" in RUNS:
        def test_skew_clocks(self):
            self.legal("skew_clocks")

    def test_everything(self):
        self.legal("everything")

    def test_stale_reads_are_caught(self):
        if len(RUNS) in self.failures:
            raise self.failures[len(RUNS)]
        self.assertFalse(STALE.is_legal, "the checker did not see a server that reads old state")
        self.assertIn("illegal", STALE.text)


HEAD = "| Nemesis | Runs | Hurt | Operations | Refused or unknown | Violations | Longest until served again |"


def table(names, runs):
    """Of finished runs: a row for each name."""
    print(HEAD + "\n|" + "---|" * HEAD.count(" | ") + "---|")
    for name in names:
        ended = [run for own, run in runs if own == name]
        outcomes = [pair for run in ended for pair in run.recorder.outcomes.items()]
        done = sum(count for (_, outcome), count in outcomes if outcome in ("done", "refused"))
        rest = sum(count for (_, outcome), count in outcomes) - done
        bad = sum(1 for run in ended if not run.is_legal)
        longest = max((run.longest_outage() for run in ended), default=0)
        print(f"| {name} | {len(ended)} | {sum(run.hurts for run in ended)} | {done} | {rest} | {bad} "
              f"| {longest:.1f} s |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    parser.add_argument("--slack", type=float, default=0, help="seconds more than are promised")
    parser.add_argument("names", nargs="*", default=list(RUNS))
    options = parser.parse_args()
    plan = [(name, RUNS[name].again()) for _ in range(options.runs) for name in options.names]
    is_bad = False

    def tell(number):
        nonlocal is_bad
        name, run = plan[number]
        offences = list(run.offences(options.slack))
        print(name, "seed", run.seed, run.recorder.outcomes, f"hurt {run.hurts}",
              f"read anew {run.read_anew}",
              f"slowest refusal {run.slowest_refusal():.1f}",
              "outages", [round(seconds, 1) for seconds in run.outages], flush=True)
        for offence in offences:
            is_bad = True
            print("  OFFENCE", name, run.seed, offence, flush=True)
        if offences:
            print("\n".join(run.errors_told), flush=True)
    failures = run_all([run for _, run in plan], options.at_once, options.seconds, tell)
    for number, error in failures.items():
        print("FAILED", plan[number][0], repr(error))
    table(options.names, [pair for number, pair in enumerate(plan) if number not in failures])
    if failures and all(isinstance(error, unittest.SkipTest) for error in failures.values()):
        sys.exit(0)
    sys.exit(bool(failures) or is_bad)


if __name__ == "__main__":
    network_lab.enter()
    if len(sys.argv) > 1:
        main()
    else:
        unittest.main()
