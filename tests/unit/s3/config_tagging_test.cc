// Tags: both forms in which they come, the limits of each, and the document that goes back.
#include "s3/config_tagging.h"

#include "config_case.h"

namespace cairn::s3 {
namespace {

std::string tag(std::string_view key, std::string_view value) {
  return "<Tag><Key>" + std::string(key) + "</Key><Value>" + std::string(value) + "</Value></Tag>";
}
std::string tagging(std::string_view tags) {
  return with_namespace("Tagging", "<TagSet>" + std::string(tags) + "</TagSet>");
}

TEST(Tagging, RoundTrips) {
  const std::string body = tagging(tag("a key", "v=1/+-@:._") + tag("\xC3\xA9", ""));
  const auto tags = parse_tagging(body, TagOwner::kObject);
  ASSERT_TRUE(tags);
  EXPECT_EQ(*tags, (Tags{{"a key", "v=1/+-@:._"}, {"\xC3\xA9", ""}}));
  EXPECT_EQ(write_tagging(*tags), body);
  EXPECT_EQ(parse_tagging("<Tagging><TagSet/></Tagging>", TagOwner::kObject)->size(), 0U);
}

TEST(Tagging, CountsCharactersNotBytes) {
  const std::string longest = tag(repeated("\xC3\xA9", 128), repeated("\xC3\xA9", 256));
  EXPECT_TRUE(parse_tagging(tagging(longest), TagOwner::kBucket));
}

TEST(Tagging, TakesAsManyAsTheOwnerMayHave) {
  std::string tags;
  for (size_t i = 0; i < kBucketTagsMax; ++i) tags += tag("k" + std::to_string(i), "");
  EXPECT_TRUE(parse_tagging(tagging(tags), TagOwner::kBucket));
  expect_refused(parse_tagging(tagging(tags), TagOwner::kObject), {{}, "InvalidTag", "10"});
  tags += tag("one more", "");
  expect_refused(parse_tagging(tagging(tags), TagOwner::kBucket), {{}, "BadRequest", "50"});
}

TEST(Tagging, RefusesBadDocuments) {
  const BadDocument rows[] = {
      {"", "MissingRequestBodyError"},
      {"<Tagging></Tagging>", "MalformedXML"},
      {"<Tags><TagSet/></Tags>", "MalformedXML"},
      {"<Tagging><TagSet/><TagSet/></Tagging>", "MalformedXML"},
      {"<Tagging><TagSet/><Other/></Tagging>", "MalformedXML"},
      {tagging("<Tag><Key>a</Key></Tag>"), "MalformedXML"},
      {tagging("<Tag><Value>a</Value></Tag>"), "MalformedXML"},
      {tagging("<Tag><Key>a</Key><Key>b</Key><Value/></Tag>"), "MalformedXML"},
      {tagging("<Pair><Key>a</Key><Value/></Pair>"), "MalformedXML"},
      {tagging(tag("", "v")), "InvalidTag", "TagKey"},
      {tagging(tag(repeated("k", 129), "")), "InvalidTag", "TagKey"},
      {tagging(tag("k*", "")), "InvalidTag", "TagKey"},
      {tagging(tag("k&#x1;", "")), "InvalidTag", "TagKey"},
      {tagging(tag("k", repeated("v", 257))), "InvalidTag", "TagValue"},
      {tagging(tag("k", "a&amp;b")), "InvalidTag", "TagValue"},
      {tagging(tag("aws:x", "")), "InvalidTag", "aws:"},
      {tagging(tag("AWS:x", "")), "InvalidTag", "aws:"},
      {tagging(tag("a", "1") + tag("a", "2")), "InvalidTag", "same key"},
  };
  for (const BadDocument& row : rows) {
    expect_refused(parse_tagging(row.body, TagOwner::kObject), row);
  }
}

TEST(TaggingHeader, ReadsUrlEncodedPairs) {
  const auto tags = parse_tagging_header("a=1&b%20c=x%2By&d&e=f+g");
  ASSERT_TRUE(tags);
  EXPECT_EQ(*tags, (Tags{{"a", "1"}, {"b c", "x+y"}, {"d", ""}, {"e", "f g"}}));
  EXPECT_TRUE(parse_tagging_header("")->empty());
}

TEST(TaggingHeader, RefusesBadOnes) {
  std::string many;
  for (int i = 0; i < 11; ++i) many += "k" + std::to_string(i) + "=v&";
  const BadDocument rows[] = {
      {"a=%zz", "InvalidArgument", "x-amz-tagging"}, {"a=1&a=2", "InvalidArgument", "duplicates"},
      {"=v", "InvalidArgument", "x-amz-tagging"},    {"a=%25", "InvalidTag", "TagValue"},
      {"aws%3Ab=1", "InvalidTag", "aws:"},           {many, "InvalidTag", "10"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_tagging_header(row.body), row);
}

}  // namespace
}  // namespace cairn::s3
