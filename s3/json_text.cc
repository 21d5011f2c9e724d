#include "s3/json_text.h"

#include <cstdint>

namespace cairn::s3 {
namespace {

void append_utf8(std::string& out, uint32_t code_point) {
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
    return;
  }
  if (code_point < 0x800) {
    out += static_cast<char>(0xC0 | (code_point >> 6));
  } else {
    if (code_point < 0x10000) {
      out += static_cast<char>(0xE0 | (code_point >> 12));
    } else {
      out += static_cast<char>(0xF0 | (code_point >> 18));
      out += static_cast<char>(0x80 | ((code_point >> 12) & 0x3F));
    }
    out += static_cast<char>(0x80 | ((code_point >> 6) & 0x3F));
  }
  out += static_cast<char>(0x80 | (code_point & 0x3F));
}

// Recursive descent; every function returns false on text that is not JSON.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  bool document(Json& out) {
    skip_blanks();
    if (!value(out, 0)) return false;
    skip_blanks();
    return at_ == text_.size();
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip_blanks() {
    while (!at_end() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  }

  bool value(Json& out, size_t depth) {
    if (depth > kJsonDepthMax || at_end()) return false;
    const size_t begin = at_;
    bool good = false;
    switch (text_[at_]) {
      case '{': good = object(out, depth); break;
      case '[': good = list(out, depth); break;
      case '"':
        out.kind = Json::Kind::kString;
        good = string(out.string);
        break;
      case 't':
      case 'f':
        out.kind = Json::Kind::kBool;
        good = take_word("true") || take_word("false");
        break;
      case 'n': good = take_word("null"); break;
      default:
        out.kind = Json::Kind::kNumber;
        good = number();
        break;
    }
    out.raw = text_.substr(begin, at_ - begin);
    return good;
  }

  bool object(Json& out, size_t depth) {
    out.kind = Json::Kind::kObject;
    ++at_;
    skip_blanks();
    if (take('}')) return true;
    do {
      skip_blanks();
      if (!string(out.names.emplace_back())) return false;
      skip_blanks();
      if (!take(':')) return false;
      skip_blanks();
      if (!value(out.items.emplace_back(), depth + 1)) return false;
      skip_blanks();
    } while (take(','));
    return take('}');
  }

  bool list(Json& out, size_t depth) {
    out.kind = Json::Kind::kList;
    ++at_;
    skip_blanks();
    if (take(']')) return true;
    do {
      skip_blanks();
      if (!value(out.items.emplace_back(), depth + 1)) return false;
      skip_blanks();
    } while (take(','));
    return take(']');
  }

  bool digits() {
    const size_t begin = at_;
    while (!at_end() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    while (!at_end()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }
  bool escape(std::string& out) {
    static constexpr std::string_view kNames = "\"\\/$bfnrt";
    static constexpr std::string_view kValues = "\"\\/$\b\f\n\r\t";
    if (at_end()) return false;
    const char c = text_[at_++];
    if (c == 'u') return unicode_escape(out);
    const size_t which = kNames.find(c);
    if (which == std::string_view::npos) return false;
    out += kValues[which];
    return true;
  }
  bool hex4(uint32_t& out) {
    if (text_.size() - at_ < 4) return false;
    out = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      const size_t digit = std::string_view("0123456789abcdefABCDEF").find(c);
      if (digit == std::string_view::npos) return false;
      out = out * 16 + static_cast<uint32_t>(digit < 16 ? digit : digit - 6);
    }
    return true;
  }
  // Surrogates come in pairs; a NUL has no place in anything that is compared.
  bool unicode_escape(std::string& out) {
    uint32_t code_point = 0;
    if (!hex4(code_point) || code_point == 0) return false;
    if (code_point >= 0xDC00 && code_point <= 0xDFFF) return false;
    if (code_point >= 0xD800 && code_point <= 0xDBFF) {
      uint32_t low = 0;
      if (!take_word("\\u") || !hex4(low) || low < 0xDC00 || low > 0xDFFF) return false;
      code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code_point);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<Json> parse_json(std::string_view text) {
  Json out;
  if (!Parser(text).document(out)) return std::nullopt;
  return out;
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return out;
}

}  // namespace cairn::s3
