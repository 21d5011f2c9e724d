#include "bench/cachesim/trace.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

namespace cairn::cachesim {

void TraceBuilder::add(uint64_t time, uint64_t id, uint64_t size_bytes) {
  const auto [at, added] = objects_.emplace(id, static_cast<uint32_t>(trace_.ids.size()));
  if (added) {
    trace_.ids.push_back(id);
    trace_.size_bytes.push_back(size_bytes);
    trace_.footprint_bytes += size_bytes;
    trace_.largest_bytes = std::max(trace_.largest_bytes, size_bytes);
  }
  trace_.requests.push_back(at->second);
  trace_.times.push_back(time);
  trace_.requested_bytes += trace_.size_bytes[at->second];
}

Result<Trace> parse_trace(std::string_view csv) {
  TraceBuilder builder;
  size_t line_number = 0;
  while (!csv.empty()) {
    ++line_number;
    const size_t end = csv.find('\n');
    const std::string_view line = csv.substr(0, end);
    csv.remove_prefix(end == std::string_view::npos ? csv.size() : end + 1);
    std::array<uint64_t, 3> fields{};
    const char* at = line.data();
    const char* const stop = line.data() + line.size();
    bool good = true;
    for (size_t field = 0; field < fields.size() && good; ++field) {
      const auto [next, error] = std::from_chars(at, stop, fields[field]);
      good = error == std::errc() && (field == 2 || (next != stop && *next == ','));
      at = next + (field == 2 ? 0 : 1);
    }
    if (!good) {
      return fail(Code::kInvalidArgument, "line " + std::to_string(line_number) +
                                              " of the trace is not `time,id,size` in decimal");
    }
    builder.add(fields[0], fields[1], fields[2]);
  }
  return builder.finish();
}

namespace {

Result<std::string> read_all(const std::string& path) {
  if (!path.ends_with(".zst")) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(Code::kNotFound, "cannot open " + path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  // Paths are given by the person who runs the benchmark; quotes would end the shell's word.
  if (path.find('\'') != std::string::npos) {
    return fail(Code::kInvalidArgument, "no quotes in names of .zst files");
  }
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      ::popen(("zstd -dcq -- '" + path + "'").c_str(), "r"), ::pclose);
  if (!pipe) return fail(Code::kIo, "cannot run zstd (install it)");
  std::string text;
  std::array<char, 1 << 16> piece;
  while (const size_t got = std::fread(piece.data(), 1, piece.size(), pipe.get())) {
    text.append(piece.data(), got);
  }
  if (text.empty()) return fail(Code::kNotFound, "zstd gave nothing of " + path);
  return text;
}

}  // namespace

Result<Trace> load_trace(const std::string& path) {
  Result<std::string> text = read_all(path);
  if (!text) return std::unexpected(text.error());
  return parse_trace(*text);
}

}  // namespace cairn::cachesim
