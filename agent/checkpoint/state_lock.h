#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace muster::agent {

// Two agents on one state directory would undo each other's work: whoever holds this is the only
// one. A resource; goes with its process, however that ends.
class StateLock {
 public:
  // Makes the directory when it is not there. FailedPrecondition: somebody else holds it.
  static absl::StatusOr<StateLock> Take(const std::string& state_dir);

  ~StateLock();
  StateLock(StateLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  StateLock& operator=(StateLock&&) = delete;
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;

 private:
  explicit StateLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace muster::agent
