#include "agent/loop/pre_puller.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/translate/translate.h"
#include "agent/workload/duration_text.h"
#include "agent/workload/image_step.h"
#include "agent/workload/pull_secrets.h"

namespace muster::agent {

// One attempt.
struct PrePuller::Job {
  std::string uid;
  std::shared_ptr<const v1::Pod> pod;  // As it was told when the attempt began.
  std::shared_ptr<const ConfigSource> configs;
  NodeContext node;
  int next = 0;  // Image.
  bool over = false;
  v1::PodPrePullStatus result;

  const v1::PodPrePull& wanted() const { return pod->pre_pull(); }
};

namespace {

bool SameAttempt(const v1::PodPrePull& a, const v1::PodPrePull& b) {
  return a.revision() == b.revision() && a.attempt() == b.attempt();
}

// The pod that will use the images, as far as pulling is concerned.
v1::Pod SuccessorOf(const v1::Pod& pod) {
  v1::Pod successor;
  successor.mutable_metadata()->set_namespace_(pod.metadata().namespace_());
  successor.mutable_metadata()->set_name(pod.metadata().name());
  *successor.mutable_spec()->mutable_image_pull_secrets() = pod.pre_pull().image_pull_secrets();
  if (pod.pre_pull().has_runtime_class_name()) {
    successor.mutable_spec()->set_runtime_class_name(pod.pre_pull().runtime_class_name());
  }
  return successor;
}

}  // namespace

PrePuller::PrePuller(const Clock& clock, ImageFetcher& fetcher, OnChange on_change, Tell tell)
    : clock_(clock), fetcher_(fetcher), on_change_(std::move(on_change)), tell_(std::move(tell)) {}

PrePuller::~PrePuller() = default;

void PrePuller::See(const std::string& uid, std::shared_ptr<const v1::Pod> pod,
                    std::shared_ptr<const ConfigSource> configs, const NodeContext& node) {
  if (pod == nullptr || !pod->has_pre_pull() || pod->pre_pull().attempt() == 0) {
    return Forget(uid);
  }
  std::shared_ptr<Job>& job = jobs_[uid];
  if (job != nullptr && SameAttempt(job->wanted(), pod->pre_pull())) return;
  job = std::make_shared<Job>();
  job->uid = uid;
  job->pod = std::move(pod);
  job->configs = std::move(configs);
  job->node = node;
  job->result.set_revision(job->wanted().revision());
  job->result.set_attempt(job->wanted().attempt());
  Advance(std::shared_ptr<Job>(job));
}

std::optional<v1::PodPrePullStatus> PrePuller::ResultOf(const std::string& uid) const {
  const auto found = jobs_.find(uid);
  if (found == jobs_.end() || !found->second->over) return std::nullopt;
  return found->second->result;
}

// Null when another attempt took its place, or the pod is forgotten.
std::shared_ptr<PrePuller::Job> PrePuller::Current(const std::shared_ptr<Job>& job) const {
  const auto found = jobs_.find(job->uid);
  return found == jobs_.end() || found->second != job ? nullptr : job;
}

void PrePuller::Advance(const std::shared_ptr<Job>& job) {
  if (job->next == job->wanted().images_size()) return End(job, "");
  const v1::PrePullImage& wanted = job->wanted().images(job->next++);
  const absl::StatusOr<std::string> image = ImageToAskFor(wanted.image());
  if (!image.ok()) return End(job, std::string(image.status().message()));
  v1::Container user;
  user.set_image(wanted.image());
  user.set_image_pull_policy(wanted.image_pull_policy());
  const PullPolicy policy = PullPolicyOf(user);
  if (policy == PullPolicy::kAlways) return Pull(job, *image);
  Look(job, *image, policy != PullPolicy::kNever);
}

void PrePuller::Look(const std::shared_ptr<Job>& job, const std::string& image, bool may_pull) {
  fetcher_.LookUp(
      image, [this, job, image, may_pull](const absl::StatusOr<std::optional<ImageStatus>>& found) {
        if (Current(job) == nullptr) return;
        if (!found.ok()) return End(job, absl::StrCat(image, ": ", found.status().message()));
        if (found->has_value()) return Advance(job);
        if (may_pull) return Pull(job, image);
        End(job, absl::StrCat(image, ": it is not present, and the pull policy is Never"));
      });
}

void PrePuller::Pull(const std::shared_ptr<Job>& job, const std::string& image) {
  const v1::Pod successor = SuccessorOf(*job->pod);
  ImageFetcher::Order order{.image = image, .auths = {}, .sandbox = {}, .ahead = true};
  order.auths = CredentialsFor(successor, image, [&](const std::string& name) {
    return job->configs->FindSecret(successor.metadata().namespace_(), name);
  });
  if (const auto sandbox = MakeSandboxConfig(successor, 0, job->node); sandbox.ok()) {
    order.sandbox = *sandbox;
  }
  tell_(job->uid,
        {"Pulling", absl::StrCat("Pulling image \"", image, "\" ahead of the update"), false, ""});
  fetcher_.Pull(std::move(order), [this, job, image, begun = clock_.Mono()](
                                      const absl::StatusOr<ImageStatus>& pulled) {
    if (Current(job) == nullptr) return;
    if (!pulled.ok()) {
      tell_(job->uid, {"Failed",
                       absl::StrCat("Failed to pull image \"", image,
                                    "\" ahead of the update: ", pulled.status().message()),
                       true, ""});
      return End(job, absl::StrCat(image, ": ", pulled.status().message()));
    }
    tell_(job->uid, {"Pulled",
                     absl::StrCat("Successfully pulled image \"", image,
                                  "\" ahead of the update in ", DurationText(clock_.Mono() - begun),
                                  ". Image size: ", pulled->size_bytes, " bytes."),
                     false, ""});
    Advance(job);
  });
}

void PrePuller::End(const std::shared_ptr<Job>& job, const std::string& error) {
  job->over = true;
  job->result.set_phase(error.empty() ? "Pulled" : "Failed");
  job->result.set_message(error);
  on_change_(job->uid);
}

}  // namespace muster::agent
