// An etcd of one member in memory, behind the interface that the catalog's client calls it through:
// for tests that lose answers, hold requests back and deliver them late, which no real etcd does on
// demand. What a test does not touch is answered as etcd answers it: ranges, puts, deletes and
// transactions with their compares.
//
// Answers come from a thread of its own, as gRPC's do. Thread rule: any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "catalog/etcd/client.h"
#include "proto/etcd.pb.h"

namespace cairn::testing_support {

// The members' memory, which a test may look into.
class FakeEtcd {
 public:
  // What becomes of a request.
  enum class Fate : unsigned char { kAnswered, kRequestLost, kAnswerLost, kRequestRefused };
  using Judge = std::function<Fate(std::string_view method, const std::string& request)>;
  using StreamMaker = std::function<std::unique_ptr<catalog::etcd::WatchStream>(std::string first)>;

  struct Row {
    std::string value;
    int64_t created = 0;
    int64_t modified = 0;
    int64_t version = 0;  // Puts since it was created.
  };

  // Called for each request before it is applied; may call apply().
  void judge_by(Judge judge) {
    const std::lock_guard lock(mutex_);
    judge_ = std::move(judge);
  }
  // What a watch is.
  void streams_by(StreamMaker maker) { make_stream_ = std::move(maker); }
  void set_version(std::string version) { version_ = std::move(version); }

  // A change that somebody else makes, elsewhere in the store.
  void raise_revision(int64_t by) {
    const std::lock_guard lock(mutex_);
    revision_ += by;
  }
  int64_t revision() const {
    const std::lock_guard lock(mutex_);
    return revision_;
  }
  std::optional<Row> row(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = rows_.find(key);
    return found == rows_.end() ? std::nullopt : std::optional(found->second);
  }
  void put(std::string key, std::string value) {
    proto::etcd::PutRequest request;
    request.set_key(std::move(key));
    request.set_value(std::move(value));
    apply(catalog::etcd::kPut.path, request.SerializeAsString());
  }

  // Makes a request happen, as late as the test wants it; the answer's bytes.
  std::string apply(std::string_view method, const std::string& request) {
    const std::lock_guard lock(mutex_);
    if (method == catalog::etcd::kTxn.path) return answer<proto::etcd::TxnRequest>(request);
    if (method == catalog::etcd::kPut.path) return answer<proto::etcd::PutRequest>(request);
    if (method == catalog::etcd::kDeleteRange.path) {
      return answer<proto::etcd::DeleteRangeRequest>(request);
    }
    if (method == catalog::etcd::kRange.path) return answer<proto::etcd::RangeRequest>(request);
    proto::etcd::StatusResponse status;
    status.set_version(version_);
    return status.SerializeAsString();
  }
  Fate judge(std::string_view method, const std::string& request) {
    Judge judge;
    {
      const std::lock_guard lock(mutex_);
      judge = judge_;
    }
    return judge ? judge(method, request) : Fate::kAnswered;
  }
  std::unique_ptr<catalog::etcd::WatchStream> open_stream(std::string first) {
    return make_stream_(std::move(first));
  }

 private:
  void stamp(proto::etcd::ResponseHeader& header) const {
    header.set_cluster_id(1);
    header.set_revision(revision_);
  }
  // All that changes together gets one revision.
  template <typename Request>
  std::string answer(const std::string& bytes) {
    Request request;
    if (!request.ParseFromString(bytes)) std::abort();
    const int64_t next = revision_ + 1;
    auto response = run(request, next);
    stamp(*response.mutable_header());
    return response.SerializeAsString();
  }
  // The rows of [key, end), or of the one key.
  auto rows_of(const std::string& key, const std::string& end) {
    const auto first = rows_.lower_bound(key);
    if (!end.empty()) return std::pair(first, rows_.lower_bound(end));
    const bool is_there = first != rows_.end() && first->first == key;
    return std::pair(first, is_there ? std::next(first) : first);
  }
  proto::etcd::RangeResponse run(const proto::etcd::RangeRequest& request, int64_t /*next*/) {
    proto::etcd::RangeResponse response;
    const auto [first, last] = rows_of(request.key(), request.range_end());
    for (auto at = first; at != last; ++at) {
      response.set_count(response.count() + 1);
      if (request.count_only()) continue;
      proto::etcd::KeyValue& row = *response.add_kvs();
      row.set_key(at->first);
      row.set_create_revision(at->second.created);
      row.set_mod_revision(at->second.modified);
      row.set_version(at->second.version);
      if (!request.keys_only()) row.set_value(at->second.value);
    }
    return response;
  }
  proto::etcd::PutResponse run(const proto::etcd::PutRequest& request, int64_t next) {
    revision_ = next;
    Row& row = rows_[request.key()];
    if (row.version == 0) row.created = next;
    row.value = request.value();
    row.modified = next;
    ++row.version;
    return {};
  }
  proto::etcd::DeleteRangeResponse run(const proto::etcd::DeleteRangeRequest& request,
                                       int64_t next) {
    proto::etcd::DeleteRangeResponse response;
    const auto [first, last] = rows_of(request.key(), request.range_end());
    response.set_deleted(std::distance(first, last));
    if (first != last) revision_ = next;
    rows_.erase(first, last);
    return response;
  }
  static bool relates(auto found, proto::etcd::Compare::Relation relation, auto expected) {
    switch (relation) {
      case proto::etcd::Compare::EQUAL: return found == expected;
      case proto::etcd::Compare::NOT_EQUAL: return found != expected;
      case proto::etcd::Compare::GREATER: return found > expected;
      default: return found < expected;
    }
  }
  static bool holds_for(const Row& row, const proto::etcd::Compare& compare) {
    switch (compare.target()) {
      case proto::etcd::Compare::VALUE:
        return relates(row.value, compare.result(), compare.value());
      case proto::etcd::Compare::CREATE:
        return relates(row.created, compare.result(), compare.create_revision());
      case proto::etcd::Compare::MOD:
        return relates(row.modified, compare.result(), compare.mod_revision());
      default: return relates(row.version, compare.result(), compare.version());
    }
  }
  // An absent key has revisions of 0 and no value at all.
  bool holds(const proto::etcd::Compare& compare) {
    const auto [first, last] = rows_of(compare.key(), compare.range_end());
    if (first == last && compare.range_end().empty()) {
      return compare.target() != proto::etcd::Compare::VALUE && holds_for(Row{}, compare);
    }
    return std::all_of(first, last,
                       [&](const auto& row) { return holds_for(row.second, compare); });
  }
  proto::etcd::TxnResponse run(const proto::etcd::TxnRequest& request, int64_t next) {
    proto::etcd::TxnResponse response;
    response.set_succeeded(std::ranges::all_of(
        request.compare(), [this](const auto& compare) { return holds(compare); }));
    for (const proto::etcd::RequestOp& op :
         response.succeeded() ? request.success() : request.failure()) {
      proto::etcd::ResponseOp& into = *response.add_responses();
      if (op.has_request_range()) *into.mutable_response_range() = run(op.request_range(), next);
      if (op.has_request_put()) *into.mutable_response_put() = run(op.request_put(), next);
      if (op.has_request_delete_range()) {
        *into.mutable_response_delete_range() = run(op.request_delete_range(), next);
      }
    }
    return response;
  }

  StreamMaker make_stream_;
  std::string version_ = "3.5.17";
  mutable std::mutex mutex_;  // Guards the rest.
  Judge judge_;
  int64_t revision_ = 1;
  std::map<std::string, Row> rows_;
};

// The way to it.
class FakeTransport final : public catalog::etcd::Transport {
 public:
  explicit FakeTransport(FakeEtcd& etcd) : etcd_(etcd), thread_([this] { run(); }) {}
  ~FakeTransport() override {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  FakeTransport(const FakeTransport&) = delete;
  FakeTransport& operator=(const FakeTransport&) = delete;

  // A client that speaks to `etcd`; both outlive it.
  static std::unique_ptr<catalog::etcd::Client> client(FakeEtcd& etcd,
                                                       catalog::EtcdMetrics& metrics) {
    return catalog::etcd::Client::over(std::make_unique<FakeTransport>(etcd),
                                       {.endpoints = {"fake:1"}}, metrics);
  }

  size_t endpoints_count() const override { return 1; }
  void start(size_t /*endpoint*/, const char* method, std::string request, Duration /*timeout*/,
             std::move_only_function<void(catalog::etcd::RpcReply)> done) override {
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back({method, std::move(request), std::move(done)});
    }
    wake_.notify_all();
  }
  std::unique_ptr<catalog::etcd::WatchStream> open_stream(size_t /*endpoint*/,
                                                          const char* /*method*/,
                                                          std::string first) override {
    return etcd_.open_stream(std::move(first));
  }
  void set_token(std::string /*token*/) override {}
  std::string token() override { return {}; }

 private:
  struct Call {
    const char* method;
    std::string request;
    std::move_only_function<void(catalog::etcd::RpcReply)> done;
  };
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return is_stopping_ || !calls_.empty(); });
      if (calls_.empty()) return;
      Call call = std::move(calls_.front());
      calls_.pop_front();
      lock.unlock();
      call.done(reply_to(call));
      lock.lock();
    }
  }
  // A lost request or answer looks like a timeout, which has passed already.
  catalog::etcd::RpcReply reply_to(const Call& call) {
    using catalog::etcd::RpcCode;
    const FakeEtcd::Fate fate = etcd_.judge(call.method, call.request);
    catalog::etcd::RpcReply reply{
        .code = RpcCode::kDeadlineExceeded, .message = "lost", .body = {}};
    if (fate == FakeEtcd::Fate::kRequestLost) return reply;
    if (fate == FakeEtcd::Fate::kRequestRefused) {
      return {.code = RpcCode::kPermissionDenied, .message = "refused", .body = {}};
    }
    std::string body = etcd_.apply(call.method, call.request);
    if (fate == FakeEtcd::Fate::kAnswerLost) return reply;
    return {.code = RpcCode::kOk, .message = {}, .body = std::move(body)};
  }

  FakeEtcd& etcd_;
  std::mutex mutex_;  // Guards the rest.
  std::condition_variable wake_;
  std::deque<Call> calls_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace cairn::testing_support
