#include "object/body_index.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "object/keys.h"
#include "object/limits.h"

namespace cairn::object {
namespace {

constexpr size_t kNumberBytes = sizeof(uint64_t);

bool is_digest(const Bytes& sha256) {
  return sha256.size() == sizeof(Sha256Value);
}

Sha256Value digest_of(const Bytes& sha256) {
  Sha256Value out{};
  std::ranges::copy(sha256, out.begin());
  return out;
}

// Whether the whole body has a row.
bool is_listed(const Head& head) {
  return head.info.sse.empty() && head.info.size_bytes > 0 && is_digest(head.sha256);
}

}  // namespace

std::string encode_place(const BodyPlace& place) {
  uint8_t numbers[2 * kNumberBytes];
  store_be(numbers, place.bucket_id);
  store_be(numbers + kNumberBytes, place.order);
  std::string out;
  out.reserve(sizeof(numbers) + place.key.size());
  out.append(as_text(numbers)).append(place.key);
  return out;
}

std::optional<BodyPlace> parse_place(std::string_view value) {
  constexpr size_t kFixedBytes = 2 * kNumberBytes;
  if (value.size() <= kFixedBytes || value.size() > kFixedBytes + kKeyBytesMax) return std::nullopt;
  if (value.find('\0', kFixedBytes) != std::string_view::npos) return std::nullopt;
  BodyPlace out;
  out.bucket_id = load_be<uint64_t>(as_bytes(value).data());
  out.order = load_be<uint64_t>(as_bytes(value).data() + kNumberBytes);
  out.key = value.substr(kFixedBytes);
  return out;
}

std::vector<BodyName> bodies_of(const Manifest& manifest) {
  if (manifest.parts.empty()) return {{manifest.owner, {}}};
  std::vector<BodyName> out;
  out.reserve(manifest.parts.size());
  for (const ManifestPart& part : manifest.parts) {
    if (part.extents_count > 0) out.push_back({part.owner, part.sha256});
  }
  return out;
}

void add_body_rows(TenantId tenant, const BodyPlace& place, const Head& head,
                   const std::vector<BodyName>& names, catalog::Batch& batch) {
  if (!head.info.sse.empty()) return;
  const std::string value = encode_place(place);
  if (head.has_chunks) {
    const OwnerId* last = nullptr;
    for (const BodyName& name : names) {
      // Parts that share chunks with an older version have one owner.
      if (last == nullptr || *last != name.owner)
        batch.puts.push_back({keys::holder(name.owner), value});
      last = &name.owner;
      if (!is_digest(name.sha256)) continue;
      batch.puts.push_back({keys::known_body(tenant, digest_of(name.sha256), name.owner), {}});
    }
  }
  if (!is_listed(head)) return;
  // With chunks the row of their owner says where: one row to write anew for a new name.
  batch.puts.push_back({keys::known_body(tenant, digest_of(head.sha256), head.owner),
                        head.has_chunks ? std::string() : value});
}

void drop_body_row(TenantId tenant, const Head& head, catalog::Batch& batch) {
  if (!is_listed(head)) return;
  batch.deletes.push_back(keys::known_body(tenant, digest_of(head.sha256), head.owner));
}

std::vector<std::string> body_rows_of(TenantId tenant, const Manifest& manifest) {
  std::vector<std::string> out;
  const OwnerId* last = nullptr;
  const std::vector<BodyName> names = bodies_of(manifest);
  for (const BodyName& name : names) {
    if (last == nullptr || *last != name.owner) out.push_back(keys::holder(name.owner));
    last = &name.owner;
    if (!is_digest(name.sha256)) continue;
    out.push_back(keys::known_body(tenant, digest_of(name.sha256), name.owner));
  }
  return out;
}

io::Task<Result<std::optional<BodyPlace>>> find_place(Context& context, OwnerId owner) {
  const std::optional<catalog::Entry> entry =
      co_await io::or_return(context.catalog.get(keys::holder(owner)));
  if (!entry) co_return std::optional<BodyPlace>();
  co_return parse_place(entry->value);
}

io::Task<Result<std::vector<BodyHint>>> find_body_hints(Context& context, TenantId tenant,
                                                        Sha256Value sha256) {
  catalog::ScanRequest request;
  request.begin = keys::known_bodies(tenant, sha256);
  request.end = catalog::prefix_end(request.begin);
  request.limit_entries = kBodyHintsMax;
  const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(std::move(request)));
  std::vector<BodyHint> out;
  for (const catalog::Entry& entry : page.entries) {
    BodyHint hint;
    const std::optional<OwnerId> owner = keys::parse_known_body(entry.key);
    if (!owner) continue;
    hint.owner = *owner;
    std::optional<BodyPlace> place = parse_place(entry.value);
    if (entry.value.empty()) place = co_await io::or_return(find_place(context, hint.owner));
    if (!place) continue;
    hint.place = std::move(*place);
    out.push_back(std::move(hint));
  }
  co_return out;
}

}  // namespace cairn::object
