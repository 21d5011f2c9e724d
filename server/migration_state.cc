#include "server/migration_state.h"

#include <charconv>

#include "base/encoding.h"

namespace cairn::server {
namespace {

constexpr std::string_view kHead = "cairn migration 1\n";

// Takes "NAME=...\n" off the front of `text`.
bool take(std::string_view& text, std::string_view name, std::string_view& value) {
  if (!text.starts_with(name) || text.size() <= name.size() || text[name.size()] != '=')
    return false;
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  value = text.substr(name.size() + 1, end - name.size() - 1);
  text.remove_prefix(end + 1);
  return true;
}

bool read_number(std::string_view text, uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_switch(std::string_view text, bool& out) {
  out = text == "1";
  return text == "1" || text == "0";
}

}  // namespace

std::string encode_migration_state(const MigrationState& state) {
  std::string text(kHead);
  text += "source=" + state.source + "\n";
  text += "version=" + std::to_string(state.version) + "\n";
  text += "cursor=" + to_hex(as_bytes(state.cursor)) + "\n";
  text += state.compared ? "compared=1\n" : "compared=0\n";
  text += state.done ? "done=1\n" : "done=0\n";
  return text;
}

Result<MigrationState> parse_migration_state(std::string_view text) {
  MigrationState state;
  std::string_view source, version, cursor, compared, done;
  bool good = text.size() <= kMigrationStateBytesMax && text.starts_with(kHead);
  if (good) text.remove_prefix(kHead.size());
  good = good && take(text, "source", source) && take(text, "version", version) &&
         take(text, "cursor", cursor) && take(text, "compared", compared) &&
         take(text, "done", done) && text.empty();
  const std::optional<Bytes> key = from_hex(good ? cursor : "x");
  good = good && key && read_number(version, state.version) &&
         read_switch(compared, state.compared) && read_switch(done, state.done);
  if (!good) return fail(Code::kCorruption, "the state of the migration does not parse");
  state.source = source;
  state.cursor.assign(key->begin(), key->end());
  return state;
}

}  // namespace cairn::server
