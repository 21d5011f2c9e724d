// Property: a write whose commit failed with an unknown outcome gives none of its chunks back,
// since the commit may be in the log and come about at the next start. Method: the sync of
// RocksDB's log fails once, with the record written; then everything is opened again over the same
// files.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "catalog/rocksdb_catalog.h"
#include "storage/volume_store.h"
#include "tests/support/faulty_rocksdb_file_system.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

class DoubtfulCommit : public testing::Test {
 protected:
  void SetUp() override {
    auto made = io::Reactor::create(io::ReactorOptions());
    ASSERT_TRUE(made.has_value());
    reactor_ = std::move(*made);
    open();
    auto bucket = run(objects_->create_bucket(crypto::kRootTenant, "bucket", {}));
    ASSERT_TRUE(bucket.has_value()) << bucket.error().message;
    bucket_ = *bucket;
  }
  void TearDown() override {
    close();
    reactor_.reset();
  }

  template <typename T>
  T run(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }

  void open() {
    catalog::RocksdbOptions options;
    options.ballast_bytes = 0;
    options.free_bytes_min = 0;
    options.file_system = disk_;
    options.prewritten_wal = true;  // The log file that the fault model knows.
    auto catalog = run(catalog::open_rocksdb_catalog(directory_.path() + "/catalog", options));
    ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
    catalog_ = std::move(*catalog);
    references_ = std::make_unique<CatalogReferences>(*catalog_);
    storage::VolumeStoreOptions volumes;
    volumes.directories.push_back(directory_.path() + "/volume");
    volumes.references = references_.get();
    volumes.log_file_bytes = 64 * MiB;
    volumes.reserve_bytes = 0;
    auto store = run(storage::VolumeStore::open(std::move(volumes)));
    ASSERT_TRUE(store.has_value()) << store.error().message;
    store_ = std::move(*store);
    keys_ = std::make_unique<crypto::KeyRing>(crypto::SecretKey(root_key_));
    ObjectsOptions objects;
    objects.catalog = catalog_.get();
    objects.store = store_.get();
    objects.keys = keys_.get();
    auto opened = run(open_objects(objects));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    objects_ = std::move(*opened);
  }
  void close() {
    EXPECT_TRUE(run(objects_->close()).has_value());
    EXPECT_TRUE(run(store_->close()).has_value());
    EXPECT_TRUE(run(catalog_->close()).has_value());
    objects_.reset();
    store_.reset();
    references_.reset();
    catalog_.reset();
  }
  void collect() {
    for (int pass = 0; pass < 100; ++pass) {
      const Result<bool> more = run(objects_->collect_garbage());
      ASSERT_TRUE(more.has_value()) << more.error().message;
      if (!*more) return;
    }
  }

  testing_support::TemporaryDirectory directory_;
  std::shared_ptr<testing_support::FaultyRocksdbFileSystem> disk_ =
      std::make_shared<testing_support::FaultyRocksdbFileSystem>();
  const Bytes root_key_ = random_bytes(7, 32);
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<CatalogReferences> references_;
  std::unique_ptr<storage::ChunkStore> store_;
  std::unique_ptr<crypto::KeyRing> keys_;
  std::unique_ptr<Objects> objects_;
  BucketInfo bucket_;
};

TEST_F(DoubtfulCommit, WhatItReplacesOrWhatItBroughtIsThereAfterAStart) {
  const Bytes first = random_bytes(1, 3 * MiB);
  const Bytes second = random_bytes(2, 3 * MiB);
  ASSERT_TRUE(run(put_object(*objects_, bucket_, "key", first, {}, 1)).has_value());
  disk_->fail_sync_after = 0;
  const auto replaced = run(put_object(*objects_, bucket_, "key", second, {}, 2));
  ASSERT_FALSE(replaced.has_value());
  EXPECT_EQ(replaced.error().code, Code::kIo);
  disk_->fail_sync_after = -1;

  close();
  open();
  collect();
  const Result<Bytes> found = run(get_object(*objects_, bucket_, "key", std::nullopt));
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_TRUE(*found == first || *found == second);
}

}  // namespace
}  // namespace cairn::object
