#include "cli/transfer_plan.h"

#include <algorithm>

#include "cli/object_listing.h"

namespace cairn::cli {
namespace {

std::string_view last_component(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

io::Task<Result<std::vector<TreeEntry>>> read_objects(Session& session, Location folder,
                                                      TreeOptions options) {
  const size_t prefix_size = folder.key.size();
  std::vector<transfer::ObjectEntry> objects =
      co_await transfer::or_fail(list_all(session, folder.bucket, folder.key));
  std::vector<TreeEntry> entries;
  for (transfer::ObjectEntry& object : objects) {
    std::string relative = object.key.substr(std::min(prefix_size, object.key.size()));
    const bool is_marker = relative.empty() || relative.ends_with('/');
    if (is_marker && object.size_bytes == 0) continue;
    if (options.filters != nullptr && !options.filters->accept(relative)) continue;
    entries.push_back(
        {std::move(relative), object.size_bytes, object.modified, std::move(object.etag)});
  }
  // Not every server lists in the order of bytes, and each key once.
  std::ranges::sort(entries, {}, &TreeEntry::relative_path);
  const auto repeats = std::ranges::unique(entries, {}, &TreeEntry::relative_path);
  entries.erase(repeats.begin(), repeats.end());
  co_return entries;
}

Result<std::vector<TreeEntry>> read_files(Session& session, const Location& folder,
                                          const TreeOptions& options) {
  Result<LocalTree> tree = walk_directory(folder.path, options.links);
  if (!tree) return std::unexpected(tree.error());
  for (const std::string& warning : tree->warnings) session.console().warning(warning);
  std::vector<TreeEntry> entries;
  for (LocalFile& file : tree->files) {
    if (options.filters != nullptr && !options.filters->accept(file.relative_path)) continue;
    entries.push_back({std::move(file.relative_path), file.size_bytes, file.modified, {}});
  }
  return entries;
}

}  // namespace

Location as_folder(Location location) {
  if (location.is_s3() && !location.key.empty() && !location.key.ends_with('/')) {
    location.key += '/';
  }
  return location;
}

Location inside_folder(const Location& folder, std::string_view relative_path) {
  Location inside = folder;
  std::string& name = folder.is_s3() ? inside.key : inside.path;
  if (!name.empty() && !name.ends_with('/')) name += '/';
  name += relative_path;
  return inside;
}

io::Task<Result<std::vector<TreeEntry>>> read_tree(Session& session, Location folder,
                                                   TreeOptions options) {
  if (folder.is_s3()) co_return co_await read_objects(session, std::move(folder), options);
  co_return read_files(session, folder, options);
}

bool names_folder(const Location& to) {
  if (to.is_s3()) return to.key.empty() || to.key.ends_with('/');
  return to.is_local() && (to.path.ends_with('/') || is_directory(to.path));
}

io::Task<Result<TransferItem>> plan_one(Session& session, Location from, Location to,
                                        bool target_is_folder, std::string version_id) {
  TransferItem item;
  item.from = from;
  item.version_id = version_id;
  if (from.is_s3()) {
    const transfer::ObjectInfo info = co_await transfer::or_fail(
        session.s3().head(from.bucket, from.key, version_id, session.until()));
    item.size_bytes = info.size_bytes;
    item.modified = info.modified;
    item.etag = info.etag;
  } else if (from.is_local()) {
    const LocalFile file = co_await io::or_return(stat_file(from.path));
    item.size_bytes = file.size_bytes;
    item.modified = file.modified;
  }
  const std::string name(last_component(from.is_s3() ? from.key : from.path));
  item.relative_path = name;
  item.to = target_is_folder && !to.is_stream() ? inside_folder(to, name) : to;
  if (item.to.is_local() && target_is_folder) {
    co_await io::or_return(check_relative_path(name));
    item.directory = to.path;
  }
  co_return item;
}

std::vector<TransferItem> plan_tree(const Location& from, const Location& to,
                                    const std::vector<TreeEntry>& entries) {
  std::vector<TransferItem> items;
  items.reserve(entries.size());
  for (const TreeEntry& entry : entries) {
    TransferItem item;
    item.from = inside_folder(from, entry.relative_path);
    item.to = inside_folder(to, entry.relative_path);
    item.relative_path = entry.relative_path;
    item.size_bytes = entry.size_bytes;
    item.modified = entry.modified;
    item.etag = entry.etag;
    if (to.is_local()) item.directory = to.path;
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace cairn::cli
