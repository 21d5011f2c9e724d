// The policy language once more, as short and as slow as it can be said: what the compiled
// evaluator is compared with. Shares only the plain structs of the parsed text with it.
#pragma once

#include <arpa/inet.h>
#include <time.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "iam/decision.h"
#include "iam/policy_document.h"
#include "iam/principal.h"

namespace cairn::iam::reference {

struct Question {
  std::string action, resource;
  const Principal* caller = nullptr;
  std::map<std::string, std::vector<std::string>> keys;  // Those of the caller too.
};

inline std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return text;
}

using Glob = std::vector<int>;  // A byte, or -1 for `*`, -2 for `?`.

// False when a variable has no single value.
inline bool expand(const Question& q, const std::string& text, bool wild, bool vars, Glob& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (vars && text.compare(i, 2, "${") == 0) {
      const size_t end = text.find('}', i);
      std::string name = text.substr(i + 2, end - i - 2), fallback;
      i = end;
      const size_t comma = name.find(", '");
      if (comma != std::string::npos) {
        fallback = name.substr(comma + 3, name.size() - comma - 4);
        name = name.substr(0, comma);
      }
      const size_t slash = name.find('/');
      name = lower(name.substr(0, slash)) + (slash == std::string::npos ? "" : name.substr(slash));
      std::string value = name;
      if (name != "*" && name != "?" && name != "$") {
        const auto found = q.keys.find(name);
        if (found == q.keys.end() ? comma == std::string::npos : found->second.size() != 1) {
          return false;
        }
        value = found == q.keys.end() ? fallback : found->second[0];
      }
      for (const char c : value) out.push_back(static_cast<unsigned char>(c));
    } else if (wild && text[i] == '*') {
      out.push_back(-1);
    } else if (wild && text[i] == '?') {
      out.push_back(-2);
    } else {
      out.push_back(static_cast<unsigned char>(text[i]));
    }
  }
  return true;
}

inline bool glob(const Glob& p, size_t i, const std::string& t, size_t j) {
  if (i == p.size()) return j == t.size();
  if (p[i] == -1) return glob(p, i + 1, t, j) || (j < t.size() && glob(p, i, t, j + 1));
  if (j == t.size()) return false;
  if (p[i] >= 0) {
    return p[i] == static_cast<unsigned char>(t[j]) && glob(p, i + 1, t, j + 1);
  }
  size_t next = j + 1;
  while (next < t.size() && next < j + 4 && (t[next] & 0xC0) == 0x80) ++next;
  return glob(p, i + 1, t, next);
}

// 1 yes, 0 no, -1 not to be told.
inline int like(const Question& q, const std::string& pattern, const std::string& text, bool wild,
                bool vars, bool fold = false) {
  Glob expanded;
  if (!expand(q, pattern, wild, vars, expanded)) return -1;
  if (fold) {
    for (int& c : expanded) c = c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
  }
  return glob(expanded, 0, fold ? lower(text) : text, 0) ? 1 : 0;
}

inline std::vector<std::string> arn_parts(const std::string& text) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "${") == 0) {
      const size_t end = text.find('}', i);
      parts.back() += text.substr(i, end - i + 1);
      i = end;
    } else if (text[i] == ':' && parts.size() < 6) {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  return parts;
}

// Bits of an address, "4" or "6" in front, cut at the length of the network.
inline std::string ip_bits(const std::string& text) {
  const std::string host = text.substr(0, text.find('/'));
  unsigned char raw[16];
  size_t size = 0;
  if (::inet_pton(AF_INET, host.c_str(), raw) == 1) {
    size = 4;
  } else if (::inet_pton(AF_INET6, host.c_str(), raw) == 1) {
    size = 16;
  }
  std::string bits;
  for (size_t i = 0; i < size * 8; ++i) bits += (raw[i / 8] >> (7 - i % 8) & 1) != 0 ? '1' : '0';
  if (size > 0 && text.find('/') != std::string::npos) {
    bits.resize(std::stoul(text.substr(text.find('/') + 1)));
  }
  // An IPv4 peer of a dual-stack socket.
  const std::string mapped = std::string(80, '0') + std::string(16, '1');
  if (size == 16 && bits.starts_with(mapped)) return "4" + bits.substr(mapped.size());
  return size == 0 ? "" : (size == 4 ? "4" : "6") + bits;
}

inline bool seconds(const std::string& text, double& out) {
  struct tm broken{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &broken);
  if (end == nullptr || *end != 0) {
    broken = {};
    end = ::strptime(text.c_str(), "%Y-%m-%d", &broken);
  }
  if (end != nullptr && *end == 0) {
    out = static_cast<double>(::timegm(&broken));
    return true;
  }
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return false;
  out = std::strtod(text.c_str(), nullptr);
  return true;
}

inline bool number(const std::string& text, double& out) {
  char* end = nullptr;
  if (text.empty() || text.find_first_not_of("0123456789.-") != std::string::npos) return false;
  out = std::strtod(text.c_str(), &end);
  return *end == 0;
}

inline bool relates(const std::string& op, double a, double b) {
  if (op.ends_with("lessthan")) return a < b;
  if (op.ends_with("lessthanequals")) return a <= b;
  if (op.ends_with("greaterthan")) return a > b;
  if (op.ends_with("greaterthanequals")) return a >= b;
  return a == b;
}

// Whether one value of the request matches one of the policy, for the operator without its "not".
inline int value_matches(const Question& q, const std::string& op, const std::string& want,
                         const std::string& have, bool vars) {
  double a = 0, b = 0;
  if (op == "stringequals") return like(q, want, have, false, vars);
  if (op == "stringequalsignorecase") return like(q, want, have, false, vars, true);
  if (op == "stringlike") return like(q, want, have, true, vars);
  if (op.starts_with("numeric")) return number(have, a) && number(want, b) && relates(op, a, b);
  if (op.starts_with("date")) return seconds(have, a) && seconds(want, b) && relates(op, a, b);
  if (op == "bool") return lower(have) == lower(want);
  if (op == "binaryequals") return have == want;
  if (op == "ipaddress") {
    const std::string bits = ip_bits(have);
    return !bits.empty() && bits.starts_with(ip_bits(want));
  }
  if (want == "*") return 1;  // arnequals, arnlike
  const std::vector<std::string> p = arn_parts(want), t = arn_parts(have);
  if (p.size() != t.size()) return 0;
  int all = 1;
  for (size_t i = 0; i < p.size(); ++i) {
    const int one = like(q, p[i], t[i], true, vars);
    all = one == 0 || all == 0 ? 0 : std::min(one, all);
  }
  return all;
}

inline bool condition_holds(const Question& q, const ConditionText& c, bool deny, bool vars) {
  std::string op = lower(c.name);
  const bool for_any = op.starts_with("foranyvalue:"), for_all = op.starts_with("forallvalues:");
  if (for_any || for_all) op = op.substr(op.find(':') + 1);
  const bool if_exists = op.ends_with("ifexists");
  if (if_exists) op.resize(op.size() - 8);
  const size_t no = op.find("not");
  const bool negated = no != std::string::npos;
  if (negated) op.erase(no, 3);
  if (op == "arnequals") op = "arnlike";
  const size_t slash = c.key.find('/');
  const auto found = q.keys.find(lower(c.key.substr(0, slash)) +
                                 (slash == std::string::npos ? "" : c.key.substr(slash)));
  const bool absent = found == q.keys.end();
  if (op == "null") {
    for (const std::string& want : c.values) {
      if ((lower(want) == "true") == absent) return true;
    }
    return false;
  }
  if (absent) return if_exists || for_all || (negated && !for_any);
  size_t good = 0;
  for (const std::string& have : found->second) {
    int match = 0;
    for (const std::string& want : c.values) {
      const int one = value_matches(q, op, want, have, vars);
      match = match == 1 || one == 1 ? 1 : std::min(match, one);
    }
    if (match == -1 && !deny) return false;
    good += ((match == 1) != negated) ? 1U : 0U;
  }
  return for_all || (negated && !for_any) ? good == found->second.size() : good > 0;
}

inline int principal_matches(const Question& q, const StatementText& s) {  // 2 yes, 1 account
  int best = 0;
  for (const PrincipalText& p : s.principals) {
    if (p.kind == "*" || p.value == "*") best = 2;
    if (q.caller == nullptr) continue;
    const bool root = q.caller->kind == PrincipalKind::kRoot;
    std::string number = std::to_string(q.caller->account.value);
    number.insert(0, 12 - number.size(), '0');
    if (p.value == number || p.value == "arn:aws:iam::" + number + ":root" ||
        (p.kind == "CanonicalUser" && p.value == q.caller->canonical_id)) {
      best = std::max(best, root ? 2 : 1);
    }
    if (p.value == q.caller->arn || p.value == q.caller->session_arn) best = 2;
  }
  return s.not_principal ? (best == 2 ? 0 : 2) : best;
}

inline Verdict evaluate(const PolicyText& policy, const Question& q) {
  const bool vars = policy.version == "2012-10-17";
  Verdict verdict = Verdict::kNone;
  for (const StatementText& s : policy.statements) {
    const bool deny = s.effect == "Deny";
    bool action = false;
    for (const std::string& a : s.actions) action |= like(q, a, q.action, true, false, true) == 1;
    int resource = 0;
    for (const std::string& r : s.resources) {
      const int one = like(q, r, q.resource, true, vars);
      resource = resource == 1 || one == 1 ? 1 : std::min(resource, one);
    }
    if (s.not_resource) resource = resource == -1 && !deny ? 0 : resource != 1;
    const int principal = s.has_principal ? principal_matches(q, s) : 2;
    if (action == s.not_action || resource != 1 || principal == 0) continue;
    bool holds = true;
    for (const ConditionText& c : s.conditions) holds = holds && condition_holds(q, c, deny, vars);
    if (!holds) continue;
    if (deny) return Verdict::kDeny;
    verdict = std::max(verdict, principal == 2 ? Verdict::kAllow : Verdict::kAllowAccount);
  }
  return verdict;
}

}  // namespace cairn::iam::reference
