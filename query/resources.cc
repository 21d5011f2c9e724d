// The ARNs that rights are asked for: those of the things that a request names, with their path
// when they exist, else as they would be made.
#include "query/handlers.h"

namespace cairn::query {
namespace {

template <typename T>
std::string path_of(const Call& call, const iam::ByName<T>& names, std::string_view name) {
  const auto found = names.find(name);
  if (found != names.end()) return found->second->path;
  const std::string_view given = call.params.get("Path");
  return given.empty() ? "/" : std::string(given);
}

}  // namespace

std::string any_resource(const Call&) {
  return "*";
}

std::string user_resource(const Call& call) {
  const std::string name = call.user_param().value_or("");
  if (name.empty()) return iam::root_arn(call.tenant);
  return iam::user_arn(call.tenant, path_of(call, call.account().users, name), name);
}

std::string group_resource(const Call& call) {
  const std::string name = call.params.text("GroupName");
  return iam::group_arn(call.tenant, path_of(call, call.account().groups, name), name);
}

std::string role_resource(const Call& call) {
  const std::string name = call.params.text("RoleName");
  return iam::role_arn(call.tenant, path_of(call, call.account().roles, name), name);
}

std::string policy_resource(const Call& call) {
  return call.params.text("PolicyArn");
}

std::string new_policy_resource(const Call& call) {
  const std::string name = call.params.text("PolicyName");
  return iam::policy_arn(call.tenant, path_of(call, call.account().policies, name), name);
}

std::string provider_resource(const Call& call) {
  const std::optional<std::string_view> arn = call.params.find("OpenIDConnectProviderArn");
  if (arn) return std::string(*arn);
  const std::string_view url = call.params.get("Url");
  const size_t scheme_end = url.find("://");
  return iam::provider_arn(call.tenant,
                           scheme_end == std::string_view::npos ? url : url.substr(scheme_end + 3));
}

std::string federated_resource(const Call& call) {
  return iam::federated_user_arn(call.tenant, call.params.get("Name"));
}

}  // namespace cairn::query
