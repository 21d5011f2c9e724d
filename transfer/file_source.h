// A part of a file as a request body that is read while it is sent: for parts that are too large to
// lie in memory. Thread rule: one reactor.
#pragma once

#include "base/units.h"
#include "http/client.h"
#include "io/file.h"

namespace cairn::transfer {

class FileSource final : public http::BodySource {
 public:
  // `file` outlives it.
  FileSource(io::File& file, ByteRange range) : file_(file), range_(range) {}

  std::optional<uint64_t> size_bytes() const override { return range_.size_bytes; }
  io::Task<Result<size_t>> read(MutableBytes into) override {
    const uint64_t left_bytes = range_.size_bytes - done_bytes_;
    const MutableBytes wanted =
        into.first(static_cast<size_t>(std::min<uint64_t>(into.size(), left_bytes)));
    if (wanted.empty()) co_return size_t{0};
    const size_t read_bytes =
        co_await io::or_return(file_.read_some(wanted, range_.offset_bytes + done_bytes_));
    done_bytes_ += read_bytes;
    co_return read_bytes;
  }
  bool rewind() override {
    done_bytes_ = 0;
    return true;
  }

 private:
  io::File& file_;
  const ByteRange range_;
  uint64_t done_bytes_ = 0;
};

}  // namespace cairn::transfer
