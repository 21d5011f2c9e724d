// The form of the query protocol: what it yields, and what it refuses.
#include "query/params.h"

#include <gtest/gtest.h>

#include "query/routes.h"

namespace cairn::query {
namespace {

TEST(Params, DecodesAndCollectsMembers) {
  const Result<Params> params = Params::parse(
      "Action=TagUser&Version=2010-05-08&UserName=a%2Bb+c&Tags.member.1.Key=k&Tags.member.1.Value="
      "v%3D1&Tags.member.2.Key=empty&Tags.member.4.Key=behind-a-gap&TagKeys.member.1=x&"
      "PolicyArns.member.1.arn=one&&Flag");
  ASSERT_TRUE(params.has_value());
  EXPECT_EQ(params->get("UserName"), "a+b c");
  EXPECT_EQ(params->tags("Tags"),
            (std::map<std::string, std::string>{{"k", "v=1"}, {"empty", ""}}));
  EXPECT_EQ(params->list("TagKeys"), std::vector<std::string>{"x"});
  EXPECT_EQ(params->list("PolicyArns", "arn"), std::vector<std::string>{"one"});
  EXPECT_EQ(params->find("Flag"), "");
  EXPECT_FALSE(params->find("flag").has_value());
}

TEST(Params, TellsRepeatedTagKeys) {
  const auto repeats = [](std::string_view form) {
    return Params::parse(form)->has_repeated_tag_key("Tags");
  };
  EXPECT_FALSE(repeats("Tags.member.1.Key=a&Tags.member.2.Key=b"));
  EXPECT_TRUE(repeats("Tags.member.1.Key=a&Tags.member.2.Key=a"));
  EXPECT_TRUE(repeats("Tags.member.1.Key=team&Tags.member.2.Key=b&Tags.member.3.Key=TEAM"));
}

TEST(Params, RefusesWhatIsAmbiguousOrTooMuch) {
  for (const std::string_view form : {"a=1&a=2", "a=%", "a=%zz", "a=%ff", "%00%=1"}) {
    EXPECT_FALSE(Params::parse(form).has_value()) << form;
  }
  std::string many;
  for (size_t i = 0; i <= kParamsMax; ++i) many += "p" + std::to_string(i) + "=1&";
  EXPECT_FALSE(Params::parse(many).has_value());
  EXPECT_FALSE(Params::parse("a=" + std::string(kFormBytesMax, 'x')).has_value());
}

TEST(Routes, AreFoundByActionAndVersion) {
  const auto code_of = [](std::string_view form) {
    const Result<const Route*> route = find_route(*Params::parse(form));
    return route ? std::string((*route)->name) : std::string(to_string(route.error().code));
  };
  EXPECT_EQ(code_of("Action=CreateUser&Version=2010-05-08"), "CreateUser");
  EXPECT_EQ(code_of("Action=AssumeRole&Version=2011-06-15"), "AssumeRole");
  EXPECT_EQ(code_of("Action=CreateUser"), "CreateUser");
  const std::string invalid(to_string(Code::kInvalidArgument));
  EXPECT_EQ(code_of("Action=CreateUser&Version=2011-06-15"), invalid);
  EXPECT_EQ(code_of("Action=createuser&Version=2010-05-08"), invalid);
  EXPECT_EQ(code_of("Action=Nonsense"), invalid);
  EXPECT_EQ(code_of(""), invalid);
  EXPECT_EQ(code_of("Action=SimulatePrincipalPolicy"), to_string(Code::kUnsupported));
}

// S22: every action names its own right, and only four are not asked from the policies alone.
TEST(Routes, NeedARight) {
  size_t exceptions = 0;
  for (const Route& route : routes()) {
    EXPECT_TRUE(route.action.ends_with(route.name));
    if (route.admission != Admission::kAuthorised) ++exceptions;
    if (route.service == Service::kIam) EXPECT_EQ(route.admission, Admission::kAuthorised);
  }
  EXPECT_EQ(exceptions, 4U);
  EXPECT_GE(routes().size(), 70U);
}

}  // namespace
}  // namespace cairn::query
