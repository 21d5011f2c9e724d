"""Configurations of buckets: unset, set, read back and deleted; what each refuses."""

from conformance import Conformance, XMLNS, main

UNSET = (
    # Sub-resource, status and code (or root of the empty document) while nothing is set.
    ("lifecycle", 404, "NoSuchLifecycleConfiguration"),
    ("cors", 404, "NoSuchCORSConfiguration"),
    ("website", 404, "NoSuchWebsiteConfiguration"),
    ("tagging", 404, "NoSuchTagSet"),
    ("policy", 404, "NoSuchBucketPolicy"),
    ("replication", 404, "ReplicationConfigurationNotFoundError"),
    ("object-lock", 404, "ObjectLockConfigurationNotFoundError"),
    ("publicAccessBlock", 404, "NoSuchPublicAccessBlockConfiguration"),
    ("inventory&id=a", 404, "NoSuchConfiguration"),
    ("analytics&id=a", 404, "NoSuchConfiguration"),
    ("metrics&id=a", 404, "NoSuchConfiguration"),
    ("intelligent-tiering&id=a", 404, "NoSuchConfiguration"),
    ("versioning", 200, "VersioningConfiguration"),
    ("logging", 200, "BucketLoggingStatus"),
    ("notification", 200, "NotificationConfiguration"),
    ("accelerate", 200, "AccelerateConfiguration"),
    ("requestPayment", 200, "RequestPaymentConfiguration"),
)
CORS = (
    "<CORSConfiguration><CORSRule><ID>one</ID><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>"
    "<AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedHeader>x-amz-*</AllowedHeader>"
    "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>30</MaxAgeSeconds></CORSRule>"
    "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>"
)
WEBSITE = "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>"


def lifecycle(*rules):
    return (
        "<LifecycleConfiguration>"
        + "".join(f"<Rule>{rule}</Rule>" for rule in rules)
        + "</LifecycleConfiguration>"
    )


RULE = "<ID>one</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>30</Days></Expiration>"


class Config(Conformance):
    def setUp(self):
        self.b = self.bucket()

    def put(self, query, body, headers=None):
        return self.raw("PUT", "/" + self.b, query, headers, body.encode())

    def get(self, query):
        return self.raw("GET", "/" + self.b, query)

    # Unset ---------------------------------------------------------------------------------------------
    def test_unset(self):
        for query, status, expected in UNSET:
            with self.subTest(query=query):
                reply = self.check(self.get(query), status, expected if status == 404 else None)
                if status == 200:
                    self.assertEqual(reply.xml().tag, XMLNS + expected)
        self.assertEqual(self.get("requestPayment").text("Payer"), "BucketOwner")

    def test_deleting_what_is_not_there(self):
        for query in (
            "lifecycle",
            "cors",
            "website",
            "tagging",
            "policy",
            "encryption",
            "publicAccessBlock",
            "ownershipControls",
            "replication",
        ):
            with self.subTest(query=query):
                reply = self.raw("DELETE", "/" + self.b, query)
                self.assertIn(reply.status, (204, 501) if query == "replication" else (204,), reply)

    # Lifecycle -----------------------------------------------------------------------------------------
    def test_lifecycle(self):
        rules = (
            RULE,
            "<ID>tag</ID><Status>Disabled</Status><Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>"
            "<Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>",
            "<ID>and</ID><Status>Enabled</Status><Filter><And><Prefix>p</Prefix><Tag><Key>a</Key><Value>b</Value></Tag>"
            "<ObjectSizeGreaterThan>10</ObjectSizeGreaterThan><ObjectSizeLessThan>100</ObjectSizeLessThan></And></Filter>"
            "<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays>"
            "<NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
            "<ID>old</ID><Prefix>o/</Prefix><Status>Enabled</Status><AbortIncompleteMultipartUpload>"
            "<DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
            "<ID>markers</ID><Status>Enabled</Status><Filter/><Expiration>"
            "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>",
        )
        for rule in rules:
            with self.subTest(rule=rule):
                self.check(self.put("lifecycle", lifecycle(rule)), 200)
                reply = self.check(self.get("lifecycle"), 200)
                self.assertEqual(reply.xml().tag, XMLNS + "LifecycleConfiguration")
                self.assertEqual(len(reply.texts("Rule/Status")), 1)
        self.check(self.put("lifecycle", lifecycle(*rules)), 200)
        reply = self.get("lifecycle")
        self.assertEqual(reply.texts("Rule/ID"), ["one", "tag", "and", "old", "markers"])
        self.assertEqual(reply.texts("Rule/Expiration/Days"), ["30"])
        self.assertEqual(reply.text("Rule/Filter/And/ObjectSizeLessThan"), "100")
        self.assertEqual(reply.texts("Rule/Expiration/ExpiredObjectDeleteMarker"), ["true"])
        self.check(self.raw("DELETE", "/" + self.b, "lifecycle"), 204)
        self.check(self.get("lifecycle"), 404, "NoSuchLifecycleConfiguration")

    def test_lifecycle_gives_missing_ids(self):
        self.check(self.put("lifecycle", lifecycle(RULE.replace("<ID>one</ID>", ""))), 200)
        self.assertTrue(self.get("lifecycle").text("Rule/ID"))

    def test_lifecycle_refused(self):
        for body, codes in (
            (lifecycle(), ("MalformedXML",)),
            ("nonsense", ("MalformedXML",)),
            (lifecycle("<ID>a</ID>"), ("MalformedXML",)),
            (lifecycle(RULE.replace("Enabled", "enabled")), ("MalformedXML",)),
            (lifecycle(RULE.replace("Enabled", "disabled")), ("MalformedXML",)),
            (lifecycle(RULE.replace("Enabled", "invalid")), ("MalformedXML",)),
            (lifecycle(RULE.replace("30", "0")), ("InvalidArgument",)),
            (lifecycle(RULE.replace("30", "-1")), ("InvalidArgument", "MalformedXML")),
            (lifecycle(RULE.replace("<ID>one", "<ID>" + "a" * 256)), ("InvalidArgument",)),
            (lifecycle(RULE, RULE), ("InvalidArgument",)),
            (
                lifecycle(RULE.replace("<Days>30</Days>", "<Date>20200101</Date>")),
                ("MalformedXML", "InvalidArgument"),
            ),
            (
                lifecycle(RULE.replace("<Days>30</Days>", "<Date>2030-01-01T12:00:00Z</Date>")),
                ("InvalidArgument",),
            ),
            (
                lifecycle(
                    RULE.replace(
                        "<Days>30</Days>", "<Days>1</Days><Date>2030-01-01T00:00:00Z</Date>"
                    )
                ),
                ("MalformedXML",),
            ),
            (
                lifecycle(RULE.replace("<Expiration><Days>30</Days></Expiration>", "")),
                ("InvalidRequest", "MalformedXML"),
            ),
        ):
            with self.subTest(body=body[:200]):
                reply = self.check(self.put("lifecycle", body), 400)
                self.assertIn(reply.code(), codes)

    def test_expiration_is_told(self):
        self.fill(self.b, ["logs/a", "other"])
        self.put("lifecycle", lifecycle(RULE))
        told = self.raw("HEAD", f"/{self.b}/logs/a").headers["x-amz-expiration"]
        self.assertRegex(
            told, r'^expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="one"$'
        )
        self.assertNotIn("x-amz-expiration", self.raw("HEAD", f"/{self.b}/other").headers)
        reply = self.raw("PUT", f"/{self.b}/logs/b", body=b"x")
        self.assertIn('rule-id="one"', reply.headers["x-amz-expiration"])

    # CORS ------------------------------------------------------------------------------------------------
    def test_cors(self):
        self.check(self.put("cors", CORS), 200)
        reply = self.check(self.get("cors"), 200)
        self.assertEqual(reply.xml().tag, XMLNS + "CORSConfiguration")
        self.assertEqual(reply.texts("CORSRule/AllowedMethod"), ["GET", "PUT", "GET"])
        self.assertEqual(reply.texts("CORSRule/MaxAgeSeconds"), ["30"])
        self.check(self.raw("DELETE", "/" + self.b, "cors"), 204)
        self.check(self.get("cors"), 404, "NoSuchCORSConfiguration")

    def test_cors_refused(self):
        for body in (
            "nonsense",
            "<CORSConfiguration/>",
            "<CORSConfiguration><CORSRule/></CORSConfiguration>",
            CORS.replace("<AllowedMethod>GET</AllowedMethod>", "").replace(
                "<AllowedMethod>PUT</AllowedMethod>", ""
            ),
            CORS.replace(">GET<", ">PATCH<"),
            CORS.replace(">GET<", ">get<"),
            CORS.replace("https://*.", "https://*.*."),
        ):
            with self.subTest(body=body[:100]):
                reply = self.check(self.put("cors", body), 400)
                self.assertIn(reply.code(), ("MalformedXML", "InvalidRequest"))

    def test_cors_header_names_are_checked(self):
        for name in ("invalid header", "X-Custom:Header", "X(Custom)", "Bad/Header", "X[Key]", "a=b"):
            for element in ("AllowedHeader", "ExposeHeader"):
                with self.subTest(name=name, element=element):
                    rule = f"<{element}>{name}</{element}></CORSRule>"
                    body = CORS.replace("</CORSRule>", rule, 1)
                    self.check(self.put("cors", body), 400, "InvalidRequest")
        self.check(self.put("cors", CORS), 200)

    def preflight(self, origin, method="GET", headers=None, path="/k"):
        sent = {
            "origin": origin,
            "access-control-request-method": method,
            "access-control-request-headers": headers,
        }
        sent = {name: value for name, value in sent.items() if value is not None}
        return self.raw("OPTIONS", f"/{self.b}{path}", headers=sent, signer=None)

    def test_preflight(self):
        self.check(self.preflight("https://a.example.com"), 403, "AccessForbidden")
        self.put("cors", CORS)
        reply = self.check(
            self.preflight("https://a.example.com", "PUT", "X-Amz-Date, x-amz-acl"), 200
        )
        found = {
            name: value
            for name, value in reply.headers.items()
            if name.startswith("access-control")
        }
        self.assertEqual(found["access-control-allow-origin"], "https://a.example.com")
        self.assertEqual(found["access-control-allow-credentials"], "true")
        self.assertEqual(found["access-control-allow-methods"].replace(" ", ""), "GET,PUT")
        self.assertEqual(
            found["access-control-allow-headers"].lower().replace(" ", ""), "x-amz-date,x-amz-acl"
        )
        self.assertEqual(found["access-control-expose-headers"], "ETag")
        self.assertEqual(found["access-control-max-age"], "30")
        self.assertIn("Origin", reply.headers["vary"])
        reply = self.check(self.preflight("http://elsewhere", "GET"), 200)
        self.assertEqual(reply.headers["access-control-allow-origin"], "*")
        self.assertNotIn("access-control-allow-credentials", reply.headers)
        for arguments in (
            ("http://elsewhere", "PUT"),
            ("https://a.example.com", "DELETE"),
            ("https://a.example.com", "PUT", "content-type"),
            ("https://example.com.evil", "PUT"),
        ):
            with self.subTest(arguments=arguments):
                self.check(self.preflight(*arguments), 403, "AccessForbidden")

    def test_preflight_needs_its_headers(self):
        self.put("cors", CORS)
        self.check(self.preflight(None), 400, "BadRequest")
        self.check(self.preflight("https://a.example.com", None), 400, "BadRequest")
        self.assertEqual(self.preflight("https://a.example.com", path="").status, 200)

    def test_requests_with_an_origin(self):
        self.fill(self.b, ["k"])
        self.put("cors", CORS)
        for path, status in (("/k", 200), ("/missing", 404)):
            headers = {"origin": "https://a.example.com"}
            reply = self.check(self.raw("GET", f"/{self.b}{path}", headers=headers), status)
            self.assertEqual(reply.headers["access-control-allow-origin"], "https://a.example.com")
            self.assertEqual(reply.headers["access-control-expose-headers"], "ETag")
        reply = self.raw(
            "GET", f"/{self.b}/k", headers={"origin": "https://a.example.com"}, signer=None
        )
        self.assertEqual(
            (reply.status, reply.headers.get("access-control-allow-origin")),
            (403, "https://a.example.com"),
        )
        reply = self.raw("PUT", f"/{self.b}/k", headers={"origin": "http://elsewhere"}, body=b"x")
        self.assertEqual(
            (reply.status, reply.headers.get("access-control-allow-origin")), (200, None)
        )
        self.assertNotIn("access-control-allow-origin", self.raw("GET", f"/{self.b}/k").headers)

    # Encryption ----------------------------------------------------------------------------------------
    def test_encryption(self):
        body = (
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{}"
            "</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
        )
        self.check(self.put("encryption", body.format("AES256")), 200)
        reply = self.check(self.get("encryption"), 200)
        self.assertEqual(
            reply.text("Rule/ApplyServerSideEncryptionByDefault/SSEAlgorithm"), "AES256"
        )
        self.check(self.raw("DELETE", "/" + self.b, "encryption"), 204)
        for bad in (body.format("AES128"), "nonsense", "<ServerSideEncryptionConfiguration/>"):
            self.check(self.put("encryption", bad), 400, "MalformedXML")

    # Others ----------------------------------------------------------------------------------------------
    def test_request_payment(self):
        body = "<RequestPaymentConfiguration><Payer>{}</Payer></RequestPaymentConfiguration>"
        for payer in ("Requester", "BucketOwner"):
            self.check(self.put("requestPayment", body.format(payer)), 200)
            self.assertEqual(self.get("requestPayment").text("Payer"), payer)
        self.check(self.put("requestPayment", body.format("Nobody")), 400, "MalformedXML")

    def test_accelerate(self):
        body = "<AccelerateConfiguration><Status>{}</Status></AccelerateConfiguration>"
        for status in ("Enabled", "Suspended"):
            reply = self.put("accelerate", body.format(status))
            self.assertIn(reply.status, (200, 501))
        self.assertEqual(self.put("accelerate", body.format("Fast")).status in (400, 501), True)

    def test_logging(self):
        target = self.bucket()
        enabled = (
            f"<BucketLoggingStatus><LoggingEnabled><TargetBucket>{target}</TargetBucket>"
            "<TargetPrefix>logs/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>"
        )
        self.check(self.put("logging", enabled), 200)
        reply = self.check(self.get("logging"), 200)
        self.assertEqual(
            (reply.text("LoggingEnabled/TargetBucket"), reply.text("LoggingEnabled/TargetPrefix")),
            (target, "logs/"),
        )
        self.check(self.put("logging", "<BucketLoggingStatus/>"), 200)
        self.assertIsNone(self.get("logging").text("LoggingEnabled"))
        missing = enabled.replace(target, "missing-bucket")
        self.check(self.put("logging", missing), 400, "InvalidTargetBucketForLogging")
        self.check(self.put("logging", "nonsense"), 400, "MalformedXML")

    def test_notification_refuses_unknown_targets(self):
        body = (
            "<NotificationConfiguration><QueueConfiguration><Id>a</Id><Queue>arn:aws:sqs:us-east-1:1:none</Queue>"
            "<Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"
        )
        self.check(self.put("notification", body), 400, "InvalidArgument")
        self.check(self.put("notification", body.replace("ObjectCreated:*", "Nothing:*")), 400)
        self.check(self.put("notification", "<NotificationConfiguration/>"), 200)

    def test_website(self):
        self.check(self.put("website", WEBSITE), 200)
        self.assertEqual(self.get("website").text("IndexDocument/Suffix"), "index.html")
        self.check(self.raw("DELETE", "/" + self.b, "website"), 204)
        self.check(self.get("website"), 404, "NoSuchWebsiteConfiguration")
        for bad in (
            "nonsense",
            "<WebsiteConfiguration/>",
            WEBSITE.replace("index.html", "a/b"),
            WEBSITE.replace("index.html", ""),
        ):
            with self.subTest(bad=bad):
                self.assertEqual(self.put("website", bad).status, 400)

    def test_codes_of_routing_rules(self):
        site = (
            "<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules>"
            "<RoutingRule><Condition><HttpErrorCodeReturnedEquals>{}</HttpErrorCodeReturnedEquals>"
            "</Condition><Redirect><HttpRedirectCode>{}</HttpRedirectCode><HostName>h</HostName>"
            "</Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>"
        )
        self.check(self.put("website", site.format("404", "302")), 200)
        for error, redirect, code in (
            ("4xx", "302", "MalformedXML"),
            ("404", "3xx", "MalformedXML"),
            ("399", "302", "InvalidRequest"),
            ("404", "300", "InvalidRequest"),
        ):
            with self.subTest(error=error, redirect=redirect):
                self.check(self.put("website", site.format(error, redirect)), 400, code)

    def test_digests_of_documents(self):
        self.check(
            self.put("cors", CORS, {"content-md5": "rL0Y20xC+Fzt72VPzMSk2A=="}), 400, "BadDigest"
        )
        self.check(self.put("cors", CORS, {"x-amz-checksum-crc32": "AAAAAA=="}), 400, "BadDigest")
        self.check(self.get("cors"), 404)

    def test_empty_bodies(self):
        for query in (
            "lifecycle",
            "cors",
            "website",
            "tagging",
            "versioning",
            "encryption",
            "logging",
            "notification",
            "requestPayment",
        ):
            with self.subTest(query=query):
                self.check(self.put(query, ""), 400, "MissingRequestBodyError")

    def test_not_implemented_is_said(self):
        for method, query in (
            ("PUT", "replication"),
            ("GET", "abac"),
            ("PUT", "metadataTable"),
            ("PUT", "inventory&id=a"),
            ("POST", "metadataTable"),
        ):
            with self.subTest(method=method, query=query):
                reply = self.raw(
                    method, "/" + self.b, query, body=b"<x/>" if method != "GET" else b""
                )
                self.check(reply, 501, "NotImplemented")

    def test_writes_to_unknown_subresources_write_nothing_else(self):
        b = self.bucket(versioning="Enabled")
        self.fill(b, ["k"])
        for method, path, query in (
            ("PUT", f"/{b}/k", "annotation&annotationName=a"),
            ("DELETE", f"/{b}/k", "annotation&annotationName=a"),
            ("GET", f"/{b}/k", "annotation&annotationName=a"),
            ("PUT", f"/{b}/k", "ofNextYear"),
            ("PUT", f"/{b}/k", "ofNextYear=&name=a"),
            ("DELETE", f"/{b}/k", "ofNextYear"),
            ("DELETE", "/" + b, "ofNextYear"),
            ("PUT", "/" + b, "metadataAnnotationTable"),
        ):
            with self.subTest(method=method, query=query):
                body = b"payload" if method == "PUT" else b""
                self.check(self.raw(method, path, query, body=body), 501, "NotImplemented")
        listed = self.s3.list_object_versions(Bucket=b)
        self.assertEqual(len(listed["Versions"]), 1)
        self.assertNotIn("DeleteMarkers", listed)
        self.assertEqual(self.body_of(b, "k"), b"k")
        # What is no sub-resource does not stand in the way.
        self.check(self.raw("PUT", f"/{b}/k", "x-id=PutObject&other=1", body=b"new"), 200)
        self.check(self.raw("DELETE", f"/{b}/k", "x-id=DeleteObject"), 204)


if __name__ == "__main__":
    main()
