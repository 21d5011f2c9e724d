// From arguments to a list of what to move where.
//
// As aws-cli has it: with -r a source names a folder and what is in it keeps its path below the
// target; without -r it names one file, and a target that is a folder (a bucket, a key or path that
// ends with '/', a directory that exists) gets the file under its own name.
#pragma once

#include <string>
#include <vector>

#include "cli/filters.h"
#include "cli/local_tree.h"
#include "cli/session.h"
#include "cli/transfer_item.h"

namespace cairn::cli {

// One entry of a source or target tree.
struct TreeEntry {
  std::string relative_path;
  uint64_t size_bytes = 0;
  WallTime modified;
  std::string etag;  // Of objects.
};

struct TreeOptions {
  Links links = Links::kFollow;
  const Filters* filters = nullptr;  // Null = everything.
};

// The folder that a location names with -r: its key ends with '/' or is empty.
Location as_folder(Location location);
// Where an entry of a folder is.
Location inside_folder(const Location& folder, std::string_view relative_path);

// Everything in a folder that the filters accept, sorted by relative path. Markers (objects whose
// keys end with '/') are left out. A directory or bucket that does not exist is kNotFound.
io::Task<Result<std::vector<TreeEntry>>> read_tree(Session& session, Location folder,
                                                   TreeOptions options);

// One file or object (without -r).
io::Task<Result<TransferItem>> plan_one(Session& session, Location from, Location to,
                                        bool target_is_folder, std::string version_id);
// Entries of `from` to the same places of `to`.
std::vector<TransferItem> plan_tree(const Location& from, const Location& to,
                                    const std::vector<TreeEntry>& entries);

// Whether a file goes *into* this target.
bool names_folder(const Location& to);

}  // namespace cairn::cli
