#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "common/model/kinds.h"
#include "ctl/client/admin_client.h"

namespace muster::ctl {

// Keeps objects by "plural/ns/name", remembers what it was asked and fails when told to.
class FakeAdminClient final : public AdminClient {
 public:
  static std::string KeyOf(const v1::Object& object) {
    return absl::StrCat(std::string(model::InfoOf(object).plural), "/",
                        model::MetadataOf(object).namespace_(), "/",
                        model::MetadataOf(object).name());
  }
  static std::string KeyOf(const admin::v1::ObjectRef& ref) {
    return absl::StrCat(ref.resource(), "/", ref.namespace_(), "/", ref.name());
  }
  void Put(const v1::Object& object) { objects[KeyOf(object)] = object; }

  absl::StatusOr<admin::v1::ApplyResponse> Apply(const admin::v1::ApplyRequest& request) override {
    applied.push_back(request);
    if (!next_error.ok()) return next_error;
    admin::v1::ApplyResponse response = apply_response;
    if (response.results().empty()) {
      for (const v1::Object& object : request.objects()) {
        auto* result = response.add_results();
        *result->mutable_object() = object;
        result->set_outcome(admin::v1::ApplyResult::CREATED);
      }
    }
    return response;
  }
  absl::StatusOr<admin::v1::UpdateResponse> Update(
      const admin::v1::UpdateRequest& request) override {
    updated.push_back(request);
    if (!update_errors.empty()) {
      const absl::Status error = update_errors.front();
      update_errors.pop_front();
      return error;
    }
    Put(request.object());
    admin::v1::UpdateResponse response;
    *response.mutable_object() = request.object();
    return response;
  }
  absl::StatusOr<admin::v1::GetResponse> Get(const admin::v1::GetRequest& request) override {
    if (!next_error.ok()) return next_error;
    const auto found = objects.find(KeyOf(request.ref()));
    if (found == objects.end()) {
      return absl::NotFoundError(
          absl::StrCat(request.ref().resource(), " \"", request.ref().name(), "\" not found"));
    }
    admin::v1::GetResponse response;
    if (request.as_table()) {
      AddRow(found->second, *response.mutable_table());
    } else {
      *response.mutable_object() = found->second;
    }
    return response;
  }
  absl::StatusOr<admin::v1::ListResponse> List(const admin::v1::ListRequest& request) override {
    listed.push_back(request);
    if (!next_error.ok()) return next_error;
    admin::v1::ListResponse response;
    const std::string on_node = "spec.nodeName=";
    for (const auto& [key, object] : objects) {
      if (model::InfoOf(object).plural != request.resource()) continue;
      if (request.field_selector().starts_with(on_node) &&
          object.pod().spec().node_name() != request.field_selector().substr(on_node.size())) {
        continue;
      }
      if (request.as_table()) AddRow(object, *response.mutable_table());
      if (!request.as_table() || request.with_objects()) *response.add_objects() = object;
    }
    return response;
  }
  absl::StatusOr<admin::v1::DeleteResponse> Delete(
      const admin::v1::DeleteRequest& request) override {
    deleted.push_back(request);
    const auto found = objects.find(KeyOf(request.ref()));
    if (found == objects.end()) {
      return absl::NotFoundError(
          absl::StrCat(request.ref().resource(), " \"", request.ref().name(), "\" not found"));
    }
    admin::v1::DeleteResponse response;
    *response.mutable_object() = found->second;
    objects.erase(found);
    return response;
  }
  absl::StatusOr<admin::v1::DescribeResponse> Describe(
      const admin::v1::DescribeRequest& request) override {
    admin::v1::DescribeResponse response;
    response.set_text(absl::StrCat("Name:  ", request.ref().name(), "\n"));
    return response;
  }
  absl::StatusOr<admin::v1::PlanResponse> Plan(const admin::v1::PlanRequest& request) override {
    plan_requests.push_back(request);
    if (!next_error.ok()) return next_error;
    return plan_response;
  }
  absl::StatusOr<admin::v1::WhyResponse> Why(const admin::v1::WhyRequest& request) override {
    why_requests.push_back(request);
    if (!next_error.ok()) return next_error;
    return why_response;
  }
  absl::StatusOr<admin::v1::RolloutHistoryResponse> RolloutHistory(
      const admin::v1::RolloutHistoryRequest& request) override {
    histories.push_back(request);
    if (!rollout_error.ok()) return rollout_error;
    admin::v1::RolloutHistoryResponse response;
    response.set_text("its history\n");
    return response;
  }
  absl::StatusOr<admin::v1::RolloutUndoResponse> RolloutUndo(
      const admin::v1::RolloutUndoRequest& request) override {
    undone.push_back(request);
    if (!rollout_error.ok()) return rollout_error;
    admin::v1::RolloutUndoResponse response;
    response.set_changed(undo_changes);
    return response;
  }
  absl::StatusOr<admin::v1::RolloutNodesResponse> RolloutNodes(
      const admin::v1::RolloutNodesRequest& request) override {
    if (rollout_nodes.empty()) return admin::v1::RolloutNodesResponse();
    const admin::v1::RolloutNodesResponse next = rollout_nodes.front();
    if (rollout_nodes.size() > 1) rollout_nodes.pop_front();
    return next;
  }
  absl::StatusOr<admin::v1::CreateTokenResponse> CreateToken(
      const admin::v1::CreateTokenRequest& request) override {
    token_requests.push_back(request);
    admin::v1::CreateTokenResponse response;
    response.set_token("id.secret");
    response.set_join_command("muster-agent join h:7440 --token id.secret --ca-hash sha256:00");
    return response;
  }
  absl::StatusOr<admin::v1::GetVersionResponse> GetVersion() override {
    admin::v1::GetVersionResponse response;
    response.set_version("9.9.9");
    response.set_git_revision("abc");
    return response;
  }
  absl::StatusOr<admin::v1::WhoAmIResponse> WhoAmI(const admin::v1::WhoAmIRequest&) override {
    return who_am_i;
  }
  absl::StatusOr<admin::v1::CanIResponse> CanI(const admin::v1::CanIRequest& request) override {
    can_i_requests.push_back(request);
    return can_i;
  }
  absl::StatusOr<admin::v1::CreateUserResponse> CreateUser(
      const admin::v1::CreateUserRequest& request) override {
    user_requests.push_back(request);
    if (!next_error.ok()) return next_error;
    return create_user;
  }
  absl::StatusOr<admin::v1::ListUsersResponse> ListUsers(
      const admin::v1::ListUsersRequest&) override {
    return users;
  }
  absl::StatusOr<admin::v1::DeleteUserResponse> DeleteUser(
      const admin::v1::DeleteUserRequest& request) override {
    deleted_access.push_back(request.name());
    if (!next_error.ok()) return next_error;
    return admin::v1::DeleteUserResponse();
  }
  absl::StatusOr<admin::v1::ListTokensResponse> ListTokens(
      const admin::v1::ListTokensRequest&) override {
    return tokens;
  }
  absl::StatusOr<admin::v1::DeleteTokenResponse> DeleteToken(
      const admin::v1::DeleteTokenRequest& request) override {
    deleted_access.push_back(request.id());
    if (!next_error.ok()) return next_error;
    return admin::v1::DeleteTokenResponse();
  }
  absl::StatusOr<admin::v1::RevokeNodeResponse> RevokeNode(
      const admin::v1::RevokeNodeRequest& request) override {
    revoked.push_back(request.name());
    if (!next_error.ok()) return next_error;
    admin::v1::RevokeNodeResponse response;
    response.set_changed(true);
    return response;
  }
  absl::StatusOr<admin::v1::RenewUserResponse> RenewUser(
      const admin::v1::RenewUserRequest& request) override {
    renewal_requests.push_back(request);
    if (!next_error.ok()) return next_error;
    return renewal;
  }
  absl::StatusOr<admin::v1::GetCaStatusResponse> GetCaStatus(
      const admin::v1::GetCaStatusRequest&) override {
    return ca_status;
  }
  absl::StatusOr<admin::v1::RotateCaResponse> RotateCa(
      const admin::v1::RotateCaRequest& request) override {
    rotations.push_back(request);
    if (!next_error.ok()) return next_error;
    admin::v1::RotateCaResponse response;
    response.set_changed(rotation_changes);
    return response;
  }
  absl::StatusOr<admin::v1::GetSealStatusResponse> GetSealStatus(
      const admin::v1::GetSealStatusRequest&) override {
    return seal_status;
  }
  absl::StatusOr<admin::v1::RotateSealResponse> RotateSeal(
      const admin::v1::RotateSealRequest&) override {
    if (!next_error.ok()) return next_error;
    return seal_rotation;
  }
  absl::Status Watch(const admin::v1::WatchRequest& request,
                     std::optional<std::chrono::milliseconds>,
                     const Each<admin::v1::WatchEvent>& each) override {
    watched.push_back(request);
    for (const admin::v1::WatchEvent& event : watch_events) {
      if (!each(event)) return absl::OkStatus();
    }
    return watch_end;
  }
  absl::Status RolloutStatus(const admin::v1::RolloutStatusRequest& request,
                             std::optional<std::chrono::milliseconds>,
                             const Each<admin::v1::RolloutStatusUpdate>& each) override {
    rollout_status_requests.push_back(request);
    for (const admin::v1::RolloutStatusUpdate& update : rollout_updates) {
      if (!each(update)) return absl::OkStatus();
    }
    return watch_end;
  }
  absl::Status Logs(const admin::v1::LogsRequest& request,
                    const Each<admin::v1::LogsChunk>& each) override {
    logs.push_back(request);
    admin::v1::LogsChunk chunk;
    const auto kept = log_of.find(request.pod());
    chunk.set_data(kept == log_of.end() ? "hello\n" : kept->second);
    each(chunk);
    return absl::OkStatus();
  }
  std::unique_ptr<LogStream> OpenLogs(const admin::v1::LogsRequest& request) override {
    MutexLock lock(&log_mutex);
    logs.push_back(request);
    const auto kept = log_of.find(request.pod());
    const auto error = log_error_of.find(request.pod());
    return std::make_unique<KeptLog>(
        kept == log_of.end() ? "hello\n" : kept->second,
        error == log_error_of.end() ? absl::OkStatus() : error->second);
  }
  std::unique_ptr<ExecStream> Exec() override { return nullptr; }
  std::unique_ptr<ExecStream> Attach() override { return nullptr; }
  std::unique_ptr<ForwardStream> PortForward() override { return nullptr; }
  absl::StatusOr<admin::v1::TopResponse> Top(const admin::v1::TopRequest& request) override {
    tops.push_back(request);
    if (!next_error.ok()) return next_error;
    return top_response;
  }

  std::map<std::string, v1::Object> objects;
  absl::Status next_error;
  std::deque<absl::Status> update_errors;
  admin::v1::ApplyResponse apply_response;
  std::vector<admin::v1::WatchEvent> watch_events;
  absl::Status watch_end;
  std::vector<admin::v1::ApplyRequest> applied;
  std::vector<admin::v1::UpdateRequest> updated;
  std::vector<admin::v1::ListRequest> listed;
  std::vector<admin::v1::DeleteRequest> deleted;
  std::vector<admin::v1::WatchRequest> watched;
  std::vector<admin::v1::LogsRequest> logs;
  std::map<std::string, std::string> log_of;         // By pod; "hello" for others.
  std::map<std::string, absl::Status> log_error_of;  // By pod; at the end, of OpenLogs.
  Mutex log_mutex;
  std::vector<admin::v1::TopRequest> tops;
  admin::v1::TopResponse top_response;
  std::vector<admin::v1::RolloutHistoryRequest> histories;
  std::vector<admin::v1::RolloutUndoRequest> undone;
  absl::Status rollout_error;
  bool undo_changes = true;
  std::vector<admin::v1::CreateTokenRequest> token_requests;
  admin::v1::WhoAmIResponse who_am_i;
  admin::v1::CanIResponse can_i;
  std::vector<admin::v1::CanIRequest> can_i_requests;
  admin::v1::CreateUserResponse create_user;
  std::vector<admin::v1::CreateUserRequest> user_requests;
  admin::v1::ListUsersResponse users;
  admin::v1::ListTokensResponse tokens;
  std::vector<std::string> deleted_access;  // Users and tokens.
  std::vector<std::string> revoked;         // Nodes.
  std::vector<admin::v1::RenewUserRequest> renewal_requests;
  admin::v1::RenewUserResponse renewal;
  admin::v1::GetCaStatusResponse ca_status;
  std::vector<admin::v1::RotateCaRequest> rotations;
  bool rotation_changes = true;
  admin::v1::GetSealStatusResponse seal_status;
  admin::v1::RotateSealResponse seal_rotation;
  admin::v1::PlanResponse plan_response;
  std::vector<admin::v1::PlanRequest> plan_requests;
  admin::v1::WhyResponse why_response;
  std::vector<admin::v1::RolloutStatusUpdate> rollout_updates;
  std::vector<admin::v1::RolloutStatusRequest> rollout_status_requests;
  std::deque<admin::v1::RolloutNodesResponse> rollout_nodes;  // The last one again and again.
  std::vector<admin::v1::WhyRequest> why_requests;

 private:
  class KeptLog final : public LogStream {
   public:
    KeptLog(std::string text, absl::Status end) : text_(std::move(text)), end_(std::move(end)) {}
    bool Read(admin::v1::LogsChunk& output) override {
      if (text_.empty()) return false;
      output.set_data(std::exchange(text_, ""));
      return true;
    }
    absl::Status Finish() override { return end_; }
    void Cancel() override {}

   private:
    std::string text_;
    const absl::Status end_;
  };

  static void AddRow(const v1::Object& object, admin::v1::Table& table) {
    if (table.columns().empty()) {
      table.add_columns()->set_name("NAME");
      table.add_columns()->set_name("AGE");
    }
    auto* row = table.add_rows();
    row->add_cells(model::MetadataOf(object).name());
    row->add_cells("5s");
    row->set_namespace_(model::MetadataOf(object).namespace_());
    const auto& labels = model::MetadataOf(object).labels();
    row->mutable_labels()->insert(labels.begin(), labels.end());
  }
};

}  // namespace muster::ctl
