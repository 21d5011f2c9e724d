// XML out: escapes and the golden error; XML in: what clients send, and what attackers do.
#include <pugixml.hpp>

#include "s3/xml_reader.h"
#include "s3/xml_writer.h"
#include "test_request.h"

namespace cairn::s3 {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_xml_escaped(out, text);
  return out;
}

TEST(XmlWriter, Escapes) {
  EXPECT_EQ(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&apos;");
  EXPECT_EQ(escaped(std::string_view("\0\x01\t\n\r\x1f\x7f", 7)),
            "&#x0;&#x1;&#x9;&#xA;&#xD;&#x1F;&#x7F;");
  EXPECT_EQ(escaped("\xC3\xA9\xF0\x9F\x98\x80"), "\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_EQ(escaped("\xEF\xBF\xBE\xEF\xBF\xBF"), "&#xFFFE;&#xFFFF;");
  EXPECT_EQ(escaped("a\xff\xC3z"), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_TRUE(pugi::xml_document().load_string(("<a>" + escaped(all) + "</a>").c_str()));
}

TEST(XmlWriter, ElementsWithoutWhiteSpace) {
  std::string out;
  XmlWriter xml(out);
  xml.declaration();
  xml.open_root("ListBucketResult");
  xml.element("Name", "b");
  xml.element("MaxKeys", 1000U);
  xml.element("IsTruncated", false);
  xml.empty("Prefix");
  xml.element("LastModified", WallTime{1767323045006});
  xml.etag_element("ETag", "abc-2");
  xml.close("ListBucketResult");
  EXPECT_EQ(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
            "<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Prefix></Prefix>"
            "<LastModified>2026-01-02T03:04:05.006Z</LastModified><ETag>&quot;abc-2&quot;</ETag>"
            "</ListBucketResult>");
}

TEST(Errors, Golden) {
  const S3Error error{S3Code::kNoSuchKey, {}, {{"Key", "a<\x01"}}};
  EXPECT_EQ(render_error(error, {"/b/a", "00000000000000AB", "host"}),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>"
            "<Message>The specified key does not exist.</Message><Key>a&lt;&#x1;</Key>"
            "<Resource>/b/a</Resource><RequestId>00000000000000AB</RequestId><HostId>host</HostId>"
            "</Error>");
  EXPECT_EQ(error.status(), 404);
}

TEST(Errors, TableIsInTheOrderOfTheEnum) {
  const std::tuple<S3Code, const char*, int> rows[] = {
      {S3Code::kPermanentRedirect, "PermanentRedirect", 301},
      {S3Code::kAuthorizationHeaderMalformed, "AuthorizationHeaderMalformed", 400},
      {S3Code::kInvalidURI, "InvalidURI", 400},
      {S3Code::kXAmzContentSHA256Mismatch, "XAmzContentSHA256Mismatch", 400},
      {S3Code::kAccessDenied, "AccessDenied", 403},
      {S3Code::kSignatureDoesNotMatch, "SignatureDoesNotMatch", 403},
      {S3Code::kNoSuchBucket, "NoSuchBucket", 404},
      {S3Code::kServerSideEncryptionConfigurationNotFoundError,
       "ServerSideEncryptionConfigurationNotFoundError", 404},
      {S3Code::kMethodNotAllowed, "MethodNotAllowed", 405},
      {S3Code::kBucketNotEmpty, "BucketNotEmpty", 409},
      {S3Code::kMissingContentLength, "MissingContentLength", 411},
      {S3Code::kPreconditionFailed, "PreconditionFailed", 412},
      {S3Code::kInvalidRange, "InvalidRange", 416},
      {S3Code::kInternalError, "InternalError", 500},
      {S3Code::kNotImplemented, "NotImplemented", 501},
      {S3Code::kSlowDown, "SlowDown", 503},
      {S3Code::kInsufficientStorage, "InsufficientStorage", 507},
  };
  for (const auto& [code, name, status] : rows) {
    EXPECT_EQ(code_info(code).name, name);
    EXPECT_EQ(code_info(code).status, status);
    EXPECT_FALSE(code_info(code).message.empty());
  }
}

TEST(XmlReader, CreateBucket) {
  EXPECT_EQ(parse_create_bucket("")->location_constraint, "");
  EXPECT_EQ(
      parse_create_bucket("<?xml version=\"1.0\" encoding=\"UTF-8\"?><CreateBucketConfiguration "
                          "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>"
                          "eu-west-1</LocationConstraint></CreateBucketConfiguration>")
          ->location_constraint,
      "eu-west-1");
  EXPECT_EQ(outcome(parse_create_bucket("<Other/>")), "MalformedXML");
  EXPECT_EQ(outcome(parse_create_bucket("eu-west-1")), "MalformedXML");
}

TEST(XmlReader, Delete) {
  const S3Result<DeleteRequest> request = parse_delete(
      "<s3:Delete xmlns:s3=\"x\"><s3:Quiet>true</s3:Quiet>\n <s3:Object><s3:Key> "
      "</s3:Key></s3:Object>"
      "<Object><Key>a&amp;&#x1;<![CDATA[<b>]]><!-- c -->&#xe9;</Key><VersionId>v</VersionId>"
      "<ETag>&quot;e&quot;</ETag><Size>7</Size><LastModifiedTime>2026-01-02T03:04:05Z"
      "</LastModifiedTime><Unknown/></Object></s3:Delete>");
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->quiet);
  ASSERT_EQ(request->objects.size(), 2U);
  EXPECT_EQ(request->objects[0].key, " ");
  EXPECT_EQ(request->objects[1].key, "a&\x01<b>\xC3\xA9");
  EXPECT_EQ(request->objects[1].version_id, "v");
  EXPECT_EQ(request->objects[1].etag, "e");
  EXPECT_EQ(request->objects[1].size_bytes, 7U);
  EXPECT_EQ(request->objects[1].last_modified, WallTime{1767323045000});

  const auto with_objects = [](size_t count) {
    std::string body = "<Delete>";
    for (size_t i = 0; i < count; ++i) body += "<Object><Key>k</Key></Object>";
    return outcome(parse_delete(body + "</Delete>"));
  };
  EXPECT_EQ(with_objects(0), "MalformedXML");
  EXPECT_EQ(with_objects(1000), "ok");
  EXPECT_EQ(with_objects(1001), "MalformedXML");
  EXPECT_EQ(outcome(parse_delete("<Delete><Object/></Delete>")), "MalformedXML");
  EXPECT_EQ(outcome(parse_delete("<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>")),
            "MalformedXML");
  EXPECT_EQ(
      outcome(parse_delete("<Delete><Quiet>maybe</Quiet><Object><Key>a</Key></Object></Delete>")),
      "MalformedXML");
}

TEST(XmlReader, Complete) {
  const S3Result<CompleteRequest> request = parse_complete(
      "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag><ChecksumCRC32>"
      "AAAAAA==</ChecksumCRC32></Part><Part><ETag>b"
      "</ETag><PartNumber> 10000 </PartNumber></Part><Part><PartNumber>3</PartNumber>"
      "<ETag>&quot;c&#34;</ETag></Part></CompleteMultipartUpload>");
  ASSERT_TRUE(request);
  ASSERT_EQ(request->parts.size(), 3U);
  EXPECT_EQ(request->parts[0].etag, "a");
  EXPECT_EQ(request->parts[0].checksums.size(), 1U);
  EXPECT_EQ(request->parts[1].number, 10000U);
  EXPECT_EQ(request->parts[1].etag, "b");
  EXPECT_EQ(request->parts[2].etag, "c");
  const auto part = [](const char* inner) {
    return outcome(parse_complete("<CompleteMultipartUpload><Part>" + std::string(inner) +
                                  "</Part></CompleteMultipartUpload>"));
  };
  EXPECT_EQ(part("<PartNumber>0</PartNumber><ETag>a</ETag>"), "InvalidArgument");
  EXPECT_EQ(part("<PartNumber>1</PartNumber><ETag>a</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>"
                 "<ChecksumXXHASH3>AAAAAAAAAAA=</ChecksumXXHASH3>"),
            "InvalidArgument");
  EXPECT_EQ(part("<PartNumber>10001</PartNumber><ETag>a</ETag>"), "InvalidArgument");
  EXPECT_EQ(part("<PartNumber>-1</PartNumber><ETag>a</ETag>"), "InvalidArgument");
  EXPECT_EQ(part("<ETag>a</ETag>"), "MalformedXML");
  EXPECT_EQ(part("<PartNumber>1</PartNumber>"), "MalformedXML");
  EXPECT_EQ(part("<PartNumber>1</PartNumber><ETag>a</ETag><ChecksumCRC32>A</ChecksumCRC32>"),
            "InvalidArgument");
  EXPECT_EQ(outcome(parse_complete("")), "MalformedXML");
  EXPECT_EQ(outcome(parse_complete("<CompleteMultipartUpload/>")), "MalformedXML");
  std::string body = "<CompleteMultipartUpload>";
  for (int i = 0; i < 10001; ++i) body += "<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>";
  EXPECT_EQ(outcome(parse_complete(body + "</CompleteMultipartUpload>")), "MalformedXML");
}

TEST(XmlReader, RefusesWhatNoClientSends) {
  const std::string object = "<Object><Key>a</Key></Object>";
  const auto refused = [](const std::string& body) { return outcome(parse_delete(body)); };
  ASSERT_EQ(refused("<Delete>" + object + "</Delete>"), "ok");
  ASSERT_EQ(refused("\xEF\xBB\xBF<?xml version='1.0'?>\n<Delete>" + object + "</Delete>\n"), "ok");
  for (const std::string& body : {
           "<!DOCTYPE Delete><Delete>" + object + "</Delete>",
           "<!DOCTYPE d [<!ENTITY a \"b\">]><Delete>" + object + "</Delete>",
           "<Delete><!ENTITY a \"b\">" + object + "</Delete>",
           "<?php x ?><Delete>" + object + "</Delete>",
           "<?xml version='1.0'?><?xml version='1.0'?><Delete>" + object + "</Delete>",
           "<Delete><?pi x?>" + object + "</Delete>",
           std::string("<Delete><Object><Key>&xxe;</Key></Object></Delete>"),
           std::string("<Delete><Object><Key>a&b</Key></Object></Delete>"),
           std::string("<Delete><Object><Key>&#0;</Key></Object></Delete>"),
           std::string("<Delete><Object><Key>&#xD800;</Key></Object></Delete>"),
           std::string("<Delete><Object><Key>&#x110000;</Key></Object></Delete>"),
           std::string("<Delete><Object><Key>\xff</Key></Object></Delete>"),
           std::string("<Delete><Object><Key>a\0b</Key></Object></Delete>", 45),
           std::string("<\0D\0e\0l\0", 8),
           "<Delete>" + object,
           "<Delete>" + object + "</Delete></Delete>",
           "<Delete>" + object + "</Delete><Delete>" + object + "</Delete>",
           "<Delete>" + object + "</Other>",
           "<Delete a='&xxe;'>" + object + "</Delete>",
       }) {
    EXPECT_EQ(refused(body), "MalformedXML") << body;
  }
}

TEST(XmlReader, Bounds) {
  const auto nested = [](size_t depth) {
    std::string body;
    for (size_t i = 0; i < depth; ++i) body += "<a>";
    for (size_t i = 0; i < depth; ++i) body += "</a>";
    return outcome(check_xml(body, kXmlBodyBytesMax));
  };
  EXPECT_EQ(nested(kXmlDepthMax), "ok");
  EXPECT_EQ(nested(kXmlDepthMax + 1), "MalformedXML");
  EXPECT_EQ(nested(9000), "MalformedXML");
  const std::string body = "<a>" + std::string(kXmlBodyBytesMax - 7, 'x') + "</a>";
  EXPECT_EQ(outcome(check_xml(body, kXmlBodyBytesMax)), "ok");
  EXPECT_EQ(outcome(check_xml(body + " ", kXmlBodyBytesMax)), "MaxMessageLengthExceeded");
}

TEST(XmlReader, AclGrantsAreReadWithTheirGrantees) {
  const auto acl = parse_acl(
      "<AccessControlPolicy><Owner><ID>o</ID></Owner><AccessControlList><Grant><Grantee><ID>o</ID>"
      "</Grantee><Permission>FULL_CONTROL</Permission></Grant><Grant><Grantee><URI>all</URI>"
      "</Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>");
  ASSERT_TRUE(acl);
  EXPECT_EQ(acl->owner_id, "o");
  ASSERT_EQ(acl->grants.size(), 2U);
  EXPECT_EQ(acl->grants[0].id, "o");
  EXPECT_EQ(acl->grants[1].uri, "all");
  EXPECT_EQ(acl->grants[1].permission, "READ");
  EXPECT_FALSE(parse_acl("<AccessControlList/>"));
  EXPECT_EQ(outcome(parse_acl("<AccessControlPolicy><AccessControlList/></AccessControlPolicy>")),
            "MalformedACLError");
}

TEST(XmlReader, PublicAccessBlockAndOwnershipAreStrict) {
  const auto block = parse_public_access_block(
      "<PublicAccessBlockConfiguration><BlockPublicAcls> TRUE </BlockPublicAcls>"
      "<IgnorePublicAcls>false</IgnorePublicAcls></PublicAccessBlockConfiguration>");
  ASSERT_TRUE(block);
  const std::vector<std::pair<std::string, bool>> expected = {{"BlockPublicAcls", true},
                                                              {"IgnorePublicAcls", false}};
  EXPECT_EQ(*block, expected);
  EXPECT_FALSE(parse_public_access_block(
      "<PublicAccessBlockConfiguration><BlockPublicAcls>1</BlockPublicAcls>"
      "</PublicAccessBlockConfiguration>"));
  const auto ownership = [](std::string_view rules) {
    return parse_ownership_controls("<OwnershipControls>" + std::string(rules) +
                                    "</OwnershipControls>");
  };
  const std::string one = "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>";
  EXPECT_EQ(ownership(one).value_or(""), "ObjectWriter");
  EXPECT_FALSE(ownership(one + one));
  EXPECT_FALSE(ownership(""));
  EXPECT_FALSE(ownership("<Rule/>"));
}

}  // namespace
}  // namespace cairn::s3
