"""Passes TCP connections on until it is cut: then bytes of neither side arrive, or of one side only, and
nobody is told, as behind a firewall that drops."""
import select
import socket
import threading

WAYS = ("there", "back")


class CutProxy:
    def __init__(self, host, port):
        self._target = (host, port)
        self._cut = set()
        # Called before bytes of who connects are passed on; they are lost when it says so.
        self.on_data = None
        self._closing = False
        self._losses = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, ways=WAYS):
        """`ways`: "there" is from who connects, "back" what is answered."""
        self._cut = set(ways)

    def heal(self):
        self._cut = set()

    def lose(self):
        """All connections end, and what waits in them never arrives."""
        self._losses += 1

    def close(self):
        self._closing = True
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        try:
            target = socket.create_connection(self._target, timeout=5)
        except OSError:
            client.close()
            return
        for way, source, sink in (("there", client, target), ("back", target, client)):
            threading.Thread(target=self._pass_on, args=(way, source, sink), daemon=True).start()

    def _pass_on(self, way, source, sink):
        losses = self._losses
        try:
            while not self._closing and losses == self._losses:
                readable, _, _ = select.select([source], [], [], 0.02)
                if way in self._cut or not readable:
                    # What waits is held back, not lost: TCP would send it again.
                    select.select([], [], [], 0.01 if readable else 0)
                    continue
                data = source.recv(1 << 17)
                if not data:
                    break
                if way == "there" and self.on_data is not None and self.on_data():
                    break
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for side in (source, sink):
                try:
                    side.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
