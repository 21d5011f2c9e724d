// A test with a reactor, a directory of its own and volume stores in it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/reactor.h"
#include "io/scope.h"
#include "storage/log_format.h"
#include "storage/volume_store.h"
#include "tests/support/chunk_samples.h"
#include "tests/support/temporary_directory.h"

namespace cairn::testing_support {

class StoreFixture : public testing::Test {
 protected:
  using VolumeStore = storage::VolumeStore;

  void SetUp() override {
    io::ReactorOptions options;
    options.pool_bytes = 128 * MiB;
    Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(options);
    ASSERT_TRUE(reactor.has_value()) << reactor.error().message;
    reactor_ = std::move(*reactor);
  }

  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  storage::VolumeStoreOptions options_for(std::vector<std::string> directories) {
    storage::VolumeStoreOptions options;
    options.directories = std::move(directories);
    options.references = &references_;
    options.files = files_;
    options.log_file_bytes = 16 * MiB;
    options.reserve_bytes = 0;
    return options;
  }
  Result<std::unique_ptr<VolumeStore>> try_open(std::vector<std::string> directories) {
    return wait(VolumeStore::open(options_for(std::move(directories))));
  }
  std::unique_ptr<VolumeStore> open(std::vector<std::string> directories) {
    Result<std::unique_ptr<VolumeStore>> store = try_open(std::move(directories));
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    return store ? std::move(*store) : nullptr;
  }
  std::unique_ptr<VolumeStore> open() { return open({directory_.sub("a")}); }
  void close(std::unique_ptr<VolumeStore> store) { EXPECT_TRUE(wait(store->close()).has_value()); }

  Status put(VolumeStore& store, uint64_t number, size_t size, uint64_t owner = 0) {
    return wait(store.put(sample_id(number), sample_chunk(number, size), sample_owner(owner)));
  }
  Result<bool> unlink(VolumeStore& store, uint64_t number, uint64_t owner = 0) {
    return wait(store.unlink(sample_id(number), sample_owner(owner)));
  }
  static io::Task<void> put_one(VolumeStore& store, uint64_t number, size_t size, Status& done) {
    done = co_await store.put(sample_id(number), sample_chunk(number, size), sample_owner(0));
  }
  // Puts [first, first + results.size()) side by side.
  static io::Task<void> put_all(VolumeStore& store, uint64_t first, size_t size,
                                std::vector<Status>& results) {
    io::Scope scope;
    for (size_t i = 0; i < results.size(); ++i) {
      scope.spawn(put_one(store, first + i, size, results[i]));
    }
    co_await scope.join();
  }

  // kInternal stands for "read back, and right".
  Code read_code(VolumeStore& store, uint64_t number, size_t size) {
    const Result<storage::SealedRead> got = wait(store.read(sample_id(number), {0, size}));
    if (!got) return got.error().code;
    EXPECT_EQ(got->header, sample_header(number));
    EXPECT_TRUE(std::ranges::equal(got->payload.view(), sample_bytes(number, size)));
    return Code::kInternal;
  }
  void expect_stored(VolumeStore& store, uint64_t number, size_t size) {
    EXPECT_EQ(read_code(store, number, size), Code::kInternal) << "chunk " << number;
    EXPECT_TRUE(wait(store.verify(sample_id(number))).has_value()) << "chunk " << number;
  }

  // What a crash now would leave: a copy of the files, holes kept.
  std::string crash_image(const std::string& of, const std::string& name) {
    const std::string image = directory_.sub(name);
    const std::string command = "cp -r --sparse=always '" + of + "' '" + image + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return image;
  }
  static std::vector<std::string> log_files(const std::string& directory) {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (storage::is_log_file_name(entry.path().filename().string())) {
        paths.push_back(entry.path().string());
      }
    }
    std::ranges::sort(paths);
    return paths;
  }

  TemporaryDirectory directory_;
  SampleReferences references_;
  std::unique_ptr<io::Reactor> reactor_;
  io::FileSystem* files_ = nullptr;
};

}  // namespace cairn::testing_support
