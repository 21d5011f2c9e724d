"""A TCP proxy that tells what was on the wire: for every request its head, how many bytes of its body came,
whether the server asked for them by `100 Continue`, and the final status.

    with WireCounter(server.host_port) as wire:
        client(wire.endpoint)...
        [put] = wire.requests("PUT")
        put.body_bytes, put.continued, put.status
"""
import socket
import threading

PIECE_BYTES = 1 << 16
HEAD_BYTES_MAX = 1 << 16


class Request:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name:
                self.headers[name.lower()] = value.strip()
        self.body_bytes = 0
        self.continued = False
        self.status = None
        self.reply_head = ""

    def __repr__(self):
        return (f"{self.method} {self.target} body={self.body_bytes} continued={self.continued} "
                f"status={self.status}")


class _Connection:
    """One client and its connection to the server."""

    def __init__(self, owner, client, target):
        self.owner, self.client = owner, client
        self.server = socket.create_connection(target)
        self.current = None
        self.lock = threading.Lock()
        pumps = [threading.Thread(target=pump, daemon=True)
                 for pump in (self.to_server, self.to_client)]
        for pump in pumps:
            pump.start()
        threading.Thread(target=self.close_after, args=(pumps,), daemon=True).start()

    def close_after(self, pumps):
        for pump in pumps:
            pump.join()
        self.client.close()
        self.server.close()

    def to_server(self):
        buffered, left = b"", 0  # `left`: bytes of the body to come; None = until the end.
        try:
            while True:
                piece = self.client.recv(PIECE_BYTES)
                if not piece:
                    break
                whole = piece
                while piece:
                    if left is None or left > 0:
                        taken = len(piece) if left is None else min(left, len(piece))
                        self.current.body_bytes += taken
                        left = None if left is None else left - taken
                        piece = piece[taken:]
                        continue
                    buffered += piece
                    end = buffered.find(b"\r\n\r\n")
                    if end < 0:
                        assert len(buffered) < HEAD_BYTES_MAX
                        break
                    request = Request(buffered[:end])
                    piece, buffered = buffered[end + 4:], b""
                    left = int(request.headers.get("content-length", 0))
                    if "chunked" in request.headers.get("transfer-encoding", ""):
                        left = None
                    with self.lock:
                        self.current = request
                    self.owner.add(request)
                # Only now: a reply must find its request counted.
                self.server.sendall(whole)
        except OSError:
            pass
        try:
            self.server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def to_client(self):
        begin = b""
        seen = None
        try:
            while True:
                piece = self.server.recv(PIECE_BYTES)
                if not piece:
                    break
                with self.lock:
                    current = self.current
                if current is not seen:
                    seen, begin = current, b""
                if current is not None and current.status is None:
                    begin += piece
                    begin = self._read_status(current, begin)
                self.client.sendall(piece)
        except OSError:
            pass
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def _read_status(request, begin):
        while (end := begin.find(b"\r\n\r\n")) >= 0:
            status = int(begin.split(b" ", 2)[1])
            head, begin = begin[:end], begin[end + 4:]
            if status != 100:
                request.reply_head = head.decode("latin-1").lower()
                request.status = status
                return b""
            request.continued = True
        return begin


class WireCounter:
    def __init__(self, host_port):
        host, _, port = host_port.rpartition(":")
        self.target = (host, int(port))
        self.lock = threading.Lock()
        self.seen = []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host_port = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.endpoint = "http://" + self.host_port
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            _Connection(self, client, self.target)

    def add(self, request):
        with self.lock:
            self.seen.append(request)

    def requests(self, method=None):
        with self.lock:
            return [each for each in self.seen if method in (None, each.method)]

    def clear(self):
        with self.lock:
            self.seen.clear()

    def body_bytes(self, method="PUT"):
        return sum(each.body_bytes for each in self.requests(method))
