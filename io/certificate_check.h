// Whether a certificate of ours would pass where only certain authorities are believed.
// Thread rule: reads files; start-up only.
#pragma once

#include <string>

#include "base/result.h"

namespace cairn::io {

// `chain_path`: PEM, our certificate first. `ca_path`: PEM, the authorities. kFailedPrecondition
// says why it would not pass: signed by somebody else, not valid any more or not yet.
Status check_certificate(const std::string& chain_path, const std::string& ca_path);

}  // namespace cairn::io
