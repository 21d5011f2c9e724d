#include "cli/object_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/mime_types.h"

namespace cairn::cli {
namespace {

bool is_header_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// The pairs of "a=1,b=2"; an empty name marks what is no pair.
std::vector<transfer::HeaderPair> metadata_pairs(const std::vector<std::string>& given) {
  std::vector<transfer::HeaderPair> pairs;
  for (const std::string& text : given) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view pair = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos) {
        pairs.emplace_back("", pair);
      } else {
        pairs.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
      }
    }
  }
  return pairs;
}

}  // namespace

void ObjectFlags::add_to(CLI::App& command) {
  const std::string group = "New objects";
  const auto add = [&](const char* name, std::string& into, const char* help, const char* text) {
    command.add_option(name, into, help)->option_text(text)->group(group);
  };
  add("--content-type", content_type, "Instead of the one that the file's name suggests", "TYPE");
  command.add_flag("!--no-guess-mime-type", guesses_type, "No content type from the file's name")
      ->group(group);
  add("--cache-control", cache_control, "Cache-Control", "TEXT");
  add("--content-disposition", content_disposition, "Content-Disposition", "TEXT");
  add("--content-encoding", content_encoding, "Content-Encoding", "TEXT");
  add("--content-language", content_language, "Content-Language", "TEXT");
  add("--storage-class", storage_class, "STANDARD, ...", "CLASS");
  add("--sse", sse, "Server-side encryption: AES256 or aws:kms", "KIND");
  add("--sse-kms-key-id", sse_key, "Key of aws:kms", "KEY");
  command.add_option("--metadata", metadata, "User metadata: NAME=VALUE[,NAME=VALUE]")
      ->option_text("PAIRS")
      ->allow_extra_args(false)
      ->group(group);
  command
      .add_flag("--if-none-match,--no-clobber", must_be_new,
                "Only where no object of that name exists (exit code 5)")
      ->group(group);
  add("--if-match", if_match, "Only in place of the object with this ETag (exit code 5)", "ETAG");
}

Status ObjectFlags::check() const {
  for (const std::string* value :
       {&content_type, &cache_control, &content_disposition, &content_encoding, &content_language,
        &storage_class, &sse, &sse_key, &if_match}) {
    if (!is_header_value(*value)) {
      return fail(Code::kInvalidArgument, "a value with control characters cannot be sent");
    }
  }
  for (const auto& [name, value] : metadata_pairs(metadata)) {
    if (!is_token(name) || !is_header_value(value)) {
      return fail(Code::kInvalidArgument, "expected --metadata NAME=VALUE[,NAME=VALUE]");
    }
  }
  if (!sse.empty() && sse != "AES256" && sse != "aws:kms") {
    return fail(Code::kInvalidArgument, "--sse is AES256 or aws:kms");
  }
  if (!sse_key.empty() && sse != "aws:kms") {
    return fail(Code::kInvalidArgument, "--sse-kms-key-id goes with --sse aws:kms");
  }
  return {};
}

std::vector<transfer::HeaderPair> ObjectFlags::headers(std::string_view file_name) const {
  std::vector<transfer::HeaderPair> headers;
  const auto add = [&](const char* name, std::string_view value) {
    if (!value.empty()) headers.emplace_back(name, value);
  };
  add("Content-Type", !content_type.empty() ? std::string_view(content_type)
                      : guesses_type        ? content_type_of(file_name)
                                            : std::string_view());
  add("Cache-Control", cache_control);
  add("Content-Disposition", content_disposition);
  add("Content-Encoding", content_encoding);
  add("Content-Language", content_language);
  add("x-amz-storage-class", storage_class);
  add("x-amz-server-side-encryption", sse);
  add("x-amz-server-side-encryption-aws-kms-key-id", sse_key);
  for (auto& [name, value] : metadata_pairs(metadata)) {
    headers.emplace_back("x-amz-meta-" + name, std::move(value));
  }
  return headers;
}

transfer::Conditions ObjectFlags::conditions() const {
  return {.if_match = if_match, .if_none_match = must_be_new ? "*" : ""};
}

bool ObjectFlags::changes_metadata() const {
  return !content_type.empty() || !cache_control.empty() || !content_disposition.empty() ||
         !content_encoding.empty() || !content_language.empty() || !metadata.empty();
}

}  // namespace cairn::cli
