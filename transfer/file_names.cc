#include "transfer/file_names.h"

#include "base/encoding.h"
#include "crypto/digest.h"

namespace cairn::transfer {
namespace {

// NAME_MAX is 255 on every file system of ours.
constexpr size_t kNameBytesMax = 200;
constexpr size_t kShortHashBytes = 16;

std::string beside(std::string_view target, std::string_view suffix) {
  const size_t slash = target.rfind('/');
  const size_t name_at = slash == std::string_view::npos ? 0 : slash + 1;
  std::string name(target.substr(name_at));
  if (name.size() > kNameBytesMax) {
    const crypto::Sha256Value hash = crypto::sha256(as_bytes(name));
    name = to_hex(BytesView(hash).first(kShortHashBytes));
  }
  return std::string(target.substr(0, name_at)) + "." + name + std::string(suffix);
}

}  // namespace

std::string partial_path(std::string_view target) {
  return beside(target, ".cairn-partial");
}

std::string journal_path(std::string_view target) {
  return beside(target, ".cairn-journal");
}

std::string directory_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

}  // namespace cairn::transfer
