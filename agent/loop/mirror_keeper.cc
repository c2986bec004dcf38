#include "agent/loop/mirror_keeper.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/model/static_pod.h"

namespace muster::agent {
namespace {

// Between two tries, when the coordinator does not do as it was told; doubled each time.
constexpr std::chrono::seconds kSayAgain{10}, kSayAgainCeiling{300};

MonoTime::duration Mono(Duration duration) {
  return std::chrono::duration_cast<MonoTime::duration>(duration);
}

bool IsOwnedBy(const v1::Pod& mirror, const std::string& node_uid) {
  return std::ranges::any_of(mirror.metadata().owner_references(),
                             [&](const auto& owner) { return owner.uid() == node_uid; });
}

}  // namespace

void MirrorKeeper::Begin() {
  seen_.clear();
  gone_.clear();
  said_.clear();
  said_at_.reset();
}

std::optional<MonoTime> MirrorKeeper::Step(MonoTime now, const StaticPodMap& static_pods,
                                           const Mirrors& mirrors, const std::string& node_uid) {
  std::set<std::string> wanted, present;
  bool differs = false;
  for (const auto& [key, mirror] : mirrors) {
    const v1::ObjectMeta& meta = mirror->metadata();
    present.insert(meta.uid());
    // One of a former life of this node, or of a pod that is another one now.
    if (!static_pods.contains(meta.uid()) || !IsOwnedBy(*mirror, node_uid)) differs = true;
    if (meta.has_deletion_timestamp()) {
      // Only the object goes; the pod is the file's.
      if (gone_.insert(absl::StrCat(meta.uid(), "/", meta.resource_version())).second) {
        link_.SendPodReports(
            {{meta.namespace_(), meta.name(), meta.uid(), mirror->status(), true}});
      }
    } else if (seen_.insert(meta.uid()).second) {
      pods_.Retell(meta.uid());
    }
  }
  std::erase_if(seen_, [&present](const std::string& uid) { return !present.contains(uid); });
  if (mirrors.empty()) gone_.clear();
  for (const auto& [uid, pod] : static_pods) {
    wanted.insert(uid);
    differs = differs || !present.contains(uid);
  }
  if (!differs) {
    said_at_.reset();
    said_.clear();
    return std::nullopt;
  }
  const bool news = !said_at_ || wanted != said_;
  if (!news && now < *said_at_ + Mono(say_again_after_)) return *said_at_ + Mono(say_again_after_);
  std::vector<v1::Pod> pods;
  for (const auto& [uid, pod] : static_pods) {
    pods.push_back(model::MirrorOf(*pod, node_uid));
    if (auto status = pods_.StatusOf(uid)) *pods.back().mutable_status() = *std::move(status);
  }
  link_.SendStaticPods(pods);
  said_at_ = now;
  said_ = std::move(wanted);
  say_again_after_ =
      news ? Duration(kSayAgain) : std::min<Duration>(2 * say_again_after_, kSayAgainCeiling);
  return now + Mono(say_again_after_);
}

}  // namespace muster::agent
