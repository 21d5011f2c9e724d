// Where the metadata is: in the data directory, or in an etcd cluster.
// Thread rule: start-up thread only.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/etcd/etcd_catalog.h"
#include "catalog/metrics.h"
#include "io/task.h"
#include "server/config.h"
#include "server/data_directory.h"
#include "server/home.h"

namespace cairn::server {

// Setters of config.cc: a URL or "own"; a size.
Status set_catalog(Config& config, std::string_view value);
Status set_catalog_request_bytes(Config& config, std::string_view value);
// Fills in what follows from the rest; kInvalidArgument says what does not fit together.
Status complete_catalog(Config& config);

// Outlive the catalog.
struct CatalogCounters {
  catalog::CatalogMetrics& catalog;
  catalog::EtcdMetrics& etcd;
};

// Where the cluster is and who this server is there: the endpoints and the prefix of `url`, and the
// certificates and the user of the settings.
Result<catalog::EtcdOptions> reach_etcd(const Config& config, std::string_view url);

// kFailedPrecondition when the directory's metadata is not where --catalog says: its own would not
// be found there, and its chunks would be garbage beside another's. Several servers may open one
// catalog in etcd when they share a home; the first one binds the two for ever. `home` outlives the
// catalog's use and is told how to fence other servers.
io::Task<Result<std::unique_ptr<catalog::Catalog>>> open_catalog(const Config& config,
                                                                 const DataDirectory& directory,
                                                                 Home& home,
                                                                 CatalogCounters counters);

}  // namespace cairn::server
