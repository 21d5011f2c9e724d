#include "transfer/verify.h"

#include <algorithm>

#include "base/encoding.h"
#include "crypto/crc64.h"
#include "io/reactor.h"

namespace cairn::transfer {
namespace {

constexpr size_t kMd5HexBytes = 32;
constexpr size_t kReadBytes = 1 * MiB;

std::unexpected<Failure> differs(std::string_view what) {
  return std::unexpected(Failure(
      Error{Code::kCorruption, "the content that arrived has another " + std::string(what) +
                                   " than the object: it was damaged on the way or on a disk; "
                                   "the file was not put in place"}));
}

S3Result<VerifiedBy> compare(const crypto::DigestValue& found, crypto::DigestKind kind,
                             const ObjectInfo& info,
                             const std::optional<crypto::Sha256Value>& required) {
  if (kind == crypto::DigestKind::kMd5) {
    if (to_hex(found.view()) == info.etag) return VerifiedBy::kMd5;
    // Encrypted by a key of the client's or of KMS, an ETag may look like an MD5 and be none.
    return info.etag_is_opaque ? S3Result<VerifiedBy>(VerifiedBy::kNothing) : differs("MD5");
  }
  const crypto::Sha256Value& wanted = required ? *required : *info.sha256;
  return std::ranges::equal(found.view(), wanted) ? S3Result<VerifiedBy>(VerifiedBy::kSha256)
                                                  : differs("SHA-256");
}

}  // namespace

bool may_be_md5(const std::string& etag) {
  return etag.size() == kMd5HexBytes && std::ranges::all_of(etag, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

S3Result<VerifiedBy> verify_crc64(const ObjectInfo& info, uint64_t crc64) {
  if (!info.crc64_nvme) return VerifiedBy::kNothing;
  if (*info.crc64_nvme != crc64) return differs("CRC-64");
  return VerifiedBy::kCrc64;
}

S3Result<VerifiedBy> verify_memory(const ObjectInfo& info, BytesView bytes,
                                   const std::optional<crypto::Sha256Value>& required,
                                   bool check_md5) {
  if (info.crc64_nvme && !required) return verify_crc64(info, crypto::crc64_nvme(0, bytes));
  if (required || info.sha256) {
    return compare(crypto::digest_of(crypto::DigestKind::kSha256, bytes),
                   crypto::DigestKind::kSha256, info, required);
  }
  if (!check_md5 || !may_be_md5(info.etag)) return VerifiedBy::kNothing;
  return compare(crypto::digest_of(crypto::DigestKind::kMd5, bytes), crypto::DigestKind::kMd5, info,
                 required);
}

io::Task<S3Result<VerifiedBy>> verify_file(io::File& file, ObjectInfo info,
                                           std::optional<crypto::Sha256Value> required,
                                           bool check_md5) {
  const bool by_sha = required || info.sha256;
  if (!by_sha && (!check_md5 || !may_be_md5(info.etag))) co_return VerifiedBy::kNothing;
  const crypto::DigestKind kind = by_sha ? crypto::DigestKind::kSha256 : crypto::DigestKind::kMd5;
  const std::unique_ptr<crypto::Digest> digest = crypto::Digest::create(kind);
  Buffer piece = co_await or_fail(io::Reactor::current().buffers().acquire(kReadBytes, {}));
  piece.resize(kReadBytes);
  for (uint64_t at = 0; at < info.size_bytes;) {
    const size_t read_bytes = co_await or_fail(file.read_some(piece.span(), at));
    if (read_bytes == 0) co_return differs("size");
    const auto taken = static_cast<size_t>(std::min<uint64_t>(read_bytes, info.size_bytes - at));
    digest->update(piece.view(0, taken));
    at += taken;
  }
  co_return compare(digest->finish(), kind, info, required);
}

}  // namespace cairn::transfer
