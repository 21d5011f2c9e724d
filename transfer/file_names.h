// Names of the files beside a download's target.
#pragma once

#include <string>
#include <string_view>

namespace cairn::transfer {

// "dir/.name.cairn-partial": the data until the download is whole and verified.
std::string partial_path(std::string_view target);
// "dir/.name.cairn-journal": what is in it (transfer/journal.h).
std::string journal_path(std::string_view target);
// "dir", or "." without one.
std::string directory_of(std::string_view path);

}  // namespace cairn::transfer
