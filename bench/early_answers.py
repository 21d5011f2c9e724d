#!/usr/bin/env python3
"""An S3 server that knows every body: each upload is answered from its head alone, nothing is looked at or kept.

What a client takes with it is what it takes with any server (bench/instant.py, the floor). One thread; plain HTTP;
requests of one client, which are not checked. Prints its port and serves until its standard input ends.
"""
import selectors
import socket
import sys

CREATED = (b"<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId>"
           b"</InitiateMultipartUploadResult>")
COMPLETED = b"<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>&quot;e-1&quot;</ETag></CompleteMultipartUploadResult>"
BUFFER_BYTES = 256 * 1024


def reply(body, fields=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), fields, body)


def answer(connection, kept):
    """Takes what came; False when the connection is over."""
    kept += connection.recv(BUFFER_BYTES)
    end = kept.find(b"\r\n\r\n")
    if end < 0:
        return bool(kept)
    head = bytes(kept[:end]).lower()
    if head.startswith(b"put "):
        # The body has not been sent, and nothing else may come on this connection.
        connection.sendall(reply(b"", b'ETag: "00000000000000000000000000000000"\r\nConnection: close\r\n'))
        return False
    size = 0
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            size = int(line.split(b":")[1])
    if len(kept) < end + 4 + size:
        return True
    connection.sendall(reply(CREATED if b"?uploads" in head.split(b"\r\n")[0] else COMPLETED))
    kept.clear()
    return True


def main():
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    print(listener.getsockname()[1], flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                return
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ, bytearray())
            elif not answer(key.fileobj, key.data):
                selector.unregister(key.fileobj)
                key.fileobj.close()


if __name__ == "__main__":
    main()
