#include "server/version.h"

namespace cairn::server {

std::string_view version() {
  return CAIRN_VERSION;
}

}  // namespace cairn::server
