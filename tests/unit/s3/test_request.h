// A request head that owns its text, a clock that stands still and a fixed set of credentials.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "s3/auth.h"
#include "s3/sigv4.h"
#include "s3/uri.h"

namespace cairn::s3 {

inline constexpr std::string_view kAwsAccessKey = "AKIAIOSFODNN7EXAMPLE";
inline constexpr std::string_view kAwsSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

class TestRequest {
 public:
  TestRequest(std::string method, std::string target,
              std::vector<std::pair<std::string, std::string>> headers)
      : method_(std::move(method)), target_(std::move(target)), headers_(std::move(headers)) {}

  void set(std::string_view name, std::string value) {
    for (auto& [existing, old] : headers_) {
      if (equal_ignoring_case(existing, name)) {
        old = std::move(value);
        return;
      }
    }
    headers_.emplace_back(name, std::move(value));
  }
  void add(std::string_view name, std::string value) {
    headers_.emplace_back(name, std::move(value));
  }
  void remove(std::string_view name) {
    std::erase_if(headers_, [&](const auto& one) { return equal_ignoring_case(one.first, name); });
  }
  void set_method(std::string method) { method_ = std::move(method); }
  void set_target(std::string target) { target_ = std::move(target); }
  const std::string& target() const { return target_; }
  void sign(const SigningIdentity& identity, std::string_view payload, WallTime now) {
    for (SignedHeader& header : sign_v4(identity, view(), payload, now).headers) {
      add(header.name, std::move(header.value));
    }
  }
  void presign(const SigningIdentity& identity, WallTime now, uint32_t expires_seconds) {
    const std::string query = presign_v4(identity, view(), now, expires_seconds);
    target_ = target_.substr(0, target_.find('?')) + "?" + query;
  }

  // Valid until the request is changed.
  RequestView view() {
    views_.clear();
    for (const auto& [name, value] : headers_) views_.push_back({name, value});
    const std::string_view target = target_;
    const size_t question = target.find('?');
    RequestView out;
    out.method = method_;
    out.path = target.substr(0, question);
    if (question != std::string_view::npos) out.query = target.substr(question + 1);
    out.headers = views_;
    return out;
  }

 private:
  std::string method_;
  std::string target_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::vector<HeaderView> views_;
};

class StillClock final : public Clock {
 public:
  explicit StillClock(WallTime time) : time_(time) {}
  Instant now() const override { return {}; }
  WallTime wall_now() const override { return time_; }
  void set(WallTime time) { time_ = time; }

 private:
  WallTime time_;
};

class FixedCredentials final : public CredentialSource {
 public:
  void add(std::string_view access_key, std::string_view secret, std::string_view token = {}) {
    Credential& credential = credentials_[std::string(access_key)];
    credential.secret = secret;
    credential.session_token = token;
    credential.identity = {std::string(access_key), "root", crypto::kRootTenant,
                           iam::make_root_principal(crypto::kRootTenant)};
  }
  Credential& at(std::string_view access_key) { return credentials_.at(std::string(access_key)); }
  const Credential* find(std::string_view access_key) const override {
    const auto found = credentials_.find(std::string(access_key));
    return found == credentials_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, Credential> credentials_;
};

// Everything that authenticating one request takes.
inline S3Result<AuthResult> authenticate(Authenticator& authenticator, TestRequest& request,
                                         std::span<const std::string> base_domains = {}) {
  const RequestView view = request.view();
  const S3Result<Query> query = parse_query(view.query);
  if (!query) return std::unexpected(query.error());
  const S3Result<Target> target =
      split_target(view.header("host").value_or(""), view.path, base_domains);
  return authenticator.authenticate(view, *query, target ? *target : Target{});
}

inline std::string_view code_of(const S3Error& error) {
  return code_info(error.code).name;
}
template <typename T>
std::string outcome(const S3Result<T>& result) {
  return result ? "ok" : std::string(code_of(result.error()));
}
inline std::string field_of(const S3Error& error, std::string_view name) {
  for (const ErrorField& field : error.fields) {
    if (field.name == name) return field.value;
  }
  return "(none)";
}

}  // namespace cairn::s3
