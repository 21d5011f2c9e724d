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

}  // namespace cairn::io
