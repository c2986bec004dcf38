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

// The coordinator's admin API as commands use it: blocking, one caller at a time.
//
// Errors keep the coordinator's code and message; problems of an Apply come as the payload that
// ProblemsOf reads. Streams hand each message to `each` until it returns false or the stream ends.
class AdminClient {
 public:
  template <typename Message>
  using Each = std::function<bool(const Message&)>;

  // Both directions of one exec. Write may be called from another thread than Read.
  class ExecStream {
   public:
    virtual ~ExecStream() = default;
    virtual bool Write(const admin::v1::ExecInput& input) = 0;
    virtual bool Read(admin::v1::ExecOutput& output) = 0;
    // After Read returned false.
    virtual absl::Status Finish() = 0;
    virtual void Cancel() = 0;
  };

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

  // DeadlineExceeded when `timeout` passes first.
  virtual absl::Status Watch(const admin::v1::WatchRequest& request,
                             std::optional<std::chrono::milliseconds> timeout,
                             const Each<admin::v1::WatchEvent>& each) = 0;
  virtual absl::Status RolloutStatus(const admin::v1::RolloutStatusRequest& request,
                                     std::optional<std::chrono::milliseconds> timeout,
                                     const Each<admin::v1::RolloutStatusUpdate>& each) = 0;
  virtual absl::Status Logs(const admin::v1::LogsRequest& request,
                            const Each<admin::v1::LogsChunk>& each) = 0;
  virtual std::unique_ptr<ExecStream> Exec() = 0;
};

// The problems behind a refused Apply or Update, when the coordinator named any.
std::optional<admin::v1::ApplyProblems> ProblemsOf(const absl::Status& status);

}  // namespace muster::ctl
