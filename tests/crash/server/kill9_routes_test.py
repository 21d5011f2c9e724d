#!/usr/bin/env python3
"""Property: kill -9 inside any mutating request leaves what it changes old or new, never between, and
new when it was acknowledged. Method: a table of requests, each with a look at what it changes and with
what that look must show afterwards; the server is killed at a random moment after the request was
sent, started again and looked at. Real catalog, real log files; the simulated disk's counterpart with
a cut at every change is tests/crash/object/operation_crash_test.cc.

Negative control (--control): a request that is in truth two must be caught between."""
import argparse
import base64
import collections
import hashlib
import random
import sys
import threading
import time
import xml.etree.ElementTree

import crash_case

Case = collections.namedtuple("Case", "name prepare act look expect")
PART = 5 << 20


def digest(text):
    return hashlib.sha256(text).hexdigest()[:16]


class Client:
    """Requests of one case on keys of its own; raises ConnectionError when the server is dead."""

    def __init__(self, server):
        self.session = crash_case.Session(server)

    def send(self, method, target, body=None, headers=None):
        return self.session.request(method, f"/{target}", body, headers)

    def must(self, method, target, body=None, headers=None):
        status, reply = self.send(method, target, body, headers)
        assert status < 300, (method, target, status, reply[:300])
        return reply

    # Looks: everything that a client sees of it, in a comparable form.
    def body(self, target):
        status, reply = self.send("GET", target)
        return digest(reply) if status == 200 else status

    def text(self, target):
        status, reply = self.send("GET", target)
        return reply if status == 200 else status

    def versions(self, bucket, prefix):
        root = xml.etree.ElementTree.fromstring(self.must("GET", f"{bucket}?versions&prefix={prefix}"))
        out = []
        for entry in root:
            tag = entry.tag.split("}")[1]
            if tag not in ("Version", "DeleteMarker"):
                continue
            version = entry.find("{*}VersionId").text
            shown = (self.body(f"{bucket}/{prefix}?versionId={version}") if tag == "Version" else "marker")
            out.append((shown, entry.find("{*}IsLatest").text))
        return out


def upload(client, key, body):
    reply = xml.etree.ElementTree.fromstring(client.must("POST", f"{key}?uploads", b""))
    name = reply.find("{*}UploadId").text
    client.must("PUT", f"{key}?partNumber=1&uploadId={name}", body)
    return name


def complete(client, key, name, body):
    etag = hashlib.md5(body).hexdigest()
    return client.must("POST", f"{key}?uploadId={name}", (
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag +
        "</ETag></Part></CompleteMultipartUpload>").encode())


def cases(tag):
    """The table; `tag` makes the names of this round."""
    old, new, big = b"old " + tag.encode(), b"new " + tag.encode() * 9, (tag * 30000).encode()
    plain, kept = f"plain/{tag}", f"kept/{tag}"
    state = {}

    def begin_upload(client):
        client.must("PUT", plain, old)
        state["upload"] = upload(client, plain, big)

    def uploads(client):
        return state["upload"].encode() in client.must("GET", f"plain?uploads&prefix={tag}")

    def newer(shown):
        return lambda before: [(shown, "true")] + [(what, "false") for what, _ in before]

    def tags(value):
        return f"<Tagging><TagSet><Tag><Key>k</Key><Value>{value}</Value></Tag></TagSet></Tagging>".encode()

    def rule(value):
        return (f"<CORSConfiguration><CORSRule><AllowedOrigin>{value}</AllowedOrigin><AllowedMethod>GET"
                "</AllowedMethod></CORSRule></CORSConfiguration>").encode()

    def many(client):
        names = "".join(f"<Object><Key>{tag}/{i}</Key></Object>" for i in range(20))
        body = f"<Delete>{names}</Delete>".encode()
        checksum = base64.b64encode(hashlib.md5(body).digest()).decode()
        client.must("POST", "plain?delete", body, {"Content-MD5": checksum})

    def listed(client):
        return client.must("GET", f"plain?list-type=2&prefix={tag}%2F").count(b"<Key>")

    bucket = f"bucket-{tag}"
    return [
        Case("put", lambda c: c.must("PUT", plain, old), lambda c: c.must("PUT", plain, new),
             lambda c: c.body(plain), lambda _: digest(new)),
        Case("put large", lambda c: c.must("PUT", plain, old), lambda c: c.must("PUT", plain, big),
             lambda c: c.body(plain), lambda _: digest(big)),
        Case("delete", lambda c: c.must("PUT", plain, big), lambda c: c.must("DELETE", plain),
             lambda c: c.body(plain), lambda _: 404),
        Case("delete many", lambda c: [c.must("PUT", f"{plain}/{i}", old) for i in range(20)], many,
             listed, lambda _: 0),
        Case("put version", lambda c: c.must("PUT", kept, old), lambda c: c.must("PUT", kept, big),
             lambda c: c.versions("kept", tag), newer(digest(big))),
        Case("delete marker", lambda c: c.must("PUT", kept, big), lambda c: c.must("DELETE", kept),
             lambda c: c.versions("kept", tag), newer("marker")),
        Case("copy", lambda c: [c.must("PUT", plain, old), c.must("PUT", f"{plain}-from", big)],
             lambda c: c.must("PUT", plain, b"", {"x-amz-copy-source": f"{plain}-from"}),
             lambda c: c.body(plain), lambda _: digest(big)),
        Case("complete", begin_upload, lambda c: complete(c, plain, state["upload"], big),
             lambda c: (c.body(plain), uploads(c)), lambda _: (digest(big), False)),
        Case("abort", begin_upload, lambda c: c.must("DELETE", f"{plain}?uploadId={state['upload']}"),
             lambda c: (c.body(plain), uploads(c)), lambda before: (before[0], False)),
        Case("create bucket", lambda c: None, lambda c: c.must("PUT", bucket),
             lambda c: c.send("HEAD", bucket)[0], lambda _: 200),
        Case("delete bucket", lambda c: c.must("PUT", bucket), lambda c: c.must("DELETE", bucket),
             lambda c: c.send("HEAD", bucket)[0], lambda _: 404),
        Case("tag object", lambda c: c.must("PUT", plain, old),
             lambda c: c.must("PUT", f"{plain}?tagging", tags("new")),
             lambda c: (c.body(plain), b"new" in c.text(f"{plain}?tagging")),
             lambda before: (before[0], True)),
        Case("configure bucket", lambda c: [c.must("PUT", bucket), c.must("PUT", f"{bucket}?cors", rule("http://old"))],
             lambda c: c.must("PUT", f"{bucket}?cors", rule("http://new")),
             lambda c: b"http://new" in c.text(f"{bucket}?cors"), lambda _: True),
        Case("append", lambda c: c.must("PUT", plain, old),
             lambda c: c.must("PUT", plain, big, {"x-amz-write-offset-bytes": str(len(old))}),
             lambda c: c.body(plain), lambda _: digest(old + big)),
        Case("rename", lambda c: [c.must("PUT", f"{plain}-from", big)],
             lambda c: c.must("PUT", f"{plain}?renameObject", b"", {"x-amz-rename-source": f"/{plain}-from"}),
             lambda c: (c.body(f"{plain}-from"), c.body(plain)), lambda before: (404, before[0])),
    ]


def control_case(tag):
    plain = f"plain/{tag}"

    def two(client):
        client.must("PUT", plain, b"new")
        client.must("DELETE", f"{plain}-other")
    return Case("two", lambda c: [c.must("PUT", plain, b"old"), c.must("PUT", f"{plain}-other", b"x")], two,
                lambda c: (c.body(plain), c.body(f"{plain}-other")), lambda _: (digest(b"new"), 404))


def run_killed(server, case, delay):
    """Whether the request was acknowledged before the server was killed."""
    acknowledged = threading.Event()

    def send():
        try:
            case.act(Client(server))
            acknowledged.set()
        except (OSError, crash_case.http.client.HTTPException):
            pass
    thread = threading.Thread(target=send)
    thread.start()
    time.sleep(delay)  # The moment of the crash is the random variable.
    answered = acknowledged.is_set()
    server.kill()
    thread.join(60)
    server.start()
    return answered


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--control", action="store_true")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    generator = random.Random(arguments.seed)
    violations, outcomes = [], collections.Counter()
    with crash_case.CairnServer() as server:
        client = Client(server)
        client.must("PUT", "plain")
        client.must("PUT", "kept")
        client.must("PUT", "kept?versioning", b"<VersioningConfiguration><Status>Enabled</Status>"
                    b"</VersioningConfiguration>")
        for turn in range(arguments.rounds):
            table = [control_case(f"t{turn}")] * 5 if arguments.control else cases(f"t{turn}")
            for index, case in enumerate(table):
                client = Client(server)
                case.prepare(client)
                before = case.look(client)
                answered = run_killed(server, case, generator.uniform(0.0, 0.012))
                seen = case.look(Client(server))
                wanted = case.expect(before)
                outcomes["new" if seen == wanted else "old" if seen == before else "between"] += 1
                if seen != wanted and (answered or seen != before):
                    violations.append(f"{case.name} {turn}.{index}: {before} -> {seen}, wanted {wanted}, "
                                      f"acknowledged {answered}")
    print(f"{sum(outcomes.values())} kills, {dict(outcomes)}, {len(violations)} violations")
    print("\n".join("  " + violation for violation in violations[:20]))
    if arguments.control:
        return 0 if violations else 1
    return 1 if violations or not outcomes["old"] or not outcomes["new"] else 0


if __name__ == "__main__":
    sys.exit(main())
