#include "storage/upstream.h"

#include <algorithm>

#include "base/log.h"
#include "io/reactor.h"
#include "storage/hedged_get.h"
#include "storage/limits.h"
#include "storage/log_format.h"
#include "transfer/retry_budget.h"

namespace cairn::storage {
namespace {

using transfer::Failure;
using transfer::or_fail;
using transfer::RetryBudget;
using transfer::S3Result;
using transfer::S3Status;

// Worth leaving it alone for a while. A full one still serves reads.
bool means_upstream_in_trouble(const Failure& failure) {
  return failure.error.code != Code::kNoSpace &&
         (failure.status == 0 || failure.status >= 500 || failure.is_retryable);
}

// Answers at once, and refuses what it should not: keys that were withdrawn, a bucket that is gone.
bool means_refusal(const Failure& failure) {
  return failure.error.code == Code::kNoSpace || failure.status == 401 || failure.status == 403 ||
         failure.code == "NoSuchBucket";
}

constexpr Duration kRefusalsToldEvery = seconds(10);

std::unexpected<Error> refused() {
  return fail(Code::kUnavailable,
              "the upstream of the chunk store does not answer; it is tried again within seconds");
}

Failure unexpected_answer(std::string what) {
  Failure failure(Error{Code::kUnavailable, "the upstream " + std::move(what)});
  failure.is_retryable = true;
  return failure;
}

}  // namespace

Status check_upstream_place(const UpstreamPlace& place) {
  if (place.bucket.empty() || place.bucket.contains('/')) {
    return fail(Code::kInvalidArgument, "an S3 home needs the name of a bucket");
  }
  if (!place.prefix.empty() && (place.prefix.starts_with('/') || !place.prefix.ends_with('/'))) {
    return fail(Code::kInvalidArgument, "the prefix of an S3 home ends in / and does not begin so");
  }
  return {};
}

http::ClientOptions upstream_http_options() {
  http::ClientOptions options;
  options.user_agent = "cairn-home";
  options.connect_timeout = seconds(5);
  options.head_timeout = seconds(15);
  options.stall_timeout = seconds(15);
  options.idle_per_host_max = kUpstreamReadsMax;
  options.retry.attempts_max = 3;
  options.retry.backoff_max = seconds(1);
  options.retry.retry_after_max = seconds(2);
  return options;
}

Result<std::unique_ptr<Upstream>> Upstream::create(const UpstreamPlace& place,
                                                   UpstreamBreaker& breaker,
                                                   StoreCounters& counters, io::Network& network,
                                                   Random& random) {
  Result<std::unique_ptr<transfer::S3Client>> client =
      transfer::S3Client::create(place.client, network, random);
  if (!client) return std::unexpected(client.error());
  return std::unique_ptr<Upstream>(new Upstream(place, breaker, counters, std::move(*client)));
}

io::Until Upstream::deadline_in(Duration patience) const {
  return {.deadline = io::Reactor::current().now() + patience, .stop = stop_};
}

io::Until Upstream::deadline_for(uint64_t size_bytes) const {
  const auto transfer_s = static_cast<int64_t>(size_bytes / kUpstreamBytesPerSecondMin);
  return deadline_in(kUpstreamPatience + seconds(transfer_s));
}

Status Upstream::check_available() const {
  if (breaker_.refuses(io::Reactor::current().now())) return refused();
  return {};
}

Status Upstream::admit() {
  if (!breaker_.admit(io::Reactor::current().now())) return refused();
  return {};
}

void Upstream::note(const Failure* failure) {
  StoreCounters::add(counters_.upstream_requests);
  if (failure != nullptr && failure->error.code == Code::kCancelled) return;
  const Instant now = io::Reactor::current().now();
  if (failure == nullptr || !means_upstream_in_trouble(*failure)) {
    breaker_.on_success();
    if (failure != nullptr && means_refusal(*failure)) note_refusal(*failure, now);
    return;
  }
  StoreCounters::add(counters_.upstream_failures);
  if (breaker_.on_failure(now)) {
    log::error("storage.upstream_down", {{"bucket", std::string_view(place_.bucket)},
                                         {"message", std::string_view(failure->error.message)}});
  }
}

void Upstream::note_refusal(const Failure& failure, Instant now) {
  StoreCounters::add(counters_.upstream_failures);
  if (now < next_refusal_told_) return;
  next_refusal_told_ = now + kRefusalsToldEvery;
  log::error("storage.upstream_refuses", {{"bucket", std::string_view(place_.bucket)},
                                          {"message", std::string_view(failure.error.message)}});
}

Error Upstream::translate(const Failure& failure) const {
  const Code code = failure.error.code == Code::kNoSpace ? Code::kNoSpace : Code::kUnavailable;
  return {code, "upstream " + place_.bucket + "/" + place_.prefix + ": " + failure.error.message};
}

io::Task<S3Result<std::string>> Upstream::put_once(UpstreamBody& body) {
  transfer::UploadBody upload{.source = &body, .crc64_nvme = body.crc64_nvme()};
  upload.is_unsigned = !body.has_sha256();
  if (body.has_sha256()) upload.sha256 = body.sha256();
  transfer::PutOptions options;
  if (!conditions_refused_) options.conditions.if_none_match = "*";
  (void)body.rewind();
  const transfer::PutResult put =
      co_await or_fail(client_->put(place_.bucket, key_of(body.name()), upload, std::move(options),
                                    deadline_for(body.object_bytes())));
  co_return put.etag;
}

io::Task<Result<std::string>> Upstream::put(UpstreamBody& body) {
  co_await io::or_return(admit());
  S3Result<std::string> put = co_await put_once(body);
  if (!put && put.error().status == 501 && !conditions_refused_) {
    // Names are random, so that nothing is overwritten without the condition either.
    log::warning("storage.upstream_without_conditions",
                 {{"bucket", std::string_view(place_.bucket)}});
    conditions_refused_ = true;
    put = co_await put_once(body);
  }
  note(put ? nullptr : &put.error());
  if (put) co_return std::move(*put);
  // The name is random: an object that is there already came from a request whose answer was lost.
  if (put.error().status == 412) {
    Result<std::string> there = co_await confirm(body);
    co_return there;
  }
  co_return std::unexpected(translate(put.error()));
}

io::Task<Result<std::string>> Upstream::confirm(UpstreamBody& body) {
  const std::string name = body.name();
  S3Result<transfer::ObjectInfo> info = co_await client_->head(
      place_.bucket, key_of(name), std::string(), deadline_in(kUpstreamPatience));
  if (!info) co_return std::unexpected(translate(info.error()));
  const UpstreamObject object{name, info->size_bytes, info->etag};
  Bytes trailer(body.trailer().size());
  const bool same_size = object.size_bytes == body.object_bytes();
  if (same_size) {
    std::vector<MutableBytes> pieces = {MutableBytes(trailer)};
    const Status got = co_await read(object, object.size_bytes - trailer.size(), std::move(pieces));
    if (!got) co_return fail(Code::kUnavailable, got.error().message);
  }
  if (!same_size || !std::ranges::equal(trailer, body.trailer())) {
    co_return fail(Code::kUnavailable, "upstream: another object is there under the name " + name);
  }
  co_return object.etag;
}

io::Task<void> Upstream::close() {
  co_await reads_.close();
  co_await client_->close();
}

io::Task<S3Result<transfer::ObjectBody>> Upstream::open_range(const UpstreamRead& what,
                                                              ByteRange range, HedgeStops& stops) {
  const io::Until until = deadline_for(range.size_bytes);
  if (!what.may_hedge || has_stop_) {
    return client_->get(place_.bucket, key_of(what.object.name), std::string(), range,
                        what.object.etag, until);
  }
  return get_hedged(
      *client_, {place_.bucket, key_of(what.object.name), range, what.object.etag, until.deadline},
      hedging_, stops, counters_);
}

io::Task<S3Status> Upstream::read_once(const UpstreamRead& what, size_t& filled_count) {
  uint64_t offset_bytes = what.offset_bytes;
  uint64_t size_bytes = 0;
  for (size_t i = 0; i < what.pieces.size(); ++i) {
    (i < filled_count ? offset_bytes : size_bytes) += what.pieces[i].size();
  }
  const UpstreamObject& object = what.object;
  HedgeStops stops;
  transfer::ObjectBody body =
      co_await or_fail(open_range(what, ByteRange{offset_bytes, size_bytes}, stops));
  const bool other_etag =
      !object.etag.empty() && !body.info.etag.empty() && body.info.etag != object.etag;
  if (other_etag || body.info.size_bytes != object.size_bytes ||
      body.range.offset_bytes != offset_bytes || body.range.size_bytes < size_bytes) {
    co_return std::unexpected(unexpected_answer("answers with another object or range"));
  }
  while (filled_count < what.pieces.size()) {
    MutableBytes rest = what.pieces[filled_count];
    while (!rest.empty()) {
      const size_t count = co_await or_fail(body.response.receive(rest));
      if (count == 0) co_return std::unexpected(unexpected_answer("ended its answer early"));
      rest = rest.subspan(count);
    }
    if (what.on_filled) what.on_filled(filled_count);
    ++filled_count;
  }
  co_return S3Status();
}

io::Task<Status> Upstream::read(UpstreamObject object, uint64_t offset_bytes,
                                std::vector<MutableBytes> pieces) {
  return read(UpstreamRead{.object = std::move(object),
                           .offset_bytes = offset_bytes,
                           .pieces = std::move(pieces),
                           .may_hedge = false,
                           .on_filled = {}});
}

io::Task<Status> Upstream::read(UpstreamRead what) {
  size_t filled_count = 0;
  for (unsigned attempt = 1;; ++attempt) {
    co_await io::or_return(admit());
    S3Status got = co_await read_once(what, filled_count);
    note(got ? nullptr : &got.error());
    if (got) co_return Status{};
    const int status = got.error().status;
    // An upstream whose listings and reads settle late may say 404 of what it has.
    const bool gone = status == 404 && got.error().code != "NoSuchBucket";
    const bool changed = status == 412 || status == 416;
    // A range that was not asked for: somebody between us and the upstream confuses answers.
    const bool confused = got.error().error.code == Code::kUnsupported;
    const bool may_pass =
        (gone && !what.object.may_be_gone) || confused || got.error().is_retryable;
    if (attempt < kUpstreamReadAttemptsMax && may_pass) {
      co_await io::or_return(io::sleep_for(RetryBudget::pause(attempt, system_random()), stop_));
      continue;
    }
    if (!gone && !changed) co_return std::unexpected(translate(got.error()));
    if (gone && what.object.may_be_gone) {
      co_return fail(Code::kNotFound, "upstream: " + what.object.name + " is gone");
    }
    StoreCounters::add(counters_.packs_lost);
    log::error("storage.pack_lost", {{"bucket", std::string_view(place_.bucket)},
                                     {"pack", std::string_view(what.object.name)},
                                     {"message", std::string_view(got.error().error.message)}});
    co_return fail(Code::kNotFound, "upstream: the object " + what.object.name +
                                        (gone ? " is gone" : " is not the one that was written"));
  }
}

io::Task<Status> Upstream::remove(std::string name) {
  co_await io::or_return(admit());
  const S3Status removed = co_await client_->remove(place_.bucket, key_of(name), std::string(),
                                                    deadline_in(kUpstreamPatience));
  note(removed ? nullptr : &removed.error());
  if (removed || removed.error().code == "NoSuchKey") co_return Status{};
  co_return std::unexpected(translate(removed.error()));
}

io::Task<Result<transfer::ListPage>> Upstream::list(std::string token, std::string under) {
  co_await io::or_return(admit());
  S3Result<transfer::ListPage> page = co_await client_->list_objects(
      place_.bucket, {.prefix = key_of(under)}, token, deadline_in(kUpstreamPatience));
  note(page ? nullptr : &page.error());
  if (!page) co_return std::unexpected(translate(page.error()));
  if (!token.empty() && page->next_token == token) {
    co_return fail(Code::kUnavailable, "upstream: the listing does not go on behind a page");
  }
  for (transfer::ObjectEntry& object : page->objects) {
    if (!object.key.starts_with(place_.prefix)) {
      co_return fail(Code::kUnavailable,
                     "upstream: the listing names an object that was not asked "
                     "for: " +
                         object.key);
    }
    object.key.erase(0, place_.prefix.size());
  }
  co_return std::move(*page);
}

io::Task<Result<bool>> Upstream::exists(std::string name) {
  co_await io::or_return(admit());
  const S3Result<transfer::ObjectInfo> info = co_await client_->head(
      place_.bucket, key_of(name), std::string(), deadline_in(kUpstreamPatience));
  note(info ? nullptr : &info.error());
  if (info) co_return true;
  if (info.error().status == 404 && info.error().code != "NoSuchBucket") co_return false;
  co_return std::unexpected(translate(info.error()));
}

io::Task<Result<WallTime>> Upstream::read_clock(std::string name) {
  co_await io::or_return(admit());
  const S3Result<transfer::PutResult> put =
      co_await client_->put(place_.bucket, key_of(name), {.bytes = as_bytes("clock\n")}, {},
                            deadline_in(kUpstreamPatience));
  note(put ? nullptr : &put.error());
  if (!put) co_return std::unexpected(translate(put.error()));
  const S3Result<transfer::ObjectInfo> info = co_await client_->head(
      place_.bucket, key_of(name), std::string(), deadline_in(kUpstreamPatience));
  if (!info) co_return std::unexpected(translate(info.error()));
  co_return info->modified;
}

io::Task<S3Result<Bytes>> Upstream::fetch_small(std::string name) {
  transfer::ObjectBody body =
      co_await or_fail(client_->get(place_.bucket, key_of(name), std::string(), std::nullopt,
                                    std::string(), deadline_in(kUpstreamPatience)));
  const std::string text = co_await or_fail(body.response.receive_all(kBlockBytes));
  const BytesView bytes = as_bytes(text);
  co_return Bytes(bytes.begin(), bytes.end());
}

io::Task<S3Status> Upstream::put_small(std::string name, BytesView bytes, bool must_be_absent) {
  transfer::PutOptions options;
  if (must_be_absent) options.conditions.if_none_match = "*";
  co_await or_fail(client_->put(place_.bucket, key_of(name), {.bytes = bytes}, std::move(options),
                                deadline_in(kUpstreamPatience)));
  co_return S3Status();
}

}  // namespace cairn::storage
