#include "coordinator/enrol/enrolment.h"

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/model/names.h"
#include "common/model/node_key.h"
#include "common/model/taints.h"
#include "common/model/time_text.h"
#include "coordinator/enrol/renewal_rule.h"

namespace muster::coordinator {
namespace {

constexpr char kHostNameLabel[] = "kubernetes.io/hostname";
constexpr char kOsLabel[] = "kubernetes.io/os";
constexpr char kArchLabel[] = "kubernetes.io/arch";
constexpr char kEventSource[] = "node-controller";
constexpr char kEventNamespace[] = "default";  // Where Kubernetes has events of nodes.
constexpr int kAttemptsMax = 10;
constexpr size_t kLabelsMax = 200;
constexpr size_t kTaintsMax = 50;

void Append(std::vector<std::string>& problems, const std::string& what,
            const model::NameProblems& found) {
  for (const std::string& problem : found) problems.push_back(absl::StrCat(what, ": ", problem));
}

// Labels of these are what workloads are placed by.
bool IsReserved(const std::string& domain) {
  for (const char* reserved : {"kubernetes.io", "k8s.io", "muster.dev"}) {
    if (domain == reserved || absl::EndsWith(domain, absl::StrCat(".", reserved))) return true;
  }
  return false;
}

// What a host may say of itself without being allowed to.
bool IsOwnLabel(const std::string& key, const std::string& value, const std::string& node_name) {
  const size_t slash = key.find('/');
  if (slash == std::string::npos) return true;
  const std::string domain = key.substr(0, slash);
  if (!IsReserved(domain)) return true;
  if (key == kHostNameLabel) return value == node_name;
  for (const char* own :
       {kOsLabel, kArchLabel, "topology.kubernetes.io/zone", "topology.kubernetes.io/region"}) {
    if (key == own) return true;
  }
  return domain == "node.kubernetes.io" || absl::EndsWith(domain, ".node.kubernetes.io");
}

v1::Object NewEvent(const v1::Node& node, absl::Time now, const char* reason,
                    const std::string& message) {
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
  event.set_reason(reason);
  event.set_message(message);
  event.mutable_source()->set_component(kEventSource);
  event.set_reporting_component(kEventSource);
  *event.mutable_first_timestamp() = model::ToTime(now);
  *event.mutable_last_timestamp() = model::ToTime(now);
  event.set_count(1);
  return object;
}

v1::Object RegisteredEvent(const v1::Node& node, absl::Time now) {
  const std::string& name = node.metadata().name();
  return NewEvent(node, now, "RegisteredNode",
                  absl::StrCat("Node ", name, " event: Registered Node ", name, " in Controller"));
}

std::string& KeyHashOf(v1::Node& node) {
  return (*node.mutable_metadata()->mutable_annotations())[model::kNodeKeyHashAnnotation];
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

absl::Status CheckScope(const EnrolRequest& request, const TokenStore::Scope& scope) {
  std::vector<std::string> problems;
  if (!MatchesPattern(scope.node_name, request.node_name)) {
    problems.push_back(absl::StrCat("this token is for nodes named \"", scope.node_name,
                                    "\", not for \"", request.node_name, "\""));
  }
  for (const auto& [key, value] : request.labels) {
    const auto given = scope.labels.find(key);
    const bool is_given = given != scope.labels.end() && given->second == value;
    if (is_given || IsOwnLabel(key, value, request.node_name)) continue;
    problems.push_back(absl::StrCat("a host may not give itself label \"", key, "=", value,
                                    "\"; an administrator allows it with \"musterctl token create "
                                    "--labels ",
                                    key, "=", value, "\""));
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrJoin(problems, "; "));
}

v1::Object NewNode(const EnrolRequest& request, const TokenStore::Scope& scope,
                   const std::string& key_hash) {
  v1::Object object = model::NewObject(*model::FindKind(model::Kind::kNode));
  v1::ObjectMeta& metadata = *object.mutable_node()->mutable_metadata();
  metadata.set_name(request.node_name);
  (*metadata.mutable_annotations())[model::kNodeKeyHashAnnotation] = key_hash;
  auto& labels = *metadata.mutable_labels();
  labels[kHostNameLabel] = request.node_name;
  labels[kOsLabel] = "linux";
  for (const auto& [key, value] : request.labels) labels[key] = value;
  for (const auto& [key, value] : scope.labels) labels[key] = value;
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
                     const Clock& clock, const Options& options)
    : objects_(objects), tokens_(tokens), ca_(ca), clock_(clock), options_(options) {}

absl::StatusOr<EnrolResult> Enrolment::Enrol(const EnrolRequest& request) {
  MUSTER_RETURN_IF_ERROR(CheckEnrolRequest(request));
  MUSTER_ASSIGN_OR_RETURN(const std::string key_hash, pki::RequestPublicKeyHash(request.csr_pem));
  // Another enrolment with the same token, or of the same name, may come in between.
  absl::Status status;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const absl::StatusOr<v1::Object> present =
        objects_.Get(model::Kind::kNode, "", request.node_name);
    if (!present.ok() && !absl::IsNotFound(present.status())) return present.status();
    // Who has its key needs no token, unless it was away for too long: then any token will do.
    bool has_its_key = false;
    if (present.ok()) {
      const absl::Status renewal =
          CheckRenewal(present->node(), key_hash, clock_.Wall(), options_.return_window);
      has_its_key = renewal.ok() || absl::IsPermissionDenied(renewal);
      if (renewal.ok()) {
        status = NoteExpiry(*present);
        if (status.ok()) return Sign(request.node_name, request.csr_pem);
        if (!absl::IsAborted(status)) return status;
        continue;
      }
    }
    status = present.ok() ? Replace(request, key_hash, has_its_key, *present)
                          : Register(request, key_hash);
    if (status.ok()) return Sign(request.node_name, request.csr_pem);
    const bool lost_a_race =
        absl::IsAborted(status) || (!present.ok() && absl::IsAlreadyExists(status));
    if (!lost_a_race) return status;
  }
  return absl::UnavailableError(absl::StrCat("too many hosts join at once: ", status.message()));
}

absl::Status Enrolment::Register(const EnrolRequest& request, const std::string& key_hash) {
  MUSTER_ASSIGN_OR_RETURN(TokenStore::Use use, tokens_.Check(request.token));
  MUSTER_RETURN_IF_ERROR(CheckScope(request, use.scope));
  v1::Object node = NewNode(request, use.scope, key_hash);
  NoteExpiry(*node.mutable_node());
  objects_.Stamp(node);
  ObjectTransaction transaction;
  transaction.Create(RegisteredEvent(node.node(), absl::FromChrono(clock_.Wall())));
  transaction.Create(std::move(node));
  transaction.AddCondition(std::move(use.condition));
  transaction.AddWrite(std::move(use.write));
  return objects_.Commit(std::move(transaction)).status();
}

absl::Status Enrolment::Replace(const EnrolRequest& request, const std::string& key_hash,
                                bool has_its_key, v1::Object present) {
  // What nodes there are is only for those who may join.
  MUSTER_ASSIGN_OR_RETURN(TokenStore::Use use, tokens_.Check(request.token));
  MUSTER_RETURN_IF_ERROR(CheckScope(request, use.scope));
  if (!use.scope.replace && !has_its_key) {
    return absl::AlreadyExistsError(absl::StrCat(
        "node \"", request.node_name,
        "\" exists already, with another key; join with another --node-name, with a token that was "
        "made with --replace, or have the node removed with \"musterctl delete node ",
        request.node_name, "\""));
  }
  v1::ObjectMeta& metadata = *present.mutable_node()->mutable_metadata();
  KeyHashOf(*present.mutable_node()) = key_hash;
  NoteExpiry(*present.mutable_node());
  for (const auto& [key, value] : use.scope.labels) (*metadata.mutable_labels())[key] = value;
  ObjectTransaction transaction;
  transaction.Create(RegisteredEvent(present.node(), absl::FromChrono(clock_.Wall())));
  transaction.Update(std::move(present));
  transaction.AddCondition(std::move(use.condition));
  transaction.AddWrite(std::move(use.write));
  return objects_.Commit(std::move(transaction)).status();
}

absl::StatusOr<EnrolResult> Enrolment::Renew(const std::string& node_name,
                                             const std::string& csr_pem) {
  MUSTER_ASSIGN_OR_RETURN(const std::string key_hash, pki::RequestPublicKeyHash(csr_pem));
  absl::Status status;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const absl::StatusOr<v1::Object> present = objects_.Get(model::Kind::kNode, "", node_name);
    if (absl::IsNotFound(present.status())) return NotThisNodesKey(node_name);
    if (!present.ok()) return present.status();
    MUSTER_RETURN_IF_ERROR(
        CheckRenewal(present->node(), key_hash, clock_.Wall(), options_.return_window));
    status = NoteExpiry(*present);
    if (status.ok()) return Sign(node_name, csr_pem);
    if (!absl::IsAborted(status)) return status;
  }
  return absl::UnavailableError(absl::StrCat("the node changes all the time: ", status.message()));
}

absl::StatusOr<bool> Enrolment::Revoke(const std::string& node_name) {
  absl::Status status;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    MUSTER_ASSIGN_OR_RETURN(v1::Object node, objects_.Get(model::Kind::kNode, "", node_name));
    std::string& key_hash = KeyHashOf(*node.mutable_node());
    if (key_hash == model::kRevokedKey) return false;
    key_hash = model::kRevokedKey;
    ObjectTransaction transaction;
    transaction.Create(NewEvent(node.node(), absl::FromChrono(clock_.Wall()), "NodeRevoked",
                                "The key of this node was revoked; a token made with --replace "
                                "lets a host join in its place"));
    transaction.Update(std::move(node));
    status = objects_.Commit(std::move(transaction)).status();
    if (status.ok()) return true;
    if (!absl::IsAborted(status)) return status;
  }
  return absl::UnavailableError(absl::StrCat("the node changes all the time: ", status.message()));
}

bool Enrolment::NoteExpiry(v1::Node& node) const {
  const absl::Time expires = absl::FromChrono(clock_.Wall() + ca_.lifetimes().client);
  std::string text = model::FormatTime(model::ToTime(expires));
  std::string& noted =
      (*node.mutable_metadata()->mutable_annotations())[model::kCertificateExpiresAnnotation];
  // What was given out earlier may be good for longer, with another setting. The texts are as
  // their times are.
  if (noted >= text) return false;
  noted = std::move(text);
  return true;
}

absl::Status Enrolment::NoteExpiry(v1::Object node) {
  if (!NoteExpiry(*node.mutable_node())) return absl::OkStatus();
  ObjectTransaction transaction;
  transaction.Update(std::move(node));
  return objects_.Commit(std::move(transaction)).status();
}

absl::StatusOr<EnrolResult> Enrolment::Sign(const std::string& node_name,
                                            const std::string& csr_pem) const {
  MUSTER_ASSIGN_OR_RETURN(std::string certificate, ca_.SignNode(csr_pem, node_name, clock_.Wall()));
  return EnrolResult{std::move(certificate), ca_.trusted_pem()};
}

}  // namespace muster::coordinator
