// Writes response XML: append-only, no white space between tags, every byte escaped so that any key
// comes out as well-formed text (RELIABILITY.md S13; control characters as `&#x1;`, like AWS).
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace cairn::s3 {

inline constexpr std::string_view kXmlDeclaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
inline constexpr std::string_view kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

// Appends `text` escaped. Bytes that are not UTF-8 become U+FFFD.
void append_xml_escaped(std::string& out, std::string_view text);

// Appends to a string that it does not own. Tag names are literals; the caller nests them right.
class XmlWriter {
 public:
  explicit XmlWriter(std::string& out) : out_(out) {}

  void declaration() { out_ += kXmlDeclaration; }
  void open_root(std::string_view tag);  // With xmlns.
  void open(std::string_view tag) { put_tag("<", tag); }
  void close(std::string_view tag) { put_tag("</", tag); }
  void empty(std::string_view tag);       // <Tag></Tag>: string searchers find it.
  void empty_root(std::string_view tag);  // <Tag xmlns="..."></Tag>
  void text(std::string_view text) { append_xml_escaped(out_, text); }

  void element(std::string_view tag, std::string_view text);
  void element(std::string_view tag, const char* text) { element(tag, std::string_view(text)); }
  void element(std::string_view tag, std::unsigned_integral auto number) {
    number_element(tag, number);
  }
  void element(std::string_view tag, bool value) { element(tag, value ? "true" : "false"); }
  void element(std::string_view tag, WallTime time);  // 2026-01-02T03:04:05.000Z
  // `etag` comes without quotes and is written in &quot;.
  void etag_element(std::string_view tag, std::string_view etag);
  // Root with a text of its own, e.g. LocationConstraint.
  void root_element(std::string_view tag, std::string_view text);

 private:
  void put_tag(std::string_view begin, std::string_view tag);
  void number_element(std::string_view tag, uint64_t number);

  std::string& out_;
};

}  // namespace cairn::s3
