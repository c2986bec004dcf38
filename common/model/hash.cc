#include "common/model/hash.h"

#include "absl/strings/str_cat.h"
#include "common/model/canonical_text.h"

namespace muster::model {

uint32_t Fnv1a(std::string_view text) {
  constexpr uint32_t kOffset = 2166136261;
  constexpr uint32_t kPrime = 16777619;
  uint32_t hash = kOffset;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= kPrime;
  }
  return hash;
}

std::string SafeEncode(uint32_t number) {
  // Kubernetes takes the character code modulo 27 as an index into its alphabet without vowels,
  // 0, 1 and 3; for the ten digits that comes to this.
  constexpr std::string_view kDigits = "456789bcdf";
  std::string text = absl::StrCat(number);
  for (char& c : text) c = kDigits[c - '0'];
  return text;
}

std::string TemplateHash(const v1::PodTemplateSpec& pod_template,
                         std::optional<int32_t> collision_count) {
  std::string text = CanonicalText(pod_template);
  if (collision_count) {
    const auto bits = static_cast<uint32_t>(*collision_count);
    for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(bits >> shift);
  }
  return SafeEncode(Fnv1a(text));
}

}  // namespace muster::model
