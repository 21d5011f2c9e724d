// Keys and values about nodes in etcd. Law: what was read, written and read again is the same, and
// a name has nothing in it that a table or a log could not show.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "catalog/etcd/member_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  using namespace cairn::catalog::etcd;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Layout layout("p");
  for (const auto& name : {member_of_key(layout, text), draining_of_key(layout, text)}) {
    if (name && (!cluster::is_member_name(*name) || !text.ends_with(*name))) std::abort();
  }
  const std::optional<MemberRecord> first = decode_member("node", text);
  if (!first) return 0;
  const std::optional<MemberRecord> second = decode_member("node", encode_member(*first));
  if (second != first) std::abort();
  return 0;
}
