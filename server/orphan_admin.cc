#include "server/orphan_admin.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

#include "base/log.h"
#include "s3/uri.h"

namespace cairn::server {
namespace {

constexpr std::string_view kDropCommand = "orphans-drop";
constexpr double kShareMaxDefault = 0.1;

Result<double> share_of(const s3::Query& query) {
  const std::optional<std::string_view> text = query.find("share");
  if (!text) return kShareMaxDefault;
  double share = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), share);
  if (error != std::errc() || end != text->data() + text->size() || !(share >= 0 && share <= 1)) {
    return fail(Code::kInvalidArgument, "share: expected a number from 0 to 1, such as 0.1");
  }
  return share;
}

std::string json_of(const HomeSweep& sweep, bool dry_run) {
  return fmt::format(
      "{{\"dry_run\":{},\"objects\":{},\"orphans\":{},\"orphan_bytes\":{},\"dropped\":{},"
      "\"young\":{},\"strangers\":{},\"lost\":{}}}\n",
      dry_run, sweep.objects_count, sweep.orphans_count, sweep.orphan_bytes, sweep.dropped_count,
      sweep.young_count, sweep.strangers_count, sweep.lost_count);
}

}  // namespace

io::Task<Result<std::string>> run_orphan_command(Home& home, std::string name,
                                                 std::string query_text) {
  const bool dry_run = name == kOrphansShowCommand;
  if (!dry_run && name != kDropCommand) co_return fail(Code::kNotFound, "there is no such command");
  const s3::S3Result<s3::Query> query = s3::parse_query(query_text);
  if (!query) co_return fail(Code::kInvalidArgument, "the parameters do not parse");
  const double share_max = co_await io::or_return(share_of(*query));
  const HomeSweep sweep = co_await io::or_return(home.sweep(share_max, dry_run));
  if (!dry_run) {
    log::info("orphans-dropped", {{"orphans", sweep.orphans_count},
                                  {"orphan_bytes", sweep.orphan_bytes},
                                  {"dropped", sweep.dropped_count}});
  }
  co_return json_of(sweep, dry_run);
}

}  // namespace cairn::server
