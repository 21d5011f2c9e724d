#include "server/home_admin.h"

#include <algorithm>

#include "base/log.h"
#include "s3/uri.h"
#include "server/home_page.h"

namespace cairn::server {
namespace {

using Choice = storage::PlacementRoute::Choice;

Result<uint8_t> position_of(const storage::PlacementRoute& route, std::string_view home) {
  for (size_t at = 0; at < route.homes().size(); ++at) {
    if (route.homes()[at]->name == home) return static_cast<uint8_t>(at);
  }
  return fail(Code::kNotFound, "the placement \"" + route.placement().name + "\" has no home \"" +
                                   std::string(home) + "\"");
}

uint8_t bit_of(uint8_t position) {
  return static_cast<uint8_t>(1U << position);
}

Result<Choice> changed(const storage::PlacementRoute& route, const s3::Query& query) {
  Choice choice = route.choice();
  for (const s3::QueryParam& param : query.params()) {
    if (param.name == "name") continue;
    if (param.name != "primary" && param.name != "drain" && param.name != "undrain") {
      return fail(Code::kInvalidArgument, "no such parameter: " + std::string(param.name));
    }
    const Result<uint8_t> at = position_of(route, param.value);
    if (!at) return std::unexpected(at.error());
    if (param.name == "primary") choice.primary = *at;
    const uint8_t bit = bit_of(*at);
    // A primary takes writes, so it is drained no more.
    choice.drained =
        static_cast<uint8_t>(param.name == "drain" ? choice.drained | bit : choice.drained & ~bit);
  }
  if ((choice.drained & bit_of(choice.primary)) == 0) return choice;
  for (size_t at = 0; at < route.homes().size(); ++at) {
    if ((choice.drained >> at & 1) == 0) {
      choice.primary = static_cast<uint8_t>(at);
      return choice;
    }
  }
  return fail(Code::kInvalidArgument, "one home must stay that is not drained");
}

io::Task<Status> switch_placement(NamedHomes& homes, s3::Query query) {
  const std::string name(query.find("name").value_or(""));
  storage::PlacementRoute* const route = homes.placed().find_route(name);
  if (route == nullptr) co_return fail(Code::kNotFound, "there is no placement \"" + name + "\"");
  const Choice choice = co_await io::or_return(changed(*route, query));
  const storage::NamedHome& primary = *route->homes()[choice.primary];
  if (choice.primary != route->choice().primary && !primary.is_open.load()) {
    co_return fail(Code::kFailedPrecondition, "the home \"" + primary.name + "\" is away");
  }
  co_await io::or_return(homes.choose(*route, choice));
  log::info("placement-switched", {{"placement", std::string_view(name)},
                                   {"primary", std::string_view(primary.name)},
                                   {"drained", uint64_t{choice.drained}}});
  co_return Status{};
}

}  // namespace

io::Task<Result<std::string>> run_home_command(Home& home, std::string name,
                                               std::string query_text) {
  NamedHomes* const homes = home.named();
  if (homes == nullptr) {
    co_return fail(Code::kFailedPrecondition,
                   "there is one home and no placement: see docs/homes.md for [[home]] tables");
  }
  s3::S3Result<s3::Query> query = s3::parse_query(query_text);
  if (!query) co_return fail(Code::kInvalidArgument, "the parameters do not parse");
  if (name == "placement-switch") {
    co_await io::or_return(switch_placement(*homes, std::move(*query)));
  } else if (name == "placement-repair") {
    homes->placed().survey_soon();
  } else if (name == "placement-forget") {
    co_await io::or_return(homes->forget(std::string(query->find("home").value_or(""))));
  } else if (name != kHomesStatusCommand) {
    co_return fail(Code::kNotFound, "there is no such command");
  }
  const HomesReading reading = co_await read_homes(*homes);
  co_return homes_json(reading);
}

}  // namespace cairn::server
