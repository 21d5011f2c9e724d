// The catalog and the home that a cluster's nodes will share, opened by the server whose data goes
// there: as a node would, with a data directory of its own below this server's.
//
// Thread rule: the reactor that opened it.
#pragma once

#include <memory>
#include <string>

#include "catalog/catalog.h"
#include "catalog/etcd/metrics.h"
#include "catalog/metrics.h"
#include "io/task.h"
#include "object/references.h"
#include "server/config.h"
#include "server/data_directory.h"
#include "server/home.h"

namespace cairn::server {

class MigrationTarget {
 public:
  // `settings`: a node's configuration file. `data`: the directory, made when absent.
  // kInvalidArgument when the file names no shared catalog or no shared home.
  static io::Task<Result<std::unique_ptr<MigrationTarget>>> open(std::string settings,
                                                                 std::string data);
  ~MigrationTarget();
  MigrationTarget(const MigrationTarget&) = delete;
  MigrationTarget& operator=(const MigrationTarget&) = delete;

  catalog::Catalog& catalog() { return fenced_ != nullptr ? *fenced_ : *catalog_; }
  storage::ChunkStore& chunks() { return home_->store(); }
  // Such as "etcd://10.0.0.1:2379/cairn and s3:chunks".
  std::string name() const;
  // Awaited once.
  io::Task<Status> close();

 private:
  MigrationTarget(Config config, DataDirectory directory);
  io::Task<Status> open_all();

  const Config config_;
  const DataDirectory directory_;
  catalog::CatalogMetrics catalog_metrics_;
  catalog::EtcdMetrics etcd_metrics_;
  std::unique_ptr<Home> home_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<catalog::Catalog> fenced_;  // As the home has it used (Home::attach()); or null.
  std::unique_ptr<object::CatalogReferences> references_;
};

}  // namespace cairn::server
