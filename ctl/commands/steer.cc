#include "ctl/commands/steer.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/model/rollout_annotations.h"

namespace muster::ctl {
namespace {

// Somebody else may change the object between our reading and our writing it.
constexpr int kAttemptsMax = 10;

const char* DoneWord(Steering steering) {
  switch (steering) {
    case Steering::kPause:
      return "paused";
    case Steering::kResume:
      return "resumed";
    case Steering::kPromote:
      return "promoted";
    case Steering::kAbort:
      return "aborted";
  }
  return "";
}

bool IsPaused(const v1::DaemonSet& daemon_set) {
  const auto& annotations = daemon_set.metadata().annotations();
  const auto found = annotations.find(model::kPausedAnnotation);
  return found != annotations.end() && found->second == "true";
}

absl::Status Refuse(const v1::DaemonSet& daemon_set, const std::string& why) {
  return absl::FailedPreconditionError(
      absl::StrCat("daemonsets.apps \"", daemon_set.metadata().name(), "\" ", why));
}

void Request(const std::string& verb, v1::DaemonSet& daemon_set) {
  (*daemon_set.mutable_metadata()->mutable_annotations())[model::kRolloutRequestAnnotation] =
      absl::StrCat(verb, " ", daemon_set.status().rollout().revision());
}

// What the controller has not seen yet cannot be spoken of by its revision.
absl::Status CheckUnderWay(const v1::DaemonSet& daemon_set) {
  const v1::DaemonSetStatus& status = daemon_set.status();
  if (status.rollout().revision().empty() ||
      daemon_set.metadata().generation() > status.observed_generation()) {
    return Refuse(daemon_set, "has a change that the coordinator has not seen yet; try again");
  }
  if (status.rollout().complete()) return Refuse(daemon_set, "has no rollout in progress");
  return absl::OkStatus();
}

absl::Status SteerOne(AdminClient& client, const admin::v1::ObjectRef& ref, Steering steering) {
  for (int attempt = 1;; ++attempt) {
    admin::v1::GetRequest get;
    *get.mutable_ref() = ref;
    auto found = client.Get(get);
    if (!found.ok()) return found.status();
    admin::v1::UpdateRequest update;
    *update.mutable_object() = found->object();
    const absl::Status steered = Steer(steering, *update.mutable_object()->mutable_daemon_set());
    if (!steered.ok()) return steered;
    const absl::Status updated = client.Update(update).status();
    if (updated.code() != absl::StatusCode::kAborted || attempt == kAttemptsMax) return updated;
  }
}

}  // namespace

absl::Status Steer(Steering steering, v1::DaemonSet& daemon_set) {
  const std::string& strategy = daemon_set.spec().update_strategy().type();
  if (!strategy.empty() && strategy != "RollingUpdate") {
    return Refuse(daemon_set, absl::StrCat("has the update strategy ", strategy,
                                           ", whose rollouts nobody drives"));
  }
  auto& annotations = *daemon_set.mutable_metadata()->mutable_annotations();
  const v1::DaemonSetRollout rollout = daemon_set.status().rollout();
  if (steering == Steering::kPause) {
    if (IsPaused(daemon_set)) return Refuse(daemon_set, "is already paused");
    annotations[model::kPausedAnnotation] = "true";
    return absl::OkStatus();
  }
  if (steering == Steering::kResume) {
    // Failures may hold it up without a verdict.
    const bool held = !rollout.halt_reason().empty() || rollout.failed() > 0;
    if (!IsPaused(daemon_set) && !held) return Refuse(daemon_set, "is not paused");
    annotations.erase(model::kPausedAnnotation);
    if (held) Request("resume", daemon_set);
    return absl::OkStatus();
  }
  if (const absl::Status status = CheckUnderWay(daemon_set); !status.ok()) return status;
  if (steering == Steering::kPromote) {
    if (!annotations.contains(model::kCanaryAnnotation) || rollout.promoted()) {
      return Refuse(daemon_set, "has no canary to promote");
    }
    Request("promote", daemon_set);
    return absl::OkStatus();
  }
  if (rollout.base_revision().empty() || rollout.base_revision() == rollout.revision()) {
    return Refuse(daemon_set, "has no earlier revision to go back to");
  }
  Request("abort", daemon_set);
  return absl::OkStatus();
}

int RunSteer(Context& context, Steering steering, const std::vector<std::string>& arguments) {
  const auto targets = ParseTargets(arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  for (const Targets::Target& target : targets->list) {
    if (target.kind->kind != v1::Object::kDaemonSet) {
      return FailLocally(context, absl::StrCat("only daemonsets have rollouts, found ",
                                               std::string(target.kind->plural)));
    }
    if (target.name.empty()) {
      return FailLocally(context, "name a DaemonSet, as in: rollout pause ds/NAME", kExitUsage);
    }
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  int exit_code = kExitDone;
  for (const Targets::Target& target : targets->list) {
    const absl::Status status = SteerOne(**client, RefOf(context, target), steering);
    if (status.ok()) {
      context.out << model::QualifiedName(*target.kind, target.name) << " " << DoneWord(steering)
                  << "\n";
      continue;
    }
    const int failed = status.code() == absl::StatusCode::kFailedPrecondition
                           ? FailLocally(context, std::string(status.message()))
                           : Fail(context, status);
    if (exit_code == kExitDone) exit_code = failed;
  }
  return exit_code;
}

void AddSteering(CommandLine& line) {
  CLI::App& group = line.Group("rollout", "Look after the rollout of a DaemonSet");
  const auto add = [&](const char* name, const char* description, Steering steering) {
    const auto arguments = std::make_shared<std::vector<std::string>>();
    CLI::App& app = line.Add(
        name, description,
        [arguments, steering]() -> absl::StatusOr<CommandLine::Action> {
          return [arguments, steering](Context& context) {
            return RunSteer(context, steering, *arguments);
          };
        },
        &group);
    app.add_option("resource", *arguments, "ds/NAME or ds NAME")->required();
  };
  add("pause", "Bring no more nodes to the new revision", Steering::kPause);
  add("resume", "Go on after a pause, or in spite of a halt", Steering::kResume);
  add("promote", "Bring all nodes to the revision of the canary", Steering::kPromote);
  add("abort", "Go back to the revision before", Steering::kAbort);
}

}  // namespace muster::ctl
