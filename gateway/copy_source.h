// What is copied from one server to another: an object that is opened here, or in a gateway bucket,
// read in order.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/buffer.h"
#include "gateway/served.h"
#include "http/client.h"
#include "object/objects.h"
#include "s3/copy_source.h"

namespace cairn::gateway {

// Opened; used on one reactor.
struct Source {
  uint64_t size_bytes = 0;
  std::string etag;
  WallTime modified;
  object::ObjectMetadata metadata;              // Without tags.
  std::unique_ptr<object::ObjectReader> local;  // One of these two.
  std::unique_ptr<BodyReader> remote;

  Status start(ByteRange range);
  io::Task<Result<Buffer>> next();
};

// Of a bucket that is here. The call's x-amz-copy-source-if-* hold.
io::Task<s3::S3Result<Source>> open_local_source(Served& served, object::BucketInfo bucket,
                                                 s3::CopySource named);
// Of the gateway bucket behind `link`.
io::Task<s3::S3Result<Source>> open_remote_source(Served& served, std::shared_ptr<Link> link,
                                                  s3::CopySource named);

// What passes through this server has a part's size at most, as a copy on S3 has.
s3::S3Status check_copy_size(uint64_t size_bytes);
// x-amz-copy-source-range of the call, where it copies a part; else all of the source.
s3::S3Result<ByteRange> range_of_copy(const s3::Call& call, const Source& source);

// A source as the body of a request to the upstream.
class SourceBody final : public http::BodySource {
 public:
  // `source` was started at `range`, and outlives it.
  SourceBody(Source& source, uint64_t size_bytes) : source_(source), size_bytes_(size_bytes) {}
  std::optional<uint64_t> size_bytes() const override { return size_bytes_; }
  io::Task<Result<size_t>> read(MutableBytes into) override;
  const std::optional<Error>& failure() const { return failure_; }

 private:
  Source& source_;
  const uint64_t size_bytes_;
  Buffer piece_;
  size_t piece_at_ = 0;
  std::optional<Error> failure_;
};

}  // namespace cairn::gateway
