// Runs one transfer from the command line: what the integration tests and bench/transfer.py drive
// the engine with. The person's tool is `cairn cp`.
//
//   cairn_transfer put|get      ENDPOINT BUCKET KEY PATH [NAME=VALUE ...]
//   cairn_transfer put-many|get-many ENDPOINT BUCKET PREFIX DIRECTORY [NAME=VALUE ...]
//
// Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Settings: members, in_flight,
// start, journal (directory), native (0, 1), direct, sync, resume, small (requests at a time), ca
// (PEM file). Prints one line of JSON; exit 0, 1 = the transfer failed, 2 = usage, 3 = stopped by
// SIGINT.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "io/reactor.h"
#include "io/scope.h"
#include "transfer/many.h"
#include "transfer/native_upload.h"

namespace {

using namespace cairn;  // NOLINT: a program of one file.
using namespace cairn::transfer;

std::atomic<bool> interrupted{false};

struct Arguments {
  std::string verb, endpoint, bucket, key, path;
  std::map<std::string, std::string> settings;
  uint64_t number(const std::string& name, uint64_t otherwise) const {
    const auto found = settings.find(name);
    return found == settings.end() ? otherwise : std::stoull(found->second);
  }
  std::string text(const std::string& name) const {
    const auto found = settings.find(name);
    return found == settings.end() ? std::string() : found->second;
  }
};

DownloadOptions download_options(const Arguments& arguments) {
  DownloadOptions options;
  options.direct = arguments.number("direct", 1) != 0;
  options.sync = arguments.number("sync", 0) != 0;
  options.resume = arguments.number("resume", 1) != 0;
  options.pace.in_flight_start = arguments.number("start", options.pace.in_flight_start);
  options.pace.in_flight_max = arguments.number("in_flight", options.pace.in_flight_max);
  return options;
}

UploadOptions upload_options(const Arguments& arguments, UploadDoor* door) {
  UploadOptions options;
  options.door = arguments.number("native", 0) != 0 ? door : nullptr;
  options.journal_directory = arguments.text("journal");
  options.pace.in_flight_start = arguments.number("start", options.pace.in_flight_start);
  options.pace.in_flight_max = arguments.number("in_flight", options.pace.in_flight_max);
  return options;
}

class Listing final : public DownloadStream {
 public:
  Listing(Crew& crew, const Arguments& arguments) : crew_(crew), arguments_(arguments) {}
  io::Task<std::optional<DownloadJob>> next() override {
    while (at_ == page_.objects.size()) {
      if (ended_) co_return std::nullopt;
      S3Result<ListPage> page = co_await crew_.client().list_objects(
          arguments_.bucket, {.prefix = arguments_.key}, page_.next_token, {});
      if (!page) {
        std::fprintf(stderr, "%s\n", page.error().error.message.c_str());
        co_return std::nullopt;
      }
      page_ = std::move(*page);
      at_ = 0;
      ended_ = page_.next_token.empty();
    }
    const ObjectEntry& entry = page_.objects[at_++];
    co_return DownloadJob{.bucket = arguments_.bucket,
                          .key = entry.key,
                          .path = arguments_.path + "/" + entry.key.substr(arguments_.key.size()),
                          .size_hint_bytes = entry.size_bytes};
  }

 private:
  Crew& crew_;
  const Arguments& arguments_;
  ListPage page_;
  size_t at_ = 0;
  bool ended_ = false;
};

class Directory final : public UploadStream {
 public:
  Directory(std::vector<std::string> names, const Arguments& arguments)
      : names_(std::move(names)), arguments_(arguments) {}
  io::Task<std::optional<UploadJob>> next() override {
    if (at_ == names_.size()) co_return std::nullopt;
    const std::string& name = names_[at_++];
    co_return UploadJob{.path = arguments_.path + "/" + name,
                        .bucket = arguments_.bucket,
                        .key = arguments_.key + name};
  }

 private:
  const std::vector<std::string> names_;
  const Arguments& arguments_;
  size_t at_ = 0;
};

template <typename Job, typename Report>
class Count final : public OutcomeObserver<Job, Report> {
 public:
  void on_outcome(const Job& job, const S3Result<Report>& outcome) override {
    if (outcome) return;
    ++failed;
    last = job.path + ": " + outcome.error().error.message;
  }
  size_t failed = 0;
  std::string last;
};

struct Outcome {
  Failure failure;
  bool failed = false;
  std::string details;  // JSON members.
};

template <typename Report>
void take(Outcome& outcome, const S3Result<Report>& done) {
  outcome.failed = !done;
  if (!done) outcome.failure = done.error();
}

io::Task<void> transfer(Crew& crew, const Arguments& arguments, Meter& meter, io::StopToken stop,
                        Outcome& outcome) {
  const io::Until until{.stop = stop};
  NativeDoor door({.journal_directory = arguments.text("journal")});
  if (arguments.verb == "get") {
    DownloadJob job{.bucket = arguments.bucket, .key = arguments.key, .path = arguments.path};
    const auto done =
        co_await download(crew, std::move(job), download_options(arguments), meter, until);
    take(outcome, done);
    if (done) {
      outcome.details = ", \"hedges\": " + std::to_string(done->hedges_count) +
                        ", \"restarts\": " + std::to_string(done->restarts_count) +
                        ", \"verified_by\": " + std::to_string(static_cast<int>(done->verified_by));
    }
  } else if (arguments.verb == "put") {
    UploadJob job{.path = arguments.path, .bucket = arguments.bucket, .key = arguments.key};
    const auto done =
        co_await upload(crew, std::move(job), upload_options(arguments, &door), meter, until);
    take(outcome, done);
    if (done) {
      outcome.details = ", \"deduplicated\": " + std::to_string(done->deduplicated_bytes) +
                        ", \"etag\": \"" + done->etag + "\"";
    }
  } else {
    const ManyOptions many{.small_in_flight_max = arguments.number("small", 32)};
    Count<DownloadJob, DownloadReport> got;
    Count<UploadJob, UploadReport> put;
    if (arguments.verb == "get-many") {
      Listing listing(crew, arguments);
      co_await download_many(crew, listing, download_options(arguments), many, got, meter, until);
    } else {
      auto names = co_await crew.files().list(arguments.path);
      Directory directory(names ? std::move(*names) : std::vector<std::string>(), arguments);
      co_await upload_many(crew, directory, upload_options(arguments, &door), many, put, meter,
                           until);
    }
    outcome.failed = got.failed + put.failed > 0;
    if (outcome.failed) {
      outcome.failure = Failure(Error{Code::kIo, got.failed > 0 ? got.last : put.last});
    }
  }
}

io::Task<void> watch_signal(io::StopSource& stop, io::StopToken end) {
  while (!interrupted) {
    const Status slept = co_await io::sleep_for(milliseconds(20), end);
    if (!slept) co_return;
  }
  stop.request();
}

// VmHWM: getrusage() would tell the peak of the process that forked this one.
long rss_peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  }
  return 0;
}

io::Task<int> run(Arguments arguments) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  CrewOptions options;
  options.members_count = arguments.number("members", 1);
  options.client.endpoint = arguments.endpoint;
  options.client.ca_path = arguments.text("ca");
  options.client.identity.access_key = variable("AWS_ACCESS_KEY_ID");
  options.client.identity.secret = variable("AWS_SECRET_ACCESS_KEY");
  options.client.http.stall_timeout = seconds(static_cast<int64_t>(arguments.number("stall", 30)));
  auto crew = Crew::open(std::move(options));
  if (!crew) {
    std::fprintf(stderr, "%s\n", crew.error().message.c_str());
    co_return 2;
  }
  Meter meter;
  io::StopSource stop;
  io::Scope watch;
  watch.spawn(watch_signal(stop, watch.stop_token()));
  Outcome outcome;
  const Instant begun = io::Reactor::current().clock().now();
  co_await transfer(**crew, arguments, meter, stop.token(), outcome);
  const Duration took = io::Reactor::current().clock().now() - begun;
  watch.request_stop();
  co_await watch.join();
  co_await (*crew)->close();
  const Progress progress = meter.read();
  std::printf(
      "{\"seconds\": %.3f, \"done\": %llu, \"sent\": %llu, \"resumed\": %llu, "
      "\"instant\": %llu, \"files\": %llu, \"rss_kib\": %ld%s, \"error\": \"%s\", "
      "\"code\": \"%s\"}\n",
      static_cast<double>(took.nanoseconds) / 1e9,
      static_cast<unsigned long long>(progress.bytes_done),
      static_cast<unsigned long long>(progress.bytes_sent),
      static_cast<unsigned long long>(progress.bytes_resumed),
      static_cast<unsigned long long>(progress.bytes_instant),
      static_cast<unsigned long long>(progress.files_done), rss_peak_kib(), outcome.details.c_str(),
      outcome.failure.error.message.c_str(), outcome.failure.code.c_str());
  if (!outcome.failed) co_return 0;
  co_return outcome.failure.error.code == Code::kCancelled ? 3 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr,
                 "usage: cairn_transfer put|get|put-many|get-many ENDPOINT BUCKET KEY PATH "
                 "[NAME=VALUE ...]\n");
    return 2;
  }
  Arguments arguments{argv[1], argv[2], argv[3], argv[4], argv[5], {}};
  for (int i = 6; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t equals = text.find('=');
    if (equals == std::string::npos) return 2;
    arguments.settings[text.substr(0, equals)] = text.substr(equals + 1);
  }
  std::signal(SIGINT, [](int) { interrupted = true; });
  auto reactor = io::Reactor::create({});
  if (!reactor) return 2;
  return (*reactor)->run(run(std::move(arguments)));
}
