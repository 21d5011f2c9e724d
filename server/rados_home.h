// Chunks at home in a pool of Ceph: --home rados:POOL[/NAMESPACE].
//
// DIR/HOME then reads "rados <store id, 32 hex> <node id, 32 hex>\n". The first names the store in
// the pool; the second this data directory, whose lock says that no other process acts for it.
// Servers on a shared catalog share the store: the first makes it, the others find it there.
// Thread rule: open_rados_home() on the reactor that closes the store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/home.h"
#include "storage/log_format.h"

namespace cairn::server {

bool is_rados_home(std::string_view text);

// kInvalidArgument says what is wrong.
struct RadosHomePlace {
  std::string pool;
  std::string name_space = "cairn";
};
Result<RadosHomePlace> parse_rados_home(std::string_view text);

struct RadosHomeIds {
  storage::RandomId store{};
  storage::RandomId node{};
};
// The ids in the text of DIR/HOME; nullopt when it names a home of another kind.
Result<std::optional<RadosHomeIds>> parse_rados_home_file(std::string_view text);

// As open_home(), and the errors of RadosStore::open().
io::Task<Result<std::unique_ptr<Home>>> open_rados_home(const Config& config,
                                                        const DataDirectory& directory,
                                                        Random& random);

}  // namespace cairn::server
