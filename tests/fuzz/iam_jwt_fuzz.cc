// Identity tokens and key sets from strangers. The first byte says which. Laws: no token verifies,
// for none was signed here; a parsed token gives back the text that would have been signed.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "iam/jwt.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn::iam;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: {
      const cairn::Result<Jwt> token = parse_jwt(text);
      if (!token) return 0;
      if (!text.starts_with(token->signed_text + ".")) std::abort();
      (void)check_claims(*token, "https://a.example", {"app"}, {1'790'000'000'000});
      static const auto keys =
          KeySet::parse(R"({"keys":[{"kty":"EC","crv":"P-256","kid":"k",)"
                        R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
      if (!keys || (*keys)->size() != 1 || (*keys)->verify(*token)) std::abort();
      return 0;
    }
    case 1: {
      const auto keys = KeySet::parse(text);
      if (keys && (*keys)->size() > kJwksKeysMax) std::abort();
      return 0;
    }
    default: (void)parse_discovery(text, "https://a.example"); return 0;
  }
}
