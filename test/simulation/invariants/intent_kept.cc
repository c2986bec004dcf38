// Issue 3 §3: an acknowledged intent is never lost. Only users change what users decide about: the
// spec of a DaemonSet, that it is to go, labels of nodes and taints and cordons of their own. One
// thing is excepted, when they have asked for it: a rollout goes back by putting a template into
// the spec that was there before, and nothing else.

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/releases.h"

namespace muster::simulation {
namespace {

class IntentKept final : public Invariant {
 public:
  absl::string_view name() const override { return "acknowledged intents are kept"; }

  void OnCommit(const Sight&, const Commit& commit, const Report& report) override {
    if (commit.writer == Writer::kUsers) {
      for (const ObjectCommit& object : commit.objects) {
        if (!object.after || !object.after->has_daemon_set()) continue;
        const v1::DaemonSet& daemon_set = object.after->daemon_set();
        templates_[object.key].insert(TemplateBytes(daemon_set));
      }
      return;
    }
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
      if (object->has_daemon_set() &&
          sight.users.deleted().contains(object->daemon_set().metadata().uid())) {
        report(absl::StrCat(key, " was deleted and is still there"));
      }
    }
  }

 private:
  static std::string TemplateBytes(const v1::DaemonSet& daemon_set) {
    v1::Object only_template;
    *only_template.mutable_daemon_set()->mutable_spec()->mutable_template_() =
        daemon_set.spec().template_();
    // The same amount is written in several ways, and a revision keeps one of them.
    for (v1::Container& container : *only_template.mutable_daemon_set()
                                         ->mutable_spec()
                                         ->mutable_template_()
                                         ->mutable_spec()
                                         ->mutable_containers()) {
      container.clear_resources();
    }
    return Users::SpecBytes(only_template);
  }

  bool HasGoneBack(const std::string& key, const v1::Object& before,
                   const v1::Object& after) const {
    const v1::ObjectMeta& meta = before.daemon_set().metadata();
    const auto templates = templates_.find(key);
    if (AnnotationOf(meta, "muster.dev/on-failure") != "rollback" &&
        !absl::StartsWith(AnnotationOf(meta, "muster.dev/rollout-request"), "abort")) {
      return false;
    }
    v1::Object otherwise = after;
    *otherwise.mutable_daemon_set()->mutable_spec()->mutable_template_() =
        before.daemon_set().spec().template_();
    return Users::SpecBytes(otherwise) == Users::SpecBytes(before) &&
           templates != templates_.end() &&
           templates->second.contains(TemplateBytes(after.daemon_set()));
  }

  void CheckDaemonSet(const ObjectCommit& object, const Report& report) const {
    const v1::ObjectMeta& before = object.before->daemon_set().metadata();
    if (!object.after) {
      if (!before.has_deletion_timestamp()) {
        report(absl::StrCat(object.key, " is removed and nobody asked for it"));
      }
      return;
    }
    if (Users::SpecBytes(*object.before) != Users::SpecBytes(*object.after) &&
        !HasGoneBack(object.key, *object.before, *object.after)) {
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

  // That users wrote, by the key of the DaemonSet: one that is made anew adopts the revisions of
  // the one before.
  std::map<std::string, std::set<std::string>> templates_;
};

}  // namespace

std::unique_ptr<Invariant> NewIntentKept() { return std::make_unique<IntentKept>(); }

}  // namespace muster::simulation
