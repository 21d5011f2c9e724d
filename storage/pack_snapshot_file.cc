#include "storage/pack_snapshot_file.h"

#include "base/log.h"
#include "storage/limits.h"

namespace cairn::storage {

io::Task<Snapshot> load_snapshot(io::FileSystem& files, std::string path) {
  if (path.empty()) co_return Snapshot{};
  const Result<io::FileContents> file = co_await files.read_file(path, kSnapshotBytesMax);
  if (!file && file.error().code == Code::kNotFound) co_return Snapshot{};
  Result<Snapshot> snapshot =
      file ? decode_snapshot(file->bytes.view()) : Result<Snapshot>(std::unexpected(file.error()));
  if (snapshot) co_return std::move(*snapshot);
  log::warning("storage.snapshot_not_used",
               {{"file", std::string_view(path)}, {"message", snapshot.error().message}});
  co_return Snapshot{};
}

// Not synced: a file that a power cut leaves torn does not match its checksum.
io::Task<Status> store_snapshot(io::FileSystem& files, std::string path, Bytes bytes) {
  Status written = co_await files.write_file(path, path + ".new", bytes);
  co_return written;
}

}  // namespace cairn::storage
