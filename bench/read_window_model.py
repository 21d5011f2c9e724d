#!/usr/bin/env python3
"""How near to a home's bandwidth one cold GET comes, in virtual time: the window of object/read_window.h
and the requests of storage/upstream_reads.h, before a home with a latency, a bandwidth for each
connection and one for all of them. No CPU, no disk: what is left is what the window costs.

    bench/read_window_model.py [--size-mib 1024] [--most-mib 128] [--client-mb 5000]

It follows the constants of the two classes by hand: change it with them."""
import argparse

MIB = 1 << 20
LEAST, REQUEST, REQUESTS_MAX = 4 * MIB, 4 * MIB, 32
CHUNK = (MIB, MIB, MIB, MIB * 6 // 10)  # Pieces of a chunk of the mean size.
HOMES = [(100, 1600, 20), (25, 400, 20), (4, 64, 20), (1e6, 100, 20), (1e6, 1000, 20), (1e6, 500, 100)]


class Window:
    def __init__(self, most):
        self.most, self.size, self.before = most, LEAST, LEAST
        self.began = self.handed = self.waited = self.rate_before = 0
        self.grew, self.hold = False, 0

    def note(self, size, waited, now):
        self.handed += size
        self.waited += waited
        if self.handed < self.size:
            return
        took = max(now - self.began, 1e-9)
        rate, waited = self.handed / took, self.waited
        self.began, self.handed, self.waited = now, 0, 0
        grew, self.grew = self.grew, False
        if waited < took / 16:
            self.size = max(self.size // 2, LEAST)
        elif waited < took / 4:
            return
        elif grew and rate < self.rate_before * 1.125:
            self.size, self.hold = self.before, 4
        elif self.hold:
            self.hold -= 1
        elif self.size < self.most:
            self.grew, self.rate_before, self.before = True, rate, self.size
            self.size = min(self.size * (16 if self.size == LEAST else 2), self.most)


class Request:
    def __init__(self, begins, pieces, sizes):
        self.begins, self.pieces, self.got, self.ends = begins, pieces, 0.0, []
        for piece in pieces:
            self.ends.append((self.ends[-1] if self.ends else 0) + sizes[piece])


class Reader:
    def __init__(self, size, latency, stream, link, client, most):
        self.sizes = []
        while size > 0:
            self.sizes.append(min(CHUNK[len(self.sizes) % len(CHUNK)], size))
            size -= self.sizes[-1]
        self.latency, self.stream, self.link, self.client = latency, stream, link, client
        self.window, self.now, self.in_flight = Window(most), 0.0, 0
        self.started = self.handed = self.requests_count = 0
        self.arrived, self.waiting, self.running = {}, [], []

    def fill(self):
        refill = min(self.window.size // 16, REQUEST)
        if self.window.size > LEAST and self.started > self.handed and \
                self.in_flight + refill > self.window.size:
            return
        while self.started < len(self.sizes) and self.in_flight < self.window.size:
            self.waiting.append(self.started)
            self.in_flight += self.sizes[self.started]
            self.started += 1

    def pump(self):
        while self.waiting and len(self.running) < REQUESTS_MAX:
            pieces, size = [], 0
            while self.waiting and (not pieces or size + self.sizes[self.waiting[0]] <= REQUEST):
                size += self.sizes[self.waiting[0]]
                pieces.append(self.waiting.pop(0))
            self.running.append(Request(self.now + self.latency, pieces, self.sizes))
            self.requests_count += 1

    def next_event(self, rate, client_free):
        times = [max(client_free - self.now, 0)] if self.handed in self.arrived else []
        for request in self.running:
            if request.begins > self.now + 1e-12:
                times.append(request.begins - self.now)
            else:
                times.append(max(request.ends[0] - request.got, 0) / rate)
        return min(times)

    def advance(self, took, active, rate):
        self.now += took
        for request in active:
            request.got += rate * took
            while request.ends and request.got + 1 >= request.ends[0]:
                request.ends.pop(0)
                self.arrived[request.pieces.pop(0)] = self.now
        self.running = [request for request in self.running if request.pieces]

    def run(self):
        """Seconds."""
        client_free = 0.0
        self.fill()
        while self.handed < len(self.sizes):
            self.pump()
            active = [request for request in self.running if request.begins <= self.now + 1e-12]
            rate = min(self.stream, self.link / max(len(active), 1))
            self.advance(self.next_event(rate, client_free), active, rate)
            while self.handed in self.arrived and client_free <= self.now + 1e-12:
                size = self.sizes[self.handed]
                del self.arrived[self.handed]
                self.handed += 1
                self.in_flight -= size
                self.window.note(size, self.now - client_free, self.now)
                self.fill()
                client_free = self.now + size / self.client
        return self.now


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--most-mib", type=int, default=128, help="an eighth of the RAM tier at most")
    parser.add_argument("--client-mb", type=float, default=5000)
    arguments = parser.parse_args()
    for stream, link, latency in HOMES:
        reader = Reader(arguments.size_mib * MIB, latency / 1000, stream * 1e6, link * 1e6,
                        arguments.client_mb * 1e6, arguments.most_mib * MIB)
        rate = arguments.size_mib * MIB / reader.run()
        each = "any" if stream >= link else f"{stream:.0f}"
        print(f"{each:>4} MB/s a connection, {link:5.0f} MB/s in all, {latency:3} ms: "
              f"{rate / link / 1e4:5.1f} %, {reader.requests_count} requests, "
              f"window {reader.window.size // MIB} MiB")


if __name__ == "__main__":
    main()
