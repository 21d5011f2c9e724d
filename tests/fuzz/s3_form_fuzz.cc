// Invariants: any split of a form gives the same verdict, fields and file; the head of a form stays
// inside its bounds; an accepted file is what stands between its part's head and a delimiter. No
// policy text is taken for one that lets an unconstrained form in.
#include <algorithm>
#include <string>

#include "base/assert.h"
#include "base/encoding.h"
#include "s3/form_reader.h"
#include "s3/json_text.h"
#include "s3/post_policy.h"

namespace {

using namespace cairn;
using namespace cairn::s3;

struct Outcome {
  std::string verdict = "ok";
  std::string fields;
  std::string file;
};

Outcome read(BytesView input, size_t step_bytes) {
  Outcome outcome;
  S3Result<FormReader> reader = FormReader::create("multipart/form-data; boundary=b");
  ASSERT(reader.has_value());
  while (!input.empty()) {
    const S3Result<FormReader::Step> step =
        reader->next(input.first(std::min(step_bytes, input.size())));
    if (!step) {
      outcome.verdict = code_info(step.error().code).name;
      return outcome;
    }
    ASSERT(step->consumed_bytes > 0 || !step->data.empty());
    ASSERT(step->consumed_bytes <= input.size());
    ASSERT(step->data.empty() || reader->has_file());
    outcome.file += as_text(step->data);
    input = input.subspan(step->consumed_bytes);
  }
  const S3Status finished = reader->finish();
  if (!finished) outcome.verdict = code_info(finished.error().code).name;
  size_t head_bytes = 0;
  for (const FormField& field : reader->fields()) {
    head_bytes += field.name.size() + field.value.size();
    outcome.fields += field.name + "=" + field.value + "\n";
  }
  ASSERT(head_bytes <= kFormHeadBytesMax);
  outcome.fields += reader->file_name();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const BytesView input(data, size);
  const Outcome whole = read(input, SIZE_MAX);
  for (const size_t step_bytes : {size_t{1}, size_t{3}, size_t{7}}) {
    const Outcome pieces = read(input, step_bytes);
    ASSERT(pieces.verdict == whole.verdict);
    if (whole.verdict != "ok") continue;
    ASSERT(pieces.fields == whole.fields);
    ASSERT(pieces.file == whole.file);
  }
  const std::string_view text = as_text(input);
  if (whole.verdict == "ok") {
    ASSERT(text.find("\r\n\r\n" + whole.file + "\r\n--b") != std::string_view::npos);
    ASSERT(whole.file.find("\r\n--b") == std::string::npos);
  }

  if (const std::optional<Json> json = parse_json(text)) ASSERT(text.contains(json->raw));
  const S3Result<PostPolicy> policy = parse_post_policy(to_base64(input));
  if (policy) {
    const bool names_bucket = std::ranges::find(policy->conditions, "bucket",
                                                &PostCondition::field) != policy->conditions.end();
    if (!names_bucket) ASSERT(!check_post_policy(*policy, {}, "bucket", WallTime{0}));
  }
  return 0;
}
