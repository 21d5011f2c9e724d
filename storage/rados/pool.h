// RadosPool: the namespaces of a store in a pool of a Ceph cluster: one for the control objects
// (its marker, its sessions), one for chunks, and one for the chunks of each further tenant where
// the store is divided (docs/format.md).
//
// Every operation has a deadline: librados waits for ever unless it is told otherwise. An operation
// that timed out is unknown, not failed: it may have happened, and may still happen.
// Thread rule: any reactor; write_later() any thread. connect() and close() wait in the blocking
// pool. REQUIRES: close() is awaited before destruction, when no operation is in progress.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "io/task.h"
#include "storage/rados/operation.h"
#include "storage/rados/rados_store.h"
#include "storage/upstream_breaker.h"

namespace cairn::storage {

// A namespace of the store.
struct RadosSpace {
  bool is_control = false;
  uint64_t tenant = 0;  // Whose chunks; 0 = the root tenant's, or everybody's.
  static const RadosSpace kControl;
};
inline constexpr RadosSpace RadosSpace::kControl{.is_control = true};

// What became of an operation: 0 or a negative errno, and the object's version after it.
struct RadosAnswer {
  int code = 0;
  uint64_t version = 0;
};

// A part of an object and all its attributes, read at one moment.
struct RadosObject {
  int code = 0;
  uint64_t version = 0;
  std::map<std::string, Bytes> attributes;
  size_t read_bytes = 0;
  uint64_t size_bytes = 0;  // Of the whole object.
};

class RadosPool {
 public:
  // kUnsupported (no librados), kNotFound (no such pool, no configuration), kPermissionDenied,
  // kUnavailable; the messages say what to do.
  static io::Task<Result<std::unique_ptr<RadosPool>>> connect(RadosPlace place);
  ~RadosPool();
  RadosPool(const RadosPool&) = delete;
  RadosPool& operator=(const RadosPool&) = delete;
  io::Task<void> close();

  // Chunks of each tenant are in a namespace of their own from now on. REQUIRES: called before
  // anything is asked about chunks.
  void divide() { is_divided_ = true; }
  // Where a chunk is.
  RadosSpace space_of(const ChunkId& id) const;
  // "NAMESPACE", "NAMESPACE.control" or "NAMESPACE/<number of the tenant, 12 digits>".
  std::string name_of(RadosSpace space) const;

  RadosWrite begin_write() const { return RadosWrite(library_); }
  // A full pool refuses what adds to it with -ENOSPC or -EDQUOT; `frees` gets through all the same.
  io::Task<RadosAnswer> write(RadosSpace space, std::string name, RadosWrite operation, bool frees);
  // The same without anybody who waits; `done` runs on a thread of librados and must not block.
  using Done = std::move_only_function<void(RadosAnswer)>;
  void write_later(RadosSpace space, const std::string& name, RadosWrite operation, bool frees,
                   Done done);
  // Reads what `into` has room for from `offset_bytes` on; `into` may be empty.
  io::Task<RadosObject> read(RadosSpace space, std::string name, uint64_t offset_bytes,
                             MutableBytes into);

  // All chunks of all tenants, in the order of the pool: a part per call, none at the end.
  class Names {
   public:
    Names(const RadosLibrary& library, rados_list_ctx_t at) : library_(library), at_(at) {}
    Names(const Names&) = delete;
    Names& operator=(const Names&) = delete;
    ~Names() { library_.nobjects_list_close(at_); }

   private:
    friend class RadosPool;
    const RadosLibrary& library_;
    const rados_list_ctx_t at_;
  };
  io::Task<Result<std::unique_ptr<Names>>> list();
  io::Task<Result<std::vector<ChunkId>>> next(Names& names);
  // A question to the monitors, in JSON. Blocks for as long as an operation may take.
  io::Task<Result<std::string>> ask_monitor(std::string command);

  // Whether the cluster is left alone, after several timeouts in a row: operations are answered
  // with -EHOSTDOWN then.
  bool is_down() const { return breaker_.is_open(); }
  // An answer as an error; `what` is what was asked for.
  Error error_of(int code, std::string_view what) const;
  const RadosPlace& place() const { return place_; }

 private:
  RadosPool(const RadosLibrary& library, RadosPlace place)
      : library_(library), place_(std::move(place)) {}
  Status open();
  using Space = std::shared_ptr<void>;  // A rados_ioctx_t.
  Result<Space> make_space(const std::string& name);
  Result<Space> find_space(RadosSpace space);
  bool lies_where_it_belongs(const ChunkId& id, std::string_view name_space) const;
  void note(int code, Instant now);

  const RadosLibrary& library_;
  const RadosPlace place_;
  UpstreamBreaker breaker_;
  rados_t cluster_ = nullptr;
  bool is_divided_ = false;
  Space chunks_;
  Space control_;
  Space listed_;      // All namespaces of the pool.
  std::mutex mutex_;  // Guards `tenants_`.
  std::map<uint64_t, Space> tenants_;
};

}  // namespace cairn::storage
