#include "coordinator/podsecurity/namespace_levels.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace muster::coordinator {
namespace {

bool IsVersion(std::string_view text) {
  if (text == "latest") return true;
  constexpr std::string_view kPrefix = "v1.";
  if (text.substr(0, kPrefix.size()) != kPrefix || text.size() == kPrefix.size()) return false;
  for (const char c : text.substr(kPrefix.size())) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

}  // namespace

PodSecurityLevels PodSecurityLevelsOf(const model::LabelMap& labels,
                                      const PodSecurityLevels& otherwise,
                                      std::vector<BadPodSecurityLabel>* bad) {
  PodSecurityLevels levels = otherwise;
  for (const auto& [mode, level] :
       {std::pair("enforce", &levels.enforce), std::pair("warn", &levels.warn),
        std::pair("audit", &levels.audit)}) {
    const std::string key = absl::StrCat(kPodSecurityLabelPrefix, mode);
    if (const auto found = labels.find(key); found != labels.end()) {
      const std::optional<PodSecurityLevel> named = PodSecurityLevelNamed(found->second);
      if (!named && bad != nullptr) bad->push_back({key, found->second, false});
      *level = named.value_or(PodSecurityLevel::kRestricted);
    }
    const auto version = labels.find(key + "-version");
    if (version != labels.end() && !IsVersion(version->second) && bad != nullptr) {
      bad->push_back({version->first, version->second, true});
    }
  }
  return levels;
}

}  // namespace muster::coordinator
