// XML answers of the upstream with the names of this server: its bucket, its keys without the
// prefix of the gateway, its owner.
//
// The upstream is not trusted: an answer of another shape, or one that names keys outside the
// prefix, is kUnavailable. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn::gateway {

struct Names {
  std::string bucket;    // As the client knows it.
  std::string prefix;    // Of the gateway; taken off every key.
  std::string owner_id;  // Of the bucket, in place of the upstream's owners.
  std::string owner_name;
  std::string location;  // Of the object; empty where none is told.
};

// `root` is the local name of the answer's root element; another one of the endings "...Result",
// "...Response" and "...Output" is taken too.
Result<std::string> rewrite_reply(std::string_view body, std::string_view root, const Names& names);

}  // namespace cairn::gateway
