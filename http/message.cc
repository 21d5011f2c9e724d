#include "http/message.h"

#include <cstring>

#include "base/assert.h"
#include "http/scan.h"

namespace cairn::http {
namespace {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

[[maybe_unused]] bool is_server_field(std::string_view name) {
  for (const std::string_view reserved :
       {"content-length", "transfer-encoding", "connection", "date", "server"}) {
    if (equals_ignoring_case(name, reserved)) return true;
  }
  return false;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool is_token(std::string_view text) {
  const char* const end = text.data() + text.size();
  return !text.empty() && detail::find_not<detail::kTokenByte>(text.data(), end) == end;
}

bool list_contains(std::string_view value, std::string_view element) {
  while (true) {
    const size_t comma = value.find(',');
    if (equals_ignoring_case(trim(value.substr(0, comma)), element)) return true;
    if (comma == std::string_view::npos) return false;
    value.remove_prefix(comma + 1);
  }
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Unknown";
  }
}

std::optional<std::string_view> FieldList::get(std::string_view name) const {
  for (size_t i = 0; i < count_; ++i) {
    if (positions_[i].name_size != name.size()) continue;
    if (const Field field = (*this)[i]; equals_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

size_t FieldList::count(std::string_view name) const {
  size_t matches_count = 0;
  for (const Field field : *this) matches_count += equals_ignoring_case(field.name, name) ? 1 : 0;
  return matches_count;
}

bool FieldList::add(std::string_view name, std::string_view value) {
  if (count_ == kFieldsMax) return false;
  positions_[count_++] = {
      static_cast<uint16_t>(name.data() - base_), static_cast<uint16_t>(name.size()),
      static_cast<uint16_t>(value.data() - base_), static_cast<uint16_t>(value.size())};
  return true;
}

char* ResponseHead::reserve(size_t size_bytes) {
  if (spill_.empty()) {
    if (inline_size_ + size_bytes <= inline_.size()) {
      char* at = inline_.data() + inline_size_;
      inline_size_ += size_bytes;
      return at;
    }
    if (inline_size_ + size_bytes > kHeadBytesMax) return nullptr;
    spill_.reserve(2 * (inline_size_ + size_bytes));
    spill_.assign(inline_.data(), inline_size_);
  }
  if (spill_.size() + size_bytes > kHeadBytesMax) return nullptr;
  spill_.resize(spill_.size() + size_bytes);
  return spill_.data() + (spill_.size() - size_bytes);
}

ResponseHead& ResponseHead::add(std::string_view name, std::string_view value) {
  ASSERT(!is_server_field(name));
  if (!is_token(name)) return *this;
  char* at = reserve(name.size() + value.size() + 4);
  if (at == nullptr) return *this;
  std::memcpy(at, name.data(), name.size());
  at += name.size();
  *at++ = ':';
  *at++ = ' ';
  if (!value.empty()) std::memcpy(at, value.data(), value.size());
  char* const value_end = at + value.size();
  while ((at = const_cast<char*>(detail::find_not<detail::kValueByte>(at, value_end))) !=
         value_end) {
    *at++ = ' ';
  }
  *at++ = '\r';
  *at++ = '\n';
  return *this;
}

ResponseHead& ResponseHead::add(std::string_view name, uint64_t value) {
  std::array<char, 20> digits;
  size_t begin = digits.size();
  do {
    digits[--begin] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return add(name, std::string_view(digits.data() + begin, digits.size() - begin));
}

}  // namespace cairn::http
