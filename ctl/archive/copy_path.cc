#include "ctl/archive/copy_path.h"

#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace muster::ctl {
namespace {

// Without empty parts and ".".
std::vector<std::string> Parts(const std::string& path) {
  std::vector<std::string> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
  std::erase(parts, ".");
  return parts;
}

}  // namespace

absl::StatusOr<CopyEnd> ParseCopyEnd(const std::string& text) {
  const absl::Status bad = absl::InvalidArgumentError(
      "filespec must match the canonical format: [[namespace/]pod:]file/path");
  const size_t colon = text.find(':');
  if (colon == 0) return bad;
  CopyEnd end;
  if (colon == std::string::npos) {
    end.path = text;
  } else {
    const std::vector<std::string> who = absl::StrSplit(text.substr(0, colon), '/');
    if (who.size() > 2 || who.back().empty() || who.front().empty()) return bad;
    if (who.size() == 2) end.ns = who[0];
    end.pod = who.back();
    end.path = text.substr(colon + 1);
  }
  if (end.path.empty()) return absl::InvalidArgumentError("filepath can not be empty");
  return end;
}

std::string CleanPath(const std::string& path) {
  const bool absolute = path.starts_with('/');
  std::vector<std::string> kept;
  for (std::string& part : Parts(path)) {
    if (part != "..") {
      kept.push_back(std::move(part));
    } else if (!kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (!absolute) {
      kept.push_back(std::move(part));
    }
  }
  if (kept.empty()) return absolute ? "/" : ".";
  return (absolute ? "/" : "") + absl::StrJoin(kept, "/");
}

std::string BaseName(const std::string& path) {
  const std::string clean = CleanPath(path);
  return clean.substr(clean.rfind('/') + 1);
}

std::optional<std::vector<std::string>> PlaceBelow(const std::string& asked,
                                                   const std::string& name) {
  // tar takes the "/" and "../" in front off its names.
  std::vector<std::string> root = Parts(CleanPath(asked));
  while (!root.empty() && root.front() == "..") root.erase(root.begin());
  std::vector<std::string> parts = Parts(name);
  if (parts.size() < root.size()) return std::nullopt;
  for (size_t i = 0; i < root.size(); ++i) {
    if (parts[i] != root[i]) return std::nullopt;
  }
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(root.size()));
  for (const std::string& part : parts) {
    if (part == ".." || part.find('\0') != std::string::npos) return std::nullopt;
  }
  return parts;
}

}  // namespace muster::ctl
