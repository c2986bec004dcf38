#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace muster::model {

// An amount of a resource: cores, bytes, pieces. A plain value; adding and comparing are exact.
//
// Kubernetes rules: at most three decimals are kept (finer amounts round away from zero), amounts
// beyond 2^63-1 are capped there. The family of suffixes it was written in (decimal 1k, binary
// 1Ki, exponent 1e3) is remembered for printing only: equal amounts are equal in any family.
class Quantity {
 public:
  enum class Family { kDecimal, kBinary, kExponent };

  Quantity() = default;  // Zero.

  // InvalidArgument with Kubernetes' text when this is no quantity. Blanks around it are ignored.
  static absl::StatusOr<Quantity> Parse(std::string_view text);
  static Quantity FromMilli(int64_t milli, Family family = Family::kDecimal);
  static Quantity FromUnits(int64_t units, Family family = Family::kDecimal);

  // Whole units, rounded away from zero: 100m is 1. Capped at the ends of int64.
  int64_t Value() const;
  // Thousandths, capped at the ends of int64.
  int64_t MilliValue() const;

  // Canonical: the largest suffix that needs no fraction, in its family. 1.5Gi gives 1536Mi,
  // 1000m gives 1, 0.5 gives 500m.
  std::string ToString() const;

  bool IsZero() const { return milli_ == 0; }
  // -1, 0 or 1.
  int sign() const { return milli_ == 0 ? 0 : (milli_ < 0 ? -1 : 1); }
  // True when it is a whole number of units.
  bool IsInteger() const { return milli_ % 1000 == 0; }

  // Sums keep the family of the left side, unless that is zero.
  Quantity& operator+=(const Quantity& other);
  Quantity& operator-=(const Quantity& other);
  friend Quantity operator+(Quantity a, const Quantity& b) { return a += b; }
  friend Quantity operator-(Quantity a, const Quantity& b) { return a -= b; }
  friend bool operator==(const Quantity& a, const Quantity& b) { return a.milli_ == b.milli_; }
  friend std::strong_ordering operator<=>(const Quantity& a, const Quantity& b) {
    if (a.milli_ == b.milli_) return std::strong_ordering::equal;
    return a.milli_ < b.milli_ ? std::strong_ordering::less : std::strong_ordering::greater;
  }

 private:
  // 2^63 units of a thousand parts need 73 bits.
  __extension__ using Int128 = __int128;

  Quantity(Int128 milli, Family family) : milli_(milli), family_(family) {}

  Int128 milli_ = 0;
  Family family_ = Family::kDecimal;
};

}  // namespace muster::model
