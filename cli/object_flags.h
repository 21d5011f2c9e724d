// What a new object is to be besides its bytes: flags of cp, mv, sync, push.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "transfer/s3_types.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

struct ObjectFlags {
  std::string content_type;
  bool guesses_type = true;
  std::string cache_control;
  std::string content_disposition;
  std::string content_encoding;
  std::string content_language;
  std::string storage_class;
  std::string sse;
  std::string sse_key;
  std::vector<std::string> metadata;  // NAME=VALUE[,NAME=VALUE].
  bool must_be_new = false;
  std::string if_match;

  void add_to(CLI::App& command);
  // kInvalidArgument when a value cannot stand in a header.
  Status check() const;
  // Headers of an object that comes from a file of this name ("" = from a stream).
  std::vector<transfer::HeaderPair> headers(std::string_view file_name) const;
  transfer::Conditions conditions() const;
  // Whether a copy gets other metadata than its source has.
  bool changes_metadata() const;
};

}  // namespace cairn::cli
