#include "gateway/upload_body.h"

#include <algorithm>
#include <cstring>

#include "base/encoding.h"
#include "gateway/limits.h"
#include "sigv4/sign.h"

namespace cairn::gateway {
namespace {

using crypto::Digest;
using crypto::DigestKind;
using crypto::DigestValue;
using s3::or_fail;
using s3::S3Code;
using s3::S3Result;
using s3::S3Status;

std::string trailer_name(DigestKind kind) {
  return "x-amz-checksum-" + std::string(s3::checksum_header_suffix(kind));
}

std::string chunk_line(uint64_t size_bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string line;
  do {
    line.insert(line.begin(), kDigits[size_bytes % 16]);
    size_bytes /= 16;
  } while (size_bytes > 0);
  return line + "\r\n";
}

std::string trailer_text(DigestKind kind, std::string_view base64) {
  return "0\r\n" + trailer_name(kind) + ":" + std::string(base64) + "\r\n\r\n";
}

// Pieces of kUploadPieceBytes, each a chunk.
uint64_t framed_bytes(uint64_t size_bytes, DigestKind kind) {
  const uint64_t whole = size_bytes / kUploadPieceBytes;
  const uint64_t rest = size_bytes % kUploadPieceBytes;
  uint64_t total = whole * (chunk_line(kUploadPieceBytes).size() + kUploadPieceBytes + 2);
  if (rest > 0) total += chunk_line(rest).size() + rest + 2;
  const uint64_t base64 = (crypto::digest_size(kind) + 2) / 3 * 4;
  return total + trailer_text(kind, std::string(base64, 'A')).size();
}

bool is_md5_text(std::string_view etag) {
  return etag.size() == 32 && std::ranges::all_of(etag, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

S3Result<std::unique_ptr<UploadBody>> UploadBody::create(s3::Call& call, uint64_t size_bytes_max) {
  S3Result<s3::UploadPlan> plan = s3::plan_upload(call, size_bytes_max);
  if (!plan) return std::unexpected(std::move(plan.error()));
  // Other servers take no body of unknown length.
  if (!plan->size_bytes) return s3::s3_fail(S3Code::kMissingContentLength);
  return std::unique_ptr<UploadBody>(new UploadBody(call, std::move(*plan)));
}

UploadBody::UploadBody(s3::Call& call, s3::UploadPlan plan) : call_(call), plan_(std::move(plan)) {
  const bool is_hashed = call_.auth.payload.kind == s3::PayloadKind::kHashed;
  std::vector<DigestKind> kinds;
  if (is_hashed) kinds.push_back(DigestKind::kSha256);
  if (plan_.checksums.algorithm) kinds.push_back(*plan_.checksums.algorithm);
  // Where the client claims nothing, the MD5 tells whether the upstream has what was sent.
  if (plan_.checksums.content_md5 || kinds.empty()) kinds.push_back(DigestKind::kMd5);
  std::ranges::sort(kinds);
  const auto repeated = std::ranges::unique(kinds);
  kinds.erase(repeated.begin(), repeated.end());
  for (const DigestKind kind : kinds) digests_.push_back(Digest::create(kind));
  sent_size_bytes_ = *plan_.size_bytes;
  if (is_framed()) sent_size_bytes_ = framed_bytes(*plan_.size_bytes, *plan_.checksums.trailer);
}

void UploadBody::attach(Link::Request& request) {
  request.body.source = this;
  request.body.is_unsigned = true;
  if (plan_.checksums.content_md5) {
    request.headers.emplace_back("Content-MD5", to_base64(plan_.checksums.content_md5->view()));
  }
  if (is_framed()) {
    request.content_sha256 = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    request.headers.emplace_back("x-amz-trailer", trailer_name(*plan_.checksums.trailer));
    request.headers.emplace_back("x-amz-decoded-content-length", std::to_string(*plan_.size_bytes));
    std::string coding = "aws-chunked";
    std::erase_if(request.headers, [&](const transfer::HeaderPair& header) {
      if (header.first != "content-encoding") return false;
      coding += "," + header.second;
      return true;
    });
    request.headers.emplace_back("content-encoding", coding);
  } else if (call_.auth.payload.kind == s3::PayloadKind::kHashed) {
    request.content_sha256 = to_hex(call_.auth.payload.sha256);
  }
}

io::Task<S3Result<size_t>> UploadBody::receive(MutableBytes into) {
  const Result<size_t> got = co_await call_.exchange.receive_body(into);
  if (!got) co_return std::unexpected(s3::body_error(call_, got.error()));
  if (!plan_.decoder) co_return *got;
  // The framing is taken out in place.
  size_t kept_bytes = 0;
  BytesView rest = into.first(*got);
  while (!rest.empty()) {
    const s3::AwsChunkedDecoder::Step step = co_await or_fail(plan_.decoder->next(rest));
    std::memmove(into.data() + kept_bytes, step.data.data(), step.data.size());
    kept_bytes += step.data.size();
    rest = rest.subspan(step.consumed_bytes);
  }
  if (*got < into.size()) {
    co_await or_fail(plan_.decoder->finish());
    is_whole_ = true;
  }
  co_return kept_bytes;
}

S3Status UploadBody::compare() {
  object::BodyDigests found;
  found.size_bytes = received_bytes_;
  for (size_t i = 0; i < digests_.size(); ++i) {
    const DigestKind kind = digests_[i]->kind();
    if (kind == DigestKind::kMd5) found.md5 = values_[i];
    if (kind == DigestKind::kSha256) found.sha256 = values_[i];
    found.extra.emplace_back(kind, values_[i]);
  }
  const S3Result<object::ExpectedBody> checked = s3::check_received(call_, plan_, found);
  if (!checked) return std::unexpected(checked.error());
  return {};
}

// The body's last byte is here: what is behind it is read, and everything compared.
io::Task<S3Status> UploadBody::finish() {
  std::array<uint8_t, 4096> behind{};
  while (plan_.decoder && !is_whole_) {
    S3Result<size_t> got = co_await receive(behind);
    const size_t more = co_await or_fail(std::move(got));
    received_bytes_ += more;
    if (more > 0) break;
  }
  is_whole_ = true;
  for (const std::unique_ptr<Digest>& digest : digests_) values_.push_back(digest->finish());
  co_return compare();
}

void UploadBody::frame(size_t size_bytes) {
  framed_.clear();
  const auto append = [this](std::string_view text) {
    framed_.insert(framed_.end(), text.begin(), text.end());
  };
  if (size_bytes > 0) {
    append(chunk_line(size_bytes));
    framed_.insert(framed_.end(), piece_.begin(),
                   piece_.begin() + static_cast<ptrdiff_t>(size_bytes));
    append("\r\n");
  }
  if (is_whole_) {
    const DigestKind kind = *plan_.checksums.trailer;
    for (size_t i = 0; i < digests_.size(); ++i) {
      if (digests_[i]->kind() == kind) append(trailer_text(kind, s3::encode_checksum(values_[i])));
    }
  }
  std::swap(piece_, framed_);
}

io::Task<S3Status> UploadBody::fill() {
  if (!has_begun_) {
    has_begun_ = true;
    const Status continued = co_await call_.exchange.send_continue();
    if (!continued) co_return std::unexpected(s3::body_error(call_, continued.error()));
  }
  const uint64_t left = *plan_.size_bytes - received_bytes_;
  const size_t wanted = std::min<uint64_t>(left, kUploadPieceBytes);
  piece_.resize(kUploadPieceBytes);
  piece_at_ = 0;
  size_t filled = 0;
  while (filled < wanted && !is_whole_) {
    const MutableBytes into = MutableBytes(piece_).subspan(filled, wanted - filled);
    S3Result<size_t> got = co_await receive(into);
    const size_t count = co_await or_fail(std::move(got));
    if (count == 0 && !plan_.decoder) co_return s3::s3_fail(S3Code::kIncompleteBody);
    for (const std::unique_ptr<Digest>& digest : digests_) digest->update(into.first(count));
    filled += count;
    received_bytes_ += count;
  }
  if (filled < wanted) co_return s3::s3_fail(S3Code::kIncompleteBody);
  if (received_bytes_ == *plan_.size_bytes) {
    const S3Status finished = co_await finish();
    co_await or_fail(finished);
  }
  piece_.resize(filled);
  if (is_framed()) frame(filled);
  co_return S3Status();
}

io::Task<Result<size_t>> UploadBody::read(MutableBytes into) {
  if (failure_) co_return fail(Code::kCancelled, "the client's body failed");
  const bool is_sent = piece_at_ == piece_.size();
  if (is_sent && (!has_begun_ || received_bytes_ < *plan_.size_bytes)) {
    S3Status filled = co_await fill();
    if (!filled) {
      failure_ = std::move(filled.error());
      co_return fail(Code::kCancelled, "the client's body failed");
    }
  }
  const size_t count = std::min(into.size(), piece_.size() - piece_at_);
  std::memcpy(into.data(), piece_.data() + piece_at_, count);
  piece_at_ += count;
  co_return count;
}

bool UploadBody::contradicts(std::string_view etag) {
  if (!is_md5_text(etag) || !is_whole_) return false;
  for (size_t i = 0; i < digests_.size(); ++i) {
    if (digests_[i]->kind() == DigestKind::kMd5) return etag != to_hex(values_[i].view());
  }
  return false;
}

}  // namespace cairn::gateway
