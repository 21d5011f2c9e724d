// HTTP messages: zero-copy views of received heads, and the head of a response to send.
//
// Received heads keep positions into the bytes they were parsed from; those bytes must stay where
// they are while the head is used. Values keep their raw bytes (only white space around them is cut
// off, RFC 9112 5.1), because signatures are computed over them. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "http/limits.h"

namespace cairn::http {

enum class Version : unsigned char { kHttp10, kHttp11 };

// One field line as received.
struct Field {
  std::string_view name;
  std::string_view value;
};

// ASCII case-insensitive equality.
bool equals_ignoring_case(std::string_view a, std::string_view b);
// True for a non-empty RFC 9110 token.
bool is_token(std::string_view text);
// True when the comma-separated list `value` contains `element` (ASCII case-insensitive).
bool list_contains(std::string_view value, std::string_view element);
// "OK", "Not Found", ...; "Unknown" for a status without a registered phrase.
std::string_view reason_phrase(int status);

// The field lines of one head or trailer section, in arrival order, duplicates kept. At most
// kFieldsMax. Refers to the bytes it was parsed from.
class FieldList {
 public:
  class Iterator {
   public:
    using value_type = Field;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const FieldList* list, size_t index) : list_(list), index_(index) {}
    Field operator*() const { return (*list_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) { return {list_, index_++}; }
    friend bool operator==(Iterator, Iterator) = default;

   private:
    const FieldList* list_ = nullptr;
    size_t index_ = 0;
  };

  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, count_}; }
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  // REQUIRES: index < size().
  Field operator[](size_t index) const {
    const Position& at = positions_[index];
    return {{base_ + at.name_offset, at.name_size}, {base_ + at.value_offset, at.value_size}};
  }

  // Value of the first field of that name (ASCII case-insensitive); nullopt when there is none.
  std::optional<std::string_view> get(std::string_view name) const;
  // Number of fields of that name.
  size_t count(std::string_view name) const;

  // For the parsers. All views lie in the bytes that begin at `base`.
  void reset(const char* base) {
    base_ = base;
    count_ = 0;
  }
  // The bytes were moved to `base`.
  void rebase(const char* base) { base_ = base; }
  // False when the list is full.
  bool add(std::string_view name, std::string_view value);

 private:
  struct Position {
    uint16_t name_offset;
    uint16_t name_size;
    uint16_t value_offset;
    uint16_t value_size;
  };
  const char* base_ = nullptr;
  size_t count_ = 0;
  std::array<Position, kFieldsMax> positions_;
};

// A request head. Everything is as sent: nothing is decoded or normalised.
struct RequestHead {
  std::string_view method;
  std::string_view target;  // The whole request target.
  std::string_view path;    // "/bucket/key" raw; "*" for the asterisk form.
  std::string_view query;   // After the first '?', without it.
  bool has_query = false;   // Tells "/a?" from "/a".
  std::string_view host;    // Of the Host field (equal to the authority of an absolute target).
  Version version = Version::kHttp11;
  FieldList fields;

  // Framing and connection options, checked by the parser.
  std::optional<uint64_t> content_length;
  bool is_chunked = false;
  bool keep_alive = true;        // What the peer asks for.
  bool expect_continue = false;  // `Expect: 100-continue` (any case).

  std::optional<std::string_view> get(std::string_view name) const { return fields.get(name); }
  bool is_head() const { return method == "HEAD"; }
  bool has_body() const { return is_chunked || content_length.value_or(0) > 0; }
};

// A response head as a client receives it.
struct ReceivedHead {
  int status = 0;
  std::string_view reason;
  Version version = Version::kHttp11;
  FieldList fields;

  std::optional<uint64_t> content_length;
  bool is_chunked = false;
  bool keep_alive = true;

  std::optional<std::string_view> get(std::string_view name) const { return fields.get(name); }
};

// Status and fields of a response to send. The fields are kept in wire form; the first 768 bytes
// need no allocation. Framing and connection fields (Content-Length, Transfer-Encoding, Connection,
// Date, Server) are the server's business and are not added here.
class ResponseHead {
 public:
  explicit ResponseHead(int status = 200) : status_(status) {}

  int status() const { return status_; }
  void set_status(int status) { status_ = status; }

  // Appends a field line. Injection-safe: control bytes in `value` become spaces and a name that is
  // no token drops the field. Total size is bounded by kHeadBytesMax; what does not fit is dropped.
  // REQUIRES: `name` is none of the server's fields named above.
  ResponseHead& add(std::string_view name, std::string_view value);
  ResponseHead& add(std::string_view name, uint64_t value);

  // The field lines with their line ends.
  std::string_view wire() const {
    return spill_.empty() ? std::string_view(inline_.data(), inline_size_) : spill_;
  }

 private:
  char* reserve(size_t size_bytes);

  int status_;
  size_t inline_size_ = 0;
  std::array<char, 768> inline_;
  std::string spill_;  // Holds everything once the inline space does not suffice.
};

}  // namespace cairn::http
