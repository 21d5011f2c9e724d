// A door without sockets: an exchange in memory, and an object layer that counts its calls and
// answers what a test put in.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/server.h"
#include "iam/account.h"
#include "iam/policy.h"
#include "object/chunk_reader.h"
#include "object/objects.h"
#include "s3/door.h"
#include "test_request.h"

namespace cairn::s3 {

// Drives a task that never really waits.
template <typename T>
T complete(io::Task<T> task) {
  task.handle().resume();
  EXPECT_TRUE(task.is_complete());
  return task.take();
}

// One request and the reply to it.
class MemoryExchange final : public http::Exchange {
 public:
  MemoryExchange(TestRequest& request, std::string body) : body_(std::move(body)) {
    const RequestView view = request.view();
    wire_ = std::string(view.method) + "\n" + std::string(view.path) + "\n" +
            std::string(view.query) + "\n";
    std::vector<std::array<size_t, 4>> spans;
    for (const HeaderView& header : view.headers) {
      const size_t name = wire_.size();
      wire_ += header.name;
      const size_t value = wire_.size();
      wire_ += header.value;
      spans.push_back({name, header.name.size(), value, header.value.size()});
    }
    const std::string_view text = wire_;
    head_.method = text.substr(0, view.method.size());
    head_.path = text.substr(view.method.size() + 1, view.path.size());
    head_.query = text.substr(view.method.size() + view.path.size() + 2, view.query.size());
    head_.has_query = !view.query.empty();
    head_.target = head_.path;
    head_.fields.reset(text.data());
    for (const auto& [name, name_size, value, value_size] : spans) {
      head_.fields.add(text.substr(name, name_size), text.substr(value, value_size));
    }
    head_.host = head_.get("host").value_or("");
    head_.content_length = body_.size();
  }

  const http::RequestHead& head() const override { return head_; }
  const io::Endpoint& peer() const override { return peer_; }
  bool is_encrypted() const override { return false; }
  Instant started_at() const override { return {}; }
  io::StopToken stop_token() const override { return {}; }
  std::optional<uint64_t> body_size() const override { return body_.size(); }
  uint64_t body_received_bytes() const override { return received_; }
  bool expects_continue() const override { return false; }
  io::Task<Status> send_continue() override {
    continued = true;
    co_return Status();
  }
  io::Task<Result<size_t>> receive_body(MutableBytes into) override {
    const size_t count = std::min(into.size(), body_.size() - received_);
    std::memcpy(into.data(), body_.data() + received_, count);
    received_ += count;
    co_return count;
  }
  const http::FieldList& trailers() const override { return trailers_; }
  io::Task<Status> respond(const http::ResponseHead& head, BytesView body) override {
    status = head.status();
    fields = head.wire();
    if (!head_.is_head()) reply = as_text(body);
    co_return Status();
  }
  using http::Exchange::respond;
  io::Task<Status> start_response(const http::ResponseHead& head,
                                  std::optional<uint64_t>) override {
    started_ = true;
    status = head.status();
    fields = head.wire();
    co_return Status();
  }
  io::Task<Status> send_body(std::span<const BytesView> pieces) override {
    for (const BytesView piece : pieces) reply += as_text(piece);
    co_return Status();
  }
  io::Task<Status> send_body(BytesView piece) override {
    reply += as_text(piece);
    co_return Status();
  }
  io::Task<Status> finish_response() override {
    finished = true;
    co_return Status();
  }
  bool response_started() const override { return started_; }
  void close_after_response() override {}

  int status = 0;
  std::string fields;
  std::string reply;
  bool continued = false;
  bool finished = false;

 private:
  std::string wire_;
  std::string body_;
  size_t received_ = 0;
  bool started_ = false;
  http::RequestHead head_;
  http::FieldList trailers_;
  io::Endpoint peer_{"127.0.0.1", 1};
};

// Knows one bucket, `bucket`, of the root tenant. Everything else fails, and every call counts.
class CountingObjects final : public object::Objects {
 public:
  using object::Objects::Objects;
  size_t calls = 0;
  size_t lookups = 0;  // Of the calls, those that look a bucket up: the door's own.
  std::shared_ptr<const object::BucketConfig> config = object::default_bucket_config();
  crypto::TenantId owner = crypto::kRootTenant;
  // The one object that head() knows, `key`; none when it is not set.
  std::optional<object::ObjectInfo> object;
  std::vector<object::RemoveRequest> removed;  // What remove() was asked last.
  object::ListPage page;                       // What list() answers.
  object::ListRequest last_list;               // What it was asked.
  std::vector<object::BucketInfo> buckets;

  object::BucketInfo the_bucket() const {
    object::BucketInfo info;
    info.name = "bucket";
    info.id = 7;
    info.tenant = owner;
    info.config = config;
    return info;
  }

  io::Task<Result<object::BucketInfo>> create_bucket(object::TenantId, std::string,
                                                     object::CreateBucketOptions) override {
    return refuse<object::BucketInfo>();
  }
  io::Task<Result<object::BucketInfo>> find_bucket(std::string name) override {
    return bucket(owner, std::move(name));
  }
  io::Task<Result<object::BucketInfo>> change_bucket(
      object::TenantId, std::string, std::function<Status(object::BucketConfig&)>) override {
    return refuse<object::BucketInfo>();
  }
  io::Task<Result<object::TransitionedInfo>> transition(object::BucketInfo, object::ObjectInfo,
                                                        object::TransitionOptions) override {
    return refuse<object::TransitionedInfo>();
  }
  const storage::Placements& placements() const override { return placements_; }
  io::Task<Result<std::vector<object::BucketInfo>>> all_buckets(std::optional<uint64_t>,
                                                                size_t) override {
    return refuse<std::vector<object::BucketInfo>>();
  }
  io::Task<Result<object::BucketInfo>> bucket(object::TenantId tenant, std::string name) override {
    ++calls;
    ++lookups;
    if (name == "bucket" && tenant == owner) co_return the_bucket();
    co_return fail(Code::kNotFound, std::string(object::reason::kNoSuchBucket));
  }
  io::Task<Status> delete_bucket(object::TenantId, std::string) override { return refuse<void>(); }
  object::UsageTable& usage() override { return usage_; }
  io::Task<Status> begin_usage_count() override { return refuse<void>(); }
  io::Task<Status> count_usage(io::StopToken) override { return refuse<void>(); }
  io::Task<Result<std::vector<object::BucketInfo>>> list_buckets(object::TenantId, std::string,
                                                                 std::string, size_t) override {
    ++calls;
    co_return buckets;
  }
  io::Task<Status> check_conditions(object::BucketInfo, std::string, object::Conditions) override {
    return refuse<void>();
  }
  std::unique_ptr<object::ChunkReader> read_chunks(object::TenantId) override { return nullptr; }
  io::Task<Result<std::unique_ptr<object::ObjectWriter>>> put(object::BucketInfo, std::string,
                                                              object::PutOptions) override {
    return refuse<std::unique_ptr<object::ObjectWriter>>();
  }
  io::Task<Result<std::unique_ptr<object::ObjectWriter>>> append(object::BucketInfo, std::string,
                                                                 uint64_t,
                                                                 object::PutOptions) override {
    return refuse<std::unique_ptr<object::ObjectWriter>>();
  }
  io::Task<Result<object::ObjectInfo>> rename(object::BucketInfo, std::string, std::string,
                                              object::RenameOptions) override {
    return refuse<object::ObjectInfo>();
  }
  io::Task<Result<object::ObjectInfo>> head(object::BucketInfo, std::string key,
                                            std::string) override {
    if (!object || object->key != key) return refuse<object::ObjectInfo>();
    return give(*object);
  }
  io::Task<Result<std::unique_ptr<object::ObjectReader>>> open(object::BucketInfo, std::string,
                                                               std::string,
                                                               crypto::SseKeyPointer) override {
    return refuse<std::unique_ptr<object::ObjectReader>>();
  }
  Status check_customer_key(const object::BucketInfo&, const object::ObjectInfo&,
                            const crypto::SseKeyPointer&) override {
    ++calls;
    return fail(Code::kUnavailable, "refused by the test");
  }
  io::Task<Result<std::vector<object::RemovedInfo>>> remove(
      object::BucketInfo, std::vector<object::RemoveRequest> requests,
      object::CommitHook) override {
    removed = std::move(requests);
    return refuse<std::vector<object::RemovedInfo>>();
  }
  io::Task<Result<object::ObjectInfo>> change_version(object::BucketInfo, std::string, std::string,
                                                      std::function<Status(object::ObjectInfo&)>,
                                                      object::CommitHook) override {
    return refuse<object::ObjectInfo>();
  }
  io::Task<Result<object::VersionListPage>> list_versions(object::BucketInfo,
                                                          object::VersionListRequest) override {
    ++calls;
    co_return object::VersionListPage();
  }
  io::Task<Result<std::unique_ptr<object::VersionCursor>>> walk_versions(
      object::BucketInfo, object::VersionListRequest) override {
    return refuse<std::unique_ptr<object::VersionCursor>>();
  }
  io::Task<Result<object::ObjectInfo>> copy(object::BucketInfo, object::ObjectInfo,
                                            object::BucketInfo, std::string,
                                            object::PutOptions) override {
    return refuse<object::ObjectInfo>();
  }
  io::Task<Result<object::ListPage>> list(object::BucketInfo,
                                          object::ListRequest request) override {
    ++calls;
    last_list = std::move(request);
    co_return page;
  }
  io::Task<Result<object::UploadInfo>> create_upload(object::BucketInfo, std::string,
                                                     object::UploadOptions) override {
    return refuse<object::UploadInfo>();
  }
  io::Task<Result<object::UploadInfo>> upload(object::BucketInfo, std::string,
                                              std::string) override {
    return refuse<object::UploadInfo>();
  }
  io::Task<Result<std::unique_ptr<object::ObjectWriter>>> put_part(object::BucketInfo,
                                                                   object::UploadInfo, uint32_t,
                                                                   object::PutOptions) override {
    return refuse<std::unique_ptr<object::ObjectWriter>>();
  }
  io::Task<Result<object::PartInfo>> copy_part(object::BucketInfo, object::ObjectInfo,
                                               std::optional<ByteRange>, object::BucketInfo,
                                               object::UploadInfo, uint32_t,
                                               object::CopyKeys) override {
    return refuse<object::PartInfo>();
  }
  io::Task<Result<std::vector<object::PartInfo>>> list_parts(object::BucketInfo, object::UploadInfo,
                                                             uint32_t, size_t) override {
    return refuse<std::vector<object::PartInfo>>();
  }
  io::Task<Result<object::ObjectInfo>> complete_upload(object::BucketInfo, std::string, std::string,
                                                       object::CompleteOptions) override {
    return refuse<object::ObjectInfo>();
  }
  io::Task<Status> abort_upload(object::BucketInfo, std::string, std::string) override {
    return refuse<void>();
  }
  io::Task<Result<object::UploadListPage>> list_uploads(object::BucketInfo,
                                                        object::UploadListRequest) override {
    ++calls;
    co_return object::UploadListPage();
  }
  io::Task<Result<crypto::KmsKeyPointer>> change_kms_key(object::KmsCommand) override {
    return refuse<crypto::KmsKeyPointer>();
  }
  io::Task<Result<object::ScrubReport>> scrub() override { return refuse<object::ScrubReport>(); }
  io::Task<Result<bool>> collect_garbage() override { return refuse<bool>(); }
  io::Task<Status> close() override { return refuse<void>(); }

 private:
  io::Task<Result<object::ObjectInfo>> give(object::ObjectInfo info) {
    ++calls;
    co_return info;
  }
  storage::Placements placements_;
  object::UsageTable usage_;
  template <typename T>
  io::Task<Result<T>> refuse() {
    ++calls;
    co_return fail(Code::kUnavailable, "refused by the test");
  }
};

// A door with one user, at a fixed time.
struct DoorFixture : ::testing::Test {
  DoorFixture() {
    credentials.add(kAwsAccessKey, kAwsSecret);
    make_door();
  }

  void make_door(const std::function<void(DoorOptions&)>& change = {}) {
    DoorOptions options;
    options.objects = &objects;
    options.credentials = &credentials;
    options.clock = &clock;
    options.random = &random;
    options.observer = nullptr;
    if (change) change(options);
    door = std::make_unique<Door>(std::move(options));
  }

  static SigningIdentity signer() {
    return {std::string(kAwsAccessKey), std::string(kAwsSecret), "us-east-1", ""};
  }
  std::unique_ptr<MemoryExchange> serve(TestRequest& request, std::string body = {}) {
    auto exchange = std::make_unique<MemoryExchange>(request, std::move(body));
    complete_void(door->handle(*exchange));
    return exchange;
  }
  // A user of the tenant without any policy, with a key of its own.
  SigningIdentity add_user(std::string access_key, crypto::TenantId tenant,
                           std::vector<std::shared_ptr<const iam::Policy>> policies = {}) {
    credentials.add(access_key, kAwsSecret);
    auto user = std::make_shared<iam::Principal>();
    user->account = tenant;
    user->kind = iam::PrincipalKind::kUser;
    user->name = access_key;
    user->arn = iam::user_arn(tenant, "/", access_key);
    user->canonical_id = iam::canonical_id(tenant);
    user->policies = std::move(policies);
    credentials.at(access_key).identity = {access_key, access_key, tenant, user};
    return {std::move(access_key), std::string(kAwsSecret), "us-east-1", ""};
  }
  // Signed with the right key.
  std::unique_ptr<MemoryExchange> call(std::string method, std::string target) {
    return call_as(signer(), std::move(method), std::move(target));
  }
  std::unique_ptr<MemoryExchange> call_as(const SigningIdentity& who, std::string method,
                                          std::string target) {
    TestRequest request(std::move(method), std::move(target), {{"Host", "localhost:9000"}});
    request.sign(who, kEmptySha256, clock.wall_now());
    return serve(request);
  }
  static void complete_void(io::Task<void> task) {
    task.handle().resume();
    EXPECT_TRUE(task.is_complete());
  }

  CountingObjects objects;
  FixedCredentials credentials;
  StillClock clock{WallTime{1'767'323'045'000}};  // 2026-01-02T03:04:05Z
  SeededRandom random{1};
  std::unique_ptr<Door> door;
};

}  // namespace cairn::s3
