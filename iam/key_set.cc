// JSON web keys and the signatures they verify, by OpenSSL.
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <utility>

#include "iam/errors.h"
#include "iam/json.h"
#include "iam/jwt.h"

namespace cairn::iam {
namespace {

using Json = nlohmann::json;

constexpr int kDepthMax = 8;
constexpr size_t kP256FieldBytes = 32;
constexpr size_t kExponentBytesMax = 8;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* value) const {
    Free(value);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

struct PublicKey {
  std::string id;
  std::string algorithm;  // "RS256" or "ES256": the only one that it verifies.
  Key key;
};

Key make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return Key(key);
}

std::optional<Bytes> bytes_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return from_base64url(found->get_ref<const std::string&>());
}

Key make_rsa(const Json& object) {
  const std::optional<Bytes> modulus = bytes_of(object, "n");
  const std::optional<Bytes> exponent = bytes_of(object, "e");
  if (!modulus || !exponent || modulus->size() > kRsaBitsMax / 8 ||
      exponent->size() > kExponentBytesMax) {
    return nullptr;
  }
  const Number n(BN_bin2bn(modulus->data(), static_cast<int>(modulus->size()), nullptr));
  const Number e(BN_bin2bn(exponent->data(), static_cast<int>(exponent->size()), nullptr));
  const Builder builder(OSSL_PARAM_BLD_new());
  if (n == nullptr || e == nullptr || builder == nullptr ||
      BN_num_bits(n.get()) < static_cast<int>(kRsaBitsMin) || !BN_is_odd(e.get()) ||
      BN_is_one(e.get()) ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return make_key("RSA", builder.get());
}

Key make_p256(const Json& object) {
  const auto curve = object.find("crv");
  const std::optional<Bytes> x = bytes_of(object, "x");
  const std::optional<Bytes> y = bytes_of(object, "y");
  if (curve == object.end() || *curve != "P-256" || !x || !y || x->size() != kP256FieldBytes ||
      y->size() != kP256FieldBytes) {
    return nullptr;
  }
  Bytes point = {POINT_CONVERSION_UNCOMPRESSED};
  point.insert(point.end(), x->begin(), x->end());
  point.insert(point.end(), y->begin(), y->end());
  const Builder builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  return make_key("EC", builder.get());  // Fails for a point that is not on the curve.
}

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

// nullopt for a key that is not for us.
std::optional<PublicKey> read_key(const Json& object) {
  if (!object.is_object()) return std::nullopt;
  PublicKey out;
  out.id = text_of(object, "kid");
  const std::string use = text_of(object, "use");
  if (out.id.empty() || (!use.empty() && use != "sig")) return std::nullopt;
  const std::string type = text_of(object, "kty");
  if (type == "RSA") {
    out.algorithm = "RS256";
    out.key = make_rsa(object);
  } else if (type == "EC") {
    out.algorithm = "ES256";
    out.key = make_p256(object);
  }
  const std::string algorithm = text_of(object, "alg");
  if (out.key == nullptr || (!algorithm.empty() && algorithm != out.algorithm)) {
    return std::nullopt;
  }
  return out;
}

// r and s of 32 bytes each (RFC 7518 3.4) as OpenSSL takes them. Empty when they are none.
Bytes der_of(std::string_view signature) {
  if (signature.size() != 2 * kP256FieldBytes) return {};
  const BytesView bytes = as_bytes(signature);
  const EcSignature pair(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes.data(), kP256FieldBytes, nullptr);
  BIGNUM* s = BN_bin2bn(bytes.data() + kP256FieldBytes, kP256FieldBytes, nullptr);
  if (pair == nullptr || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  uint8_t* encoded = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &encoded);
  if (size <= 0) return {};
  Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return der;
}

bool verifies(const PublicKey& key, const Jwt& token) {
  const BytesView text = as_bytes(token.signed_text);
  Bytes der;
  BytesView signature = as_bytes(token.signature);
  if (key.algorithm == "ES256") {
    der = der_of(token.signature);
    if (der.empty()) return false;
    signature = der;
  }
  const DigestContext context(EVP_MD_CTX_new());
  // RSA's padding is PKCS #1 v1.5 unless asked otherwise: RS256.
  return context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), text.data(),
                          text.size()) == 1;
}

}  // namespace

struct KeySet::State {
  std::vector<PublicKey> keys;
};

KeySet::KeySet(std::unique_ptr<const State> state) : state_(std::move(state)) {}
KeySet::~KeySet() = default;

Result<std::shared_ptr<const KeySet>> KeySet::parse(std::string_view json) {
  const auto invalid = [](std::string_view message) {
    return fail_with(Code::kInvalidArgument, reason::kInvalidToken, message);
  };
  if (json.size() > kJwksBytesMax) return invalid("The provider's key set is too long.");
  const std::optional<Json> parsed = parse_json(json, kDepthMax);
  const bool has_keys = parsed && parsed->is_object() && parsed->contains("keys") &&
                        parsed->at("keys").is_array() && parsed->at("keys").size() <= kJwksKeysMax;
  if (!has_keys) return invalid("The provider's key set is not a JWKS.");
  auto state = std::make_unique<State>();
  for (const Json& object : parsed->at("keys")) {
    std::optional<PublicKey> key = read_key(object);
    if (key) state->keys.push_back(std::move(*key));
  }
  return std::shared_ptr<const KeySet>(new KeySet(std::move(state)));
}

bool KeySet::has_key(std::string_view key_id) const {
  return std::ranges::any_of(state_->keys, [&](const PublicKey& key) { return key.id == key_id; });
}

size_t KeySet::size() const {
  return state_->keys.size();
}

Status KeySet::verify(const Jwt& token) const {
  const auto invalid = [](std::string_view message) {
    return fail_with(Code::kInvalidArgument, reason::kInvalidToken, message);
  };
  if (token.key_id.empty()) return invalid("The token does not name its key (kid).");
  for (const PublicKey& key : state_->keys) {
    if (key.id != token.key_id) continue;
    if (key.algorithm != token.algorithm) {
      return invalid("The token's algorithm is not that of its key; RS256 and ES256 are taken.");
    }
    if (verifies(key, token)) return {};
    return invalid("The token's signature does not verify.");
  }
  return invalid("Couldn't retrieve verification key from your identity provider.");
}

}  // namespace cairn::iam
