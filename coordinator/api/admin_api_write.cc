#include <chrono>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "coordinator/admission/admit.h"
#include "coordinator/admission/three_way.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/deletion.h"
#include "coordinator/api/object_query.h"
#include "coordinator/api/retry.h"
#include "coordinator/api/service_addresses.h"

namespace muster::coordinator {
namespace {

constexpr char kProblemsType[] = "type.googleapis.com/muster.admin.v1.ApplyProblems";
constexpr char kChangeCause[] = "kubernetes.io/change-cause";
constexpr const char* kBuiltInNamespaces[] = {"default", "kube-system", "kube-public"};

v1::Object NewNamespace(const std::string& name) {
  v1::Object object = model::NewObject(*model::FindKind(v1::Object::kNamespaceObject));
  model::MutableMetadataOf(object).set_name(name);
  object.mutable_namespace_object()->mutable_spec()->add_finalizers("kubernetes");
  object.mutable_namespace_object()->mutable_status()->set_phase("Active");
  return object;
}

// Collects what is wrong with the objects of a request, for one answer about all of them.
class Refusal {
 public:
  void Add(int index, const v1::Object& object, const std::vector<Problem>& problems) {
    if (problems.empty()) return;
    for (const Problem& problem : problems) {
      admin::v1::ApplyProblem& out = *problems_.add_problems();
      out.set_object_index(index);
      out.set_path(problem.path);
      out.set_type(problem.type);
      out.set_value(problem.value);
      out.set_detail(problem.detail);
    }
    texts_.push_back(
        FormatInvalid(model::InfoOf(object).name, model::MetadataOf(object).name(), problems));
  }

  absl::Status status() const {
    if (texts_.empty()) return absl::OkStatus();
    absl::Status status = absl::InvalidArgumentError(absl::StrJoin(texts_, "\n"));
    status.SetPayload(kProblemsType, absl::Cord(problems_.SerializeAsString()));
    return status;
  }

 private:
  admin::v1::ApplyProblems problems_;
  std::vector<std::string> texts_;
};

template <typename Response>
void AddWarnings(int index, const std::vector<Warning>& warnings, Response& response) {
  for (const Warning& warning : warnings) {
    admin::v1::ApplyWarning& out = *response.add_warnings();
    out.set_object_index(index);
    out.set_path(warning.path);
    out.set_text(warning.text);
  }
}

template <typename Item>
void Append(std::vector<Item> more, std::vector<Item>& items) {
  items.insert(items.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

// As if the API server had filled it in: the namespace of kinds that have one, and none otherwise.
void FillNamespace(v1::Object& object) {
  v1::ObjectMeta& metadata = model::MutableMetadataOf(object);
  if (!model::InfoOf(object).namespaced) {
    metadata.clear_namespace_();
  } else if (metadata.namespace_().empty()) {
    metadata.set_namespace_("default");
  }
}

absl::StatusOr<std::optional<v1::Object>> Find(ObjectStore& objects, const v1::Object& like) {
  const v1::ObjectMeta& metadata = model::MetadataOf(like);
  absl::StatusOr<v1::Object> stored =
      objects.Get(like.object_case(), metadata.namespace_(), metadata.name());
  if (absl::IsNotFound(stored.status())) return std::nullopt;
  if (!stored.ok()) return stored.status();
  return *std::move(stored);
}

}  // namespace

absl::Status AdminApi::CreateBuiltInNamespaces() {
  for (const char* name : kBuiltInNamespaces) {
    ObjectTransaction transaction;
    transaction.Create(NewNamespace(name));
    const absl::Status status = objects_.Commit(std::move(transaction)).status();
    if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<admin::v1::ApplyResponse> AdminApi::Apply(const admin::v1::ApplyRequest& request,
                                                         CallNotes* notes,
                                                         const MayCreate& may_create) {
  CallNotes unwanted;
  return WithRetries(
      [&] { return TryApply(request, notes != nullptr ? *notes : unwanted, may_create); });
}

absl::StatusOr<admin::v1::ApplyResponse> AdminApi::TryApply(const admin::v1::ApplyRequest& request,
                                                            CallNotes& notes,
                                                            const MayCreate& may_create) {
  notes.Clear();
  const WallTime now = clock_.Wall();
  admin::v1::ApplyResponse response;
  ObjectTransaction transaction;
  Refusal refusal;
  std::set<std::string> keys;
  std::vector<int> written;            // Indexes of results, in the order of the transaction.
  std::map<std::string, int> missing;  // Namespaces, and the first object that needs them.
  ServiceAddresses addresses(objects_, service_ranges_, &SystemRandomBits);

  for (int index = 0; index < request.objects_size(); ++index) {
    v1::Object applied = request.objects(index);
    if (applied.object_case() == v1::Object::OBJECT_NOT_SET) {
      return absl::InvalidArgumentError(absl::StrCat("object ", index, " of the request is empty"));
    }
    FillNamespace(applied);
    if (!request.change_cause().empty()) {
      (*model::MutableMetadataOf(applied).mutable_annotations())[kChangeCause] =
          request.change_cause();
    }
    if (!keys.insert(KeyOf(applied)).second) {
      Problems problems;
      problems.Duplicate(FieldPath("metadata.name"), model::MetadataOf(applied).name());
      refusal.Add(index, applied, problems.all());
      continue;
    }
    MUSTER_ASSIGN_OR_RETURN(const std::optional<v1::Object> stored, Find(objects_, applied));
    if (!stored && may_create) MUSTER_RETURN_IF_ERROR(may_create(applied));
    if (stored && request.create_only()) {
      return ObjectExists(applied.object_case(), model::MetadataOf(applied).name());
    }
    v1::Object proposed = applied;
    if (!request.create_only()) {
      MUSTER_ASSIGN_OR_RETURN(proposed, ThreeWayApply(applied, stored ? &*stored : nullptr));
    }
    if (stored && !HasLastApplied(*stored)) {
      const model::KindInfo& info = model::InfoOf(applied);
      AddWarnings(
          index,
          {{"", absl::StrCat(std::string(info.plural), "/", model::MetadataOf(applied).name(),
                             " was not made by apply: annotation ", kLastAppliedAnnotation,
                             " is missing, so nothing that this manifest leaves out is "
                             "removed this time; the annotation is added now")}},
          response);
    }
    AdmitResult admitted = Admit(proposed, stored ? &*stored : nullptr, now);
    MUSTER_RETURN_IF_ERROR(addresses.Complete(stored ? &*stored : nullptr, admitted));
    MUSTER_ASSIGN_OR_RETURN(RunVerdict verdict, MayRun(admitted.object, stored ? &*stored : nullptr,
                                                       request.objects()));
    Append(std::move(verdict.problems), admitted.problems);
    Append(std::move(verdict.warnings), admitted.warnings);
    Append(std::move(verdict.notes), notes.remarks);
    refusal.Add(index, applied, admitted.problems);
    AddWarnings(index, admitted.warnings, response);

    if (stored && stored->has_daemon_set() && admitted.problems.empty()) {
      MUSTER_ASSIGN_OR_RETURN(const std::string rejection,
                              RejectionOf(admitted.object.daemon_set(), stored->daemon_set()));
      if (!rejection.empty()) AddWarnings(index, {{"spec.template", rejection}}, response);
    }

    const std::string& ns = model::MetadataOf(applied).namespace_();
    if (!stored && !ns.empty()) missing.emplace(ns, index);
    admin::v1::ApplyResult& result = *response.add_results();
    if (!stored) {
      result.set_outcome(admin::v1::ApplyResult::CREATED);
      transaction.Create(admitted.object);
      written.push_back(response.results_size() - 1);
    } else if (admitted.changed) {
      result.set_outcome(admin::v1::ApplyResult::CONFIGURED);
      model::MutableMetadataOf(admitted.object)
          .set_resource_version(model::MetadataOf(*stored).resource_version());
      transaction.Update(admitted.object);
      written.push_back(response.results_size() - 1);
    } else {
      result.set_outcome(admin::v1::ApplyResult::UNCHANGED);
    }
    *result.mutable_object() = std::move(admitted.object);
  }
  MUSTER_RETURN_IF_ERROR(refusal.status());

  for (const auto& [ns, index] : missing) {
    v1::Object made = NewNamespace(ns);
    if (keys.contains(KeyOf(made))) continue;
    MUSTER_ASSIGN_OR_RETURN(const std::optional<v1::Object> stored, Find(objects_, made));
    if (stored) continue;
    if (may_create) MUSTER_RETURN_IF_ERROR(may_create(made));
    transaction.Create(std::move(made));
    AddWarnings(index,
                {{"metadata.namespace",
                  absl::StrCat("namespace \"", ns, "\" was not there; it is created")}},
                response);
  }
  if (request.dry_run() && census_ != nullptr) {
    MUSTER_RETURN_IF_ERROR(census_->Check(transaction));
  }
  if (request.dry_run() || transaction.empty()) return response;
  addresses.AddTo(transaction);
  MUSTER_ASSIGN_OR_RETURN(CommittedObjects committed, Commit(std::move(transaction)));
  for (size_t i = 0; i < written.size(); ++i) {
    admin::v1::ApplyResult& result = *response.mutable_results(written[i]);
    const bool created = result.outcome() == admin::v1::ApplyResult::CREATED;
    notes.Add(result.object(), created ? 0 : RevisionOrZero(result.object()), committed.revision);
    *result.mutable_object() = std::move(committed.objects[i]);
  }
  for (size_t i = written.size(); i < committed.objects.size(); ++i) {
    notes.Add(committed.objects[i], 0, committed.revision);
  }
  return response;
}

absl::StatusOr<admin::v1::UpdateResponse> AdminApi::Update(const admin::v1::UpdateRequest& request,
                                                           CallNotes* notes) {
  CallNotes unwanted;
  if (notes == nullptr) notes = &unwanted;
  if (request.object().object_case() == v1::Object::OBJECT_NOT_SET) {
    return absl::InvalidArgumentError("there is no object in the request");
  }
  // A caller that says what it has seen wants to hear of conflicts.
  if (!model::MetadataOf(request.object()).resource_version().empty()) {
    return TryUpdate(request, *notes);
  }
  return WithRetries([&] { return TryUpdate(request, *notes); });
}

absl::StatusOr<admin::v1::UpdateResponse> AdminApi::TryUpdate(
    const admin::v1::UpdateRequest& request, CallNotes& notes) {
  notes.Clear();
  v1::Object proposed = request.object();
  FillNamespace(proposed);
  const v1::ObjectMeta& metadata = model::MetadataOf(proposed);
  MUSTER_ASSIGN_OR_RETURN(
      const v1::Object stored,
      objects_.Get(proposed.object_case(), metadata.namespace_(), metadata.name()));
  const std::string& revision = model::MetadataOf(stored).resource_version();
  if (!metadata.resource_version().empty() && metadata.resource_version() != revision) {
    return ObjectConflict(proposed.object_case(), metadata.name());
  }
  AdmitResult admitted = Admit(proposed, &stored, clock_.Wall());
  ServiceAddresses addresses(objects_, service_ranges_, &SystemRandomBits);
  MUSTER_RETURN_IF_ERROR(addresses.Complete(&stored, admitted));
  MUSTER_ASSIGN_OR_RETURN(RunVerdict verdict, MayRun(admitted.object, &stored, {}));
  Append(std::move(verdict.problems), admitted.problems);
  Append(std::move(verdict.warnings), admitted.warnings);
  notes.remarks = std::move(verdict.notes);
  Refusal refusal;
  refusal.Add(0, proposed, admitted.problems);
  MUSTER_RETURN_IF_ERROR(refusal.status());

  admin::v1::UpdateResponse response;
  AddWarnings(0, admitted.warnings, response);
  response.set_changed(admitted.changed);
  model::MutableMetadataOf(admitted.object).set_resource_version(revision);
  if (!admitted.changed || request.dry_run()) {
    *response.mutable_object() = std::move(admitted.object);
    return response;
  }
  ObjectTransaction transaction;
  transaction.Update(std::move(admitted.object));
  addresses.AddTo(transaction);
  MUSTER_ASSIGN_OR_RETURN(CommittedObjects committed, Commit(std::move(transaction)));
  notes.Add(stored, RevisionOrZero(stored), committed.revision);
  *response.mutable_object() = std::move(committed.objects.front());
  return response;
}

absl::StatusOr<admin::v1::DeleteResponse> AdminApi::Delete(const admin::v1::DeleteRequest& request,
                                                           CallNotes* notes) {
  CallNotes unwanted;
  return WithRetries([&] { return TryDelete(request, notes != nullptr ? *notes : unwanted); });
}

absl::StatusOr<admin::v1::DeleteResponse> AdminApi::TryDelete(
    const admin::v1::DeleteRequest& request, CallNotes& notes) {
  notes.Clear();
  MUSTER_ASSIGN_OR_RETURN(const ObjectName name, ObjectName::Parse(request.ref()));
  MUSTER_ASSIGN_OR_RETURN(const v1::Object stored,
                          objects_.Get(name.info->kind, name.ns, name.name));
  if (!request.uid().empty() && request.uid() != model::MetadataOf(stored).uid()) {
    return ObjectNotFound(name.info->kind, name.name);
  }
  std::optional<int64_t> grace;
  if (request.has_grace_period_seconds()) grace = request.grace_period_seconds();
  MUSTER_ASSIGN_OR_RETURN(Deletion deletion,
                          PlanDeletion(stored, request.cascade(), grace, clock_.Wall()));
  admin::v1::DeleteResponse response;
  *response.mutable_object() = deletion.object;
  ObjectTransaction transaction;
  if (stored.has_namespace_object()) {
    MUSTER_ASSIGN_OR_RETURN(const int64_t inside, ObjectsInNamespace(name.name));
    if (inside > 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "namespaces \"", name.name, "\" still holds ", inside, " objects; delete these first"));
    }
  }
  if (request.dry_run() || deletion.unchanged) return response;
  if (deletion.remove) {
    transaction.Delete(stored);
  } else {
    transaction.Update(std::move(deletion.object));
  }
  MUSTER_ASSIGN_OR_RETURN(CommittedObjects committed, Commit(std::move(transaction)));
  notes.Add(stored, RevisionOrZero(stored), committed.revision);
  if (!deletion.remove) *response.mutable_object() = std::move(committed.objects.front());
  return response;
}

absl::StatusOr<CommittedObjects> AdminApi::Commit(ObjectTransaction transaction) {
  return census_ != nullptr ? census_->Commit(std::move(transaction))
                            : objects_.Commit(std::move(transaction));
}

absl::StatusOr<int64_t> AdminApi::ObjectsInNamespace(const std::string& ns) {
  int64_t count = 0;
  for (const model::KindInfo& info : model::AllKinds()) {
    // Events tell of what was, and endpoints follow their Services; these do not keep a namespace.
    if (!info.namespaced || info.kind == v1::Object::kEvent ||
        info.kind == v1::Object::kEndpoints || info.kind == v1::Object::kEndpointSlice) {
      continue;
    }
    MUSTER_ASSIGN_OR_RETURN(const ObjectList list, objects_.List({info.kind, ns}));
    count += static_cast<int64_t>(list.items.size());
  }
  return count;
}

}  // namespace muster::coordinator
