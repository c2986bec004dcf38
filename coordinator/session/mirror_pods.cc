#include "coordinator/session/mirror_pods.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/macros.h"
#include "common/daemon/log_fields.h"
#include "common/model/static_pod.h"
#include "common/model/time_text.h"
#include "coordinator/store/object_store.h"
#include "coordinator/templates/references.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr std::chrono::seconds kRetryAfter{1};
constexpr int kConflictsMax = 5;
// Ten times what a node runs in all, by default: who says that it has more is no node of ours.
constexpr size_t kPodsMax = 1'000;

std::string KeyOfPod(const v1::Pod& pod) {
  return SessionKey("pods", pod.metadata().namespace_(), pod.metadata().name());
}

bool IsMirrorOn(const v1::Object& object, const std::string& node) {
  return object.has_pod() && model::IsMirror(object.pod()) &&
         object.pod().spec().node_name() == node;
}

bool IsOwnedBy(const v1::Pod& pod, const std::string& node_uid) {
  return pod.metadata().owner_references_size() == 1 &&
         pod.metadata().owner_references(0).uid() == node_uid;
}

// As it is to be stored, of what the agent said only what is the pod's own.
v1::Object Made(const v1::Pod& said, const std::string& node_uid, WallTime now) {
  v1::Pod own = said;
  own.mutable_metadata()->clear_owner_references();
  v1::Object object;
  *object.mutable_pod() = model::MirrorOf(own, node_uid);
  v1::ObjectMeta& meta = *object.mutable_pod()->mutable_metadata();
  meta.clear_resource_version();
  meta.clear_deletion_timestamp();
  meta.clear_deletion_grace_period_seconds();
  meta.clear_finalizers();
  meta.set_generation(1);
  *meta.mutable_creation_timestamp() = model::ToTime(absl::FromChrono(now));
  return object;
}

}  // namespace

void MirrorPods::Report(const std::string& node, std::vector<v1::Pod> pods) {
  if (pods.size() > kPodsMax) {
    spdlog::warn("node {} says that it runs {} pods of its own; {} are taken", node, pods.size(),
                 kPodsMax);
    pods.resize(kPodsMax);
  }
  std::string refused;
  std::set<std::string>& known = known_[node];
  known.clear();
  for (const auto& [key, pod] : Shown(node, pods, refused)) known.insert(key);
  waiting_[node] = std::move(pods);
}

void MirrorPods::ForgetNode(const std::string& node) {
  waiting_.erase(node);
  known_.erase(node);
  told_.erase(node);
}

bool MirrorPods::Knows(const std::string& node, const std::string& session_key) const {
  const auto known = known_.find(node);
  return known != known_.end() && known->second.contains(session_key);
}

std::optional<MonoTime> MirrorPods::Flush() {
  if (retry_at_ && clock_.Mono() < *retry_at_) return retry_at_;
  retry_at_.reset();
  int conflicts = 0;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const absl::Status written = WriteNode(at->first, at->second);
    if (written.ok()) {
      at = waiting_.erase(at);
    } else if (!absl::IsAborted(written) || ++conflicts > kConflictsMax) {
      spdlog::error("cannot store the static pods of node {}, trying again: {}", at->first,
                    written.ToString());
      retry_at_ = clock_.Mono() + kRetryAfter;
      return retry_at_;
    }
  }
  return std::nullopt;
}

std::map<std::string, const v1::Pod*> MirrorPods::Shown(const std::string& node,
                                                        const std::vector<v1::Pod>& pods,
                                                        std::string& refused) const {
  std::map<std::string, const v1::Pod*> shown;
  for (const v1::Pod& pod : pods) {
    if (const std::string problem = model::MirrorProblem(pod, node); problem.empty()) {
      shown[KeyOfPod(pod)] = &pod;
    } else {
      absl::StrAppend(&refused, refused.empty() ? "" : "; ", pod.metadata().namespace_(), "/",
                      pod.metadata().name(), ": ", problem);
    }
  }
  return shown;
}

// The agent says it again and again; people are told once.
void MirrorPods::Tell(const std::string& node, const std::string& refused) {
  std::string& told = told_[node];
  if (refused != told && !refused.empty()) {
    const LogFields about(kLogNode, node);
    spdlog::warn("node {}: static pods that are not shown: {}", node, refused);
  }
  told = refused;
}

absl::Status MirrorPods::WriteNode(const std::string& node, const std::vector<v1::Pod>& pods) {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> node_stored,
                          store_.Get(absl::StrCat("/nodes/", node)));
  if (!node_stored) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const v1::Object node_object, DecodeObject(*node_stored));
  const std::string& node_uid = node_object.node().metadata().uid();

  Transaction transaction;
  const auto write = [&transaction](const std::string& key, int64_t revision,
                                    std::optional<std::string> value) {
    transaction.conditions.push_back({key, revision});
    transaction.writes.push_back({key, std::move(value)});
  };
  std::string refused;
  const std::map<std::string, const v1::Pod*> shown = Shown(node, pods, refused);
  for (const auto& [session_key, pod] : shown) {
    const std::string key = absl::StrCat("/", session_key);
    MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(key));
    if (stored) {
      MUSTER_ASSIGN_OR_RETURN(const v1::Object object, DecodeObject(*stored));
      if (!IsMirrorOn(object, node)) {
        absl::StrAppend(&refused, refused.empty() ? "" : "; ", session_key,
                        ": there is another pod of that name");
        continue;
      }
      // One that somebody wants deleted goes when its agent has heard of it, and comes again.
      if (object.pod().metadata().uid() == pod->metadata().uid() &&
          IsOwnedBy(object.pod(), node_uid)) {
        continue;
      }
    }
    write(key, stored ? stored->mod_revision : 0,
          EncodeObject(Made(*pod, node_uid, clock_.Wall())));
  }
  Tell(node, refused);
  for (const std::string& session_key : keys_of_(node)) {
    if (!session_key.starts_with("pods/") || shown.contains(session_key)) continue;
    const std::string key = absl::StrCat("/", session_key);
    MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(key));
    if (!stored) continue;
    MUSTER_ASSIGN_OR_RETURN(const v1::Object object, DecodeObject(*stored));
    if (IsMirrorOn(object, node)) write(key, stored->mod_revision, std::nullopt);
  }
  if (transaction.writes.empty()) return absl::OkStatus();
  return store_.Transact(transaction).status();
}

}  // namespace muster::coordinator
