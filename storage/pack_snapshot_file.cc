#include "storage/pack_snapshot_file.h"

#include "base/log.h"
#include "storage/limits.h"

namespace cairn::storage {

namespace {

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

io::Task<Result<Snapshot>> load_snapshot(io::FileSystem& files, std::string path) {
  if (path.empty()) co_return Snapshot{};
  const Result<io::FileContents> file = co_await files.read_file(path, kSnapshotBytesMax);
  if (!file && file.error().code == Code::kNotFound) co_return Snapshot{};
  Result<Snapshot> snapshot =
      file ? decode_snapshot(file->bytes.view()) : Result<Snapshot>(std::unexpected(file.error()));
  if (snapshot) co_return std::move(*snapshot);
  log::warning("storage.snapshot_not_used",
               {{"file", std::string_view(path)}, {"message", snapshot.error().message}});
  // Chunks that it says were dropped are found in their packs again now, and may be needed again: a
  // later start must not go by it.
  co_await io::or_return(files.unlink(path));
  co_await io::or_return(files.sync_directory(directory_of(path)));
  co_return Snapshot{};
}

// Not synced: a file that a power cut leaves torn does not match its checksum.
io::Task<Status> store_snapshot(io::FileSystem& files, std::string path, Bytes bytes) {
  Status written = co_await files.write_file(path, path + ".new", bytes);
  co_return written;
}

}  // namespace cairn::storage
