#include "peer/record_stream.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "io/reactor.h"
#include "io/tls.h"

namespace cairn::peer {
namespace {

using crypto::RecordType;

// What is sealed before the socket is written: with what records add, one buffer of 256 KiB, which
// the second level of a core's cache holds beside what it is made of.
constexpr size_t kRecordsPerBatch = 15;
constexpr size_t kBatchBytesMax = kRecordsPerBatch * crypto::kRecordPlainBytesMax;
// Parts of one record; pieces of which more are tiny end a record early.
constexpr size_t kPartsPerRecordMax = 8;
constexpr size_t kReceiveBytesMax = 256 * KiB;
// Records that carry no data; more of them in a row are no conversation.
constexpr int kMessagesInARowMax = 16;

// RFC 8446 section 6 and appendix B.3.
constexpr uint8_t kAlertWarning = 1;
constexpr uint8_t kCloseNotify = 0;
constexpr uint8_t kUserCanceled = 90;
constexpr uint8_t kNewSessionTicket = 4;
constexpr uint8_t kKeyUpdate = 24;
constexpr size_t kMessageHeadBytes = 4;

size_t sealed_bytes(size_t plain_bytes) {
  const size_t records =
      (plain_bytes + crypto::kRecordPlainBytesMax - 1) / crypto::kRecordPlainBytesMax;
  return plain_bytes + records * crypto::kRecordOverheadBytes;
}

// Memory of a connection under way never waits for the pool: what fills it may wait for this one.
Buffer own_buffer(size_t size_bytes) {
  Result<Buffer> buffer = io::Reactor::current().buffers().try_acquire(size_bytes);
  return buffer ? std::move(*buffer) : Buffer::allocate(size_bytes);
}

// Walks pieces a record at a time.
class Parts {
 public:
  explicit Parts(std::span<const BytesView> pieces) : pieces_(pieces) { skip_empty(); }
  bool empty() const { return pieces_.empty(); }
  // The parts of the next record, of `most_bytes` at most.
  std::span<const BytesView> next(size_t most_bytes) {
    size_t count = 0;
    while (!pieces_.empty() && most_bytes > 0 && count < parts_.size()) {
      const BytesView rest = pieces_.front().subspan(taken_);
      const BytesView part = rest.first(std::min(rest.size(), most_bytes));
      parts_[count++] = part;
      most_bytes -= part.size();
      taken_ += part.size();
      skip_empty();
    }
    return std::span(parts_).first(count);
  }

 private:
  void skip_empty() {
    while (!pieces_.empty() && pieces_.front().size() == taken_) {
      pieces_ = pieces_.subspan(1);
      taken_ = 0;
    }
  }
  std::span<const BytesView> pieces_;
  size_t taken_ = 0;  // Of the first.
  std::array<BytesView, kPartsPerRecordMax> parts_;
};

size_t size_of(std::span<const BytesView> pieces) {
  size_t size_bytes = 0;
  for (const BytesView piece : pieces) size_bytes += piece.size();
  return size_bytes;
}

}  // namespace

io::TlsTakeover record_takeover() {
  if (!crypto::RecordProtection::works()) return {};
  return [](io::TlsHandover handover) -> std::unique_ptr<io::Stream> {
    auto stream = std::make_unique<RecordStream>(std::move(handover));
    return stream;
  };
}

RecordStream::RecordStream(io::TlsHandover handover)
    : transport_(std::move(handover.transport)),
      sealing_(handover.send_secret),
      opening_(handover.receive_secret),
      in_(std::move(handover.received)) {
  OPENSSL_cleanse(handover.send_secret.data(), handover.send_secret.size());
  OPENSSL_cleanse(handover.receive_secret.data(), handover.receive_secret.size());
}

Result<BytesView> RecordStream::next_record() const {
  const BytesView there = ciphertext();
  if (there.size() < crypto::kRecordHeaderBytes) return BytesView();
  const std::optional<size_t> size = crypto::RecordProtection::record_bytes(there);
  if (!size) return fail(Code::kIo, "TLS receive failed: not a record");
  return there.size() < *size ? BytesView() : there.first(*size);
}

size_t RecordStream::take_plaintext(MutableBytes into) {
  const size_t taken = std::min(into.size(), plaintext().size());
  std::copy_n(plaintext().begin(), taken, into.begin());
  plain_begin_ += taken;
  if (plaintext().empty()) {
    plain_ = Buffer();
    plain_begin_ = 0;
  }
  return taken;
}

void RecordStream::consume(size_t record_bytes) {
  in_begin_ += record_bytes;
  if (in_begin_ < in_.size()) return;
  in_ = Buffer();  // An idle connection holds no memory.
  in_begin_ = 0;
}

io::Task<Result<size_t>> RecordStream::open_next(BytesView record, MutableBytes into,
                                                 io::Until until) {
  const size_t room_bytes = record.size() - crypto::kRecordOverheadBytes;
  const bool fits = into.size() >= room_bytes;
  Buffer aside;
  if (!fits) {
    aside = own_buffer(room_bytes);
    aside.resize(room_bytes);
  }
  const MutableBytes to = fits ? into : aside.span();
  const auto opened = opening_.open(record, to);
  consume(record.size());
  if (!opened) {
    failed_ = true;
    co_return fail(Code::kIo, "TLS receive failed: a record does not verify");
  }
  if (opened->type != RecordType::kData) {
    const MutableBytes message = to.first(opened->size_bytes);
    co_await io::or_return(
        take_message(opened->type, Bytes(message.begin(), message.end()), until));
    co_return size_t{0};
  }
  if (fits) co_return opened->size_bytes;
  plain_ = std::move(aside);
  plain_.resize(opened->size_bytes);
  co_return take_plaintext(into);
}

io::Task<Status> RecordStream::take_message(RecordType type, Bytes message, io::Until until) {
  if (type == RecordType::kAlert && message.size() == 2) {
    ended_ = message[1] == kCloseNotify;
    if (ended_ || message[1] == kUserCanceled) co_return Status();
    co_return fail(Code::kIo, "TLS receive failed: alert " + std::to_string(message[1]));
  }
  // Several messages may stand in one record; none of these two is ever cut.
  for (BytesView rest = message; type == RecordType::kHandshake && !rest.empty();) {
    if (rest.size() < kMessageHeadBytes) break;
    const size_t size = size_t{rest[1]} << 16 | size_t{rest[2]} << 8 | rest[3];
    if (size > rest.size() - kMessageHeadBytes) break;
    const bool is_update = rest[0] == kKeyUpdate && size == 1 && rest[kMessageHeadBytes] <= 1;
    if (!is_update && rest[0] != kNewSessionTicket) break;
    if (is_update) opening_.update();
    if (is_update && rest[kMessageHeadBytes] == 1) {
      const io::MutexGuard turn = co_await turn_.lock();
      co_await io::or_return(update_sending(false, until));
    }
    rest = rest.subspan(kMessageHeadBytes + size);
    if (rest.empty()) co_return Status();
  }
  failed_ = true;
  co_return fail(Code::kIo, "TLS receive failed: an unexpected message");
}

io::Task<Status> RecordStream::pull(size_t wanted_bytes, io::Until until) {
  const BytesView begun = ciphertext();
  if (begun.empty() && wanted_bytes <= io::kSmallBufferBytes) {
    in_ = co_await io::or_return(transport_->receive_some(until));
    in_begin_ = 0;
    if (!in_.empty()) co_return Status();
    co_return fail(Code::kIo, "the peer cut the TLS connection without close_notify");
  }
  // At least the record that has begun fits.
  const size_t size_bytes =
      std::min(std::max(sealed_bytes(wanted_bytes), crypto::kRecordBytesMax), kReceiveBytesMax);
  if (in_.capacity() < size_bytes) {
    Buffer larger = own_buffer(size_bytes);
    larger.append(begun);
    in_ = std::move(larger);
  } else {
    std::memmove(in_.data(), begun.data(), begun.size());
    in_.resize(begun.size());
  }
  in_begin_ = 0;
  const MutableBytes spare = in_.spare();
  const size_t got = co_await io::or_return(
      transport_->receive(spare.first(std::min(spare.size(), size_bytes)), until));
  if (got == 0) co_return fail(Code::kIo, "the peer cut the TLS connection without close_notify");
  in_.resize(in_.size() + got);
  co_return Status();
}

io::Task<Result<size_t>> RecordStream::receive(MutableBytes into, io::Until until) {
  if (failed_) co_return fail(Code::kIo, "the TLS connection has failed before");
  if (into.empty()) co_return size_t{0};
  size_t filled = take_plaintext(into);
  for (int messages = 0; messages < kMessagesInARowMax && !ended_;) {
    const BytesView record = co_await io::or_return(next_record());
    if (filled == into.size() || (filled > 0 && record.empty())) break;
    if (record.empty()) {
      co_await io::or_return(pull(into.size(), until));
      continue;
    }
    const size_t opened = co_await io::or_return(open_next(record, into.subspan(filled), until));
    filled += opened;
    messages = opened > 0 ? 0 : messages + 1;
  }
  if (filled == 0 && !ended_) co_return fail(Code::kIo, "TLS receive failed: nothing but messages");
  co_return filled;
}

io::Task<Result<size_t>> RecordStream::receive_full(MutableBytes into, io::Until until) {
  size_t filled = 0;
  while (filled < into.size()) {
    const size_t got = co_await io::or_return(receive(into.subspan(filled), until));
    if (got == 0) break;
    filled += got;
  }
  co_return filled;
}

io::Task<Result<Buffer>> RecordStream::receive_some(io::Until until) {
  // Ciphertext is awaited first, so that an idle connection holds no buffer.
  if (plaintext().empty() && ciphertext().empty() && !ended_ && !failed_) {
    co_await io::or_return(pull(0, until));
  }
  Buffer buffer = co_await io::or_return(
      io::Reactor::current().buffers().acquire(io::kSmallBufferBytes, until));
  buffer.resize(buffer.capacity());
  const size_t got = co_await io::or_return(receive(buffer.span(), until));
  buffer.resize(got);
  co_return buffer;
}

io::Task<Status> RecordStream::send_record(RecordType type, BytesView message, io::Until until) {
  Bytes record(message.size() + crypto::kRecordOverheadBytes);
  const std::array<BytesView, 1> plain{message};
  sealing_.seal(type, plain, record);
  const std::array<BytesView, 1> pieces{record};
  co_return co_await transport_->send(pieces, until);
}

io::Task<Status> RecordStream::update_sending(bool ask_for_theirs, io::Until until) {
  const std::array<uint8_t, kMessageHeadBytes + 1> message{kKeyUpdate, 0, 0, 1,
                                                           static_cast<uint8_t>(ask_for_theirs)};
  co_await io::or_return(send_record(RecordType::kHandshake, message, until));
  sealing_.update();
  co_return Status();
}

io::Task<Status> RecordStream::send(std::span<const BytesView> pieces, io::Until until, bool more) {
  const io::MutexGuard turn = co_await turn_.lock();
  size_t rest_bytes = size_of(pieces);
  Parts parts(pieces);
  while (rest_bytes > 0) {
    if (sealing_.records_count() + kRecordsPerBatch > crypto::kRecordsPerKeyMax) {
      co_await io::or_return(update_sending(true, until));
    }
    const size_t batch_bytes = std::min(rest_bytes, kBatchBytesMax);
    // A record for each full one, and as many as may end early.
    const size_t room_bytes = sealed_bytes(batch_bytes) + (pieces.size() / kPartsPerRecordMax + 1) *
                                                              crypto::kRecordOverheadBytes;
    Buffer out = own_buffer(room_bytes);
    size_t sealed = 0;
    while (sealed < batch_bytes && out.spare().size() > crypto::kRecordOverheadBytes) {
      const size_t most = std::min({batch_bytes - sealed, crypto::kRecordPlainBytesMax,
                                    out.spare().size() - crypto::kRecordOverheadBytes});
      const std::span<const BytesView> record = parts.next(most);
      const size_t plain_bytes = size_of(record);
      const size_t record_bytes = plain_bytes + crypto::kRecordOverheadBytes;
      sealing_.seal(RecordType::kData, record, out.spare().first(record_bytes));
      out.resize(out.size() + record_bytes);
      sealed += plain_bytes;
    }
    rest_bytes -= sealed;
    const std::array<BytesView, 1> wire{out.view()};
    co_await io::or_return(transport_->send(wire, until, more || rest_bytes > 0));
  }
  co_return Status();
}

io::Task<Status> RecordStream::end_sending() {
  {
    const io::MutexGuard turn = co_await turn_.lock();
    const std::array<uint8_t, 2> farewell{kAlertWarning, kCloseNotify};
    const io::Until until{io::Reactor::current().now() + io::kTlsFarewellTimeout};
    co_await io::or_return(send_record(RecordType::kAlert, farewell, until));
  }
  co_return co_await transport_->end_sending();
}

io::Task<void> RecordStream::close() {
  co_await transport_->close();
}

}  // namespace cairn::peer
