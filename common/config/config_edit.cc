#include "common/config/config_edit.h"

#include <yaml-cpp/yaml.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/macros.h"

namespace muster {
namespace {

struct Place {
  int line = 0;  // From 0.
  bool replaceable = false;
};

// Where the top-level keys are.
absl::StatusOr<std::map<std::string, Place>> FindPlaces(const std::string& text,
                                                        const std::string& name) {
  std::map<std::string, Place> places;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return places;
    if (!root.IsMap() || root.Style() == YAML::EmitterStyle::Flow) {
      return absl::FailedPreconditionError(
          absl::StrCat(name, ": not in the form of \"key: value\" lines; edit it by hand"));
    }
    for (const auto& pair : root) {
      if (!pair.first.IsScalar()) continue;
      Place place;
      place.line = pair.first.Mark().line;
      place.replaceable =
          pair.second.IsNull() || (pair.second.IsScalar() && pair.second.Mark().line == place.line);
      places[pair.first.Scalar()] = place;
    }
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ":", error.mark.line + 1, ": ", error.msg));
  }
  return places;
}

std::string LineFor(const std::string& key, const std::string& value) {
  YAML::Emitter emitter;
  emitter << YAML::DoubleQuoted << value;
  return absl::StrCat(key, ": ", emitter.c_str());
}

// A value can go on in a way that its first line does not show.
absl::Status CheckResult(const std::string& before, const std::string& after,
                         const std::string& name,
                         const std::vector<std::pair<std::string, std::string>>& settings) {
  const auto different = absl::FailedPreconditionError(
      absl::StrCat(name, ": cannot be changed without changing more; edit it by hand: ",
                   absl::StrJoin(settings, ", ", absl::PairFormatter(" to "))));
  try {
    YAML::Node expected = YAML::Load(before);
    for (const auto& [key, value] : settings) expected[key] = value;
    const YAML::Node actual = YAML::Load(after);
    if (YAML::Dump(expected) == YAML::Dump(actual)) return absl::OkStatus();
    // Dump keeps the quotes of what was read; only the content counts.
    if (expected.size() != actual.size()) return different;
    for (const auto& pair : expected) {
      const YAML::Node other = actual[pair.first.Scalar()];
      if (!other.IsDefined() || other.Type() != pair.second.Type()) return different;
      const bool same = other.IsScalar() ? other.Scalar() == pair.second.Scalar()
                                         : YAML::Dump(other) == YAML::Dump(pair.second);
      if (!same) return different;
    }
  } catch (const YAML::Exception&) {
    return different;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> SetConfigKeys(
    const std::string& text, const std::string& name,
    const std::vector<std::pair<std::string, std::string>>& settings) {
  MUSTER_ASSIGN_OR_RETURN(const auto places, FindPlaces(text, name));
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  for (const auto& [key, value] : settings) {
    const auto place = places.find(key);
    if (place == places.end()) {
      lines.push_back(LineFor(key, value));
      continue;
    }
    if (!place->second.replaceable) {
      return absl::FailedPreconditionError(
          absl::StrCat(name, ":", place->second.line + 1, ": set ", key, " to \"", value,
                       "\" by hand: it is not a text on one line"));
    }
    lines.at(static_cast<size_t>(place->second.line)) = LineFor(key, value);
  }
  std::string result = absl::StrCat(absl::StrJoin(lines, "\n"), "\n");
  MUSTER_RETURN_IF_ERROR(CheckResult(text, result, name, settings));
  return result;
}

}  // namespace muster
