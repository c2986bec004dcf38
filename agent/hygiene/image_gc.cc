#include "agent/hygiene/image_gc.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/model/image_reference.h"

namespace muster::agent {
namespace {

constexpr std::string_view kDigestPrefix = "sha256:";

// Both of "repo:tag@digest": the runtime knows an image by either.
std::vector<std::string> Completed(const std::string& name) {
  if (name.starts_with(kDigestPrefix)) return {name};
  const absl::StatusOr<model::ImageReference> parsed = model::ImageReference::Parse(name);
  if (!parsed.ok()) return {name};
  const std::string repository = absl::StrCat(parsed->host, "/", parsed->path);
  std::vector<std::string> names;
  if (!parsed->digest.empty()) names.push_back(absl::StrCat(repository, "@", parsed->digest));
  if (!parsed->tag.empty()) names.push_back(absl::StrCat(repository, ":", parsed->tag));
  if (names.empty()) names.push_back(absl::StrCat(repository, ":latest"));
  return names;
}

}  // namespace

int64_t BytesToFree(int64_t capacity_bytes, int64_t available_bytes, const ImageGcLimits& limits) {
  if (capacity_bytes <= 0 || limits.high_percent >= 100) return 0;
  const int64_t available = std::clamp<int64_t>(available_bytes, 0, capacity_bytes);
  // As kubelet rounds: 100 minus the whole percents that are free.
  const int64_t used_percent = 100 - available * 100 / capacity_bytes;
  if (used_percent < limits.high_percent) return 0;
  return std::max<int64_t>(capacity_bytes / 100 * (100 - limits.low_percent) - available, 0);
}

void ImageNames::Add(const std::string& name) {
  if (name.empty()) return;
  names_.insert(name);  // It may be an id.
  for (std::string& each : Completed(name)) names_.insert(std::move(each));
}

void ImageNames::AddImagesOf(const v1::Pod& pod) {
  for (const v1::Container& container : pod.spec().init_containers()) Add(container.image());
  for (const v1::Container& container : pod.spec().containers()) Add(container.image());
  for (const v1::PrePullImage& ahead : pod.pre_pull().images()) Add(ahead.image());
}

bool ImageNames::Has(const ImageStatus& image) const {
  if (names_.contains(image.id)) return true;
  // Runtimes may leave out the name of the algorithm.
  if (image.id.starts_with(kDigestPrefix) &&
      names_.contains(image.id.substr(kDigestPrefix.size()))) {
    return true;
  }
  const auto known = [this](const std::string& name) {
    return std::ranges::any_of(Completed(name),
                               [this](const std::string& each) { return names_.contains(each); });
  };
  return std::ranges::any_of(image.tags, known) || std::ranges::any_of(image.digests, known);
}

void ImageLedger::Observe(const std::vector<ImageStatus>& images, const ImageNames& used,
                          MonoTime now) {
  std::map<std::string, Entry> entries;
  for (const ImageStatus& image : images) {
    const auto before = entries_.find(image.id);
    Entry& entry = entries[image.id];
    entry.first_seen = before == entries_.end() ? now : before->second.first_seen;
    if (before != entries_.end()) entry.last_used = before->second.last_used;
    entry.image = image;
    entry.in_use = used.Has(image);
    if (entry.in_use) entry.last_used = now;
  }
  entries_ = std::move(entries);
}

std::vector<ImageStatus> ImageLedger::ToRemove(int64_t bytes, const ImageNames& wanted,
                                               const ImageGcLimits& limits, MonoTime now) const {
  std::vector<const Entry*> may_go;
  for (const auto& [id, entry] : entries_) {
    if (entry.in_use || entry.image.pinned || wanted.Has(entry.image)) continue;
    if (now - entry.first_seen < limits.age_min) continue;
    may_go.push_back(&entry);
  }
  const auto order = [](const Entry* entry) {
    return std::tuple(entry->last_used.value_or(MonoTime::min()), entry->first_seen,
                      std::cref(entry->image.id));
  };
  std::ranges::sort(may_go, [&order](const Entry* a, const Entry* b) {
    const auto [a_used, a_seen, a_id] = order(a);
    const auto [b_used, b_seen, b_id] = order(b);
    return std::tie(a_used, a_seen, a_id.get()) < std::tie(b_used, b_seen, b_id.get());
  });
  std::vector<ImageStatus> result;
  int64_t freed = 0;
  for (const Entry* entry : may_go) {
    const MonoTime idle_since = entry->last_used.value_or(entry->first_seen);
    const bool too_old = limits.age_max > Duration::zero() && now - idle_since > limits.age_max;
    if (freed >= bytes && !too_old) continue;
    result.push_back(entry->image);
    freed += static_cast<int64_t>(entry->image.size_bytes);
  }
  return result;
}

}  // namespace muster::agent
