#include "server/home_config.h"

#include <algorithm>
#include <optional>

#include "server/home.h"

namespace cairn::server {
namespace {

std::unexpected<Error> refuse(std::string_view table, std::string_view name,
                              const std::string& why) {
  return fail(Code::kInvalidArgument,
              "[[" + std::string(table) + "]] \"" + std::string(name) + "\": " + why);
}

std::string name_in(const HomeFields& fields) {
  for (const auto& [key, values] : fields) {
    if (key == "name" && values.size() == 1) return values.front();
  }
  return {};
}

// What a key of one value fills.
struct TextField {
  std::string_view key;
  std::string* value;
};

bool take_text(std::span<const TextField> rows, const std::string& key,
               const std::vector<std::string>& values) {
  const auto row = std::ranges::find(rows, key, &TextField::key);
  if (row == rows.end() || values.size() != 1) return false;
  *row->value = values.front();
  return true;
}

bool is_default(const PlacementConfig& placement) {
  return placement.name == storage::kDefaultPlacementName || placement.storage_classes.empty();
}

Status check_home(const HomeConfig& home) {
  const auto refuse_home = [&](const std::string& why) { return refuse("home", home.name, why); };
  if (!storage::is_placement_name(home.name)) {
    return refuse_home("a name is 1 to 32 of a-z, 0-9 and -, and begins with a letter");
  }
  if (home.kind == HomeConfig::Kind::kVolume) {
    if (!home.bucket.empty() || !home.credentials.empty() || !home.endpoint.empty()) {
      return refuse_home("a volume has a path, and neither bucket, endpoint nor credentials");
    }
    return {};
  }
  if (!home.path.empty()) return refuse_home("path is of kind = \"volume\"");
  if (home.bucket.empty()) return refuse_home("needs a bucket");
  if (home.credentials.empty()) {
    return refuse_home(
        "needs credentials: a file with AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=... lines");
  }
  return {};
}

bool has_home(const NamedHomesConfig& config, const std::string& name) {
  return std::ranges::find(config.homes, name, &HomeConfig::name) != config.homes.end();
}

Status check_staging(const NamedHomesConfig& config, const PlacementConfig& placement) {
  if (placement.staging.empty()) return {};
  const auto home = std::ranges::find(config.homes, placement.staging, &HomeConfig::name);
  if (home == config.homes.end()) {
    return refuse("placement", placement.name,
                  "staging names the home \"" + placement.staging + "\", which is not configured");
  }
  if (home->kind != HomeConfig::Kind::kVolume) {
    return refuse("placement", placement.name, "staging needs a home of kind = \"volume\"");
  }
  const std::vector<std::string>& homes = placement.homes;
  if (std::ranges::find(homes, placement.staging) != homes.end()) {
    return refuse("placement", placement.name,
                  "\"" + placement.staging + "\" is one of its homes; stage in another one");
  }
  return {};
}

Status check_placement(const NamedHomesConfig& config, const PlacementConfig& placement) {
  const auto refuse_it = [&](const std::string& why) {
    return refuse("placement", placement.name, why);
  };
  if (placement.homes.empty() || placement.homes.size() > storage::kHomesPerPlacementMax) {
    return refuse_it("homes names 1 to 8 homes, the primary first");
  }
  for (size_t at = 0; at < placement.homes.size(); ++at) {
    const std::string& name = placement.homes[at];
    if (!has_home(config, name)) {
      return refuse_it("there is no [[home]] named \"" + name + "\"");
    }
    if (std::ranges::count(placement.homes, name) > 1) {
      return refuse_it("\"" + name + "\" is there twice");
    }
  }
  return check_staging(config, placement);
}

}  // namespace

Result<HomeConfig> parse_home_table(const HomeFields& fields) {
  HomeConfig home;
  std::string kind;
  const TextField rows[] = {{"name", &home.name},     {"kind", &kind},
                            {"path", &home.path},     {"bucket", &home.bucket},
                            {"prefix", &home.prefix}, {"endpoint", &home.endpoint},
                            {"region", &home.region}, {"credentials", &home.credentials},
                            {"ca", &home.ca}};
  home.name = name_in(fields);
  for (const auto& [key, values] : fields) {
    if (!take_text(rows, key, values)) {
      return refuse("home", home.name,
                    key +
                        ": no such key; there are name, kind, path, bucket, prefix, endpoint, "
                        "region, credentials and ca, each a string");
    }
  }
  if (kind != "s3" && kind != "volume") {
    return refuse("home", home.name, "kind is \"s3\" or \"volume\"");
  }
  home.kind = kind == "s3" ? HomeConfig::Kind::kS3 : HomeConfig::Kind::kVolume;
  const Status checked = check_home(home);
  if (!checked) return std::unexpected(checked.error());
  if (home.kind == HomeConfig::Kind::kS3) {
    Result<HomePlace> place = parse_home("s3:" + home.bucket + "/" + home.prefix);
    if (!place) return refuse("home", home.name, place.error().message);
    home.bucket = std::move(place->bucket);
    home.prefix = std::move(place->prefix);
  }
  return home;
}

Result<PlacementConfig> parse_placement_table(const HomeFields& fields) {
  PlacementConfig placement;
  std::string acknowledge = "one";
  const TextField rows[] = {
      {"name", &placement.name}, {"ack", &acknowledge}, {"staging", &placement.staging}};
  placement.name = name_in(fields);
  for (const auto& [key, values] : fields) {
    if (key == "homes") {
      placement.homes = values;
    } else if (key == "storage-class") {
      placement.storage_classes = values;
    } else if (!take_text(rows, key, values)) {
      return refuse("placement", placement.name,
                    key + ": no such key; there are name, homes, ack, staging and storage-class");
    }
  }
  if (acknowledge != "one" && acknowledge != "all") {
    return refuse("placement", placement.name, "ack is \"one\" or \"all\"");
  }
  if (acknowledge == "all") placement.acknowledge = storage::Acknowledge::kAll;
  return placement;
}

Status check_named_homes(const NamedHomesConfig& config) {
  if (!config.is_set()) return {};
  if (config.homes.size() > storage::kHomesMax) {
    return fail(Code::kInvalidArgument, "at most 16 [[home]] tables");
  }
  for (const HomeConfig& home : config.homes) {
    const auto is_twin = [&](const HomeConfig& other) {
      if (&other == &home || other.kind != home.kind) return false;
      if (home.kind == HomeConfig::Kind::kVolume) return other.path == home.path;
      return other.endpoint == home.endpoint && other.bucket == home.bucket &&
             other.prefix == home.prefix;
    };
    if (std::ranges::count(config.homes, home.name, &HomeConfig::name) > 1) {
      return refuse("home", home.name, "is there twice");
    }
    if (std::ranges::any_of(config.homes, is_twin)) {
      return refuse("home", home.name, "another home is in the same place");
    }
  }
  std::vector<storage::Placement> placements;
  size_t defaults_count = 0;
  for (const PlacementConfig& placement : config.placements) {
    const Status checked = check_placement(config, placement);
    if (!checked) return checked;
    defaults_count += is_default(placement) ? 1 : 0;
    const size_t number = placements.size() + 1;
    placements.push_back({placement.name,
                          is_default(placement) ? storage::kDefaultPlacement
                                                : static_cast<storage::PlacementId>(number),
                          placement.storage_classes});
  }
  if (defaults_count != 1) {
    return fail(Code::kInvalidArgument,
                "one [[placement]] is the default: name it \"standard\" or give it no "
                "storage-class; the others name theirs");
  }
  const Result<storage::Placements> made = storage::Placements::create(std::move(placements));
  if (!made) return std::unexpected(made.error());
  return {};
}

const PlacementConfig& default_placement(const NamedHomesConfig& config) {
  return *std::ranges::find_if(config.placements, is_default);
}

}  // namespace cairn::server
