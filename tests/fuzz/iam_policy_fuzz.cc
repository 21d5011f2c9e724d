// Policy JSON, and the evaluator against the reference. Invariants: a document is refused with a
// message or compiled, never more; what is compiled evaluates, and denies where the reference
// denies; policies made of the input's bytes get the reference's verdict.
#include <algorithm>
#include <string>

#include "base/assert.h"
#include "iam/policy.h"
#include "tests/property/iam/random_policy.h"

using namespace cairn;
using namespace cairn::iam;

namespace {

// Choices taken from the input, so that the fuzzer steers them; a fixed sequence when it is used
// up, since what is drawn until it fits would never fit out of equal bytes.
class InputRandom final : public Random {
 public:
  explicit InputRandom(BytesView input) : input_(input) {}
  void fill(MutableBytes out) override {
    std::ranges::fill(out, uint8_t{0});
    // The top bits decide what below() gives: one byte of input is one choice.
    if (out.empty()) return;
    if (!input_.empty()) {
      out[out.size() - 1] = input_.front();
      input_ = input_.subspan(1);
      return;
    }
    // A linear congruential generator (Knuth's MMIX constants); its top byte varies best.
    spent_ = spent_ * 6364136223846793005 + 1442695040888963407;
    out[out.size() - 1] = static_cast<uint8_t>(spent_ >> 56);
  }

 private:
  BytesView input_;
  uint64_t spent_ = 0;
};

void check_document(std::string_view json) {
  for (const PolicyKind kind :
       {PolicyKind::kIdentity, PolicyKind::kSession, PolicyKind::kBucket, PolicyKind::kTrust}) {
    const auto policy = Policy::parse(json, kind, "b");
    if (!policy) {
      ASSERT(!policy.error().message.empty() && policy.error().code == Code::kInvalidArgument);
      continue;
    }
    const Result<PolicyText> text = parse_policy_text(json);
    ASSERT(text.has_value() && !text->statements.empty());
    reference::Question question;
    question.action = "s3:GetObject";
    question.resource = "arn:aws:s3:::b/k";
    const QuestionKeys keys(question);
    static_cast<void>((*policy)->evaluate(
        {.action = question.action, .resource = question.resource, .keys = &keys}));
    static_cast<void>((*policy)->is_public());
  }
}

void check_evaluator(BytesView input) {
  InputRandom random(input);
  PolicyMaker maker(random);
  const PolicyKind kind = maker.chance(2) ? PolicyKind::kIdentity : PolicyKind::kBucket;
  PolicyText text = maker.policy(kind);
  const std::string json = to_json(text, maker);
  const auto policy = Policy::parse(json, kind, "b");
  ASSERT(policy.has_value());
  const Principal caller = maker.principal();
  const reference::Question question = maker.question(maker.chance(5) ? nullptr : &caller);
  const QuestionKeys keys(question);
  const Verdict verdict = (*policy)->evaluate(
      {.action = question.action, .resource = question.resource, .keys = &keys});
  ASSERT(verdict == reference::evaluate(text, question));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const BytesView input(data, size);
  check_document(as_text(input));
  check_evaluator(input);
  return 0;
}
