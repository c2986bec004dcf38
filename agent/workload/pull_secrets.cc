#include "agent/workload/pull_secrets.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/model/image_reference.h"
#include "nlohmann/json.hpp"

namespace muster::agent {
namespace {

using nlohmann::json;

struct Entry {
  std::string host, port, path;
  RegistryAuth auth;
  size_t length = 0;  // Of its key.
};

// "https://index.docker.io/v1/" and the like.
Entry ParseKey(const std::string& key) {
  Entry entry;
  entry.length = key.size();
  absl::string_view rest = key;
  if (!absl::ConsumePrefix(&rest, "https://")) absl::ConsumePrefix(&rest, "http://");
  const size_t slash = rest.find('/');
  const absl::string_view host = rest.substr(0, slash);
  if (slash != absl::string_view::npos) {
    absl::string_view path = rest.substr(slash + 1);
    for (const absl::string_view api : {"v1", "v2"}) {
      if (path == api) path = "";
      if (absl::ConsumePrefix(&path, absl::StrCat(api, "/"))) break;
    }
    absl::ConsumeSuffix(&path, "/");
    entry.path = std::string(path);
  }
  const std::pair<std::string, std::string> parts = absl::StrSplit(host, absl::MaxSplits(':', 1));
  entry.host = parts.first == "index.docker.io" ? "docker.io" : parts.first;
  entry.port = parts.second;
  return entry;
}

bool HostMatches(const std::string& pattern, const std::string& host) {
  const std::vector<std::string> patterns = absl::StrSplit(pattern, '.');
  const std::vector<std::string> parts = absl::StrSplit(host, '.');
  if (patterns.size() != parts.size()) return false;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (::fnmatch(patterns[i].c_str(), parts[i].c_str(), 0) != 0) return false;
  }
  return true;
}

std::string TextOf(const json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
}

// What the file of a docker client says.
void AppendEntries(const v1::Secret& secret, std::vector<Entry>& entries) {
  const bool is_config = secret.type() == "kubernetes.io/dockerconfigjson";
  if (!is_config && secret.type() != "kubernetes.io/dockercfg") return;
  const auto data = secret.data().find(is_config ? ".dockerconfigjson" : ".dockercfg");
  if (data == secret.data().end()) return;
  json file = json::parse(data->second, nullptr, /*allow_exceptions=*/false);
  if (is_config && file.is_object()) file = file.value("auths", json::object());
  if (!file.is_object()) return;
  for (const auto& [key, value] : file.items()) {
    if (!value.is_object()) continue;
    Entry entry = ParseKey(key);
    entry.auth = {.username = TextOf(value, "username"),
                  .password = TextOf(value, "password"),
                  .auth = TextOf(value, "auth"),
                  .identity_token = TextOf(value, "identitytoken"),
                  .registry_token = TextOf(value, "registrytoken")};
    entries.push_back(std::move(entry));
  }
}

}  // namespace

std::vector<RegistryAuth> CredentialsFor(
    const v1::Pod& pod, const std::string& image,
    const std::function<const v1::Secret*(const std::string& name)>& find_secret) {
  const absl::StatusOr<model::ImageReference> reference = model::ImageReference::Parse(image);
  if (!reference.ok()) return {};
  std::vector<Entry> entries;
  for (const v1::LocalObjectReference& name : pod.spec().image_pull_secrets()) {
    if (const v1::Secret* secret = find_secret(name.name())) AppendEntries(*secret, entries);
  }
  const std::pair<std::string, std::string> host =
      absl::StrSplit(reference->host, absl::MaxSplits(':', 1));
  std::erase_if(entries, [&](const Entry& entry) {
    return !HostMatches(entry.host, host.first) || entry.port != host.second ||
           !absl::StartsWith(reference->path, entry.path);
  });
  std::ranges::stable_sort(entries,
                           [](const Entry& a, const Entry& b) { return a.length > b.length; });
  std::vector<RegistryAuth> auths;
  for (Entry& entry : entries) auths.push_back(std::move(entry.auth));
  return auths;
}

}  // namespace muster::agent
