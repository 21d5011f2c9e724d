// What authorising a request costs: the decision alone, and a signed GET through the door with an
// object layer that refuses at once. 20 policies of 10 statements are attached to the caller; the
// one that allows comes last. Figures: README.md.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "iam/account.h"
#include "iam/decision.h"
#include "tests/unit/s3/door_fixture.h"

namespace cairn {
namespace {

constexpr size_t kPoliciesCount = 20;
constexpr size_t kStatementsCount = 10;
constexpr std::string_view kKey = "bucket/dir/key";

enum class Shape {
  kOtherActions,    // Statements speak of other actions.
  kOtherResources,  // Of this action on other buckets.
  kConditions,      // Of this object, under conditions that do not hold.
};

std::string statement(Shape shape, size_t number) {
  switch (shape) {
    case Shape::kOtherActions:
      return R"({"Effect":"Allow","Action":["s3:Put*","s3:DeleteObject"],"Resource":"*"})";
    case Shape::kOtherResources:
      return fmt::format(
          R"({{"Effect":"Allow","Action":"s3:Get*","Resource":["arn:aws:s3:::team-{0}/*","arn:aws:s3:::team-{0}"]}})",
          number);
    case Shape::kConditions:
      return fmt::format(
          R"({{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*","Condition":{{"StringLike":{{"aws:UserAgent":"agent-{0}*"}},"IpAddress":{{"aws:SourceIp":"10.{1}.0.0/16"}}}}}})",
          number, number % 256);
  }
  return {};
}

std::shared_ptr<const iam::Policy> make_policy(Shape shape, size_t first, bool allows) {
  std::string json = R"({"Version":"2012-10-17","Statement":[)";
  for (size_t i = 0; i < kStatementsCount; ++i) {
    if (i > 0) json += ',';
    json += allows && i + 1 == kStatementsCount
                ? R"({"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"})"
                : statement(shape, first + i);
  }
  return iam::Policy::parse(json + "]}", iam::PolicyKind::kIdentity).value();
}

std::vector<std::shared_ptr<const iam::Policy>> make_policies(Shape shape) {
  std::vector<std::shared_ptr<const iam::Policy>> policies;
  for (size_t i = 0; i < kPoliciesCount; ++i) {
    policies.push_back(make_policy(shape, i * kStatementsCount, i + 1 == kPoliciesCount));
  }
  return policies;
}

class FixedKeys final : public iam::RequestKeys {
 public:
  explicit FixedKeys(const iam::Principal* caller) : RequestKeys(caller, WallTime{1}) {}

 private:
  bool fetch(std::string_view key, std::vector<std::string>& values) const override {
    if (key == "aws:useragent") values.emplace_back("Boto3/1.43.11 md/Botocore#1.43.11");
    if (key == "aws:sourceip") values.emplace_back("127.0.0.1");
    return !values.empty();
  }
};

void decide(benchmark::State& state) {
  iam::Principal caller;
  caller.account = crypto::kRootTenant;
  caller.kind = iam::PrincipalKind::kUser;
  caller.policies = make_policies(static_cast<Shape>(state.range(0)));
  const std::string resource = "arn:aws:s3:::" + std::string(kKey);
  for (auto _ : state) {
    const FixedKeys keys(&caller);
    const iam::Request request{.action = "s3:GetObject", .resource = resource, .keys = &keys};
    const iam::Decision decision = iam::decide(request, crypto::kRootTenant, iam::Verdict::kNone);
    if (decision != iam::Decision::kAllow) state.SkipWithError("denied");
    benchmark::DoNotOptimize(decision);
  }
}
BENCHMARK(decide)->DenseRange(0, 2)->ArgName("shape");

struct Bench : s3::DoorFixture {
  void TestBody() override {}
};

// Argument -1: the root, which has no policies. The door's own part is what it takes.
void signed_get(benchmark::State& state) {
  Bench bench;
  s3::SigningIdentity who = s3::DoorFixture::signer();
  if (state.range(0) >= 0) {
    who = bench.add_user("AKIAUSER", crypto::kRootTenant,
                         make_policies(static_cast<Shape>(state.range(0))));
  }
  s3::TestRequest request("GET", "/" + std::string(kKey), {{"Host", "localhost:9000"}});
  request.add("User-Agent", "Boto3/1.43.11 md/Botocore#1.43.11");
  request.sign(who, s3::kEmptySha256, bench.clock.wall_now());
  s3::MemoryExchange exchange(request, {});
  for (auto _ : state) {
    const io::Task<void> task = bench.door->handle(exchange);
    task.handle().resume();
    if (exchange.status != 503) state.SkipWithError("not the object layer's answer");
  }
}
BENCHMARK(signed_get)->DenseRange(-1, 2)->ArgName("shape");

}  // namespace
}  // namespace cairn

BENCHMARK_MAIN();
