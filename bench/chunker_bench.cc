// Speed of cutting data in RAM (B1, B5) and dedup ratio on a corpus (B2), beside FastCDC-NC2 in the
// same run. The corpus is every regular file under $CAIRN_CORPUS, in order of path; without it the
// ratio benchmarks are skipped. `--unique FILE...` prints bytes of new segments per file instead.
#include <benchmark/benchmark.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>
#include <unordered_set>

#include "base/random.h"
#include "bench/fastcdc.h"
#include "transfer/cutter.h"

namespace cairn::bench {
namespace {

using transfer::Chunker;
using transfer::ChunkerParameters;
using transfer::Cut;
using transfer::ScanPath;

constexpr size_t kDataBytes = 64 * MiB;

enum class Texture : uint8_t { kRandom, kZeros, kPeriod3, kPeriod24, kSorted };

Bytes make_data(Texture texture) {
  Bytes data(kDataBytes, 0);
  SeededRandom random(1);
  if (texture == Texture::kRandom) random.fill(data);
  if (texture == Texture::kPeriod3 || texture == Texture::kPeriod24) {
    const size_t period = texture == Texture::kPeriod3 ? 3 : 24;
    random.fill(MutableBytes(data).first(period));
    for (size_t i = period; i < data.size(); ++i) data[i] = data[i - period];
  }
  if (texture == Texture::kSorted) {
    for (size_t i = 0; i + 4 <= data.size(); i += 4) {
      store_le(&data[i], static_cast<uint32_t>(i / 4));
    }
  }
  return data;
}

void cut_with(benchmark::State& state, ScanPath path, Texture texture) {
  if (!scan_path_available(path)) {
    state.SkipWithError("this CPU lacks the instructions");
    return;
  }
  const Bytes data = make_data(texture);
  std::vector<Cut> cuts;
  for (auto _ : state) {
    cuts.clear();
    Chunker chunker({}, path);
    for (size_t at = 0; at < data.size(); at += 1 * MiB) {
      chunker.feed(BytesView(data).subspan(at, 1 * MiB), cuts);
    }
    chunker.finish(cuts);
    benchmark::DoNotOptimize(cuts.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * data.size()));
  state.counters["mean_KiB"] = static_cast<double>(data.size()) / 1024.0 / double(cuts.size());
}

void cut_with_fastcdc(benchmark::State& state) {
  const Bytes data = make_data(Texture::kRandom);
  const FastCdc fastcdc(16 * KiB, 64 * KiB, 256 * KiB, 16);
  size_t count = 0;
  for (auto _ : state) {
    count = 0;
    for (BytesView rest = data; !rest.empty(); ++count) rest = rest.subspan(fastcdc.next(rest));
    benchmark::DoNotOptimize(count);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * data.size()));
  state.counters["mean_KiB"] = static_cast<double>(data.size()) / 1024.0 / double(count);
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
}

std::vector<Bytes> read_corpus() {
  std::vector<Bytes> files;
  const char* folder = std::getenv("CAIRN_CORPUS");
  if (folder == nullptr) return files;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    files.push_back(read_file(path));
  }
  return files;
}

// Counts logical and unique bytes of segments.
class Unique {
 public:
  void add(BytesView segment) {
    logical_ += segment.size();
    ++count_;
    const XXH128_hash_t hash = XXH3_128bits(segment.data(), segment.size());
    if (seen_.insert(hash.low64 ^ hash.high64).second) unique_ += segment.size();
  }
  uint64_t bytes() const { return unique_; }
  void report(benchmark::State& state) const {
    state.counters["ratio"] = double(logical_) / double(unique_);
    state.counters["mean_KiB"] = double(logical_) / 1024.0 / double(count_);
  }

 private:
  std::unordered_set<uint64_t> seen_;
  uint64_t logical_ = 0;
  uint64_t unique_ = 0;
  uint64_t count_ = 0;
};

void ratio(benchmark::State& state, const std::function<void(BytesView, Unique&)>& cut) {
  const std::vector<Bytes> files = read_corpus();
  if (files.empty()) {
    state.SkipWithError("CAIRN_CORPUS names no folder with files");
    return;
  }
  for (auto _ : state) {
    Unique unique;
    for (const Bytes& file : files) cut(file, unique);
    unique.report(state);
  }
}

void add_segments(const ChunkerParameters& parameters, BytesView file, Unique& unique) {
  Chunker chunker(parameters);
  std::vector<Cut> cuts;
  chunker.feed(file, cuts);
  chunker.finish(cuts);
  uint64_t begin = 0;
  for (const Cut& cut : cuts) {
    if (cut.end_bytes > begin) unique.add(file.subspan(begin, cut.end_bytes - begin));
    begin = cut.end_bytes;
  }
}

// With the boundaries of containers as well: what the product does.
void add_cutter_segments(BytesView file, Unique& unique) {
  transfer::Cutter cutter;
  std::vector<Cut> cuts;
  cutter.feed(file, cuts);
  cutter.finish(cuts);
  uint64_t begin = 0;
  for (const Cut& cut : cuts) {
    if (cut.end_bytes > begin) unique.add(file.subspan(begin, cut.end_bytes - begin));
    begin = cut.end_bytes;
  }
}

void add_fastcdc(const FastCdc& fastcdc, BytesView file, Unique& unique) {
  while (!file.empty()) {
    const size_t size = fastcdc.next(file);
    unique.add(file.first(size));
    file = file.subspan(size);
  }
}

// Segments around 1 MiB, for the comparison only.
constexpr ChunkerParameters kLarge = {.segment_bytes_min = 256 * KiB,
                                      .segment_bytes_target = 1 * MiB,
                                      .segment_bytes_max = 4 * MiB,
                                      .segment_bits_before = 8,
                                      .segment_bits_after = 4};

constexpr size_t kEqualMeanTarget = 46 * KiB;

// Prints for each file the bytes of its segments that none before it has.
void print_unique(int count, char** paths) {
  Unique unique;
  for (int i = 0; i < count; ++i) {
    const uint64_t before = unique.bytes();
    add_cutter_segments(read_file(paths[i]), unique);
    std::printf("%llu\n", static_cast<unsigned long long>(unique.bytes() - before));
  }
}

void register_all() {
  using benchmark::RegisterBenchmark;
  const auto speed = [](const char* name, ScanPath path, Texture texture) {
    RegisterBenchmark(name, cut_with, path, texture)->Unit(benchmark::kMillisecond);
  };
  RegisterBenchmark("cut/fastcdc/random", cut_with_fastcdc)->Unit(benchmark::kMillisecond);
  speed("cut/portable/random", ScanPath::kPortable, Texture::kRandom);
  speed("cut/portable/zeros", ScanPath::kPortable, Texture::kZeros);
  speed("cut/avx2/random", ScanPath::kAvx2, Texture::kRandom);
  speed("cut/avx2/zeros", ScanPath::kAvx2, Texture::kZeros);
  speed("cut/avx2/period3", ScanPath::kAvx2, Texture::kPeriod3);
  speed("cut/avx2/period24", ScanPath::kAvx2, Texture::kPeriod24);
  speed("cut/avx2/sorted", ScanPath::kAvx2, Texture::kSorted);
  speed("cut/avx512/random", ScanPath::kAvx512Gfni, Texture::kRandom);
  const auto compare = [](const char* name, std::function<void(BytesView, Unique&)> cut) {
    RegisterBenchmark(name, ratio, cut)->Iterations(1)->Unit(benchmark::kMillisecond);
  };
  compare("ratio/64KiB/fastcdc", [](BytesView file, Unique& unique) {
    add_fastcdc(FastCdc(16 * KiB, 64 * KiB, 256 * KiB, 16), file, unique);
  });
  // The chunker's segments are smaller than FastCDC's of the same target: one of an equal mean.
  compare("ratio/64KiB/fastcdc_equal_mean", [](BytesView file, Unique& unique) {
    add_fastcdc(FastCdc(16 * KiB, kEqualMeanTarget, 256 * KiB, 16), file, unique);
  });
  compare("ratio/64KiB/cutter", add_cutter_segments);
  compare("ratio/64KiB/chunker",
          [](BytesView file, Unique& unique) { add_segments({}, file, unique); });
  compare("ratio/1MiB/fastcdc", [](BytesView file, Unique& unique) {
    add_fastcdc(FastCdc(256 * KiB, 1 * MiB, 4 * MiB, 20), file, unique);
  });
  compare("ratio/1MiB/chunker",
          [](BytesView file, Unique& unique) { add_segments(kLarge, file, unique); });
}

}  // namespace
}  // namespace cairn::bench

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--unique") {
    cairn::bench::print_unique(argc - 2, argv + 2);
    return 0;
  }
  cairn::bench::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
