#include "catalog/etcd/question_line.h"

#include <array>
#include <utility>

#include "base/assert.h"

namespace cairn::catalog::etcd {
namespace {

RpcReply too_late() {
  return {.code = RpcCode::kDeadlineExceeded, .message = "no answer in time", .body = {}};
}

}  // namespace

io::Task<Status> QuestionLine::connect(size_t endpoint, io::Until until) {
  const std::string& place = access_.endpoints[endpoint];
  const io::Endpoint to = co_await io::or_return(io::Endpoint::parse(place));
  stream_ = co_await io::or_return(io::system_network().connect(to, until));
  if (tls_) {
    std::unique_ptr<io::Stream> plain = std::move(stream_);
    stream_ = co_await io::or_return(io::tls_connect(std::move(plain), tls_, to.host, until));
  }
  open_to_ = endpoint;
  session_ = std::make_unique<RpcSession>(place, tls_ != nullptr);
  co_return Status();
}

io::Task<Status> QuestionLine::flush(io::Until until) {
  output_.clear();
  co_await io::or_return(session_->take_output(output_));
  if (output_.empty()) co_return Status();
  const std::array<BytesView, 1> pieces{as_bytes(output_)};
  co_return co_await stream_->send(pieces, until);
}

io::Task<Result<RpcReply>> QuestionLine::exchange(const Question& question, io::Until until) {
  co_await io::or_return(session_->start(question.method, question.token, question.message));
  co_await io::or_return(flush(until));
  while (!session_->is_answered()) {
    const Buffer received = co_await io::or_return(stream_->receive_some(until));
    if (received.empty()) co_return fail(Code::kIo, "etcd closed the connection");
    co_await io::or_return(session_->take_in(received.view()));
    // What HTTP/2 itself wants to say; nothing, as a rule.
    co_await io::or_return(flush(until));
  }
  co_return session_->take_reply();
}

io::Task<std::optional<RpcReply>> QuestionLine::ask_alone(Question question, Instant deadline) {
  const io::Until until{.deadline = deadline};
  while (true) {
    const bool is_reused = is_open_to(question.endpoint);
    if (!is_reused) {
      co_await close();
      const Status connected = co_await connect(question.endpoint, until);
      if (!connected && connected.error().code == Code::kDeadlineExceeded) co_return too_late();
      if (!connected) co_return std::nullopt;
    }
    Result<RpcReply> reply = co_await exchange(question, until);
    if (reply) co_return std::move(*reply);
    co_await close();
    if (reply.error().code == Code::kDeadlineExceeded) co_return too_late();
    // A connection that was idle may have been closed by the member long ago.
    if (!is_reused) co_return std::nullopt;
  }
}

io::Task<std::optional<RpcReply>> QuestionLine::ask(Question question, Duration timeout) {
  const Instant now = system_clock().now();
  Instant& rested_until = rested_until_[question.endpoint];
  if (is_busy_ || now < rested_until) co_return std::nullopt;
  is_busy_ = true;
  std::optional<RpcReply> reply = co_await ask_alone(std::move(question), now + timeout);
  is_busy_ = false;
  if (!reply) rested_until = system_clock().now() + kLineRest;
  co_return reply;
}

io::Task<void> QuestionLine::close() {
  session_.reset();
  if (stream_) co_await stream_->close();
  stream_.reset();
}

Result<std::unique_ptr<QuestionLines>> QuestionLines::create(const Access& access) {
  std::shared_ptr<const io::TlsContext> tls;
  if (access.use_tls) {
    Result<std::shared_ptr<const io::TlsContext>> made =
        io::TlsContext::client({.ca_path = access.ca_file,
                                .certificate_chain_path = access.certificate_file,
                                .private_key_path = access.key_file,
                                .protocol = "h2"});
    if (!made) return std::unexpected(std::move(made.error()));
    tls = std::move(*made);
  }
  return std::unique_ptr<QuestionLines>(new QuestionLines(access, std::move(tls)));
}

QuestionLines::~QuestionLines() {
  for (const Place& place : places_) ASSERT(place.line == nullptr);
}

QuestionLine& QuestionLines::line_here() {
  io::Reactor& reactor = io::Reactor::current();
  const auto index = static_cast<size_t>(reactor.index());
  const std::lock_guard lock(mutex_);
  if (places_.size() <= index) places_.resize(index + 1);
  Place& place = places_[index];
  if (!place.line) {
    place = {.reactor = &reactor, .line = std::make_unique<QuestionLine>(access_, tls_)};
  }
  ASSERT(place.reactor == &reactor);
  return *place.line;
}

io::Task<std::optional<RpcReply>> QuestionLines::ask(Question question, Duration timeout) {
  co_return co_await line_here().ask(std::move(question), timeout);
}

io::Task<void> QuestionLines::close() {
  std::vector<Place> places;
  {
    const std::lock_guard lock(mutex_);
    places.swap(places_);
  }
  for (const Place& place : places) {
    if (place.line) co_await io::run_on(*place.reactor, place.line->close());
  }
}

}  // namespace cairn::catalog::etcd
