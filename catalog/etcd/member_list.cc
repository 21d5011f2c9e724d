#include "catalog/etcd/member_list.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {
namespace {

inline constexpr Duration kAskTimeout = seconds(3);
inline constexpr Duration kPollEvery = milliseconds(100);
inline constexpr Duration kRetryPause = milliseconds(250);
// A name whose owner died is free once the lease ended; etcd looks every half second.
inline constexpr Duration kNameGrace = seconds(3);
inline constexpr Duration kRevokeTimeout = seconds(1);

Instant now() {
  return system_clock().now();
}

int64_t whole_seconds(Duration duration) {
  return std::max<int64_t>(1, duration.nanoseconds / 1'000'000'000);
}

Duration third_of(Duration duration) {
  return {duration.nanoseconds / 3};
}

}  // namespace

MemberList::MemberList(Options options, std::unique_ptr<EtcdMetrics> metrics,
                       std::unique_ptr<Client> client)
    : options_(std::move(options)),
      layout_(options_.prefix),
      metrics_(std::move(metrics)),
      client_(std::move(client)) {}

Result<std::unique_ptr<MemberList>> MemberList::join(Options options) {
  if (!cluster::is_member_name(options.self.name)) {
    return fail(Code::kInvalidArgument,
                "a node's name is 1 to 128 letters, digits, '.', '-' and '_': '" +
                    options.self.name + "' is not");
  }
  auto metrics = std::make_unique<EtcdMetrics>();
  Result<std::unique_ptr<Client>> client = Client::create(options.access, *metrics);
  if (!client) return std::unexpected(std::move(client.error()));
  std::unique_ptr<MemberList> members(
      new MemberList(std::move(options), std::move(metrics), std::move(*client)));
  const Instant deadline = now() + members->options_.ttl + kNameGrace;
  Status done = members->client_->log_in_blocking(deadline);
  if (!done) return std::unexpected(done.error());
  while (true) {
    done = members->register_self();
    if (done || now() >= deadline) break;
    // Another node's name may be free soon; what is wrong otherwise stays wrong.
    if (done.error().code != Code::kAlreadyExists && done.error().code != Code::kUnavailable) break;
    members->pause(kRetryPause);
  }
  if (done) done = members->list();
  if (!done) return std::unexpected(done.error());
  members->thread_ = std::thread([&list = *members] { list.run(); });
  return members;
}

MemberList::~MemberList() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (lease_ != 0) revoke(lease_);
}

bool MemberList::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void MemberList::pause(Duration wait) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::nanoseconds(wait.nanoseconds), [this] { return stopping_; });
}

MemberList::Reading MemberList::reading() const {
  const std::lock_guard lock(mutex_);
  return reading_;
}

void MemberList::note(const Status& status) {
  const std::lock_guard lock(mutex_);
  reading_.last_error = status ? std::string() : status.error().message;
}

void MemberList::revoke(int64_t lease) {
  proto::etcd::LeaseRevokeRequest request;
  request.set_id(lease);
  proto::etcd::LeaseRevokeResponse answer;
  // A lease that is left over ends by itself.
  static_cast<void>(client_->ask_blocking(kLeaseRevoke, request, answer, now() + kRevokeTimeout));
}

Result<int64_t> MemberList::grant_lease() {
  proto::etcd::LeaseGrantRequest request;
  request.set_ttl_seconds(whole_seconds(options_.ttl));
  proto::etcd::LeaseGrantResponse answer;
  const Status asked = client_->ask_blocking(kLeaseGrant, request, answer, now() + kAskTimeout);
  if (!asked) return std::unexpected(asked.error());
  if (answer.id() == 0) {
    return fail(Code::kUnavailable, "etcd grants no lease: " + answer.error());
  }
  return answer.id();
}

// The key is written when it is free, or when it is of this very node.
Status MemberList::take_name(int64_t lease) {
  const std::string key = layout_.member(options_.self.name);
  int64_t known_revision = 0;
  while (true) {
    proto::etcd::TxnRequest request;
    proto::etcd::Compare& compare = *request.add_compare();
    compare.set_key(key);
    compare.set_target(proto::etcd::Compare::MOD);
    compare.set_mod_revision(known_revision);
    proto::etcd::PutRequest& put = *request.add_success()->mutable_request_put();
    put.set_key(key);
    put.set_value(encode_member({options_.node, options_.self}));
    put.set_lease(lease);
    request.add_failure()->mutable_request_range()->set_key(key);
    proto::etcd::TxnResponse answer;
    const Status asked = client_->ask_blocking(kTxn, request, answer, now() + kAskTimeout);
    if (!asked) return asked;
    if (answer.succeeded()) return {};
    const proto::etcd::RangeResponse* found =
        answer.responses_size() > 0 ? &answer.responses(0).response_range() : nullptr;
    if (found == nullptr || found->kvs_size() == 0) {
      known_revision = 0;
      continue;
    }
    const std::optional<MemberRecord> other =
        decode_member(options_.self.name, found->kvs(0).value());
    if (other && other->node != options_.node) {
      return fail(
          Code::kAlreadyExists,
          "the name '" + options_.self.name + "' belongs to the node at " +
              (other->member.address.empty() ? "an unknown address" : other->member.address) +
              ": give this one another name (--node-name), or stop that one; a node that "
              "died gives its name back within " +
              std::to_string(whole_seconds(options_.ttl)) + " s");
    }
    known_revision = found->kvs(0).mod_revision();
  }
}

Status MemberList::register_self() {
  const Result<int64_t> lease = grant_lease();
  if (!lease) return std::unexpected(lease.error());
  const Status taken = take_name(*lease);
  if (!taken) {
    revoke(*lease);
    return taken;
  }
  lease_ = *lease;
  lost_ = false;
  answered_at_ = now();
  const std::lock_guard lock(mutex_);
  reading_.is_registered = true;
  ++reading_.registrations_count;
  return {};
}

Status MemberList::list() {
  proto::etcd::RangeRequest request;
  request.set_key(layout_.nodes());
  request.set_range_end(layout_.nodes_end());
  proto::etcd::RangeResponse answer;
  const Status asked = client_->ask_blocking(kRange, request, answer, now() + kAskTimeout);
  if (!asked) return asked;
  records_.clear();
  draining_.clear();
  for (const proto::etcd::KeyValue& row : answer.kvs()) apply(row, false);
  revision_ = answer.header().revision();
  const auto own = records_.find(options_.self.name);
  lost_ = own == records_.end() || own->second.node != options_.node;
  publish();
  return {};
}

void MemberList::apply(const proto::etcd::KeyValue& row, bool is_delete) {
  if (const auto name = draining_of_key(layout_, row.key())) {
    if (is_delete) {
      draining_.erase(std::string(*name));
    } else {
      draining_.emplace(*name);
    }
    return;
  }
  const std::optional<std::string_view> name = member_of_key(layout_, row.key());
  if (!name) return;
  std::optional<MemberRecord> record;
  if (!is_delete) record = decode_member(*name, row.value());
  if (*name == options_.self.name) lost_ = !record || record->node != options_.node;
  records_.erase(std::string(*name));
  if (record) records_.emplace(std::string(*name), std::move(*record));
}

void MemberList::publish() {
  std::vector<cluster::Member> members;
  for (const auto& [name, record] : records_) {
    members.push_back(record.member);
    members.back().is_draining = draining_.contains(name);
  }
  {
    const std::lock_guard lock(mutex_);
    if (reading_.members == members && !members.empty()) return;
    reading_.members = members;
  }
  log::info("cluster_members",
            {{"count", uint64_t{members.size()}}, {"draining", uint64_t{draining_.size()}}});
  if (options_.on_change) options_.on_change(std::move(members));
}

void MemberList::run() {
  bool is_telling = true;
  while (!stopping()) {
    const Status followed = follow();
    if (stopping()) return;
    note(followed);
    {
      const std::lock_guard lock(mutex_);
      ++reading_.interruptions_count;
    }
    if (std::exchange(is_telling, followed.has_value()) && !followed) {
      log::warning("cluster_members_interrupted",
                   {{"message", std::string_view(followed.error().message)}});
    }
    pause(kRetryPause);
  }
}

Status MemberList::follow() {
  const size_t member = client_->member();
  proto::etcd::WatchRequest request;
  proto::etcd::WatchCreateRequest& create = *request.mutable_create_request();
  create.set_key(layout_.nodes());
  create.set_range_end(layout_.nodes_end());
  create.set_start_revision(revision_ + 1);
  const std::unique_ptr<WatchStream> watch = client_->watch(request, member);
  proto::etcd::LeaseKeepAliveRequest keep;
  keep.set_id(lease_);
  const std::unique_ptr<WatchStream> lease = client_->open_stream(kLeaseKeepAlive, keep, member);
  asked_at_ = now();
  while (!stopping()) {
    Result<std::optional<std::string>> next = watch->next(kPollEvery);
    Status done;
    if (!next) {
      done = std::unexpected(next.error());
    } else if (*next) {
      done = take_in(**next);
    }
    if (done) done = keep_lease(*lease);
    if (!done) {
      client_->suspect(member);
      return done;
    }
  }
  return {};
}

// Asks every third of the lease's time, hears the answers, and registers anew when it has ended.
Status MemberList::keep_lease(WatchStream& lease_stream) {
  const Duration third = third_of(options_.ttl);
  while (true) {
    const Result<std::optional<std::string>> next = lease_stream.next(Duration{});
    if (!next) return std::unexpected(next.error());
    if (!*next) break;
    proto::etcd::LeaseKeepAliveResponse answer;
    if (!answer.ParseFromString(**next) || answer.id() != lease_) continue;
    answered_at_ = now();
    if (answer.ttl_seconds() > 0) {
      if (!lost_) note({});
      continue;
    }
    log::warning("cluster_registration_lost", {{"reason", "the lease ended"}});
    lost_ = true;
  }
  if (lost_ && now() >= register_at_) {
    {
      const std::lock_guard lock(mutex_);
      reading_.is_registered = false;
    }
    register_at_ = now() + third;
    const Status registered = register_self();
    note(registered);
    if (!registered) {
      log::warning("cluster_registration_failed",
                   {{"message", std::string_view(registered.error().message)}});
      // The name is another's: its lease may end; what others own goes on to be watched.
      if (registered.error().code == Code::kAlreadyExists) return {};
      return registered;
    }
    log::info("cluster_registered_again", {{"name", std::string_view(options_.self.name)}});
    asked_at_ = Instant{};
  }
  if (lost_) return {};
  if (asked_at_ > answered_at_ && now() - asked_at_ > third) {
    return fail(Code::kUnavailable, "etcd does not answer for the lease of this node");
  }
  if (now() - asked_at_ < third) return {};
  proto::etcd::LeaseKeepAliveRequest request;
  request.set_id(lease_);
  lease_stream.send(request.SerializeAsString());
  asked_at_ = now();
  return {};
}

Status MemberList::take_in(const std::string& bytes) {
  proto::etcd::WatchResponse message;
  if (!message.ParseFromString(bytes)) {
    return fail(Code::kCorruption, "etcd: a message of the watch does not parse");
  }
  if (message.canceled()) {
    // History may be gone: the list is read anew either way.
    Status listed = list();
    if (!listed) return listed;
    return fail(Code::kUnavailable, "etcd ended the watch of members: " + message.cancel_reason());
  }
  for (const proto::etcd::Event& event : message.events()) {
    apply(event.kv(), event.type() == proto::etcd::Event::DELETE);
    revision_ = std::max(revision_, event.kv().mod_revision());
  }
  if (!message.events().empty()) publish();
  return {};
}

Status MemberList::set_draining(const std::string& name, bool draining) {
  const std::vector<cluster::Member> members = reading().members;
  const auto is_it = [&](const cluster::Member& member) { return member.name == name; };
  if (!cluster::is_member_name(name) || (draining && std::ranges::none_of(members, is_it))) {
    std::string names;
    for (const cluster::Member& member : members) names += " " + member.name;
    return fail(Code::kNotFound, "there is no node '" + name + "'; there are:" + names);
  }
  if (draining) {
    proto::etcd::PutRequest request;
    request.set_key(layout_.draining(name));
    request.set_value("1");
    proto::etcd::PutResponse answer;
    return client_->ask_blocking(kPut, request, answer, now() + kAskTimeout);
  }
  proto::etcd::DeleteRangeRequest request;
  request.set_key(layout_.draining(name));
  proto::etcd::DeleteRangeResponse answer;
  return client_->ask_blocking(kDeleteRange, request, answer, now() + kAskTimeout);
}

}  // namespace cairn::catalog::etcd
