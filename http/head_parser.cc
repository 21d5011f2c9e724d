#include "http/head_parser.h"

#include <algorithm>

#include "http/scan.h"

namespace cairn::http {
namespace {

using detail::find_not;
using detail::kTargetByte;
using detail::kTokenByte;
using detail::kValueByte;

constexpr size_t kVersionBytes = 8;  // "HTTP/1.1"
constexpr size_t kRequestLineBytesMax = kMethodBytesMax + 1 + kTargetBytesMax + 1 + kVersionBytes;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "HTTP/" DIGIT "." DIGIT
bool is_version_text(std::string_view text) {
  return text.size() == kVersionBytes && text.starts_with("HTTP/") && is_digit(text[5]) &&
         text[6] == '.' && is_digit(text[7]);
}

bool is_host_byte(char c) {
  const bool alphanumeric = is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  return alphanumeric || std::string_view("-._~!$&'()*+;=:[]%").find(c) != std::string_view::npos;
}

bool is_host(std::string_view value) {
  return !value.empty() && std::ranges::all_of(value, is_host_byte);
}

}  // namespace

std::optional<uint64_t> parse_decimal(std::string_view text, uint64_t value_max) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (value_max - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

LineResult read_field_line(const char* base, size_t size_bytes, size_t& position, Field& field) {
  const char* const end = base + size_bytes;
  const char* const line = base + position;
  const char* const colon = find_not<kTokenByte>(line, end);
  if (colon == end) return LineResult::kIncomplete;
  if (colon == line) {
    if (*line != '\r') return LineResult::kMalformed;
    if (line + 1 == end) return LineResult::kIncomplete;
    if (line[1] != '\n') return LineResult::kMalformed;
    position += 2;
    return LineResult::kEnd;
  }
  if (*colon != ':') return LineResult::kMalformed;

  const char* value = colon + 1;
  const char* const stop = find_not<kValueByte>(value, end);
  if (stop == end) return LineResult::kIncomplete;
  if (*stop != '\r') return LineResult::kMalformed;
  if (stop + 1 == end) return LineResult::kIncomplete;
  if (stop[1] != '\n') return LineResult::kMalformed;
  const char* value_end = stop;
  while (value != value_end && (*value == ' ' || *value == '\t')) ++value;
  while (value != value_end && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
  field.name = {line, static_cast<size_t>(colon - line)};
  field.value = {value, static_cast<size_t>(value_end - value)};
  position = static_cast<size_t>(stop + 2 - base);
  return LineResult::kField;
}

bool FramingFields::take_content_length(std::string_view value) {
  if (content_length.has_value()) {
    reason = "More than one Content-Length.";
    return false;
  }
  content_length = parse_decimal(value, kContentLengthMax);
  if (!content_length.has_value()) reason = "Content-Length is not a plain decimal number.";
  return content_length.has_value();
}

bool FramingFields::take_transfer_encoding(std::string_view value) {
  if (is_chunked || value != "chunked") {
    reason = "Transfer-Encoding is not exactly chunked.";
    return false;
  }
  is_chunked = true;
  return true;
}

bool FramingFields::take(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (equals_ignoring_case(name, "host")) {
        ++hosts_count;
        host = value;
      }
      return true;
    case 6:
      if (equals_ignoring_case(name, "expect")) {
        // Other expectations are passed over, as RFC 9110 10.1.1 permits and S3 does.
        if (equals_ignoring_case(value, "100-continue")) expect_continue = true;
      }
      return true;
    case 10:
      if (equals_ignoring_case(name, "connection")) {
        asks_close = asks_close || list_contains(value, "close");
        asks_keep_alive = asks_keep_alive || list_contains(value, "keep-alive");
      }
      return true;
    case 14: return !equals_ignoring_case(name, "content-length") || take_content_length(value);
    case 17:
      return !equals_ignoring_case(name, "transfer-encoding") || take_transfer_encoding(value);
    default: return true;
  }
}

bool FramingFields::finish(Version version) {
  if (is_chunked && content_length.has_value()) {
    reason = "Both Transfer-Encoding and Content-Length.";
    return false;
  }
  if (is_chunked && version == Version::kHttp10) {
    reason = "Transfer-Encoding in HTTP/1.0.";
    return false;
  }
  return true;
}

Progress RequestParser::reject(int status, std::string_view reason) {
  rejection_ = {status, reason};
  return Progress::kRejected;
}

Progress RequestParser::parse(BytesView bytes, RequestHead& head) {
  if (rejection_.status != 0) return Progress::kRejected;
  // Whatever lies beyond the bound is not looked at, so that the verdict does not depend on it.
  std::string_view text = as_text(bytes.first(std::min(bytes.size(), kHeadBytesMax)));
  if (method_size_ == 0) {
    const Progress progress = parse_request_line(text, head);
    if (progress != Progress::kComplete) return progress;
  }
  head.fields.rebase(text.data());
  const Progress progress = parse_fields(text, head);
  if (progress == Progress::kIncomplete && bytes.size() >= kHeadBytesMax) {
    return reject(431, "The request head is larger than 16 KiB.");
  }
  if (progress != Progress::kComplete) return progress;
  head.method = text.substr(line_begin_, method_size_);
  head.target = text.substr(line_begin_ + method_size_ + 1, target_size_);
  head.version = version_;
  return finish(head);
}

Progress RequestParser::parse_request_line(std::string_view bytes, RequestHead& head) {
  // One empty line before a request line is skipped (RFC 9112 2.2).
  if (bytes == "\r") return Progress::kIncomplete;
  if (bytes.starts_with("\r\n")) line_begin_ = 2;
  const std::string_view rest = bytes.substr(line_begin_);
  const size_t line_feed = rest.substr(0, kRequestLineBytesMax + 2).find('\n');
  if (line_feed == std::string_view::npos) {
    if (rest.size() < kRequestLineBytesMax + 2) return Progress::kIncomplete;
    return reject(414, "The request line is too long.");
  }
  const char* const end = rest.data() + line_feed;
  const char* const method_end = find_not<kTokenByte>(rest.data(), end);
  const auto method_size = static_cast<size_t>(method_end - rest.data());
  if (method_size == 0 || method_size > kMethodBytesMax || method_end == end ||
      *method_end != ' ') {
    return reject(400, "Malformed request method.");
  }
  const char* const target = method_end + 1;
  const char* const target_end = find_not<kTargetByte>(target, end);
  const auto target_size = static_cast<size_t>(target_end - target);
  if (target_size > kTargetBytesMax) return reject(414, "The request target is too long.");
  if (target_size == 0 || target_end == end || *target_end != ' ') {
    return reject(400, "Malformed request target.");
  }
  const std::string_view tail(target_end + 1, static_cast<size_t>(end - target_end - 1));
  if (tail.size() != kVersionBytes + 1 || tail.back() != '\r' ||
      !is_version_text(tail.substr(0, kVersionBytes))) {
    return reject(400, "Malformed request line.");
  }
  if (tail[5] != '1' || tail[7] > '1') return reject(505, "Only HTTP/1.0 and HTTP/1.1 are spoken.");
  version_ = tail[7] == '1' ? Version::kHttp11 : Version::kHttp10;
  method_size_ = method_size;
  target_size_ = target_size;
  position_ = line_begin_ + line_feed + 1;
  head.fields.reset(bytes.data());
  return Progress::kComplete;
}

Progress RequestParser::parse_fields(std::string_view bytes, RequestHead& head) {
  Field field;
  while (true) {
    switch (read_field_line(bytes.data(), bytes.size(), position_, field)) {
      case LineResult::kField:
        if (!head.fields.add(field.name, field.value)) return reject(431, "Too many fields.");
        break;
      case LineResult::kEnd: return Progress::kComplete;
      case LineResult::kIncomplete: return Progress::kIncomplete;
      case LineResult::kMalformed: return reject(400, "Malformed header field.");
    }
  }
}

bool RequestParser::split_target(RequestHead& head, std::string_view& authority) {
  std::string_view rest = head.target;
  if (rest == "*") {
    if (head.method != "OPTIONS") return false;
  } else if (rest.front() != '/') {
    const size_t scheme_end = rest.find("://");
    if (scheme_end == std::string_view::npos) return false;
    const std::string_view scheme = rest.substr(0, scheme_end);
    if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) {
      return false;
    }
    rest.remove_prefix(scheme_end + 3);
    const size_t authority_size = std::min(rest.find_first_of("/?"), rest.size());
    authority = rest.substr(0, authority_size);
    if (!is_host(authority)) return false;
    rest.remove_prefix(authority_size);
  }
  const size_t question = rest.find('?');
  head.path = rest.substr(0, question);
  if (head.path.empty()) head.path = "/";
  head.has_query = question != std::string_view::npos;
  head.query = head.has_query ? rest.substr(question + 1) : std::string_view();
  return true;
}

Progress RequestParser::finish(RequestHead& head) {
  FramingFields framing;
  for (const Field field : head.fields) {
    if (!framing.take(field.name, field.value)) return reject(400, framing.reason);
  }
  if (!framing.finish(version_)) return reject(400, framing.reason);
  if (framing.hosts_count > 1) return reject(400, "More than one Host.");
  if (framing.hosts_count == 0 && version_ == Version::kHttp11)
    return reject(400, "Host is missing.");
  if (framing.hosts_count == 1 && !is_host(framing.host)) return reject(400, "Malformed Host.");
  std::string_view authority;
  if (!split_target(head, authority)) return reject(400, "Malformed request target.");
  if (!authority.empty() && framing.hosts_count == 1 &&
      !equals_ignoring_case(authority, framing.host)) {
    return reject(400, "Host differs from the request target.");
  }
  head.host = framing.hosts_count == 1 ? framing.host : authority;
  head.content_length = framing.content_length;
  head.is_chunked = framing.is_chunked;
  head.keep_alive = version_ == Version::kHttp11 ? !framing.asks_close
                                                 : framing.asks_keep_alive && !framing.asks_close;
  // An HTTP/1.0 expectation is to be ignored (RFC 9110 10.1.1).
  head.expect_continue = framing.expect_continue && version_ == Version::kHttp11;
  return Progress::kComplete;
}

Progress ResponseParser::reject(std::string_view reason) {
  rejection_ = {502, reason};
  return Progress::kRejected;
}

Progress ResponseParser::parse_status_line(std::string_view bytes) {
  const size_t line_feed = bytes.find('\n');
  if (line_feed == std::string_view::npos) {
    if (bytes.size() < kHeadBytesMax) return Progress::kIncomplete;
    return reject("The response head is larger than 16 KiB.");
  }
  const std::string_view line = bytes.substr(0, line_feed);
  if (line.size() < kVersionBytes + 5 || !line.ends_with('\r') ||
      !is_version_text(line.substr(0, kVersionBytes)) || line[5] != '1' || line[7] > '1' ||
      line[8] != ' ' || !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) ||
      line[9] == '0' || (line[12] != ' ' && line[12] != '\r')) {
    return reject("Malformed status line.");
  }
  status_ = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  version_ = line[7] == '1' ? Version::kHttp11 : Version::kHttp10;
  reason_begin_ = line[12] == ' ' ? 13 : 12;
  reason_size_ = line.size() - 1 - reason_begin_;
  const char* const reason = line.data() + reason_begin_;
  if (find_not<kValueByte>(reason, reason + reason_size_) != reason + reason_size_) {
    return reject("Malformed status line.");
  }
  position_ = line_feed + 1;
  return Progress::kComplete;
}

Progress ResponseParser::parse(BytesView bytes, ReceivedHead& head) {
  if (rejection_.status != 0) return Progress::kRejected;
  const std::string_view text = as_text(bytes.first(std::min(bytes.size(), kHeadBytesMax)));
  if (status_ == 0) {
    const Progress progress = parse_status_line(text);
    if (progress != Progress::kComplete) return progress;
    head.fields.reset(text.data());
  }
  head.fields.rebase(text.data());
  Field field;
  LineResult line = LineResult::kField;
  while (true) {
    line = read_field_line(text.data(), text.size(), position_, field);
    if (line != LineResult::kField) break;
    if (!head.fields.add(field.name, field.value)) return reject("Too many fields.");
  }
  if (line == LineResult::kMalformed) return reject("Malformed header field.");
  if (line == LineResult::kIncomplete) {
    if (bytes.size() < kHeadBytesMax) return Progress::kIncomplete;
    return reject("The response head is larger than 16 KiB.");
  }
  FramingFields framing;
  for (const Field taken : head.fields) {
    if (!framing.take(taken.name, taken.value)) return reject(framing.reason);
  }
  if (!framing.finish(version_)) return reject(framing.reason);
  head.status = status_;
  head.reason = text.substr(reason_begin_, reason_size_);
  head.version = version_;
  head.content_length = framing.content_length;
  head.is_chunked = framing.is_chunked;
  head.keep_alive = version_ == Version::kHttp11 ? !framing.asks_close
                                                 : framing.asks_keep_alive && !framing.asks_close;
  return Progress::kComplete;
}

}  // namespace cairn::http
