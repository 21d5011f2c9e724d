"""A wall clock that a test sets, for one server:

    with Clock() as clock, CairnServer(env=clock.env) as server:
        clock.shift(3600)      # an hour ahead, from now on
"""
import os
import struct
import tempfile


class Clock:
    def __init__(self):
        handle, self._path = tempfile.mkstemp(prefix="cairn-clock-")
        os.close(handle)
        self.shift(0)
        self.env = {"LD_PRELOAD": os.environ["CAIRN_CLOCK_SHIFT"], "CAIRN_TEST_CLOCK": self._path}

    def shift(self, seconds):
        with open(self._path, "r+b") as file:
            file.write(struct.pack("=q", seconds))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        os.unlink(self._path)
