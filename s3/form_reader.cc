#include "s3/form_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "s3/request_view.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kHeadersEnd = "\r\n\r\n";
constexpr std::string_view kLineEnd = "\r\n";

std::unexpected<S3Error> malformed() {
  return s3_fail(S3Code::kMalformedPOSTRequest);
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// One `; name=value` of a header field. Cuts it off `rest`; nullopt at the end or when what is left
// is no parameter.
struct Parameter {
  std::string_view name;
  std::string value;
};
std::optional<Parameter> next_parameter(std::string_view& rest) {
  const size_t semicolon = rest.find(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(semicolon + 1);
  const size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  Parameter out;
  out.name = trimmed(rest.substr(0, equals));
  rest = trimmed(rest.substr(equals + 1));
  if (!rest.starts_with('"')) {
    const size_t end = std::min(rest.find(';'), rest.size());
    out.value = trimmed(rest.substr(0, end));
    rest.remove_prefix(end);
    return out;
  }
  // Browsers write a quote inside as %22 or \". Any other backslash is part of a Windows path.
  size_t at = 1;
  for (; at < rest.size() && rest[at] != '"'; ++at) {
    if (rest[at] == '\\' && at + 1 < rest.size() && rest[at + 1] == '"') ++at;
    out.value += rest[at];
  }
  if (at >= rest.size()) return std::nullopt;
  rest.remove_prefix(at + 1);
  return out;
}

bool is_boundary(std::string_view text) {
  return !text.empty() && text.size() <= kBoundaryBytesMax &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7F'; });
}

// What a header block says of its part.
struct PartHead {
  std::string name;
  std::string file_name;
};
std::optional<PartHead> parse_part_head(std::string_view block) {
  std::optional<PartHead> out;
  while (!block.empty()) {
    const size_t end = std::min(block.find(kLineEnd), block.size());
    const std::string_view line = block.substr(0, end);
    block.remove_prefix(std::min(end + kLineEnd.size(), block.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    if (!equal_ignoring_case(trimmed(line.substr(0, colon)), "content-disposition")) continue;
    std::string_view value = trimmed(line.substr(colon + 1));
    const std::string_view kind = trimmed(value.substr(0, value.find(';')));
    if (out || !equal_ignoring_case(kind, "form-data")) return std::nullopt;
    out.emplace();
    while (std::optional<Parameter> parameter = next_parameter(value)) {
      if (equal_ignoring_case(parameter->name, "name"))
        out->name = std::move(parameter->value);
      else if (equal_ignoring_case(parameter->name, "filename"))
        out->file_name = std::move(parameter->value);
    }
  }
  if (!out || out->name.empty()) return std::nullopt;
  return out;
}

}  // namespace

std::unexpected<S3Error> form_head_too_long() {
  return s3_fail(S3Code::kMaxPostPreDataLengthExceeded, {},
                 {{"MaxPostPreDataLengthBytes", std::to_string(kFormHeadBytesMax)}});
}

FormReader::FormReader(std::string_view boundary) : delimiter_("\r\n--") {
  delimiter_ += boundary;
}

S3Result<FormReader> FormReader::create(std::string_view content_type) {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  if (!equal_ignoring_case(type, "multipart/form-data")) return malformed();
  std::string_view rest = content_type;
  while (const std::optional<Parameter> parameter = next_parameter(rest)) {
    if (!equal_ignoring_case(parameter->name, "boundary")) continue;
    if (!is_boundary(parameter->value)) return malformed();
    return FormReader(parameter->value);
  }
  return malformed();
}

FormReader::Run FormReader::scan(std::string_view input) {
  if (matched_bytes_ > 0) {
    const std::string_view wanted = std::string_view(delimiter_).substr(matched_bytes_);
    const size_t most = std::min(wanted.size(), input.size());
    const size_t same = static_cast<size_t>(
        std::ranges::mismatch(wanted.substr(0, most), input.substr(0, most)).in1 - wanted.begin());
    matched_bytes_ += same;
    if (matched_bytes_ == delimiter_.size()) {
      matched_bytes_ = 0;
      return {same, {}, true};
    }
    if (same == input.size()) return {same, {}, false};
    // No delimiter after all. A CR begins one nowhere but at its start, so nothing of what was
    // matched can be the start of another.
    const std::string_view data =
        std::string_view(delimiter_).substr(0, std::exchange(matched_bytes_, 0));
    return {same, data, false};
  }
  const size_t found = input.find(delimiter_);
  if (found != std::string_view::npos) {
    return {found + delimiter_.size(), input.substr(0, found), true};
  }
  const size_t tail_begin = input.size() - std::min(input.size(), delimiter_.size() - 1);
  const size_t cr = input.find('\r', tail_begin);
  for (size_t at = cr; at != std::string_view::npos; at = input.find('\r', at + 1)) {
    if (!std::string_view(delimiter_).starts_with(input.substr(at))) continue;
    matched_bytes_ = input.size() - at;
    return {input.size(), input.substr(0, at), false};
  }
  return {input.size(), input, false};
}

S3Status FormReader::count_head(size_t bytes) {
  head_bytes_ += bytes;
  if (head_bytes_ <= kFormHeadBytesMax) return {};
  return form_head_too_long();
}

// "--" ends the form; else the rest of the line is white space. pending_ is the byte before: what
// may follow depends on no other, however long the white space is.
S3Result<size_t> FormReader::take_delimiter_end(std::string_view input) {
  size_t taken = 0;
  while (taken < input.size()) {
    const char c = input[taken++];
    if (head_bytes_ + taken > kFormHeadBytesMax) break;  // next() refuses it.
    const char before = pending_.empty() ? '\0' : pending_.front();
    if (before == '-' && c == '-') {
      phase_ = Phase::kClosed;
      pending_.clear();
      return taken;
    }
    if (before == '\r' && c == '\n') {
      phase_ = Phase::kHeaders;
      // A part without any header has only the second of the two line ends.
      pending_ = kLineEnd;
      return taken;
    }
    const bool may_follow_blanks = c == ' ' || c == '\t' || c == '\r';
    const bool follows = before == '\0' ? may_follow_blanks || c == '-'
                                        : may_follow_blanks && before != '-' && before != '\r';
    if (!follows) return malformed();
    pending_ = c;
  }
  return taken;
}

S3Result<size_t> FormReader::take_headers(std::string_view input) {
  size_t taken = 0;
  while (taken < input.size()) {
    const size_t newline = std::min(input.find('\n', taken), input.size() - 1);
    pending_ += input.substr(taken, newline + 1 - taken);
    taken = newline + 1;
    if (head_bytes_ + taken > kFormHeadBytesMax) break;  // next() refuses it.
    if (!pending_.ends_with(kHeadersEnd)) continue;
    if (S3Status begun = begin_part(); !begun) return std::unexpected(std::move(begun.error()));
    break;
  }
  return taken;
}

S3Status FormReader::begin_part() {
  std::string_view block = pending_;
  block.remove_prefix(kLineEnd.size());
  block.remove_suffix(std::min(block.size(), kHeadersEnd.size()));
  std::optional<PartHead> head = parse_part_head(block);
  if (!head) return malformed();
  pending_.clear();
  std::string name = lower_case(head->name);
  if (name == "file") {
    const size_t separator = head->file_name.find_last_of("/\\");
    file_name_ = separator == std::string::npos ? std::move(head->file_name)
                                                : head->file_name.substr(separator + 1);
    phase_ = Phase::kFile;
  } else {
    // One value is checked and used; two would be one of each.
    if (std::ranges::find(fields_, name, &FormField::name) != fields_.end()) {
      return invalid_argument("The form field may be given only once.", head->name, {});
    }
    if (fields_.size() == kFormFieldsMax) return malformed();
    fields_.push_back({std::move(name), {}, std::move(head->name)});
    phase_ = Phase::kField;
  }
  return {};
}

S3Result<FormReader::Step> FormReader::step(std::string_view input) {
  Step out;
  switch (phase_) {
    case Phase::kDelimiterEnd:
    case Phase::kHeaders: {
      const S3Result<size_t> taken =
          phase_ == Phase::kHeaders ? take_headers(input) : take_delimiter_end(input);
      if (!taken) return std::unexpected(taken.error());
      out.consumed_bytes = *taken;
      break;
    }
    case Phase::kPreamble:
    case Phase::kField:
    case Phase::kFile: {
      const Run run = scan(input);
      out.consumed_bytes = run.consumed_bytes;
      if (phase_ == Phase::kFile) out.data = as_bytes(run.data);
      if (phase_ == Phase::kField) fields_.back().value += run.data;
      if (!run.at_delimiter) break;
      const bool was_file = phase_ == Phase::kFile;
      phase_ = was_file ? Phase::kAfterFile : Phase::kDelimiterEnd;
      pending_.clear();
      if (was_file) return out;
      break;
    }
    case Phase::kAfterFile:
    case Phase::kClosed: out.consumed_bytes = input.size(); break;
  }
  return out;
}

S3Result<FormReader::Step> FormReader::next(BytesView input) {
  Step out;
  while (out.consumed_bytes < input.size()) {
    const bool in_head = !has_file() && phase_ != Phase::kClosed;
    const S3Result<Step> taken = step(as_text(input.subspan(out.consumed_bytes)));
    if (!taken) return std::unexpected(taken.error());
    out.consumed_bytes += taken->consumed_bytes;
    if (in_head) {
      if (S3Status counted = count_head(taken->consumed_bytes); !counted) {
        return std::unexpected(std::move(counted.error()));
      }
    }
    out.data = taken->data;
    if (!out.data.empty() || has_file()) break;
  }
  return out;
}

S3Status FormReader::finish() const {
  if (phase_ == Phase::kAfterFile) return {};
  if (phase_ != Phase::kClosed) return malformed();
  return invalid_argument("POST requires exactly one file upload per request.", "file", {});
}

}  // namespace cairn::s3
