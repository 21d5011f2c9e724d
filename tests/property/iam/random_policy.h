// Random policies, principals and requests, drawn from small pools so that they often meet.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/random.h"
#include "reference.h"

namespace cairn::iam {

using Strings = std::vector<std::string>;

class PolicyMaker {
 public:
  explicit PolicyMaker(Random& random) : random_(random) {}

  size_t below(size_t n) { return static_cast<size_t>(random_.below(n)); }
  bool chance(size_t in) { return below(in) == 0; }
  const std::string& pick(const Strings& pool) { return pool[below(pool.size())]; }
  Strings some(const Strings& pool, size_t most) {
    Strings out;
    for (size_t n = 1 + below(most); n > 0; --n) out.push_back(pick(pool));
    return out;
  }

  PolicyText policy(PolicyKind kind) {
    PolicyText out;
    const size_t version = below(8);
    out.version = version == 0 ? "" : version == 1 ? "2008-10-17" : "2012-10-17";
    for (size_t n = 1 + below(4); n > 0; --n) out.statements.push_back(statement(kind));
    return out;
  }

  Principal principal() {
    Principal out;
    out.account = crypto::TenantId{1 + below(2)};
    out.kind = PrincipalKind(below(3));
    const std::string number = "00000000000" + std::to_string(out.account.value);
    out.canonical_id = std::string(63, 'a') + std::to_string(out.account.value);
    out.name = pick({"bob", "a", "*", "\xC3\xA9"});
    out.id = pick({"AIDA1", "AIDA2"});
    if (out.kind == PrincipalKind::kRoot) out.arn = "arn:aws:iam::" + number + ":root";
    if (out.kind == PrincipalKind::kUser) out.arn = "arn:aws:iam::" + number + ":user/bob";
    if (out.kind == PrincipalKind::kRoleSession) {
      out.arn = "arn:aws:iam::" + number + ":role/r";
      out.session_arn = "arn:aws:sts::" + number + ":assumed-role/r/s";
    }
    if (chance(2)) out.tags.emplace_back("Team", pick({"a", "b*", "red"}));
    return out;
  }

  reference::Question question(const Principal* caller) {
    reference::Question q;
    q.action = pick({"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:ListBucket",
                     "iam:CreateUser", "sts:AssumeRole"});
    q.resource =
        "arn:aws:s3:::" + pick({"b", "b/k", "b/bob/k", "b/a/b", "b/\xC3\xA9", "c/k", "b/*"});
    q.caller = caller;
    q.keys["aws:currenttime"] = {"2026-01-02T03:04:05Z"};
    q.keys["aws:epochtime"] = {"1767323045"};
    q.keys["aws:principaltype"] = {"Anonymous"};
    q.keys["aws:userid"] = {caller == nullptr ? "anonymous" : caller->id};
    if (caller != nullptr) {
      q.keys["aws:principaltype"] = {
          Strings{"Account", "User", "AssumedRole"}[static_cast<size_t>(caller->kind)]};
      if (caller->kind == PrincipalKind::kUser) q.keys["aws:username"] = {caller->name};
      q.keys["aws:principalarn"] = {caller->arn};
      q.keys["aws:principalaccount"] = {"00000000000" + std::to_string(caller->account.value)};
      for (const auto& [key, value] : caller->tags) q.keys["aws:principaltag/" + key] = {value};
    }
    for (const char* key : {"s3:prefix", "s3:x-amz-acl", "s3:max-keys", "aws:sourceip",
                            "aws:securetransport", "s3:x-amz-copy-source"}) {
      if (chance(2)) q.keys[key] = {value()};
    }
    if (chance(2)) {
      Strings& many = q.keys["s3:requestobjecttagkeys"];
      for (size_t n = 1 + below(3); n > 0; --n) many.push_back(value());
    }
    if (chance(2)) q.keys["s3:existingobjecttag/Kind"] = {value()};
    return q;
  }

 private:
  std::string value() {
    static const Strings kValues = {"a",
                                    "A",
                                    "ab",
                                    "b*",
                                    "bob",
                                    "10",
                                    "10.5",
                                    "7",
                                    "-3",
                                    "true",
                                    "False",
                                    "\xC3\xA9",
                                    "10.1.2.3",
                                    "192.168.0.9",
                                    "::1",
                                    "2001:db8::5",
                                    "::ffff:10.1.2.3",
                                    "2026-01-02",
                                    "1767323045",
                                    "YWJj",
                                    "YWJk",
                                    "arn:aws:iam::000000000001:user/bob",
                                    "arn:aws:iam::000000000001:role/r",
                                    "arn:aws:iam::1"};
    return pick(kValues);
  }

  std::string glob_text() {
    static const Strings kPieces = {"a",           "b",    "A",
                                    "*",           "?",    "\xC3\xA9",
                                    "bob",         "10",   "${aws:username}",
                                    "$",           "${*}", "${aws:PrincipalTag/Team, 'a'}",
                                    "${s3:prefix}"};
    std::string out;
    for (size_t n = 1 + below(3); n > 0; --n) out += pick(kPieces);
    return out;
  }

  ConditionText condition() {
    ConditionText out;
    static const Strings kKeys = {"s3:prefix",
                                  "S3:x-amz-ACL",
                                  "s3:max-keys",
                                  "aws:SourceIp",
                                  "AWS:UserName",
                                  "aws:SecureTransport",
                                  "aws:userid",
                                  "s3:RequestObjectTagKeys",
                                  "aws:principalarn",
                                  "aws:PrincipalTag/Team",
                                  "s3:ExistingObjectTag/Kind",
                                  "aws:CurrentTime",
                                  "aws:EpochTime",
                                  "aws:PrincipalType"};
    out.key = pick(kKeys);
    static const Strings kOperators = {"StringEquals",
                                       "StringNotEquals",
                                       "StringEqualsIgnoreCase",
                                       "StringNotEqualsIgnoreCase",
                                       "StringLike",
                                       "StringNotLike",
                                       "NumericEquals",
                                       "NumericNotEquals",
                                       "NumericLessThan",
                                       "NumericLessThanEquals",
                                       "NumericGreaterThan",
                                       "NumericGreaterThanEquals",
                                       "DateEquals",
                                       "DateNotEquals",
                                       "DateLessThan",
                                       "DateLessThanEquals",
                                       "DateGreaterThan",
                                       "DateGreaterThanEquals",
                                       "Bool",
                                       "BinaryEquals",
                                       "IpAddress",
                                       "NotIpAddress",
                                       "ArnEquals",
                                       "ArnLike",
                                       "ArnNotEquals",
                                       "ArnNotLike",
                                       "Null"};
    const std::string& op = pick(kOperators);
    out.name = op;
    for (size_t n = 1 + below(3); n > 0; --n) out.values.push_back(value_for(op, out.key));
    if (op == "Null") return out;
    if (chance(4)) out.name += "IfExists";
    if (chance(3)) out.name = (chance(2) ? "ForAnyValue:" : "ForAllValues:") + out.name;
    return out;
  }

  std::string value_for(const std::string& op, const std::string& key) {
    // S3 takes addresses only as values of aws:SourceIp, whatever the operator.
    if (key == "aws:SourceIp" && op != "Null" &&
        (op.starts_with("String") || op.find("Ip") != op.npos)) {
      return pick(
          {"10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "192.168.0.0/30", "::/0", "0.0.0.0/0"});
    }
    if (op.starts_with("String")) return chance(2) ? value() : glob_text();
    if (op.starts_with("Numeric")) return pick({"10", "10.5", "-3", "7"});
    if (op.starts_with("Date"))
      return pick({"2026-01-02T03:04:05Z", "2026-01-02", "1767323045", "2025-12-31"});
    if (op == "Bool" || op == "Null") return pick({"true", "false", "TRUE"});
    if (op == "BinaryEquals") return pick({"YWJj", "YWJk"});
    if (op.find("Ip") != std::string::npos) {
      return pick(
          {"10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "192.168.0.0/30", "::/0", "0.0.0.0/0"});
    }
    return pick({"*", "arn:aws:iam::*:user/bob", "arn:aws:iam::000000000001:*", "arn:*:*:*:*:*",
                 "arn:aws:iam::000000000001:user/${aws:username}", "arn:aws:?am::*:r*"});
  }

  StatementText statement(PolicyKind kind) {
    StatementText out;
    out.effect = chance(3) ? "Deny" : "Allow";
    out.has_action = true;
    out.not_action = chance(5);
    out.actions =
        some(kind == PolicyKind::kBucket
                 ? Strings{"*", "s3:*", "S3:getobject", "s3:Get*", "s3:?etObject*"}
                 : Strings{"*", "s3:*", "S3:getobject", "s3:Get*", "s3:?etObject", "iam:*",
                           "sts:assume*", "s3:PutObject", "s3:ListBucket", "iam:nothing"},
             2);
    out.has_resource = true;
    out.not_resource = chance(5);
    Strings resources = {"arn:aws:s3:::b/*",
                         "arn:aws:s3:::b*",
                         "arn:aws:s3:::b/k",
                         "arn:aws:s3:::b/${aws:username}/*",
                         "arn:aws:s3:::*/${aws:PrincipalTag/Team}*",
                         "arn:aws:s3:::b/${*}",
                         "arn:aws:s3:::b/?",
                         "arn:aws:s3:::*/*/${aws:PrincipalTag/Team, 'b'}"};
    if (kind != PolicyKind::kBucket) {
      for (const char* more : {"*", "arn:aws:s3:::b", "arn:aws:s3:::c/k"})
        resources.emplace_back(more);
    }
    out.resources = some(resources, 2);
    if (kind == PolicyKind::kBucket) add_principals(out);
    if (chance(2)) {
      for (size_t n = 1 + below(2); n > 0; --n)
        out.conditions.push_back(bucket_condition(out, kind));
    }
    return out;
  }

  // Conditions of bucket policies are checked against the actions; keys that do not fit are drawn
  // anew.
  ConditionText bucket_condition(const StatementText& statement, PolicyKind kind) {
    for (;;) {
      ConditionText out = condition();
      const std::string key = reference::lower(out.key);
      const bool narrow = key == "s3:prefix" || key == "s3:max-keys" || key == "s3:x-amz-acl";
      const bool address = key == "aws:sourceip" && out.name.find("Ip") == out.name.npos;
      bool names_one = false;
      for (const std::string& action : statement.actions) names_one |= action == "S3:getobject";
      if (kind != PolicyKind::kBucket || (!address && (!narrow || !names_one))) return out;
    }
  }

  void add_principals(StatementText& out) {
    out.has_principal = true;
    out.not_principal = out.effect == "Deny" && chance(4);
    if (chance(3)) {
      out.principals = {{"*", "*"}};
      return;
    }
    static const Strings kNames = {"000000000001",
                                   "arn:aws:iam::000000000001:root",
                                   "arn:aws:iam::000000000001:user/bob",
                                   "arn:aws:iam::000000000002:role/r",
                                   "arn:aws:sts::000000000001:assumed-role/r/s",
                                   "arn:aws:iam::000000000002:user/bob"};
    for (const std::string& name : some(kNames, 2)) out.principals.push_back({"AWS", name});
    if (chance(6)) out.principals.push_back({"AWS", "*"});
    if (chance(4)) out.principals.push_back({"CanonicalUser", std::string(63, 'a') + "1"});
  }

  Random& random_;
};

// The JSON of a policy. Conditions of one operator and key would be duplicates: the last one
// counts, in the text as in `policy`.
inline std::string to_json(PolicyText& policy, PolicyMaker& maker) {
  const auto list = [&](const Strings& values) {
    return values.size() == 1 && maker.chance(2) ? nlohmann::json(values[0])
                                                 : nlohmann::json(values);
  };
  nlohmann::json root;
  if (!policy.version.empty()) root["Version"] = policy.version;
  root["Statement"] = nlohmann::json::array();
  for (StatementText& s : policy.statements) {
    nlohmann::json one;
    one["Effect"] = s.effect;
    one[s.not_action ? "NotAction" : "Action"] = list(s.actions);
    if (s.has_resource) one[s.not_resource ? "NotResource" : "Resource"] = list(s.resources);
    if (s.has_principal) {
      nlohmann::json& place = one[s.not_principal ? "NotPrincipal" : "Principal"];
      for (const PrincipalText& p : s.principals) {
        if (p.kind == "*") {
          place = "*";
        } else {
          place[p.kind].push_back(p.value);
        }
      }
    }
    std::vector<ConditionText> kept;
    for (const ConditionText& c : s.conditions) {
      if (one.contains("Condition") && one["Condition"].contains(c.name) &&
          one["Condition"][c.name].contains(c.key)) {
        continue;
      }
      one["Condition"][c.name][c.key] = list(c.values);
      kept.push_back(c);
    }
    s.conditions = std::move(kept);
    root["Statement"].push_back(std::move(one));
  }
  return root.dump();
}

// Keys of a question, for the evaluator under test.
class QuestionKeys final : public RequestKeys {
 public:
  explicit QuestionKeys(const reference::Question& question)
      : RequestKeys(question.caller, WallTime{1'767'323'045'000}), question_(question) {}

 private:
  bool fetch(std::string_view key, std::vector<std::string>& values) const override {
    const auto found = question_.keys.find(std::string(key));
    if (found == question_.keys.end()) return false;
    values = found->second;
    return true;
  }
  const reference::Question& question_;
};

}  // namespace cairn::iam
