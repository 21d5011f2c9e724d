// Input: method, path, query and Authorization, one per line. Invariants: canonical forms are fixed
// points; a request signed by us verifies; a request with text of the attacker's never does.
#include <array>
#include <string>
#include <vector>

#include "base/assert.h"
#include "s3/auth.h"
#include "s3/sigv4.h"
#include "s3/uri.h"

namespace {

using namespace cairn;
using namespace cairn::s3;

constexpr WallTime kNow{1767323045000};

class StillClock final : public Clock {
 public:
  Instant now() const override { return {}; }
  WallTime wall_now() const override { return kNow; }
};

class OneCredential final : public CredentialSource {
 public:
  OneCredential() {
    credential_.secret = "a secret that is not in any corpus";
    credential_.identity.access_key = "AK";
  }
  const Credential* find(std::string_view access_key) const override {
    return access_key == "AK" ? &credential_ : nullptr;
  }
  const std::string& secret() const { return credential_.secret; }

 private:
  Credential credential_;
};

std::string_view cut_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

void check_fixed_points(const RequestView& request, const Query& query) {
  std::string once;
  std::string twice;
  if (append_canonical_path(once, request.path)) {
    ASSERT(append_canonical_path(twice, once));
    ASSERT(once == twice);
  }
  once.clear();
  twice.clear();
  append_canonical_query(once, query);
  const S3Result<Query> again = parse_query(once);
  ASSERT(again.has_value());
  append_canonical_query(twice, *again);
  ASSERT(once == twice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = as_text({data, size});
  RequestView request;
  request.method = cut_line(text);
  request.path = cut_line(text);
  request.query = cut_line(text);
  std::vector<HeaderView> headers = {{"Host", "h"}};
  request.headers = headers;
  const S3Result<Query> query = parse_query(request.query);
  if (!query) return 0;
  check_fixed_points(request, *query);

  const OneCredential credentials;
  const StillClock clock;
  Authenticator authenticator(credentials, clock, {});
  std::string canonical;
  const SigningIdentity identity{"AK", credentials.secret(), "r", ""};
  const SignedRequest ours = sign_v4(identity, request, kUnsignedPayload, kNow);
  std::vector<HeaderView> signed_headers = headers;
  for (const SignedHeader& header : ours.headers)
    signed_headers.push_back({header.name, header.value});
  request.headers = signed_headers;
  const S3Result<AuthResult> own = authenticator.authenticate(request, *query, {});
  const bool has_other = query->count_ignoring_case("x-amz-algorithm") > 0 ||
                         query->count_ignoring_case("x-amz-credential") > 0 ||
                         query->count_ignoring_case("x-amz-signature") > 0 ||
                         query->has("AWSAccessKeyId") || query->has("Signature") ||
                         query->has("Expires");
  ASSERT(own.has_value() == (!has_other && append_canonical_path(canonical, request.path)));

  headers.push_back({"x-amz-date", "20260102T030405Z"});
  const std::string_view authorization = cut_line(text);
  if (!authorization.empty()) headers.push_back({"Authorization", authorization});
  request.headers = headers;
  const S3Result<AuthResult> theirs = authenticator.authenticate(request, *query, {});
  ASSERT(!theirs || !theirs->identity);
  if (!theirs) ASSERT(!render_error(theirs.error(), {}).empty());
  return 0;
}
