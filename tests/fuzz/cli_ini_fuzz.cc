// Profile files. Law: what was parsed, written and parsed again is the same, nested settings aside.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/ini_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using cairn::cli::IniFile;
  const cairn::Result<IniFile> first =
      IniFile::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!first) return 0;
  const std::string text = first->text();
  const cairn::Result<IniFile> second = IniFile::parse(text);
  if (!second || second->text() != text) std::abort();
  return 0;
}
