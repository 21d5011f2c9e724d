// A store of accounts over a catalog in memory whose commits can be cut, with blocking calls.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "catalog/memory_catalog.h"
#include "crypto/key_ring.h"
#include "iam/grants.h"
#include "iam/people.h"
#include "iam/roles.h"
#include "iam/rows.h"
#include "iam/store.h"
#include "iam/tenants.h"
#include "io/reactor.h"

namespace cairn::iam {

class SteeredClock final : public Clock {
 public:
  Instant now() const override { return {}; }
  WallTime wall_now() const override { return time; }
  WallTime time{1'790'000'000'000};
};

// What becomes of the next commit.
enum class Cut : unsigned char { kNone, kBefore, kAfter };

// Fails the commit it is told to: before anything was applied, or after all of it was.
class CutCatalog final : public catalog::Catalog {
 public:
  Cut cut = Cut::kNone;
  uint64_t commits_count = 0;

  io::Task<Result<std::optional<catalog::Entry>>> get(std::string key,
                                                      const catalog::Snapshot* snapshot) override {
    return rows_->get(std::move(key), snapshot);
  }
  io::Task<Result<catalog::ScanPage>> scan(catalog::ScanRequest request,
                                           const catalog::Snapshot* snapshot) override {
    return rows_->scan(std::move(request), snapshot);
  }
  io::Task<Result<std::shared_ptr<const catalog::Snapshot>>> snapshot() override {
    return rows_->snapshot();
  }
  io::Task<Result<catalog::Version>> commit(catalog::Batch batch) override {
    ++commits_count;
    const Cut now = std::exchange(cut, Cut::kNone);
    if (now == Cut::kBefore) co_return fail(Code::kIo, "cut");
    Result<catalog::Version> done = co_await rows_->commit(std::move(batch));
    if (now == Cut::kAfter) co_return fail(Code::kIo, "cut");
    co_return done;
  }
  io::Task<Result<std::vector<catalog::Change>>> tail(catalog::Version after,
                                                      size_t limit) override {
    return rows_->tail(after, limit);
  }
  io::Task<Status> close() override { return rows_->close(); }

 private:
  std::unique_ptr<catalog::Catalog> rows_ = catalog::make_memory_catalog();
};

inline constexpr std::string_view kReadAnything =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]})";
inline constexpr std::string_view kTrustAccount =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",)"
    R"("Principal":{"AWS":"arn:aws:iam::000000000001:root"},"Action":"sts:AssumeRole"}]})";

class AccountsTest : public testing::Test {
 protected:
  AccountsTest() {
    Result<std::unique_ptr<io::Reactor>> made = io::Reactor::create({});
    EXPECT_TRUE(made.has_value());
    reactor = std::move(*made);
    keys = std::make_unique<crypto::KeyRing>(crypto::SecretKey::generate(random));
    EXPECT_TRUE(keys->create_version(kRoot, random).has_value());
    open();
  }
  ~AccountsTest() override { store.reset(); }

  // As a process that ends and starts again.
  void open() {
    store.reset();
    StoreOptions options;
    options.catalog = &catalog;
    options.keys = keys.get();
    options.clock = &clock;
    options.random = &random;
    Result<std::unique_ptr<Store>> opened = reactor->run(Store::open(options));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store = std::move(*opened);
  }

  Status change(std::function<Status(Draft&)> work) {
    return reactor->run(store->change(std::move(work)));
  }
  void must(std::function<Status(Draft&)> work) {
    const Status done = change(std::move(work));
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  const Account& account(TenantId id = kRoot) {
    held_ = store->directory();
    return *held_->account(id);
  }

  // Everything that the directory holds, as text.
  static std::string dump(const Directory& directory) {
    std::string out;
    const auto add = [&](std::string_view row_key, const std::string& record) {
      out.append(row_key).append(" = ").append(record).append("\n");
    };
    for (const auto& [id, one] : directory.accounts()) {
      add(rows::key_of(*one->tenant), rows::encode(*one->tenant));
      for (const auto& [name, value] : one->users) add(name, rows::encode(*value));
      for (const auto& [name, value] : one->groups) add(name, rows::encode(*value));
      for (const auto& [name, value] : one->roles) add(name, rows::encode(*value));
      for (const auto& [name, value] : one->policies) add(name, rows::encode(*value));
      for (const auto& [name, value] : one->providers) add(name, rows::encode(*value));
      for (const auto& [name, value] : one->keys) {
        add(name, rows::encode(*value));
        EXPECT_NE(directory.access_key(name), nullptr);
      }
    }
    return out;
  }
  std::string dump() { return dump(*store->directory()); }

  static constexpr TenantId kRoot = crypto::kRootTenant;
  SeededRandom random{7};
  SteeredClock clock;
  CutCatalog catalog;
  std::unique_ptr<io::Reactor> reactor;
  std::unique_ptr<crypto::KeyRing> keys;
  std::unique_ptr<Store> store;

 private:
  std::shared_ptr<const Directory> held_;
};

template <typename T>
Status status_of(const Result<T>& result) {
  if (result) return {};
  return std::unexpected(result.error());
}

}  // namespace cairn::iam
