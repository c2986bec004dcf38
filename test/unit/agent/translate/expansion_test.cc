#include "agent/translate/expansion.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace muster::agent {
namespace {

Expanded ExpandWith(const std::map<std::string, std::string>& known, std::string_view text) {
  return Expand(text, [&](std::string_view name) -> std::optional<std::string> {
    const auto found = known.find(std::string(name));
    if (found == known.end()) return std::nullopt;
    return found->second;
  });
}

// Spec: pod/13/reference, pod/13/escaped, pod/13/undefined, pod/13/double-dollar, pod/13/broken
// Spec: pod/13/literal
TEST(Expansion, FollowsKubernetesRulesForReferencesAndEscapes) {
  const std::map<std::string, std::string> known = {{"A", "x"}, {"C", "$(A)"}, {"E", ""}};
  const struct {
    const char* text;
    const char* expanded;
  } kRows[] = {
      {"", ""},
      {"plain", "plain"},
      {"$(A)", "x"},
      {"$(A)-$(A)", "x-x"},
      {"$$(A)", "$(A)"},
      {"$$$(A)", "$x"},
      {"$$$$(A)", "$$(A)"},
      {"$(D)", "$(D)"},
      {"${A}", "${A}"},
      {"$A", "$A"},
      {"$", "$"},
      {"end$", "end$"},
      {"f$$A", "f$A"},
      {"$(A$(A))", "$(A$(A))"},
      {"$(A", "$(A"},
      {"$(C)", "$(A)"},
      {"<$(E)>", "<>"},
      {"$()", "$()"},
  };
  for (const auto& row : kRows)
    EXPECT_EQ(ExpandWith(known, row.text).text, row.expanded) << row.text;
}

TEST(Expansion, TellsWhetherEveryReferenceWasKnown) {
  EXPECT_TRUE(ExpandWith({{"A", "x"}}, "$(A)").complete);
  EXPECT_TRUE(ExpandWith({}, "$$(A)").complete);
  EXPECT_FALSE(ExpandWith({}, "$(A)").complete);
}

}  // namespace
}  // namespace muster::agent
