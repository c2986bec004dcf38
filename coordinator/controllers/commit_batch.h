#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/store/object_transaction.h"

namespace muster::coordinator {

// Transactions that have nothing to do with each other, written as one, since each commit waits for
// the disk. When one of them cannot be done, each is tried by itself, so that none fails because of
// another.
//
// What is not flushed is dropped. One owner.
class CommitBatch {
 public:
  using Commit = std::function<absl::Status(ObjectTransaction)>;
  // Told how its transaction went, once, within Add or Flush.
  using Done = std::function<void(const absl::Status&)>;

  explicit CommitBatch(Commit commit, size_t objects_max = 500)
      : commit_(std::move(commit)), objects_max_(objects_max) {}

  // One that has an object in common with those before waits until these are written.
  void Add(ObjectTransaction transaction, Done done);
  void Flush();

 private:
  struct Part {
    ObjectTransaction transaction;
    Done done;
  };

  const Commit commit_;
  const size_t objects_max_;
  std::vector<Part> parts_;
  std::set<std::string> keys_;  // Of all objects in the parts.
};

}  // namespace muster::coordinator
