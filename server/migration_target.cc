#include "server/migration_target.h"

#include <utility>

#include "base/random.h"
#include "server/catalog_place.h"

namespace cairn::server {

MigrationTarget::MigrationTarget(Config config, DataDirectory directory)
    : config_(std::move(config)), directory_(std::move(directory)) {}

MigrationTarget::~MigrationTarget() = default;

io::Task<Result<std::unique_ptr<MigrationTarget>>> MigrationTarget::open(std::string settings,
                                                                         std::string data) {
  ConfigSources sources;
  sources.file = settings;
  sources.flags = {{"data", data}};
  Config config = co_await io::or_return(load_config(sources));
  if (config.catalog.empty() || config.home.empty() || config.named_homes.is_set()) {
    co_return fail(Code::kInvalidArgument,
                   settings +
                       " must name what the cluster's nodes share: `catalog` or `join` with "
                       "an etcd:// URL, and `home` with s3: or rados:");
  }
  DataDirectory directory = co_await io::or_return(DataDirectory::open(std::move(data)));
  std::unique_ptr<MigrationTarget> target(
      new MigrationTarget(std::move(config), std::move(directory)));
  const Status opened = co_await target->open_all();
  if (opened) co_return target;
  static_cast<void>(co_await target->close());
  co_return std::unexpected(opened.error().with_context("the target"));
}

io::Task<Status> MigrationTarget::open_all() {
  home_ = co_await io::or_return(open_home(config_, directory_, system_random()));
  catalog_ = co_await io::or_return(
      open_catalog(config_, directory_, *home_, CatalogCounters{catalog_metrics_, etcd_metrics_}));
  fenced_ = co_await io::or_return(home_->attach(*catalog_));
  references_ = std::make_unique<object::CatalogReferences>(catalog());
  home_->set_references(references_.get());
  co_return Status();
}

std::string MigrationTarget::name() const {
  return config_.catalog + " and " + config_.home;
}

io::Task<Status> MigrationTarget::close() {
  Status first;
  if (home_) first = co_await home_->close();
  fenced_.reset();
  home_.reset();
  if (catalog_) {
    const Status closed = co_await catalog_->close();
    if (first && !closed) first = closed;
  }
  references_.reset();
  catalog_.reset();
  co_return first;
}

}  // namespace cairn::server
