#include "cli/content_compare.h"

#include <fcntl.h>

#include <cerrno>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "io/blocking.h"
#include "io/unique_fd.h"

namespace cairn::cli {
namespace {

constexpr size_t kPieceBytes = 1 * MiB;

Result<crypto::DigestValue> digest_blocking(const std::string& path, crypto::DigestKind kind) {
  const io::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::unexpected(errno_error(errno, path));
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  const std::unique_ptr<crypto::Digest> digest = crypto::Digest::create(kind);
  Bytes piece(kPieceBytes);
  for (;;) {
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(errno_error(errno, path));
    if (got == 0) return digest->finish();
    digest->update(BytesView(piece).first(static_cast<size_t>(got)));
  }
}

// Whether the ETag is the MD5 of the whole object.
bool has_md5(const transfer::ObjectInfo& info) {
  return !info.etag_is_opaque && info.etag.size() == 32 && from_hex(info.etag).has_value();
}

}  // namespace

io::Task<Result<crypto::DigestValue>> digest_of_file(std::string path, crypto::DigestKind kind) {
  const auto work = [path, kind] { return digest_blocking(path, kind); };
  Result<Result<crypto::DigestValue>> value = co_await io::blocking_pool().run(work);
  if (!value) co_return std::unexpected(value.error());
  co_return std::move(*value);
}

io::Task<Result<std::optional<bool>>> file_equals_object(Session& session, std::string path,
                                                         std::string bucket, std::string key) {
  const transfer::ObjectInfo info =
      co_await transfer::or_fail(session.s3().head(bucket, key, "", session.until()));
  if (info.crc64_nvme) {
    const crypto::DigestValue value =
        co_await io::or_return(digest_of_file(path, crypto::DigestKind::kCrc64Nvme));
    co_return load_be<uint64_t>(value.view().data()) == *info.crc64_nvme;
  }
  if (info.sha256) {
    const crypto::DigestValue value =
        co_await io::or_return(digest_of_file(path, crypto::DigestKind::kSha256));
    co_return to_hex(value.view()) == to_hex(*info.sha256);
  }
  if (has_md5(info)) {
    const crypto::DigestValue value =
        co_await io::or_return(digest_of_file(path, crypto::DigestKind::kMd5));
    co_return to_hex(value.view()) == info.etag;
  }
  co_return std::nullopt;
}

io::Task<Result<std::optional<bool>>> objects_equal(Session& session, std::string bucket_a,
                                                    std::string key_a, std::string bucket_b,
                                                    std::string key_b) {
  const transfer::ObjectInfo a =
      co_await transfer::or_fail(session.s3().head(bucket_a, key_a, "", session.until()));
  const transfer::ObjectInfo b =
      co_await transfer::or_fail(session.s3().head(bucket_b, key_b, "", session.until()));
  if (a.crc64_nvme && b.crc64_nvme) co_return *a.crc64_nvme == *b.crc64_nvme;
  if (a.sha256 && b.sha256) co_return *a.sha256 == *b.sha256;
  if (has_md5(a) && has_md5(b)) co_return a.etag == b.etag;
  co_return std::nullopt;
}

}  // namespace cairn::cli
