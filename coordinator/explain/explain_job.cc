#include "coordinator/explain/explain_job.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/explain/explain.h"
#include "coordinator/table/age.h"

namespace muster::coordinator {
namespace {

Explanation Say(Cause cause, std::string line) {
  Explanation said;
  said.cause = cause;
  said.line = std::move(line);
  return said;
}

class JobExplainer {
 public:
  JobExplainer(const JobExplainInput& input, const std::string& node)
      : input_(input), name_(node) {}

  Explanation Run() const {
    const auto found = input_.survey.nodes.find(name_);
    if (found == input_.survey.nodes.end() || found->second == nullptr) {
      return Say(Cause::kNoSuchNode, absl::StrCat("node unknown: there is no node ", name_));
    }
    if (input_.world.job.metadata().has_deletion_timestamp()) {
      return Say(Cause::kBeingDeleted, "the DaemonJob is being deleted");
    }
    const v1::Node& node = *found->second;
    const JobVerdict* verdict = input_.survey.roster.Find(name_);
    if (verdict == nullptr) return NotMatched(node);
    if (verdict->over()) return Over(*verdict);
    if (const v1::Pod* pod = Live()) {
      return ExplainPod(*pod, &node, input_.world.pods, input_.events, input_.world.now.wall);
    }
    if (!verdict->matches) return NotMatched(node);
    if (input_.survey.rules.suspended) {
      return Say(Cause::kSuspended, "suspended: spec.suspend is set");
    }
    if (verdict->unreachable) {
      return Say(Cause::kNodeLost, absl::StrCat("node lost: ", name_,
                                                " cannot be reached; it gets its run when it "
                                                "returns"));
    }
    return Waits(*verdict);
  }

 private:
  Explanation NotMatched(const v1::Node& node) const {
    const WallTime now = input_.world.now.wall;
    const Placement::Obstacle obstacle = input_.survey.rules.placement.Judge(node, now).obstacle;
    const bool taint = obstacle == Placement::Obstacle::kNoExecuteTaint ||
                       obstacle == Placement::Obstacle::kTimeIsOver ||
                       obstacle == Placement::Obstacle::kNoScheduleTaint;
    return Say(taint ? Cause::kTainted : Cause::kNotMatched,
               absl::StrCat(taint ? "tainted: " : "not matched: ",
                            input_.survey.rules.placement.Explain(node, now)));
  }

  const v1::DaemonJobNode* Record(const JobVerdict& verdict) const {
    return verdict.record ? &*verdict.record : FindRecord(input_.world.job, name_);
  }

  Explanation Over(const JobVerdict& verdict) const {
    const v1::DaemonJobNode& record = *Record(verdict);
    Explanation said;
    if (verdict.succeeded) {
      said = Say(Cause::kCompleted,
                 absl::StrCat("succeeded ", AgeOf(record.completion_time(), input_.world.now.wall),
                              " ago; it is not run again on this node"));
    } else {
      said =
          Say(Cause::kFailed, absl::StrCat("failed: ", record.failures(),
                                           record.failures() == 1 ? " run failed" : " runs failed",
                                           ", the last one with ", EndingText(record)));
      said.details.push_back(absl::StrCat("spec.backoffLimit is ",
                                          input_.world.job.spec().backoff_limit(),
                                          "; a higher one gives the node another try"));
    }
    said.details.push_back(
        absl::StrCat("pod: ", input_.world.job.metadata().namespace_(), "/", record.pod()));
    if (verdict.failed && IsThere(record.pod())) {
      said.pod = record.pod();
      said.container = record.container();
    }
    return said;
  }

  bool IsThere(const std::string& pod) const { return input_.survey.pod_names.contains(pod); }

  // The pod on the node that has not ended.
  const v1::Pod* Live() const {
    const auto runs = input_.survey.runs.find(name_);
    if (runs == input_.survey.runs.end()) return nullptr;
    for (const RunFacts& run : runs->second) {
      if (run.terminal()) continue;
      for (const v1::Pod* pod : input_.world.pods) {
        if (pod->metadata().name() == run.name &&
            pod->metadata().namespace_() == input_.world.job.metadata().namespace_()) {
          return pod;
        }
      }
    }
    return nullptr;
  }

  Explanation Waits(const JobVerdict& verdict) const {
    const v1::DaemonJobNode* record = Record(verdict);
    if (!verdict.create && record != nullptr && record->has_retry_time()) {
      const WallTime until = ToWallTime(record->retry_time());
      const Duration left = std::max<Duration>(until - input_.world.now.wall, Duration::zero());
      return Say(Cause::kRestarting,
                 absl::StrCat("tried again in ", HumanAge(left), ": ", record->failures(), " of ",
                              input_.world.job.spec().backoff_limit() + 1,
                              " tries failed, the last one with ", EndingText(*record)));
    }
    const JobTally& tally = input_.survey.roster.tally();
    const int32_t parallel = ParallelNodes(input_.world.job, tally.desired);
    const bool in_plan =
        std::any_of(input_.plan.create.begin(), input_.plan.create.end(),
                    [&](const v1::Pod& pod) { return TargetNode(pod.spec()) == name_; });
    if (!in_plan && !input_.plan.creation.ok()) {
      return Say(Cause::kCannotBeMade,
                 absl::StrCat("no pod can be made: ", std::string(input_.plan.creation.message())));
    }
    if (!in_plan && verdict.create) {
      return Say(
          Cause::kWaitsForRollout,
          absl::StrCat("waiting for its turn: ", tally.active, " of at most ", parallel,
                       parallel == 1 ? " node runs it" : " nodes run it", " (spec.parallelism)"));
    }
    return Say(Cause::kNotCreatedYet, "about to start: the next look makes its pod");
  }

  const JobExplainInput& input_;
  const std::string& name_;
};

}  // namespace

Explanation ExplainJob(const JobExplainInput& input, const std::string& node) {
  return JobExplainer(input, node).Run();
}

}  // namespace muster::coordinator
