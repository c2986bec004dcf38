#include "common/pki/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::pki {
namespace {

// Certificates of a fleet are a few hundred bytes; what is larger is not one.
constexpr size_t kPemBytesMax = 64 << 10;

absl::Status CheckSize(std::string_view pem) {
  if (pem.size() <= kPemBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("longer than ", kPemBytesMax, " bytes"));
}

bool IsP256(const EVP_PKEY& key) {
  char group[32];
  size_t length = 0;
  return EVP_PKEY_is_a(&key, "EC") == 1 &&
         EVP_PKEY_get_group_name(&key, group, sizeof group, &length) == 1 &&
         std::string_view(group, length) == "prime256v1";
}

}  // namespace

absl::Status OpenSslError(absl::StatusCode code, std::string_view doing) {
  std::string message(doing);
  if (const unsigned long error = ERR_get_error(); error != 0) {
    char text[256];
    ERR_error_string_n(error, text, sizeof text);
    absl::StrAppend(&message, ": ", text);
  }
  ERR_clear_error();
  return absl::Status(code, message);
}

int NoPassword(char*, int, int, void*) { return -1; }

BioPtr MemoryBio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string Content(BIO& bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(&bio, &data);
  return length > 0 ? std::string(data, static_cast<size_t>(length)) : std::string();
}

absl::StatusOr<X509Ptr> ReadCertificate(std::string_view pem) {
  MUSTER_RETURN_IF_ERROR(CheckSize(pem));
  const BioPtr bio = MemoryBio(pem);
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, &NoPassword, nullptr));
  if (certificate == nullptr) {
    return OpenSslError(absl::StatusCode::kInvalidArgument, "reading a certificate");
  }
  return certificate;
}

absl::StatusOr<X509RequestPtr> ReadRequest(std::string_view pem) {
  MUSTER_RETURN_IF_ERROR(CheckSize(pem));
  const BioPtr bio = MemoryBio(pem);
  X509RequestPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, &NoPassword, nullptr));
  if (request == nullptr) {
    return OpenSslError(absl::StatusCode::kInvalidArgument, "reading a certificate request");
  }
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !IsP256(*key)) {
    return OpenSslError(absl::StatusCode::kInvalidArgument,
                        "the key of the certificate request is not ECDSA P-256");
  }
  if (X509_REQ_verify(request.get(), key) != 1) {
    return OpenSslError(absl::StatusCode::kInvalidArgument,
                        "the signature of the certificate request does not hold");
  }
  return request;
}

absl::StatusOr<std::string> CertificatePem(X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), &certificate) != 1) {
    return OpenSslError(absl::StatusCode::kInternal, "writing a certificate");
  }
  return Content(*bio);
}

absl::StatusOr<std::string> HashOfKey(EVP_PKEY& key) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(&key, &der);
  if (length <= 0) return OpenSslError(absl::StatusCode::kInternal, "encoding a public key");
  const std::string hash =
      Sha256Hex(std::string_view(reinterpret_cast<char*>(der), static_cast<size_t>(length)));
  OPENSSL_free(der);
  return absl::StrCat("sha256:", hash);
}

}  // namespace muster::pki
