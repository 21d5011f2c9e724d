#include "peer/door.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "crypto/crc64.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/sync.h"
#include "peer/limits.h"

namespace cairn::peer {
namespace {

using storage::SealedRead;

// A read, and the clock that tells when the asker has to hear something.
struct Reading {
  std::optional<Result<SealedRead>> result;
  io::StopSource stop;
  io::Event changed;
};

io::Task<void> run(io::Task<Result<SealedRead>> read, Reading& reading) {
  Result<SealedRead> result = co_await std::move(read);
  reading.result.emplace(std::move(result));
  reading.changed.set();
}

io::Task<void> tick(Reading& reading) {
  while (!reading.result && !reading.stop.requested()) {
    static_cast<void>(co_await io::sleep_for(kHeartbeat, reading.stop.token()));
    reading.changed.set();
  }
}

storage::ReadOptions options_of(const Question& question) {
  storage::ReadOptions options;
  options.from_peer = true;
  options.pin = question.pin;
  options.urgency = question.urgency;
  return options;
}

AnswerHead head_of(const Result<SealedRead>& read, size_t owners_count, bool is_warming) {
  AnswerHead head;
  if (!read) {
    const bool absent = read.error().code == Code::kNotFound;
    head.outcome = absent ? AnswerHead::Outcome::kAbsent : AnswerHead::Outcome::kFailed;
    return head;
  }
  head.outcome = AnswerHead::Outcome::kBytes;
  head.owners_count = static_cast<uint8_t>(owners_count);
  head.header_bytes = static_cast<uint16_t>(read->header.size());
  head.payload_bytes = read->payload_bytes;
  head.checksum = crypto::crc64_nvme(0, read->header);
  if (is_warming) return head;
  head.data_bytes = static_cast<uint32_t>(read->payload.size());
  head.checksum = crypto::crc64_nvme(head.checksum, read->payload.view());
  return head;
}

io::Task<void> refuse(http::Exchange& exchange, int status) {
  const http::ResponseHead head(status);
  static_cast<void>(co_await exchange.respond(head));
}

http::ResponseHead reply_head() {
  http::ResponseHead head(200);
  head.add("Content-Type", "application/octet-stream");
  return head;
}

}  // namespace

io::Task<Result<SealedRead>> Door::read(Question question) {
  const storage::ReadOptions options = options_of(question);
  if (question.is_copy) {
    return parts_.tier.read_copy(question.chunk, question.range, options);
  }
  return parts_.front.read(question.chunk, question.range, options);
}

io::Task<Status> Door::send_kept(http::Exchange& exchange, const Question& question,
                                 size_t owners_count) {
  const Keeper::Kept kept = parts_.tier.keeper().find(
      question.chunk, question.range, options_of(question), io::Reactor::current().now());
  const cache::SealedRunPointer& run = kept.run;
  if (run == nullptr) co_return fail(Code::kNotFound, "it is not kept");
  const uint64_t begin = std::min(question.range.offset_bytes, run->chunk_payload_bytes);
  const uint64_t size = std::min(question.range.size_bytes, run->chunk_payload_bytes - begin);
  const uint64_t run_begin = run->key.first_frame * uint64_t{crypto::kFrameBytes};
  // Behind the chunk's end there is nothing to send.
  const bool is_empty = question.warm || size == 0;
  const BytesView data = is_empty ? BytesView() : run->data.view(begin - run_begin, size);
  AnswerHead head;
  head.outcome = AnswerHead::Outcome::kBytes;
  head.owners_count = static_cast<uint8_t>(owners_count);
  head.header_bytes = static_cast<uint16_t>(run->header.size());
  head.data_bytes = static_cast<uint32_t>(data.size());
  head.payload_bytes = run->chunk_payload_bytes;
  // Of a whole block it was made once: so it also tells of bytes that changed in memory since.
  head.checksum = data.size() == run->data.size()
                      ? kept.checksum
                      : crypto::crc64_nvme(crypto::crc64_nvme(0, run->header), data);
  const auto encoded = encode(head);
  const std::array<BytesView, 3> pieces{BytesView(encoded), BytesView(run->header), data};
  const http::ResponseHead reply = reply_head();
  co_await io::or_return(
      exchange.start_response(reply, encoded.size() + run->header.size() + data.size()));
  co_await io::or_return(exchange.send_body(pieces));
  co_await io::or_return(exchange.finish_response());
  Counters::add(parts_.tier.counters().served_bytes, data.size());
  co_return Status();
}

io::Task<Status> Door::send_read(http::Exchange& exchange, const Question& question,
                                 size_t owners_count) {
  Reading reading;
  io::Scope scope;
  scope.spawn(run(read(question), reading));
  if (!reading.result) scope.spawn(tick(reading));
  const http::ResponseHead reply = reply_head();
  Status sent = co_await exchange.start_response(reply, std::nullopt);
  while (!reading.result) {
    if (sent) sent = co_await exchange.send_body(BytesView(&kWaitMark, 1));
    if (!reading.result) co_await reading.changed.wait();
    reading.changed.reset();
  }
  reading.stop.request();
  co_await scope.join();
  if (!sent) co_return sent;
  const Result<SealedRead>& read = *reading.result;
  const AnswerHead head = head_of(read, owners_count, question.warm);
  const auto encoded = encode(head);
  std::array<BytesView, 3> pieces{BytesView(encoded), BytesView(), BytesView()};
  if (read) pieces[1] = read->header;
  if (read && head.data_bytes > 0) pieces[2] = read->payload.view();
  co_await io::or_return(exchange.send_body(pieces));
  co_await io::or_return(exchange.finish_response());
  Counters::add(parts_.tier.counters().served_bytes, head.data_bytes);
  co_return Status();
}

io::Task<void> Door::serve(http::Exchange& exchange, Question question) {
  const cluster::ChunkKey key = placement_key(question.chunk.bytes);
  const size_t nodes_count = parts_.tier.peers().now()->members.owners().size();
  const size_t most = std::clamp<size_t>(nodes_count, 1, kOwnersMax);
  const uint64_t size_bytes = question.warm ? 0 : question.range.size_bytes;
  const size_t owners_count = parts_.heat.ask(key, size_bytes, most, io::Reactor::current().now());
  Counters::add(parts_.tier.counters().served);
  if (owners_count > 1) Counters::add(parts_.tier.counters().copies_told);
  Status sent = co_await send_kept(exchange, question, owners_count);
  if (!sent && !exchange.response_started()) {
    sent = co_await send_read(exchange, question, owners_count);
  }
  parts_.heat.done(key, size_bytes);
}

io::Task<void> Door::handle(http::Exchange& exchange) {
  const http::RequestHead& head = exchange.head();
  if (!exchange.is_encrypted()) {
    co_await refuse(exchange, 403);
    co_return;
  }
  if (is_control_path(head.path)) {
    co_await answer_control(exchange, parts_.inventory, parts_.tier.counters());
    co_return;
  }
  const std::optional<Question> question =
      head.method == "GET" ? parse_question(head.path, head.query) : std::nullopt;
  if (!question) {
    Counters::add(parts_.tier.counters().refused);
    co_await refuse(exchange, head.path.starts_with(kChunksPath) ? 400 : 404);
    co_return;
  }
  co_await serve(exchange, *question);
}

}  // namespace cairn::peer
