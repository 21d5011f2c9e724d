// SigV4 (sigv4/) under the names of this folder: the door verifies, its tests sign.
#pragma once

#include "sigv4/canonical.h"
#include "sigv4/sign.h"

namespace cairn::s3 {

using sigv4::append_canonical_request;
using sigv4::append_string_to_sign;
using sigv4::CanonicalInput;
using sigv4::derive_signing_key;
using sigv4::HexSha256;
using sigv4::kEmptySha256;
using sigv4::kUnsignedPayload;
using sigv4::kV4Algorithm;
using sigv4::kV4Service;
using sigv4::kV4Terminator;
using sigv4::presign_v4;
using sigv4::sign_post_policy_v4;
using sigv4::sign_v4;
using sigv4::SignedHeader;
using sigv4::SignedRequest;
using sigv4::SigningIdentity;

}  // namespace cairn::s3
