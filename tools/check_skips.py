#!/usr/bin/env python3
"""Lists the tests that the last ctest run skipped, with their reasons, and fails when one is not in
tests/skips_allowed.txt or gives no reason. Usage: check_skips.py BUILD_DIRECTORY"""
import pathlib
import re
import sys

# GoogleTest prints the reason on the lines before "[  SKIPPED ] Suite.Name"; the Python tests print
# "SKIPPED: name: reason".
GTEST = re.compile(r"^\[  SKIPPED \] ([A-Za-z0-9_./]+) \(")
OTHER = re.compile(r"^SKIPPED: ([A-Za-z0-9_./-]+): (.+)$")


def main():
    log = pathlib.Path(sys.argv[1]) / "Testing/Temporary/LastTest.log"
    allowed = [line.split("#")[0].strip() for line in
               pathlib.Path("tests/skips_allowed.txt").read_text().splitlines()]
    patterns = [re.compile(line) for line in allowed if line]
    skipped, reason = {}, ""
    for line in log.read_text(errors="replace").splitlines():
        if match := GTEST.match(line):
            skipped[match.group(1)] = reason
        elif match := OTHER.match(line):
            skipped[match.group(1)] = match.group(2)
        else:
            reason = line.strip()
    refused = [name for name, why in skipped.items()
               if not why or not any(p.fullmatch(name) for p in patterns)]
    print(f"skips: {len(skipped)}, not allowed: {len(refused)}")
    for name, why in sorted(skipped.items()):
        print(f"  {'REFUSED ' if name in refused else ''}{name}: {why}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
