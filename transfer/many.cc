#include "transfer/many.h"

#include "io/scope.h"
#include "io/sync.h"

namespace cairn::transfer {
namespace {

bool is_too_large(const Failure& failure) {
  return failure.error.code == Code::kOutOfRange && failure.status == 0;
}

// The loop that uploads and downloads share. `Way` knows how one job is done.
template <typename Way>
class ManyRun {
 public:
  using Job = typename Way::Job;
  using Report = typename Way::Report;

  ManyRun(Way way, JobStream<Job>& jobs, OutcomeObserver<Job, Report>& outcomes, ManyOptions many)
      : way_(std::move(way)),
        jobs_(jobs),
        outcomes_(outcomes),
        many_(many),
        large_(std::max<size_t>(many.large_in_flight_max, 1)) {}

  io::Task<void> run() {
    co_await way_.crew.run_on_each([this](size_t member) { return run_member(member); });
  }

 private:
  io::Task<void> run_member(size_t member) {
    const size_t members_count = way_.crew.size();
    const size_t workers_count =
        std::max<size_t>((many_.small_in_flight_max + members_count - 1) / members_count, 1);
    io::Scope scope;
    for (size_t i = 0; i < workers_count; ++i) scope.spawn(work(member));
    co_await scope.join();
  }
  // At home.
  io::Task<std::optional<Job>> next() {
    const io::MutexGuard turn = co_await turn_.lock();
    if (ended_ || way_.crew.stop_requested()) co_return std::nullopt;
    std::optional<Job> job = co_await jobs_.next();
    ended_ = !job.has_value();
    co_return job;
  }
  io::Task<void> tell(Job job, S3Result<Report> outcome) {
    if (outcome) way_.meter.add_file_done();
    outcomes_.on_outcome(job, outcome);
    co_return;
  }
  io::Task<void> do_large(Job job) {
    co_await large_.acquire();
    S3Result<Report> outcome = co_await way_.large(job);
    large_.release();
    co_await tell(std::move(job), std::move(outcome));
  }
  io::Task<void> work(size_t member) {
    io::Reactor& home = way_.crew.reactor(0);
    while (true) {
      std::optional<Job> job = co_await io::run_on(home, next());
      if (!job) co_return;
      if (way_.may_be_small(*job)) {
        S3Result<Report> outcome = co_await way_.small(member, *job);
        if (outcome || !is_too_large(outcome.error())) {
          co_await io::run_on(home, tell(std::move(*job), std::move(outcome)));
          continue;
        }
      }
      co_await io::run_on(home, do_large(std::move(*job)));
    }
  }

  Way way_;
  JobStream<Job>& jobs_;
  OutcomeObserver<Job, Report>& outcomes_;
  const ManyOptions many_;
  io::Mutex turn_;
  io::Semaphore large_;
  bool ended_ = false;
};

struct DownloadWay {
  using Job = DownloadJob;
  using Report = DownloadReport;
  Crew& crew;
  Meter& meter;
  DownloadOptions options;

  static bool may_be_small(const Job& job) {
    return job.size_hint_bytes && *job.size_hint_bytes <= kWholeBytesMax;
  }
  io::Task<S3Result<Report>> small(size_t member, Job job) {
    return download_whole(crew, member, std::move(job), options, meter);
  }
  io::Task<S3Result<Report>> large(Job job) {
    return download(crew, std::move(job), options, meter, {});
  }
};

struct UploadWay {
  using Job = UploadJob;
  using Report = UploadReport;
  Crew& crew;
  Meter& meter;
  UploadOptions options;

  static bool may_be_small(const Job&) { return true; }
  io::Task<S3Result<Report>> small(size_t member, Job job) {
    return upload_whole(crew, member, std::move(job), meter);
  }
  io::Task<S3Result<Report>> large(Job job) {
    return upload(crew, std::move(job), options, meter, {});
  }
};

}  // namespace

io::Task<void> download_many(Crew& crew, DownloadStream& jobs, DownloadOptions options,
                             ManyOptions many, DownloadOutcomes& outcomes, Meter& meter,
                             io::Until until) {
  const ForwardedStop forwarded(crew, until.stop);
  DownloadWay way{crew, meter, options};
  ManyRun<DownloadWay> run(std::move(way), jobs, outcomes, many);
  co_await run.run();
}

io::Task<void> upload_many(Crew& crew, UploadStream& jobs, UploadOptions options, ManyOptions many,
                           UploadOutcomes& outcomes, Meter& meter, io::Until until) {
  const ForwardedStop forwarded(crew, until.stop);
  UploadWay way{crew, meter, std::move(options)};
  ManyRun<UploadWay> run(std::move(way), jobs, outcomes, many);
  co_await run.run();
}

}  // namespace cairn::transfer
