#include "coordinator/session/status_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/node_key.h"
#include "coordinator/session/status_merge.h"
#include "coordinator/store/object_store.h"
#include "coordinator/templates/references.h"
#include "google/protobuf/util/message_differencer.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

// Somebody else wrote one of the objects between our reading and writing: simply once more.
constexpr int kConflictsMax = 5;

// True when it was another one. An empty value is none.
bool Note(const char* key, const std::string& value,
          google::protobuf::Map<std::string, std::string>& notes) {
  const auto found = notes.find(key);
  if (found == notes.end() ? value.empty() : found->second == value) return false;
  if (value.empty()) {
    notes.erase(found);
  } else {
    notes[key] = value;
  }
  return true;
}

}  // namespace

StatusWriter::StatusWriter(Store& store, const Clock& clock, const Options& options)
    : store_(store), clock_(clock), options_(options) {}

void StatusWriter::ReportPod(const std::string& node, session::v1::PodReport report) {
  std::string key = absl::StrCat("/", SessionKey("pods", report.namespace_(), report.name()));
  pods_[std::move(key)] = PodWord{node, std::move(report)};
}

void StatusWriter::ReportNode(const std::string& node, v1::NodeStatus status) {
  nodes_[node].status = std::move(status);
}

void StatusWriter::ReportAuthority(const std::string& node, std::string ca_hash) {
  nodes_[node].ca_hash = std::move(ca_hash);
}

void StatusWriter::ReportSealingKey(const std::string& node, std::string id, std::string problem) {
  nodes_[node].sealing_key_id = std::move(id);
  nodes_[node].sealing_key_problem = std::move(problem);
}

std::optional<MonoTime> StatusWriter::Flush() {
  if (retry_at_ && clock_.Mono() < *retry_at_) return retry_at_;
  int conflicts = 0;
  while (waiting() > 0) {
    const absl::Status status = WriteBatch();
    if (status.ok()) continue;
    if (absl::IsAborted(status) && ++conflicts <= kConflictsMax) continue;
    if (!retry_at_) {
      spdlog::error("cannot store what {} pods and {} nodes reported, trying again: {}",
                    pods_.size(), nodes_.size(), status.ToString());
    }
    retry_at_ = clock_.Mono() + options_.retry_after;
    return retry_at_;
  }
  if (retry_at_) spdlog::info("all reports are stored again");
  retry_at_.reset();
  return std::nullopt;
}

absl::Status StatusWriter::WriteBatch() {
  Transaction transaction;
  size_t taken = 0;
  auto add = [&](const KeyValue& stored, absl::StatusOr<std::optional<Write>> write) {
    // One broken object must not keep the others from being written.
    if (!write.ok()) return spdlog::error("{}, ignoring a report", write.status().ToString());
    if (!write->has_value()) return;
    transaction.conditions.push_back({stored.key, stored.mod_revision});
    transaction.writes.push_back(**std::move(write));
  };
  auto pods_end = pods_.begin();
  for (; pods_end != pods_.end() && taken < options_.batch_max; ++pods_end, ++taken) {
    MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(pods_end->first));
    if (!stored) continue;
    add(*stored, PodWrite(*stored, pods_end->second));
  }
  auto nodes_end = nodes_.begin();
  for (; nodes_end != nodes_.end() && taken < options_.batch_max; ++nodes_end, ++taken) {
    MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored,
                            store_.Get(absl::StrCat("/nodes/", nodes_end->first)));
    if (!stored) continue;
    add(*stored, NodeWrite(*stored, nodes_end->second));
  }
  if (!transaction.writes.empty()) MUSTER_RETURN_IF_ERROR(store_.Transact(transaction).status());
  pods_.erase(pods_.begin(), pods_end);
  nodes_.erase(nodes_.begin(), nodes_end);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Write>> StatusWriter::PodWrite(const KeyValue& stored,
                                                            const PodWord& word) const {
  MUSTER_ASSIGN_OR_RETURN(v1::Object object, DecodeObject(stored));
  v1::Pod& pod = *object.mutable_pod();
  const session::v1::PodReport& report = word.report;
  if (pod.spec().node_name() != word.node || pod.metadata().uid() != report.uid()) {
    return std::nullopt;
  }
  if (report.gone() && pod.metadata().has_deletion_timestamp() &&
      pod.metadata().finalizers().empty()) {
    return Write{stored.key, std::nullopt};
  }
  if (!report.has_status()) return std::nullopt;
  v1::PodStatus merged = MergePodStatus(pod.status(), report.status(), clock_.Wall());
  if (google::protobuf::util::MessageDifferencer::Equals(merged, pod.status())) {
    return std::nullopt;
  }
  *pod.mutable_status() = std::move(merged);
  return Write{stored.key, EncodeObject(object)};
}

absl::StatusOr<std::optional<Write>> StatusWriter::NodeWrite(const KeyValue& stored,
                                                             const NodeWord& word) const {
  MUSTER_ASSIGN_OR_RETURN(v1::Object object, DecodeObject(stored));
  bool changed = false;
  if (word.status) {
    std::optional<v1::Node> merged = MergeNodeStatus(object.node(), *word.status, clock_.Wall());
    changed = merged.has_value();
    if (merged) *object.mutable_node() = *std::move(merged);
  }
  if (!word.ca_hash.empty()) {
    std::string& noted = (*object.mutable_node()
                               ->mutable_metadata()
                               ->mutable_annotations())[model::kCertificateAuthorityAnnotation];
    changed |= noted != word.ca_hash;
    noted = word.ca_hash;
  }
  if (!word.sealing_key_id.empty()) {
    auto& notes = *object.mutable_node()->mutable_metadata()->mutable_annotations();
    changed |= Note(model::kSealingKeyAnnotation, word.sealing_key_id, notes);
    changed |= Note(model::kSealingKeyProblemAnnotation, word.sealing_key_problem, notes);
    const auto replace = notes.find(model::kReplaceSealingKeyAnnotation);
    if (replace != notes.end() && replace->second != word.sealing_key_id) {
      notes.erase(replace);
      changed = true;
    }
  }
  if (!changed) return std::nullopt;
  return Write{stored.key, EncodeObject(object)};
}

}  // namespace muster::coordinator
