#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"

namespace muster::coordinator {

// What the peers of local connections are called, for `whoami` and the log. No rights hang on it:
// a connection's powers come from the server that it was handed to. Thread-safe.
class LocalNames {
 public:
  // A connection that is about to be handed to gRPC. The descriptor's number is the key; a number
  // that is used again is another connection.
  void Set(int fd, std::string name) ABSL_LOCKS_EXCLUDED(mutex_);
  // `peer` as gRPC calls the other end ("fd:12"). `otherwise` when it is not known.
  std::string Of(const std::string& peer, const std::string& otherwise) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::string> names_ ABSL_GUARDED_BY(mutex_);  // One for each number.
};

}  // namespace muster::coordinator
