#include "io/certificate_check.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <memory>

namespace cairn::io {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* check) const { X509_STORE_CTX_free(check); }
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::unexpected<Error> unreadable(const std::string& path) {
  ERR_clear_error();
  return fail(Code::kInvalidArgument, "no certificates can be read from " + path);
}

}  // namespace

Status check_certificate(const std::string& chain_path, const std::string& ca_path) {
  const Owned<BIO> file(BIO_new_file(chain_path.c_str(), "r"));
  if (!file) return unreadable(chain_path);
  const Owned<X509> own(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
  if (!own) return unreadable(chain_path);
  const Owned<STACK_OF(X509)> chain(sk_X509_new_null());
  while (X509* const next = PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr)) {
    if (sk_X509_push(chain.get(), next) == 0) X509_free(next);
  }
  ERR_clear_error();  // Of the end of the file.
  const Owned<X509_STORE> believed(X509_STORE_new());
  if (X509_STORE_load_file(believed.get(), ca_path.c_str()) != 1) return unreadable(ca_path);
  const Owned<X509_STORE_CTX> check(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(check.get(), believed.get(), own.get(), chain.get()) == 1 &&
      X509_verify_cert(check.get()) == 1) {
    return {};
  }
  ERR_clear_error();
  return fail(Code::kFailedPrecondition,
              chain_path + " does not pass with the authorities of " + ca_path + ": " +
                  X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get())));
}

}  // namespace cairn::io
