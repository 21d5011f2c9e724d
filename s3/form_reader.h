// Streaming reader of multipart/form-data as browsers and SDKs send it to a bucket (RFC 7578, S3.md
// 1.5). Never copies the file: what it hands out points into what it was fed or, where a piece of
// the file looked like the delimiter across two inputs, into the delimiter it keeps.
//
// Everything before the file is bounded by kFormHeadBytesMax and kept; everything behind the file
// is dropped unread, as S3 does. Parts are told apart by their names alone: clients give plain
// fields file names, too. The verdict does not depend on how the body was split.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"
#include "s3/errors.h"

namespace cairn::s3 {

inline constexpr size_t kFormHeadBytesMax = 20 * KiB;  // S3's limit for all that precedes the file.
inline constexpr size_t kFormFieldsMax = 256;
inline constexpr size_t kBoundaryBytesMax = 70;  // RFC 2046 5.1.1.

struct FormField {
  std::string name;  // Lower-case.
  std::string value;
  std::string sent_name;  // As it was sent, for messages.
};

// MaxPostPreDataLengthExceeded.
std::unexpected<S3Error> form_head_too_long();

class FormReader {
 public:
  // 400 MalformedPOSTRequest unless `content_type` is multipart/form-data with a boundary.
  static S3Result<FormReader> create(std::string_view content_type);

  struct Step {
    size_t consumed_bytes = 0;  // Of the input; 0 only with data or without input.
    BytesView data;             // Of the file; often empty.
  };
  // Reads a prefix of `input`; call again with the rest. Stops right behind the head of the file
  // part. After an error only destruction is legal. Errors: MalformedPOSTRequest,
  // MaxPostPreDataLengthExceeded, InvalidArgument (a field that is sent twice).
  S3Result<Step> next(BytesView input);
  // At the end of the body: MalformedPOSTRequest when the file's end, or any delimiter, is missing.
  // InvalidArgument when there was no file.
  S3Status finish() const;

  // The head of the file part was read: fields() and file_name() are final.
  bool has_file() const { return phase_ == Phase::kFile || phase_ == Phase::kAfterFile; }
  bool file_ended() const { return phase_ == Phase::kAfterFile; }
  // Bytes of the file that may be a delimiter: the next data may begin with as many that were
  // consumed already.
  size_t held_bytes() const { return phase_ == Phase::kFile ? matched_bytes_ : 0; }

  const std::vector<FormField>& fields() const { return fields_; }
  std::vector<FormField>& fields() { return fields_; }
  // The last segment of the path that the client gave; empty when it gave none.
  const std::string& file_name() const { return file_name_; }

 private:
  enum class Phase : uint8_t {
    kPreamble,
    kDelimiterEnd,  // Behind a delimiter: "--" or the end of its line.
    kHeaders,
    kField,
    kFile,
    kAfterFile,
    kClosed,  // The last delimiter came without a file.
  };
  // Bytes up to the next delimiter, which is consumed with them once it is complete.
  struct Run {
    size_t consumed_bytes = 0;
    std::string_view data;
    bool at_delimiter = false;
  };

  explicit FormReader(std::string_view boundary);
  Run scan(std::string_view input);
  S3Result<Step> step(std::string_view input);
  S3Result<size_t> take_delimiter_end(std::string_view input);
  S3Result<size_t> take_headers(std::string_view input);
  S3Status begin_part();
  S3Status count_head(size_t bytes);

  std::string delimiter_;     // CR LF "--" boundary. CR stands at its start only.
  size_t matched_bytes_ = 2;  // Of the delimiter: the first one needs no CR LF before it.
  Phase phase_ = Phase::kPreamble;
  size_t head_bytes_ = 0;
  // The header block that is not complete; behind a delimiter, the byte before.
  std::string pending_;
  std::vector<FormField> fields_;
  std::string file_name_;
};

}  // namespace cairn::s3
