// Property: whoever waits for a revision that was made elsewhere in the store is told of it, though
// no event of it ever comes: also when a request for progress is not answered, as by a member whose
// watch has not caught up, or is answered with a revision before that one.
// Method: an etcd in memory whose watch answers as the test says.
#include <gtest/gtest.h>

#include "catalog/etcd/mirror.h"
#include "tests/support/fake_etcd.h"
#include "tests/support/temporary_directory.h"

namespace cairn::catalog::etcd {
namespace {

using testing_support::FakeEtcd;
using testing_support::FakeTransport;

constexpr Duration kLong = seconds(60);

// Of a prefix in which nothing happens.
class QuietWatch final : public WatchStream {
 public:
  // The revision that each request for progress is answered with; 0 = none.
  using Answer = std::function<int64_t()>;
  explicit QuietWatch(Answer answer) : answer_(std::move(answer)) {}

  Result<std::optional<std::string>> next(Duration wait) override {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::nanoseconds(wait.nanoseconds),
                   [this] { return is_cancelled_ || !messages_.empty(); });
    if (is_cancelled_) return fail(Code::kUnavailable, "cancelled");
    if (messages_.empty()) return std::optional<std::string>();
    std::string message = std::move(messages_.front());
    messages_.pop_front();
    return std::optional(std::move(message));
  }
  void send(std::string /*request*/) override {
    const int64_t revision = answer_();
    if (revision == 0) return;
    proto::etcd::WatchResponse message;
    message.mutable_header()->set_revision(revision);
    message.set_watch_id(-1);
    const std::lock_guard lock(mutex_);
    messages_.push_back(message.SerializeAsString());
    wake_.notify_all();
  }
  void cancel() override {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    wake_.notify_all();
  }

 private:
  const Answer answer_;
  std::mutex mutex_;  // Guards the rest.
  std::condition_variable wake_;
  std::deque<std::string> messages_;
  bool is_cancelled_ = false;
};

// What a mirror that is asked to reach a foreign revision says, when the n-th request of each
// stream is answered with `answer(n)`.
Status reach(FakeEtcd& etcd, std::function<int64_t(int)> answer) {
  const testing_support::TemporaryDirectory directory;
  EtcdMetrics metrics;
  etcd.streams_by([answer](const std::string&) {
    return std::make_unique<QuietWatch>([answer, count = 0]() mutable { return answer(++count); });
  });
  const std::unique_ptr<Client> client = FakeTransport::client(etcd, metrics);
  Mirror mirror({.directory = directory.path() + "/mirror", .block_cache_bytes = 1 << 20},
                Layout("p"), *client, metrics);
  Status done = mirror.start(system_clock().now() + kLong);
  if (!done) return done;
  const auto reactor = std::move(io::Reactor::create({}).value());
  etcd.raise_revision(2);
  // Longer than a stream that brings nothing is kept, so that another one is no way out.
  done = reactor->run(mirror.reach(etcd.revision(), system_clock().now() + seconds(4)));
  mirror.stop();
  return done;
}

TEST(EtcdMirror, AsksAgainWhenNoAnswerComes) {
  FakeEtcd etcd;
  const Status done = reach(etcd, [&](int count) { return count < 3 ? 0 : etcd.revision(); });
  EXPECT_TRUE(done) << done.error().message;
}

TEST(EtcdMirror, AsksAgainWhenTheAnswerIsTooOld) {
  FakeEtcd etcd;
  const Status done =
      reach(etcd, [&](int count) { return count < 3 ? etcd.revision() - 1 : etcd.revision(); });
  EXPECT_TRUE(done) << done.error().message;
}

}  // namespace
}  // namespace cairn::catalog::etcd
