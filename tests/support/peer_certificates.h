// An authority and certificates of nodes that it signed, in files of a directory of their own.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <string>

#include "tests/support/temporary_directory.h"

namespace cairn::testing_support {

class PeerCertificates {
 public:
  PeerCertificates() { make("ca", nullptr, nullptr); }
  ~PeerCertificates() {
    X509_free(ca_);
    EVP_PKEY_free(ca_key_);
  }
  PeerCertificates(const PeerCertificates&) = delete;
  PeerCertificates& operator=(const PeerCertificates&) = delete;

  std::string ca() const { return path("ca"); }
  // Of a node at 127.0.0.1 or localhost; made when first asked for.
  std::string certificate(const std::string& name) {
    if (::access(path(name).c_str(), R_OK) != 0) make(name, ca_, ca_key_);
    return path(name);
  }
  std::string key(const std::string& name) {
    certificate(name);
    return path(name + "-key");
  }

 private:
  std::string path(const std::string& name) const {
    return directory_.path() + "/" + name + ".pem";
  }

  static void extend(X509* certificate, X509* issuer, int what, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  void make(const std::string& name, X509* issuer, EVP_PKEY* issuer_key) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509* signer = issuer != nullptr ? issuer : certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    if (issuer == nullptr) {
      extend(certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
    } else {
      extend(certificate, signer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
      extend(certificate, signer, NID_ext_key_usage, "serverAuth,clientAuth");
    }
    X509_sign(certificate, issuer_key != nullptr ? issuer_key : key, EVP_sha256());
    FILE* out = std::fopen(path(name).c_str(), "w");
    PEM_write_X509(out, certificate);
    std::fclose(out);
    out = std::fopen(path(name + "-key").c_str(), "w");
    PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
    if (issuer == nullptr) {
      ca_ = certificate;
      ca_key_ = key;
      return;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  TemporaryDirectory directory_;
  X509* ca_ = nullptr;
  EVP_PKEY* ca_key_ = nullptr;
  long serial_ = 0;
};

}  // namespace cairn::testing_support
