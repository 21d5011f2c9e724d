"""Heads of requests that are odd or wrong: lengths, Expect, Authorization, empty and doubled headers."""

import socket

from conformance import Conformance, EMPTY_SHA256, main


class Headers(Conformance):
    def setUp(self):
        self.b = self.bucket()

    def send(self, method, path, changes, body=b"bar", drop=()):
        """Signs a request, changes its headers after that, and returns (status, reply's bytes)."""
        headers = {"host": self.server.host_port}
        headers = self.signer.sign(method, path, "", headers, "UNSIGNED-PAYLOAD")
        headers["content-length"] = str(len(body))
        headers.update(changes)
        for name in drop:
            headers.pop(name)
        lines = [f"{method} {path} HTTP/1.1"] + [
            f"{name}: {value}" for name, value in headers.items()
        ]
        host, port = self.server.host_port.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall("\r\n".join(lines + ["connection: close", "", ""]).encode() + body)
            reply = b""
            while piece := connection.recv(65536):
                reply += piece
        while reply.startswith(b"HTTP/1.1 100"):
            reply = reply.partition(b"\r\n\r\n")[2]
        return int(reply.split(b" ", 2)[1]), reply

    def expect(self, status, code, *arguments, **more):
        got, reply = self.send(*arguments, **more)
        self.assertEqual(got, status, reply)
        if code:
            self.assertIn(f"<Code>{code}</Code>".encode(), reply)

    def test_lengths(self):
        key = f"/{self.b}/k"
        for value in ("", "-1", "x", "3, 3x", "99999999999999999999999"):
            with self.subTest(value=value):
                self.expect(400, None, "PUT", key, {"content-length": value})
        self.expect(411, "MissingContentLength", "PUT", key, {}, b"", drop=["content-length"])
        self.check(self.raw("HEAD", key), 404)

    def test_operations_without_a_body_need_no_length(self):
        self.fill(self.b, ["k"])
        self.expect(200, None, "PUT", "/" + self.bucket_name(), {}, b"", drop=["content-length"])
        reply = self.raw(
            "PUT", f"/{self.b}/k", "acl", {"x-amz-acl": "private"}, keep=("content-length",)
        )
        self.check(reply, 200)

    def test_expect(self):
        for value in ("100-continue", "100-Continue", "200-ok", ""):
            with self.subTest(value=value):
                self.expect(200, None, "PUT", f"/{self.b}/k", {"expect": value})
                self.assertEqual(self.body_of(self.b, "k"), b"bar")

    def test_authorization(self):
        self.expect(403, "AccessDenied", "PUT", f"/{self.b}/k", {"authorization": ""})
        self.expect(403, "AccessDenied", "PUT", f"/{self.b}/k", {}, drop=["authorization"])
        self.expect(403, "AccessDenied", "PUT", "/" + self.bucket_name(), {"authorization": ""})

    def test_odd_types_and_agents(self):
        for changes in (
            {"content-type": ""},
            {"content-type": "text/plain"},
            {"user-agent": ""},
            {"user-agent": "x"},
        ):
            with self.subTest(changes=changes):
                self.expect(200, None, "PUT", f"/{self.b}/k", changes)

    def test_dates_that_are_not_looked_at(self):
        # x-amz-date counts; whatever Date says beside it does not.
        for value in ("Tue, 07 Jul 1980 21:53:04 GMT", "nonsense", ""):
            with self.subTest(value=value):
                self.expect(200, None, "PUT", f"/{self.b}/k", {"date": value})

    def test_large_heads(self):
        status, _ = self.send("PUT", f"/{self.b}/k", {"x-filler": "x" * 100_000})
        self.assertIn(status, (400, 431))

    def test_versions_and_keep_alive(self):
        host, port = self.server.host_port.rsplit(":", 1)
        headers = self.signer.sign(
            "GET", f"/{self.b}", "", {"host": self.server.host_port}, EMPTY_SHA256
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            for _ in range(2):  # Two requests on one connection.
                connection.sendall(f"GET /{self.b} HTTP/1.1\r\n{head}\r\n".encode())
                reply = b""
                while b"</ListBucketResult>" not in reply:
                    piece = connection.recv(65536)
                    self.assertTrue(piece, reply)
                    reply += piece
                self.assertTrue(reply.startswith(b"HTTP/1.1 200 OK"), reply)

    def test_smuggling_is_refused(self):
        self.expect(
            400,
            None,
            "PUT",
            f"/{self.b}/k",
            {"transfer-encoding": "chunked", "content-length": "3"},
        )
        status, _ = self.send(
            "PUT", f"/{self.b}/k", {"transfer-encoding": "gzip"}, drop=["content-length"]
        )
        self.assertIn(status, (400, 501))

    def test_a_short_body_leaves_no_object(self):
        headers = self.signer.sign(
            "PUT", f"/{self.b}/short", "", {"host": self.server.host_port}, "UNSIGNED-PAYLOAD"
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        host, port = self.server.host_port.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(
                f"PUT /{self.b}/short HTTP/1.1\r\n{head}content-length: 10\r\n\r\nfour".encode()
            )
            connection.shutdown(socket.SHUT_WR)
            reply = connection.recv(65536)
        self.assertTrue(
            not reply or b" 400 " in reply.split(b"\r\n")[0] or b" 408 " in reply.split(b"\r\n")[0],
            reply,
        )
        self.check(self.raw("HEAD", f"/{self.b}/short"), 404)


if __name__ == "__main__":
    main()
