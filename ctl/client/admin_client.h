#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::ctl {

// The coordinator's admin API as commands use it: blocking. Calls may be made from several threads.
//
// Errors keep the coordinator's code and message; problems of an Apply come as the payload that
// ProblemsOf reads. Streams hand each message to `each` until it returns false or the stream ends.
class AdminClient {
 public:
  template <typename Message>
  using Each = std::function<bool(const Message&)>;

  // Both directions of one call. Write may be called from another thread than Read; it waits while
  // the other end is slow. Cancel may be called from any thread.
  template <typename Input, typename Output>
  class TwoWayStream {
   public:
    virtual ~TwoWayStream() = default;
    virtual bool Write(const Input& input) = 0;
    virtual bool Read(Output& output) = 0;
    // After Read returned false.
    virtual absl::Status Finish() = 0;
    virtual void Cancel() = 0;
  };
  // One direction; as above.
  template <typename Output>
  class ReadStream {
   public:
    virtual ~ReadStream() = default;
    virtual bool Read(Output& output) = 0;
    virtual absl::Status Finish() = 0;
    virtual void Cancel() = 0;
  };
  using LogStream = ReadStream<admin::v1::LogsChunk>;
  using ExecStream = TwoWayStream<admin::v1::ExecInput, admin::v1::ExecOutput>;
  using ForwardStream = TwoWayStream<admin::v1::PortForwardInput, admin::v1::PortForwardOutput>;

  virtual ~AdminClient() = default;

  virtual absl::StatusOr<admin::v1::ApplyResponse> Apply(
      const admin::v1::ApplyRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::UpdateResponse> Update(
      const admin::v1::UpdateRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::GetResponse> Get(const admin::v1::GetRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::ListResponse> List(const admin::v1::ListRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::DeleteResponse> Delete(
      const admin::v1::DeleteRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::DescribeResponse> Describe(
      const admin::v1::DescribeRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::PlanResponse> Plan(const admin::v1::PlanRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::WhyResponse> Why(const admin::v1::WhyRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::RolloutHistoryResponse> RolloutHistory(
      const admin::v1::RolloutHistoryRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::RolloutUndoResponse> RolloutUndo(
      const admin::v1::RolloutUndoRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::RolloutNodesResponse> RolloutNodes(
      const admin::v1::RolloutNodesRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::CreateTokenResponse> CreateToken(
      const admin::v1::CreateTokenRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::GetVersionResponse> GetVersion() = 0;
  virtual absl::StatusOr<admin::v1::WhoAmIResponse> WhoAmI(
      const admin::v1::WhoAmIRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::CanIResponse> CanI(const admin::v1::CanIRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::CreateUserResponse> CreateUser(
      const admin::v1::CreateUserRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::ListUsersResponse> ListUsers(
      const admin::v1::ListUsersRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::DeleteUserResponse> DeleteUser(
      const admin::v1::DeleteUserRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::ListTokensResponse> ListTokens(
      const admin::v1::ListTokensRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::DeleteTokenResponse> DeleteToken(
      const admin::v1::DeleteTokenRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::RevokeNodeResponse> RevokeNode(
      const admin::v1::RevokeNodeRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::RenewUserResponse> RenewUser(
      const admin::v1::RenewUserRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::GetCaStatusResponse> GetCaStatus(
      const admin::v1::GetCaStatusRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::RotateCaResponse> RotateCa(
      const admin::v1::RotateCaRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::GetSealStatusResponse> GetSealStatus(
      const admin::v1::GetSealStatusRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::RotateSealResponse> RotateSeal(
      const admin::v1::RotateSealRequest& request) = 0;

  // DeadlineExceeded when `timeout` passes first.
  virtual absl::Status Watch(const admin::v1::WatchRequest& request,
                             std::optional<std::chrono::milliseconds> timeout,
                             const Each<admin::v1::WatchEvent>& each) = 0;
  virtual absl::Status RolloutStatus(const admin::v1::RolloutStatusRequest& request,
                                     std::optional<std::chrono::milliseconds> timeout,
                                     const Each<admin::v1::RolloutStatusUpdate>& each) = 0;
  virtual absl::Status Logs(const admin::v1::LogsRequest& request,
                            const Each<admin::v1::LogsChunk>& each) = 0;
  // Likewise, for whoever has several at once and may not want to go on.
  virtual std::unique_ptr<LogStream> OpenLogs(const admin::v1::LogsRequest& request) = 0;
  virtual std::unique_ptr<ExecStream> Exec() = 0;
  virtual std::unique_ptr<ExecStream> Attach() = 0;
  // From any thread, while other calls are under way.
  virtual std::unique_ptr<ForwardStream> PortForward() = 0;
  virtual absl::StatusOr<admin::v1::TopResponse> Top(const admin::v1::TopRequest& request) = 0;
};

// The problems behind a refused Apply or Update, when the coordinator named any.
std::optional<admin::v1::ApplyProblems> ProblemsOf(const absl::Status& status);

}  // namespace muster::ctl
