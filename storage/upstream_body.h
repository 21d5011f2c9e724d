// An object that is about to be written upstream, once, under a random name.
// Thread rule: one reactor.
#pragma once

#include <string>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "http/client.h"

namespace cairn::storage {

class UpstreamBody : public http::BodySource {
 public:
  virtual std::string name() const = 0;  // Behind the prefix.
  virtual uint64_t object_bytes() const = 0;
  virtual uint64_t crc64_nvme() const = 0;
  // Over plain http the request is signed with the SHA-256.
  virtual bool has_sha256() const = 0;
  virtual const crypto::Sha256Value& sha256() const = 0;
  // The last bytes, which are compared where an earlier request may have written the object.
  virtual BytesView trailer() const = 0;
};

}  // namespace cairn::storage
