// What a scrub found, as JSON.
// Thread rule: pure.
#pragma once

#include <string>

#include "object/objects.h"

namespace cairn::server {

std::string scrub_text(const object::ScrubReport& report);

}  // namespace cairn::server
