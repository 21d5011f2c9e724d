// URLs of a catalog on etcd. Law: what was read, written and read again is the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "catalog/etcd/etcd_catalog.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn::catalog;
  const auto first = parse_etcd_url(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!first) return 0;
  std::string url = first->use_tls ? "etcds://" : "etcd://";
  for (const std::string& endpoint : first->endpoints) url += endpoint + ",";
  url.back() = '/';
  const auto second = parse_etcd_url(url + first->prefix);
  if (!second || second->endpoints != first->endpoints || second->prefix != first->prefix) {
    std::abort();
  }
  return 0;
}
