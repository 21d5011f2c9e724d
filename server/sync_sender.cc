#include "server/sync_sender.h"

#include <algorithm>
#include <utility>

#include "io/reactor.h"
#include "object/sse.h"
#include "storage/upstream.h"

namespace cairn::server {
namespace {

using object::ChangeKind;
using object::ReplicaMessage;
using object::ReplicaOutcome;
using transfer::Failure;
using transfer::HeaderPair;
using transfer::or_fail;
using transfer::S3Result;
using transfer::S3Status;

constexpr Duration kRequestPatience = seconds(60);
// A large body may take long on a slow link: as long as bytes move, and this long besides.
constexpr Duration kBodyPatience = seconds(24 * 3600);
constexpr std::string_view kCustomerKey =
    "under a customer's key (SSE-C): only its owner can read and copy it";
constexpr std::string_view kChanged = "the object changes while it is read";

// The body of an object, as a source of pieces.
class ReaderSource final : public transfer::PieceSource {
 public:
  explicit ReaderSource(object::ObjectReader& reader) : reader_(reader) {}
  io::Task<S3Result<Buffer>> next() override {
    Result<Buffer> piece = co_await reader_.next();
    if (!piece) co_return std::unexpected(Failure(piece.error()));
    co_return std::move(*piece);
  }

 private:
  object::ObjectReader& reader_;
};

std::string owner_head(const object::Head& head) {
  return std::string(as_text(BytesView(head.owner.bytes).first(object::kOwnerHeadBytes)));
}

bool is_of_customer(const object::ObjectInfo& info) {
  if (info.sse.empty()) return false;
  const Result<object::SseRecord> record = object::parse_sse(info.sse);
  return record && record->kind == crypto::SseKind::kCustomer;
}

// Whether the failure is about the whole rule, and not about one change.
bool is_unavailable(const Failure& failure) {
  if (failure.status == 0) {
    const Code code = failure.error.code;
    return code != Code::kCorruption && code != Code::kInvalidArgument &&
           code != Code::kPermissionDenied && code != Code::kNotFound;
  }
  if (failure.status >= 500 || failure.is_retryable) return true;
  static constexpr std::string_view kOfRule[] = {"InvalidAccessKeyId", "SignatureDoesNotMatch",
                                                 "NoSuchBucket", "RequestTimeTooSkewed"};
  return std::ranges::find(kOfRule, failure.code) != std::end(kOfRule);
}

io::Until until_of(Duration patience, io::StopToken stop) {
  return {io::Reactor::current().now() + patience, stop};
}

}  // namespace

Result<std::unique_ptr<SyncSender>> SyncSender::create(object::Objects& objects,
                                                       const object::SyncRule& rule,
                                                       std::string secret, SyncCounters& counters) {
  transfer::S3ClientOptions options;
  options.endpoint = rule.endpoint;
  options.identity.access_key = rule.access_key;
  options.identity.secret = std::move(secret);
  options.identity.region = rule.region;
  options.ca_path = rule.ca_path;
  options.http = storage::upstream_http_options();
  Result<std::unique_ptr<transfer::S3Client>> client =
      transfer::S3Client::create(std::move(options));
  if (!client) return std::unexpected(client.error());
  return std::unique_ptr<SyncSender>(new SyncSender(objects, rule, counters, std::move(*client)));
}

SyncSender::SyncSender(object::Objects& objects, object::SyncRule rule, SyncCounters& counters,
                       std::unique_ptr<transfer::S3Client> client)
    : objects_(objects),
      rule_(std::move(rule)),
      counters_(counters),
      client_(std::move(client)),
      bandwidth_(rule_.bandwidth_bytes) {}

io::Task<Sent> SyncSender::send(object::BucketInfo bucket, object::SyncChange change,
                                io::StopToken stop) {
  const S3Status sent =
      co_await send_change(std::move(bucket), std::move(change), until_of(kBodyPatience, stop));
  if (sent) {
    ++counters_.applied;
    co_return Sent{};
  }
  ++counters_.failures;
  const Failure& failure = sent.error();
  std::string reason =
      failure.code.empty() ? failure.error.message : failure.code + ": " + failure.error.message;
  co_return Sent{is_unavailable(failure) ? SendOutcome::kUnavailable : SendOutcome::kRefused,
                 std::move(reason)};
}

io::Task<S3Status> SyncSender::send_change(object::BucketInfo bucket, object::SyncChange change,
                                           io::Until until) {
  object::SiteSync& sync = *objects_.site_sync();
  std::string version_id = change.version_id;
  std::optional<ReplicaMessage> message = co_await or_fail(sync.describe(bucket, change));
  // Gone meanwhile: what took its place has a change of its own.
  if (!message) co_return S3Status();
  message->replica.head.info.key = change.key;
  if (message->kind == ChangeKind::kPut) {
    co_return co_await send_version(std::move(bucket), std::move(*message), std::move(version_id),
                                    until);
  }
  const ChangeKind kind = message->kind;
  ReplicaMessage whole = *message;
  const ReplicaOutcome outcome = co_await or_fail(tell(std::move(*message), until));
  if (kind != ChangeKind::kMeta || outcome != ReplicaOutcome::kMissing) co_return S3Status();
  whole.kind = ChangeKind::kPut;
  co_return co_await send_version(std::move(bucket), std::move(whole), std::move(version_id),
                                  until);
}

io::Task<S3Status> SyncSender::send_version(object::BucketInfo bucket, ReplicaMessage message,
                                            std::string version_id, io::Until until) {
  const object::ObjectInfo info = message.replica.head.info;
  if (is_of_customer(info)) {
    ++counters_.skipped;
    co_return std::unexpected(Failure(Error{Code::kPermissionDenied, std::string(kCustomerKey)}));
  }
  const bool is_small = info.size_bytes <= object::kReplicaInlineBytesMax;
  if (!is_small) {
    const bool needed = co_await or_fail(needs_body(message, version_id, until));
    if (!needed) {
      message.kind = ChangeKind::kMeta;
      co_await or_fail(tell(std::move(message), until));
      co_return S3Status();
    }
  }
  Result<std::unique_ptr<object::ObjectReader>> opened =
      co_await objects_.open(bucket, info.key, version_id);
  if (!opened && opened.error().code == Code::kNotFound) co_return S3Status();
  const std::unique_ptr<object::ObjectReader> reader = co_await or_fail(std::move(opened));
  const bool is_same = reader->info().etag == info.etag && reader->info().modified == info.modified;
  if (!is_same)
    co_return std::unexpected(Failure(Error{Code::kUnavailable, std::string(kChanged)}));
  if (info.size_bytes > 0) co_await or_fail(reader->start({0, info.size_bytes}));
  if (!is_small) co_return co_await send_chunks(*reader, std::move(message), until);
  while (message.body.size() < info.size_bytes) {
    const Buffer piece = co_await or_fail(reader->next());
    if (piece.empty()) break;
    message.body.append(as_text(piece.view()));
  }
  co_await bandwidth_.take(message.body.size(), until.stop);
  const uint64_t sent_bytes = message.body.size();
  co_await or_fail(tell(std::move(message), until));
  counters_.bytes.sent_bytes += sent_bytes;
  co_return S3Status();
}

io::Task<S3Result<bool>> SyncSender::needs_body(const ReplicaMessage& message,
                                                std::string version_id, io::Until until) {
  const object::ObjectInfo& info = message.replica.head.info;
  std::vector<object::Compared> question;
  question.push_back({info.key, std::move(version_id), info.etag, info.modified, info.changed});
  const object::CompareAnswer answer = co_await or_fail(compare(std::move(question), until.stop));
  co_return answer.answers.front() == object::Comparison::kMissing;
}

io::Task<S3Status> SyncSender::send_chunks(object::ObjectReader& reader, ReplicaMessage message,
                                           io::Until until) {
  const object::ObjectInfo info = message.replica.head.info;
  transfer::NativeSession session(rule_.target_bucket, info.key);
  std::vector<HeaderPair> headers = encryption_of(info);
  if (!info.metadata.storage_class.empty()) {
    headers.emplace_back("x-amz-storage-class", info.metadata.storage_class);
  }
  const bool begun = co_await or_fail(session.begin(*client_, info.size_bytes, std::move(headers),
                                                    until, owner_head(message.replica.head)));
  if (!begun) {
    co_return std::unexpected(
        Failure(Error{Code::kUnsupported, "the other site takes no uploads by names of chunks"}));
  }
  std::vector<uint64_t> part_sizes_bytes;
  for (const object::PartInfo& part : message.replica.parts) {
    if (part.size_bytes > 0) part_sizes_bytes.push_back(part.size_bytes);
  }
  ReaderSource source(reader);
  transfer::NativeStream stream(*client_, session, bandwidth_, counters_.bytes);
  const std::vector<transfer::PieceName> names =
      co_await or_fail(stream.send(source, std::move(part_sizes_bytes), until));
  for (const transfer::PieceName& name : names) {
    message.chunks.push_back({name.hash, name.size_bytes});
  }
  message.session = session.id();
  co_await or_fail(tell(std::move(message), until));
  co_return S3Status();
}

std::vector<HeaderPair> SyncSender::encryption_of(const object::ObjectInfo& info) const {
  if (info.sse.empty()) return {};
  std::vector<HeaderPair> headers{{"x-amz-server-side-encryption", "aws:kms"}};
  if (!rule_.kms_key.empty()) {
    headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", rule_.kms_key);
  }
  return headers;
}

io::Task<S3Result<ReplicaOutcome>> SyncSender::tell(ReplicaMessage message, io::Until until) {
  const object::ObjectInfo& info = message.replica.head.info;
  const transfer::NativeSession door(rule_.target_bucket, info.key);
  const bool writes = message.kind == ChangeKind::kPut;
  std::vector<HeaderPair> headers = writes ? encryption_of(info) : std::vector<HeaderPair>();
  const std::string reply = co_await or_fail(
      door.ask_about(*client_, "replicate", std::move(headers), object::encode_replica(message),
                     until_of(kRequestPatience, until.stop)));
  object::ReplicaReply answer = co_await or_fail(object::parse_replica_reply(as_bytes(reply)));
  peer_ = std::move(answer.site);
  co_return answer.outcome;
}

io::Task<S3Result<object::CompareAnswer>> SyncSender::compare(
    std::vector<object::Compared> versions, io::StopToken stop) {
  // The path has to name a key, and any may be asked about.
  const transfer::NativeSession door(rule_.target_bucket,
                                     versions.empty() ? "-" : versions.front().key);
  object::CompareQuestion question{objects_.site_sync()->site(), std::move(versions)};
  const size_t count = question.versions.size();
  const std::string reply =
      co_await or_fail(door.ask_about(*client_, "compare", {}, object::encode_question(question),
                                      until_of(kRequestPatience, stop)));
  object::CompareAnswer answer = co_await or_fail(object::parse_answer(as_bytes(reply), count));
  peer_ = answer.site;
  co_return answer;
}

}  // namespace cairn::server
