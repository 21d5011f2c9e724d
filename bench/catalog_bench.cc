// Durable commits of the catalog against raw synced writes of the same bytes in groups of the same
// size, in one run on one disk. Prints a table. Usage: catalog_bench [directory] [seconds]
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/rocksdb_catalog.h"
#include "io/reactor.h"
#include "io/scope.h"

namespace {

using namespace cairn;

constexpr int kWriters = 64;
constexpr size_t kValueBytes = 4096;
constexpr int kRounds = 5;

double now_seconds() {
  return static_cast<double>(system_clock().now().nanoseconds) / 1e9;
}
double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Rate {
  double puts_per_second = 0;
  double group_size = 1;
  double cpu_per_100k = 0;
};

io::Task<void> writer(catalog::Catalog& catalog, int index, double end, uint64_t& done) {
  const std::string value(kValueBytes, static_cast<char>('a' + index % 26));
  for (uint64_t i = 0; now_seconds() < end; ++i) {
    catalog::Batch batch{.puts = {{fmt::format("o/bench/{:02}/{:012}", index, i), value}}};
    const Result<catalog::Version> version = co_await catalog.commit(std::move(batch));
    if (!version) std::abort();
    ++done;
  }
}

io::Task<void> writers(catalog::Catalog& catalog, double end, uint64_t& done) {
  io::Scope scope;
  for (int i = 0; i < kWriters; ++i) scope.spawn(writer(catalog, i, end, done));
  co_await scope.join();
}

Rate run_catalog(const std::string& path, double seconds, bool prewritten) {
  const auto reactor = std::move(io::Reactor::create({}).value());
  catalog::CatalogMetrics metrics;
  catalog::RocksdbOptions options{.metrics = &metrics, .prewritten_wal = prewritten};
  const auto catalog =
      reactor->run(catalog::open_rocksdb_catalog(path, std::move(options))).value();
  uint64_t done = 0;
  const double cpu = cpu_seconds();
  const double start = now_seconds();
  reactor->run(writers(*catalog, start + seconds, done));
  const double took = now_seconds() - start;
  const auto count = static_cast<double>(done);
  const Rate rate{.puts_per_second = count / took,
                  .group_size = count / static_cast<double>(metrics.groups_count.load()),
                  .cpu_per_100k = (cpu_seconds() - cpu) / count * 1e5};
  if (!reactor->run(catalog->close())) std::abort();
  std::filesystem::remove_all(path);
  return rate;
}

Rate run_raw(const std::string& path, double seconds, size_t group, bool prewritten) {
  constexpr size_t kPrewrittenBytes = 512 << 20;
  const std::vector<char> bytes(group * (kValueBytes + 64), 'r');
  const int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  const std::vector<char> zeros(1 << 20);
  for (size_t at = 0; prewritten && at < kPrewrittenBytes; at += zeros.size()) {
    if (::write(fd, zeros.data(), zeros.size()) < 0) std::abort();
  }
  if (::fsync(fd) != 0) std::abort();
  size_t offset = 0;
  uint64_t groups = 0;
  const double cpu = cpu_seconds();
  const double start = now_seconds();
  while (now_seconds() - start < seconds) {
    if (prewritten && offset + bytes.size() > kPrewrittenBytes) offset = 0;
    if (::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) < 0) std::abort();
    if (::fdatasync(fd) != 0) std::abort();
    offset += bytes.size();
    ++groups;
  }
  const auto count = static_cast<double>(groups * group);
  const Rate rate{.puts_per_second = count / (now_seconds() - start),
                  .group_size = static_cast<double>(group),
                  .cpu_per_100k = (cpu_seconds() - cpu) / count * 1e5};
  ::close(fd);
  std::filesystem::remove(path);
  return rate;
}

void print(const char* name, const Rate& rate, double base) {
  fmt::print("{:28} {:9.0f} puts/s  group {:5.1f}  {:6.2f} CPU-s/100k  {:5.2f} x raw append\n",
             name, rate.puts_per_second, rate.group_size, rate.cpu_per_100k,
             rate.puts_per_second / base);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "/tmp";
  const double seconds = argc > 2 ? std::atof(argv[2]) : 2;
  for (int round = 0; round < kRounds; ++round) {
    const Rate plain = run_catalog(directory + "/bench-catalog", seconds, false);
    const Rate prewritten = run_catalog(directory + "/bench-catalog", seconds, true);
    const auto group = static_cast<size_t>(prewritten.group_size + 0.5);
    const Rate append = run_raw(directory + "/bench-raw", seconds, group, false);
    const Rate ready = run_raw(directory + "/bench-raw", seconds, group, true);
    print("raw append", append, append.puts_per_second);
    print("raw pre-written", ready, append.puts_per_second);
    print("catalog, growing log", plain, append.puts_per_second);
    print("catalog, pre-written log", prewritten, append.puts_per_second);
  }
  return 0;
}
