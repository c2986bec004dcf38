#include "common/config/config_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <functional>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster {

// A mapping, and which of its keys somebody asked for.
struct ConfigMapping {
  struct Entry {
    int line = 0;
    YAML::Node value;
  };
  std::string path;  // "tls." for the section tls.
  std::map<std::string, Entry, std::less<>> entries;
  std::set<std::string, std::less<>> known;
};

// What the sections of one file have in common.
struct ConfigDocument {
  struct Problem {
    int line = 0;
    std::string text;
  };
  std::string name;
  std::vector<std::shared_ptr<ConfigMapping>> mappings;
  std::vector<Problem> problems;

  std::shared_ptr<ConfigMapping> NewMapping(std::string path, const YAML::Node& node);
};

namespace {

using Entry = ConfigMapping::Entry;

int LineOf(const YAML::Node& node) { return node.Mark().line + 1; }

// The entries of a mapping of YAML with its keys as texts, each once.
std::map<std::string, Entry, std::less<>> EntriesOf(const YAML::Node& node, const std::string& path,
                                                    ConfigDocument& document) {
  std::map<std::string, Entry, std::less<>> entries;
  for (const auto& pair : node) {
    const int line = LineOf(pair.first);
    if (!pair.first.IsScalar()) {
      document.problems.push_back({line, "a key has to be a text"});
      continue;
    }
    const std::string& key = pair.first.Scalar();
    const auto [entry, is_new] = entries.try_emplace(key, Entry{line, pair.second});
    if (!is_new) {
      document.problems.push_back(
          {line, absl::StrCat("key \"", path, key, "\" is there twice, first in line ",
                              entry->second.line)});
    }
  }
  return entries;
}

std::string Found(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return absl::StrCat("\"", node.Scalar(), "\"");
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a mapping";
    default:
      return "nothing";
  }
}

// Null when the key is not there, or is of another type; that is a problem then.
const YAML::Node* Find(ConfigSection& section, ConfigMapping& mapping, std::string_view key,
                       YAML::NodeType::value type, std::string_view expected) {
  mapping.known.emplace(key);
  const auto found = mapping.entries.find(key);
  if (found == mapping.entries.end()) return nullptr;
  const YAML::Node& node = found->second.value;
  if (node.Type() == type) return &node;
  section.Refuse(key, absl::StrCat("expected ", std::string(expected), ", found ", Found(node)));
  return nullptr;
}

std::string Text(Duration duration) { return absl::FormatDuration(absl::FromChrono(duration)); }

}  // namespace

std::shared_ptr<ConfigMapping> ConfigDocument::NewMapping(std::string path,
                                                          const YAML::Node& node) {
  auto mapping = std::make_shared<ConfigMapping>();
  mapping->entries = EntriesOf(node, path, *this);
  mapping->path = std::move(path);
  mappings.push_back(mapping);
  return mapping;
}

void ConfigSection::Read(std::string_view key, std::string& target) {
  const YAML::Node* node = Find(*this, *mapping_, key, YAML::NodeType::Scalar, "a text");
  if (node != nullptr) target = node->Scalar();
}

void ConfigSection::Read(std::string_view key, bool& target) {
  constexpr char kExpected[] = "true or false";
  const YAML::Node* node = Find(*this, *mapping_, key, YAML::NodeType::Scalar, kExpected);
  if (node == nullptr) return;
  if (node->Scalar() != "true" && node->Scalar() != "false") {
    return Refuse(key, absl::StrCat("expected ", kExpected, ", found ", Found(*node)));
  }
  target = node->Scalar() == "true";
}

void ConfigSection::Read(std::string_view key, int64_t& target, int64_t min, int64_t max) {
  const std::string expected = absl::StrCat("a number from ", min, " to ", max);
  const YAML::Node* node = Find(*this, *mapping_, key, YAML::NodeType::Scalar, expected);
  if (node == nullptr) return;
  int64_t number = 0;
  // What looks like an octal or padded number means different things to different readers.
  if (!absl::SimpleAtoi(node->Scalar(), &number) || absl::StrCat(number) != node->Scalar() ||
      number < min || number > max) {
    return Refuse(key, absl::StrCat("expected ", expected, ", found ", Found(*node)));
  }
  target = number;
}

void ConfigSection::Read(std::string_view key, Duration& target, Duration min, Duration max) {
  const std::string expected =
      absl::StrCat("a duration from ", Text(min), " to ", Text(max), ", such as 90s or 1h30m");
  const YAML::Node* node = Find(*this, *mapping_, key, YAML::NodeType::Scalar, expected);
  if (node == nullptr) return;
  absl::Duration duration;
  if (!absl::ParseDuration(node->Scalar(), &duration) || duration < absl::FromChrono(min) ||
      duration > absl::FromChrono(max)) {
    return Refuse(key, absl::StrCat("expected ", expected, ", found ", Found(*node)));
  }
  target = absl::ToChronoNanoseconds(duration);
}

void ConfigSection::Read(std::string_view key, std::vector<std::string>& target) {
  const YAML::Node* node = Find(*this, *mapping_, key, YAML::NodeType::Sequence, "a list of texts");
  if (node == nullptr) return;
  std::vector<std::string> texts;
  for (const YAML::Node& item : *node) {
    if (!item.IsScalar()) {
      return Refuse(key, absl::StrCat("expected a list of texts, found ", Found(item), " in it"));
    }
    texts.push_back(item.Scalar());
  }
  target = std::move(texts);
}

void ConfigSection::Read(std::string_view key, std::map<std::string, std::string>& target) {
  const YAML::Node* node = Find(*this, *mapping_, key, YAML::NodeType::Map, "a mapping of texts");
  if (node == nullptr) return;
  std::map<std::string, std::string> texts;
  const std::string path = absl::StrCat(mapping_->path, std::string(key), ".");
  for (const auto& [name, entry] : EntriesOf(*node, path, *document_)) {
    if (!entry.value.IsScalar()) {
      return Refuse(key,
                    absl::StrCat("expected a text for \"", name, "\", found ", Found(entry.value)));
    }
    texts[name] = entry.value.Scalar();
  }
  target = std::move(texts);
}

void ConfigSection::ReadChoice(std::string_view key, const std::vector<std::string>& choices,
                               std::string& target) {
  const std::string expected = absl::StrCat("one of ", absl::StrJoin(choices, ", "));
  const YAML::Node* node = Find(*this, *mapping_, key, YAML::NodeType::Scalar, expected);
  if (node == nullptr) return;
  if (std::find(choices.begin(), choices.end(), node->Scalar()) == choices.end()) {
    return Refuse(key, absl::StrCat("expected ", expected, ", found ", Found(*node)));
  }
  target = node->Scalar();
}

ConfigSection ConfigSection::Section(std::string_view key) {
  std::string path = absl::StrCat(mapping_->path, std::string(key), ".");
  mapping_->known.emplace(key);
  const auto found = mapping_->entries.find(key);
  // "tls:" with nothing below, or all of it commented out, is an empty section.
  const bool empty = found == mapping_->entries.end() || found->second.value.IsNull();
  const YAML::Node* node =
      empty ? nullptr : Find(*this, *mapping_, key, YAML::NodeType::Map, "a mapping");
  return {document_,
          document_->NewMapping(std::move(path), node == nullptr ? YAML::Node() : *node)};
}

std::vector<ConfigSection> ConfigSection::Sections(std::string_view key) {
  const YAML::Node* node =
      Find(*this, *mapping_, key, YAML::NodeType::Sequence, "a list of mappings");
  std::vector<ConfigSection> sections;
  if (node == nullptr) return sections;
  for (const YAML::Node& item : *node) {
    if (!item.IsMap()) {
      Refuse(key, absl::StrCat("expected a list of mappings, found ", Found(item), " in it"));
      return {};
    }
    std::string path = absl::StrCat(mapping_->path, std::string(key), "[", sections.size(), "].");
    sections.push_back(ConfigSection(document_, document_->NewMapping(std::move(path), item)));
  }
  return sections;
}

bool ConfigSection::Has(std::string_view key) const {
  return mapping_->entries.find(key) != mapping_->entries.end();
}

void ConfigSection::Refuse(std::string_view key, std::string_view problem) {
  const auto found = mapping_->entries.find(key);
  const int line = found == mapping_->entries.end() ? 0 : found->second.line;
  document_->problems.push_back(
      {line, absl::StrCat("\"", mapping_->path, std::string(key), "\": ", std::string(problem))});
}

absl::StatusOr<ConfigFile> ConfigFile::Load(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 1 << 20));
  return Parse(text, path);
}

absl::StatusOr<ConfigFile> ConfigFile::Parse(const std::string& text, const std::string& name) {
  auto document = std::make_shared<ConfigDocument>();
  document->name = name;
  try {
    const std::vector<YAML::Node> parts = YAML::LoadAll(text);
    if (parts.size() > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ":", LineOf(parts[1]), ": there can be only one document"));
    }
    const YAML::Node root = parts.empty() ? YAML::Node() : parts[0];
    if (!root.IsMap() && !root.IsNull()) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, ":", LineOf(root), ": expected \"key: value\" lines, found ", Found(root)));
    }
    return ConfigFile(ConfigSection(document, document->NewMapping("", root)));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ":", error.mark.line + 1, ": ", error.msg));
  }
}

absl::Status ConfigFile::Finish() const {
  const ConfigDocument& document = *root_.document_;
  std::vector<ConfigDocument::Problem> problems = document.problems;
  for (const auto& mapping : document.mappings) {
    for (const auto& [key, entry] : mapping->entries) {
      if (mapping->known.count(key) != 0) continue;
      problems.push_back(
          {entry.line, absl::StrCat("unknown key \"", mapping->path, key,
                                    "\"; known here: ", absl::StrJoin(mapping->known, ", "))});
    }
  }
  if (problems.empty()) return absl::OkStatus();
  std::stable_sort(problems.begin(), problems.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  std::vector<std::string> lines;
  for (const ConfigDocument::Problem& problem : problems) {
    // A problem with a key that is not there has no line.
    const std::string where = problem.line == 0 ? "" : absl::StrCat(problem.line, ": ");
    lines.push_back(
        absl::StrCat(document.name, ":", where.empty() ? " " : "", where, problem.text));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

}  // namespace muster
