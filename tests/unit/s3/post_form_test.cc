// Goal: a form is read alike however it arrives, and a POST policy lets in nothing that it does not
// name. Method: literal forms in whole and split at every byte; a table of policies that each
// violate one condition of a form that is otherwise right; S3's own words for broken documents.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "base/encoding.h"
#include "s3/form_reader.h"
#include "s3/json_text.h"
#include "s3/post_policy.h"
#include "test_request.h"

namespace cairn::s3 {
namespace {

constexpr WallTime kNow{1'767'323'045'000};  // 2026-01-02T03:04:05Z

std::string part(std::string_view name, std::string_view value, std::string_view extra = {}) {
  return "--XX\r\nContent-Disposition: form-data; name=\"" + std::string(name) + "\"" +
         std::string(extra) + "\r\n\r\n" + std::string(value) + "\r\n";
}

struct Read {
  std::string verdict = "ok";
  std::string file;
  std::map<std::string, std::string> fields;
  std::string file_name;
};
Read read(std::string_view body, size_t step_bytes = SIZE_MAX,
          std::string_view type = "multipart/form-data; boundary=XX") {
  Read out;
  S3Result<FormReader> reader = FormReader::create(type);
  if (!reader) return {outcome(reader), {}, {}, {}};
  BytesView input = as_bytes(body);
  while (!input.empty()) {
    const auto step = reader->next(input.first(std::min(step_bytes, input.size())));
    if (!step) return {outcome(step), {}, {}, {}};
    out.file += as_text(step->data);
    input = input.subspan(step->consumed_bytes);
  }
  out.verdict = outcome(reader->finish());
  for (const FormField& field : reader->fields()) out.fields[field.name] = field.value;
  out.file_name = reader->file_name();
  return out;
}

TEST(FormReader, ReadsAlikeAtEverySplit) {
  const std::string file = "\r\n--X\r\n\r\r\n--XY\r\n-\r\n--";
  const std::string body = "preamble\r\n" + part("Key", "a/b") +
                           part("policy", "line\r\nline", "; filename=\"policy\"") +
                           part("file", file, "; filename=\"C:\\dir\\a \\\"b\\\".txt\"") +
                           part("key", "ignored") + "--XX--\r\nepilogue";
  const std::string cleaned = [&] {
    std::string text = body;  // "--XY" would be a delimiter that goes on: no client sends that.
    return text.replace(text.find("--XY"), 4, "--YX");
  }();
  for (size_t step_bytes = 1; step_bytes <= cleaned.size(); ++step_bytes) {
    const Read got = read(cleaned, step_bytes);
    ASSERT_EQ(got.verdict, "ok") << step_bytes;
    ASSERT_EQ(got.file, "\r\n--X\r\n\r\r\n--YX\r\n-\r\n--") << step_bytes;
    ASSERT_EQ(got.fields.at("key"), "a/b");
    ASSERT_EQ(got.fields.at("policy"), "line\r\nline");
    ASSERT_EQ(got.file_name, "a \"b\".txt");
  }
}

TEST(FormReader, AcceptsTheSpellingsOfClients) {
  const std::string file = part("file", "x") + "--XX--";
  EXPECT_EQ(read(part("k", "") + file).fields.at("k"), "");
  EXPECT_EQ(
      read(part("k", "v") + file, 3, "Multipart/Form-Data; charset=utf-8; boundary=\"XX\"").verdict,
      "ok");
  // White space behind a delimiter, names without quotes, and other headers before or behind.
  const Read loose = read(
      "--XX \t\r\nX-Other: 1\r\ncontent-disposition: Form-Data; name=key; filename=f\r\n"
      "Content-Type: a/b\r\n\r\nv\r\n" +
      file);
  EXPECT_EQ(loose.verdict, "ok");
  EXPECT_EQ(loose.fields.at("key"), "v");
}

TEST(FormReader, RefusesWhatIsNoForm) {
  for (const std::string_view type : {"multipart/form-data", "multipart/form-data; boundary=",
                                      "application/json; boundary=XX", ""}) {
    EXPECT_EQ(read("", 1, type).verdict, "MalformedPOSTRequest") << type;
  }
  const std::string long_type =
      "multipart/form-data; boundary=" + std::string(kBoundaryBytesMax + 1, 'b');
  EXPECT_EQ(read("", 1, long_type).verdict, "MalformedPOSTRequest");
  for (const std::string& body :
       {std::string(), std::string("no delimiter"), part("file", "cut off").substr(0, 60),
        part("key", "k") + part("file", "never ended"), part("key", "k"),
        std::string("--XXmore\r\n\r\n"), std::string("--XX\r\n\r\nno headers\r\n--XX--"),
        std::string("--XX\r\nContent-Type: a\r\n\r\nno name\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: attachment; name=\"key\"\r\n\r\nv\r\n--XX--")}) {
    EXPECT_EQ(read(body).verdict, "MalformedPOSTRequest") << body;
    EXPECT_EQ(read(body, 1).verdict, "MalformedPOSTRequest") << body;
  }
  EXPECT_EQ(read(part("key", "k") + "--XX--\r\n").verdict, "InvalidArgument");  // No file.
  const std::string twice = part("x-amz-meta-a", "1") + part("X-Amz-Meta-A", "2");
  EXPECT_EQ(read(twice + part("file", "x") + "--XX--").verdict, "InvalidArgument");
}

// A form of 20 KiB must not cost more than to look at it once. Where it costs a look at all that
// came before for every byte, these forms take minutes and the test its whole time.
TEST(FormReader, WhiteSpaceBehindADelimiterIsReadOnce) {
  const std::string blanks(kFormHeadBytesMax - 200, ' ');
  const std::string body =
      "--XX" + blanks + "\r\n" + part("key", "k").substr(6) + part("file", "x") + "--XX--";
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(read(body).fields.at("key"), "k");
  EXPECT_EQ(read("--XX" + blanks + "-" + body).verdict, "MalformedPOSTRequest");
  EXPECT_EQ(read("--XX \r \r\n" + body.substr(body.find('\n') + 1)).verdict,
            "MalformedPOSTRequest");
}

TEST(FormReader, BoundsWhatComesBeforeTheFile) {
  const std::string file = part("file", std::string(100'000, 'f')) + "--XX--";
  const size_t overhead = part("x", "").size() + part("file", "").size();
  const auto verdict = [&](size_t value_bytes, size_t step_bytes) {
    return read(part("x", std::string(value_bytes, 'v')) + file, step_bytes).verdict;
  };
  for (const size_t step_bytes : {size_t{1}, size_t{1000}, SIZE_MAX}) {
    EXPECT_EQ(verdict(kFormHeadBytesMax - overhead, step_bytes), "ok");
    EXPECT_EQ(verdict(kFormHeadBytesMax, step_bytes), "MaxPostPreDataLengthExceeded");
    EXPECT_EQ(read(std::string(30'000, 'p'), step_bytes).verdict, "MaxPostPreDataLengthExceeded");
    EXPECT_EQ(read("--XX\r\nA: " + std::string(30'000, 'h'), step_bytes).verdict,
              "MaxPostPreDataLengthExceeded");
  }
}

std::string policy_of(std::string_view conditions,
                      std::string_view expiration = "2026-01-02T03:04:06.000Z") {
  return "{\"expiration\": \"" + std::string(expiration) + "\", \"conditions\": [" +
         std::string(conditions) + "]}";
}
S3Result<PostPolicy> parse(std::string_view document) {
  return parse_post_policy(to_base64(as_bytes(document)));
}
std::vector<FormField> fields_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<FormField> out;
  for (const auto& [name, value] : pairs) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    out.push_back({lower, value, name});
  }
  return out;
}

// What every right form of the tables below has.
const std::vector<std::pair<std::string, std::string>> kForm = {
    {"key", "user/eric/a.txt"},
    {"acl", "private"},
    {"Content-Type", "image/png"},
    {"x-amz-meta-tag", "t1"},
    {"success_action_status", "201"},
    {"x-amz-storage-class", "STANDARD"},
    {"x-amz-algorithm", "AWS4-HMAC-SHA256"},
    {"x-amz-credential", "AK/20260102/r/s3/aws4_request"},
    {"x-amz-date", "20260102T030405Z"},
    {"x-amz-security-token", "token"},
    {"policy", "p"},
    {"x-amz-signature", "s"},
    {"x-ignore-this", "whatever"},
};
const std::vector<std::string> kConditions = {
    R"({"bucket": "photos"})",
    R"(["starts-with", "$key", "user/eric/"])",
    R"({"acl": "private"})",
    R"(["starts-with", "$Content-Type", "image/"])",
    R"(["starts-with", "$x-amz-meta-tag", ""])",
    R"(["eq", "$success_action_status", "201"])",
    R"(["eq", "$x-amz-storage-class", "STANDARD"])",
    R"({"x-amz-algorithm": "AWS4-HMAC-SHA256"})",
    R"({"x-amz-credential": "AK/20260102/r/s3/aws4_request"})",
    R"({"x-amz-date": "20260102T030405Z"})",
    R"({"x-amz-security-token": "token"})",
};
std::string joined(const std::vector<std::string>& conditions) {
  std::string out;
  for (const std::string& condition : conditions) {
    if (!out.empty()) out += ", ";
    out += condition;
  }
  return out;
}
std::string judge(const std::vector<std::string>& conditions,
                  const std::vector<std::pair<std::string, std::string>>& form,
                  std::string_view bucket = "photos", WallTime now = kNow) {
  const S3Result<PostPolicy> policy = parse(policy_of(joined(conditions)));
  if (!policy) return outcome(policy);
  const S3Status judged = check_post_policy(*policy, fields_of(form), bucket, now);
  return judged ? "ok" : std::string(judged.error().text());
}

TEST(PostPolicy, TheRightFormIsLetIn) {
  EXPECT_EQ(judge(kConditions, kForm), "ok");
}

// MinIO CVE-2023-28434, RustFS GHSA-w5fh: conditions that were not enforced.
TEST(PostPolicy, EveryConditionViolatedAloneIsRefused) {
  const std::map<std::string, std::string> wrong = {
      {"key", "user/erica/a.txt"},
      {"acl", "public-read"},
      {"Content-Type", "text/html"},
      {"success_action_status", "200"},
      {"x-amz-storage-class", "GLACIER"},
      {"x-amz-algorithm", "AWS4-HMAC-SHA1"},
      {"x-amz-credential", "OTHER/20260102/r/s3/aws4_request"},
      {"x-amz-date", "20260103T030405Z"},
      {"x-amz-security-token", "other"},
  };
  size_t violated = 0;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const auto other = wrong.find(kForm[i].first);
    if (other == wrong.end()) continue;
    auto form = kForm;
    form[i].second = other->second;
    EXPECT_TRUE(judge(kConditions, form)
                    .starts_with("Invalid according to Policy: Policy Condition failed: "))
        << kForm[i].first;
    ++violated;
  }
  EXPECT_EQ(violated, wrong.size());
  EXPECT_EQ(
      judge(kConditions, kForm, "other-bucket"),
      "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$bucket\", \"photos\"]");
  EXPECT_EQ(judge(kConditions, kForm, "photos", WallTime{kNow.unix_ms + 1000}),
            "Invalid according to Policy: Policy expired.");
}

TEST(PostPolicy, EveryConditionLeftOutRefusesItsField) {
  for (size_t i = 0; i < kConditions.size(); ++i) {
    auto conditions = kConditions;
    conditions.erase(conditions.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_TRUE(
        judge(conditions, kForm).starts_with("Invalid according to Policy: Extra input fields: "))
        << kConditions[i];
  }
  auto form = kForm;
  form.emplace_back("X-Amz-Meta-Other", "1");
  EXPECT_EQ(judge(kConditions, form),
            "Invalid according to Policy: Extra input fields: X-Amz-Meta-Other");
}

TEST(PostPolicy, EveryFieldLeftOutFailsItsCondition) {
  for (size_t i = 0; i < kForm.size(); ++i) {
    const std::string& name = kForm[i].first;
    if (name == "policy" || name == "x-amz-signature" || name == "x-ignore-this") continue;
    auto form = kForm;
    form.erase(form.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_TRUE(judge(kConditions, form)
                    .starts_with("Invalid according to Policy: Policy Condition failed: "))
        << name;
  }
}

TEST(PostPolicy, NamesHaveNoCaseAndValuesHave) {
  EXPECT_EQ(
      judge({R"({"bUcKeT": "photos"})", R"(["StArTs-WiTh", "$KeY", "user"])"}, {{"kEy", "user/a"}}),
      "ok");
  EXPECT_NE(judge({R"({"bucket": "photos"})", R"(["eq", "$key", "User"])"}, {{"key", "user"}}),
            "ok");
  EXPECT_NE(judge({R"({"bucket": "photos"})", R"(["eq", "key", "user"])"}, {{"key", "user"}}),
            "ok");  // Without $ no field is named.
}

TEST(PostPolicy, EveryContentTypeOfAListNeedsThePrefix) {
  const std::vector<std::string> conditions = {R"({"bucket": "photos"})",
                                               R"(["starts-with","$Content-Type","image/"])"};
  EXPECT_EQ(judge(conditions, {{"Content-Type", "image/jpg,image/png, image/gif"}}), "ok");
  EXPECT_EQ(judge(conditions, {{"Content-Type", "image/jpg, text/html"}}),
            "Invalid according to Policy: Policy Condition failed: "
            "[\"starts-with\",\"$Content-Type\",\"image/\"]");
}

TEST(PostPolicy, SizesAreBoundedByEveryRange) {
  const S3Result<PostPolicy> policy =
      parse(policy_of(R"(["content-length-range", 2, 100], ["content-length-range", "1", "10"])"));
  ASSERT_TRUE(policy);
  EXPECT_EQ(outcome(check_post_size(*policy, 1)), "EntityTooSmall");
  EXPECT_EQ(outcome(check_post_size(*policy, 2)), "ok");
  EXPECT_EQ(outcome(check_post_size(*policy, 10)), "ok");
  const S3Status large = check_post_size(*policy, 11);
  EXPECT_EQ(outcome(large), "EntityTooLarge");
  EXPECT_EQ(field_of(large.error(), "ProposedSize"), "11");
  EXPECT_EQ(field_of(large.error(), "MaxSizeAllowed"), "10");
}

TEST(PostPolicy, BrokenDocumentsAreToldInTheWordsOfS3) {
  const std::pair<std::string, std::string_view> cases[] = {
      {"", "Expecting '{' but found End-of-Input"},
      {"not json", "Invalid JSON."},
      {"[]", "Invalid JSON."},
      {"{\"expiration\": true, \"conditions\": []}", "Invalid JSON."},
      {"{\"conditions\": []}", "Policy missing expiration."},
      {policy_of("", "soon"), "Invalid 'expiration' value: 'soon'"},
      {policy_of("", "2026-01-02T03:04:06+02:00"),
       "Invalid 'expiration' value: '2026-01-02T03:04:06+02:00'"},
      {"{\"expiration\": \"2030-01-01T00:00:00Z\"}", "Policy missing conditions."},
      {"{\"expiration\": \"2030-01-01T00:00:00Z\", \"CONDITIONS\": []}",
       "Unexpected: \"CONDITIONS\""},
      {"{\"expiration\": \"2030-01-01T00:00:00Z\", \"conditions\": true}",
       "Invalid 'conditions' value: must be a List."},
      {policy_of("true"), "Invalid condition test: must be a List or Object."},
      {policy_of("[]"), "Invalid Condition: missing operation identifier."},
      {policy_of(R"(["ne", "$key", "k"])"), "Invalid Condition: unknown operation 'ne'."},
      {policy_of(R"(["eq", "$key"])"), "Invalid eq: wrong number of arguments."},
      {policy_of(R"(["content-length-range", 0])"),
       "Invalid content-length-range: wrong number of arguments."},
      {policy_of(R"(["content-length-range", -1, 0])"), "Invalid JSON."},
      {policy_of(R"(["content-length-range", 0, 1.5])"), "Invalid JSON."},
      {policy_of(R"(["eq", false, "k"])"), "Invalid JSON."},
      {policy_of(R"(["eq", "$key", 5])"), "Invalid JSON."},
      {policy_of("{}"),
       "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."},
      {policy_of(R"({"acl": "private", "key": "k"})"),
       "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."},
      {policy_of(R"({"acl": 1})"), "Invalid Simple-Condition: value must be a string."},
  };
  for (const auto& [document, message] : cases) {
    const S3Result<PostPolicy> policy = parse(document);
    ASSERT_EQ(outcome(policy), "InvalidPolicyDocument") << document;
    EXPECT_EQ(policy.error().text(), "Invalid Policy: " + std::string(message)) << document;
  }
  EXPECT_EQ(parse_post_policy("!!").error().text(), "Invalid Policy: invalid Base64 encoding.");
}

TEST(JsonText, KeepsWhatWasWrittenAndDecodesStrings) {
  const std::optional<Json> json =
      parse_json(" {\"a\" : [1.5e3, true,null], \"b\":\"\\u00e9\\ud83d\\ude00\\$\\n\\/\"} ");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(json->items[0].raw, "[1.5e3, true,null]");
  EXPECT_EQ(json->items[1].string, "é😀$\n/");
  for (const std::string_view text :
       {"", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "01", "1.", "\"\\x\"", "\"\\ud800\"",
        "\"\\u0000\"", "\"tab\t\"", "tru", "[1] 2", "nul", "-", "{a:1}"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
  const std::string deep(kJsonDepthMax + 2, '[');
  EXPECT_FALSE(parse_json(deep + std::string(deep.size(), ']')));
}

}  // namespace
}  // namespace cairn::s3
