#include "agent/loop/static_pods.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/text_file.h"
#include "common/manifest/decode.h"
#include "common/manifest/unsupported.h"
#include "common/model/static_pod.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

constexpr size_t kFileBytesMax = 10 << 20;

bool IsManifest(std::string_view name) {
  return !name.starts_with('.') &&
         (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"));
}

absl::StatusOr<std::vector<std::string>> ListManifests(const std::string& directory) {
  std::vector<std::string> names;
  DIR* open = ::opendir(directory.c_str());
  if (open == nullptr) {
    if (errno == ENOENT) return names;
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", directory));
  }
  errno = 0;
  while (const dirent* entry = ::readdir(open)) {
    if (IsManifest(entry->d_name)) names.emplace_back(entry->d_name);
  }
  const int error = errno;
  ::closedir(open);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("cannot read ", directory));
  return names;
}

absl::StatusOr<v1::Pod> ReadManifest(const std::string& path, const std::string& node,
                                     WallTime changed) {
  const absl::StatusOr<std::string> text = ReadFile(path, kFileBytesMax);
  if (!text.ok()) return text.status();
  manifest::DecodeOptions options;
  options.strict = true;
  options.limits.bytes_max = kFileBytesMax;
  const manifest::Decoded decoded = manifest::DecodeManifest(path, *text, options);
  for (const manifest::Diagnostic& finding : decoded.diagnostics) {
    if (finding.severity == manifest::Severity::kError) {
      return absl::InvalidArgumentError(manifest::ToString(finding));
    }
  }
  if (decoded.documents.size() != 1 || !decoded.documents.front().object.has_pod()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected one Pod"));
  }
  for (const manifest::UnsupportedField& field :
       manifest::FindUnsupportedFields(decoded.documents.front().object.pod())) {
    const std::string finding = absl::StrCat(path, ": ", field.path, ": ", field.reason);
    if (field.refused) return absl::InvalidArgumentError(finding);
    spdlog::warn("static pod: {}", finding);
  }
  absl::StatusOr<v1::Pod> pod =
      model::MakeStaticPod(decoded.documents.front().object.pod(), {node, path, changed});
  if (pod.ok()) return pod;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", pod.status().message()));
}

}  // namespace

void StaticPods::ReadFile(const std::string& name, File& file) {
  absl::StatusOr<v1::Pod> pod =
      ReadManifest(absl::StrCat(directory_, "/", name), node_name_, file.changed);
  if (pod.ok()) {
    file.pod = std::make_shared<const v1::Pod>(*std::move(pod));
  } else {
    spdlog::error("static pod: {}{}", std::string(pod.status().message()),
                  file.pod != nullptr ? "; what it held before goes on" : "");
  }
}

bool StaticPods::Read() {
  if (directory_.empty()) return false;
  const absl::StatusOr<std::vector<std::string>> names = ListManifests(directory_);
  const std::string problem(names.status().message());
  if (problem != told_ && !problem.empty()) spdlog::error("static pods: {}", problem);
  told_ = problem;
  if (!names.ok()) return false;
  const std::set<std::string> present(names->begin(), names->end());
  std::erase_if(files_, [&present](const auto& entry) { return !present.contains(entry.first); });
  for (const std::string& name : present) {
    struct stat info {};
    if (::stat(absl::StrCat(directory_, "/", name).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
      continue;
    }
    File now{info.st_size, static_cast<int64_t>(info.st_ino),
             WallTime(std::chrono::seconds(info.st_mtim.tv_sec) +
                      std::chrono::nanoseconds(info.st_mtim.tv_nsec)),
             nullptr};
    const auto known = files_.find(name);
    if (known != files_.end() && known->second.SameAs(now)) continue;
    if (known != files_.end()) now.pod = known->second.pod;
    ReadFile(name, now);
    files_[name] = std::move(now);
  }
  StaticPodMap pods;
  std::set<std::string> names_taken;
  for (const auto& [name, file] : files_) {
    if (file.pod == nullptr) continue;
    const v1::ObjectMeta& meta = file.pod->metadata();
    if (!names_taken.insert(absl::StrCat(meta.namespace_(), "/", meta.name())).second) continue;
    pods[meta.uid()] = file.pod;
  }
  if (pods == pods_) return false;
  pods_ = std::move(pods);
  return true;
}

}  // namespace muster::agent
