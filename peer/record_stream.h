// A TLS 1.3 connection after its handshake, with records that are sealed from where bytes lie and
// opened to where they shall be (crypto/tls_record.h): one pass over the bytes at each end and no
// copy, where OpenSSL makes three. On the wire it is TLS like any other.
//
// Thread rule: as every Stream.
#pragma once

#include "crypto/tls_record.h"
#include "io/stream.h"
#include "io/sync.h"
#include "io/tls_handover.h"

namespace cairn::peer {

// Null where the processor or the build has no RecordProtection: OpenSSL goes on then.
io::TlsTakeover record_takeover();

class RecordStream final : public io::Stream {
 public:
  explicit RecordStream(io::TlsHandover handover);

  io::Task<Result<size_t>> receive(MutableBytes into, io::Until until) override;
  io::Task<Result<size_t>> receive_full(MutableBytes into, io::Until until) override;
  io::Task<Result<Buffer>> receive_some(io::Until until) override;
  io::Task<Status> send(std::span<const BytesView> pieces, io::Until until, bool more) override;
  io::Task<Status> end_sending() override;
  io::Task<void> close() override;
  const io::Endpoint& peer() const override { return transport_->peer(); }
  bool is_encrypted() const override { return true; }

 private:
  // A whole record that was received, or nothing. kIo for what is none.
  Result<BytesView> next_record() const;
  BytesView ciphertext() const { return in_.view(in_begin_, in_.size() - in_begin_); }
  BytesView plaintext() const { return plain_.view(plain_begin_, plain_.size() - plain_begin_); }
  size_t take_plaintext(MutableBytes into);
  void consume(size_t record_bytes);
  // Opens the next record, which is there, into `into` when it fits and aside when it does not.
  // How many bytes `into` got.
  io::Task<Result<size_t>> open_next(BytesView record, MutableBytes into, io::Until until);
  io::Task<Status> take_message(crypto::RecordType type, Bytes message, io::Until until);
  // More ciphertext, as much as may belong to `wanted_bytes` of plaintext.
  io::Task<Status> pull(size_t wanted_bytes, io::Until until);
  // REQUIRES: the turn is the caller's.
  io::Task<Status> send_record(crypto::RecordType type, BytesView message, io::Until until);
  io::Task<Status> update_sending(bool ask_for_theirs, io::Until until);

  std::unique_ptr<io::Stream> transport_;
  crypto::RecordProtection sealing_;
  crypto::RecordProtection opening_;
  io::Mutex turn_;  // Of sending: records reach the wire in the order in which they were sealed.
  Buffer in_;       // Ciphertext; in_[in_begin_..] is not opened yet.
  size_t in_begin_ = 0;
  Buffer plain_;  // Of a record that did not fit; plain_[plain_begin_..] is not taken yet.
  size_t plain_begin_ = 0;
  bool ended_ = false;  // The other end said that no more comes.
  bool failed_ = false;
};

}  // namespace cairn::peer
