// Chunks at home in a bucket that the servers on one catalog share: --home s3:BUCKET[/PREFIX] with
// --catalog or --join.
//
// DIR/HOME then reads "s3-shared <store id, 32 hex> <node id, 32 hex>\n". The first names the store
// in the bucket; the second this data directory, whose lock says that no other process acts for
// it. The first server makes the store, the others find it there.
// Thread rule: as home.h.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "server/home.h"
#include "storage/upstream.h"

namespace cairn::server {

struct SharedBucketIds {
  storage::RandomId store{};
  storage::RandomId node{};
};
// The ids in the text of DIR/HOME; nullopt when it names a home of another kind.
Result<std::optional<SharedBucketIds>> parse_shared_bucket_file(std::string_view text);

// Finds the store in the bucket, or makes it. It is opened by Home::attach(), with the catalog that
// has its index; until then nothing is to be had of it. As open_home().
io::Task<Result<std::unique_ptr<Home>>> open_shared_bucket_home(storage::UpstreamPlace place,
                                                                const Config& config,
                                                                const DataDirectory& directory,
                                                                Random& random);

}  // namespace cairn::server
