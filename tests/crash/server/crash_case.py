"""The parts that the crash tests of the whole server share: writers that log their acknowledgements
outside the server, and the check of what must be there afterwards.

What is checked. An acknowledged PUT must read back byte for byte (or as a later body of the same key
whose outcome is unknown); a PUT that was not acknowledged is whole or absent; whatever a listing names
is readable. Bodies are made from their name, so that a mixed body cannot pass."""
import http.client
import pathlib
import random
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "integration"))
from cairn_server import CairnServer  # noqa: E402,F401

from botocore.auth import S3SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

BUCKET = "crash"
# Inline objects, one chunk, several chunks.
SIZES = (100, 4096, 16384, 16385, 70000, 300000, 1 << 20, (5 << 20) + 3)


def body_of(key, turn):
    """The one body that turn `turn` of `key` has; sizes are spread towards small ones."""
    generator = random.Random(f"{key}:{turn}")
    size = SIZES[min(generator.randrange(len(SIZES)), generator.randrange(len(SIZES)))]
    return f"{key}:{turn}\n".encode() + generator.randbytes(size)


class Session:
    """One keep-alive connection that signs its requests."""

    def __init__(self, server):
        self.host = server.host_port
        self.credentials = Credentials(server.access_key, server.secret_key)
        self.connection = http.client.HTTPConnection(self.host, timeout=30)

    def request(self, method, path, body=None, headers=None):
        signed = AWSRequest(method=method, url=f"http://{self.host}{path}", data=body,
                            headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD", **(headers or {})})
        S3SigV4Auth(self.credentials, "s3", "us-east-1").add_auth(signed)
        self.connection.request(method, path, body=body, headers=dict(signed.headers))
        answer = self.connection.getresponse()
        return answer.status, answer.read()


class History:
    """Per key: the last acknowledged turn and the turns after it whose outcome is unknown."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = {}
        self.unknown = {}
        self.count = 0

    def begin(self, key, turn):
        with self.lock:
            self.unknown.setdefault(key, set()).add(turn)

    def acknowledge(self, key, turn):
        with self.lock:
            self.acknowledged[key] = turn
            self.unknown[key] = {t for t in self.unknown[key] if t > turn}
            self.count += 1


class Writers:
    """Threads that put bodies until told to stop or until the server dies. Each owns its keys, so
    the turns of a key are in order."""

    def __init__(self, server, history, threads_count, seed, prefix="w"):
        self.server, self.history, self.seed, self.prefix = server, history, seed, prefix
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(threads_count)]
        for thread in self.threads:
            thread.start()

    def _run(self, index):
        generator = random.Random(f"{self.seed}:{index}")
        try:
            session = Session(self.server)
            while not self.stopping.is_set():
                key = f"{self.prefix}{index}/{generator.randrange(40)}"
                turn = 1 + max([self.history.acknowledged.get(key, 0),
                                *self.history.unknown.get(key, ())])
                self.history.begin(key, turn)
                status, _ = session.request("PUT", f"/{BUCKET}/{key}", body_of(key, turn))
                if status == 200:
                    self.history.acknowledge(key, turn)
        except (OSError, http.client.HTTPException):
            return

    def stop(self):
        """Lets requests in flight finish: their acknowledgements count."""
        self.stopping.set()
        self.join()

    def join(self):
        for thread in self.threads:
            thread.join(60)


def check(server, history, keys=None):
    """Returns the list of violations."""
    problems = []
    session = Session(server)
    for key in sorted(keys if keys is not None else set(history.acknowledged) | set(history.unknown)):
        try:
            status, body = session.request("GET", f"/{BUCKET}/{key}")
        except (OSError, http.client.HTTPException) as error:
            problems.append(f"{key}: {error!r}")
            session = Session(server)
            continue
        acknowledged = history.acknowledged.get(key)
        allowed = set(history.unknown.get(key, ())) | ({acknowledged} if acknowledged else set())
        if status == 404:
            if acknowledged:
                problems.append(f"{key}: acknowledged turn {acknowledged} is lost")
        elif status != 200:
            problems.append(f"{key}: status {status}")
        elif not any(body == body_of(key, turn) for turn in allowed):
            problems.append(f"{key}: {len(body)} bytes {body[:24]!r} are none of the turns "
                            f"{sorted(allowed)}")
        else:
            # What was seen after a crash must stay: it is acknowledged from here on.
            seen = next(turn for turn in allowed if body == body_of(key, turn))
            history.acknowledged[key] = seen
            history.unknown[key] = set()
    return problems
