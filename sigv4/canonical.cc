#include "sigv4/canonical.h"

#include <algorithm>

namespace cairn::sigv4 {
namespace {

void append_squeezed(std::string& out, std::string_view value) {
  value = trimmed(value);
  while (true) {
    const size_t run = value.find("  ");
    if (run == std::string_view::npos) break;
    out += value.substr(0, run + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' ', run), value.size()));
  }
  out += value;
}

}  // namespace

HexSha256::HexSha256(const crypto::Sha256Value& value) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  for (size_t i = 0; i < value.size(); ++i) {
    digits_[2 * i] = kHexDigits[value[i] >> 4];
    digits_[2 * i + 1] = kHexDigits[value[i] & 15];
  }
}

void append_canonical_header_value(std::string& out, const RequestView& request,
                                   std::string_view name) {
  bool first = true;
  for (const HeaderView& header : request.headers) {
    if (!equal_ignoring_case(header.name, name)) continue;
    if (!first) out += ',';
    first = false;
    append_squeezed(out, header.value);
  }
}

bool append_canonical_request(std::string& out, const RequestView& request, const Query& query,
                              const CanonicalInput& input) {
  out += request.method;
  out += '\n';
  if (!append_canonical_path(out, request.path, input.tilde)) return false;
  out += '\n';
  append_canonical_query(out, query, input.query_without, input.tilde);
  out += '\n';
  for (size_t from = 0; from <= input.signed_headers.size();) {
    const size_t to = std::min(input.signed_headers.find(';', from), input.signed_headers.size());
    const std::string_view name = input.signed_headers.substr(from, to - from);
    out += name;
    out += ':';
    if (input.host && name == "host") {
      append_squeezed(out, *input.host);
    } else {
      append_canonical_header_value(out, request, name);
    }
    out += '\n';
    from = to + 1;
  }
  out += '\n';
  out += input.signed_headers;
  out += '\n';
  out += input.payload;
  return true;
}

void append_string_to_sign(std::string& out, std::string_view date, std::string_view scope,
                           std::string_view canonical_request) {
  out += kV4Algorithm;
  out += '\n';
  out += date;
  out += '\n';
  out += scope;
  out += '\n';
  out += HexSha256(crypto::sha256(as_bytes(canonical_request))).view();
}

}  // namespace cairn::sigv4
