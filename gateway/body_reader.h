// Bytes of a version of an upstream's object, in order, through the cache tiers: verified plaintext
// from memory, sealed blocks from disk, else from the upstream.
//
// Used on one reactor; may be destroyed at any time.
#pragma once

#include <memory>

#include "base/buffer.h"
#include "gateway/remote_object.h"
#include "io/task.h"
#include "object/chunk_reader.h"
#include "object/objects.h"

namespace cairn::gateway {

class BodyReader {
 public:
  BodyReader(object::Objects& objects, RemoteObjectPointer object);
  ~BodyReader();
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  // Begins to read `range`, which lies in the object.
  void start(ByteRange range);
  // The next bytes; empty at the end. Errors as of ChunkSource.
  io::Task<Result<Buffer>> next();
  const RemoteObject& object() const { return *object_; }

 private:
  void start_window();

  const RemoteObjectPointer object_;
  const std::unique_ptr<object::ChunkReader> chunks_;
  ByteRange wanted_;
  ByteRange rest_;  // Behind the window that is being read.
};

}  // namespace cairn::gateway
