#!/usr/bin/env python3
"""Property: with the chunks at home in a bucket of another server, every PUT that was answered 200
survives kill -9 of the front server at any instant: while packs are written, rewritten and removed.
Method: as kill9_test.py; the writers replace their objects over and over, the collector and the upkeep
of the home run without pause, and the upstream is never killed.

Negative control (--control): the upstream answers 200 to some packs that it does not store, as if
puts were acknowledged before the upstream has them; the check must report losses."""
import argparse
import random
import sys
import time

import crash_case
from home_server import Upstream


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=40)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--control", action="store_true")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    generator = random.Random(arguments.seed)
    upstream, history = Upstream(with_proxy=arguments.control), crash_case.History()
    flags = upstream.flags + ["--gc-interval-ms", "10"]
    flags[flags.index("--home-upkeep-ms") + 1] = "10"
    server = crash_case.CairnServer(args=flags, env=upstream.env, stack="")
    server.start()
    crash_case.Session(server).request("PUT", f"/{crash_case.BUCKET}")
    if arguments.control:
        upstream.choose = lambda request: (
            ("lie", None) if request.method == "PUT" and request.number % 3 == 0 else None)
    violations, rewrites = [], 0
    for cycle in range(arguments.cycles):
        writers = crash_case.Writers(server, history, 8, f"{arguments.seed}:{cycle}")
        time.sleep(generator.uniform(0.05, 0.8))  # The moment of the crash is the random variable.
        server.kill()
        writers.join()
        rewrites += server.log().count("storage.packs_rewritten")
        server.start()
        touched = None if cycle % 10 == 9 else {k for k, open_ in history.unknown.items() if open_}
        violations += crash_case.check(server, history, touched)
        if violations:
            break
    violations += crash_case.check(server, history)
    packs = len(upstream.packs())
    server.close()
    upstream.close()
    print(f"{cycle + 1} kills, {history.count} acknowledged writes, {rewrites} rewrites, {packs} packs "
          f"left, {len(violations)} violations")
    for violation in violations[:20]:
        print("  " + violation)
    if arguments.control:
        return 0 if violations else 1
    return 1 if violations or history.count == 0 or rewrites == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
