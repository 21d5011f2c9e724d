// One node's catalog on an etcd cluster, with a reactor on the calling thread: for tests that play
// the node and hurt the cluster from the same thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "catalog/etcd/etcd_catalog.h"
#include "io/reactor.h"
#include "tests/support/temporary_directory.h"

namespace cairn::testing_support {

class EtcdNode {
 public:
  explicit EtcdNode(catalog::EtcdOptions options) : options_(std::move(options)) {
    options_.directory = directory_.path() + "/node";
    options_.block_cache_bytes = 8 * MiB;
    options_.etcd_metrics = &metrics_;
    reactor_ = std::move(io::Reactor::create({}).value());
    open();
  }
  ~EtcdNode() { close(); }
  EtcdNode(const EtcdNode&) = delete;
  EtcdNode& operator=(const EtcdNode&) = delete;

  void open() {
    Result<std::unique_ptr<catalog::Catalog>> opened = try_open();
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    catalog_ = std::move(*opened);
  }
  Result<std::unique_ptr<catalog::Catalog>> try_open() {
    return reactor_->run(catalog::open_etcd_catalog(options_));
  }
  void close() {
    if (catalog_) EXPECT_TRUE(reactor_->run(catalog_->close()).has_value());
    catalog_.reset();
  }

  Result<catalog::Version> commit(catalog::Batch batch) {
    return reactor_->run(catalog_->commit(std::move(batch)));
  }
  Result<catalog::Version> put(std::string key, std::string value) {
    return commit({.puts = {{std::move(key), std::move(value)}}});
  }
  // The value, "(absent)", or "(failed: ...)".
  std::string get(std::string key) {
    const Result<std::optional<catalog::Entry>> entry = reactor_->run(catalog_->get(key));
    if (!entry) return "(failed: " + entry.error().message + ")";
    return *entry ? (*entry)->value : "(absent)";
  }
  std::string keys() {
    const Result<catalog::ScanPage> page = reactor_->run(catalog_->scan({}));
    if (!page) return "(failed: " + page.error().message + ")";
    std::string all;
    for (const catalog::Entry& entry : page->entries) all += entry.key + " ";
    return all;
  }
  template <typename T>
  T run(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  catalog::Catalog& catalog() { return *catalog_; }
  catalog::EtcdOptions& options() { return options_; }
  const catalog::EtcdMetrics& metrics() const { return metrics_; }

 private:
  TemporaryDirectory directory_;
  catalog::EtcdOptions options_;
  catalog::EtcdMetrics metrics_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<catalog::Catalog> catalog_;
};

}  // namespace cairn::testing_support
