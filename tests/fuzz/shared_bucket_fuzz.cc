// Any bytes as what a bucket and a catalog of several nodes may answer: names of chunk objects,
// keys and values of the directory's rows. Parsers accept or refuse, never read outside, and what
// they accept is encoded to the same bytes. First byte: which one.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "object/chunk_rows.h"
#include "storage/chunk_object.h"

namespace cairn::object {
namespace {

void read_object_name(std::string_view name) {
  const auto object = storage::parse_chunk_object_name(name);
  if (object) ASSERT(storage::chunk_object_name(object->id, object->generation) == name);
}

void read_key(std::string_view key) {
  const ChunkRows rows(RandomId{'s', 't', 'o', 'r', 'e', '0', '0', '1'});
  const auto chunk = rows.parse_chunk(key);
  if (chunk) ASSERT(rows.chunk(*chunk) == key);
  const auto hold = rows.parse_hold(key);
  if (hold) ASSERT(key.starts_with(rows.holds(hold->id, hold->session)));
  const auto session = rows.parse_session(key);
  if (session) ASSERT(rows.session(*session) == key);
  const auto trash = rows.parse_trash(key);
  if (trash) ASSERT(rows.trash(*trash) == key);
}

void read_value(std::string_view value) {
  const auto row = parse_directory_row(value);
  if (row) ASSERT(encode_directory_row(*row) == value);
  const auto chunk = parse_trash_value(value);
  if (chunk) ASSERT(encode_trash_value(*chunk) == value);
}

}  // namespace
}  // namespace cairn::object

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  if (size == 0) return 0;
  const std::string_view text = as_text(BytesView(data + 1, size - 1));
  switch (data[0] % 3) {
    case 0: object::read_object_name(text); break;
    case 1: object::read_key(text); break;
    default: object::read_value(text);
  }
  return 0;
}
