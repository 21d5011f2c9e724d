#!/usr/bin/env python3
"""Checks that the documents tell the truth about the tree: every `path` in back quotes that looks
like a file or folder of the repository exists, every relative link resolves, every folder with
sources has a README of at most 25 lines, and every invariant of ARCHITECTURE.md names a check."""
import pathlib
import re
import subprocess
import sys

README_LINES_MAX = 25
PATH = re.compile(r"`((?:[a-z0-9_.-]+/)+[A-Za-z0-9_.-]*|[A-Z]+\.md)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
TOP = ("base proto crypto io http transfer storage cache catalog object s3 native server cli tests "
       "bench docs cmake tools").split()


def main():
    tracked = set(subprocess.run(["git", "ls-files"], check=True, capture_output=True,
                                 text=True).stdout.split())
    folders = {str(parent) for name in tracked for parent in pathlib.PurePath(name).parents}
    problems = []
    for name in sorted(n for n in tracked if n.endswith(".md")):
        text = pathlib.Path(name).read_text()
        for path in PATH.findall(text):
            if path.split("/")[0] not in TOP and not path.endswith(".md"):
                continue
            beside = str(pathlib.PurePath(name).parent / path)
            if path not in tracked and path.rstrip("/") not in folders and beside not in tracked:
                problems.append(f"{name}: `{path}` does not exist")
        for link in LINK.findall(text):
            if not (pathlib.Path(name).parent / link).resolve().exists():
                problems.append(f"{name}: link to {link} does not resolve")
        in_room = "/" in name and name.split("/")[0] not in ("bench", "tests", "docs")
        if in_room and name.endswith("/README.md") and len(text.splitlines()) > README_LINES_MAX:
            problems.append(f"{name}: more than {README_LINES_MAX} lines")
    for folder in sorted({n.split("/")[0] for n in tracked if n.endswith((".cc", ".h"))}):
        if f"{folder}/README.md" not in tracked:
            problems.append(f"{folder}/: has no README.md")
    for row in re.findall(r"^\| I\d+ .*$", pathlib.Path("ARCHITECTURE.md").read_text(), re.M):
        if "tests/" not in row and "tools/" not in row:
            problems.append(f"ARCHITECTURE.md: invariant names no check: {row[:60]}")
    print("\n".join(problems) if problems else "docs_check: documents and tree agree")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
