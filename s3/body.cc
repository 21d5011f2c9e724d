#include "s3/body.h"

#include <cstring>
#include <utility>

#include "base/encoding.h"
#include "crypto/digest.h"

namespace cairn::s3 {
namespace {

using crypto::DigestKind;
using crypto::DigestValue;

constexpr size_t kDocumentStepBytes = 16 * KiB;

crypto::Sha256Value to_sha256(const DigestValue& value) {
  crypto::Sha256Value out{};
  std::memcpy(out.data(), value.view().data(), out.size());
  return out;
}

S3Status check_document(const Call& call, const BodyChecksums& claimed) {
  const BytesView body = as_bytes(call.document);
  if (call.auth.payload.kind == PayloadKind::kHashed) {
    const crypto::Sha256Value computed = crypto::sha256(body);
    if (computed != call.auth.payload.sha256) {
      return std::unexpected(content_sha256_mismatch(call.auth.payload.sha256, computed));
    }
  }
  if (claimed.content_md5) {
    const DigestValue computed = crypto::digest_of(DigestKind::kMd5, body);
    if (computed != *claimed.content_md5) {
      return std::unexpected(content_md5_mismatch(*claimed.content_md5, computed));
    }
  }
  if (claimed.header) {
    const DigestValue computed = crypto::digest_of(claimed.header->kind, body);
    if (computed != claimed.header->value) {
      return std::unexpected(checksum_mismatch(
          claimed.header->kind, encode_checksum(claimed.header->value), encode_checksum(computed)));
    }
  }
  return {};
}

// Receives a body without inner framing straight into the writer's memory.
io::Task<S3Status> receive_raw(Call& call, object::ObjectWriter& writer, uint64_t size_bytes_max) {
  uint64_t received_bytes = 0;
  const std::optional<uint64_t> announced = call.exchange.body_size();
  while (!announced || received_bytes < *announced) {
    Result<MutableBytes> space = co_await writer.next_space();
    if (!space) co_return std::unexpected(translate(call, space.error()));
    const Result<size_t> got = co_await call.exchange.receive_body(*space);
    if (!got) co_return std::unexpected(body_error(call, got.error()));
    received_bytes += *got;
    if (received_bytes > size_bytes_max) co_return s3_fail(S3Code::kEntityTooLarge);
    const Status advanced = co_await writer.advance(*got);
    if (!advanced) co_return std::unexpected(translate(call, advanced.error()));
    if (*got < space->size()) break;
  }
  co_return S3Status();
}

// Removes the framing from `bytes` in place; returns how many data bytes are left at the front.
S3Result<size_t> decode_in_place(AwsChunkedDecoder& decoder, MutableBytes bytes) {
  size_t kept_bytes = 0;
  BytesView rest = bytes;
  while (!rest.empty()) {
    const S3Result<AwsChunkedDecoder::Step> step = decoder.next(rest);
    if (!step) return std::unexpected(step.error());
    if (!step->data.empty()) {
      std::memmove(bytes.data() + kept_bytes, step->data.data(), step->data.size());
      kept_bytes += step->data.size();
    }
    rest = rest.subspan(step->consumed_bytes);
  }
  return kept_bytes;
}

// Receives an aws-chunked body: the framing is taken out inside the writer's memory.
io::Task<S3Status> receive_framed(Call& call, object::ObjectWriter& writer,
                                  AwsChunkedDecoder& decoder) {
  for (;;) {
    Result<MutableBytes> space = co_await writer.next_space();
    if (!space) co_return std::unexpected(translate(call, space.error()));
    const Result<size_t> got = co_await call.exchange.receive_body(*space);
    if (!got) co_return std::unexpected(body_error(call, got.error()));
    const size_t data_bytes = co_await or_fail(decode_in_place(decoder, space->first(*got)));
    const Status advanced = co_await writer.advance(data_bytes);
    if (!advanced) co_return std::unexpected(translate(call, advanced.error()));
    if (*got < space->size()) break;
  }
  co_return decoder.finish();
}

io::Task<S3Result<object::ExpectedBody>> receive_and_check(Call& call, UploadPlan& plan,
                                                           object::ObjectWriter& writer) {
  const Status continued = co_await call.exchange.send_continue();
  if (!continued) co_return std::unexpected(body_error(call, continued.error()));
  S3Status received;
  if (plan.decoder) {
    received = co_await receive_framed(call, writer, *plan.decoder);
  } else {
    received = co_await receive_raw(call, writer, object::kObjectBytesMax);
  }
  if (!received) co_return std::unexpected(received.error());
  const Result<object::BodyDigests> digests = co_await writer.digests();
  if (!digests) co_return std::unexpected(translate(call, digests.error()));
  co_return check_received(call, plan, *digests);
}

}  // namespace

S3Error body_error(const Call& call, const Error& error) {
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kClosed: return S3Error{S3Code::kIncompleteBody, {}, {}};
    case Code::kDeadlineExceeded: return S3Error{S3Code::kRequestTimeout, {}, {}};
    case Code::kIo:  // The connection broke: nobody reads this, and it is no failure of ours.
    case Code::kCancelled: return S3Error{S3Code::kServiceUnavailable, {}, {}};
    default: return translate(call, error);
  }
}

S3Result<object::ExpectedBody> check_received(const Call& call, const UploadPlan& plan,
                                              const object::BodyDigests& digests) {
  object::ExpectedBody expected;
  expected.size_bytes = plan.size_bytes;
  if (plan.size_bytes && *plan.size_bytes != digests.size_bytes) {
    return s3_fail(S3Code::kIncompleteBody);
  }
  if (call.auth.payload.kind == PayloadKind::kHashed) {
    expected.sha256 = DigestValue(call.auth.payload.sha256);
    if (*expected.sha256 != digests.sha256) {
      return std::unexpected(
          content_sha256_mismatch(call.auth.payload.sha256, to_sha256(digests.sha256)));
    }
  }
  if (plan.checksums.content_md5) {
    expected.md5 = plan.checksums.content_md5;
    if (*expected.md5 != digests.md5) {
      return std::unexpected(content_md5_mismatch(*expected.md5, digests.md5));
    }
  }
  std::vector<ClaimedChecksum> claims;
  if (plan.checksums.header) claims.push_back(*plan.checksums.header);
  if (plan.decoder) {
    S3Result<std::optional<ClaimedChecksum>> trailer =
        trailer_checksum(plan.checksums, plan.decoder->trailers());
    if (!trailer) return std::unexpected(trailer.error());
    if (*trailer) claims.push_back(**trailer);
  }
  for (const ClaimedChecksum& claim : claims) {
    const DigestValue* computed = digests.find(claim.kind);
    if (computed == nullptr) return s3_fail(S3Code::kInternalError);
    if (*computed != claim.value) {
      return std::unexpected(
          checksum_mismatch(claim.kind, encode_checksum(claim.value), encode_checksum(*computed)));
    }
    expected.checksums.emplace_back(claim.kind, claim.value);
  }
  return expected;
}

io::Task<S3Status> read_document(Call& call) {
  const size_t limit_bytes = call.route->body_bytes_max;
  BodyChecksums claimed;
  if (!call.route->checksums_of_object) {
    claimed = co_await or_fail(parse_body_checksums(call.view));
  }
  if (call.exchange.body_size().value_or(0) > limit_bytes) {
    co_return s3_fail(S3Code::kMaxMessageLengthExceeded);
  }
  const Status continued = co_await call.exchange.send_continue();
  if (!continued) co_return std::unexpected(body_error(call, continued.error()));
  size_t filled_bytes = 0;
  for (;;) {
    call.document.resize(filled_bytes + kDocumentStepBytes);
    const MutableBytes into(reinterpret_cast<uint8_t*>(call.document.data()) + filled_bytes,
                            kDocumentStepBytes);
    const Result<size_t> got = co_await call.exchange.receive_body(into);
    if (!got) co_return std::unexpected(body_error(call, got.error()));
    filled_bytes += *got;
    if (filled_bytes > limit_bytes) co_return s3_fail(S3Code::kMaxMessageLengthExceeded);
    if (*got < kDocumentStepBytes) break;
  }
  call.document.resize(filled_bytes);
  co_return check_document(call, claimed);
}

S3Result<UploadPlan> plan_upload(const Call& call, uint64_t size_bytes_max) {
  UploadPlan plan;
  S3Result<BodyChecksums> checksums = parse_body_checksums(call.view);
  if (!checksums) return std::unexpected(checksums.error());
  plan.checksums = std::move(*checksums);
  const http::RequestHead& head = call.exchange.head();
  if (call.auth.payload.is_streaming()) {
    const S3Result<uint64_t> decoded_bytes = decoded_content_length(call.view);
    if (!decoded_bytes) return std::unexpected(decoded_bytes.error());
    plan.size_bytes = *decoded_bytes;
    std::optional<std::string> trailer;
    if (plan.checksums.trailer) {
      trailer = "x-amz-checksum-" + std::string(checksum_header_suffix(*plan.checksums.trailer));
    }
    S3Result<AwsChunkedDecoder> decoder = AwsChunkedDecoder::create(
        call.auth.payload, *decoded_bytes, call.auth.chunk_signing, std::move(trailer));
    if (!decoder) return std::unexpected(decoder.error());
    plan.decoder = std::move(*decoder);
  } else if (!head.is_chunked) {
    if (!head.content_length) return s3_fail(S3Code::kMissingContentLength);
    plan.size_bytes = *head.content_length;
  }
  if (plan.size_bytes.value_or(0) > size_bytes_max) {
    return s3_fail(S3Code::kEntityTooLarge, {},
                   {{"ProposedSize", std::to_string(*plan.size_bytes)},
                    {"MaxSizeAllowed", std::to_string(size_bytes_max)}});
  }
  return plan;
}

io::Task<S3Result<object::ObjectInfo>> receive_object(
    Call& call, UploadPlan plan, std::unique_ptr<object::ObjectWriter> writer) {
  S3Result<object::ExpectedBody> expected = co_await receive_and_check(call, plan, *writer);
  if (!expected) {
    co_await writer->abort();
    co_return std::unexpected(std::move(expected.error()));
  }
  Result<object::ObjectInfo> stored = co_await writer->finish(std::move(*expected));
  co_return translated(call, std::move(stored));
}

}  // namespace cairn::s3
