// Strict incremental parsers of request heads, response heads and trailer sections (RFC 9112).
//
// They keep positions only, never bytes: the caller gives everything received since the head's
// first byte, at any address, and calls again with more while the head is incomplete. The result
// does not depend on how the bytes were split. Refused: bare CR or LF, NUL and other control bytes,
// folded lines, white space before a colon, and every ambiguous framing (RELIABILITY.md S1, S2,
// S5).
#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.h"
#include "http/message.h"

namespace cairn::http {

enum class Progress : unsigned char { kIncomplete, kComplete, kRejected };

// Why a head was refused: the status to answer with and a sentence for people.
struct Rejection {
  int status = 0;
  std::string_view reason;
};

// Framing fields as they are met; shared by requests and responses.
class FramingFields {
 public:
  // Takes note of one field; false when it is refused (see rejection()).
  bool take(std::string_view name, std::string_view value);
  // Checks of the whole section. `version` is the message's.
  bool finish(Version version);

  std::optional<uint64_t> content_length;
  bool is_chunked = false;
  bool asks_close = false;
  bool asks_keep_alive = false;
  bool expect_continue = false;
  size_t hosts_count = 0;
  std::string_view host;
  std::string_view reason;

 private:
  bool take_content_length(std::string_view value);
  bool take_transfer_encoding(std::string_view value);
};

// Decimal digits only, no sign, at most `value_max`; nullopt otherwise.
std::optional<uint64_t> parse_decimal(std::string_view text, uint64_t value_max);

// Outcome of looking at one field line.
enum class LineResult : unsigned char { kField, kEnd, kIncomplete, kMalformed };
// Reads the line at `position` of [base, base + size_bytes) and moves `position` behind it.
LineResult read_field_line(const char* base, size_t size_bytes, size_t& position, Field& field);

// REQUIRES: the head given to parse() outlives the parser's use.
class RequestParser {
 public:
  // `bytes` begins with the first byte of the head. On kComplete, `head` refers to `bytes`.
  Progress parse(BytesView bytes, RequestHead& head);
  // Bytes of the complete head, its empty line included.
  size_t head_size_bytes() const { return position_; }
  const Rejection& rejection() const { return rejection_; }
  // Ready for another head.
  void reset() { *this = RequestParser(); }

 private:
  Progress reject(int status, std::string_view reason);
  Progress parse_request_line(std::string_view bytes, RequestHead& head);
  Progress parse_fields(std::string_view bytes, RequestHead& head);
  Progress finish(RequestHead& head);
  bool split_target(RequestHead& head, std::string_view& authority);

  size_t position_ = 0;     // Behind the last whole line.
  size_t line_begin_ = 0;   // Of the request line.
  size_t method_size_ = 0;  // 0 = request line not read yet.
  size_t target_size_ = 0;
  Version version_ = Version::kHttp11;
  Rejection rejection_;
};

class ResponseParser {
 public:
  Progress parse(BytesView bytes, ReceivedHead& head);
  size_t head_size_bytes() const { return position_; }
  const Rejection& rejection() const { return rejection_; }
  void reset() { *this = ResponseParser(); }

 private:
  Progress reject(std::string_view reason);
  Progress parse_status_line(std::string_view bytes);

  size_t position_ = 0;
  int status_ = 0;
  size_t reason_begin_ = 0;
  size_t reason_size_ = 0;
  Version version_ = Version::kHttp11;
  Rejection rejection_;
};

}  // namespace cairn::http
