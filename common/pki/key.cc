#include <openssl/ec.h>
#include <openssl/pem.h>

#include <utility>

#include "common/base/macros.h"
#include "common/pki/openssl.h"

namespace muster::pki {
namespace {

PrivateKey Wrap(EvpKeyPtr key) {
  auto impl = std::make_shared<PrivateKey::Impl>();
  impl->key = std::move(key);
  return PrivateKey(std::move(impl));
}

}  // namespace

absl::StatusOr<PrivateKey> PrivateKey::Generate() {
  EvpKeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslError(absl::StatusCode::kInternal, "making a key");
  return Wrap(std::move(key));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  const BioPtr bio = MemoryBio(pem);
  EvpKeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassword, nullptr));
  if (key == nullptr) return OpenSslError(absl::StatusCode::kInvalidArgument, "reading a key");
  return Wrap(std::move(key));
}

absl::StatusOr<std::string> PrivateKey::ToPem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1) {
    return OpenSslError(absl::StatusCode::kInternal, "writing a key");
  }
  return Content(*bio);
}

absl::StatusOr<std::string> PrivateKey::PublicKeyHash() const { return HashOfKey(*impl_->key); }

}  // namespace muster::pki
