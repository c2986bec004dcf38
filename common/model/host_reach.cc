#include "common/model/host_reach.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/model/image_reference.h"

namespace muster::model {
namespace {

// The components of an absolute path; nothing for one that is not, or has a "..".
std::optional<std::vector<std::string>> ComponentsOf(std::string_view path) {
  if (path.empty() || path.front() != '/') return std::nullopt;
  std::vector<std::string> components;
  for (const auto& part : absl::StrSplit(absl::string_view(path.data(), path.size()), '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return std::nullopt;
    components.emplace_back(part);
  }
  return components;
}

bool BeginsWith(const std::vector<std::string>& whole, const std::vector<std::string>& part) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

template <typename Containers>
void AddImages(std::string_view field, std::string_view kind, const Containers& containers,
               std::vector<PodUse>& uses) {
  for (int i = 0; i < containers.size(); ++i) {
    uses.push_back({absl::StrCat(std::string(field), "[", i, "].image"),
                    absl::StrCat(std::string(kind), " \"", containers[i].name(), "\""),
                    containers[i].image()});
  }
}

}  // namespace

std::vector<PodUse> HostPathsOf(const v1::PodSpec& spec) {
  std::vector<PodUse> uses;
  for (int i = 0; i < spec.volumes_size(); ++i) {
    const v1::Volume& volume = spec.volumes(i);
    if (!volume.has_host_path()) continue;
    uses.push_back({absl::StrCat("volumes[", i, "].hostPath.path"),
                    absl::StrCat("volume \"", volume.name(), "\""), volume.host_path().path()});
  }
  return uses;
}

std::vector<PodUse> ImagesOf(const v1::PodSpec& spec) {
  std::vector<PodUse> uses;
  AddImages("initContainers", "init container", spec.init_containers(), uses);
  AddImages("containers", "container", spec.containers(), uses);
  AddImages("ephemeralContainers", "ephemeral container", spec.ephemeral_containers(), uses);
  return uses;
}

bool IsBelow(std::string_view path, const std::vector<std::string>& prefixes) {
  const auto components = ComponentsOf(path);
  if (!components) return false;
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
    const auto allowed = ComponentsOf(prefix);
    return allowed && BeginsWith(*components, *allowed);
  });
}

bool IsFrom(std::string_view image, const std::vector<std::string>& sources) {
  const absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  if (!reference.ok()) return false;
  const std::vector<std::string> whole =
      absl::StrSplit(absl::StrCat(reference->host, "/", reference->path), '/');
  return std::any_of(sources.begin(), sources.end(), [&](const std::string& source) {
    return BeginsWith(whole, absl::StrSplit(source, '/', absl::SkipEmpty()));
  });
}

std::string BadHostPathPrefix(std::string_view prefix) {
  if (ComponentsOf(prefix)) return "";
  return absl::StrCat("\"", std::string(prefix), "\" is no absolute path without \"..\"");
}

std::string BadImageSource(std::string_view source) {
  // As it would have to stand before the name of an image.
  const absl::StatusOr<ImageReference> reference =
      ImageReference::Parse(absl::StrCat(std::string(source), "/image"));
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(source.data(), source.size()), '/', absl::SkipEmpty());
  if (reference.ok() && !parts.empty() && reference->host == parts.front()) return "";
  return absl::StrCat("\"", std::string(source),
                      "\" is neither a registry such as registry.example.com:5000 nor a path of "
                      "one such as docker.io/library");
}

}  // namespace muster::model
