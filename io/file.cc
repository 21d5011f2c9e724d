#include "io/file.h"

#include <algorithm>

namespace cairn::io {

Task<Status> File::read_exact(MutableBytes into, uint64_t offset_bytes) {
  size_t done = 0;
  while (done < into.size()) {
    const size_t read = co_await or_return(read_some(into.subspan(done), offset_bytes + done));
    done += read;
    if (done == into.size()) break;
    // Asked for the size rather than read again: a direct file cannot be read from an odd offset.
    const uint64_t size_bytes = co_await or_return(size());
    if (read == 0 || offset_bytes + done >= size_bytes) {
      co_return fail(Code::kOutOfRange, "the file ends inside the range");
    }
  }
  co_return Status();
}

Task<Status> File::write_all(BytesView bytes, uint64_t offset_bytes) {
  std::vector<BytesView> pieces{bytes};
  return write_all(std::move(pieces), offset_bytes);
}

Task<Status> File::write_all(std::vector<BytesView> pieces, uint64_t offset_bytes) {
  size_t first = 0;
  for (;;) {
    while (first < pieces.size() && pieces[first].empty()) ++first;
    if (first == pieces.size()) co_return Status();
    const std::span<const BytesView> rest = std::span<const BytesView>(pieces).subspan(first);
    size_t written = co_await or_return(write_some(rest, offset_bytes));
    if (written == 0) co_return fail(Code::kIo, "the file takes no more bytes");
    offset_bytes += written;
    while (written != 0) {
      const size_t taken = std::min(written, pieces[first].size());
      pieces[first] = pieces[first].subspan(taken);
      written -= taken;
      if (pieces[first].empty()) ++first;
    }
  }
}

Task<Result<FileStatus>> File::status() {
  FileStatus found;
  found.size_bytes = co_await or_return(size());
  co_return found;
}

namespace {

Task<Result<FileContents>> read_whole(File& file, size_t size_max_bytes) {
  FileContents contents;
  contents.status = co_await or_return(file.status());
  if (contents.status.size_bytes > size_max_bytes) {
    co_return fail(Code::kOutOfRange, "the file is larger than expected");
  }
  const auto size_bytes = static_cast<size_t>(contents.status.size_bytes);
  contents.bytes = Buffer::allocate(std::max<size_t>(size_bytes, 1));
  contents.bytes.resize(size_bytes);
  co_await or_return(file.read_exact(contents.bytes.span(), 0));
  co_return contents;
}

}  // namespace

Task<Result<FileContents>> FileSystem::read_file(std::string path, size_t size_max_bytes) {
  std::unique_ptr<File> file = co_await or_return(open(std::move(path), {}));
  Result<FileContents> contents = co_await read_whole(*file, size_max_bytes);
  co_await file->close();
  co_return contents;
}

Task<Status> FileSystem::write_file(std::string path, std::string temporary, BytesView bytes) {
  const OpenOptions options{
      .write = true, .create = true, .truncate = true, .public_mode = true, .no_follow = true};
  std::unique_ptr<File> file = co_await or_return(open(temporary, options));
  Status written = co_await file->write_all(bytes, 0);
  co_await file->close();
  if (written) written = co_await rename(temporary, path);
  if (!written) (void)co_await unlink(temporary);
  co_return written;
}

}  // namespace cairn::io
