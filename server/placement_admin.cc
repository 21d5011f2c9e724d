#include "server/placement_admin.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

#include "base/log.h"
#include "object/placing.h"
#include "s3/uri.h"

namespace cairn::server {
namespace {

void append_text(std::string& out, std::string_view text) {
  out += '"';
  log::append_json_escaped(out, text);
  out += '"';
}

io::Task<Result<object::BucketInfo>> find_bucket(object::Objects& objects, std::string name,
                                                 std::string tenant) {
  if (name.empty()) co_return fail(Code::kInvalidArgument, "bucket: name one");
  if (tenant.empty()) co_return co_await objects.find_bucket(std::move(name));
  uint64_t number = 0;
  const char* const end = tenant.data() + tenant.size();
  const auto [at, error] = std::from_chars(tenant.data(), end, number);
  if (error != std::errc() || at != end || number == 0) {
    co_return fail(Code::kInvalidArgument, "tenant: expected its number");
  }
  co_return co_await objects.bucket(object::TenantId{number}, std::move(name));
}

std::string describe(const object::Objects& objects, const object::BucketInfo& bucket) {
  const storage::Placements& placements = objects.placements();
  const std::string* const own = bucket.config->document(object::kPlacementDocument);
  const storage::Placement* const first = placements.find(storage::kDefaultPlacement);
  std::string out = "{\"bucket\":";
  append_text(out, bucket.name);
  out += ",\"placement\":";
  append_text(out, own != nullptr ? *own : first->name);
  if (own != nullptr && placements.find(std::string_view(*own)) == nullptr) {
    out += ",\"configured\":false";
  }
  out += ",\"placements\":[";
  bool is_first = true;
  for (const storage::Placement& placement : placements.all()) {
    fmt::format_to(std::back_inserter(out), "{}{{\"id\":{},\"name\":", is_first ? "" : ",",
                   placement.id);
    is_first = false;
    append_text(out, placement.name);
    out += ",\"storage_classes\":[";
    for (size_t i = 0; i < placement.storage_classes.size(); ++i) {
      if (i > 0) out += ',';
      append_text(out, placement.storage_classes[i]);
    }
    out += "]}";
  }
  return out + "]}\n";
}

std::string names_of(const storage::Placements& placements) {
  std::string out;
  for (const storage::Placement& placement : placements.all()) {
    out.append(out.empty() ? "" : ", ").append(placement.name);
  }
  return out;
}

}  // namespace

io::Task<Result<std::string>> run_placement_command(object::Objects& objects, std::string command,
                                                    std::string query) {
  const s3::S3Result<s3::Query> parsed = s3::parse_query(query);
  if (!parsed) co_return fail(Code::kInvalidArgument, "the parameters do not parse");
  const auto given = [&](std::string_view name) {
    return std::string(parsed->find(name).value_or(""));
  };
  object::BucketInfo bucket =
      co_await io::or_return(find_bucket(objects, given("bucket"), given("tenant")));
  if (command == kPlacementShowCommand) co_return describe(objects, bucket);
  if (command != kPlacementSetCommand) co_return fail(Code::kNotFound, "there is no such command");
  const std::string name = given("placement");
  const storage::Placement* const placement = objects.placements().find(std::string_view(name));
  if (placement == nullptr) {
    co_return fail(Code::kInvalidArgument, "placement: there is no \"" + name + "\", but " +
                                               names_of(objects.placements()));
  }
  const bool is_default = placement->id == storage::kDefaultPlacement;
  const auto change = [&name, is_default](object::BucketConfig& config) {
    if (is_default) {
      config.documents.erase(std::string(object::kPlacementDocument));
    } else {
      config.documents[std::string(object::kPlacementDocument)] = name;
    }
    return Status();
  };
  bucket = co_await io::or_return(objects.change_bucket(bucket.tenant, bucket.name, change));
  co_return describe(objects, bucket);
}

}  // namespace cairn::server
