// The request head as the door sees it: the views of sigv4/ over the bytes on the wire, under the
// names of this folder.
#pragma once

#include "sigv4/request_view.h"

namespace cairn::s3 {

using sigv4::equal_ignoring_case;
using sigv4::HeaderView;
using sigv4::RequestView;
using sigv4::starts_with_ignoring_case;
using sigv4::trimmed;

}  // namespace cairn::s3
