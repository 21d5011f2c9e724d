"""Conditional requests: reads, writes, completion of uploads, copies, deletions."""

import base64
import email.utils
import hashlib
import threading
import time

from conformance import PART, Conformance, noise, main


def http_date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


OTHER = '"abcdefabcdefabcdefabcdefabcdefab"'


class Conditions(Conformance):
    def setUp(self):
        self.b = self.bucket()
        self.etag = self.s3.put_object(
            Bucket=self.b, Key="k", Body=b"bar", CacheControl="no-store"
        )["ETag"]
        modified = self.s3.head_object(Bucket=self.b, Key="k")["LastModified"].timestamp()
        self.names = {
            "E": self.etag,
            "e": self.etag.strip('"'),
            "O": OTHER,
            "*": "*",
            "past": http_date(modified - 3600),
            "same": http_date(modified),
            "later": http_date(modified + 3600),
        }

    # Reads -------------------------------------------------------------------------------------
    # If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, status of a read.
    READS = (
        ("E", "", "", "", 200),
        ("e", "", "", "", 200),
        ("*", "", "", "", 200),
        ("O", "", "", "", 412),
        ("", "E", "", "", 304),
        ("", "e", "", "", 304),
        ("", "*", "", "", 304),
        ("", "O", "", "", 200),
        ("", "", "past", "", 200),
        ("", "", "same", "", 304),
        ("", "", "later", "", 200),
        ("", "", "", "past", 412),
        ("", "", "", "same", 200),
        ("", "", "", "later", 200),
        ("E", "", "", "past", 200),
        ("O", "", "", "same", 412),
        ("", "E", "past", "", 304),
        ("", "O", "same", "", 200),
        ("", "E", "same", "", 304),
        ("E", "E", "", "", 304),
        ("E", "O", "", "", 200),
        ("O", "E", "", "", 412),
        ("E", "", "same", "", 304),
        ("E", "", "past", "", 200),
        ("", "E", "", "past", 412),
        ("", "O", "", "past", 412),
        ("", "", "same", "past", 412),
        ("", "", "same", "same", 304),
        ("E", "E", "past", "past", 304),
    )
    HEADERS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")

    def test_reads(self):
        for method in ("GET", "HEAD"):
            for *given, status in self.READS:
                with self.subTest(method=method, given=given):
                    headers = {
                        name: self.names[value] for name, value in zip(self.HEADERS, given) if value
                    }
                    reply = self.check(self.raw(method, f"/{self.b}/k", headers=headers), status)
                    if status == 304:
                        self.assertEqual(reply.body, b"")
                        self.assertEqual(reply.headers["etag"], self.etag)
                        self.assertIn("last-modified", reply.headers)
                        self.assertEqual(reply.headers["cache-control"], "no-store")
                    if status == 412 and method == "GET":
                        self.assertEqual(reply.code(), "PreconditionFailed")

    def test_412_names_the_condition(self):
        for header, value, name in (
            ("if-match", OTHER, "If-Match"),
            ("if-unmodified-since", self.names["past"], "If-Unmodified-Since"),
        ):
            reply = self.check(
                self.raw("GET", f"/{self.b}/k", headers={header: value}), 412, "PreconditionFailed"
            )
            self.assertEqual(reply.text("Condition"), name)

    def test_bad_dates_are_ignored(self):
        for value in ("yesterday", "", "12345"):
            for header in ("if-modified-since", "if-unmodified-since"):
                with self.subTest(value=value, header=header):
                    self.check(self.raw("GET", f"/{self.b}/k", headers={header: value}), 200)

    def test_missing_keys_are_404_whatever_the_condition(self):
        for headers in ({"if-match": "*"}, {"if-none-match": "*"}, {"if-match": OTHER}):
            self.check(self.raw("GET", f"/{self.b}/missing", headers=headers), 404, "NoSuchKey")

    def test_lists_of_etags(self):
        many = f"{OTHER}, {self.etag}"
        self.check(self.raw("GET", f"/{self.b}/k", headers={"if-match": many}), 200)
        self.check(self.raw("GET", f"/{self.b}/k", headers={"if-none-match": many}), 304)

    def test_conditions_with_ranges(self):
        self.check(
            self.raw("GET", f"/{self.b}/k", headers={"range": "bytes=0-0", "if-match": self.etag}),
            206,
        )
        self.check(
            self.raw("GET", f"/{self.b}/k", headers={"range": "bytes=0-0", "if-match": OTHER}), 412
        )
        self.check(
            self.raw(
                "GET", f"/{self.b}/k", headers={"range": "bytes=0-0", "if-none-match": self.etag}
            ),
            304,
        )

    # Writes ------------------------------------------------------------------------------------
    # Key that exists or not, headers, status, code.
    WRITES = (
        ("k", {"if-none-match": "*"}, 412, "PreconditionFailed"),
        ("new", {"if-none-match": "*"}, 200, None),
        ("k", {"if-match": "E"}, 200, None),
        ("k", {"if-match": "e"}, 200, None),
        ("k", {"if-match": "O"}, 412, "PreconditionFailed"),
        ("k", {"if-match": "*"}, 200, None),
        ("new", {"if-match": "*"}, 404, "NoSuchKey"),
        ("new", {"if-match": "O"}, 404, "NoSuchKey"),
        ("k", {"if-none-match": "E"}, 412, "PreconditionFailed"),
        ("k", {"if-none-match": "O"}, 200, None),
        ("new", {"if-none-match": "O"}, 200, None),
    )

    def write_cases(self, write):
        for key, given, status, code in self.WRITES:
            with self.subTest(key=key, given=given):
                self.s3.delete_object(Bucket=self.b, Key="new")
                self.s3.put_object(Bucket=self.b, Key="k", Body=b"bar")
                headers = {name: self.names.get(value, value) for name, value in given.items()}
                self.check(write(key, headers), status, code)
                if status != 200 and key == "k":
                    self.assertEqual(self.body_of(self.b, "k"), b"bar")

    def test_put(self):
        self.write_cases(
            lambda key, headers: self.raw("PUT", f"/{self.b}/{key}", headers=headers, body=b"new")
        )

    def test_copy(self):
        self.s3.put_object(Bucket=self.b, Key="source", Body=b"source")
        self.write_cases(
            lambda key, headers: self.raw(
                "PUT",
                f"/{self.b}/{key}",
                headers=dict(headers, **{"x-amz-copy-source": f"/{self.b}/source"}),
            )
        )

    def test_complete(self):
        def write(key, headers):
            upload = self.s3.create_multipart_upload(Bucket=self.b, Key=key)["UploadId"]
            etag = self.s3.upload_part(
                Bucket=self.b, Key=key, UploadId=upload, PartNumber=1, Body=b"x"
            )["ETag"]
            body = (
                f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
                "</CompleteMultipartUpload>"
            )
            return self.raw(
                "POST", f"/{self.b}/{key}", "uploadId=" + upload, headers, body.encode()
            )

        self.write_cases(write)

    def test_overwrite_of_a_delete_marker(self):
        self.versioning(self.b, "Enabled")
        self.s3.delete_object(Bucket=self.b, Key="k")
        self.check(
            self.raw("PUT", f"/{self.b}/k", headers={"if-match": "*"}, body=b"x"), 404, "NoSuchKey"
        )
        self.check(self.raw("PUT", f"/{self.b}/k", headers={"if-none-match": "*"}, body=b"x"), 200)
        self.check(self.raw("PUT", f"/{self.b}/k", headers={"if-none-match": "*"}, body=b"x"), 412)

    def test_one_of_many_creators_wins(self):
        statuses, lock = [], threading.Lock()

        def create(number):
            reply = self.raw(
                "PUT", f"/{self.b}/race", headers={"if-none-match": "*"}, body=b"%d" % number
            )
            with lock:
                statuses.append(reply.status)

        threads = [threading.Thread(target=create, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [200] + [412] * 11)

    # Copy sources ------------------------------------------------------------------------------
    # if-match, if-none-match, if-modified-since, if-unmodified-since of the source, status.
    SOURCES = (
        ("E", "", "", "", 200),
        ("O", "", "", "", 412),
        ("*", "", "", "", 200),
        ("", "E", "", "", 412),
        ("", "O", "", "", 200),
        ("", "", "past", "", 200),
        ("", "", "same", "", 412),
        ("", "", "", "past", 412),
        ("", "", "", "same", 200),
        ("E", "", "", "past", 200),
        ("", "E", "past", "", 412),
        ("E", "E", "", "", 412),
    )

    def test_copy_sources(self):
        upload = self.s3.create_multipart_upload(Bucket=self.b, Key="parts")["UploadId"]
        for *given, status in self.SOURCES:
            headers = {
                f"x-amz-copy-source-{name}": self.names[value]
                for name, value in zip(self.HEADERS, given)
                if value
            }
            headers["x-amz-copy-source"] = f"{self.b}/k"
            with self.subTest(given=given):
                self.check(
                    self.raw("PUT", f"/{self.b}/copy", headers=headers),
                    status,
                    "PreconditionFailed" if status == 412 else None,
                )
            with self.subTest(given=given, part=True):
                self.check(
                    self.raw("PUT", f"/{self.b}/parts", f"partNumber=1&uploadId={upload}", headers),
                    status,
                    "PreconditionFailed" if status == 412 else None,
                )

    # Deletions ---------------------------------------------------------------------------------
    def test_delete(self):
        for headers, status in (
            ({"if-match": OTHER}, 412),
            ({"if-match": "*"}, 204),
            ({"if-match": self.etag}, 204),
            ({"if-match": self.etag.strip('"')}, 204),
        ):
            with self.subTest(headers=headers):
                self.s3.put_object(Bucket=self.b, Key="k", Body=b"bar")
                self.check(self.raw("DELETE", f"/{self.b}/k", headers=headers), status)
                self.assertEqual(
                    self.raw("HEAD", f"/{self.b}/k").status, 200 if status == 412 else 404
                )

    def test_delete_of_what_is_not_there(self):
        # As AWS; without a condition a delete of nothing succeeds.
        for etag in ("*", OTHER):
            self.check(
                self.raw("DELETE", f"/{self.b}/missing", headers={"if-match": etag}),
                404,
                "NoSuchKey",
            )
        for headers in ({}, {"x-amz-if-match-size": "3"}):
            self.check(self.raw("DELETE", f"/{self.b}/missing", headers=headers), 204)

    def test_delete_by_size_and_time(self):
        for headers, status in (
            ({"x-amz-if-match-size": "4"}, 412),
            ({"x-amz-if-match-size": "3"}, 204),
            ({"x-amz-if-match-last-modified-time": self.names["past"]}, 412),
            ({"x-amz-if-match-last-modified-time": "same"}, 204),
        ):
            with self.subTest(headers=headers):
                self.s3.put_object(Bucket=self.b, Key="k", Body=b"bar")
                modified = self.raw("HEAD", f"/{self.b}/k").headers["last-modified"]
                headers = {
                    name: modified if value == "same" else value for name, value in headers.items()
                }
                self.check(self.raw("DELETE", f"/{self.b}/k", headers=headers), status)

    def test_delete_objects(self):
        self.s3.put_object(Bucket=self.b, Key="l", Body=b"l")
        body = (
            f"<Delete><Object><Key>k</Key><ETag>{OTHER}</ETag></Object>"
            f"<Object><Key>l</Key><ETag>{hashlib.md5(b'l').hexdigest()}</ETag></Object></Delete>"
        ).encode()
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        reply = self.check(
            self.raw("POST", "/" + self.b, "delete", {"content-md5": md5}, body), 200
        )
        self.assertEqual(reply.texts("Deleted/Key"), ["l"])
        self.assertEqual(reply.texts("Error/Key"), ["k"])
        self.assertEqual(reply.texts("Error/Code"), ["PreconditionFailed"])

    # A failing condition is told before the body is sent -----------------------------------------
    def test_refusal_before_the_body(self):
        start = time.monotonic()
        self.fails(
            412,
            "PreconditionFailed",
            self.conditional_put,
            Bucket=self.b,
            Key="k",
            Body=noise(PART, 1),
        )
        self.assertLess(time.monotonic() - start, 5)

    def conditional_put(self, **arguments):
        client = self.server.boto3_client()

        def add(request, **_):
            request.headers["If-None-Match"] = "*"

        client.meta.events.register_first("before-sign.s3.PutObject", add)
        return client.put_object(**arguments)


if __name__ == "__main__":
    main()
