#include "gateway/link.h"

#include "base/log.h"
#include "gateway/limits.h"
#include "gateway/range_runs.h"
#include "io/reactor.h"

namespace cairn::gateway {

using transfer::Failure;
using transfer::S3Result;

namespace {

http::ClientOptions http_options() {
  http::ClientOptions options;
  options.user_agent = "cairn-gateway";
  options.connections_per_host_max = kConnectionsMax;
  options.connect_timeout = seconds(4);
  // Of the longest work; questions have deadlines of their own.
  options.head_timeout = kWorkPatience;
  options.stall_timeout = seconds(15);
  options.retry.attempts_max = 3;
  options.retry.backoff_max = seconds(1);
  options.retry.retry_after_max = seconds(2);
  return options;
}

// Clients that are told when the upstream is tried again come back then, and not before.
Failure refusal(Duration pause) {
  Failure failure(
      Error{Code::kUnavailable, "the upstream does not answer; it is tried again in seconds"});
  const int64_t whole_seconds = pause.nanoseconds / seconds(1).nanoseconds + 1;
  failure.headers.emplace_back("retry-after", std::to_string(whole_seconds));
  return failure;
}

uint64_t next_number() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

bool means_trouble(const Failure& failure) {
  return failure.status == 0 || (failure.status >= 500 && failure.status != 501) ||
         failure.status == 429;
}

}  // namespace

struct Link::Lane {
  io::Reactor& reactor;
  std::unique_ptr<transfer::S3Client> client;
  std::unique_ptr<RangeRuns> runs;

  io::Task<void> close() {
    co_await runs->close();
    co_await client->close();
  }
};

Link::Link(LinkPlace place, Settings settings, std::string secret, io::Network& network,
           Random& random)
    : number_(next_number()),
      place_(std::move(place)),
      settings_(std::move(settings)),
      secret_(std::move(secret)),
      network_(network),
      random_(random) {}

Link::~Link() = default;

bool Link::shares_server_with(const Link& other) const {
  return settings_.endpoint == other.settings_.endpoint &&
         settings_.region == other.settings_.region &&
         settings_.access_key == other.settings_.access_key;
}

Result<Link::Lane*> Link::lane() {
  io::Reactor& reactor = io::Reactor::current();
  const std::lock_guard guard(mutex_);
  std::unique_ptr<Lane>& lane = lanes_[reactor.index()];
  if (lane == nullptr) {
    transfer::S3ClientOptions options;
    options.endpoint = settings_.endpoint;
    options.identity.access_key = settings_.access_key;
    options.identity.secret = secret_;
    options.identity.region = settings_.region;
    options.addressing = settings_.addressing;
    options.ca_path = settings_.ca_path;
    options.send_crc64 = false;  // What the clients say of their bodies is passed on.
    options.http = http_options();
    auto made = transfer::S3Client::create(std::move(options), network_, random_);
    if (!made) return std::unexpected(made.error());
    lane = std::make_unique<Lane>(reactor, std::move(*made), std::make_unique<RangeRuns>());
  }
  return lane.get();
}

Result<RangeRuns*> Link::runs() {
  const Result<Lane*> made = lane();
  if (!made) return std::unexpected(made.error());
  return (*made)->runs.get();
}

io::Task<S3Result<http::ClientResponse>> Link::send(Request request, io::Until until,
                                                    std::function<bool()> is_senders_fault) {
  if (!breaker_.admit(io::Reactor::current().now())) {
    LinkCounters::add(counters_.refused);
    co_return std::unexpected(refusal(breaker_.pause_left(io::Reactor::current().now())));
  }
  const Result<Lane*> made = lane();
  if (!made) co_return std::unexpected(Failure(made.error()));
  request.bucket = settings_.bucket;
  LinkCounters::add(counters_.requests);
  S3Result<http::ClientResponse> answer =
      co_await (*made)->client->forward(std::move(request), until);
  const bool is_ours = !answer && is_senders_fault && is_senders_fault();
  // Who takes a body is there.
  note(answer || is_ours ? nullptr : &answer.error());
  co_return answer;
}

void Link::note(const Failure* failure) {
  if (failure != nullptr && failure->error.code == Code::kCancelled) return;
  if (failure == nullptr || !means_trouble(*failure)) {
    breaker_.on_success();
    return;
  }
  note_trouble(*failure);
}

void Link::note_trouble(const Failure& failure) {
  LinkCounters::add(counters_.failures);
  if (!breaker_.on_failure(io::Reactor::current().now())) return;
  log::error("gateway.upstream_down", {{"bucket", std::string_view(place_.bucket_name)},
                                       {"message", std::string_view(failure.error.message)}});
}

io::Task<void> Link::close() {
  std::map<int, std::unique_ptr<Lane>> lanes;
  {
    const std::lock_guard guard(mutex_);
    lanes = std::move(lanes_);
    lanes_.clear();
  }
  for (const auto& [index, lane] : lanes) {
    co_await io::run_on(lane->reactor, lane->close());
  }
}

}  // namespace cairn::gateway
