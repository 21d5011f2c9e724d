// Keeps the record caches of this process coherent with commits of others: what a shared catalog
// tells its observers ends what Generations thinks of the rows.
//
// A cached record is then as fresh as the catalog's mirror, so whoever may be asked by a client
// awaits Catalog::catch_up() first, once per request. Own commits are told as well, a second time.
// Thread rule: the catalog's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "object/generations.h"

namespace cairn::object {

class CatalogWatch final : private catalog::ChangeObserver {
 public:
  // Both outlive it.
  CatalogWatch(catalog::Catalog& catalog, Generations& generations);
  ~CatalogWatch() override;
  CatalogWatch(const CatalogWatch&) = delete;
  CatalogWatch& operator=(const CatalogWatch&) = delete;

 private:
  void before_apply(std::span<const catalog::RowChange> changes) override;
  void after_apply(std::span<const catalog::RowChange> changes) override;
  void before_replace() override;
  void after_replace() override { span_.reset(); }
  void add_everything();

  catalog::Catalog& catalog_;
  Generations& generations_;
  std::optional<Generations::CommitSpan> span_;  // From before changes until after them.
  std::vector<std::string> every_slot_;          // A row for each; made when it is needed.
};

}  // namespace cairn::object
