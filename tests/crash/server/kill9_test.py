#!/usr/bin/env python3
"""Property: every PUT that was answered 200 survives kill -9 of the server at any instant, and none is
ever seen in part. Method: 8 writers, SIGKILL at a random moment, restart, read everything that was
touched; acknowledgements are kept in this process.

Negative control (--control): acknowledged objects are deleted behind the history's back; the check
must report each of them, or it proves nothing."""
import argparse
import random
import sys
import time

import crash_case


def control(server, history):
    """The harness must see a loss when there is one."""
    session = crash_case.Session(server)
    victims = sorted(history.acknowledged)[:3]
    for key in victims:
        session.request("DELETE", f"/{crash_case.BUCKET}/{key}")
    problems = crash_case.check(server, history)
    found = sum(any(p.startswith(f"{key}:") for p in problems) for key in victims)
    print(f"negative control: {found} of {len(victims)} losses reported")
    return 0 if victims and found == len(victims) else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--control", action="store_true")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    generator = random.Random(arguments.seed)
    server, history = crash_case.CairnServer(), crash_case.History()
    server.start()
    crash_case.Session(server).request("PUT", f"/{crash_case.BUCKET}")
    violations = []
    for cycle in range(arguments.cycles if not arguments.control else 1):
        writers = crash_case.Writers(server, history, 8, f"{arguments.seed}:{cycle}")
        time.sleep(generator.uniform(0.02, 0.4))  # The moment of the crash is the random variable.
        if arguments.control:
            writers.stop()
            result = control(server, history)
            server.close()
            return result
        server.kill()
        writers.join()
        server.start()
        # All keys now and then, else those whose outcome this crash left open.
        touched = None if cycle % 20 == 19 else {k for k, open_ in history.unknown.items() if open_}
        violations += crash_case.check(server, history, touched)
        if violations:
            break
    violations += crash_case.check(server, history)
    server.close()
    print(f"{cycle + 1} kills, {history.count} acknowledged writes, {len(violations)} violations")
    for violation in violations[:20]:
        print("  " + violation)
    return 1 if violations or history.count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
