#include "cli/bench_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/encoding.h"
#include "cli/bench_load.h"
#include "cli/human.h"
#include "cli/location.h"
#include "cli/remover.h"

namespace cairn::cli {
namespace {

constexpr uint64_t kBenchMemoryMax = 4 * GiB;
constexpr size_t kConcurrencyMax = 4096;

struct BenchFlags {
  ClientFlags client;
  std::string where;
  std::string operation = "mixed";
  std::string sizes = "64KiB";
  std::string duration = "10s";
  std::string warm_up = "2s";
  double rate = 0;
  double read_percent = 70;
  size_t concurrency = 16;
  size_t threads = 0;
  uint64_t objects_count = 64;
  bool repeats_content = false;
  bool keeps_objects = false;
};

std::string run_name() {
  uint8_t bytes[6];
  system_random().fill(bytes);
  return "cairn-bench-" + to_hex(bytes) + "/";
}

Result<BenchSettings> settings_of(const BenchFlags& flags) {
  const Result<Location> where = parse_bucket_location(flags.where);
  if (!where) return std::unexpected(where.error());
  BenchSettings settings;
  settings.bucket = where->bucket;
  settings.prefix = joined_key(where->key, run_name());
  Result<SizeChoice> sizes = SizeChoice::parse(flags.sizes);
  if (!sizes) return std::unexpected(sizes.error());
  settings.sizes = std::move(*sizes);
  const Result<uint64_t> duration = parse_human_duration_seconds(flags.duration);
  const Result<uint64_t> warm_up = parse_human_duration_seconds(flags.warm_up);
  if (!duration) return std::unexpected(duration.error());
  if (!warm_up) return std::unexpected(warm_up.error());
  if (*duration == 0 || *duration > 86'400 || *warm_up > 86'400) {
    return fail(Code::kInvalidArgument, "--duration is 1s to 24h, --warm-up at most 24h");
  }
  settings.duration_ms = *duration * 1000;
  settings.warm_up_ms = *warm_up * 1000;
  settings.read_share = flags.operation == "put"   ? 0
                        : flags.operation == "get" ? 1
                                                   : flags.read_percent / 100;
  settings.concurrency = flags.concurrency;
  settings.requests_per_second = flags.rate;
  settings.objects_count = flags.objects_count;
  settings.repeats_content = flags.repeats_content;
  if (settings.sizes.largest() * settings.concurrency > kBenchMemoryMax) {
    return fail(Code::kInvalidArgument, "sizes times --concurrency is more than 4 GiB of memory");
  }
  return settings;
}

void show(Session& session, const BenchFlags& flags, const BenchLoad& load) {
  JsonLine json("bench");
  json.add("operation", flags.operation)
      .add("sizes", flags.sizes)
      .add("concurrency", flags.concurrency)
      .add("rate", flags.rate)
      .add("seconds", load.seconds())
      .add("unsent", load.unsent_count());
  std::string text;
  for (const auto& [name, kind] :
       {std::pair{"put", BenchKind::kPut}, std::pair{"get", BenchKind::kGet}}) {
    const BenchFigures& figures = load.figures(kind);
    if (figures.latencies.count() + figures.errors_count == 0) continue;
    json.add_raw(name, bench_json(figures, load.seconds()));
    text.append(text.empty() ? "" : "\n").append(bench_text(name, figures, load.seconds()));
  }
  if (load.unsent_count() > 0) {
    text += "\n     " + std::to_string(load.unsent_count()) +
            " requests were due and never sent: the rate is beyond what this can do";
  }
  session.console().result(text.empty() ? "no request was measured" : text, json);
}

io::Task<Status> run_bench(Session& session, const BenchFlags& flags, BenchSettings settings) {
  transfer::CrewOptions crew_options;
  crew_options.client = session.s3().options();
  // What is measured is one request, not one that was repeated until it worked.
  crew_options.client.http.retry.attempts_max = 1;
  crew_options.members_count = std::min(
      flags.threads > 0 ? flags.threads : transfer::usable_cores_count(), flags.concurrency);
  const std::string bucket = settings.bucket;
  const std::unique_ptr<transfer::Crew> crew =
      co_await io::or_return(transfer::Crew::open(std::move(crew_options)));
  BenchLoad load(*crew, std::move(settings));
  const Status prepared = co_await load.prepare(session.until());
  if (prepared) co_await load.run(session.until());
  co_await crew->close();
  if (prepared) show(session, flags, load);
  if (!load.first_error().empty()) {
    session.report(Error{Code::kUnavailable, "requests failed, first: " + load.first_error()});
  }
  if (flags.keeps_objects || session.is_stopped()) co_return prepared;
  Remover remover(session, bucket, Remover::Notes::kNone);
  const std::vector<std::string> keys = load.keys();
  for (const std::string& key : keys) {
    transfer::DeleteKey victim{key, ""};
    co_await remover.add(std::move(victim));
  }
  co_await remover.finish();
  co_return prepared;
}

io::Task<void> bench(Session& session, const BenchFlags& flags) {
  Result<BenchSettings> settings = settings_of(flags);
  if (!settings) {
    session.report(settings.error());
    co_return;
  }
  const Status done = co_await run_bench(session, flags, std::move(*settings));
  if (!done) session.report(done.error());
  if (session.is_stopped()) session.console().warning("objects below the prefix were left there");
}

}  // namespace

void add_bench_command(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<BenchFlags>();
  CLI::App* command = app.add_subcommand("bench", "Load an S3 server and measure it");
  command->add_option("location", flags->where, "s3://BUCKET/PREFIX for objects of the bench")
      ->required();
  command->add_option("--operation,--op", flags->operation, "put, get or mixed (mixed)")
      ->check(CLI::IsMember({"put", "get", "mixed"}))
      ->option_text("KIND");
  command->add_option("--read-percent", flags->read_percent, "GETs of mixed (70)")
      ->check(CLI::Range(0, 100))
      ->option_text("PERCENT");
  command->add_option("--size", flags->sizes, "64KiB, or weighted: 4KiB:70,1MiB:30")
      ->option_text("SIZES");
  command->add_option("--concurrency", flags->concurrency, "Requests under way at most (16)")
      ->check(CLI::Range(size_t{1}, kConcurrencyMax))
      ->option_text("N");
  command
      ->add_option("--rate", flags->rate,
                   "Open loop: requests per second, latency from when each was due")
      ->check(CLI::Range(0.0, 10'000'000.0))
      ->option_text("N");
  command->add_option("--duration", flags->duration, "What is measured (10s)")->option_text("TIME");
  command->add_option("--warm-up", flags->warm_up, "Before it (2s)")->option_text("TIME");
  command->add_option("--objects", flags->objects_count, "Objects that are read (64)")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("N");
  command->add_option("--threads", flags->threads, "Cores to use (all)")
      ->check(CLI::Range(1, 64))
      ->option_text("N");
  command->add_flag("--same-content", flags->repeats_content,
                    "Send the same bytes again and again (default: never the same)");
  command->add_flag("--keep", flags->keeps_objects, "Leave the objects there");
  flags->client.add_to(*command);
  command->callback([flags, &exit_code] {
    exit_code =
        run_client(flags->client, [flags](Session& session) { return bench(session, *flags); });
  });
}

}  // namespace cairn::cli
