#include "iam/names.h"

#include <algorithm>

#include "base/encoding.h"
#include "iam/account.h"

namespace cairn::iam {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kSecretAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr size_t kUniqueIdBytes = 21;
constexpr size_t kAccessKeyBytes = 20;
constexpr size_t kSecretBytes = 40;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool is_alphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// [\w+=,.@-]
bool is_name_character(char c) {
  return is_alphanumeric(c) || std::string_view("_+=,.@-").find(c) != std::string_view::npos;
}

// [\p{L}\p{Z}\p{N}_.:/=+\-@]; of what is beyond ASCII, everything.
bool is_tag_char(char c) {
  return is_alphanumeric(c) || static_cast<uint8_t>(c) >= 0x80 ||
         std::string_view(" _.:/=+-@").find(c) != std::string_view::npos;
}

std::string random_text(std::string_view prefix, std::string_view alphabet, size_t size_bytes,
                        Random& random) {
  std::string text(prefix);
  while (text.size() < size_bytes) text += alphabet[random.below(alphabet.size())];
  return text;
}

std::string iam_arn(TenantId account, std::string_view type, std::string_view path,
                    std::string_view name) {
  std::string arn = "arn:aws:iam::" + account_number(account) + ":";
  arn.append(type).append(path).append(name);
  return arn;
}

}  // namespace

bool NameLess::operator()(std::string_view a, std::string_view b) const {
  return std::ranges::lexicographical_compare(
      a, b, [](char x, char y) { return static_cast<uint8_t>(x) < static_cast<uint8_t>(y); }, lower,
      lower);
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string lower_name(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

Status check_name(std::string_view name, std::string_view what, size_t bytes_max) {
  const std::string field(what);
  if (name.empty() || name.size() > bytes_max) {
    return fail(Code::kInvalidArgument, "The value of " + field + " must have 1 to " +
                                            std::to_string(bytes_max) + " characters.");
  }
  if (!std::ranges::all_of(name, is_name_character)) {
    return fail(Code::kInvalidArgument,
                "The specified value for " + field +
                    " is invalid. It must contain only alphanumeric characters and/or the "
                    "following: +=,.@_-");
  }
  return {};
}

Status check_path(std::string_view path) {
  const bool is_framed = !path.empty() && path.front() == '/' && path.back() == '/';
  const bool is_printable = std::ranges::all_of(path, [](char c) { return c > ' ' && c <= '~'; });
  if (is_framed && is_printable && path.size() <= kPathBytesMax &&
      path.find("//") == std::string_view::npos) {
    return {};
  }
  return fail(Code::kInvalidArgument,
              "The specified value for path is invalid. It must begin and end with / and contain "
              "only alphanumeric characters and/or / characters.");
}

void merge_tags(Tags& into, const Tags& more) {
  for (const auto& [key, value] : more) {
    std::erase_if(into, [&](const auto& tag) { return same_name(tag.first, key); });
    into.emplace(key, value);
  }
}

Status check_tags(const Tags& tags) {
  if (tags.size() > kTagsMax) {
    return fail(Code::kResourceExhausted,
                "Cannot exceed quota for TagsPerResource: " + std::to_string(kTagsMax));
  }
  for (const auto& [key, value] : tags) {
    if (key.empty() || key.size() > kTagKeyBytesMax || value.size() > kTagValueBytesMax) {
      return fail(Code::kInvalidArgument,
                  "A tag's key must have 1 to 128 characters and its value at most 256.");
    }
    if (!std::ranges::all_of(key, is_tag_char) || !std::ranges::all_of(value, is_tag_char)) {
      return fail(Code::kInvalidArgument,
                  "Tags have letters, digits, spaces and the characters _ . : / = + - @");
    }
    if (lower_name(key).starts_with("aws:")) {
      return fail(Code::kInvalidArgument, "Tag keys that begin with aws: are reserved.");
    }
  }
  return {};
}

Status check_description(std::string_view text) {
  if (text.size() <= kDescriptionBytesMax) return {};
  return fail(Code::kInvalidArgument, "A description must have at most " +
                                          std::to_string(kDescriptionBytesMax) + " characters.");
}

Status check_session_name(std::string_view name) {
  if (name.size() < kSessionNameBytesMin) {
    return fail(Code::kInvalidArgument, "A session's name must have at least 2 characters.");
  }
  return check_name(name, "roleSessionName", kSessionNameBytesMax);
}

std::string make_unique_id(std::string_view prefix, Random& random) {
  return random_text(prefix, kBase32, kUniqueIdBytes, random);
}

std::string make_access_key(std::string_view prefix, Random& random) {
  return random_text(prefix, kBase32, kAccessKeyBytes, random);
}

std::string make_secret(Random& random) {
  return random_text({}, kSecretAlphabet, kSecretBytes, random);
}

std::string group_arn(TenantId account, std::string_view path, std::string_view name) {
  return iam_arn(account, "group", path, name);
}
std::string policy_arn(TenantId account, std::string_view path, std::string_view name) {
  return iam_arn(account, "policy", path, name);
}
std::string provider_arn(TenantId account, std::string_view url) {
  return iam_arn(account, "oidc-provider", "/", url);
}
std::string federated_user_arn(TenantId account, std::string_view name) {
  return "arn:aws:sts::" + account_number(account) + ":federated-user/" + std::string(name);
}

std::optional<IamArn> parse_iam_arn(std::string_view arn) {
  IamArn out;
  constexpr std::string_view kStart = "arn:aws:";
  if (!arn.starts_with(kStart)) return std::nullopt;
  std::string_view rest = arn.substr(kStart.size());
  // service::account:type/path/name
  const size_t service_end = rest.find("::");
  if (service_end == std::string_view::npos) return std::nullopt;
  out.service = rest.substr(0, service_end);
  if (out.service != "iam" && out.service != "sts") return std::nullopt;
  rest.remove_prefix(service_end + 2);
  const size_t account_end = rest.find(':');
  if (account_end == std::string_view::npos) return std::nullopt;
  const std::string_view account = rest.substr(0, account_end);
  if (account != "aws") {
    out.account = parse_account_number(account);
    if (!out.account) return std::nullopt;
  }
  rest.remove_prefix(account_end + 1);
  const size_t type_end = std::min(rest.find('/'), rest.size());
  out.type = rest.substr(0, type_end);
  out.path = "/";
  if (type_end == rest.size()) return out;
  const std::string_view tail = rest.substr(type_end);
  const size_t name_at = out.type == "oidc-provider" ? 1 : tail.rfind('/') + 1;
  out.path = tail.substr(0, name_at);
  out.name = tail.substr(name_at);
  if (out.name.empty()) return std::nullopt;
  return out;
}

}  // namespace cairn::iam
