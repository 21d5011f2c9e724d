#include "server/placement_book.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/encoding.h"
#include "crypto/digest.h"

namespace cairn::server {
namespace {

constexpr std::string_view kTitle = "cairn placements ";
constexpr std::string_view kVersion = "1";
constexpr std::string_view kCheck = "check ";
constexpr std::pair<std::string_view, PlacementBook::State> kStates[] = {
    {"new", PlacementBook::State::kNew},
    {"made", PlacementBook::State::kMade},
    {"empty", PlacementBook::State::kEmpty}};

std::unexpected<Error> damaged(const std::string& why) {
  return fail(Code::kCorruption, "DIR/PLACEMENTS is damaged (" + why +
                                     "): restore it from a backup of the data directory");
}

std::string digest_of(std::string_view text) {
  return to_hex(crypto::sha256(as_bytes(text)));
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<PlacementBook::Home> parse_home_line(const std::vector<std::string_view>& words) {
  if (words.size() != 5 || !storage::is_placement_name(words[1])) return std::nullopt;
  if (words[2] != "s3" && words[2] != "volume") return std::nullopt;
  PlacementBook::Home home;
  home.name = words[1];
  home.kind = words[2] == "s3" ? HomeConfig::Kind::kS3 : HomeConfig::Kind::kVolume;
  const std::optional<Bytes> id = from_hex(words[3]);
  if (!id || id->size() != home.id.size()) return std::nullopt;
  std::ranges::copy(*id, home.id.begin());
  const auto* const state = std::ranges::find(
      kStates, words[4], &std::pair<std::string_view, PlacementBook::State>::first);
  if (state == std::end(kStates)) return std::nullopt;
  home.state = state->second;
  return home;
}

std::optional<PlacementBook::Placement> parse_placement_line(
    const std::vector<std::string_view>& words) {
  if (words.size() != 5 || !storage::is_placement_name(words[2]) ||
      !storage::is_placement_name(words[3])) {
    return std::nullopt;
  }
  PlacementBook::Placement placement;
  const auto [end, error] =
      std::from_chars(words[1].data(), words[1].data() + words[1].size(), placement.id);
  if (error != std::errc() || end != words[1].data() + words[1].size()) return std::nullopt;
  placement.name = words[2];
  placement.primary = words[3];
  if (words[4] == "-") return placement;
  for (const std::string_view name : split(words[4], ',')) {
    if (!storage::is_placement_name(name)) return std::nullopt;
    placement.drained.emplace_back(name);
  }
  return placement;
}

std::unexpected<Error> refuse(const std::string& message) {
  return fail(Code::kFailedPrecondition, message);
}

}  // namespace

Status PlacementBook::take_line(std::string_view line) {
  const std::vector<std::string_view> words = split(line, ' ');
  if (words.front() == "home") {
    std::optional<Home> home = parse_home_line(words);
    if (!home || find_home(home->name) != nullptr || homes_.size() == 2 * storage::kHomesMax) {
      return damaged("a home");
    }
    homes_.push_back(std::move(*home));
    return {};
  }
  if (words.front() != "placement") return damaged("an unknown line");
  std::optional<Placement> placement = parse_placement_line(words);
  if (!placement || find_placement(placement->name) != nullptr ||
      std::ranges::find(placements_, placement->id, &Placement::id) != placements_.end()) {
    return damaged("a placement");
  }
  placements_.push_back(std::move(*placement));
  return {};
}

Result<PlacementBook> PlacementBook::parse(std::string_view text) {
  if (text.size() > kPlacementBookBytesMax) return damaged("its length");
  const size_t check = text.rfind(kCheck);
  if (!text.starts_with(kTitle) || !text.ends_with('\n') || check == std::string_view::npos) {
    return damaged("its form");
  }
  const std::string_view said = text.substr(check + kCheck.size());
  const std::string_view body = text.substr(0, check);
  if (said.substr(0, said.size() - 1) != digest_of(body)) return damaged("its checksum");
  const std::vector<std::string_view> lines = split(body, '\n');
  if (lines.front().substr(kTitle.size()) != kVersion) {
    return fail(Code::kUnsupported, "DIR/PLACEMENTS was written by a newer Cairn; start that one");
  }
  PlacementBook book;
  // The last piece is what follows the last line's end: nothing.
  for (size_t at = 1; at + 1 < lines.size(); ++at) {
    const Status taken = book.take_line(lines[at]);
    if (!taken) return std::unexpected(taken.error());
  }
  if (!lines.back().empty()) return damaged("its last line");
  return book;
}

std::string PlacementBook::text() const {
  std::string out = std::string(kTitle) + std::string(kVersion) + "\n";
  for (const Home& home : homes_) {
    const auto* const state =
        std::ranges::find(kStates, home.state, &std::pair<std::string_view, State>::second);
    out += "home " + home.name + (home.kind == HomeConfig::Kind::kS3 ? " s3 " : " volume ") +
           to_hex(home.id) + " " + std::string(state->first) + "\n";
  }
  for (const Placement& placement : placements_) {
    out += "placement " + std::to_string(placement.id) + " " + placement.name + " " +
           placement.primary + " ";
    for (size_t at = 0; at < placement.drained.size(); ++at) {
      out += (at == 0 ? "" : ",") + placement.drained[at];
    }
    out += placement.drained.empty() ? "-\n" : "\n";
  }
  return out + std::string(kCheck) + digest_of(out) + "\n";
}

PlacementBook::Home* PlacementBook::find_home(std::string_view name) {
  const auto found = std::ranges::find(homes_, name, &Home::name);
  return found == homes_.end() ? nullptr : &*found;
}

PlacementBook::Placement* PlacementBook::find_placement(std::string_view name) {
  const auto found = std::ranges::find(placements_, name, &Placement::name);
  return found == placements_.end() ? nullptr : &*found;
}

Status PlacementBook::settle(const NamedHomesConfig& config, Random& random) {
  const Status settled = settle_homes(config, random);
  if (!settled) return settled;
  return settle_placements(config);
}

Status PlacementBook::settle_homes(const NamedHomesConfig& config, Random& random) {
  const auto is_configured = [&](const Home& home) {
    return std::ranges::find(config.homes, home.name, &HomeConfig::name) != config.homes.end();
  };
  for (const Home& home : homes_) {
    if (is_configured(home) || home.state != State::kMade) continue;
    return refuse("the home \"" + home.name +
                  "\" may hold chunks and is not configured any more: put its [[home]] back; to "
                  "remove it take it out of every placement, start, and run `cairn admin placement "
                  "forget " +
                  home.name + "` once its chunks are elsewhere");
  }
  std::erase_if(homes_, [&](const Home& home) { return !is_configured(home); });
  for (const HomeConfig& configured : config.homes) {
    if (Home* const known = find_home(configured.name); known != nullptr) {
      if (known->kind != configured.kind) {
        return refuse("the home \"" + known->name + "\" was made with another kind");
      }
      if (known->state == State::kEmpty) known->state = State::kMade;
      continue;
    }
    Home home{configured.name, configured.kind, {}, State::kNew};
    // A volume has the id that its store gives itself.
    if (home.kind == HomeConfig::Kind::kS3) random.fill(home.id);
    homes_.push_back(std::move(home));
  }
  return {};
}

Status PlacementBook::settle_placements(const NamedHomesConfig& config) {
  const PlacementConfig& fallback = default_placement(config);
  for (Placement& placement : placements_) {
    const auto configured =
        std::ranges::find(config.placements, placement.name, &PlacementConfig::name);
    if (configured == config.placements.end()) {
      return refuse("the placement \"" + placement.name +
                    "\" may have chunks and is not configured any more: put its [[placement]] back "
                    "(its homes may be others than they were)");
    }
    if ((placement.id == storage::kDefaultPlacement) != (&*configured == &fallback)) {
      return refuse("another placement than \"" + placement.name +
                    "\" was the default; which one is may not change");
    }
    const std::vector<std::string>& homes = configured->homes;
    const auto is_gone = [&](const std::string& name) {
      return std::ranges::find(homes, name) == homes.end();
    };
    if (is_gone(placement.primary)) placement.primary = homes.front();
    std::erase_if(placement.drained, is_gone);
    std::erase(placement.drained, placement.primary);
  }
  for (const PlacementConfig& configured : config.placements) {
    if (find_placement(configured.name) != nullptr) continue;
    Placement placement{storage::kDefaultPlacement, configured.name, configured.homes.front(), {}};
    if (&configured != &fallback) {
      // Never a number that was in use: placements do not go, so the next one is free.
      placement.id = 1;
      for (const Placement& other : placements_) {
        placement.id = std::max<storage::PlacementId>(placement.id, other.id + 1);
      }
    }
    placements_.push_back(std::move(placement));
  }
  return {};
}

storage::PlacementRoute::Choice PlacementBook::choice_for(
    std::string_view placement, const std::vector<std::string>& homes) const {
  storage::PlacementRoute::Choice choice;
  const auto known = std::ranges::find(placements_, placement, &Placement::name);
  if (known == placements_.end()) return choice;
  for (size_t at = 0; at < homes.size(); ++at) {
    if (homes[at] == known->primary) choice.primary = static_cast<uint8_t>(at);
    const std::vector<std::string>& drained = known->drained;
    if (std::ranges::find(drained, homes[at]) != drained.end()) {
      choice.drained = static_cast<uint8_t>(choice.drained | 1U << at);
    }
  }
  return choice;
}

}  // namespace cairn::server
