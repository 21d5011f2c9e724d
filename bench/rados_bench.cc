// Chunks of 4 MiB in a Ceph pool: RadosStore with decryption beside a bare reader on librados with
// the same number of reads in flight, in alternating rounds of one run. Prints a table. Usage:
// rados_bench CEPH_CONF [POOL] [READ_BYTES] [IN_FLIGHT] [ROUNDS]
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/sealing.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "storage/rados/format.h"
#include "storage/rados/library.h"
#include "storage/rados/rados_store.h"

namespace {

using namespace cairn;
using storage::ChunkId;

constexpr uint64_t kChunkBytes = 4 * MiB;
constexpr uint64_t kChunks = 64;
constexpr uint64_t kBytesPerRound = 1 * GiB;
constexpr uint64_t kReadsPerRoundMax = 16384;

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
[[noreturn]] void die(std::string_view what) {
  fmt::print(stderr, "rados_bench: {}\n", what);
  std::exit(1);
}

struct Options {
  std::string config;
  // Of this run alone: its chunks are sealed with its keys, and go when it ends.
  std::string name_space = fmt::format("bench{}", ::getpid());
  std::string pool = "data";
  uint64_t read_bytes = kChunkBytes;
  size_t in_flight = 16;
  int rounds = 5;
  uint64_t reads_count() const { return std::min(kBytesPerRound / read_bytes, kReadsPerRoundMax); }
  double gigabytes() const { return static_cast<double>(reads_count() * read_bytes) / 1e9; }
};
struct Figures {
  double gb_per_second = 0;
  double cpu_per_gb = 0;
};
template <typename Work>
Figures measure(double gigabytes, Work work) {
  const double begun = now_seconds();
  const double cpu = cpu_seconds();
  work();
  return {gigabytes / (now_seconds() - begun), (cpu_seconds() - cpu) / gigabytes};
}

ChunkId id_of(uint64_t number) {
  ChunkId id;
  store_be(id.bytes.data(), number * 0x9e3779b97f4a7c15);
  return id;
}
// The part that read `number` of a round asks for: chunk after chunk, part after part.
uint64_t chunk_of(const Options&, uint64_t number) {
  return number % kChunks;
}
uint64_t offset_of(const Options& options, uint64_t number) {
  return number / kChunks * options.read_bytes % kChunkBytes;
}

// As little as a program can do: buffers made once, completions waited for in order.
class BareReader {
 public:
  explicit BareReader(const Options& options)
      : options_(options), library_(**storage::rados_library()), buffers_(options.in_flight) {
    for (std::vector<char>& buffer : buffers_) buffer.resize(options.read_bytes);
    if (library_.create2(&cluster_, "ceph", "client.admin", 0) < 0 ||
        library_.conf_read_file(cluster_, options.config.c_str()) < 0 ||
        library_.connect(cluster_) < 0 ||
        library_.ioctx_create(cluster_, options.pool.c_str(), &pool_) < 0) {
      die("no connection to the cluster");
    }
    library_.ioctx_set_namespace(pool_, options.name_space.c_str());
  }
  BareReader(const BareReader&) = delete;
  BareReader& operator=(const BareReader&) = delete;
  ~BareReader() {
    library_.ioctx_destroy(pool_);
    library_.shutdown(cluster_);
  }
  void round() {
    std::vector<std::unique_ptr<Read>> reads(options_.in_flight);
    for (uint64_t number = 0; number < options_.reads_count(); ++number) {
      std::unique_ptr<Read>& slot = reads[number % options_.in_flight];
      if (slot != nullptr) finish(*slot);
      slot = std::make_unique<Read>();
      start(*slot, number);
    }
    for (const std::unique_ptr<Read>& read : reads) {
      if (read != nullptr) finish(*read);
    }
  }

 private:
  struct Read {
    std::atomic<bool> is_done{false};
    size_t read_bytes = 0;
    int code = 0;
    rados_read_op_t operation = nullptr;
    rados_completion_t completion = nullptr;
  };
  void start(Read& read, uint64_t number) {
    const std::string name = storage::object_name_of(id_of(chunk_of(options_, number)));
    read.operation = library_.create_read_op();
    library_.read_op_read(read.operation, offset_of(options_, number), options_.read_bytes,
                          buffers_[number % options_.in_flight].data(), &read.read_bytes,
                          &read.code);
    const auto on_done = [](rados_completion_t, void* argument) {
      auto& done = static_cast<Read*>(argument)->is_done;
      done.store(true);
      done.notify_one();
    };
    library_.aio_create_completion2(&read, on_done, &read.completion);
    library_.aio_read_op_operate(read.operation, pool_, read.completion, name.c_str(), 0);
  }
  void finish(Read& read) {
    read.is_done.wait(false);
    if (read.read_bytes != options_.read_bytes) die("a bare read failed");
    library_.aio_release(read.completion);
    library_.release_read_op(read.operation);
  }

  const Options& options_;
  const storage::RadosLibrary& library_;
  std::vector<std::vector<char>> buffers_;
  rados_t cluster_ = nullptr;
  rados_ioctx_t pool_ = nullptr;
};

class StoreReader {
 public:
  StoreReader(const Options& options, storage::RadosStore& store, const crypto::KeyRing& keys)
      : options_(options), store_(store), keys_(keys) {}
  io::Task<void> round() {
    next_ = 0;
    io::Scope scope;
    for (size_t i = 0; i < options_.in_flight; ++i) scope.spawn(read_one(scope));
    co_await scope.join();
  }

 private:
  // The next read is on its way before this one is decrypted: as many are in flight as the bare
  // reader has.
  io::Task<void> read_one(io::Scope& scope) {
    const uint64_t number = next_++;
    const ChunkId id = id_of(chunk_of(options_, number));
    const uint64_t offset_bytes = offset_of(options_, number);
    Result<storage::SealedRead> read =
        co_await store_.read(id, {offset_bytes, options_.read_bytes});
    if (!read) die(read.error().message);
    if (next_ < options_.reads_count()) scope.spawn(read_one(scope));
    const Result<crypto::ChunkOpener> opener =
        crypto::ChunkOpener::create(keys_, crypto::kRootTenant, id, read->header);
    if (!opener) die(opener.error().message);
    if (!opener->open_frames(offset_bytes / crypto::kFrameBytes, read->payload.span())) {
      die("a frame does not verify");
    }
  }

  const Options& options_;
  storage::RadosStore& store_;
  const crypto::KeyRing& keys_;
  uint64_t next_ = 0;
};

class NoReferences final : public storage::ReferenceSource {
 public:
  io::Task<Result<bool>> is_referenced(ChunkId) override { co_return false; }
};

constexpr storage::OwnerId kOwner{{1}};

io::Task<void> drop(storage::RadosStore& store) {
  for (uint64_t number = 0; number < kChunks; ++number) {
    const Result<bool> dropped = co_await store.unlink(id_of(number), kOwner);
    if (!dropped || !*dropped) die("a chunk was not dropped");
  }
}

io::Task<void> fill(storage::RadosStore& store, const crypto::KeyRing& keys) {
  for (uint64_t number = 0; number < kChunks; ++number) {
    const ChunkId id = id_of(number);
    Buffer payload = Buffer::allocate(kChunkBytes);
    payload.resize(kChunkBytes);
    std::memset(payload.data(), static_cast<int>(number), kChunkBytes);
    const crypto::ChunkBinding binding{
        .tenant = crypto::kRootTenant, .id = id, .plaintext_bytes = kChunkBytes};
    Result<Bytes> header = crypto::seal_chunk(*keys.current(crypto::kRootTenant), binding,
                                              system_random(), payload.span());
    if (!header) die("sealing failed");
    storage::SealedChunk chunk{std::move(*header), std::move(payload)};
    const Status done = co_await store.put(id, std::move(chunk), kOwner);
    if (!done) die(done.error().message);
  }
}

io::Task<std::unique_ptr<storage::RadosStore>> open(const Options& options) {
  storage::RadosStoreOptions with;
  with.place.pool = options.pool;
  with.place.name_space = options.name_space;
  with.place.config_path = options.config;
  with.create = true;
  with.upkeep_interval = Duration{};
  Result<std::unique_ptr<storage::RadosStore>> store =
      co_await storage::RadosStore::open(std::move(with));
  if (!store) die(store.error().message);
  co_return std::move(*store);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void run(const Options& options) {
  io::ReactorOptions reactor_options;
  reactor_options.pool_bytes = 512 * MiB;
  Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(reactor_options);
  if (!reactor) die(reactor.error().message);
  crypto::KeyRing keys(crypto::SecretKey::generate(system_random()));
  if (!keys.create_version(crypto::kRootTenant, system_random())) die("no keys");
  std::unique_ptr<storage::RadosStore> store = (*reactor)->run(open(options));
  const Figures written = measure(static_cast<double>(kChunks * kChunkBytes) / 1e9,
                                  [&] { (*reactor)->run(fill(*store, keys)); });
  fmt::print("put of {} chunks, one after the other: {:.2f} GB/s, {:.2f} CPU s/GB\n", kChunks,
             written.gb_per_second, written.cpu_per_gb);
  BareReader bare(options);
  StoreReader reader(options, *store, keys);
  bare.round();
  (*reactor)->run(reader.round());
  std::vector<double> ratios;
  std::vector<double> cpu_ratios;
  for (int round = 0; round < options.rounds; ++round) {
    const Figures alone = measure(options.gigabytes(), [&] { bare.round(); });
    const Figures ours = measure(options.gigabytes(), [&] { (*reactor)->run(reader.round()); });
    ratios.push_back(ours.gb_per_second / alone.gb_per_second);
    cpu_ratios.push_back(ours.cpu_per_gb / alone.cpu_per_gb);
    fmt::print("bare {:.2f} GB/s {:.2f} CPU s/GB | store, decrypted {:.2f} GB/s {:.2f} CPU s/GB\n",
               alone.gb_per_second, alone.cpu_per_gb, ours.gb_per_second, ours.cpu_per_gb);
  }
  fmt::print("{} KiB, {} in flight: rate {:.2f} of the bare reader's, CPU {:.2f} (medians)\n",
             options.read_bytes / KiB, options.in_flight, median(ratios), median(cpu_ratios));
  NoReferences references;
  store->set_references(&references);
  (*reactor)->run(drop(*store));
  if (!(*reactor)->run(store->close())) die("closing failed");
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) die("usage: rados_bench CEPH_CONF [POOL] [READ_BYTES] [IN_FLIGHT] [ROUNDS]");
  Options options;
  options.config = arguments[1];
  if (count > 2) options.pool = arguments[2];
  if (count > 3) options.read_bytes = std::strtoull(arguments[3], nullptr, 10);
  if (count > 4) options.in_flight = std::strtoull(arguments[4], nullptr, 10);
  if (count > 5) options.rounds = std::atoi(arguments[5]);
  if (options.read_bytes == 0 || kChunkBytes % options.read_bytes != 0 ||
      options.read_bytes % crypto::kFrameBytes != 0 || options.in_flight == 0) {
    die("READ_BYTES divides 4 MiB and is of whole frames of 64 KiB");
  }
  run(options);
  return 0;
}
