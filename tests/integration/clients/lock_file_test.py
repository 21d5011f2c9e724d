#!/usr/bin/env python3
"""The lock file that Terraform's S3 backend writes (use_lockfile): PUT If-None-Match: * with a SHA-256 trailer,
of many writers one wins; the others are told 412 and read who holds it; the holder deletes it. Method:
raw requests framed as aws-sdk-go-v2 frames them, eight writers at once, many rounds."""
import base64
import hashlib
import pathlib
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "conformance"), str(HERE.parent)]
from conformance import Conformance, main  # noqa: E402

WRITERS, ROUNDS = 8, 20


class LockFile(Conformance):
    def write(self, path, body):
        digest = base64.b64encode(hashlib.sha256(body).digest())
        framed = b"%x\r\n%s\r\n0\r\nx-amz-checksum-sha256:%s\r\n\r\n" % (len(body), body, digest)
        return self.raw("PUT", path, body=framed, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers={
            "if-none-match": "*", "content-encoding": "aws-chunked", "content-type": "application/json",
            "x-amz-trailer": "x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm": "SHA256",
            "x-amz-decoded-content-length": str(len(body))})

    def test_one_of_many_writers_holds_the_lock(self):
        bucket = self.bucket(versioning="Enabled")
        path = f"/{bucket}/env/prod/terraform.tfstate.tflock"
        for turn in range(ROUNDS):
            bodies = [b'{"ID":"%d-%d"}' % (turn, i) for i in range(WRITERS)]
            replies = [None] * WRITERS

            def write(i):
                replies[i] = self.write(path, bodies[i])
            threads = [threading.Thread(target=write, args=(i,)) for i in range(WRITERS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            statuses = sorted(reply.status for reply in replies)
            self.assertEqual(statuses, [200] + [412] * (WRITERS - 1))
            winner = next(i for i, reply in enumerate(replies) if reply.status == 200)
            for reply in replies:
                if reply.status == 412:
                    self.assertEqual(reply.code(), "PreconditionFailed")
            self.assertEqual(self.check(self.raw("GET", path), 200).body, bodies[winner])
            self.check(self.raw("HEAD", path), 200)
            self.check(self.raw("DELETE", path), 204)
            self.check(self.raw("HEAD", path), 404)

    def test_a_wrong_trailer_takes_no_lock(self):
        path = f"/{self.bucket()}/state.tflock"
        body = b'{"ID":"x"}'
        framed = b"%x\r\n%s\r\n0\r\nx-amz-checksum-sha256:%s\r\n\r\n" % (
            len(body), body, base64.b64encode(hashlib.sha256(b"other").digest()))
        reply = self.raw("PUT", path, body=framed, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers={
            "if-none-match": "*", "x-amz-trailer": "x-amz-checksum-sha256",
            "x-amz-decoded-content-length": str(len(body))})
        self.check(reply, 400, "BadDigest")
        self.check(self.raw("HEAD", path), 404)


if __name__ == "__main__":
    main()
