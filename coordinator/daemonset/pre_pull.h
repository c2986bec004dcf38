#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/moment.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Pull before stop: what a node is to hold before its old pod makes way is written into that pod
// (Pod.prePull), its agent tries to bring it there once for each attempt, and says in the pod's
// status what came of it. So nothing has to be remembered beside the store.

// What a pod says about it. A plain value.
struct PrePullFacts {
  enum class Answer : uint8_t { kNone, kPulled, kFailed };

  std::string revision;  // Of the template that the images are for.
  WallTime since{};      // Of the first attempt for it.
  WallTime asked_at{};   // Of the newest.
  std::optional<WallTime> retry_at;
  Answer answer = Answer::kNone;  // To the newest attempt.
  std::string error;

  bool operator==(const PrePullFacts&) const = default;
};

// Very few pods have them at a time: the others pay for a pointer.
struct RarePrePullFacts {
  std::shared_ptr<const PrePullFacts> facts;

  bool operator==(const RarePrePullFacts& other) const {
    return facts == other.facts ||
           (facts != nullptr && other.facts != nullptr && *facts == *other.facts);
  }
};
RarePrePullFacts PrePullFactsOf(const v1::Pod& pod);

// Where the images of a node's next pod are.
enum class PullStage : uint8_t {
  kNone,       // Nobody asks for them.
  kStray,      // They are no longer wanted, and are pulled all the same.
  kWanted,     // To be asked for.
  kUnderWay,   // Asked for.
  kLate,       // For so long that others are not to wait for it.
  kUnnoticed,  // It failed, and nobody has said when it is tried again.
  kFailed,     // It failed, and is tried again later.
  kDue,        // It failed, and may be tried again.
  kHere,
};
inline constexpr int kPullStages = 9;

struct PullJudgement {
  PullStage stage = PullStage::kNone;
  std::optional<WallTime> until;  // The stage is another one then.
};

// `facts` may be null. `wanted`: the revision that the node's next pod is made from. An attempt is
// late after `patience`.
PullJudgement JudgePull(const PrePullFacts* facts, const std::string& wanted, Duration patience,
                        WallTime now);
// The same for a pod whose node is to get nothing.
PullJudgement JudgeStrayPull(const PrePullFacts* facts, Duration patience, WallTime now);

// One thing to be written into a pod.
struct PlannedPull {
  enum class Step : uint8_t {
    kAsk,       // For the images of `wanted`.
    kAskAgain,  // Another attempt.
    kNotice,    // That it failed, and when it is tried again.
  };

  std::string node;
  std::string pod;
  Step step = Step::kAsk;
  v1::PodPrePull wanted;

  bool operator==(const PlannedPull& other) const {
    return node == other.node && pod == other.pod && step == other.step;
  }
};

// What pods of the template need, for `wanted`: every image once, in the order of their use.
v1::PodPrePull ImagesOf(const v1::PodTemplateSpec& pod_template, const std::string& revision);

// Writes it. An attempt that failed is repeated after 10 s, 20 s, ... 5 min, as kubelet does.
void ApplyPull(const PlannedPull& pull, WallTime now, v1::Pod& pod);

// How many more pulls one DaemonSet may begin: of `limit` in the fleet `all` are under way, `own`
// of them its own, and `others` DaemonSets pull or want to. Nobody gets more than an equal share
// while others wait.
int64_t PullSlots(int64_t limit, int64_t all, int64_t own, int64_t others);

}  // namespace muster::coordinator
