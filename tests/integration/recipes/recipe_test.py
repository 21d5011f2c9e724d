"""Property: what docs/recipes/ shows works. Method: the `sh` and `python` blocks of a page are taken out of it and
run one after the other in an empty directory, against a server of its own; a block that fails, fails
the page. Usage: recipe_test.py PAGE (without .md); needs CAIRN_BINARY.

A page names its clients in a comment, `<!-- needs: restic python:boto3 -->`: programs on the PATH and
modules of Python. Blocks of any other kind are not run, and their first line has to say that."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent))
from cairn_server import CairnServer, binary  # noqa: E402

PAGES = ROOT / "docs/recipes"
VENV = ROOT / "build/clients/recipes/bin"  # Made by prepare_clients.sh.
BLOCK_SECONDS = 240
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NEEDS = re.compile(r"^<!-- needs: (.+) -->$", re.MULTILINE)
RUNNERS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": ["python3", "-W", "ignore", "-c"]}


def environment(server, home):
    path = f"{VENV}:{home}/bin:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "HOME": home, "LC_ALL": "C.UTF-8", "PYTHONPATH": home,
            "AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key, "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


def missing(need):
    """Why what a page needs is not there; empty when it is."""
    if not need.startswith("python:"):
        return "" if shutil.which(need) else f"{need} is not installed"
    module = need.removeprefix("python:")
    python = VENV / "python3"
    if not python.exists():
        return "PyPI was not reached"
    found = subprocess.run([python, "-c", f"import {module}"], capture_output=True, timeout=120)
    return "" if found.returncode == 0 else f"Python has no {module}"


def check(page, text):
    """The blocks to run; ends the test when the page claims what it does not do."""
    blocks = BLOCK.findall(text)
    for kind, block in blocks:
        if kind not in RUNNERS and not re.match(r"(--|#) Not run by the tests: .+", block):
            sys.exit(f"{page}: a block of kind {kind} must say in its first line why it is not run")
    run = [(kind, block) for kind, block in blocks if kind in RUNNERS]
    if not run or len(blocks) != text.count("\n```") // 2:
        sys.exit(f"{page}: nothing to run, or a block that is not closed")
    if f"({page}.md)" not in (PAGES / "README.md").read_text():
        sys.exit(f"{page}: not in docs/recipes/README.md")
    return run


def main():
    page = sys.argv[1]
    text = (PAGES / f"{page}.md").read_text()
    blocks = check(page, text)
    reasons = [why for need in NEEDS.search(text).group(1).split() if (why := missing(need))]
    if reasons:
        print(f"SKIPPED: recipe_{page}: {'; '.join(reasons)}")
        return 0
    with tempfile.TemporaryDirectory(prefix="cairn-recipe.") as home, CairnServer() as server:
        os.mkdir(f"{home}/bin")
        os.symlink(binary(), f"{home}/bin/cairn")
        for number, (kind, block) in enumerate(blocks, 1):
            done = subprocess.run([*RUNNERS[kind], block], cwd=home, env=environment(server, home),
                                  capture_output=True, text=True, timeout=BLOCK_SECONDS)
            if done.returncode != 0:
                print(f"{page}.md, block {number} ended with {done.returncode}:\n{block}\n"
                      f"{done.stdout}{done.stderr}\n{server.log()}")
                return 1
            print(f"{page}.md, block {number}: ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
