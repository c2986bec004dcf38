#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace muster::agent {

// How often something took how long. Plain value; takes memory from its first observation on.
class Histogram {
 public:
  // Ascending upper bounds in seconds, which have to live as long as this.
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds) {}

  void Observe(double seconds) {
    if (counts_.empty()) counts_.resize(bounds_.size() + 1);
    const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), seconds);
    ++counts_[static_cast<size_t>(bound - bounds_.begin())];
    ++count_;
    sum_ += seconds;
  }

  std::span<const double> bounds() const { return bounds_; }
  // Of observations up to bounds()[i] and above the one before; the last one of those above all.
  uint64_t CountAt(size_t i) const { return counts_.empty() ? 0 : counts_[i]; }
  uint64_t count() const { return count_; }
  double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace muster::agent
