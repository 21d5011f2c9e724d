// The condition keys of a request to the query door. Used by one request at a time.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "iam/request.h"
#include "query/call.h"

namespace cairn::query {

class QueryKeys final : public iam::RequestKeys {
 public:
  // Both outlive it; `principal` may be null.
  QueryKeys(const Call& call, const iam::Principal* principal)
      : RequestKeys(principal, call.now()), call_(call) {}

  // A key of an identity token: "issuer/path:sub".
  void add(std::string_view key, std::vector<std::string> values);

 private:
  bool fetch(std::string_view key, std::vector<std::string>& values) const override;

  const Call& call_;
  std::map<std::string, std::vector<std::string>, std::less<>> added_;
};

}  // namespace cairn::query
