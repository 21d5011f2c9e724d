#!/usr/bin/env python3
"""Checks the includes of the tree against the arrow block of ARCHITECTURE.md.

An include from one folder to another that the block does not list fails, and so does a listed arrow
that no file uses, a folder that the block does not name, and a heavy third-party header outside its
one folder: it may stand in .cc files there, and in headers that no other folder includes.

A .cc file that has a header of its own includes it first: compiling the file then shows that the header
stands alone. Every header of the product is named in its folder's CMakeLists.txt."""
import pathlib
import re
import subprocess
import sys

HEAVY = {  # Header prefix -> the folders that may include it.
    "rocksdb/": {"catalog"},
    "grpc": {"catalog", "cluster"},
    "nghttp2/": {"catalog"},
    "rados/": {"storage"},
    "intel-ipsec-mb.h": {"crypto"},
    "pugixml.hpp": {"s3", "transfer"},
    "liburing.h": {"io"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def read_arrows(text):
    block = re.search(r"```arrows\n(.*?)```", text, re.S)
    if not block:
        sys.exit("layer_check: ARCHITECTURE.md has no ```arrows block")
    arrows = {}
    for line in block.group(1).splitlines():
        line = line.split("#")[0].strip()
        if line:
            folder, targets = line.split("->")
            arrows[folder.strip()] = set(targets.split())
    return arrows


def first_include(path):
    matches = (INCLUDE.match(line) for line in path.read_text().splitlines())
    return next((match.group(2) for match in matches if match), None)


def check_headers(root, names):
    """What keeps a header from being compiled in front of everything else by somebody."""
    problems = []
    lists = {}
    for name in names:
        if not name.endswith(".h"):
            continue
        source = root / (name[:-2] + ".cc")
        if source.exists() and first_include(source) != name:
            problems.append(f"{name[:-2]}.cc: its first include must be \"{name}\"")
        folder = next(parent for parent in (root / name).parents
                      if (parent / "CMakeLists.txt").exists())
        if folder not in lists:
            lists[folder] = set(re.findall(r"[\w./-]+\.h\b", (folder / "CMakeLists.txt").read_text()))
        if str((root / name).relative_to(folder)) not in lists[folder]:
            problems.append(f"{name}: not among the HEADERS of its CMakeLists.txt")
    return problems


def check(root):
    arrows = read_arrows((root / "ARCHITECTURE.md").read_text())
    files = subprocess.run(["git", "ls-files", "*.cc", "*.h", "*.proto"], cwd=root, check=True,
                           capture_output=True, text=True).stdout.split()
    used, problems = set(), []
    heavy_headers, included_from = {}, {}
    for name in files:
        folder = name.split("/")[0]
        if folder in ("tests", "bench", "tools"):
            continue
        if folder not in arrows:
            problems.append(f"{name}: folder '{folder}' is not in the arrow block")
            continue
        for number, line in enumerate((root / name).read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(2).split("/")[0]
            if match.group(1) == '"' and "/" not in match.group(2):
                problems.append(f"{name}:{number}: include \"{match.group(2)}\" without its folder")
            elif match.group(1) == '"' and target != folder:
                used.add((folder, target))
                if target not in arrows[folder]:
                    problems.append(f"{name}:{number}: arrow {folder} -> {target} is not allowed")
            for heavy, owners in HEAVY.items():
                if match.group(2).startswith(heavy):
                    if folder not in owners:
                        problems.append(f"{name}:{number}: <{match.group(2)}> belongs in "
                                        f"{', '.join(sorted(owners))}")
                    elif name.endswith(".h"):
                        heavy_headers[name] = match.group(2)
            if match.group(1) == '"':
                included_from.setdefault(match.group(2), set()).add(folder)
    for header, heavy in heavy_headers.items():
        others = included_from.get(header, set()) - {header.split("/")[0]}
        if others:
            problems.append(f"{header}: brings <{heavy}> into {', '.join(sorted(others))}")
    product = [name for name in files if name.split("/")[0] not in ("tests", "bench", "tools")]
    problems += check_headers(root, product)
    present = {name.split("/")[0] for name in files}
    for folder, targets in arrows.items():
        if folder not in present:
            problems.append(f"ARCHITECTURE.md: folder '{folder}' has no sources")
        for target in targets:
            if (folder, target) not in used:
                problems.append(f"ARCHITECTURE.md: nobody uses the arrow {folder} -> {target}")
    return problems


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    print("\n".join(found) if found else "layer_check: every include follows an arrow")
    sys.exit(1 if found else 0)
