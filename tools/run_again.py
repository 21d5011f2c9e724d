#!/usr/bin/env python3
"""Runs tests again, alone, that failed beside others in the last ctest run. Usage: run_again.py BUILD_DIRECTORY

Tests of real servers (labels integration and clients) and those with bounds in real time
(cairn_timed_tests) may fail because the machine was busy. Each is run again with the machine to itself, and
is named when it passes: a test that is named often has a fault, or its subject has one. Exit status 1 when
one fails again, when another kind of test failed, or when more than FEW failed."""
import json
import pathlib
import re
import subprocess
import sys

FEW = 3


def may_run_again(test):
    properties = {each["name"]: each["value"] for each in test["properties"]}
    labels = set(properties.get("LABELS", []))
    return properties.get("PROCESSORS", 1) > 1 or labels & {"integration", "clients"}


def main():
    build = sys.argv[1]
    listed = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True,
                            text=True, check=True)
    tests = {test["name"]: test for test in json.loads(listed.stdout)["tests"]}
    log = pathlib.Path(build, "Testing/Temporary/LastTestsFailed.log").read_text()
    failed = [line.split(":", 1)[1] for line in log.splitlines()]
    hopeless = [name for name in failed if not may_run_again(tests[name])]
    if hopeless or len(failed) > FEW:
        print(f"not run again: {len(failed)} failed")
        for name in hopeless:
            print(f"  whatever else runs: {name}")
        return 1
    print(f"again, alone: {' '.join(failed)}")
    pattern = "^(" + "|".join(map(re.escape, failed)) + ")$"
    sys.stdout.flush()
    result = subprocess.run(["ctest", "--test-dir", build, "--output-on-failure", "-j", "1", "-R", pattern],
                            check=False)
    if result.returncode:
        return 1
    for name in failed:
        print(f"PASSED ONLY WHEN ALONE: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
