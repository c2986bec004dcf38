#include "coordinator/explain/pod_trouble.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/model/resources.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/table/age.h"

namespace muster::coordinator {
namespace {

constexpr int kMessageLinesMax = 10;
constexpr char kOomKilled[] = "OOMKilled";

std::string Or(const std::string& text, const std::string& otherwise) {
  return text.empty() ? otherwise : text;
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

void AddLines(const std::string& title, const std::string& text,
              std::vector<std::string>& details) {
  const std::string stripped(absl::StripAsciiWhitespace(text));
  if (stripped.empty()) return;
  std::vector<std::string> lines = absl::StrSplit(stripped, '\n');
  if (lines.size() == 1) {
    details.push_back(absl::StrCat(title, ": ", lines.front()));
    return;
  }
  details.push_back(absl::StrCat(title, ":"));
  const size_t first = lines.size() - std::min<size_t>(lines.size(), kMessageLinesMax);
  for (size_t i = first; i < lines.size(); ++i) details.push_back("  " + lines[i]);
}

// "exit code 1", "signal 9", "out of memory (exit code 137)"
std::string HowItEnded(const v1::ContainerStateTerminated& ended) {
  if (ended.signal() != 0) return absl::StrCat("signal ", ended.signal());
  return absl::StrCat("exit code ", ended.exit_code());
}

const v1::ContainerStateTerminated* LastEnd(const v1::ContainerStatus& container) {
  if (container.state().has_terminated()) return &container.state().terminated();
  if (container.last_state().has_terminated()) return &container.last_state().terminated();
  return nullptr;
}

class PodExaminer {
 public:
  PodExaminer(const v1::Pod& pod, const std::vector<const v1::Event*>& events, WallTime now)
      : pod_(pod), events_(events), now_(now) {}

  std::optional<Explanation> Run() {
    const v1::PodStatus& status = pod_.status();
    if (pod_.metadata().has_deletion_timestamp()) return Terminating();
    if (status.phase() == "Failed") return Failed();
    if (status.phase() == "Succeeded") {
      return Found(Cause::kCompleted, "completed: all containers have ended with exit code 0");
    }
    for (const v1::Container& container : pod_.spec().init_containers()) {
      std::optional<Explanation> found = InitContainer(container);
      if (found) return found;
    }
    // One that cannot run at all says more than one that runs and is not ready yet.
    for (const v1::Container& container : pod_.spec().containers()) {
      if (auto found = Waiting(container, Find(status.container_statuses(), container))) {
        return found;
      }
    }
    if (IsReady(pod_)) return std::nullopt;
    for (const v1::Container& container : pod_.spec().containers()) {
      const v1::ContainerStatus* seen = Find(status.container_statuses(), container);
      if (seen == nullptr) return NotReported();
      if (auto found = NotReadyYet(container, *seen)) return found;
    }
    return NotReady();
  }

 private:
  template <typename Statuses>
  static const v1::ContainerStatus* Find(const Statuses& statuses, const v1::Container& container) {
    for (const v1::ContainerStatus& status : statuses) {
      if (status.name() == container.name()) return &status;
    }
    return nullptr;
  }

  Explanation Found(Cause cause, std::string line) const {
    Explanation found;
    found.cause = cause;
    found.line = std::move(line);
    found.details.push_back(absl::StrCat("pod: ", Name()));
    return found;
  }

  std::string Name() const {
    return absl::StrCat(pod_.metadata().namespace_(), "/", pod_.metadata().name());
  }

  const v1::Event* NewestEvent(std::string_view reason) const {
    const v1::Event* newest = nullptr;
    for (const v1::Event* event : events_) {
      if (event->reason() != reason) continue;
      if (newest == nullptr ||
          newest->last_timestamp().seconds() <= event->last_timestamp().seconds()) {
        newest = event;
      }
    }
    return newest;
  }

  Explanation Terminating() const {
    const v1::ObjectMeta& meta = pod_.metadata();
    Explanation found =
        Found(Cause::kTerminating,
              absl::StrCat("terminating: pod ", Name(), " has been told to stop, and has until ",
                           FullTime(meta.deletion_timestamp())));
    if (ToWallTime(meta.deletion_timestamp()) < now_) {
      found.details.push_back(
          "its grace period is over: the node has not said yet that it is gone");
    }
    for (const std::string& finalizer : meta.finalizers()) {
      found.details.push_back(absl::StrCat("finalizer ", finalizer, " holds the object"));
    }
    return found;
  }

  Explanation Failed() const {
    const v1::PodStatus& status = pod_.status();
    if (status.reason().empty()) {
      if (auto found =
              EndedBadly(pod_.spec().init_containers(), status.init_container_statuses())) {
        return *std::move(found);
      }
      if (auto found = EndedBadly(pod_.spec().containers(), status.container_statuses())) {
        return *std::move(found);
      }
    }
    std::string why = Or(status.reason(), "a container ended and is not to be restarted");
    if (!status.message().empty()) absl::StrAppend(&why, ": ", FirstLine(status.message()));
    return Found(Cause::kFailed, absl::StrCat("failed: pod ", Name(), " has failed: ", why));
  }

  // The first container whose end was the end of the pod.
  template <typename Containers, typename Statuses>
  std::optional<Explanation> EndedBadly(const Containers& containers,
                                        const Statuses& statuses) const {
    for (const v1::Container& container : containers) {
      const v1::ContainerStatus* seen = Find(statuses, container);
      const v1::ContainerStateTerminated* ended = seen == nullptr ? nullptr : LastEnd(*seen);
      if (ended == nullptr || (ended->exit_code() == 0 && ended->signal() == 0)) continue;
      Explanation found =
          Found(Cause::kFailed, absl::StrCat("failed: container ", container.name(), " ended with ",
                                             HowItEnded(*ended), " and is not to be restarted"));
      AddLines("last words", ended->message(), found.details);
      return WithLog(std::move(found), container, false);
    }
    return std::nullopt;
  }

  std::optional<Explanation> InitContainer(const v1::Container& container) const {
    const v1::ContainerStatus* seen = Find(pod_.status().init_container_statuses(), container);
    if (seen == nullptr) return std::nullopt;
    if (auto found = Waiting(container, seen)) return found;
    if (model::IsSidecar(container)) {
      if (seen->started() || seen->state().has_running()) return std::nullopt;
    } else if (seen->state().has_terminated() && seen->state().terminated().exit_code() == 0) {
      return std::nullopt;
    }
    if (seen->state().has_running()) {
      return WithLog(
          Found(Cause::kInitializing,
                absl::StrCat("initializing: init container ", container.name(), " runs since ",
                             AgeOf(seen->state().running().started_at(), now_))),
          container, false);
    }
    if (seen->state().has_terminated()) return Ended(container, *seen);
    return std::nullopt;
  }

  // What a container that does not run waits for.
  std::optional<Explanation> Waiting(const v1::Container& container,
                                     const v1::ContainerStatus* seen) const {
    if (seen == nullptr || !seen->state().has_waiting()) return std::nullopt;
    const std::string& reason = seen->state().waiting().reason();
    const std::string& message = seen->state().waiting().message();
    const auto say = [&](Cause cause, const std::string& what) {
      Explanation found = Found(cause, absl::StrCat(what, ": ", FirstLine(Or(message, reason))));
      found.details.push_back(absl::StrCat("container: ", container.name()));
      return found;
    };
    if (reason == "CrashLoopBackOff") return Crashing(container, *seen);
    if (reason == "InvalidImageName") return say(Cause::kInvalidImage, "image name is not valid");
    if (reason == "ErrImagePull" || reason == "ImagePullBackOff" || reason == "ErrImageNeverPull" ||
        reason == "RegistryUnavailable" || reason == "SignatureValidationFailed" ||
        reason == "ImageInspectError") {
      return ImageTrouble(container, *seen);
    }
    if (reason == "CreateContainerConfigError") return say(Cause::kConfigError, "config error");
    if (reason == "CreateContainerError") {
      return say(Cause::kCannotCreate, "container cannot be created");
    }
    if (reason == "RunContainerError") {
      return say(Cause::kCannotStart, "container cannot be started");
    }
    if (reason == "ContainerCreating") return Creating(container);
    if (reason == "PodInitializing" || reason.empty()) {
      // An init container that is under way has been found before.
      if (pod_.status().init_container_statuses().empty()) return Creating(container);
      return reason.empty() ? std::optional<Explanation>() : Creating(container);
    }
    return say(Cause::kNotStartedYet, absl::StrCat("container ", container.name(), " waits"));
  }

  Explanation ImageTrouble(const v1::Container& container, const v1::ContainerStatus& seen) const {
    std::string error = FirstLine(seen.state().waiting().message());
    // While it waits, the state only says for how long; the error is in the event before.
    if (seen.state().waiting().reason() == "ImagePullBackOff") {
      const v1::Event* failed = nullptr;
      for (const v1::Event* event : events_) {
        if (event->reason() != "Failed" || !IsAboutPull(*event)) continue;
        if (failed == nullptr ||
            failed->last_timestamp().seconds() <= event->last_timestamp().seconds()) {
          failed = event;
        }
      }
      if (failed != nullptr && error.find("Back-off") == 0) error = FirstLine(failed->message());
    }
    Explanation found = Found(Cause::kImageNotPulled,
                              absl::StrCat("image cannot be pulled: ", container.image(), ": ",
                                           Or(error, seen.state().waiting().reason())));
    found.details.push_back(absl::StrCat("container: ", container.name()));
    if (seen.state().waiting().reason() == "ImagePullBackOff") {
      found.details.push_back("it is tried again with growing pauses, up to 5m");
    }
    return found;
  }

  static bool IsAboutPull(const v1::Event& event) {
    return event.message().find("Failed to pull image") == 0;
  }

  // Nothing has failed for good; events tell which step it is at.
  Explanation Creating(const v1::Container& container) const {
    struct Step {
      const char* reason;
      Cause cause;
      const char* what;
    };
    static constexpr Step kSteps[] = {
        {"NetworkNotReady", Cause::kSandbox, "sandbox cannot be made"},
        {"FailedCreatePodSandBox", Cause::kSandbox, "sandbox cannot be made"},
        {"FailedMount", Cause::kVolume, "volume cannot be mounted"},
        {"Pulling", Cause::kImagePulling, "image is being pulled"},
    };
    const v1::Event* newest = nullptr;
    const Step* at = nullptr;
    for (const Step& step : kSteps) {
      const v1::Event* event = NewestEvent(step.reason);
      if (event == nullptr) continue;
      if (newest != nullptr &&
          newest->last_timestamp().seconds() > event->last_timestamp().seconds()) {
        continue;
      }
      newest = event;
      at = &step;
    }
    const v1::Event* pulled = NewestEvent("Pulled");
    const bool past_it = pulled != nullptr && newest != nullptr &&
                         pulled->last_timestamp().seconds() >= newest->last_timestamp().seconds();
    if (at == nullptr || past_it) {
      return Found(Cause::kNotStartedYet,
                   absl::StrCat("starting: container ", container.name(), " is being created"));
    }
    return Found(at->cause, absl::StrCat(at->what, ": ", FirstLine(newest->message())));
  }

  Explanation Crashing(const v1::Container& container, const v1::ContainerStatus& seen) const {
    const v1::ContainerStateTerminated* ended = LastEnd(seen);
    const bool oom = ended != nullptr && ended->reason() == kOomKilled;
    std::string line =
        absl::StrCat(oom ? "out of memory" : "crash-looping", ": container ", container.name());
    if (ended == nullptr) {
      absl::StrAppend(&line, " keeps ending");
    } else {
      absl::StrAppend(&line, " ended with ", HowItEnded(*ended));
      if (!IsUnset(ended->finished_at())) {
        absl::StrAppend(&line, " ", AgeOf(ended->finished_at(), now_), " ago");
      }
    }
    absl::StrAppend(&line, ", ", seen.restart_count(),
                    seen.restart_count() == 1 ? " restart" : " restarts");
    Explanation found = Found(oom ? Cause::kOutOfMemory : Cause::kCrashLooping, std::move(line));
    if (oom) AddMemoryLimit(container, found);
    if (ended != nullptr) AddLines("last words", ended->message(), found.details);
    // What waits has no instance of its own, so the newest log is the one that tells.
    return WithLog(std::move(found), container, false);
  }

  static void AddMemoryLimit(const v1::Container& container, Explanation& found) {
    const auto limit = container.resources().limits().find("memory");
    if (limit == container.resources().limits().end()) return;
    found.details.push_back(absl::StrCat("its memory limit is ", limit->second.text()));
  }

  // Ended, and not told yet to wait: it will be run again, or has done its work.
  Explanation Ended(const v1::Container& container, const v1::ContainerStatus& seen) const {
    const v1::ContainerStateTerminated& ended = seen.state().terminated();
    const bool oom = ended.reason() == kOomKilled;
    Explanation found =
        Found(oom ? Cause::kOutOfMemory : Cause::kRestarting,
              absl::StrCat(oom ? "out of memory" : "restarting", ": container ", container.name(),
                           " ended with ", HowItEnded(ended), ", ", seen.restart_count(),
                           seen.restart_count() == 1 ? " restart" : " restarts"));
    if (oom) AddMemoryLimit(container, found);
    AddLines("last words", ended.message(), found.details);
    return WithLog(std::move(found), container, false);
  }

  std::optional<Explanation> NotReadyYet(const v1::Container& container,
                                         const v1::ContainerStatus& seen) const {
    if (seen.state().has_terminated()) return Ended(container, seen);
    if (seen.ready() || !seen.state().has_running()) return std::nullopt;
    const v1::Event* unhealthy = NewestEvent("Unhealthy");
    const std::string since = AgeOf(seen.state().running().started_at(), now_);
    const auto said = [&](Explanation found) {
      if (unhealthy != nullptr) AddLines("probe said", unhealthy->message(), found.details);
      return WithLog(std::move(found), container, false);
    };
    if (container.has_startup_probe() && !seen.started()) {
      return said(
          Found(Cause::kStartupProbe, absl::StrCat("startup probe has not passed: container ",
                                                   container.name(), " runs since ", since)));
    }
    if (container.has_readiness_probe()) {
      return said(
          Found(Cause::kReadinessProbe, absl::StrCat("readiness probe fails: container ",
                                                     container.name(), " runs since ", since)));
    }
    return std::nullopt;
  }

  Explanation NotReported() const {
    return Found(Cause::kNotStartedYet,
                 absl::StrCat("starting: the agent of node ", pod_.spec().node_name(),
                              " has not said anything of pod ", Name(), " yet"));
  }

  Explanation NotReady() const {
    for (const v1::PodCondition& condition : pod_.status().conditions()) {
      if (condition.type() != "Ready") continue;
      return Found(Cause::kNotReady,
                   absl::StrCat("not ready: ", Or(condition.reason(), "no reason was given"),
                                condition.message().empty() ? "" : ": ", condition.message()));
    }
    return NotReported();
  }

  Explanation WithLog(Explanation found, const v1::Container& container, bool previous) const {
    found.pod = pod_.metadata().name();
    found.container = container.name();
    found.previous_log = previous;
    return found;
  }

  const v1::Pod& pod_;
  const std::vector<const v1::Event*>& events_;
  const WallTime now_;
};

}  // namespace

bool IsReady(const v1::Pod& pod) {
  return std::any_of(pod.status().conditions().begin(), pod.status().conditions().end(),
                     [](const v1::PodCondition& condition) {
                       return condition.type() == "Ready" && condition.status() == "True";
                     });
}

std::optional<Explanation> FindPodTrouble(const v1::Pod& pod,
                                          const std::vector<const v1::Event*>& events,
                                          WallTime now) {
  return PodExaminer(pod, events, now).Run();
}

}  // namespace muster::coordinator
