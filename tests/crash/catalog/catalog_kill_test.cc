// Property: a commit that was acknowledged before kill -9 is there after restart, in every cycle.
// Method: a child commits from several tasks and writes each acknowledged key into a pipe; the
// parent kills it at a random moment and starts another child that looks for every key ever
// acknowledged. The parent itself runs no threads, so that it may fork.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "catalog/rocksdb_catalog.h"
#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::catalog {
namespace {

constexpr int kCycles = 20;
constexpr int kWriters = 6;
constexpr size_t kValueBytes = 3000;

// Both kinds of log take turns, so each also recovers what the other left.
RocksdbOptions small_options(uint64_t cycle) {
  return {.block_cache_bytes = 8 * MiB,
          .write_buffer_bytes = 1 * MiB,
          .ballast_bytes = 0,
          .prewritten_wal = cycle % 2 == 0};
}

// The pipe carries (cycle << 32 | writer << 24 | number) per acknowledged commit.
std::string key_of(uint64_t ack) {
  return "k" + std::to_string(ack);
}

io::Task<void> write_forever(Catalog& catalog, int pipe, uint64_t first) {
  for (uint64_t ack = first;; ++ack) {
    Batch batch{.puts = {{key_of(ack), std::string(kValueBytes, 'v')}}};
    const Result<Version> version = co_await catalog.commit(std::move(batch));
    if (!version || ::write(pipe, &ack, sizeof(ack)) != sizeof(ack)) ::_exit(3);
  }
}

io::Task<void> run_writers(Catalog& catalog, int pipe, uint64_t cycle) {
  io::Scope scope;
  for (uint64_t i = 0; i < kWriters; ++i) {
    scope.spawn(write_forever(catalog, pipe, cycle << 32 | i << 24));
  }
  co_await scope.join();
}

io::Task<int> count_missing(Catalog& catalog, const std::vector<uint64_t>& acks) {
  int missing = 0;
  for (const uint64_t ack : acks) {
    const Result<std::optional<Entry>> entry = co_await catalog.get(key_of(ack));
    if (!entry || !*entry || (*entry)->value != std::string(kValueBytes, 'v')) ++missing;
  }
  co_return missing;
}

[[noreturn]] void be_writer(const std::string& path, int pipe, uint64_t cycle) {
  const auto reactor = std::move(io::Reactor::create({}).value());
  const auto catalog = reactor->run(open_rocksdb_catalog(path, small_options(cycle)));
  if (!catalog) ::_exit(2);
  reactor->run(run_writers(**catalog, pipe, cycle));
  ::_exit(3);
}

[[noreturn]] void be_verifier(const std::string& path, uint64_t cycle,
                              const std::vector<uint64_t>& acks) {
  const auto reactor = std::move(io::Reactor::create({}).value());
  const auto catalog = reactor->run(open_rocksdb_catalog(path, small_options(cycle)));
  if (!catalog) {
    log::error("reopen_failed", {{"error", catalog.error().message}});
    ::_exit(2);
  }
  const int missing = reactor->run(count_missing(**catalog, acks));
  // Left open on purpose: the next cycle recovers once more.
  ::_exit(missing == 0 ? 0 : 1);
}

// Reads acknowledgements until `wanted` came, kills the child, then takes what is left in the pipe.
void collect(int pipe, pid_t child, size_t wanted, std::vector<uint64_t>& acks) {
  const size_t start = acks.size();
  uint64_t ack = 0;
  bool killed = false;
  while (::read(pipe, &ack, sizeof(ack)) == sizeof(ack)) {
    acks.push_back(ack);
    if (!killed && acks.size() - start >= wanted) killed = ::kill(child, SIGKILL) == 0;
  }
}

TEST(CatalogKill, AcknowledgedCommitsSurviveKillNine) {
  std::string directory = (std::filesystem::temp_directory_path() / "cairn-kill-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/catalog";
  SeededRandom random(11);
  std::vector<uint64_t> acks;
  for (uint64_t cycle = 0; cycle < kCycles; ++cycle) {
    SCOPED_TRACE(testing::Message() << "cycle=" << cycle << " acks=" << acks.size());
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t writer = ::fork();
    ASSERT_GE(writer, 0);
    if (writer == 0) {
      ::close(ends[0]);
      be_writer(path, ends[1], cycle);
    }
    ::close(ends[1]);
    collect(ends[0], writer, 1 + random.below(400), acks);
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(writer, &status, 0), writer);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer stopped by itself: " << WEXITSTATUS(status);
    const pid_t verifier = ::fork();
    ASSERT_GE(verifier, 0);
    if (verifier == 0) be_verifier(path, cycle / 2, acks);
    ASSERT_EQ(::waitpid(verifier, &status, 0), verifier);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 0) << "1 = acknowledged commits are missing, 2 = no reopen";
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace cairn::catalog
