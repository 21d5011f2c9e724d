#include "s3/checksum_headers.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/encoding.h"

namespace cairn::s3 {
namespace {

using crypto::DigestKind;
using crypto::DigestValue;

constexpr std::string_view kPrefix = "x-amz-checksum-";

struct Algorithm {
  DigestKind kind;
  std::string_view name;     // In XML and x-amz-sdk-checksum-algorithm.
  std::string_view suffix;   // In header names.
  std::string_view element;  // In XML.
};
constexpr std::array<Algorithm, 10> kAlgorithms = {{
    {DigestKind::kCrc32, "CRC32", "crc32", "ChecksumCRC32"},
    {DigestKind::kCrc32c, "CRC32C", "crc32c", "ChecksumCRC32C"},
    {DigestKind::kCrc64Nvme, "CRC64NVME", "crc64nvme", "ChecksumCRC64NVME"},
    {DigestKind::kSha1, "SHA1", "sha1", "ChecksumSHA1"},
    {DigestKind::kSha256, "SHA256", "sha256", "ChecksumSHA256"},
    {DigestKind::kSha512, "SHA512", "sha512", "ChecksumSHA512"},
    {DigestKind::kMd5, "MD5", "md5", "ChecksumMD5"},
    {DigestKind::kXxh64, "XXHASH64", "xxhash64", "ChecksumXXHASH64"},
    {DigestKind::kXxh3_64, "XXHASH3", "xxhash3", "ChecksumXXHASH3"},
    {DigestKind::kXxh3_128, "XXHASH128", "xxhash128", "ChecksumXXHASH128"},
}};

const Algorithm& algorithm_of(DigestKind kind) {
  return *std::ranges::find(kAlgorithms, kind, &Algorithm::kind);
}

// The algorithm of a header that carries a value; nullopt for x-amz-checksum-mode and the like.
std::optional<DigestKind> kind_of_header(std::string_view name) {
  if (!starts_with_ignoring_case(name, kPrefix)) return std::nullopt;
  return checksum_kind(name.substr(kPrefix.size()));
}

bool is_other_checksum_header(std::string_view name) {
  return equal_ignoring_case(name, "x-amz-checksum-mode") ||
         equal_ignoring_case(name, "x-amz-checksum-type") ||
         equal_ignoring_case(name, "x-amz-checksum-algorithm");
}

std::string header_name(DigestKind kind) {
  return std::string(kPrefix) + std::string(checksum_header_suffix(kind));
}

std::unexpected<S3Error> invalid_value(std::string_view name) {
  return s3_fail(S3Code::kInvalidRequest, "Value for " + std::string(name) + " header is invalid.");
}

// The one x-amz-checksum-<alg> header and its raw text.
struct RawChecksum {
  DigestKind kind;
  std::string_view text;
};
S3Result<std::optional<RawChecksum>> find_value(const RequestView& request) {
  std::optional<RawChecksum> found;
  for (const HeaderView& header : request.headers) {
    if (!starts_with_ignoring_case(header.name, kPrefix)) continue;
    if (is_other_checksum_header(header.name)) continue;
    const std::optional<DigestKind> kind = kind_of_header(header.name);
    if (!kind) {
      return s3_fail(S3Code::kInvalidRequest,
                     "The algorithm type you specified in x-amz-checksum- header is invalid.");
    }
    if (found) {
      return s3_fail(S3Code::kInvalidRequest,
                     "Expecting a single x-amz-checksum- header. Multiple checksum Types are not "
                     "allowed.");
    }
    found = RawChecksum{*kind, header.value};
  }
  return found;
}

S3Result<std::optional<DigestValue>> parse_content_md5(const RequestView& request) {
  const std::optional<std::string_view> text = request.header("content-md5");
  if (!text) return std::nullopt;
  std::optional<DigestValue> value = parse_checksum_value(DigestKind::kMd5, *text);
  if (!value || request.header_count("content-md5") > 1) return s3_fail(S3Code::kInvalidDigest);
  return value;
}

S3Result<std::optional<DigestKind>> parse_trailer_name(const RequestView& request) {
  const std::optional<std::string_view> text = request.header("x-amz-trailer");
  if (!text || text->empty()) return std::nullopt;
  const std::optional<DigestKind> kind = kind_of_header(*text);
  if (!kind || request.header_count("x-amz-trailer") > 1) {
    return s3_fail(S3Code::kInvalidRequest,
                   "The value specified in the x-amz-trailer header is not supported");
  }
  return kind;
}

S3Result<std::optional<object::ChecksumType>> parse_type(const RequestView& request) {
  const std::optional<std::string_view> text = request.header("x-amz-checksum-type");
  if (!text) return std::nullopt;
  if (equal_ignoring_case(*text, "COMPOSITE")) return object::ChecksumType::kComposite;
  if (equal_ignoring_case(*text, "FULL_OBJECT")) return object::ChecksumType::kFullObject;
  return invalid_value("x-amz-checksum-type");
}

}  // namespace

std::optional<DigestKind> checksum_kind(std::string_view name) {
  for (const Algorithm& algorithm : kAlgorithms) {
    if (equal_ignoring_case(algorithm.name, name)) return algorithm.kind;
  }
  return std::nullopt;
}

std::string_view checksum_name(DigestKind kind) {
  return algorithm_of(kind).name;
}
std::string_view checksum_header_suffix(DigestKind kind) {
  return algorithm_of(kind).suffix;
}
std::string_view checksum_element(DigestKind kind) {
  return algorithm_of(kind).element;
}

std::optional<DigestValue> parse_checksum_value(DigestKind kind, std::string_view base64) {
  const std::optional<Bytes> bytes = from_base64(base64);
  if (!bytes || bytes->size() != crypto::digest_size(kind)) return std::nullopt;
  return DigestValue(*bytes);
}

std::string encode_checksum(const DigestValue& value) {
  return to_base64(value.view());
}

std::string encode_checksum(const object::ObjectChecksum& checksum) {
  std::string text = to_base64(checksum.value.view());
  if (checksum.type == object::ChecksumType::kComposite) {
    text += '-';
    text += std::to_string(checksum.parts_count);
  }
  return text;
}

S3Result<BodyChecksums> parse_body_checksums(const RequestView& request) {
  BodyChecksums out;
  S3Result<std::optional<DigestValue>> md5 = parse_content_md5(request);
  if (!md5) return std::unexpected(std::move(md5.error()));
  out.content_md5 = *md5;
  const S3Result<std::optional<RawChecksum>> raw = find_value(request);
  if (!raw) return std::unexpected(raw.error());
  if (*raw) {
    const std::optional<DigestValue> value = parse_checksum_value((*raw)->kind, (*raw)->text);
    if (!value) return invalid_value(header_name((*raw)->kind));
    out.header = ClaimedChecksum{(*raw)->kind, *value};
    out.algorithm = (*raw)->kind;
  }
  const S3Result<std::optional<DigestKind>> trailer = parse_trailer_name(request);
  if (!trailer) return std::unexpected(trailer.error());
  out.trailer = *trailer;
  if (out.header && out.trailer) {
    return s3_fail(S3Code::kInvalidRequest,
                   "Expecting a single x-amz-checksum- header. Multiple checksum Types are not "
                   "allowed.");
  }
  if (out.trailer) out.algorithm = out.trailer;
  const std::optional<std::string_view> asked = request.header("x-amz-sdk-checksum-algorithm");
  if (!asked) return out;
  const std::optional<DigestKind> kind = checksum_kind(*asked);
  if (!kind) return invalid_value("x-amz-sdk-checksum-algorithm");
  if (!out.algorithm) {
    return s3_fail(S3Code::kInvalidRequest,
                   "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* "
                   "or x-amz-trailer headers were found.");
  }
  if (*kind != *out.algorithm) return invalid_value("x-amz-sdk-checksum-algorithm");
  return out;
}

S3Result<std::optional<ClaimedChecksum>> trailer_checksum(const BodyChecksums& claimed,
                                                          const std::vector<Trailer>& trailers) {
  std::optional<ClaimedChecksum> found;
  for (const Trailer& trailer : trailers) {
    const std::optional<DigestKind> kind = kind_of_header(trailer.name);
    if (!kind) continue;
    if (found || kind != claimed.trailer) return s3_fail(S3Code::kMalformedTrailerError);
    const std::optional<DigestValue> value = parse_checksum_value(*kind, trailer.value);
    if (!value) {
      return s3_fail(S3Code::kInvalidRequest,
                     "Value for " + trailer.name + " trailing header is invalid.");
    }
    found = ClaimedChecksum{*kind, *value};
  }
  if (claimed.trailer && !found) return s3_fail(S3Code::kMalformedTrailerError);
  return found;
}

std::string checksum_kind_mismatch(DigestKind upload, DigestKind given) {
  return "Checksum Type mismatch occurred, expected checksum Type: " +
         std::string(checksum_header_suffix(upload)) +
         ", actual checksum Type: " + std::string(checksum_header_suffix(given));
}

S3Error checksum_mismatch(DigestKind kind, std::string_view claimed_base64,
                          std::string_view computed_base64) {
  return S3Error{S3Code::kBadDigest,
                 "The " + std::string(checksum_name(kind)) +
                     " you specified did not match the calculated checksum.",
                 {{"ExpectedDigest", std::string(claimed_base64)},
                  {"CalculatedDigest", std::string(computed_base64)}}};
}

S3Error content_md5_mismatch(const DigestValue& claimed, const DigestValue& computed) {
  return S3Error{S3Code::kBadDigest,
                 {},
                 {{"ExpectedDigest", to_base64(claimed.view())},
                  {"CalculatedDigest", to_base64(computed.view())}}};
}

S3Result<UploadChecksum> parse_upload_checksum(const RequestView& request) {
  UploadChecksum out;
  // Older SDKs name it in x-amz-sdk-checksum-algorithm here too.
  for (const std::string_view name : {"x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm"}) {
    const std::optional<std::string_view> text = request.header(name);
    if (!text || out.kind) continue;
    out.kind = checksum_kind(*text);
    if (!out.kind) {
      return s3_fail(
          S3Code::kInvalidRequest,
          "Checksum algorithm provided is unsupported. Please try again with any of the "
          "valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, "
          "XXHASH3, XXHASH64]");
    }
  }
  const S3Result<std::optional<object::ChecksumType>> type = parse_type(request);
  if (!type) return std::unexpected(type.error());
  out.type = *type;
  if (!out.type) return out;
  if (!out.kind) {
    return s3_fail(S3Code::kInvalidRequest,
                   "The x-amz-checksum-type header can only be used with the "
                   "x-amz-checksum-algorithm header.");
  }
  if (out.kind == DigestKind::kCrc64Nvme && out.type == object::ChecksumType::kComposite) {
    return s3_fail(S3Code::kInvalidRequest,
                   "The COMPOSITE checksum type cannot be used with the crc64nvme checksum "
                   "algorithm.");
  }
  return out;
}

S3Result<CompleteChecksum> parse_complete_checksum(const RequestView& request) {
  CompleteChecksum out;
  const S3Result<std::optional<object::ChecksumType>> type = parse_type(request);
  if (!type) return std::unexpected(type.error());
  out.type = *type;
  const S3Result<std::optional<RawChecksum>> raw = find_value(request);
  if (!raw) return std::unexpected(raw.error());
  if (!*raw) return out;
  std::string_view text = (*raw)->text;
  // '-' is no base64 digit, so the last one begins the count.
  if (const size_t dash = text.rfind('-'); dash != std::string_view::npos) {
    const std::string_view digits = text.substr(dash + 1);
    uint32_t count = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) {
      return invalid_value(header_name((*raw)->kind));
    }
    out.parts_count = count;
    text = text.substr(0, dash);
  }
  const std::optional<DigestValue> value = parse_checksum_value((*raw)->kind, text);
  if (!value) return invalid_value(header_name((*raw)->kind));
  out.value = ClaimedChecksum{(*raw)->kind, *value};
  return out;
}

bool checksum_mode_enabled(const RequestView& request) {
  const std::optional<std::string_view> mode = request.header("x-amz-checksum-mode");
  return mode && equal_ignoring_case(*mode, "ENABLED");
}

}  // namespace cairn::s3
