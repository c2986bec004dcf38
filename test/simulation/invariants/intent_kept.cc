// Issue 3 §3: an acknowledged intent is never lost. Only users change what users decide about: the
// spec of a DaemonSet, that it is to go, labels of nodes and taints and cordons of their own.

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/simulation/invariants/invariant.h"

namespace muster::simulation {
namespace {

class IntentKept final : public Invariant {
 public:
  absl::string_view name() const override { return "acknowledged intents are kept"; }

  void OnCommit(const Sight&, const Commit& commit, const Report& report) override {
    if (commit.writer == Writer::kUsers) return;
    for (const ObjectCommit& object : commit.objects) {
      if (!object.before) continue;
      if (object.before->has_daemon_set()) CheckDaemonSet(object, report);
      if (object.before->has_node()) CheckNode(object, report);
      if (object.before->has_pod() && object.after &&
          object.before->pod().metadata().uid() == object.after->pod().metadata().uid() &&
          object.before->pod().metadata().has_deletion_timestamp() &&
          !object.after->pod().metadata().has_deletion_timestamp()) {
        report(absl::StrCat(object.key, " was to be deleted and is not any more"));
      }
    }
  }

  void OnQuiet(const Sight& sight, const Report& report) override {
    for (const auto& [key, spec] : sight.users.promised()) {
      const v1::Object* object = sight.ledger.Find(key);
      if (object == nullptr) {
        report(absl::StrCat(key, " was acknowledged and is gone"));
      } else if (Users::SpecBytes(*object) != spec) {
        report(absl::StrCat(key, " is not what was acknowledged"));
      }
    }
    for (const auto& [key, object] : sight.ledger.now()) {
      if (object.has_daemon_set() &&
          sight.users.deleted().contains(object.daemon_set().metadata().uid())) {
        report(absl::StrCat(key, " was deleted and is still there"));
      }
    }
  }

 private:
  static void CheckDaemonSet(const ObjectCommit& object, const Report& report) {
    const v1::ObjectMeta& before = object.before->daemon_set().metadata();
    if (!object.after) {
      if (!before.has_deletion_timestamp()) {
        report(absl::StrCat(object.key, " is removed and nobody asked for it"));
      }
      return;
    }
    if (Users::SpecBytes(*object.before) != Users::SpecBytes(*object.after)) {
      report(absl::StrCat(object.key, ": its spec is changed by who has no say in it"));
    }
    if (before.has_deletion_timestamp() &&
        !object.after->daemon_set().metadata().has_deletion_timestamp()) {
      report(absl::StrCat(object.key, " was to be deleted and is not any more"));
    }
  }

  // What users have a say in, in one text.
  static std::string WishOf(const v1::Node& node) {
    const auto& labels = node.metadata().labels();
    const auto tier = labels.find("tier");
    std::string wish =
        absl::StrCat(node.spec().unschedulable(), " ", tier == labels.end() ? "" : tier->second);
    for (const v1::Taint& taint : node.spec().taints()) {
      if (absl::StartsWith(taint.key(), "node.kubernetes.io/")) continue;
      absl::StrAppend(&wish, " ", taint.key(), ":", taint.effect());
    }
    return wish;
  }
  static void CheckNode(const ObjectCommit& object, const Report& report) {
    if (!object.after) {
      report(absl::StrCat(object.key, " is removed and nobody asked for it"));
    } else if (WishOf(object.before->node()) != WishOf(object.after->node())) {
      report(absl::StrCat(object.key, ": labels or taints of users are changed"));
    }
  }
};

}  // namespace

std::unique_ptr<Invariant> NewIntentKept() { return std::make_unique<IntentKept>(); }

}  // namespace muster::simulation
