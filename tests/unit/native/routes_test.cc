// Property: only requests that say so are the door's, and each finds the one route of its form.
// Method: heads with every part changed.
#include <gtest/gtest.h>

#include "http/head_parser.h"
#include "native/guest.h"

namespace cairn::native {
namespace {

class NativeRoutes : public testing::Test {
 protected:
  const Guest guest{Guest::Options{}};
};

TEST_F(NativeRoutes, EachFormFindsItsRoute) {
  static constexpr std::pair<std::string_view, std::string_view> kForms[] = {
      {"POST begin", "NativeBegin"},
      {"POST offer&session=x", "NativeOffer"},
      {"POST segments&session=x", "NativeSegments"},
      {"POST prove&session=x", "NativeProve"},
      {"POST fill&session=x", "NativeFill"},
      {"POST commit&session=x", "NativeCommit"},
      {"POST replicate", "NativeReplicate"},
      {"POST compare", "NativeCompare"},
      {"GET session=x", "NativeStatus"},
      {"DELETE session=x", "NativeAbort"}};
  for (const auto& [form, name] : kForms) {
    const size_t blank = form.find(' ');
    s3::RequestView view;
    view.method = form.substr(0, blank);
    const s3::Query query = s3::parse_query(form.substr(blank + 1)).value();
    const auto route = guest.find_route(view, query);
    ASSERT_TRUE(route.has_value()) << form;
    EXPECT_EQ((*route)->name, name);
  }
  s3::RequestView view;
  view.method = "POST";
  EXPECT_EQ(guest.find_route(view, s3::parse_query("offer").value()).error().code,
            s3::S3Code::kMethodNotAllowed);
}

TEST_F(NativeRoutes, OnlyWhatSaysSoIsTheDoors) {
  static constexpr std::pair<std::string_view, bool> kHeads[] = {
      {"POST /cairn/v1/b/k?begin HTTP/1.1\r\nHost: h\r\nx-amz-cairn-protocol: 1\r\n\r\n", true},
      {"GET /cairn/v1/b/k?session=x HTTP/1.1\r\nHost: h\r\nX-Amz-Cairn-Protocol: 2\r\n\r\n", true},
      {"POST /cairn/v1/b/k?begin HTTP/1.1\r\nHost: h\r\n\r\n", false},
      {"PUT /cairn/v1/b/k HTTP/1.1\r\nHost: h\r\nx-amz-cairn-protocol: 1\r\n\r\n", false},
      {"POST /cairn/v2/b/k?begin HTTP/1.1\r\nHost: h\r\nx-amz-cairn-protocol: 1\r\n\r\n", false},
      {"POST /other/k?begin HTTP/1.1\r\nHost: h\r\nx-amz-cairn-protocol: 1\r\n\r\n", false}};
  for (const auto& [wire, wanted] : kHeads) {
    http::RequestParser parser;
    http::RequestHead head;
    ASSERT_EQ(parser.parse(as_bytes(wire), head), http::Progress::kComplete) << wire;
    EXPECT_EQ(guest.wants(head), wanted) << wire;
  }
}

TEST_F(NativeRoutes, PathNamesBucketAndKey) {
  const auto target = [&](std::string_view path, std::string_view protocol) {
    const std::string wire =
        "POST " + std::string(path) +
        "?begin HTTP/1.1\r\nHost: b.example\r\nx-amz-cairn-protocol: " + std::string(protocol) +
        "\r\n\r\n";
    http::RequestParser parser;
    http::RequestHead head;
    EXPECT_EQ(parser.parse(as_bytes(wire), head), http::Progress::kComplete);
    return guest.target(head);
  };
  const auto good = target("/cairn/v1/bucket/a%2Fb%20c/d", "1");
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(good->bucket, "bucket");
  EXPECT_EQ(good->key, "a/b c/d");
  EXPECT_EQ(target("/cairn/v1/bucket", "1").error().code, s3::S3Code::kMethodNotAllowed);
  EXPECT_EQ(target("/cairn/v1/", "1").error().code, s3::S3Code::kMethodNotAllowed);
  EXPECT_EQ(target("/cairn/v1/B_d/k", "1").error().code, s3::S3Code::kInvalidBucketName);
  EXPECT_EQ(target("/cairn/v1/bucket/k", "2").error().code, s3::S3Code::kNotImplemented);
}

TEST_F(NativeRoutes, AllNameActionAndSignature) {
  EXPECT_EQ(routes().size(), 10U);
  for (const s3::Route& route : routes()) {
    EXPECT_TRUE(route.action.starts_with("s3:"));
    EXPECT_EQ(route.auth, s3::auth_bit(s3::AuthKind::kV4Header)) << route.name;
    EXPECT_EQ(route.gate, s3::Gate::kDoor);
  }
}

}  // namespace
}  // namespace cairn::native
