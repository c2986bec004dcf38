// Any text as the names of projected files, one in a line: none of them leaves the volume, nor
// takes a name that the writer keeps for itself.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "agent/volumes/payload.h"
#include "common/base/macros.h"

namespace {

namespace v1 = muster::v1;

class OneConfigMap final : public muster::agent::ConfigSource {
 public:
  explicit OneConfigMap(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) (*config_.mutable_data())[key] = key;
  }
  const v1::ConfigMap* FindConfigMap(const std::string&, const std::string&) const override {
    return &config_;
  }
  const v1::Secret* FindSecret(const std::string&, const std::string&) const override {
    return nullptr;
  }

 private:
  v1::ConfigMap config_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<std::string> names = absl::StrSplit(text, '\n');
  v1::Volume volume;
  v1::ConfigMapVolumeSource& source = *volume.mutable_config_map();
  source.set_name("names");
  const bool renamed = data[0] % 2 == 0;
  for (size_t i = 0; renamed && i < names.size(); ++i) {
    v1::KeyToPath& item = *source.add_items();
    item.set_key("key");
    item.set_path(names[i]);
  }
  const OneConfigMap configs(renamed ? std::vector<std::string>{"key"} : names);
  const auto payload = muster::agent::MakePayload(v1::Pod(), volume, {}, configs);
  if (!payload.ok()) {
    MUSTER_CHECK(absl::IsInvalidArgument(payload.status()));
    return 0;
  }
  for (const auto& [path, file] : *payload) {
    const std::string inside = std::filesystem::path("/volume/" + path).lexically_normal();
    MUSTER_CHECK(inside == "/volume/" + path);
    MUSTER_CHECK(!absl::StartsWith(path, ".."));
  }
  return 0;
}
