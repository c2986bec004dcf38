#include "common/manifest/suggest.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"

namespace muster::manifest {
namespace {

// Longer texts are no misspelt names, and the distance costs the product of both lengths.
constexpr size_t kLongest = 64;

std::string LettersOf(std::string_view text) {
  std::string letters;
  for (char c : text) {
    if (c != '_' && c != '-') letters += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return letters;
}

// Letters to insert, remove, replace or swap with the next one.
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string Suggest(std::string_view text, const std::vector<std::string_view>& candidates) {
  if (text.empty() || text.size() > kLongest) return "";
  const std::string letters = LettersOf(text);
  const size_t allowed = letters.size() <= 3 ? 1 : letters.size() <= 8 ? 2 : 3;
  size_t best = std::numeric_limits<size_t>::max();
  std::string_view nearest;
  for (std::string_view candidate : candidates) {
    const size_t distance = Distance(letters, LettersOf(candidate));
    // A suggestion that keeps nothing of what was written helps nobody.
    if (distance > allowed || distance >= letters.size()) continue;
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return std::string(nearest);
}

}  // namespace muster::manifest
