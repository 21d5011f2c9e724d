"""Property: forms that boto3 presigns (V4 and V2) upload real files byte for byte, with all that their
fields ask for, and nothing that their policy does not name. Method: multipart/form-data built by hand,
so that its spelling is known, sent to a real server and read back."""
import base64
import hashlib
import http.client
import json
import re
import sys
import urllib.parse
import xml.etree.ElementTree

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    print("SKIPPED: boto3: not installed for " + sys.executable)
    sys.exit(0)

import clients_case

MIB = 1 << 20
BOUNDARY = "----CairnFormBoundary7MA4YWxk"


def form_body(fields, file, file_name="upload.bin"):
    """Fields in order, the file last."""
    out = b""
    for name, value in fields.items():
        out += (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
                f"{value}\r\n").encode()
    out += (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
            "Content-Type: application/x-ignored\r\n\r\n").encode()
    return out + file + f"\r\n--{BOUNDARY}--\r\n".encode()


class PostForm(clients_case.ClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = cls.client("s3v4")
        cls.s3.create_bucket(Bucket="forms")

    @classmethod
    def client(cls, signature):
        return boto3.client("s3", endpoint_url=cls.url, region_name="us-east-1",
                            aws_access_key_id=cls.server.access_key,
                            aws_secret_access_key=cls.server.secret_key,
                            config=Config(retries={"max_attempts": 1}, signature_version=signature,
                                          s3={"addressing_style": "path"}))

    def presign(self, key, fields=None, conditions=None, client=None, seconds=600):
        """A form for `key` whose policy covers the given fields."""
        fields = dict(fields or {})
        covered = [{name: value} for name, value in fields.items()] + list(conditions or [])
        return (client or self.s3).generate_presigned_post(
            "forms", key, Fields=fields, Conditions=covered, ExpiresIn=seconds)

    def post(self, form, file, file_name="upload.bin", bucket="forms", chunked=False):
        address = urllib.parse.urlsplit(form["url"])
        body = form_body(form["fields"], file, file_name)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        pieces = iter(body[at:at + 70001] for at in range(0, len(body), 70001)) if chunked else body
        connection.request("POST", f"/{bucket}", body=pieces, headers=headers, encode_chunked=chunked)
        reply = connection.getresponse()
        reply.text = reply.read().decode()
        connection.close()
        return reply

    def assert_refused(self, reply, status, code, words=""):
        self.assertEqual(reply.status, status, reply.text)
        self.assertIn(f"<Code>{code}</Code>", reply.text)
        self.assertIn(words, reply.text)

    def stored(self, key):
        return self.s3.get_object(Bucket="forms", Key=key)

    def test_files_of_every_size_come_back(self):
        near = (b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\r\n-") * 40000
        files = {name: (self.files / name).read_bytes() for name in self.names()}
        files["near-delimiters"] = near + b"\r\n--"
        for client in (self.s3, self.client("s3")):
            for name, body in files.items():
                reply = self.post(self.presign(f"all/{name}", client=client), body)
                self.assertEqual(reply.status, 204, reply.text)
                self.assertEqual(reply.text, "")
                self.assertEqual(reply.headers["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
                self.assertEqual(hashlib.sha256(self.stored(f"all/{name}")["Body"].read()).digest(),
                                 hashlib.sha256(body).digest(), name)

    def test_a_chunked_form(self):
        body = (self.files / "medium").read_bytes()
        self.assertEqual(self.post(self.presign("chunked"), body, chunked=True).status, 204)
        self.assertEqual(self.stored("chunked")["Body"].read(), body)

    def test_fields_become_what_put_object_stores(self):
        fields = {"Content-Type": "image/png", "Cache-Control": "max-age=1", "Expires": "Fri, 21 Mar 2036 00:00:00 GMT",
                  "Content-Disposition": "inline", "Content-Encoding": "gzip",
                  "Content-Language": "de", "x-amz-meta-Colour": "grün", "x-amz-meta-two": "2",
                  "x-amz-storage-class": "STANDARD_IA", "acl": "private",
                  "x-amz-website-redirect-location": "/elsewhere"}
        self.assertEqual(self.post(self.presign("fields", fields), b"x").status, 204)
        head = self.s3.head_object(Bucket="forms", Key="fields")
        sent = head["ResponseMetadata"]["HTTPHeaders"]
        for name, value in fields.items():
            if name in ("acl", "x-amz-meta-Colour"):
                continue
            self.assertEqual(sent[name.lower()], value)
        self.assertEqual(sent["x-amz-meta-colour"].encode("latin-1").decode(), "grün")

    def test_tagging_document(self):
        document = ("<Tagging><TagSet><Tag><Key>k +</Key><Value>v=1</Value></Tag></TagSet>"
                    "</Tagging>")
        self.assertEqual(self.post(self.presign("tagged", {"tagging": document}), b"x").status, 204)
        tags = self.s3.get_object_tagging(Bucket="forms", Key="tagged")["TagSet"]
        self.assertEqual(tags, [{"Key": "k +", "Value": "v=1"}])
        form = self.presign("untagged", {"tagging": "invalid"})
        self.assert_refused(self.post(form, b"x"), 400, "MalformedXML")

    def test_anonymous_forms_where_the_bucket_lets_them(self):
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::forms-open/open/*"}]}
        self.s3.create_bucket(Bucket="forms-open")
        form = {"url": self.url, "fields": {"key": "open/a"}}
        self.assert_refused(self.post(form, b"x", bucket="forms-open"), 403, "AccessDenied")
        self.s3.delete_public_access_block(Bucket="forms-open")
        self.s3.put_bucket_policy(Bucket="forms-open", Policy=json.dumps(policy))
        self.assertEqual(self.post(form, b"x", bucket="forms-open").status, 204)
        form["fields"]["key"] = "closed/a"
        self.assert_refused(self.post(form, b"x", bucket="forms-open"), 403, "AccessDenied")

    def test_plain_type_when_the_form_names_none(self):
        self.assertEqual(self.post(self.presign("untyped"), b"x").status, 204)
        self.assertEqual(self.stored("untyped")["ContentType"], "binary/octet-stream")

    def test_file_name_in_key_and_fields(self):
        form = self.presign("names/${filename}", {"x-amz-meta-name": "as ${filename}"},
                            [["starts-with", "$x-amz-meta-name", ""]])
        form["fields"]["x-amz-meta-name"] = "as ${filename}"
        # The policy of that field was made for the text before the name was put in.
        self.assert_refused(self.post(form, b"x", "C:\\holiday\\a b.txt"), 403, "AccessDenied")
        form = self.presign("names/${filename}", None, [["starts-with", "$x-amz-meta-name", "as "]])
        form["fields"]["x-amz-meta-name"] = "as ${filename}"
        self.assertEqual(self.post(form, b"x", "C:\\holiday\\a b.txt").status, 204)
        self.assertEqual(self.stored("names/a b.txt")["Metadata"], {"name": "as a b.txt"})

    def test_replies_that_forms_ask_for(self):
        reply = self.post(self.presign("dir/new", {"success_action_status": "201"}), b"hello")
        self.assertEqual(reply.status, 201)
        root = xml.etree.ElementTree.fromstring(reply.text)
        self.assertEqual(root.tag, "PostResponse")
        etag = f'"{hashlib.md5(b"hello").hexdigest()}"'
        self.assertEqual({child.tag: child.text for child in root},
                         {"Location": f"{self.url}/forms/dir%2Fnew", "Bucket": "forms",
                          "Key": "dir/new", "ETag": etag})
        self.assertEqual(reply.headers["Location"], f"{self.url}/forms/dir%2Fnew")
        self.assertEqual(self.post(self.presign("s", {"success_action_status": "200"}), b"").status, 200)
        self.assertEqual(self.post(self.presign("s", {"success_action_status": "404"}), b"").status, 204)
        reply = self.post(self.presign("a&b", {"success_action_redirect": "http://h/p?q=1"}), b"hello")
        self.assertEqual(reply.status, 303)
        self.assertEqual(reply.headers["Location"], "http://h/p?q=1&bucket=forms&key=a%26b&etag="
                         + urllib.parse.quote(etag, safe=""))
        relative = {"success_action_redirect": "/relative"}
        self.assertEqual(self.post(self.presign("s", relative), b"x").status, 204)

    def test_checksums(self):
        right = base64.b64encode(hashlib.sha256(b"checked").digest()).decode()
        reply = self.post(self.presign("sum", {"x-amz-checksum-sha256": right}), b"checked")
        self.assertEqual((reply.status, reply.headers["x-amz-checksum-sha256"]), (204, right))
        form = self.presign("sum-wrong", {"x-amz-checksum-sha256": right})
        self.assert_refused(self.post(form, b"other"), 400, "BadDigest")
        form = self.presign("sum-wrong", {"x-amz-checksum-crc32": "bad"})
        self.assert_refused(self.post(form, b"other"), 400, "InvalidRequest")
        with self.assertRaises(ClientError):
            self.s3.head_object(Bucket="forms", Key="sum-wrong")

    def test_sizes_outside_the_range_store_nothing(self):
        limits = [["content-length-range", 3, 100000]]
        for size, code in ((2, "EntityTooSmall"), (100001, "EntityTooLarge"),
                           (30 * MIB, "EntityTooLarge")):
            self.assert_refused(self.post(self.presign("range", None, limits), b"z" * size), 400, code)
        with self.assertRaises(ClientError):
            self.s3.head_object(Bucket="forms", Key="range")
        for size in (3, 100000):
            self.assertEqual(self.post(self.presign("range", None, limits), b"z" * size).status, 204)

    def test_refusals_store_nothing(self):
        form = self.presign("denied", {"acl": "private"})
        changes = {
            "key": {"key": "elsewhere"}, "extra": {"x-amz-meta-more": "1"}, "acl": {"acl": "public-read"},
            "signature": {"x-amz-signature": "0" * 64}, "date": {"x-amz-date": "20200101T000000Z"},
            "policy": {"policy": base64.b64encode(json.dumps(
                {"expiration": "2099-01-01T00:00:00Z", "conditions": []}).encode()).decode()}}
        for name, change in changes.items():
            reply = self.post({"url": form["url"], "fields": {**form["fields"], **change}}, b"x")
            self.assertIn(reply.status, (400, 403), name)
        self.assert_refused(self.post(self.presign("denied", seconds=-1), b"x"), 403, "AccessDenied",
                            "Policy expired")
        self.s3.create_bucket(Bucket="forms-other")
        self.assert_refused(self.post(form, b"x", bucket="forms-other"), 403, "AccessDenied",
                            "Policy Condition failed")
        self.assert_refused(self.post({"url": form["url"], "fields": {"key": "denied"}}, b"x"), 403,
                            "AccessDenied")
        keys = [entry["Key"] for entry in self.s3.list_objects_v2(Bucket="forms").get("Contents", [])]
        self.assertFalse([key for key in keys if re.match("denied|elsewhere", key)])

    def test_a_cut_form_stores_nothing(self):
        form = self.presign("cut")
        body = form_body(form["fields"], b"q" * 200000)
        address = urllib.parse.urlsplit(form["url"])
        for size in (len(body) - 3, len(body) - len(BOUNDARY) - 6, 150000, 300):
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
            connection.request("POST", "/forms", body=body[:size], headers={
                "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
            reply = connection.getresponse()
            text = reply.read().decode()
            connection.close()
            if size == len(body) - 3:  # Only "-" and the line end behind the file are missing.
                self.assertEqual(reply.status, 204)
                self.s3.delete_object(Bucket="forms", Key="cut")
                continue
            self.assertEqual(reply.status, 400, text)
            self.assertIn("MalformedPOSTRequest", text)
            with self.assertRaises(ClientError):
                self.s3.head_object(Bucket="forms", Key="cut")


if __name__ == "__main__":
    clients_case.main()
