#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace muster::model {

// An amount of a resource: cores, bytes, pieces. A plain value, exact, never rounded by arithmetic.
//
// Kubernetes rules: at most nine decimals are kept (finer amounts round away from zero), amounts
// beyond 2^63-1 are capped there. The family of suffixes (decimal 1k, binary 1Ki, exponent 1e3)
// is remembered for printing only; equal amounts are equal whatever their family.
class Quantity {
 public:
  enum class Family { kDecimal, kBinary, kExponent };

  Quantity() = default;  // Zero.

  // InvalidArgument with Kubernetes' text when this is no quantity. Blanks around it are ignored.
  static absl::StatusOr<Quantity> Parse(std::string_view text);
  static Quantity FromMilli(int64_t milli, Family family = Family::kDecimal);
  static Quantity FromUnits(int64_t units, Family family = Family::kDecimal);

  // Whole units, rounded away from zero: 100m is 1.
  int64_t Value() const;
  // Thousandths, rounded away from zero, capped at the ends of int64.
  int64_t MilliValue() const;

  // The largest suffix that needs no fraction, in the family it was written in: 1.5Gi is 1536Mi.
  std::string ToString() const;

  bool IsZero() const { return nano_ == 0; }
  int sign() const { return nano_ == 0 ? 0 : (nano_ < 0 ? -1 : 1); }
  // True when it is a whole number of units.
  bool IsInteger() const;

  // A copy without anything finer than thousandths, rounded away from zero, as Kubernetes stores
  // the quantities of a pod.
  Quantity RoundedToMilli() const;

  Quantity& operator+=(const Quantity& other);
  Quantity& operator-=(const Quantity& other);
  friend Quantity operator+(Quantity a, const Quantity& b) { return a += b; }
  friend Quantity operator-(Quantity a, const Quantity& b) { return a -= b; }
  friend bool operator==(const Quantity& a, const Quantity& b) { return a.nano_ == b.nano_; }
  friend std::strong_ordering operator<=>(const Quantity& a, const Quantity& b) {
    return a.nano_ < b.nano_   ? std::strong_ordering::less
           : a.nano_ > b.nano_ ? std::strong_ordering::greater
                               : std::strong_ordering::equal;
  }

 private:
  // Billionths of a unit. 2^63 units of a billion parts need 93 bits.
  __extension__ using Int128 = __int128;

  Quantity(Int128 nano, Family family) : nano_(nano), family_(family) {}

  Int128 nano_ = 0;
  Family family_ = Family::kDecimal;
};

}  // namespace muster::model
