// The contract of storage::ChunkStore as a suite: instantiate ChunkStoreSuite with a factory per
// implementation (and per io backend) and it must pass.
//
//   INSTANTIATE_TEST_SUITE_P(Memory, ChunkStoreSuite, testing::Values(factory), name_of_factory);
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "io/reactor.h"
#include "io/scope.h"
#include "storage/chunk_store.h"
#include "tests/support/chunk_samples.h"

namespace cairn::storage {

// Opens empty stores; what a store needs lives as long as the opener.
struct StoreFactory {
  std::string name;
  std::string backend;  // CAIRN_IO; empty: as the environment says.
  std::function<io::Task<std::unique_ptr<ChunkStore>>(ReferenceSource& references)> open;
};

inline std::string name_of_factory(const testing::TestParamInfo<StoreFactory>& info) {
  return info.param.name;
}

class ChunkStoreSuite : public testing::TestWithParam<StoreFactory> {
 protected:
  void SetUp() override {
    if (!GetParam().backend.empty()) setenv("CAIRN_IO", GetParam().backend.c_str(), 1);
    io::ReactorOptions options;
    options.pool_bytes = 128 * MiB;
    Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(options);
    if (!GetParam().backend.empty()) unsetenv("CAIRN_IO");
    ASSERT_TRUE(reactor.has_value()) << reactor.error().message;
    reactor_ = std::move(*reactor);
    store_ = reactor_->run(GetParam().open(references_));
    if (store_ == nullptr && !HasFailure()) GTEST_SKIP() << "what it needs is not installed";
    ASSERT_NE(store_, nullptr);
  }
  void TearDown() override {
    if (store_ != nullptr) EXPECT_TRUE(wait(store_->close()).has_value());
    store_.reset();
  }

  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  Status put(uint64_t number, size_t size, uint64_t owner = 0) {
    return wait(store_->put(testing_support::sample_id(number),
                            testing_support::sample_chunk(number, size),
                            testing_support::sample_owner(owner)));
  }
  bool link(uint64_t number, uint64_t owner) {
    return wait(store_->link(testing_support::sample_id(number),
                             testing_support::sample_owner(owner)))
        .value();
  }
  Result<bool> unlink(uint64_t number, uint64_t owner = 0) {
    return wait(
        store_->unlink(testing_support::sample_id(number), testing_support::sample_owner(owner)));
  }
  void release(uint64_t owner, std::vector<uint64_t> numbers) {
    std::vector<ChunkId> ids;
    for (const uint64_t number : numbers) ids.push_back(testing_support::sample_id(number));
    wait(store_->release(testing_support::sample_owner(owner), std::move(ids)));
  }
  Result<SealedRead> read(uint64_t number, ByteRange range) {
    return wait(store_->read(testing_support::sample_id(number), range));
  }
  void expect_range(uint64_t number, size_t size, ByteRange range) {
    SCOPED_TRACE(testing::Message() << "chunk " << number << " of " << size << ", range "
                                    << range.offset_bytes << "+" << range.size_bytes);
    const Result<SealedRead> got = read(number, range);
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got->header, testing_support::sample_header(number));
    EXPECT_EQ(got->payload_bytes, size);
    const Bytes whole = testing_support::sample_bytes(number, size);
    const uint64_t begin = std::min<uint64_t>(range.offset_bytes, size);
    const uint64_t count = std::min<uint64_t>(range.size_bytes, size - begin);
    const Bytes expected(whole.begin() + static_cast<ptrdiff_t>(begin),
                         whole.begin() + static_cast<ptrdiff_t>(begin + count));
    const BytesView payload = got->payload.view();
    EXPECT_TRUE(std::ranges::equal(payload, expected));
  }
  Code code_of(const Result<SealedRead>& result) {
    return result ? Code::kInternal : result.error().code;
  }

  testing_support::SampleReferences references_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<ChunkStore> store_;
};

TEST_P(ChunkStoreSuite, WhatWasPutIsReadBackInAnyRange) {
  const std::vector<size_t> sizes = {1,     4095,        4096,        4097,
                                     65536, 1 * MiB + 1, 3 * MiB + 7, 8 * MiB + 64 * KiB};
  for (uint64_t number = 0; number < sizes.size(); ++number) {
    const size_t size = sizes[number];
    ASSERT_TRUE(put(number, size).has_value());
    for (const ByteRange range :
         {ByteRange{0, size}, ByteRange{0, 1}, ByteRange{size - 1, 1}, ByteRange{size / 2, 70000},
          ByteRange{4096, 4096}, ByteRange{4095, 2}, ByteRange{0, UINT64_MAX}, ByteRange{size, 5},
          ByteRange{UINT64_MAX, UINT64_MAX}, ByteRange{0, 0}}) {
      expect_range(number, size, range);
    }
    EXPECT_TRUE(wait(store_->verify(testing_support::sample_id(number))).has_value());
  }
}

TEST_P(ChunkStoreSuite, AnAbsentChunkIsNotFoundAndNotLinked) {
  EXPECT_EQ(code_of(read(1, {0, 1})), Code::kNotFound);
  EXPECT_EQ(wait(store_->verify(testing_support::sample_id(1))).error().code, Code::kNotFound);
  EXPECT_FALSE(link(1, 0));
  EXPECT_FALSE(unlink(1).value());
}

TEST_P(ChunkStoreSuite, TheSecondPutOfAnIdKeepsTheFirstCopy) {
  ASSERT_TRUE(put(1, 5000, 1).has_value());
  ASSERT_TRUE(wait(store_->put(testing_support::sample_id(1), testing_support::sample_chunk(2, 77),
                               testing_support::sample_owner(2)))
                  .has_value());
  expect_range(1, 5000, {0, 5000});
  release(1, {1});
  EXPECT_FALSE(unlink(1, 1).value()) << "the second putter holds it";
  EXPECT_EQ(wait(store_->usage())->chunks_count, 1U);
}

TEST_P(ChunkStoreSuite, AHeldChunkIsNeverDropped) {
  ASSERT_TRUE(put(1, 5000, 1).has_value());
  EXPECT_TRUE(link(1, 2));
  EXPECT_FALSE(unlink(1, 1).value());
  EXPECT_EQ(references_.questions_count, 0U);
  expect_range(1, 5000, {0, 5000});
  release(2, {1});
  EXPECT_TRUE(unlink(1, 1).value());
  EXPECT_EQ(code_of(read(1, {0, 1})), Code::kNotFound);
}

TEST_P(ChunkStoreSuite, AReferencedChunkIsNeverDropped) {
  ASSERT_TRUE(put(1, 5000, 1).has_value());
  references_.referenced.push_back(testing_support::sample_id(1));
  release(1, {1});
  EXPECT_FALSE(unlink(1, 1).value());
  EXPECT_EQ(references_.questions_count, 1U);
  EXPECT_TRUE(link(1, 3)) << "it is live again";
  release(3, {1});
  references_.referenced.clear();
  EXPECT_TRUE(unlink(1, 1).value());
  EXPECT_FALSE(unlink(1, 1).value());
}

TEST_P(ChunkStoreSuite, AnUnansweredQuestionDropsNothing) {
  ASSERT_TRUE(put(1, 5000, 1).has_value());
  references_.failing = true;
  EXPECT_EQ(unlink(1, 1).error().code, Code::kUnavailable);
  expect_range(1, 5000, {0, 5000});
  references_.failing = false;
  EXPECT_TRUE(unlink(1, 1).value());
}

TEST_P(ChunkStoreSuite, ADroppedIdCanBePutAgain) {
  ASSERT_TRUE(put(1, 5000, 1).has_value());
  ASSERT_TRUE(read(1, {4096, 10}).has_value());
  ASSERT_TRUE(unlink(1, 1).value());
  // Another sealing of the same content has another header, which must not be mixed with the old
  // one.
  ASSERT_TRUE(
      wait(store_->put(testing_support::sample_id(1), testing_support::sample_chunk(9, 5000),
                       testing_support::sample_owner(1)))
          .has_value());
  const Result<SealedRead> got = read(1, {4096, 10});
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->header, testing_support::sample_header(9));
}

TEST_P(ChunkStoreSuite, ListIsAscendingAndResumable) {
  std::vector<ChunkId> expected;
  for (uint64_t number = 0; number < 50; ++number) {
    ASSERT_TRUE(put(number, 100 + number).has_value());
    expected.push_back(testing_support::sample_id(number));
  }
  std::ranges::sort(expected);
  std::vector<ChunkId> listed;
  std::optional<ChunkId> after;
  while (true) {
    const std::vector<ChunkStat> page = wait(store_->list(after, 7)).value();
    if (page.empty()) break;
    ASSERT_LE(page.size(), 7U);
    for (const ChunkStat& stat : page) listed.push_back(stat.id);
    after = listed.back();
  }
  EXPECT_EQ(listed, expected);
}

// Goes through puts, holds and drops of few ids by several tasks; what a task holds stays readable.
inline io::Task<void> hammer(ChunkStore& store, uint64_t seed, uint64_t steps) {
  using namespace testing_support;
  SeededRandom random(seed);
  for (uint64_t step = 0; step < steps; ++step) {
    const uint64_t number = random.below(6);
    const ChunkId id = sample_id(number);
    const OwnerId owner = sample_owner(seed * 100000 + step);
    const size_t size = 3000 + number * 10000;
    const Result<bool> linked = co_await store.link(id, owner);
    bool held = linked && *linked;
    if (!held) {
      const Status done = co_await store.put(id, sample_chunk(number, size), owner);
      held = done.has_value();
    }
    EXPECT_TRUE(held) << "seed " << seed << " step " << step;
    const uint64_t from = random.below(size);
    const Result<SealedRead> got = co_await store.read(id, {from, 5000});
    EXPECT_TRUE(got.has_value()) << "seed " << seed << " step " << step << ": "
                                 << (got ? "" : got.error().message);
    if (got) {
      const Bytes whole = sample_bytes(number, size);
      const BytesView expected =
          BytesView(whole).subspan(from, std::min(size - from, size_t{5000}));
      EXPECT_TRUE(std::ranges::equal(got->payload.view(), expected));
      EXPECT_EQ(got->header, sample_header(number));
    }
    if (random.below(3) == 0) co_await io::yield();
    const Result<bool> dropped = co_await store.unlink(id, owner);
    EXPECT_TRUE(dropped.has_value());
  }
}

TEST_P(ChunkStoreSuite, HoldsProtectUnderConcurrentPutsLinksAndDrops) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const auto all = [](ChunkStore& store, uint64_t first) -> io::Task<void> {
      io::Scope scope;
      for (uint64_t task = 0; task < 8; ++task) scope.spawn(hammer(store, first * 8 + task, 25));
      co_await scope.join();
    };
    wait(all(*store_, seed));
    EXPECT_EQ(wait(store_->usage())->chunks_count, 0U) << "the last holder's unlink drops";
    EXPECT_TRUE(wait(store_->list(std::nullopt, 10))->empty());
  }
}

}  // namespace cairn::storage
