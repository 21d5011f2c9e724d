// Clients that read, write, create, replace and delete a few keys of a catalog at random and write
// down what they were told and when.
//
// Keys are left for fresh ones after some operations, so that histories stay short enough to check.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "tests/linear/checker.h"

namespace cairn::linear {

class Recorder {
 public:
  struct Totals {
    uint64_t done = 0;
    uint64_t refused = 0;
    uint64_t unknown = 0;
    uint64_t failed_reads = 0;
  };

  // The key of the next operation.
  std::string next_key() {
    const uint64_t number = operations_count_.fetch_add(1);
    return "k" + std::to_string(number / kOperationsPerKeys) + "." +
           std::to_string(number % kKeysAtOnce);
  }
  uint64_t next_value() { return values_count_.fetch_add(1) + 1; }
  void add(const std::string& key, const Operation& operation) {
    const std::lock_guard lock(mutex_);
    switch (operation.outcome) {
      case Operation::Outcome::kDone: ++totals_.done; break;
      case Operation::Outcome::kRefused: ++totals_.refused; break;
      case Operation::Outcome::kUnknown: ++totals_.unknown; break;
    }
    histories_[key].push_back(operation);
  }
  void add_failed_read() {
    const std::lock_guard lock(mutex_);
    ++totals_.failed_reads;
  }
  const Totals& totals() const { return totals_; }
  uint64_t operations_count() const { return operations_count_.load(); }

  // How many keys have a history that is not legal. `tells`: the first of them is printed.
  size_t count_offences(bool tells) const {
    size_t count = 0;
    for (const auto& [key, history] : histories_) {
      const Verdict verdict = check(history);
      const std::optional<std::string> offence = find_version_offence(history);
      if (verdict == Verdict::kLegal && !offence) continue;
      if (++count == 1 && tells) {
        std::printf("key %s: %s %s\n%s", key.c_str(),
                    verdict == Verdict::kTooHard ? "too hard" : "illegal",
                    offence.value_or("").c_str(), to_text(history).c_str());
      }
    }
    return count;
  }

 private:
  static constexpr uint64_t kKeysAtOnce = 4;
  static constexpr uint64_t kOperationsPerKeys = 400;

  std::atomic<uint64_t> operations_count_{0};
  std::atomic<uint64_t> values_count_{0};
  std::mutex mutex_;
  std::map<std::string, History> histories_;
  Totals totals_;
};

inline int64_t now_ns() {
  return system_clock().now().nanoseconds;
}

struct Client {
  catalog::Catalog& catalog;
  Recorder& recorder;
  SeededRandom random;

  io::Task<void> read(std::string key) {
    Operation operation{.start = now_ns()};
    const Result<std::optional<catalog::Entry>> entry = co_await catalog.get(key);
    operation.end = now_ns();
    if (!entry) {
      recorder.add_failed_read();
      co_return;
    }
    if (*entry) {
      operation.value = std::stoull((*entry)->value);
      operation.version = (*entry)->version;
    }
    recorder.add(key, operation);
  }

  // `batch` does what `operation` says.
  io::Task<void> change(std::string key, Operation operation, catalog::Batch batch) {
    operation.start = now_ns();
    const Result<catalog::Version> done = co_await catalog.commit(std::move(batch));
    operation.end = now_ns();
    if (done) {
      if (operation.value != kAbsent) operation.version = *done;
    } else if (done.error().code == Code::kFailedPrecondition) {
      operation.outcome = Operation::Outcome::kRefused;
    } else {
      operation.outcome = Operation::Outcome::kUnknown;
      operation.end = kNoEnd;
    }
    recorder.add(key, operation);
  }

  io::Task<void> replace(std::string key) {
    const Result<std::optional<catalog::Entry>> entry = co_await catalog.get(key);
    if (!entry || !*entry) co_return;
    Operation operation{.kind = Operation::Kind::kReplace, .value = recorder.next_value()};
    operation.expected = std::stoull((*entry)->value);
    catalog::Batch batch{
        .preconditions = {catalog::Precondition::version_is(key, (*entry)->version)},
        .puts = {{key, std::to_string(operation.value)}}};
    co_await change(key, operation, std::move(batch));
  }

  io::Task<void> step() {
    const std::string key = recorder.next_key();
    const uint64_t choice = random.below(10);
    const uint64_t value = recorder.next_value();
    using Kind = Operation::Kind;
    if (choice < 4) {
      co_await read(key);
    } else if (choice < 6) {
      co_await replace(key);
    } else if (choice < 7) {
      co_await change(key, {.kind = Kind::kWrite}, {.deletes = {key}});
    } else if (choice < 8) {
      catalog::Batch batch{.preconditions = {catalog::Precondition::absent(key)},
                           .puts = {{key, std::to_string(value)}}};
      co_await change(key, {.kind = Kind::kCreate, .value = value}, std::move(batch));
    } else {
      co_await change(key, {.kind = Kind::kWrite, .value = value},
                      {.puts = {{key, std::to_string(value)}}});
    }
  }
};

inline io::Task<void> run_client(catalog::Catalog& catalog, Recorder& recorder, uint64_t seed,
                                 const std::atomic<bool>& stop, Duration pause) {
  Client client{catalog, recorder, SeededRandom(seed)};
  while (!stop.load()) {
    co_await client.step();
    static_cast<void>(co_await io::sleep_for(pause));
  }
}

inline io::Task<void> run_clients(catalog::Catalog& catalog, Recorder& recorder, uint64_t seed,
                                  int clients, const std::atomic<bool>& stop, Duration pause) {
  io::Scope scope;
  for (int i = 0; i < clients; ++i) {
    scope.spawn(run_client(catalog, recorder, seed * 1000 + static_cast<uint64_t>(i), stop, pause));
  }
  co_await scope.join();
}

}  // namespace cairn::linear
