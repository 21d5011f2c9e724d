#include "server/scrub_text.h"

#include <fmt/format.h>

#include <string_view>

#include "base/log.h"

namespace cairn::server {

std::string scrub_text(const object::ScrubReport& report) {
  std::string text = fmt::format(
      "{{\"chunks\":{},\"bytes\":{},\"objects\":{},\"locked_objects\":{},\"damaged\":[",
      report.chunks_count, report.bytes_count, report.objects_count, report.locked_objects_count);
  const auto field = [&](std::string_view name, std::string_view value, char end) {
    text.append("\"").append(name).append("\":\"");
    log::append_json_escaped(text, value);
    text.append("\"").append(1, end);
  };
  for (size_t i = 0; i < report.damaged.size(); ++i) {
    const object::ScrubReport::Damage& damage = report.damaged[i];
    text += i == 0 ? "{" : ",{";
    field("bucket", damage.bucket, ',');
    field("key", damage.key, ',');
    field("version", damage.version_id, ',');
    field("what", damage.what, '}');
  }
  text += "]}\n";
  return text;
}

}  // namespace cairn::server
