#!/usr/bin/env python3
"""Runs clang-tidy over the product. Usage: tidy.py BUILD_DIRECTORY [FILE.cc...] (default: every file)

Most of what an analysis costs is reading headers, so the files of a folder are analysed several at a time:
a file that includes them stands in BUILD_DIRECTORY/tidy. Files that cannot stand in one translation unit
(two of them name a helper alike) are then analysed one by one, and so is every file of a batch with a
finding, so that what is printed is what clang-tidy says about the file alone."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

BATCH = 12  # Files. More save little: by then their own code is most of the work.
ROOT = pathlib.Path(__file__).resolve().parent.parent
NOISE = re.compile(r"^\d+ warnings? (generated|treated)|^\[\d+/\d+\] Processing file ")


def read_commands(build):
    """Compile command by file name relative to the root."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        commands[os.path.relpath(entry["file"], ROOT)] = entry
    return commands


def make_batches(files, commands, folder):
    """Writes the joined files and their compile commands; returns the files by name of the joined one."""
    folder.mkdir(exist_ok=True)
    groups = {}
    for name in files:
        # The same flags: what stands before the output and the file in the command.
        flags = commands[name]["command"].split(" -o ")[0]
        groups.setdefault((os.path.dirname(name), flags), []).append(name)
    batches, entries = {}, []
    for (directory, flags), names in sorted(groups.items()):
        # As many batches as needed, all of about the same size.
        count = -(-len(names) // BATCH)
        for index in range(count):
            part = names[index::count]
            path = folder / f"{directory.replace('/', '_')}_{index}.cc"
            path.write_text("".join(f'#include "{ROOT / name}"\n' for name in part))
            batches[path] = part
            # The build judges warnings, on files as they are.
            entries.append({"directory": commands[part[0]]["directory"], "file": str(path),
                            "command": f"{flags} -w -c {path}"})
    (folder / "compile_commands.json").write_text(json.dumps(entries))
    return batches


def tidy(database, path, *options):
    result = subprocess.run(["clang-tidy-19", "-p", str(database), "--quiet", *options, str(path)],
                            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line for line in result.stdout.splitlines() if not NOISE.match(line)]
    return result.returncode, "\n".join(lines)


def header_filter():
    settings = (ROOT / ".clang-tidy").read_text()
    return re.search(r"^HeaderFilterRegex: '(.*)'$", settings, re.M).group(1)


def analyse(build, folder, path, names):
    """What clang-tidy says about the files of a batch; empty when they are clean."""
    # The joined files are headers of this one.
    own = "|".join(re.escape(str(ROOT / name)) for name in names)
    status, _ = tidy(folder, path, f"--header-filter={header_filter()}|^({own})$")
    if status == 0:
        return ""
    found = (tidy(build, name) for name in names)
    return "\n".join(text or "clang-tidy failed" for status, text in found if status != 0)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    commands = read_commands(build)
    listed = subprocess.run(["git", "ls-files", "*.cc"], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout.split()
    product = [name for name in listed if name.split("/")[0] not in ("tests", "bench")]
    files = sys.argv[2:] or product
    for name in files:
        if name not in commands:
            sys.exit(f"tidy: {name} is not built: it has no compile command in {build}")
    folder = build / "tidy"
    batches = make_batches(files, commands, folder)
    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        work = [pool.submit(analyse, build, folder, path, names) for path, names in batches.items()]
        for done in concurrent.futures.as_completed(work):
            if done.result():
                failed = True
                print(done.result(), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
