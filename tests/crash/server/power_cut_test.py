#!/usr/bin/env python3
"""Property: every PUT that was answered 200 survives a power cut. Method: the data directory lies on a
loop-mounted file system; writers are drained, so that every acknowledgement counted was received
before the cut; then the file system is shut down under the running server (`xfs_io -x -c shutdown`
drops everything that is not durable), the server is killed, the file system mounted again and every
acknowledged object read. A second set of writers runs into the cut; its outcomes are unknown, and must
be whole or absent.

Negative control (--control): the same with every flush of the server turned into nothing (a preloaded
library; on the epoll reactor, where flushes are libc calls). It must lose acknowledged writes, or the
cut proves nothing."""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import crash_case

IMAGE_BYTES = 3 << 30


class LoopFileSystem:
    def __init__(self, work, kind):
        self.image, self.mount = work / f"{kind}.img", work / kind
        self.mount.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(IMAGE_BYTES)
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([f"mkfs.{kind}", "-q", str(self.image)], **quiet)
        self.attach()

    def attach(self):
        subprocess.run(["mount", "-o", "loop", str(self.image), str(self.mount)], check=True)

    def cut(self):
        subprocess.run(["xfs_io", "-x", "-c", "shutdown", str(self.mount)], check=True)

    def detach(self):
        for _ in range(100):
            if subprocess.run(["umount", str(self.mount)], stderr=subprocess.DEVNULL).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError(f"cannot unmount {self.mount}")


def build_no_sync_library(work):
    """A library whose flushes succeed without doing anything."""
    source, library = work / "nosync.c", work / "nosync.so"
    source.write_text("int fsync(int f){(void)f;return 0;} int fdatasync(int f){(void)f;return 0;}"
                      "int sync_file_range(int f,long a,long b,unsigned c)"
                      "{(void)f;(void)a;(void)b;(void)c;return 0;} int syncfs(int f){(void)f;return 0;}")
    subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", str(library), str(source)], check=True)
    return library


def run_cycles(kind, cycles, generator, work, environment):
    file_system = LoopFileSystem(work, kind)
    server = crash_case.CairnServer(data=str(file_system.mount / "data"), env=environment)
    history = crash_case.History()
    violations, cycle = [], 0
    try:
        server.start()
        crash_case.Session(server).request("PUT", f"/{crash_case.BUCKET}")
        for cycle in range(1, cycles + 1):
            writers = crash_case.Writers(server, history, 6, f"a{cycle}:{generator.random()}")
            time.sleep(generator.uniform(0.05, 0.3))
            writers.stop()
            counted = history.count
            # These run into the cut: an answer can race it, so none of theirs counts.
            open_end = crash_case.History()
            doomed = crash_case.Writers(server, open_end, 3, f"d{cycle}", prefix=f"d{cycle}-")
            time.sleep(generator.uniform(0.0, 0.05))
            file_system.cut()
            server.kill()
            doomed.join()
            for key in set(open_end.unknown) | set(open_end.acknowledged):
                last = open_end.acknowledged.get(key, 0)
                history.unknown[key] = open_end.unknown.get(key, set()) | set(range(1, last + 1))
            file_system.detach()
            file_system.attach()
            server.start()
            violations += crash_case.check(server, history)
            if violations:
                break
        print(f"{kind}: {cycle} cuts, {counted} acknowledged writes, {len(violations)} violations",
              flush=True)
    finally:
        server.close()
        file_system.detach()
    return violations


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=25, help="per file system")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--control", action="store_true")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or not os.path.exists("/dev/loop-control") or not shutil.which("xfs_io"):
        print("SKIPPED: power_cut: needs root, loop devices and xfs_io")
        return 0
    print(f"seed {arguments.seed}", flush=True)
    generator = random.Random(arguments.seed)
    work = pathlib.Path(tempfile.mkdtemp(prefix="cairn-cut."))
    violations = []
    try:
        environment = {}
        if arguments.control:
            environment = {"CAIRN_IO": "epoll", "LD_PRELOAD": str(build_no_sync_library(work))}
        for kind in ("xfs", "ext4"):
            try:
                violations += run_cycles(kind, arguments.cycles, generator, work, environment)
            except RuntimeError as failure:
                # Without flushes the store may not even open again: that is a loss as well.
                if not arguments.control:
                    raise
                violations.append(f"{kind}: {failure}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for violation in violations[:20]:
        print("  " + violation)
    if arguments.control:
        print(f"negative control: {len(violations)} losses seen without flushes")
        return 0 if violations else 1
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
