#include "sigv4/uri.h"

#include <algorithm>
#include <array>

#include "sigv4/request_view.h"

namespace cairn::sigv4 {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

constexpr std::array<bool, 256> make_unreserved() {
  std::array<bool, 256> unreserved{};
  for (size_t c = 0; c < 256; ++c) {
    unreserved[c] = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_' || c == '~';
  }
  return unreserved;
}
constexpr std::array<bool, 256> kUnreserved = make_unreserved();

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte of the escape at `at`, or -1.
int escaped_byte(std::string_view text, size_t at) {
  if (text.size() - at < 3) return -1;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : (high << 4) | low;
}

void append_encoded_byte(std::string& out, char c) {
  const uint8_t byte = static_cast<uint8_t>(c);
  const char escape[3] = {'%', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
  out.append(escape, 3);
}

// Decodes into `out`, which has room for text.size() bytes. Returns the size, or -1.
ptrdiff_t decode_into(char* out, std::string_view text, Plus plus) {
  char* to = out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int byte = escaped_byte(text, i);
      if (byte < 0) return -1;
      *to++ = static_cast<char>(byte);
      i += 2;
    } else {
      *to++ = text[i] == '+' && plus == Plus::kSpace ? ' ' : text[i];
    }
  }
  return to - out;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, Plus plus) {
  std::string out(text.size(), '\0');
  const ptrdiff_t size = decode_into(out.data(), text, plus);
  if (size < 0) return std::nullopt;
  out.resize(static_cast<size_t>(size));
  return out;
}

void append_uri_encoded(std::string& out, std::string_view text, Slash slash, Tilde tilde) {
  size_t clean_from = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '~' ? tilde == Tilde::kKeep : kUnreserved[static_cast<uint8_t>(c)]) continue;
    if (c == '/' && slash == Slash::kKeep) continue;
    out += text.substr(clean_from, i - clean_from);
    append_encoded_byte(out, c);
    clean_from = i + 1;
  }
  out += text.substr(clean_from);
}

bool append_canonical_path(std::string& out, std::string_view raw_path, Tilde tilde) {
  if (raw_path.empty()) out += '/';
  size_t i = 0;
  while (i < raw_path.size()) {
    size_t end = i;
    while (end < raw_path.size() && raw_path[end] != '%') ++end;
    append_uri_encoded(out, raw_path.substr(i, end - i), Slash::kKeep, tilde);
    if (end == raw_path.size()) return true;
    const int byte = escaped_byte(raw_path, end);
    if (byte < 0) return false;
    const char c = static_cast<char>(byte);
    append_uri_encoded(out, std::string_view(&c, 1), Slash::kKeep, tilde);
    i = end + 3;
  }
  return true;
}

Result<Query> Query::parse(std::string_view raw) {
  Query query;
  if (raw.empty()) return query;
  const size_t pieces_count = static_cast<size_t>(std::ranges::count(raw, '&')) + 1;
  if (pieces_count > kQueryParamsMax) {
    return fail(Code::kResourceExhausted, "too many query parameters");
  }
  query.params_.reserve(pieces_count);
  // Decoding never makes text longer, so one block of the raw size holds all of it.
  if (raw.find_first_of("%+") != std::string_view::npos) {
    query.decoded_ = std::make_unique<char[]>(raw.size());
  }
  char* free_at = query.decoded_.get();
  bool valid = true;
  const auto decode = [&](std::string_view text) -> std::string_view {
    if (text.find_first_of("%+") == std::string_view::npos) return text;
    const ptrdiff_t size = decode_into(free_at, text, Plus::kSpace);
    if (size < 0) {
      valid = false;
      return {};
    }
    const std::string_view decoded(free_at, static_cast<size_t>(size));
    free_at += size;
    return decoded;
  };
  for (size_t from = 0; from <= raw.size();) {
    const size_t to = std::min(raw.find('&', from), raw.size());
    const std::string_view piece = raw.substr(from, to - from);
    from = to + 1;
    if (piece.empty()) continue;
    const size_t equals = std::min(piece.find('='), piece.size());
    const std::string_view raw_name = piece.substr(0, equals);
    const std::string_view raw_value = piece.substr(std::min(equals + 1, piece.size()));
    query.params_.push_back({decode(raw_name), decode(raw_value), raw_name, raw_value});
  }
  if (!valid) return fail(Code::kInvalidArgument, "a bad percent escape in the query");
  return query;
}

std::optional<std::string_view> Query::find(std::string_view name) const {
  for (const QueryParam& param : params_) {
    if (param.name == name) return param.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Query::find_ignoring_case(std::string_view name) const {
  for (const QueryParam& param : params_) {
    if (equal_ignoring_case(param.name, name)) return param.value;
  }
  return std::nullopt;
}

size_t Query::count_ignoring_case(std::string_view name) const {
  size_t count = 0;
  for (const QueryParam& param : params_) count += equal_ignoring_case(param.name, name) ? 1 : 0;
  return count;
}

void append_canonical_query(std::string& out, const Query& query, std::string_view without,
                            Tilde tilde) {
  struct Piece {
    size_t at;
    size_t name_size;
    size_t value_size;
  };
  if (query.params().empty()) return;
  std::string encoded;
  std::array<Piece, kQueryParamsMax> pieces;  // The first `count` are set.
  size_t count = 0;
  for (const QueryParam& param : query.params()) {
    if (!without.empty() && equal_ignoring_case(param.name, without)) continue;
    Piece& piece = pieces[count++];
    piece.at = encoded.size();
    append_uri_encoded(encoded, param.name, Slash::kEncode, tilde);
    piece.name_size = encoded.size() - piece.at;
    append_uri_encoded(encoded, param.value, Slash::kEncode, tilde);
    piece.value_size = encoded.size() - piece.at - piece.name_size;
  }
  const std::string_view text = encoded;
  const auto name_of = [&](const Piece& p) { return text.substr(p.at, p.name_size); };
  const auto value_of = [&](const Piece& p) {
    return text.substr(p.at + p.name_size, p.value_size);
  };
  std::sort(pieces.begin(), pieces.begin() + static_cast<ptrdiff_t>(count),
            [&](const Piece& a, const Piece& b) {
              const int order = name_of(a).compare(name_of(b));
              return order != 0 ? order < 0 : value_of(a) < value_of(b);
            });
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out += '&';
    out += name_of(pieces[i]);
    out += '=';
    out += value_of(pieces[i]);
  }
}

}  // namespace cairn::sigv4
