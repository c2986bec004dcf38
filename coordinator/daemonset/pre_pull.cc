#include "coordinator/daemonset/pre_pull.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "coordinator/daemonset/pod_facts.h"

namespace muster::coordinator {
namespace {

constexpr std::chrono::seconds kRetryFirst(10);
constexpr std::chrono::seconds kRetryMax(300);
constexpr int kDoublingsMax = 5;
constexpr char kPulled[] = "Pulled";

std::chrono::seconds RetryAfter(int32_t attempt) {
  const int doublings = std::clamp(attempt - 1, 0, kDoublingsMax);
  return std::min<std::chrono::seconds>(kRetryFirst * (1 << doublings), kRetryMax);
}

WallTime LateAt(const PrePullFacts& facts, Duration patience) {
  return facts.asked_at + std::chrono::duration_cast<WallTime::duration>(patience);
}

template <typename Containers>
void AddImages(const Containers& containers, std::set<std::string>& seen, v1::PodPrePull& wanted) {
  for (const v1::Container& container : containers) {
    if (!seen.insert(container.image() + "\n" + container.image_pull_policy()).second) continue;
    v1::PrePullImage& image = *wanted.add_images();
    image.set_image(container.image());
    image.set_image_pull_policy(container.image_pull_policy());
  }
}

}  // namespace

RarePrePullFacts PrePullFactsOf(const v1::Pod& pod) {
  if (!pod.has_pre_pull()) return {};
  const v1::PodPrePull& asked = pod.pre_pull();
  const v1::PodPrePullStatus& answer = pod.status().pre_pull();
  PrePullFacts facts;
  facts.revision = asked.revision();
  facts.since = ToWallTime(asked.since());
  facts.asked_at = ToWallTime(asked.asked_at());
  if (asked.has_retry_at()) facts.retry_at = ToWallTime(asked.retry_at());
  if (pod.status().has_pre_pull() && answer.revision() == asked.revision() &&
      answer.attempt() == asked.attempt()) {
    const bool pulled = answer.phase() == kPulled;
    facts.answer = pulled ? PrePullFacts::Answer::kPulled : PrePullFacts::Answer::kFailed;
    if (!pulled) facts.error = answer.message();
  }
  return {std::make_shared<const PrePullFacts>(std::move(facts))};
}

PullJudgement JudgePull(const PrePullFacts* facts, const std::string& wanted, Duration patience,
                        WallTime now) {
  if (facts == nullptr || facts->revision != wanted) return {PullStage::kWanted, std::nullopt};
  switch (facts->answer) {
    case PrePullFacts::Answer::kPulled:
      return {PullStage::kHere, std::nullopt};
    case PrePullFacts::Answer::kFailed:
      if (!facts->retry_at) return {PullStage::kUnnoticed, std::nullopt};
      if (now < *facts->retry_at) return {PullStage::kFailed, facts->retry_at};
      return {PullStage::kDue, std::nullopt};
    case PrePullFacts::Answer::kNone:
      break;
  }
  const WallTime late = LateAt(*facts, patience);
  if (now < late) return {PullStage::kUnderWay, late};
  return {PullStage::kLate, std::nullopt};
}

PullJudgement JudgeStrayPull(const PrePullFacts* facts, Duration patience, WallTime now) {
  if (facts == nullptr || facts->answer != PrePullFacts::Answer::kNone) return {};
  const WallTime late = LateAt(*facts, patience);
  if (now < late) return {PullStage::kStray, late};
  return {};
}

v1::PodPrePull ImagesOf(const v1::PodTemplateSpec& pod_template, const std::string& revision) {
  v1::PodPrePull wanted;
  wanted.set_revision(revision);
  std::set<std::string> seen;
  AddImages(pod_template.spec().init_containers(), seen, wanted);
  AddImages(pod_template.spec().containers(), seen, wanted);
  *wanted.mutable_image_pull_secrets() = pod_template.spec().image_pull_secrets();
  if (pod_template.spec().has_runtime_class_name()) {
    wanted.set_runtime_class_name(pod_template.spec().runtime_class_name());
  }
  return wanted;
}

void ApplyPull(const PlannedPull& pull, WallTime now, v1::Pod& pod) {
  v1::PodPrePull& asked = *pod.mutable_pre_pull();
  switch (pull.step) {
    case PlannedPull::Step::kAsk:
      asked = pull.wanted;
      asked.set_attempt(1);
      *asked.mutable_since() = FromWallTime(now);
      *asked.mutable_asked_at() = FromWallTime(now);
      break;
    case PlannedPull::Step::kAskAgain:
      asked.set_attempt(asked.attempt() + 1);
      *asked.mutable_asked_at() = FromWallTime(now);
      asked.clear_retry_at();
      break;
    case PlannedPull::Step::kNotice:
      *asked.mutable_retry_at() = FromWallTime(now + RetryAfter(asked.attempt()));
      break;
  }
}

int64_t PullSlots(int64_t limit, int64_t all, int64_t own, int64_t others) {
  const int64_t share = (limit + others) / (others + 1);  // Rounded up.
  return std::max<int64_t>(std::min(limit - all, share - own), 0);
}

}  // namespace muster::coordinator
