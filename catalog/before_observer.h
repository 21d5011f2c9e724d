// An observer of a shared catalog that needs to know what changed rows were before.
//
// Given to Catalog::add_observer() like any other. Before each before_apply() it is told the values
// of the rows that it wants, which costs the catalog a read of each.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "catalog/catalog.h"

namespace cairn::catalog {

class BeforeObserver : public ChangeObserver {
 public:
  virtual bool wants_before(std::string_view key) = 0;
  // One value for each of the changes that before_apply() is about to tell: unset where the row was
  // not there, or is not wanted. Valid until after_apply() has returned.
  virtual void take_before(std::span<const std::optional<std::string>> values) = 0;
};

}  // namespace cairn::catalog
