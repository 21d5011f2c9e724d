// Makes the load of one `cairn bench` and measures it.
//
// Closed loop: `concurrency` workers send one request after the other. Open loop: requests are due
// at fixed times (bench_plan.h) and wait for one of the workers; latency counts from when they were
// due. Workers are spread over the members of a crew; every member has figures of its own.
// Thread rule: run() at the crew's home.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/bench_plan.h"
#include "transfer/crew.h"

namespace cairn::cli {

enum class BenchKind : unsigned char { kPut, kGet };

struct BenchSettings {
  std::string bucket;
  std::string prefix;  // Of every key.
  SizeChoice sizes;
  double read_share = 0;  // 1 = only GETs.
  size_t concurrency = 16;
  double requests_per_second = 0;  // 0 = closed loop.
  uint64_t warm_up_ms = 2000;
  uint64_t duration_ms = 10'000;
  uint64_t objects_count = 64;  // What GETs read.
  bool repeats_content = false;
};

class BenchLoad {
 public:
  BenchLoad(transfer::Crew& crew, BenchSettings settings);
  ~BenchLoad();

  // Writes the objects that will be read. Fails with the first error.
  io::Task<Status> prepare(io::Until until);
  io::Task<void> run(io::Until until);

  const BenchFigures& figures(BenchKind kind) const { return totals_[static_cast<size_t>(kind)]; }
  double seconds() const { return seconds_; }
  // Requests of an open loop that were due and could not even be sent soon after the end.
  uint64_t unsent_count() const { return unsent_count_; }
  // Every key that may exist.
  std::vector<std::string> keys() const;
  const std::string& first_error() const { return first_error_; }

 private:
  struct Lane;  // What the workers of one member share.

  io::Task<void> run_lane(size_t member, uint64_t begin_ns);
  io::Task<void> work(Lane& lane);
  io::Task<Status> put(Lane& lane, MutableBytes memory, std::string key, uint64_t size_bytes);
  io::Task<Status> get(Lane& lane, std::string key, uint64_t& size_bytes);
  io::Task<void> prepare_some(size_t member, std::vector<Status>& results);
  void vary(Lane& lane, MutableBytes body) const;
  std::string read_key(uint64_t index) const;
  size_t workers_of(size_t member) const;

  transfer::Crew& crew_;
  const BenchSettings settings_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  BenchFigures totals_[2];
  std::string first_error_;
  double seconds_ = 0;
  uint64_t unsent_count_ = 0;
};

}  // namespace cairn::cli
