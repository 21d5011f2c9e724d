// One request to the query door, once its form is read and its caller known. Lives in the door's
// coroutine frame.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "iam/account.h"
#include "iam/directory.h"
#include "iam/draft.h"
#include "iam/errors.h"
#include "iam/names.h"
#include "iam/resolver.h"
#include "query/params.h"
#include "s3/xml_writer.h"

namespace cairn::query {

struct Route;
class IssuerKeys;

// What all requests of a door share. Outlives them.
struct DoorContext {
  iam::Store* store = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  IssuerKeys* issuers = nullptr;  // Null = web identities are refused.
  bool allow_http_issuers = false;
};

struct Call {
  const DoorContext* context = nullptr;
  const Route* route = nullptr;
  Params params;
  // The caller. Unset for the few actions that are signed by nobody.
  std::optional<iam::Credential> caller;
  iam::TenantId tenant;
  // The accounts when the request came.
  std::shared_ptr<const iam::Directory> directory;

  // For condition keys.
  std::string source_ip;
  std::string user_agent;
  bool is_encrypted = false;

  const iam::Account& account() const { return *directory->account(tenant); }
  WallTime now() const { return context->clock->wall_now(); }
  // The caller's user name; empty for the root and for roles.
  std::string own_user() const;
  // The user that the request names, else the caller's own; empty = the account's root user, which
  // nobody but the root itself may mean by saying nothing: a role that may make keys would
  // otherwise make one with every right.
  Result<std::string> user_param() const;
};

// A parameter that must be there: ValidationError.
Result<std::string> required(const Call& call, std::string_view name);

// Lists are shown in pages (Marker, MaxItems). Calls `show` for the entries of a page, which come
// in order of `name_of`, and appends IsTruncated and Marker.
struct PageRequest {
  std::string after;  // Names up to and with this one were shown before.
  size_t limit = 100;
};
inline constexpr size_t kPageMax = 1000;
Result<PageRequest> page_request(const Call& call);

// Elements that IsTruncated and Marker follow: `tag` around all members, `show` inside of one.
template <typename Range, typename NameOf, typename Show>
Result<std::string> render_page(const Call& call, std::string_view tag, const Range& entries,
                                NameOf name_of, Show show) {
  const Result<PageRequest> page = page_request(call);
  if (!page) return std::unexpected(page.error());
  std::string out;
  s3::XmlWriter xml(out);
  std::string last;
  size_t count = 0;
  bool more = false;
  xml.open(tag);
  for (const auto& entry : entries) {
    const std::string_view name = name_of(entry);
    if (!page->after.empty() && !iam::NameLess()(page->after, name)) continue;
    if (count == page->limit) {
      more = true;
      break;
    }
    xml.open("member");
    show(xml, entry);
    xml.close("member");
    last = name;
    ++count;
  }
  xml.close(tag);
  xml.element("IsTruncated", more);
  if (more) xml.element("Marker", last);
  return out;
}

// JSON as IAM returns it: percent-encoded (RFC 3986).
std::string encoded_document(std::string_view document);
void append_tags(s3::XmlWriter& xml, const iam::Tags& tags);

}  // namespace cairn::query
