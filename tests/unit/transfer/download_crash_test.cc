// Property: whatever the disk does, a download ends with the whole object under the target's name
// or with an error and nothing there; after a power cut a target that was published with `sync` is
// whole, and a later download goes on and ends whole.
// Method: a server, a network and a disk that are simulated; power is cut after every so many
// changes, each kind of operation fails at every so many calls, the disk fills up at every size.
// The negative control makes syncs lie and must find a damaged target.
#include <gtest/gtest.h>

#include <charconv>

#include "base/random.h"
#include "crypto/crc64.h"
#include "http/server.h"
#include "io/scope.h"
#include "io/sim_file_system.h"
#include "io/sim_network.h"
#include "io/sim_time.h"
#include "transfer/download.h"
#include "transfer/s3_call.h"

namespace cairn::transfer {
namespace {

constexpr std::string_view kTarget = "/d/name";

// Serves one object by HEAD and by ranges.
class OneObject final : public http::Handler {
 public:
  explicit OneObject(uint64_t size_bytes) : content_(size_bytes) {
    SeededRandom random(7);
    random.fill(content_);
  }
  const Bytes& content() const { return content_; }
  std::string etag = "\"the-etag\"";

  io::Task<void> handle(http::Exchange& exchange) override {
    BytesView body = content_;
    http::ResponseHead head(200);
    head.add("ETag", etag);
    head.add("x-amz-checksum-crc64nvme",
             detail::crc64_text(crypto::crc64_nvme(0, BytesView(content_))));
    if (const auto range = exchange.head().get("range")) {
      uint64_t first = 0;
      uint64_t last = 0;
      const std::string_view text = range->substr(std::string_view("bytes=").size());
      const auto dash = std::from_chars(text.data(), text.data() + text.size(), first);
      std::from_chars(dash.ptr + 1, text.data() + text.size(), last);
      last = std::min<uint64_t>(last, content_.size() - 1);
      body = body.subspan(first, last - first + 1);
      head.set_status(206);
      head.add("Content-Range", "bytes " + std::to_string(first) + "-" + std::to_string(last) +
                                    "/" + std::to_string(content_.size()));
    }
    (void)co_await exchange.respond(head, body);
  }

 private:
  Bytes content_;
};

class DownloadCrash : public testing::Test {
 protected:
  static constexpr uint64_t kSizeBytes = 10 * MiB + 12345;

  struct Ended {
    bool ok = false;
    Failure failure;
    DownloadReport report;
  };
  // One download by a fresh process: its own reactor, network and server.
  Ended download_once(io::FileSystem& disk, bool sync) {
    io::SimClock clock;
    auto reactor = io::create_simulated_reactor(clock);
    EXPECT_TRUE(reactor.has_value());
    Ended ended;
    (*reactor)->run(drive(disk, sync, ended));
    return ended;
  }
  io::Task<void> drive(io::FileSystem& disk, bool sync, Ended& ended) {
    io::SimNetwork network({.seed = seed, .short_receive_one_in = 0});
    auto listener = co_await network.listen({"10.0.0.1", 80}, {});
    EXPECT_TRUE(listener.has_value());
    http::Server server(std::move(*listener), object, {});
    io::Scope scope;
    scope.spawn(server.run());
    CrewOptions options;
    options.client.endpoint = "http://10.0.0.1:80";
    options.files = &disk;
    options.network = &network;
    auto crew = Crew::open(std::move(options));
    EXPECT_TRUE(crew.has_value());
    Meter meter;
    DownloadJob job{.bucket = "b", .key = "k", .path = std::string(kTarget)};
    auto done = co_await download(**crew, std::move(job), {.sync = sync}, meter, {});
    ended.ok = done.has_value();
    if (done) ended.report = std::move(*done);
    if (!done) ended.failure = std::move(done.error());
    co_await (*crew)->close();
    server.stop();
    co_await scope.join();
  }

  // "absent", "whole" or "damaged".
  std::string target(io::SimFileSystem& disk) {
    io::SimClock clock;
    auto reactor = io::create_simulated_reactor(clock);
    return (*reactor)->run(look_at_target(disk));
  }
  io::Task<std::string> look_at_target(io::FileSystem& disk) {
    auto contents = co_await disk.read_file(std::string(kTarget), 64 * MiB);
    if (!contents && contents.error().code == Code::kNotFound) co_return "absent";
    if (!contents) co_return "damaged";
    const BytesView found = contents->bytes.view();
    co_return std::ranges::equal(found, object.content()) ? "whole" : "damaged";
  }
  void make_directory(io::SimFileSystem& disk) {
    io::SimClock clock;
    auto reactor = io::create_simulated_reactor(clock);
    (*reactor)->run(make_and_sync(disk));
  }
  static io::Task<void> make_and_sync(io::FileSystem& disk) {
    (void)co_await disk.create_directories("/d");
    (void)co_await disk.sync_directory("/");
  }
  uint64_t changes_of_a_run() {
    io::SimFileSystem disk({.seed = seed});
    make_directory(disk);
    EXPECT_TRUE(download_once(disk, true).ok);
    EXPECT_EQ(target(disk), "whole");
    return disk.changes_count();
  }

 public:
  uint64_t seed = 1;
  OneObject object{kSizeBytes};
};

TEST_F(DownloadCrash, APowerCutLeavesTheWholeOrNothing) {
  const uint64_t changes = changes_of_a_run();
  uint64_t resumed_bytes = 0;
  for (uint64_t cut = 2; cut <= changes; ++cut) {
    for (const bool sync : {true, false}) {
      SCOPED_TRACE(testing::Message() << "cut after " << cut << " changes, sync " << sync);
      seed = cut;
      io::SimFileSystem disk({.seed = seed, .cut_after_changes = cut});
      make_directory(disk);
      (void)download_once(disk, sync);
      if (!disk.is_cut()) disk.cut_power();
      disk.restart();
      if (sync) ASSERT_NE(target(disk), "damaged");
      const Ended again = download_once(disk, true);
      ASSERT_TRUE(again.ok) << again.failure.error.message;
      ASSERT_EQ(target(disk), "whole");
      resumed_bytes += again.report.resumed_bytes;
    }
  }
  EXPECT_GT(resumed_bytes, 0U) << "no later run found anything to go on from";
}

TEST_F(DownloadCrash, WithoutTheSyncATargetIsDamaged) {
  const uint64_t changes = changes_of_a_run();
  bool found_damage = false;
  for (seed = 1; seed <= 40 && !found_damage; ++seed) {
    io::SimFileSystem disk({.seed = seed, .cut_after_changes = changes + 1});
    make_directory(disk);
    disk.set_syncs_ignored(true);
    (void)download_once(disk, true);
    if (!disk.is_cut()) disk.cut_power();
    disk.restart();
    found_damage = target(disk) == "damaged";
  }
  EXPECT_TRUE(found_damage);
}

TEST_F(DownloadCrash, AFailingOperationIsAnErrorOrDoesNotMatter) {
  using Operation = io::SimOperation;
  for (const Operation kind :
       {Operation::kOpen, Operation::kRead, Operation::kWrite, Operation::kSync,
        Operation::kAllocate, Operation::kTruncate, Operation::kRename, Operation::kUnlink}) {
    for (const uint64_t at : {1, 2, 3, 7}) {
      SCOPED_TRACE(testing::Message() << "kind " << static_cast<int>(kind) << " call " << at);
      io::SimFileSystem disk({.seed = seed});
      make_directory(disk);
      uint64_t count = 0;
      disk.set_fault([&](Operation asked, const std::string&, uint64_t) -> Status {
        if (asked != kind || ++count != at) return {};
        return fail(Code::kIo, "EIO of the test");
      });
      const Ended first = download_once(disk, true);
      disk.set_fault(nullptr);
      if (first.ok) {
        ASSERT_EQ(target(disk), "whole");
      } else {
        ASSERT_NE(target(disk), "damaged");
      }
      ASSERT_TRUE(download_once(disk, true).ok);
      ASSERT_EQ(target(disk), "whole");
    }
  }
}

TEST_F(DownloadCrash, AnETagOfAnySizeIsResumedToo) {
  object.etag = "\"" + std::string(6000, 'e') + "\"";
  const uint64_t changes = changes_of_a_run();
  io::SimFileSystem disk({.seed = seed, .cut_after_changes = changes - 4});
  make_directory(disk);
  (void)download_once(disk, true);
  ASSERT_TRUE(disk.is_cut());
  disk.restart();
  const Ended again = download_once(disk, true);
  ASSERT_TRUE(again.ok) << again.failure.error.message;
  ASSERT_EQ(target(disk), "whole");
}

TEST_F(DownloadCrash, AFullDiskIsToldAndLeavesNothing) {
  for (const uint64_t capacity : {uint64_t{0}, 1 * MiB, kSizeBytes - 1}) {
    io::SimFileSystem disk({.seed = seed, .capacity_bytes = capacity});
    make_directory(disk);
    const Ended ended = download_once(disk, false);
    ASSERT_FALSE(ended.ok);
    EXPECT_EQ(ended.failure.error.code, Code::kNoSpace) << ended.failure.error.message;
    EXPECT_EQ(target(disk), "absent");
    EXPECT_TRUE(disk.files().empty()) << disk.files().front().first;
  }
}

}  // namespace
}  // namespace cairn::transfer
