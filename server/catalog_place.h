// Where the metadata is: in the data directory, or in an etcd cluster.
// Thread rule: start-up thread only.
#pragma once

#include <memory>

#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/etcd/metrics.h"
#include "catalog/metrics.h"
#include "io/task.h"
#include "server/config.h"
#include "server/data_directory.h"

namespace cairn::server {

// Outlive the catalog.
struct CatalogCounters {
  catalog::CatalogMetrics& catalog;
  catalog::EtcdMetrics& etcd;
};

// kFailedPrecondition when the directory's metadata is not where --catalog says: its own would not
// be found there, and its chunks would be garbage beside another's.
io::Task<Result<std::unique_ptr<catalog::Catalog>>> open_catalog(const Config& config,
                                                                 const DataDirectory& directory,
                                                                 CatalogCounters counters);

}  // namespace cairn::server
