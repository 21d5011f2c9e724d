// Bodies that the store holds already, by their SHA-256: what an upload can be answered with before
// its bytes are sent (docs/instant-upload.md).
//
// Finding one gives no right to it. Whoever finds a body decides whether its caller may read the
// version that holds it, and only then hands it to ObjectWriter::finish_known().
// Thread rule: any reactor; what is found is used on the reactor that found it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/body_index.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// A version that holds a body now.
struct BodyHolder {
  BucketInfo bucket;
  std::string key;
  std::string version_id;   // "null" where the bucket has no versions.
  bool is_current = false;  // Read without a version id.
  std::shared_ptr<const OpenObject> object;
};

struct KnownBody {
  BodyHolder holder;
  std::optional<size_t> part;  // Index of the holder's part; unset = its whole body.
  // Of what is known without reading it: MD5, SHA-256 and the one stored checksum.
  BodyDigests digests;
};

class KnownBodies {
 public:
  explicit KnownBodies(Context& context) : context_(context), recent_(kCoresMax) {}

  // The current version of `key`, when it has that digest: what is written again needs no index.
  io::Task<Result<std::optional<BodyHint>>> current(BucketInfo bucket, std::string key,
                                                    Sha256Value sha256);
  // Where bodies of the tenant with that digest may be, by the index; at most kBodyHintsMax.
  io::Task<Result<std::vector<BodyHint>>> find(TenantId tenant, Sha256Value sha256);
  // The body that a hint is of; nullopt when it is not there any more, or is another one.
  io::Task<Result<std::optional<KnownBody>>> open(BucketInfo bucket, BodyHint hint,
                                                  Sha256Value sha256, uint64_t size_bytes);
  // Which object of the tenant holds what `owner`'s edges refer to; nullopt when none does.
  io::Task<Result<std::optional<BodyHolder>>> holder(TenantId tenant, OwnerId owner);

 private:
  io::Task<Result<std::optional<BodyHolder>>> locate(BucketInfo bucket, BodyPlace place,
                                                     OwnerId owner);
  io::Task<Result<std::optional<BodyHolder>>> hold(BucketInfo bucket, std::string key,
                                                   std::string version_id, OwnerId owner);
  io::Task<Result<std::shared_ptr<const OpenObject>>> with_parts(
      BucketInfo bucket, std::string key, std::string version_id,
      std::shared_ptr<const OpenObject> object);

  Context& context_;
  // By core, used on it alone: the object of parts that was looked at last. Uploads in parts ask
  // for one object's parts in turn, and a large manifest is in no other cache.
  std::vector<std::shared_ptr<const OpenObject>> recent_;
};

// The holder's body in memory or as extents, read when it is about to be used.
struct KnownContent {
  std::optional<Bytes> inline_bytes;
  std::vector<Extent> extents;
};
// nullopt when the holder is gone.
io::Task<Result<std::optional<KnownContent>>> load_content(Context& context, KnownBody body);

}  // namespace cairn::object
