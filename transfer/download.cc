#include "transfer/download.h"

#include "transfer/file_names.h"
#include "transfer/range_fetcher.h"
#include "transfer/repeat.h"
#include "transfer/verify.h"

namespace cairn::transfer {
namespace {

// An object that is replaced again and again while it is downloaded.
constexpr unsigned kRestartsMax = 3;
constexpr int kReplaced = 412;

Failure stopped() {
  return Failure(Error{Code::kCancelled,
                       "stopped; what has arrived is kept and the next download goes on from it"});
}

// All ranges of one version of the object, verified, under the target's name.
io::Task<S3Status> fetch_and_publish(Crew& crew, const DownloadJob& job,
                                     const DownloadOptions& options, Meter& meter,
                                     PartialFile& partial, DownloadReport& report) {
  RangePlan plan(report.info.size_bytes, partial.resumed());
  const uint64_t resumed_bytes = plan.done_bytes();
  report.resumed_bytes = resumed_bytes;
  meter.add_resumed(resumed_bytes);
  meter.add_done(resumed_bytes);
  RangeFetcher fetcher({crew, job, report.info, partial, plan, meter}, options.pace);
  co_await fetcher.run();
  report.hedges_count += fetcher.hedges_count();
  if (crew.stop_requested()) co_return std::unexpected(stopped());
  if (plan.has_failed()) {
    if (plan.failure()->status == kReplaced) meter.take_back_done(plan.done_bytes());
    co_return std::unexpected(*plan.failure());
  }
  S3Result<VerifiedBy> verified = verify_crc64(report.info, plan.crc64());
  if (verified && (*verified == VerifiedBy::kNothing || job.sha256)) {
    verified = co_await verify_file(partial.file(), report.info, job.sha256, options.check_md5);
  }
  if (!verified) {
    co_await partial.discard();
    co_return std::unexpected(std::move(verified.error()));
  }
  report.verified_by = *verified;
  co_await or_fail(partial.publish(options.sync));
  co_return S3Status();
}

io::Task<S3Status> download_ranges(Crew& crew, const DownloadJob& job,
                                   const DownloadOptions& options, Meter& meter,
                                   DownloadReport& report) {
  std::unique_ptr<PartialFile> partial =
      co_await or_fail(PartialFile::open(crew.files(), job, report.info, options));
  S3Status done = co_await fetch_and_publish(crew, job, options, meter, *partial, report);
  co_await partial->close();
  co_return done;
}

io::Task<S3Result<DownloadReport>> download_whole_once(Crew& crew, size_t member,
                                                       const DownloadJob& job,
                                                       const DownloadOptions& options,
                                                       Meter& meter) {
  const io::Until until{.stop = crew.stop_token(member)};
  ObjectBody body = co_await or_fail(
      crew.client(member).get(job.bucket, job.key, job.version_id, std::nullopt, "", until));
  if (body.info.size_bytes > kWholeBytesMax) {
    co_return std::unexpected(
        Failure(Error{Code::kOutOfRange, "the object grew since it was listed"}));
  }
  const auto size_bytes = static_cast<size_t>(body.info.size_bytes);
  Buffer bytes = co_await or_fail(
      io::Reactor::current().buffers().acquire(std::max<size_t>(size_bytes, 1), until));
  bytes.resize(size_bytes);
  const size_t received_bytes = co_await or_fail(body.response.receive(bytes.span()));
  if (received_bytes < size_bytes) {
    co_return std::unexpected(Failure(Error{Code::kClosed, "the server ended inside the body"}));
  }
  DownloadReport report{.info = std::move(body.info)};
  report.verified_by =
      co_await or_fail(verify_memory(report.info, bytes.view(), job.sha256, options.check_md5));
  co_await or_fail(crew.files().write_file(job.path, partial_path(job.path), bytes.view()));
  meter.add_sent(size_bytes);
  meter.add_done(size_bytes);
  co_return report;
}

}  // namespace

io::Task<S3Result<DownloadReport>> download_whole(Crew& crew, size_t member, DownloadJob job,
                                                  DownloadOptions options, Meter& meter) {
  const auto once = [&] { return download_whole_once(crew, member, job, options, meter); };
  S3Result<DownloadReport> done = co_await with_repeats(crew.stop_token(member), once);
  co_return done;
}

io::Task<S3Result<DownloadReport>> download(Crew& crew, DownloadJob job, DownloadOptions options,
                                            Meter& meter, io::Until until) {
  const ForwardedStop forwarded(crew, until.stop);
  DownloadReport report;
  const auto look = [&] {
    return crew.client().head(job.bucket, job.key, job.version_id, {.stop = crew.stop_token(0)});
  };
  if (job.size_hint_bytes.value_or(kWholeBytesMax + 1) <= kWholeBytesMax) {
    S3Result<DownloadReport> small = co_await download_whole(crew, 0, job, options, meter);
    if (small || small.error().error.code != Code::kOutOfRange) co_return small;
  }
  while (true) {
    report.info = co_await or_fail(with_repeats(crew.stop_token(0), look));
    if (report.info.size_bytes <= kWholeBytesMax) {
      S3Result<DownloadReport> small = co_await download_whole(crew, 0, job, options, meter);
      co_return small;
    }
    S3Status done = co_await download_ranges(crew, job, options, meter, report);
    if (done) co_return report;
    const bool was_replaced = done.error().status == kReplaced;
    if (!was_replaced || report.restarts_count == kRestartsMax) {
      co_return std::unexpected(std::move(done.error()));
    }
    ++report.restarts_count;
  }
}

}  // namespace cairn::transfer
