"""A webhook on 127.0.0.1 for tests: keeps what it is told, and answers as it is told.

    with WebhookReceiver() as hook:
        server = CairnServer(args=["--notify-webhook", f"name={hook.url}"])
        hook.wait_for(3)
"""
import http.server
import json
import threading
import time


class WebhookReceiver:
    def __init__(self):
        self.status = 200        # What is answered; events are kept only when it is 2xx.
        self.bodies = []
        self.headers = []
        self.refused_count = 0
        self._changed = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._changed:
                    status = receiver.status
                    if 200 <= status < 300:
                        receiver.bodies.append(json.loads(body))
                        receiver.headers.append(dict(self.headers))
                    else:
                        receiver.refused_count += 1
                    receiver._changed.notify_all()
                self.send_response(status)
                if status in (301, 302, 307):
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def records(self):
        """All records so far, in the order in which they came."""
        with self._changed:
            return [record for body in self.bodies for record in body.get("Records", [])]

    def wait_until(self, condition, seconds=30):
        end = time.monotonic() + seconds
        with self._changed:
            while not condition():
                left = end - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise AssertionError(f"the webhook was told only {len(self.bodies)} events")

    def wait_for(self, count, seconds=30):
        self.wait_until(lambda: len(self.bodies) >= count, seconds)
        return self.records()
