// The series of several homes on the page /metrics, and the same as JSON for administrators.
#pragma once

#include <string>

#include "io/task.h"
#include "server/named_homes.h"

namespace cairn::server {

// One home's numbers, read once for the page.
struct HomesReading {
  struct One {
    const storage::NamedHome* home = nullptr;
    storage::StoreUsage usage;
  };
  std::vector<One> homes;
  std::vector<const storage::PlacementRoute*> routes;
  storage::SurveyReport survey;
  uint64_t surveys_count = 0;
  bool is_surveying = false;
};

// REQUIRES: on the reactor that opened the homes, which outlive the reading.
io::Task<HomesReading> read_homes(NamedHomes& homes);

void append_home_metrics(std::string& page, const HomesReading& reading);
// {"placements":[...],"homes":[...],...}
std::string homes_json(const HomesReading& reading);

}  // namespace cairn::server
