#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/pki/pki.h"

// What the files of this folder share; nobody else includes it.
namespace muster::pki {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using EvpKeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using X509RequestPtr = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;
using X509NamePtr = std::unique_ptr<X509_NAME, Freer<X509_NAME_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;

struct PrivateKey::Impl {
  EvpKeyPtr key;
};

// Takes OpenSSL's own reason, and leaves its error queue empty.
absl::Status OpenSslError(absl::StatusCode code, std::string_view doing);

// For OpenSSL's PEM readers: an encrypted text is refused. Without it they ask on the terminal.
int NoPassword(char* buffer, int size, int writing, void* user);

BioPtr MemoryBio(std::string_view text);
std::string Content(BIO& bio);

absl::StatusOr<X509Ptr> ReadCertificate(std::string_view pem);
absl::StatusOr<X509RequestPtr> ReadRequest(std::string_view pem);
absl::StatusOr<std::string> CertificatePem(X509& certificate);
// sha256:HEX over the SubjectPublicKeyInfo.
absl::StatusOr<std::string> HashOfKey(EVP_PKEY& key);

}  // namespace muster::pki
