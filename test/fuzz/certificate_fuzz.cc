// Any text as the certificates and requests that peers present, and as what a coordinator answers
// to a node that asks for one: it is read, or an error, and nothing of another CA counts.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/pki/pki.h"

namespace {

using namespace muster;

struct Keys {
  pki::KeyAndCertificate ca = *pki::MakeCa("fuzz", SystemClock().Wall(), std::chrono::hours(24));
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Keys keys;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const WallTime now = SystemClock().Wall();
  (void)pki::ParseCertificate(text).ok();
  (void)pki::PublicKeyHash(text).ok();
  const absl::StatusOr<std::vector<std::string>> bundle = pki::SplitBundle(text);
  MUSTER_CHECK(!bundle.ok() || (!bundle->empty() && bundle->size() <= 16));
  (void)pki::HashesOf(text).ok();
  (void)pki::IssuerAmong(keys.ca.certificate_pem, text).ok();
  // Nobody can make one of this CA but it itself, which is not in the corpus.
  MUSTER_CHECK(!pki::VerifyIssuedBy(text, keys.ca.certificate_pem, now).ok());
  if (pki::RequestPublicKeyHash(text).ok()) {
    (void)pki::SignClientRequest(keys.ca, text, "somebody", "muster:users", now,
                                 std::chrono::hours(1))
        .ok();
  }
  return 0;
}
