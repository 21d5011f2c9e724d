// Cutter: how a body is cut into segments and chunks: by content (chunker.h), and where a container
// has a boundary of its own (container.h), so that a file, a member of an archive or a tensor gives
// the same segments wherever it lies. Server and clients cut alike with the default parameters.
//
// The cuts depend on the bytes only, never on how the stream was split into feed() calls. Segments
// have at least their least size but beside a boundary of a unit of kUnitBytesMin or more, of which
// a stream has at most two in so many bytes; chunks keep their bounds. Not thread-safe.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "transfer/chunker.h"
#include "transfer/container.h"

namespace cairn::transfer {

class Cutter {
 public:
  // REQUIRES: as Chunker.
  explicit Cutter(const ChunkerParameters& parameters = {}, ScanPath path = fastest_scan_path())
      : chunker_(parameters, path), segment_bytes_min_(parameters.segment_bytes_min) {}

  // As in Chunker.
  void feed(BytesView bytes, std::vector<Cut>& cuts);
  void finish(std::vector<Cut>& cuts) { chunker_.finish(cuts); }
  uint64_t fed_bytes() const { return chunker_.fed_bytes(); }

 private:
  size_t sniff(BytesView bytes);
  size_t scan(BytesView bytes, Mark& mark);
  void cut(Mark mark, std::vector<Cut>& cuts);

  Chunker chunker_;
  const uint64_t segment_bytes_min_;
  // The first bytes of the stream, until they say what it may be.
  std::array<uint8_t, kSniffBytes> first_{};
  size_t first_bytes_ = 0;
  std::unique_ptr<ContainerScanner> scanner_;  // Null before that, and when it is done.
};

}  // namespace cairn::transfer
