"""An HTTP proxy in front of a server that breaks what passes through it, as a test says.

    with FaultProxy(server.host_port, choose) as proxy: ... proxy.endpoint ...

`choose(request)` is asked for each request (a Request: number from 1, method, target, headers) and
returns None to pass it on, or a fault:
    ("status", 503)       answers at once, without asking the server
    ("answer", (503, xml))  the same with a body
    ("short", n)          ends the connection in good order after n bytes of the body
    ("reset", n)          resets it after n bytes
    ("stall", n)          sends n bytes and then nothing more
    ("slow", n)           sends n bytes per 100 ms
    ("flip", n)           changes the byte at n
    ("header", (name, value))   puts another value in a header of the answer
    ("lost", None)        asks the server, and resets instead of answering
    ("drop", n)           takes n bytes of the request's body, then resets
    ("lie", None)         answers 200 without asking the server
    ("late", s)           asks the server s seconds later
The Host header is passed on as it came: signatures stay valid.
"""
import http.client
import socket
import struct
import threading
import time

PIECE = 64 * 1024


class Request:
    def __init__(self, number, method, target, headers):
        self.number, self.method, self.target, self.headers = number, method, target, headers

    @property
    def is_range(self):
        return self.method == "GET" and "range" in self.headers

    @property
    def is_part(self):
        return self.method == "PUT" and "partNumber=" in self.target


class _Broken(Exception):
    pass


class FaultProxy:
    def __init__(self, server, choose=lambda request: None):
        host, port = server.rsplit(":", 1)
        self._server = (host, int(port))
        self.choose = choose
        self.faults = []
        self.requests_count = 0
        self.request_bytes = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self.flowing = threading.Event()  # While it is not set no answer goes on.
        self.flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.endpoint = "http://127.0.0.1:%d" % self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self._closed.set()
        self.flowing.set()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        stream = client.makefile("rb")
        try:
            while self._exchange(client, stream):
                pass
        except (OSError, _Broken, http.client.HTTPException, ValueError):
            pass
        finally:
            stream.close()
            client.close()

    def _exchange(self, client, stream):
        line = stream.readline().decode("latin-1").strip()
        if not line:
            return False
        method, target, _ = line.split(" ", 2)
        headers = {}
        while True:
            field = stream.readline().decode("latin-1").rstrip("\r\n")
            if not field:
                break
            name, value = field.split(":", 1)
            headers[name.lower()] = value.strip()
        with self._lock:
            self.requests_count += 1
            request = Request(self.requests_count, method, target, headers)
            fault = self.choose(request)
            if fault:
                self.faults.append((fault, target))
        kind, value = fault or (None, None)
        if headers.get("expect", "").lower() == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._take_chunks(stream)
        else:
            body = self._take_body(client, stream, int(headers.get("content-length", 0)), kind, value)
        if kind == "status":
            client.sendall(b"HTTP/1.1 %d Fault\r\nContent-Length: 0\r\n\r\n" % value)
            return True
        if kind == "answer":
            client.sendall(b"HTTP/1.1 %d Fault\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"
                           % (value[0], len(value[1])) + value[1])
            return True
        if kind == "lie":
            client.sendall(b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Length: 0\r\n\r\n')
            return True
        if kind == "late":
            time.sleep(value)
        self._pass_on(client, request, body, kind, value)
        return True

    def _take_body(self, client, stream, size, kind, value):
        wanted = min(size, value) if kind == "drop" else size
        body = stream.read(wanted)
        with self._lock:
            self.request_bytes += len(body)
        if kind == "drop":
            self._reset(client)
        return body

    def _take_chunks(self, stream):
        """A chunked body as it is on the wire, trailer included."""
        wire = b""
        while True:
            line = stream.readline()
            wire += line
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            wire += stream.read(size + 2)
        while line not in (b"\r\n", b"\n", b""):
            line = stream.readline()
            wire += line
        with self._lock:
            self.request_bytes += len(wire)
        return wire

    @staticmethod
    def _reset(client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Broken()

    def _pass_on(self, client, request, body, kind, value):
        server = http.client.HTTPConnection(*self._server, timeout=120)
        try:
            server.putrequest(request.method, request.target, skip_host=True,
                              skip_accept_encoding=True)
            for name, text in request.headers.items():
                if name not in ("connection", "expect"):
                    server.putheader(name, text)
            server.endheaders(body if body else None)
            reply = server.getresponse()
            if kind == "lost":
                reply.read()
                self._reset(client)
            head = "HTTP/1.1 %d %s\r\n" % (reply.status, reply.reason)
            for name, text in reply.getheaders():
                if kind == "header" and name.lower() == value[0].lower():
                    text = value[1]
                if name.lower() != "connection":
                    head += "%s: %s\r\n" % (name, text)
            client.sendall(head.encode("latin-1") + b"\r\n")
            if request.method != "HEAD":
                self._send_body(client, reply, kind, value)
        finally:
            server.close()

    def _send_body(self, client, reply, kind, value):
        at = 0
        while True:
            size = PIECE
            if kind in ("short", "reset", "stall"):
                size = min(size, value - at)
            elif kind == "slow":
                size = value
            piece = reply.read(size) if size > 0 else b""
            self.flowing.wait()
            if kind == "flip" and at <= value < at + len(piece):
                piece = bytearray(piece)
                piece[value - at] ^= 1
            client.sendall(piece)
            at += len(piece)
            if kind in ("short", "reset", "stall") and at >= value:
                if kind == "reset":
                    self._reset(client)
                if kind == "stall":
                    self._closed.wait(120)
                raise _Broken()
            if not piece:
                return
            if kind == "slow":
                time.sleep(0.1)
