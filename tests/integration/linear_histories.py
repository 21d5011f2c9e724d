"""Clients that read, write, create, replace and delete a few keys through several servers, and write
down what they were told and when; tests/linear's checker says whether one register could have.

    recorder = Recorder([endpoint, ...], access_key, secret_key, bucket)
    recorder.run(seconds=30, clients=8)
    verdict = recorder.check()          # (is_legal, text of the checker)

Bodies are their number, so every value is written once. A write that got no answer, or a 5xx, may
take effect at any later time or never; a 4xx did not happen, and neither did a 507. Keys are left for
fresh ones after some operations, so that histories stay short enough to check."""
import collections
import hashlib
import hmac
import datetime
import http.client
import itertools
import os
import random
import subprocess
import threading
import time

KEYS_AT_ONCE = 6
OPERATIONS_PER_KEYS = 600  # About 100 of each key.
ANSWER_SECONDS = 6
REFUSED_SECONDS = 0.2  # Clients wait so long after an error: else they are most of the history.
NOT_SENT = 0


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


Told = collections.namedtuple("Told", "is_known value")  # Of an operation.


class Client:
    """One connection to one server; opened again after a failure."""

    def __init__(self, endpoint, access_key, secret_key):
        self.host = endpoint.split("://", 1)[1]
        self._access_key, self._secret_key = access_key, secret_key
        self._connection = None

    def request(self, method, path, body=b"", headers=()):
        """Status and (ETag, Retry-After, body); the status is None where no answer came, and NOT_SENT where
        nobody listens."""
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        signed = {"host": self.host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": stamp,
                  **dict(headers)}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{path}\n\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        scope = f"{day}/us-east-1/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self._secret_key).encode()
        for part in (day, "us-east-1", "s3", "aws4_request"):
            key = _hmac(key, part)
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        signed["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope},"
                                   f"SignedHeaders={names},Signature={signature}")
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.host, timeout=ANSWER_SECONDS)
            try:
                self._connection.connect()
            except OSError:
                self._connection = None
                return NOT_SENT, (None, None, b"")
        try:
            self._connection.request(method, path, body=body, headers=signed)
            reply = self._connection.getresponse()
            text = reply.read()
            return reply.status, (reply.getheader("ETag"), reply.getheader("Retry-After"), text)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return None, (None, None, b"")


class Recorder:
    def __init__(self, endpoints, access_key, secret_key, bucket, body_bytes=0):
        """`body_bytes`: bodies are padded to so many; more than 16 KiB are in the home."""
        self._endpoints = endpoints
        self._body_bytes = body_bytes
        self._keys = (access_key, secret_key)
        self._bucket = bucket
        self._values = itertools.count(1)
        self._operations = itertools.count()
        self._lock = threading.Lock()
        self._etags = {}  # Value by ETag: bodies differ, so ETags do.
        self.lines = []
        self.outcomes = {}
        self.refusals = []  # (seconds, status, Retry-After) of answers that are 5xx.
        self._last_done = {}  # By endpoint: when its last success began and ended, time.monotonic().
        self.longest_gap_seconds = 0  # In which no client of any endpoint had a success.
        self._all_keys = set()
        self.stop = threading.Event()

    def run(self, seconds, clients=8, seed=None):
        """Until the time is over, or `stop` is set."""
        seed = seed if seed is not None else random.randrange(1 << 32)
        threads = [threading.Thread(target=self._work, args=(number, seed + number))
                   for number in range(clients)]
        for thread in threads:
            thread.start()
        self.stop.wait(seconds)
        self.stop.set()
        for thread in threads:
            thread.join()

    def last_done(self):
        """When an operation last succeeded, of any client; time.monotonic()."""
        return max((ended for _, ended in self._last_done.values()), default=0)

    def serves_since(self, number, moment):
        """Whether an operation at that endpoint that began later has succeeded."""
        return self._last_done.get(number, (0, 0))[0] >= moment

    def read_all(self, seconds=60):
        """Every key once more at every endpoint: what is lost in the end is seen too."""
        for number, endpoint in enumerate(self._endpoints):
            client = Client(endpoint, *self._keys)
            end = time.monotonic() + seconds
            for key in sorted(self._all_keys):
                path = f"/{self._bucket}/{key}"
                while not self._record(client, number, key, "read", 0, 0, "GET", path).is_known:
                    if time.monotonic() > end:
                        return self._fail(f"{key}: it could not be read at the end")
        return None

    def _work(self, number, seed):
        client = Client(self._endpoints[number % len(self._endpoints)], *self._keys)
        dice = random.Random(seed)
        while not self.stop.is_set():
            count = next(self._operations)
            key = f"k{count // OPERATIONS_PER_KEYS}.{count % KEYS_AT_ONCE}"
            self._all_keys.add(key)
            self._step(client, number % len(self._endpoints), key, dice.random())
            time.sleep(dice.random() * 0.01)

    def _step(self, client, number, key, dice):
        path = f"/{self._bucket}/{key}"
        if dice < 0.45:
            return self._record(client, number, key, "read", 0, 0, "GET", path)
        if dice < 0.55:
            return self._record(client, number, key, "write", 0, 0, "DELETE", path)
        value = next(self._values)
        body = self._body_of(value)
        etag = '"' + hashlib.md5(body).hexdigest() + '"'
        with self._lock:
            self._etags[etag] = value
        if dice < 0.75:
            return self._record(client, number, key, "write", value, 0, "PUT", path, body)
        if dice < 0.87:
            return self._record(client, number, key, "create", value, 0, "PUT", path, body,
                                {"if-none-match": "*"})
        # Replace what is there now, as a client does that has just looked.
        found = self._record(client, number, key, "read", 0, 0, "GET", path)
        if not found.value:
            return None
        expected = '"' + hashlib.md5(self._body_of(found.value)).hexdigest() + '"'
        return self._record(client, number, key, "replace", value, found.value, "PUT", path, body,
                            {"if-match": expected})

    def _record(self, client, number, key, kind, value, expected, method, path, body=b"", headers=()):
        start = time.monotonic_ns()
        status, (etag, retry_after, text) = client.request(method, path, body, headers)
        end = time.monotonic_ns()
        outcome = "done"
        if kind == "read":
            if status == 200:
                value = self._etags.get(etag, -1)
                if text != self._body_of(value):
                    self._fail(f"{key}: a body that is not the one of its ETag: {text[:40]}")
            elif status != 404:
                outcome = "failed"  # A read that failed says nothing.
        elif status == 412 and kind != "write" or status == 404 and kind == "replace":
            outcome = "refused"  # If-Match of what is not there is 404.
        elif status in (NOT_SENT, 409, 507):
            outcome = "failed"  # It did not happen, and says nothing of the key.
        elif status is None or status >= 500:
            outcome, end = "unknown", 0
        elif status not in (200, 204):
            self._fail(f"{key}: {method} was answered with {status} {text[:200]}")
        with self._lock:
            self.outcomes[kind, outcome] = self.outcomes.get((kind, outcome), 0) + 1
            if status is not None and status >= 500:
                self.refusals.append(((time.monotonic_ns() - start) / 1e9, status, retry_after))
            if outcome in ("done", "refused"):
                self._note_success(number, start / 1e9)
            if outcome != "failed":
                self.lines.append(f"{key} {kind} {outcome} {value} {expected} {start} {end}")
        if status is None or status == NOT_SENT or status >= 500:
            self.stop.wait(REFUSED_SECONDS)
        return Told(outcome != "failed", value if outcome == "done" else None)

    def _note_success(self, number, start):
        now = time.monotonic()
        if self._last_done:
            self.longest_gap_seconds = max(self.longest_gap_seconds, now - self.last_done())
        self._last_done[number] = max(start, self._last_done.get(number, (0, 0))[0]), now

    def _body_of(self, value):
        text = b"%d " % value
        return text * max(1, self._body_bytes // len(text))

    def _fail(self, what):
        with self._lock:
            self.lines.append(what)  # The checker refuses it, and shows it.

    def check(self):
        checker = os.environ["CAIRN_LINEAR_CHECK"]
        done = subprocess.run([checker], input="\n".join(self.lines) + "\n", capture_output=True, text=True)
        return done.returncode == 0, done.stdout + done.stderr
