#include <openssl/pem.h>

#include "common/base/macros.h"
#include "common/pki/openssl.h"

namespace muster::pki {

absl::StatusOr<std::string> MakeRequest(const PrivateKey& key, std::string_view common_name) {
  const X509RequestPtr request(X509_REQ_new());
  X509_NAME* name = X509_REQ_get_subject_name(request.get());
  const bool drafted =
      X509_REQ_set_version(request.get(), 0) == 1 &&
      X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_UTF8STRING,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) == 1 &&
      X509_REQ_set_pubkey(request.get(), key.impl().key.get()) == 1 &&
      X509_REQ_sign(request.get(), key.impl().key.get(), EVP_sha256()) != 0;
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!drafted || PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1) {
    return OpenSslError(absl::StatusCode::kInternal, "making a certificate request");
  }
  return Content(*bio);
}

absl::StatusOr<std::string> RequestPublicKeyHash(std::string_view request_pem) {
  MUSTER_ASSIGN_OR_RETURN(const X509RequestPtr request, ReadRequest(request_pem));
  return HashOfKey(*X509_REQ_get0_pubkey(request.get()));
}

}  // namespace muster::pki
