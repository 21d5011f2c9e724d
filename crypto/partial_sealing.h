// Sealing of some frames of a chunk of which the others are not at hand: what is fetched in pieces
// from somewhere that has the plaintext.
#pragma once

#include "crypto/sealing.h"

namespace cairn::crypto {

// Seals whole frames of the chunk that `binding` describes, in place, from `first_frame` on; the
// last frame of the chunk alone may be shorter. The header is one as seal_chunk() makes, under a
// salt of its own: two calls never share a key, whatever they seal. It opens these frames only; the
// others fail to authenticate.
// REQUIRES: as seal_chunk(), no segment table, and that the frames lie in the chunk.
Result<Bytes> seal_frames(const TenantKeys& keys, const ChunkBinding& binding, Random& random,
                          uint64_t first_frame, MutableBytes frames);

}  // namespace cairn::crypto
