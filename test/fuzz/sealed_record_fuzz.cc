// Any bytes as a sealed record, as a key file has it and as a record of a known key: they are
// refused, or they are what was sealed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/macros.h"
#include "common/seal/seal_ring.h"
#include "common/seal/sealing_key.h"

namespace {

using muster::seal::SealingKey;
using muster::seal::SealRing;

constexpr char kKey[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr char kName[] = "/secrets/default/db";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const SealRing ring({*SealingKey::FromBase64(kKey)});
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // Nobody but who has the key makes a record that opens.
  MUSTER_CHECK(!ring.Open(bytes, kName).ok());
  static const std::string mark = ring.Seal("", kName)->substr(0, 23);
  MUSTER_CHECK(!ring.Open(mark + std::string(bytes), kName).ok());
  const auto key = SealingKey::FromBase64(bytes);
  MUSTER_CHECK(!key.ok() || SealingKey::FromBase64(key->ToBase64())->id() == key->id());

  const std::string sealed = *ring.Seal(bytes, kName);
  MUSTER_CHECK(*ring.Open(sealed, kName) == bytes);
  std::string changed = sealed;
  const size_t at = (size == 0 ? 0 : data[0]) % changed.size();
  changed[at] = static_cast<char>(changed[at] ^ 0x20);
  MUSTER_CHECK(!ring.Open(changed, kName).ok());
  return 0;
}
