// Identity tokens: what verifies, and the ways in which a token may lie (RFC 8725).
#include "iam/jwt.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "iam/errors.h"

namespace cairn::iam {
namespace {

constexpr int64_t kNowSeconds = 1'790'000'000;
constexpr WallTime kNow{kNowSeconds * 1000};
constexpr std::string_view kIssuer = "https://issuer.example/realm";

std::string base64url(BytesView bytes) {
  std::string text = to_base64(bytes);
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (text.ends_with('=')) text.pop_back();
  return text;
}

Bytes number_of(const EVP_PKEY* key, const char* name, size_t size_bytes) {
  BIGNUM* number = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &number), 1);
  Bytes out(size_bytes);
  EXPECT_GT(BN_bn2binpad(number, out.data(), static_cast<int>(size_bytes)), 0);
  BN_free(number);
  return out;
}

// A key pair and how it signs.
class Signer {
 public:
  explicit Signer(bool is_rsa)
      : is_rsa_(is_rsa), key_(is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256")) {}
  ~Signer() { EVP_PKEY_free(key_); }
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  std::string algorithm() const { return is_rsa_ ? "RS256" : "ES256"; }
  std::string jwk(const std::string& id, const std::string& more = "") const {
    if (is_rsa_) {
      return R"({"kty":"RSA","kid":")" + id + R"(","n":")" +
             base64url(number_of(key_, OSSL_PKEY_PARAM_RSA_N, 256)) + R"(","e":"AQAB")" + more +
             "}";
    }
    return R"({"kty":"EC","crv":"P-256","kid":")" + id + R"(","x":")" +
           base64url(number_of(key_, OSSL_PKEY_PARAM_EC_PUB_X, 32)) + R"(","y":")" +
           base64url(number_of(key_, OSSL_PKEY_PARAM_EC_PUB_Y, 32)) + R"(")" + more + "}";
  }
  Bytes sign(std::string_view text) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    size_t size = 0;
    EXPECT_EQ(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_), 1);
    const BytesView bytes = as_bytes(text);
    EXPECT_EQ(EVP_DigestSign(context, nullptr, &size, bytes.data(), bytes.size()), 1);
    Bytes out(size);
    EXPECT_EQ(EVP_DigestSign(context, out.data(), &size, bytes.data(), bytes.size()), 1);
    out.resize(size);
    EVP_MD_CTX_free(context);
    return is_rsa_ ? out : raw_pair(out);
  }
  std::string public_pem() const {
    BIO* memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(memory, key_);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string out(data, static_cast<size_t>(size));
    BIO_free(memory);
    return out;
  }

 private:
  static Bytes raw_pair(const Bytes& der) {
    const uint8_t* at = der.data();
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    Bytes out(64);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), out.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), out.data() + 32, 32);
    ECDSA_SIG_free(pair);
    return out;
  }
  const bool is_rsa_;
  EVP_PKEY* const key_;
};

struct Keys {
  Signer rsa{true};
  Signer ec{false};
  Signer stranger{true};
  std::shared_ptr<const KeySet> set;
  Keys() {
    auto parsed = KeySet::parse(R"({"keys":[)" + rsa.jwk("rsa") + "," + ec.jwk("ec") + "]}");
    EXPECT_TRUE(parsed.has_value());
    set = *parsed;
  }
};
const Keys& test_keys() {
  static const Keys keys;
  return keys;
}

std::string claims_text(const std::string& changes = "") {
  return R"({"iss":")" + std::string(kIssuer) + R"(","aud":"app","sub":"job")" +
         (changes.empty() ? R"(,"exp":)" + std::to_string(kNowSeconds + 600) : changes) + "}";
}

std::string make_token(const Signer& signer, const std::string& header, const std::string& claims) {
  const std::string text = base64url(as_bytes(header)) + "." + base64url(as_bytes(claims));
  return text + "." + base64url(signer.sign(text));
}
std::string header_text(std::string_view algorithm, std::string_view kid) {
  return R"({"alg":")" + std::string(algorithm) + R"(","kid":")" + std::string(kid) + R"("})";
}

// The whole way: parsed, claims checked, signature verified. Empty = accepted.
std::string verdict(const std::string& token) {
  const Result<Jwt> parsed = parse_jwt(token);
  if (!parsed) return parsed.error().message;
  if (const Status claims = check_claims(*parsed, kIssuer, {"app", "app2"}, kNow); !claims) {
    return claims.error().message;
  }
  const Status verified = test_keys().set->verify(*parsed);
  return verified ? "" : verified.error().message;
}

TEST(Jwt, GoodTokensOfBothKindsVerify) {
  const Keys& keys = test_keys();
  EXPECT_EQ(verdict(make_token(keys.rsa, header_text("RS256", "rsa"), claims_text())), "");
  for (int i = 0; i < 20; ++i) {  // Values of r and s with leading zeros come up.
    EXPECT_EQ(verdict(make_token(keys.ec, header_text("ES256", "ec"), claims_text())), "");
  }
  const std::string list = R"(,"aud2":1,"exp":1790000600.5,"nbf":1789999999,"iat":1789999999)";
  EXPECT_EQ(verdict(make_token(keys.rsa, header_text("RS256", "rsa"), claims_text(list))), "");
}

TEST(Jwt, LiesAreRefused) {
  const Keys& keys = test_keys();
  const std::string good = make_token(keys.rsa, header_text("RS256", "rsa"), claims_text());
  const std::string text = good.substr(0, good.rfind('.'));
  const std::string none_text =
      base64url(as_bytes(header_text("none", "rsa"))) + "." + base64url(as_bytes(claims_text()));
  const std::string hs_text =
      base64url(as_bytes(header_text("HS256", "rsa"))) + "." + base64url(as_bytes(claims_text()));
  const auto hmac = crypto::hmac_sha256(as_bytes(keys.rsa.public_pem()), as_bytes(hs_text));
  std::string flipped = good;
  flipped[good.size() - 10] = flipped[good.size() - 10] == 'A' ? 'B' : 'A';
  std::string other_claims = good;
  other_claims.replace(good.find('.') + 1, 4, base64url(as_bytes("{\"x")).substr(0, 4));
  const std::pair<std::string_view, std::string> lies[] = {
      {"none without signature", none_text + "."},
      {"none with a signature", make_token(keys.rsa, header_text("none", "rsa"), claims_text())},
      {"no signature", text + "."},
      {"two parts", text},
      {"four parts", good + ".x"},
      {"HMAC with the public key", hs_text + "." + base64url(hmac)},
      {"flipped signature", flipped},
      {"other claims", other_claims},
      {"another key's signature",
       make_token(keys.stranger, header_text("RS256", "rsa"), claims_text())},
      {"RSA token under the EC key",
       make_token(keys.rsa, header_text("RS256", "ec"), claims_text())},
      {"EC token named RS256", make_token(keys.ec, header_text("RS256", "ec"), claims_text())},
      {"EC signature under the RSA key",
       make_token(keys.ec, header_text("ES256", "rsa"), claims_text())},
      {"unknown key", make_token(keys.rsa, header_text("RS256", "absent"), claims_text())},
      {"no key id", make_token(keys.rsa, R"({"alg":"RS256"})", claims_text())},
      {"key id of another type", make_token(keys.rsa, R"({"alg":"RS256","kid":7})", claims_text())},
      {"embedded key",
       make_token(keys.stranger, R"({"alg":"RS256","jwk":)" + keys.stranger.jwk("x") + "}",
                  claims_text())},
      {"critical extension",
       make_token(keys.rsa, R"({"alg":"RS256","kid":"rsa","crit":["x"]})", claims_text())},
      {"twice named claim", make_token(keys.rsa, header_text("RS256", "rsa"),
                                       R"({"iss":"a","iss":")" + std::string(kIssuer) + R"("})")},
      {"no JSON", make_token(keys.rsa, header_text("RS256", "rsa"), "claims")},
      {"padding", good + "="},
      {"empty", ""},
      {"dots", ".."},
  };
  for (const auto& [name, token] : lies) {
    EXPECT_TRUE(verdict(token).starts_with(reason::kInvalidToken))
        << name << ": " << verdict(token);
  }
}

TEST(Jwt, ClaimsAreJudged) {
  const Keys& keys = test_keys();
  const auto with = [&](const std::string& claims) {
    return verdict(make_token(keys.rsa, header_text("RS256", "rsa"), claims));
  };
  const std::string exp = R"(,"exp":1790000600)";
  const std::string iss = R"("iss":")" + std::string(kIssuer) + R"(")";
  const std::pair<std::string, std::string_view> cases[] = {
      {"{" + iss + R"(,"sub":"job","aud":"other")" + exp + "}", reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job")" + exp + "}", reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job","aud":[])" + exp + "}", reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job","aud":["x",7])" + exp + "}", reason::kInvalidToken},
      {"{" + iss + R"(,"aud":"app")" + exp + "}", reason::kInvalidToken},
      {R"({"iss":"https://issuer.example/realm/","sub":"job","aud":"app")" + exp + "}",
       reason::kInvalidToken},
      {R"({"sub":"job","aud":"app")" + exp + "}", reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job","aud":"app"})", reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job","aud":"app","exp":"1790000600"})", reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job","aud":"app","exp":-5})", reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job","aud":"app","exp":1e300})", reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job","aud":"app","exp":1789999900})", reason::kExpiredToken},
      {"{" + iss + R"(,"sub":"job","aud":"app","nbf":1790000100)" + exp + "}",
       reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job","aud":"app","iat":1790000100)" + exp + "}",
       reason::kInvalidToken},
      {"{" + iss + R"(,"sub":"job","aud":["app","x"],"azp":"x")" + exp + "}",
       reason::kRejectedClaim},
  };
  for (const auto& [claims, expected] : cases) {
    EXPECT_TRUE(with(claims).starts_with(expected)) << claims << ": " << with(claims);
  }
  // Clocks may be a minute apart, and one of several audiences is enough.
  EXPECT_EQ(with("{" + iss + R"(,"sub":"job","aud":"app","exp":1789999950})"), "");
  EXPECT_EQ(with("{" + iss + R"(,"sub":"job","aud":"app","nbf":1790000050)" + exp + "}"), "");
  EXPECT_EQ(with("{" + iss + R"(,"sub":"job","aud":["x","app2"])" + exp + "}"), "");
}

TEST(KeySet, SkipsWhatIsNotForUs) {
  const Keys& keys = test_keys();
  const auto count = [](const std::string& list) {
    const auto parsed = KeySet::parse(R"({"keys":[)" + list + "]}");
    return parsed ? static_cast<int>((*parsed)->size()) : -1;
  };
  EXPECT_EQ(count(keys.rsa.jwk("a")), 1);
  EXPECT_EQ(count(keys.rsa.jwk("")), 0) << "a key without an id";
  EXPECT_EQ(count(keys.rsa.jwk("a", R"(,"use":"enc")")), 0);
  EXPECT_EQ(count(keys.rsa.jwk("a", R"(,"alg":"RS512")")), 0);
  EXPECT_EQ(count(R"({"kty":"oct","kid":"a","k":"c2VjcmV0"})"), 0) << "a symmetric key";
  EXPECT_EQ(count(R"({"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"})"), 0) << "a short key";
  EXPECT_EQ(count(R"({"kty":"EC","crv":"P-256","kid":"a","x":"AAAA","y":"AAAA"})"), 0);
  const std::string zero(43, 'A');
  EXPECT_EQ(
      count(R"({"kty":"EC","crv":"P-256","kid":"a","x":")" + zero + R"(","y":")" + zero + R"("})"),
      0)
      << "a point that is not on the curve";
  EXPECT_EQ(count("7,null"), 0);
  for (const std::string_view text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[)"}) {
    EXPECT_FALSE(KeySet::parse(text).has_value()) << text;
  }
  EXPECT_FALSE(KeySet::parse(std::string(100'000, '[')).has_value());
}

TEST(Discovery, MustBeOfThatIssuer) {
  EXPECT_EQ(*parse_discovery(R"({"issuer":"https://a","jwks_uri":"https://a/k"})", "https://a"),
            "https://a/k");
  EXPECT_FALSE(parse_discovery(R"({"issuer":"https://b","jwks_uri":"https://a/k"})", "https://a"));
  EXPECT_FALSE(parse_discovery(R"({"issuer":"https://a"})", "https://a"));
  EXPECT_FALSE(parse_discovery("[]", "https://a"));
}

}  // namespace
}  // namespace cairn::iam
