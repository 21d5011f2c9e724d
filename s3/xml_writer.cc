#include "s3/xml_writer.h"

#include <array>
#include <charconv>
#include <cstring>

#include "base/dates.h"
#include "s3/uri.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

// What an ASCII byte is written as: 0 = itself, 1 = needs a look.
constexpr std::array<bool, 256> make_special() {
  std::array<bool, 256> special{};
  for (size_t c = 0; c < 0x20; ++c) special[c] = true;
  for (size_t c = 0x7F; c < 256; ++c) special[c] = true;
  for (const char c : {'&', '<', '>', '"', '\''}) special[static_cast<uint8_t>(c)] = true;
  return special;
}
constexpr std::array<bool, 256> kSpecial = make_special();

void append_reference(std::string& out, uint8_t byte) {
  out += "&#x";
  if (byte >= 16) out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 15];
  out += ';';
}

// Writes the special byte at `at` (or the whole sequence that begins there); returns its length.
size_t append_special(std::string& out, std::string_view text, size_t at) {
  const uint8_t byte = static_cast<uint8_t>(text[at]);
  switch (byte) {
    case '&': out += "&amp;"; return 1;
    case '<': out += "&lt;"; return 1;
    case '>': out += "&gt;"; return 1;
    case '"': out += "&quot;"; return 1;
    case '\'': out += "&apos;"; return 1;
    default: break;
  }
  if (byte < 0x80) {
    append_reference(out, byte);
    return 1;
  }
  const size_t size = utf8_sequence_size(text.substr(at));
  if (size == 0) {
    out += kReplacement;
    return 1;
  }
  const std::string_view sequence = text.substr(at, size);
  // U+FFFE and U+FFFF are no XML characters; written the way AWS writes control characters.
  if (sequence == "\xEF\xBF\xBE") {
    out += "&#xFFFE;";
  } else if (sequence == "\xEF\xBF\xBF") {
    out += "&#xFFFF;";
  } else {
    out += sequence;
  }
  return size;
}

}  // namespace

void append_xml_escaped(std::string& out, std::string_view text) {
  size_t clean_from = 0;
  size_t at = 0;
  while (at < text.size()) {
    if (!kSpecial[static_cast<uint8_t>(text[at])]) {
      ++at;
      continue;
    }
    out += text.substr(clean_from, at - clean_from);
    at += append_special(out, text, at);
    clean_from = at;
  }
  out += text.substr(clean_from);
}

void XmlWriter::open_root(std::string_view tag) {
  out_ += '<';
  out_ += tag;
  out_ += " xmlns=\"";
  out_ += kS3Namespace;
  out_ += "\">";
}

// Tags make half of a listing: one growth for the three pieces of each.
void XmlWriter::put_tag(std::string_view begin, std::string_view tag) {
  const size_t at = out_.size();
  const size_t size = at + begin.size() + tag.size() + 1;
  // What libstdc++ 12 passes as the size is the new capacity where the text had to grow.
  out_.resize_and_overwrite(size, [&](char* text, size_t) {
    std::memcpy(text + at, begin.data(), begin.size());
    std::memcpy(text + at + begin.size(), tag.data(), tag.size());
    text[size - 1] = '>';
    return size;
  });
}

void XmlWriter::empty(std::string_view tag) {
  open(tag);
  close(tag);
}

void XmlWriter::empty_root(std::string_view tag) {
  open_root(tag);
  close(tag);
}

void XmlWriter::element(std::string_view tag, std::string_view text) {
  open(tag);
  append_xml_escaped(out_, text);
  close(tag);
}

void XmlWriter::number_element(std::string_view tag, uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  open(tag);
  out_.append(digits.data(), end.ptr);
  close(tag);
}

void XmlWriter::element(std::string_view tag, WallTime time) {
  element(tag, format_iso8601_ms(time));
}

void XmlWriter::etag_element(std::string_view tag, std::string_view etag) {
  open(tag);
  out_ += "&quot;";
  append_xml_escaped(out_, etag);
  out_ += "&quot;";
  close(tag);
}

void XmlWriter::root_element(std::string_view tag, std::string_view text) {
  open_root(tag);
  append_xml_escaped(out_, text);
  close(tag);
}

}  // namespace cairn::s3
