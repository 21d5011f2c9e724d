"""The fleet in virtual time (bench/fleet_sim.cc) on small instances: what docs/scale.md concludes from large ones
holds here too, and the same run gives the same figures. CAIRN_FLEET_SIM names the program."""
import os
import re
import subprocess
import unittest


def simulate(*flags):
    shown = subprocess.run([os.environ["CAIRN_FLEET_SIM"], *flags], check=True, capture_output=True, text=True,
                           timeout=120).stdout

    def figure(pattern):
        found = re.search(pattern.replace("N", r"([0-9.]+)"), shown)
        return float(found.group(1)) if found else None
    return {"text": shown, "rate": figure("N reads/s"), "p50": figure("p50 N ms"), "p99": figure("p99 N ms"),
            "home_gb": figure("home: N GB"), "most": figure("at most N times"),
            "from_home": figure("home N % of reads"), "memory": figure("own memory N %"),
            "questions": figure("etcd: N questions/s"), "last": figure("last after N s"),
            "busiest": figure(r"network out .*mean, N % most")}


ROLLOUT = ("rollout", "--nodes", "400", "--model-gb", "1", "--network-gbit", "25")
ZIPF = ("zipf", "--nodes", "20", "--rate", "60000", "--reads", "200000", "--objects", "100000")


class FleetSim(unittest.TestCase):
    def test_a_rollout_reads_each_chunk_of_the_home_once(self):
        run = simulate(*ROLLOUT)
        self.assertEqual(run["most"], 1)
        self.assertAlmostEqual(run["home_gb"], 1.0, delta=0.05)
        # A model of 1 GB over 25 Gbit/s takes 0.34 s; nodes begin within 2 s.
        self.assertLess(run["last"], 2.0 + 2 * 0.34)

    def test_copies_of_hot_chunks_are_what_spreads_the_load(self):
        spread, alone = simulate(*ROLLOUT), simulate(*ROLLOUT, "--no-copies")
        self.assertLess(spread["p99"] * 4, alone["p99"])
        self.assertLess(spread["busiest"], alone["busiest"])

    def test_reads_by_popularity(self):
        run = simulate(*ZIPF)
        self.assertAlmostEqual(run["rate"], 60_000, delta=2_000)
        self.assertEqual(run["most"], 1)
        self.assertGreater(run["memory"], 40)
        self.assertLess(run["from_home"], 3)
        self.assertIsNone(run["questions"])

    def test_strong_reads_wait_for_etcd_and_relays_relieve_it(self):
        weak, strong = simulate(*ZIPF), simulate(*ZIPF, "--strong")
        relayed = simulate(*ZIPF, "--strong", "--relays", "2")
        # One question at a time of each of 20 nodes is all that etcd answers.
        self.assertAlmostEqual(strong["questions"], 15_000, delta=300)
        self.assertLess(relayed["questions"], strong["questions"] / 2)
        self.assertLess(weak["p50"], relayed["p50"])
        self.assertLess(relayed["p50"], strong["p50"])
        self.assertAlmostEqual(strong["rate"], weak["rate"], delta=100)

    def test_the_same_run_gives_the_same_figures(self):
        self.assertEqual(simulate(*ZIPF, "--strong")["text"], simulate(*ZIPF, "--strong")["text"])


if __name__ == "__main__":
    unittest.main()
