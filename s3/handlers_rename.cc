// RenameObject: another name in the same bucket. The right to take the source away is checked like
// the right to write the target.
#include <utility>

#include "s3/access.h"
#include "s3/conditions.h"
#include "s3/events.h"
#include "s3/handlers.h"
#include "s3/uri.h"
#include "s3/write_conditions.h"

namespace cairn::s3::handlers {
namespace {

// `[/]bucket/key`, or the key alone, URL-encoded: clients of directory buckets send both.
S3Result<std::string> parse_rename_source(const Call& call) {
  constexpr std::string_view kName = "x-amz-rename-source";
  const std::string_view text = call.header(kName).value_or("");
  std::optional<std::string> decoded = percent_decode(text, Plus::kLiteral);
  if (!decoded) return invalid_argument("Invalid rename source encoding", kName, text);
  std::string_view key = *decoded;
  if (key.starts_with('/')) key.remove_prefix(1);
  const std::string prefix = call.target.bucket + "/";
  if (key.starts_with(prefix)) key.remove_prefix(prefix.size());
  if (key.empty()) return invalid_argument("Invalid rename source object key", kName, text);
  if (S3Status good = check_key(key); !good) return std::unexpected(std::move(good.error()));
  return std::string(key);
}

}  // namespace

Reply rename_object(Call& call) {
  const std::string source = co_await or_fail(parse_rename_source(call));
  Asked asked{"s3:GetObject", call.bucket, source, {}};
  const S3Status readable = co_await authorize(call, std::move(asked));
  if (!readable) co_return std::unexpected(readable.error());
  co_await or_fail(authorize_now(call, "s3:DeleteObject", call.bucket, source));
  object::RenameOptions options;
  options.source = parse_rename_source_conditions(call.view, call.now());
  options.target = parse_conditions(call.view, call.now());
  options.hook = rename_hook(call, source);
  options.token = call.header("x-amz-client-token").value_or("");
  const Result<object::ObjectInfo> renamed =
      co_await call.objects().rename(call.bucket, source, call.target.key, std::move(options));
  if (!renamed) {
    const bool is_source = renamed.error().code == Code::kNotFound;
    co_return std::unexpected(translate_named(call, renamed.error(), call.target.bucket,
                                              is_source ? source : call.target.key));
  }
  co_return co_await call.respond_empty(200);
}

}  // namespace cairn::s3::handlers
