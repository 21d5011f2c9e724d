// A request about a gateway bucket under way, and what its handlers share.
#pragma once

#include <memory>
#include <string>

#include "crypto/key_ring.h"
#include "gateway/body_reader.h"
#include "gateway/links.h"
#include "gateway/resolver.h"
#include "s3/call.h"
#include "s3/errors.h"

namespace cairn::gateway {

struct Services {
  object::Objects& objects;
  const crypto::KeyRing& keys;
  Resolver& resolver;
  RemoteObjects& remotes;
  Links& links;
};

// Lives in the frame of Gateway::serve(); used on its reactor only.
struct Served {
  s3::Call& call;
  std::shared_ptr<Link> link;
  Services services;
};

using Reply = io::Task<s3::S3Status>;
using Handler = Reply (*)(Served& served);

// The version that `facts` tell of, to be read. `version_id` as the client asked for it.
Result<RemoteObjectPointer> open_remote(const Services& services, std::shared_ptr<Link> link,
                                        std::string_view key, std::string version_id,
                                        const ObjectFacts& facts);

}  // namespace cairn::gateway
