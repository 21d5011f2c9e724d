#include "server/key_rotation.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "object/tenant_keys.h"
#include "server/stores.h"

namespace cairn::server {
namespace {

constexpr std::string_view kFilePrefix = "file:";

}  // namespace

std::string root_key_spec(const Config& config, const DataDirectory& directory) {
  return config.root_key.empty() ? std::string(kFilePrefix) + directory.root_key_path()
                                 : config.root_key;
}

std::optional<std::string> root_key_file(const Config& config, const DataDirectory& directory) {
  const std::string spec = root_key_spec(config, directory);
  if (!spec.starts_with(kFilePrefix)) return std::nullopt;
  return spec.substr(kFilePrefix.size());
}

std::string new_root_key_file(const std::string& root_key_file) {
  return root_key_file + ".new";
}

Status adopt_new_root_key(const std::string& root_key_file) {
  if (std::rename(new_root_key_file(root_key_file).c_str(), root_key_file.c_str()) != 0) {
    return std::unexpected(errno_error(errno, "replace " + root_key_file));
  }
  return sync_parent_directory(root_key_file);
}

Status forget_new_root_key(const std::string& root_key_file) {
  const std::string path = new_root_key_file(root_key_file);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return std::unexpected(errno_error(errno, "remove " + path));
  }
  return sync_parent_directory(root_key_file);
}

io::Task<Result<size_t>> rotate_root_key(const Config& config, const DataDirectory& directory,
                                         Stores& stores) {
  const std::optional<std::string> file = root_key_file(config, directory);
  if (!file) {
    co_return fail(Code::kInvalidArgument,
                   "the root key is not kept in a file: replace it where it comes from");
  }
  // What an earlier attempt left behind was never used: the server runs on the old key.
  co_await io::or_return(forget_new_root_key(*file));
  const crypto::RootKeySource source{std::string(kFilePrefix) + new_root_key_file(*file), true};
  crypto::RootKey fresh = co_await io::or_return(crypto::load_root_key(source, system_random()));
  co_await io::or_return(sync_parent_directory(*file));
  const size_t count = co_await io::or_return(
      object::rewrap_tenant_keys(stores.catalog(), stores.keys(), fresh.key));
  stores.keys().replace_root(std::move(fresh.key));
  co_await io::or_return(adopt_new_root_key(*file));
  co_return count;
}

}  // namespace cairn::server
