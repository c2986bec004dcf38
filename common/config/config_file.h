#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace muster {

struct ConfigDocument;
struct ConfigMapping;

// One mapping of a YAML settings file: the file itself, or a section of it.
//
// Read one key after the other, then call Finish on the file: a key that nobody has read is an
// error, as is a value of the wrong type, each as "file:line: what". A Read leaves its target as it
// is when the key is not there or its value is wrong, so targets start as the defaults. Plain YAML
// only: texts, numbers, true and false, lists and mappings of texts. A value type (copies share
// the file's problems); not thread-safe.
class ConfigSection {
 public:
  void Read(std::string_view key, std::string& target);
  // true or false, nothing else.
  void Read(std::string_view key, bool& target);
  // A decimal number from `min` to `max`.
  void Read(std::string_view key, int64_t& target, int64_t min, int64_t max);
  // Such as 250ms, 10s, 5m or 1h30m; from `min` to `max`.
  void Read(std::string_view key, Duration& target, Duration min, Duration max);
  void Read(std::string_view key, std::vector<std::string>& target);
  void Read(std::string_view key, std::map<std::string, std::string>& target);
  // One of `choices`.
  void ReadChoice(std::string_view key, const std::vector<std::string>& choices,
                  std::string& target);

  // Empty when the key is not there.
  ConfigSection Section(std::string_view key);
  // Of a list of mappings, in its order.
  std::vector<ConfigSection> Sections(std::string_view key);

  bool Has(std::string_view key) const;
  // For what the caller finds wrong with the value of a key: "file:line: key: problem".
  void Refuse(std::string_view key, std::string_view problem);

 private:
  friend class ConfigFile;
  ConfigSection(std::shared_ptr<ConfigDocument> document, std::shared_ptr<ConfigMapping> mapping)
      : document_(std::move(document)), mapping_(std::move(mapping)) {}

  std::shared_ptr<ConfigDocument> document_;
  std::shared_ptr<ConfigMapping> mapping_;
};

// A whole settings file.
class ConfigFile {
 public:
  // InvalidArgument when it is not a YAML mapping; NotFound when there is no such file. An empty
  // file is an empty mapping.
  static absl::StatusOr<ConfigFile> Load(const std::string& path);
  // `name` stands for the path in messages.
  static absl::StatusOr<ConfigFile> Parse(const std::string& text, const std::string& name);

  ConfigSection& root() { return root_; }
  // InvalidArgument with all problems, one a line, in the order of the file.
  absl::Status Finish() const;

 private:
  explicit ConfigFile(ConfigSection root) : root_(std::move(root)) {}

  ConfigSection root_;  // Whose document has the problems.
};

}  // namespace muster
