#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/moment.h"
#include "coordinator/daemonjob/job_survey.h"
#include "coordinator/daemonset/failure_backoff.h"
#include "coordinator/daemonset/plan.h"
#include "coordinator/store/object_store.h"

namespace muster::coordinator {

// What the planner looks at, read from the store for a single question. Costs the size of the
// fleet; the controllers have their own, which follows changes. Of their memory only the back-off
// of failed pods is not in the store, and missing here.
class WorldCopy {
 public:
  // Pods of every namespace, since all take room; the rest of namespace `ns`.
  static absl::StatusOr<WorldCopy> Read(ObjectStore& objects, const std::string& ns,
                                        const Moment& now);

  // With what annotations add to its template, from the configuration that is stored.
  v1::DaemonSet Effective(const v1::DaemonSet& daemon_set) const;
  // As if this had been stored too: a ConfigMap, Secret or PriorityClass. Others change nothing.
  void Put(const v1::Object& object);

  // For somebody who has no part in other namespaces than these: pods of others take the room that
  // they take, and nothing else is said of them. With no namespaces nothing is hidden.
  void HideOthers(const std::set<std::string>& namespaces);

  // Both have to outlive the result.
  World For(const v1::DaemonSet& daemon_set) const;
  JobWorld For(const v1::DaemonJob& job) const;
  std::vector<const v1::Event*> events() const;
  std::vector<const v1::Pod*> pods() const;
  const v1::Node* FindNode(const std::string& name) const;

 private:
  explicit WorldCopy(const Moment& now) : now_(now) {}

  Moment now_;
  std::vector<v1::Object> nodes_, pods_, revisions_, events_;
  PriorityClasses priority_classes_;
  std::map<std::string, std::string> config_digests_;
  FailureBackoff backoff_;
};

}  // namespace muster::coordinator
