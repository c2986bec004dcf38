#include "coordinator/session/assignment_feed.h"

#include <vector>

#include "common/base/macros.h"

namespace muster::coordinator {

void AssignmentFeed::Begin(std::map<std::string, int64_t> known, const std::string& node,
                           const AssignmentIndex& index) {
  held_ = std::move(known);
  complete_ = false;
  MarkAll(node, index);
}

void AssignmentFeed::MarkAll(const std::string& node, const AssignmentIndex& index) {
  for (const auto& [key, version] : held_) Mark(key);
  for (const std::string& key : index.KeysOf(node)) Mark(key);
}

void AssignmentFeed::Distrust(const std::string& key) {
  held_[key] = 0;  // No object has version 0.
  Mark(key);
}

absl::StatusOr<std::optional<session::v1::Assignment>> AssignmentFeed::Next(
    const std::string& node, const AssignmentIndex& index, ObjectLoader& loader, int64_t revision,
    size_t bytes_max) {
  session::v1::Assignment assignment;
  std::vector<std::pair<std::string, int64_t>> told;
  size_t bytes = 0;
  auto next = marked_.begin();
  for (; next != marked_.end() && bytes < bytes_max; ++next) {
    const std::string& key = next->second;
    const ObjectLoader::Loaded* loaded = nullptr;
    if (index.Wants(node, key)) {
      MUSTER_ASSIGN_OR_RETURN(loaded, loader.Load(key));
    }
    auto held = held_.find(key);
    if (loaded == nullptr) {
      if (held == held_.end()) continue;
      assignment.add_removed(key);
      bytes += key.size();
    } else if (held == held_.end() || held->second != loaded->version) {
      if (bytes > 0 && bytes + loaded->bytes > bytes_max) break;
      *assignment.add_upserted() = loaded->object;
      told.emplace_back(key, loaded->version);
      bytes += loaded->bytes;
    }
  }
  // Nothing can fail from here on.
  marked_.erase(marked_.begin(), next);
  for (const std::string& key : assignment.removed()) held_.erase(key);
  for (auto& [key, version] : told) held_[key] = version;

  const bool completes = marked_.empty() && !complete_;
  if (assignment.upserted().empty() && assignment.removed().empty() && !completes) {
    return std::nullopt;
  }
  complete_ = complete_ || completes;
  assignment.set_complete(complete_);
  assignment.set_revision(revision);
  return assignment;
}

}  // namespace muster::coordinator
