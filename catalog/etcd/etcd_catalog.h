// The catalog of a cluster: etcd is the log, and each node reads its own mirror of it.
//
// commit(): one transaction of etcd with compares for the preconditions; an entry's version is the
// revision that wrote it. Reads without a snapshot ask the cluster for its present revision, once
// for all that wait together, wait until the mirror has reached it and read there; so they see
// every commit that completed before them, of any node. Snapshots are snapshots of the mirror.
//
// Errors beyond catalog.h: kUnavailable within `timeout` when the cluster has no quorum or cannot
// be reached; kNoSpace while it is over its quota (deletes alone still pass); kInvalidArgument for
// a batch that is larger than a transaction may be.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/units.h"
#include "catalog/catalog.h"
#include "catalog/etcd/metrics.h"
#include "catalog/metrics.h"
#include "io/task.h"

namespace cairn::catalog {

// Which changes of a batch need not happen in the moment of its commit. Asked only for batches that
// are larger than a transaction; the owner of the keys knows. Empty functions: none.
struct CommitTiming {
  // A put that may be seen before its commit, and is taken back when there is none. Nothing of the
  // key's present value is needed any more, if it has one.
  std::function<bool(std::string_view key)> may_precede = {};
  // A change that may be seen after its commit; it then comes for sure.
  std::function<bool(std::string_view key, bool is_delete)> may_follow = {};
};

struct EtcdOptions {
  std::vector<std::string> endpoints = {};  // "host:port"; the next is asked when one fails.
  std::string prefix = "cairn";             // All keys lie under "<prefix>/".
  bool use_tls = false;
  std::string ca_file = {};           // PEM; empty = the system's authorities.
  std::string certificate_file = {};  // PEM, with key_file: the client certificate.
  std::string key_file = {};
  std::string user = {};  // Empty = none.
  std::string password = {};
  // This node's mirror and name. One process at a time; may be deleted while none runs.
  std::string directory = {};
  uint64_t block_cache_bytes = 256 * MiB;
  // Until a read or a commit gives up.
  Duration timeout = milliseconds(1800);
  Duration open_timeout = seconds(10);
  // From one question for the revision to the next, at least: at most 2,000 a second.
  Duration question_distance = microseconds(500);
  // A question waits so long after the last answer, at most, for reads that are likely to come.
  Duration question_gather = microseconds(500);
  // Reads answer from the mirror as it is, and miss what other nodes committed lately; a node's own
  // commits they see. Conditions of commits stay exact.
  bool stale_reads = false;
  // The cluster's --max-txn-ops and --max-request-bytes; these are etcd's defaults.
  size_t transaction_operations_max = 128;
  size_t transaction_bytes_max = 1536 * KiB;
  CommitTiming timing = {};
  // A row; empty = none. Once some process has put it, no commit of this one is applied any more:
  // kUnavailable. For who gives a silent process up, and must know that it changes nothing late.
  std::string fence_row = {};
  size_t commits_in_flight_max = 256;
  size_t queue_depth_max = 8192;
  // Null = no one reads them. Outlive the catalog.
  CatalogMetrics* metrics = nullptr;
  EtcdMetrics* etcd_metrics = nullptr;
};

// "etcd://host:port,host:port/prefix", or etcds:// for TLS. kInvalidArgument says what is wrong.
Result<EtcdOptions> parse_etcd_url(std::string_view url);

// kUnavailable when the cluster cannot be reached or the directory is in use.
// REQUIRES: close() is awaited before destruction, and every snapshot is released before close().
io::Task<Result<std::unique_ptr<Catalog>>> open_etcd_catalog(EtcdOptions options);

}  // namespace cairn::catalog
