#include "coordinator/enrol/enrolment.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/model/names.h"
#include "common/model/taints.h"
#include "common/model/time_text.h"

namespace muster::coordinator {
namespace {

constexpr char kHostNameLabel[] = "kubernetes.io/hostname";
constexpr char kOsLabel[] = "kubernetes.io/os";
constexpr char kEventSource[] = "node-controller";
constexpr char kEventNamespace[] = "default";  // Where Kubernetes has events of nodes.
constexpr int kAttemptsMax = 10;
constexpr size_t kLabelsMax = 200;
constexpr size_t kTaintsMax = 50;

void Append(std::vector<std::string>& problems, const std::string& what,
            const model::NameProblems& found) {
  for (const std::string& problem : found) problems.push_back(absl::StrCat(what, ": ", problem));
}

v1::Object NewEvent(const v1::Node& node, absl::Time now) {
  const std::string& name = node.metadata().name();
  v1::Object object = model::NewObject(*model::FindKind(model::Kind::kEvent));
  v1::Event& event = *object.mutable_event();
  event.mutable_metadata()->set_name(
      absl::StrCat(name, ".", absl::Hex(absl::ToUnixNanos(now), absl::kZeroPad16)));
  event.mutable_metadata()->set_namespace_(kEventNamespace);
  v1::ObjectReference& about = *event.mutable_involved_object();
  about.set_api_version(node.api_version());
  about.set_kind(node.kind());
  about.set_name(name);
  about.set_uid(node.metadata().uid());
  event.set_type("Normal");
  event.set_reason("RegisteredNode");
  event.set_message(
      absl::StrCat("Node ", name, " event: Registered Node ", name, " in Controller"));
  event.mutable_source()->set_component(kEventSource);
  event.set_reporting_component(kEventSource);
  *event.mutable_first_timestamp() = model::ToTime(now);
  *event.mutable_last_timestamp() = model::ToTime(now);
  event.set_count(1);
  return object;
}

}  // namespace

absl::Status CheckEnrolRequest(const EnrolRequest& request) {
  std::vector<std::string> problems;
  Append(problems, absl::StrCat("node name \"", request.node_name, "\""),
         model::CheckDnsSubdomain(request.node_name));
  if (request.labels.size() > kLabelsMax) {
    problems.push_back(absl::StrCat("more than ", kLabelsMax, " labels"));
  }
  for (const auto& [key, value] : request.labels) {
    Append(problems, absl::StrCat("label \"", key, "\""), model::CheckQualifiedName(key));
    Append(problems, absl::StrCat("value \"", value, "\" of label \"", key, "\""),
           model::CheckLabelValue(value));
  }
  if (request.taints.size() > kTaintsMax) {
    problems.push_back(absl::StrCat("more than ", kTaintsMax, " taints"));
  }
  std::map<std::pair<std::string, std::string>, int> seen;
  for (const v1::Taint& taint : request.taints) {
    const std::string what = absl::StrCat("taint \"", taint.key(), "\"");
    Append(problems, what, model::CheckQualifiedName(taint.key()));
    Append(problems, absl::StrCat("value \"", taint.value(), "\" of ", what),
           model::CheckLabelValue(taint.value()));
    if (taint.effect() != model::kNoSchedule && taint.effect() != model::kPreferNoSchedule &&
        taint.effect() != model::kNoExecute) {
      problems.push_back(absl::StrCat("effect \"", taint.effect(), "\" of ", what,
                                      ": must be NoSchedule, PreferNoSchedule or NoExecute"));
    }
    if (++seen[{taint.key(), taint.effect()}] == 2) {
      problems.push_back(absl::StrCat(what, ": there twice with effect ", taint.effect()));
    }
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems, "; "));
}

v1::Object NewNode(const EnrolRequest& request, const std::string& key_hash) {
  v1::Object object = model::NewObject(*model::FindKind(model::Kind::kNode));
  v1::ObjectMeta& metadata = *object.mutable_node()->mutable_metadata();
  metadata.set_name(request.node_name);
  (*metadata.mutable_annotations())[kNodeKeyHashAnnotation] = key_hash;
  auto& labels = *metadata.mutable_labels();
  labels[kHostNameLabel] = request.node_name;
  labels[kOsLabel] = "linux";
  for (const auto& [key, value] : request.labels) labels[key] = value;
  v1::NodeSpec& spec = *object.mutable_node()->mutable_spec();
  for (const v1::Taint& taint : request.taints) {
    // Ours, whatever it says about it.
    if (taint.key() != model::kNotReadyTaint) *spec.add_taints() = taint;
  }
  v1::Taint& not_ready = *spec.add_taints();
  not_ready.set_key(std::string(model::kNotReadyTaint));
  not_ready.set_effect(std::string(model::kNoSchedule));
  return object;
}

Enrolment::Enrolment(ObjectStore& objects, TokenStore& tokens, const CertificateAuthority& ca,
                     const Clock& clock)
    : objects_(objects), tokens_(tokens), ca_(ca), clock_(clock) {}

absl::StatusOr<EnrolResult> Enrolment::Enrol(const EnrolRequest& request) {
  MUSTER_RETURN_IF_ERROR(CheckEnrolRequest(request));
  MUSTER_ASSIGN_OR_RETURN(const std::string key_hash, pki::RequestPublicKeyHash(request.csr_pem));
  // Another enrolment with the same token, or of the same name, may come in between.
  absl::Status status;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const absl::StatusOr<v1::Object> present =
        objects_.Get(model::Kind::kNode, "", request.node_name);
    if (!present.ok() && !absl::IsNotFound(present.status())) return present.status();
    if (present.ok()) {
      const auto& annotations = present->node().metadata().annotations();
      const auto known = annotations.find(kNodeKeyHashAnnotation);
      if (known != annotations.end() && known->second == key_hash) return Sign(request);
      // What nodes there are is only for those who may join.
      MUSTER_RETURN_IF_ERROR(tokens_.Check(request.token).status());
      return absl::AlreadyExistsError(
          absl::StrCat("node \"", request.node_name,
                       "\" exists already, with another key; join with another --node-name, or "
                       "have it removed with \"musterctl delete node ",
                       request.node_name, "\""));
    }
    status = Register(request, key_hash);
    if (status.ok()) return Sign(request);
    if (!absl::IsAborted(status) && !absl::IsAlreadyExists(status)) return status;
  }
  return absl::UnavailableError(absl::StrCat("too many hosts join at once: ", status.message()));
}

absl::Status Enrolment::Register(const EnrolRequest& request, const std::string& key_hash) {
  MUSTER_ASSIGN_OR_RETURN(TokenStore::Use use, tokens_.Check(request.token));
  v1::Object node = NewNode(request, key_hash);
  objects_.Stamp(node);
  ObjectTransaction transaction;
  transaction.Create(NewEvent(node.node(), absl::FromChrono(clock_.Wall())));
  transaction.Create(std::move(node));
  transaction.AddCondition(std::move(use.condition));
  transaction.AddWrite(std::move(use.write));
  return objects_.Commit(std::move(transaction)).status();
}

absl::StatusOr<EnrolResult> Enrolment::Sign(const EnrolRequest& request) const {
  MUSTER_ASSIGN_OR_RETURN(std::string certificate,
                          ca_.SignNode(request.csr_pem, request.node_name, clock_.Wall()));
  return EnrolResult{std::move(certificate), ca_.certificate_pem()};
}

}  // namespace muster::coordinator
