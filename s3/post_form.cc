#include "s3/post_form.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "s3/body.h"
#include "s3/config_tagging.h"
#include "s3/uri.h"

namespace cairn::s3 {
namespace {

constexpr size_t kFormStepBytes = 4 * KiB;
constexpr std::string_view kFileNameVariable = "${filename}";

// Fields that say who signed the form; their values are never changed.
constexpr std::string_view kSignatureFields[] = {
    "policy",          "signature",        "awsaccesskeyid", "x-amz-algorithm",
    "x-amz-signature", "x-amz-credential", "x-amz-date",     "x-amz-security-token"};

// Headers of the request that speak of the client, not of the object.
constexpr std::string_view kClientHeaders[] = {"host",
                                               "origin",
                                               "referer",
                                               "user-agent",
                                               "access-control-request-method",
                                               "access-control-request-headers",
                                               "x-forwarded-for",
                                               "x-forwarded-proto",
                                               "x-forwarded-host"};

// Fields that are headers of PutObject beside x-amz-*.
constexpr std::string_view kObjectFields[] = {
    "cache-control", "content-type", "content-disposition", "content-encoding", "content-language",
    "content-md5",   "expires"};

bool is_in(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::any_of(
      names, [&](std::string_view each) { return equal_ignoring_case(each, name); });
}

std::string_view value_of(const std::vector<FormField>& fields, std::string_view name) {
  const std::string* const value = find_field(fields, name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

std::unexpected<S3Error> missing(std::string_view field) {
  return invalid_argument("Bucket POST must contain a field named '" + std::string(field) +
                              "'.  If it is specified, please check the order of the fields.",
                          field, {});
}

// One piece of the body, which is short at its end only.
io::Task<S3Result<size_t>> receive(Call& call, MutableBytes into) {
  const Result<size_t> got = co_await call.exchange.receive_body(into);
  if (!got) co_return std::unexpected(body_error(call, got.error()));
  co_return *got;
}

// Reads all of `input`, moving the file's bytes to the front of `out`, which may be the memory
// around `input` with reader.held_bytes() before it. Returns how many there are.
S3Result<size_t> take_file(FormReader& reader, BytesView input, uint8_t* out) {
  size_t kept_bytes = 0;
  while (!reader.file_ended()) {
    const S3Result<FormReader::Step> step = reader.next(input);
    if (!step) return std::unexpected(step.error());
    if (step->data.data() != out + kept_bytes && !step->data.empty()) {
      std::memmove(out + kept_bytes, step->data.data(), step->data.size());
    }
    kept_bytes += step->data.size();
    input = input.subspan(step->consumed_bytes);
    if (input.empty()) break;
  }
  return kept_bytes;
}

// The Tagging document of a form in the place of the header.
S3Status use_tagging(std::vector<FormField>& fields) {
  const std::string* const document = find_field(fields, "tagging");
  if (document == nullptr) return {};
  const S3Result<Tags> tags = parse_tagging(*document, TagOwner::kObject);
  if (!tags) return std::unexpected(tags.error());
  std::string header;
  for (const auto& [key, value] : *tags) {
    if (!header.empty()) header += '&';
    append_uri_encoded(header, key, Slash::kEncode);
    header += '=';
    append_uri_encoded(header, value, Slash::kEncode);
  }
  std::erase_if(fields, [](const FormField& field) { return field.name == "x-amz-tagging"; });
  fields.push_back({"x-amz-tagging", std::move(header), "tagging"});
  return {};
}

}  // namespace

const std::string* find_field(const std::vector<FormField>& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &FormField::name);
  return found == fields.end() ? nullptr : &found->value;
}

S3Status substitute_file_name(std::vector<FormField>& fields, std::string_view file_name) {
  size_t total_bytes = 0;
  for (FormField& field : fields) {
    total_bytes += field.value.size();
    if (is_in(kSignatureFields, field.name)) continue;
    std::string value;
    std::string_view rest = field.value;
    size_t at = rest.find(kFileNameVariable);
    if (at == std::string_view::npos) continue;
    for (; at != std::string_view::npos; at = rest.find(kFileNameVariable)) {
      total_bytes = total_bytes - kFileNameVariable.size() + file_name.size();
      // A short form can name the file hundreds of times.
      if (total_bytes > kFormHeadBytesMax) return form_head_too_long();
      value.append(rest.substr(0, at)).append(file_name);
      rest.remove_prefix(at + kFileNameVariable.size());
    }
    field.value = value.append(rest);
  }
  return {};
}

S3Result<std::optional<Authenticator::PostForm>> signature_fields(
    const std::vector<FormField>& fields) {
  Authenticator::PostForm form;
  form.policy = value_of(fields, "policy");
  form.algorithm = value_of(fields, "x-amz-algorithm");
  form.credential = value_of(fields, "x-amz-credential");
  form.date = value_of(fields, "x-amz-date");
  form.security_token = value_of(fields, "x-amz-security-token");
  form.access_key = value_of(fields, "awsaccesskeyid");
  const std::string_view v4_signature = value_of(fields, "x-amz-signature");
  const std::string_view v2_signature = value_of(fields, "signature");
  const bool is_v4 = !form.algorithm.empty() || !form.credential.empty() || !form.date.empty() ||
                     !v4_signature.empty();
  const bool is_v2 = !form.access_key.empty() || !v2_signature.empty();
  if (!is_v4 && !is_v2 && form.policy.empty()) return std::nullopt;
  if (find_field(fields, "policy") == nullptr) return missing("policy");
  if (is_v2 && !is_v4) {
    if (form.access_key.empty()) return missing("AWSAccessKeyId");
    if (v2_signature.empty()) return missing("signature");
    form.signature = v2_signature;
    return form;
  }
  if (form.algorithm.empty()) return missing("X-Amz-Algorithm");
  if (form.credential.empty()) return missing("X-Amz-Credential");
  if (form.date.empty()) return missing("X-Amz-Date");
  if (v4_signature.empty()) return missing("X-Amz-Signature");
  form.signature = v4_signature;
  return form;
}

S3Status use_fields_as_headers(Call& call, std::vector<FormField> fields) {
  if (S3Status tagged = use_tagging(fields); !tagged) return tagged;
  call.form = std::move(fields);
  std::vector<HeaderView> headers;
  for (const HeaderView& header : call.headers) {
    if (is_in(kClientHeaders, header.name)) headers.push_back(header);
  }
  for (const FormField& field : call.form) {
    if (field.name == "acl") {
      headers.push_back({"x-amz-acl", trimmed(field.value)});
    } else if (is_in(kObjectFields, field.name) ||
               (field.name.starts_with("x-amz-") && !is_in(kSignatureFields, field.name))) {
      headers.push_back({field.name, trimmed(field.value)});
    }
  }
  call.headers = std::move(headers);
  call.view.headers = call.headers;
  return {};
}

io::Task<S3Result<Bytes>> read_form_head(Call& call, FormReader& reader) {
  std::array<uint8_t, kFormStepBytes> piece;
  while (true) {
    const S3Result<size_t> got = co_await receive(call, piece);
    if (!got) co_return std::unexpected(got.error());
    const BytesView input = BytesView(piece).first(*got);
    const FormReader::Step step = co_await or_fail(reader.next(input));
    if (reader.has_file()) {
      const BytesView rest = input.subspan(step.consumed_bytes);
      co_return Bytes(rest.begin(), rest.end());
    }
    if (*got < piece.size()) break;
  }
  co_await or_fail(reader.finish());
  co_return Bytes();
}

io::Task<S3Result<uint64_t>> receive_file(Call& call, FormReader& reader, Bytes begun,
                                          object::ObjectWriter& writer, const PostPolicy& policy) {
  Bytes head(begun.size() + kBoundaryBytesMax);
  uint64_t size_bytes = co_await or_fail(take_file(reader, begun, head.data()));
  const Status written = co_await writer.write(BytesView(head).first(size_bytes));
  if (!written) co_return std::unexpected(translate(call, written.error()));
  while (!reader.file_ended()) {
    if (size_bytes > policy.size_bytes_max) break;
    Result<MutableBytes> space = co_await writer.next_space();
    if (!space) co_return std::unexpected(translate(call, space.error()));
    // What was held back of the last piece may turn out to be the file's.
    const size_t held_bytes = reader.held_bytes();
    if (space->size() <= held_bytes) {
      std::array<uint8_t, 2 * kBoundaryBytesMax> piece;
      const MutableBytes into = MutableBytes(piece).subspan(held_bytes, 1);
      const S3Result<size_t> got = co_await receive(call, into);
      if (!got) co_return std::unexpected(got.error());
      if (*got == 0) break;
      const size_t kept = co_await or_fail(take_file(reader, into, piece.data()));
      const Status copied = co_await writer.write(BytesView(piece).first(kept));
      if (!copied) co_return std::unexpected(translate(call, copied.error()));
      size_bytes += kept;
      continue;
    }
    const MutableBytes into = space->subspan(held_bytes);
    const S3Result<size_t> got = co_await receive(call, into);
    if (!got) co_return std::unexpected(got.error());
    const size_t kept = co_await or_fail(take_file(reader, into.first(*got), space->data()));
    const Status advanced = co_await writer.advance(kept);
    if (!advanced) co_return std::unexpected(translate(call, advanced.error()));
    size_bytes += kept;
    if (*got < into.size()) break;
  }
  co_await or_fail(check_post_size(policy, size_bytes));
  co_await or_fail(reader.finish());
  co_return size_bytes;
}

}  // namespace cairn::s3
