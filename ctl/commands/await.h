#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

// How much is left of a time that several waits share; without end when there is no limit.
class Deadline {
 public:
  explicit Deadline(std::optional<std::chrono::milliseconds> limit);
  // Not below zero.
  std::optional<std::chrono::milliseconds> left() const;

 private:
  std::optional<std::chrono::steady_clock::time_point> end_;
};

// Says whether the wait is over; null: there is no such object (any more). An error ends it too.
using Done = std::function<absl::StatusOr<bool>(const v1::Object*)>;

// Watches one object until `done`. DeadlineExceeded when the time is over first.
absl::Status Await(AdminClient& client, const admin::v1::ObjectRef& ref, const Deadline& deadline,
                   const Done& done);

// Until the object with this UID is gone; another one of its name does not count.
absl::Status AwaitGone(AdminClient& client, const admin::v1::ObjectRef& ref, const std::string& uid,
                       const Deadline& deadline);

}  // namespace muster::ctl
