#include "cli/object_commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "base/dates.h"
#include "base/encoding.h"
#include "cli/human.h"
#include "cli/location.h"
#include "cli/object_stream.h"

namespace cairn::cli {
namespace {

constexpr uint32_t kPresignSecondsMax = 7 * 24 * 3600;  // S3's most.

struct ObjectOptions {
  ClientFlags client;
  std::vector<std::string> where;
  std::string version_id;
  std::string range;
  std::string expires = "3600";
  std::string method = "GET";
};

std::string crc_text(uint64_t crc) {
  uint8_t bytes[8];
  store_be<uint64_t>(bytes, crc);
  return to_base64(bytes);
}

void show_info(Session& session, const Location& where, const transfer::ObjectInfo& info) {
  JsonLine metadata;
  std::string lines;
  const auto add_line = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    std::string label(name);
    label.resize(std::max<size_t>(16, label.size() + 2), ' ');
    lines.append(lines.empty() ? "" : "\n").append(label).append(value);
  };
  const std::string crc = info.crc64_nvme ? crc_text(*info.crc64_nvme) : std::string();
  const std::string sha = info.sha256 ? to_hex(*info.sha256) : std::string();
  add_line("Location", where.text());
  add_line("Size", std::to_string(info.size_bytes) + " (" + human_size(info.size_bytes) + ")");
  add_line("Modified", format_iso8601(info.modified));
  add_line("ETag", info.etag);
  add_line("Version", info.version_id);
  add_line("Content-Type", info.content_type);
  add_line("Storage class", info.storage_class);
  add_line("CRC-64/NVME", crc);
  add_line("SHA-256", sha);
  JsonLine headers;
  for (const auto& [name, value] : info.headers) {
    add_line(name, value);
    headers.add(name, value);
  }
  for (const auto& [name, value] : info.metadata) {
    add_line("Metadata", name + "=" + value);
    metadata.add(name, value);
  }
  JsonLine json;
  json.add("location", where.text())
      .add("size", info.size_bytes)
      .add("modified", format_iso8601_ms(info.modified))
      .add("etag", info.etag)
      .add_if("version", info.version_id)
      .add_if("content_type", info.content_type)
      .add_if("storage_class", info.storage_class)
      .add_if("crc64nvme", crc)
      .add_if("sha256", sha)
      .add_raw("headers", headers.text())
      .add_raw("metadata", metadata.text());
  session.console().result(lines, json);
}

io::Task<void> stat_bucket(Session& session, Location where) {
  const transfer::S3Result<std::string> region =
      co_await session.s3().head_bucket(where.bucket, session.until());
  if (!region) {
    session.report(region.error(), where.text());
    co_return;
  }
  JsonLine json;
  json.add("location", where.text()).add_if("region", *region);
  session.console().result(
      "Location        " + where.text() + (region->empty() ? "" : "\nRegion          " + *region),
      json);
}

io::Task<void> stat(Session& session, const ObjectOptions& options) {
  for (const std::string& text : options.where) {
    const Result<Location> where = parse_bucket_location(text);
    if (!where) {
      session.report(where.error());
      continue;
    }
    if (where->key.empty()) {
      co_await stat_bucket(session, *where);
      continue;
    }
    const transfer::S3Result<transfer::ObjectInfo> info =
        co_await session.s3().head(where->bucket, where->key, options.version_id, session.until());
    if (info) {
      show_info(session, *where, *info);
    } else {
      session.report(info.error(), text);
    }
  }
}

// "FIRST-LAST", "FIRST-", "-COUNT", as in HTTP.
struct RangeText {
  std::optional<uint64_t> first;
  std::optional<uint64_t> last;
};
Result<RangeText> parse_range(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::optional<uint64_t> {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  if (text.starts_with("bytes=")) text.remove_prefix(6);
  const size_t dash = text.find('-');
  RangeText range;
  if (dash != std::string_view::npos) {
    range.first = number(text.substr(0, dash));
    range.last = number(text.substr(dash + 1));
  }
  const bool has_odd_piece = dash == std::string_view::npos || (!range.first && dash > 0) ||
                             (!range.last && dash + 1 < text.size()) ||
                             (!range.first && !range.last) ||
                             (range.first && range.last && *range.last < *range.first);
  if (has_odd_piece) {
    return fail(Code::kInvalidArgument,
                "expected a range such as 0-99, 100- or -100, not \"" + std::string(text) + "\"");
  }
  return range;
}

// In bytes of this very object.
io::Task<transfer::S3Result<std::optional<ByteRange>>> resolve_range(Session& session,
                                                                     ObjectName name,
                                                                     std::string text) {
  if (text.empty()) co_return std::nullopt;
  const RangeText range = co_await transfer::or_fail(parse_range(text));
  const transfer::ObjectInfo info = co_await transfer::or_fail(
      session.s3().head(name.bucket, name.key, name.version_id, session.until()));
  ByteRange bytes;
  if (range.first) {
    const uint64_t end =
        range.last ? std::min(*range.last, info.size_bytes - 1) + 1 : info.size_bytes;
    if (*range.first >= info.size_bytes) {
      co_return std::unexpected(
          transfer::Failure({Code::kOutOfRange,
                             "the object has only " + std::to_string(info.size_bytes) + " bytes"}));
    }
    bytes = {*range.first, end - *range.first};
  } else {
    bytes.size_bytes = std::min(*range.last, info.size_bytes);
    bytes.offset_bytes = info.size_bytes - bytes.size_bytes;
  }
  co_return bytes;
}

io::Task<void> cat(Session& session, const ObjectOptions& options) {
  for (const std::string& text : options.where) {
    const Result<Location> where = parse_object_location(text);
    if (!where) {
      session.report(where.error());
      continue;
    }
    const ObjectName name{where->bucket, where->key, options.version_id};
    const transfer::S3Result<std::optional<ByteRange>> range =
        co_await resolve_range(session, name, options.range);
    if (!range) {
      session.report(range.error(), text);
      continue;
    }
    if (*range && (*range)->size_bytes == 0) continue;
    const transfer::S3Result<uint64_t> written =
        co_await write_object(session, name, *range, STDOUT_FILENO);
    if (!written && written.error().error.code == Code::kClosed) co_return;
    if (!written) session.report(written.error(), text);
  }
}

io::Task<void> presign(Session& session, const ObjectOptions& options) {
  const Result<uint64_t> expires = parse_human_duration_seconds(options.expires);
  if (!expires || *expires == 0 || *expires > kPresignSecondsMax) {
    session.report(Error{Code::kInvalidArgument, "--expires is a time from 1s to 7d"});
    co_return;
  }
  for (const std::string& text : options.where) {
    const Result<Location> where = parse_object_location(text);
    if (!where) {
      session.report(where.error());
      continue;
    }
    std::vector<transfer::HeaderPair> query;
    if (!options.version_id.empty()) query.emplace_back("versionId", options.version_id);
    const std::string url = session.s3().presign(options.method, where->bucket, where->key,
                                                 std::move(query), static_cast<uint32_t>(*expires));
    JsonLine json;
    json.add("location", where->text())
        .add("method", options.method)
        .add("url", url)
        .add("expires_seconds", *expires);
    session.console().result(url, json);
  }
}

}  // namespace

void add_object_commands(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<ObjectOptions>();
  CLI::App* stat_app = app.add_subcommand("stat", "What the server tells of objects and buckets");
  CLI::App* cat_app = app.add_subcommand("cat", "Write objects to standard output");
  CLI::App* presign_app =
      app.add_subcommand("presign", "URLs that work for a while without credentials");
  for (CLI::App* command : {stat_app, cat_app, presign_app}) {
    command->add_option("location", options->where, "s3://BUCKET/KEY")->required();
    command->add_option("--version-id", options->version_id, "This version")->option_text("ID");
    options->client.add_to(*command);
  }
  cat_app->add_option("--range", options->range, "0-99, 100- or -100 (the last 100 bytes)")
      ->option_text("FIRST-LAST");
  presign_app->add_option("--expires,--expires-in", options->expires, "90s, 15m, 12h, 7d (3600)")
      ->option_text("TIME");
  presign_app->add_option("--method", options->method, "GET, PUT, HEAD or DELETE")
      ->check(CLI::IsMember({"GET", "PUT", "HEAD", "DELETE"}))
      ->option_text("METHOD");
  const auto bind = [&](CLI::App* command, io::Task<void> (*work)(Session&, const ObjectOptions&)) {
    command->callback([options, work, &exit_code] {
      if (work == presign && options->client.is_anonymous) {
        throw CLI::ValidationError("presign needs credentials");
      }
      exit_code = run_client(options->client,
                             [options, work](Session& session) { return work(session, *options); });
    });
  };
  bind(stat_app, stat);
  bind(cat_app, cat);
  bind(presign_app, presign);
}

}  // namespace cairn::cli
