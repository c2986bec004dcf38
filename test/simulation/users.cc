#include "test/simulation/users.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "coordinator/store/object_store.h"
#include "test/simulation/releases.h"

namespace muster::simulation {

using namespace std::chrono_literals;
namespace admin = muster::admin::v1;

namespace {

const std::vector<std::string> kNames = {"alpha", "beta", "gamma"};

std::string DaemonSetKey(const std::string& name) {
  return absl::StrCat("/daemonsets/", kNamespace, "/", name);
}

std::string LastPart(const std::string& key) { return key.substr(key.rfind('/') + 1); }

// The call may have been carried out, and nobody can say.
bool IsUncertain(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

Users::Users(const Surroundings& surroundings)
    : around_(surroundings),
      dice_(around_.stage.NewDice("users")),
      service_dice_(around_.stage.NewDice("users-of-services")) {}

std::string Users::SpecBytes(const v1::Object& daemon_set) {
  v1::Object only_spec;
  only_spec.mutable_daemon_set()->mutable_metadata()->set_name("spec");
  *only_spec.mutable_daemon_set()->mutable_spec() = daemon_set.daemon_set().spec();
  return coordinator::EncodeObject(only_spec);
}

std::vector<std::string> Users::KeysOf(absl::string_view prefix) const {
  std::vector<std::string> keys;
  const Objects& all = around_.ledger.now();
  for (auto it = all.lower_bound(std::string(prefix));
       it != all.end() && absl::StartsWith(it->first, prefix); ++it) {
    keys.push_back(it->first);
  }
  return keys;
}

void Users::Say(absl::string_view what, const absl::Status& status) {
  around_.stage.trace.Add("user", absl::StrCat(what, ": ", status.ok() ? "ok" : status.message()));
}

std::string Users::NewVariant() { return absl::StrCat(++last_variant_); }

void Users::ChangeWish() {
  const std::string& name = dice_.Pick(kNames);
  const auto [found, is_new] = wishes_.try_emplace(name);
  Wish& wish = found->second;
  wish.name = name;
  if (is_new) {
    ChangeTemplate(NewVariant(), dice_, wish);
    if (dice_.Chance(0.5)) ChangeGuard(dice_, wish);
  }
  switch (dice_.Roll(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
      ChangeTemplate(NewVariant(), dice_, wish);
      break;
    case 4:
      wish.on_delete = !wish.on_delete && dice_.Chance(0.5);
      break;
    case 5:
      wish.surge = !wish.surge;
      wish.budget = dice_.Pick<std::string>({"1", "2", "34%", "100%"});
      break;
    case 6:
      wish.budget = dice_.Pick<std::string>({"1", "2", "3", "20%", "50%"});
      break;
    case 7:
      wish.tier = dice_.Pick<std::string>({"", "edge", "core"});
      wish.variant = NewVariant();  // Of the template, so it makes a revision.
      break;
    case 8:
      wish.tolerates = !wish.tolerates;
      wish.variant = NewVariant();
      break;
    case 9:
      ChangeGuard(dice_, wish);
      break;
    case 10:
      wish.edge_class = dice_.Chance(0.3) ? "" : NewVariant();
      break;
    case 11:
      wish.reads_config = dice_.Chance(0.8);
      wish.rolls_on_config = wish.reads_config && dice_.Chance(0.7);
      wish.variant = NewVariant();
      break;
    case 12:
      wish.suspended = !wish.suspended && dice_.Chance(0.5);
      break;
    default:
      break;  // Applied again as it is.
  }
  const bool applied = Apply(wish);
  // On second thoughts.
  if (applied && dice_.Chance(0.1)) SteerRollout("pause", ctl::Steering::kPause, name);
}

void Users::See(const Commit& commit) {
  if (commit.writer == Writer::kUsers) return;
  for (const ObjectCommit& object : commit.objects) {
    // A rollout that went back has put an earlier template in place.
    const auto promise = promised_.find(object.key);
    if (promise != promised_.end() && object.after) promise->second = SpecBytes(*object.after);
  }
}

void Users::Settle(const std::string& key, const absl::Status& status, const v1::Object* answer) {
  const v1::Object* stored = around_.ledger.Find(key);
  if (status.ok()) {
    if (stored == nullptr || SpecBytes(*stored) != SpecBytes(*answer)) {
      around_.complain(absl::StrCat(key, " was acknowledged, and is not in the store"));
    }
  } else if (!IsUncertain(status)) {
    const auto before = promised_.find(key);
    if (before != promised_.end() && (stored == nullptr || SpecBytes(*stored) != before->second)) {
      around_.complain(
          absl::StrCat(key, " was changed by a request that was refused with ", status.message()));
    }
    return;
  }
  // What is on its way out goes, whatever is written to it.
  if (stored == nullptr || stored->daemon_set().metadata().has_deletion_timestamp()) {
    promised_.erase(key);
  } else {
    promised_[key] = SpecBytes(*stored);
  }
}

bool Users::Apply(const Wish& wish) {
  const std::string what = absl::StrCat("apply ", Describe(wish));
  CoordinatorProcess* coordinator = Coordinator();
  if (coordinator == nullptr) {
    Say(what, absl::UnavailableError("Connection refused"));
    return false;
  }
  admin::ApplyRequest request;
  *request.add_objects() = ObjectOf(wish, dice_);
  if (wish.reads_config) {
    std::string& content = configs_[wish.name];
    if (content.empty()) content = NewVariant();
    *request.add_objects() = ConfigOf(wish.name, content);
  }
  absl::StatusOr<admin::ApplyResponse> response = coordinator->api().Apply(request);
  coordinator->CheckPulse();
  Say(what, response.status());
  Settle(DaemonSetKey(wish.name), response.status(),
         response.ok() ? &response->results(0).object() : nullptr);
  return response.ok();
}

void Users::ChangeConfig(const std::string& name) {
  CoordinatorProcess* coordinator = Coordinator();
  if (coordinator == nullptr || !configs_.contains(name)) return;
  configs_[name] = NewVariant();
  admin::ApplyRequest request;
  *request.add_objects() = ConfigOf(name, configs_[name]);
  const absl::Status status = coordinator->api().Apply(request).status();
  coordinator->CheckPulse();
  Say(absl::StrCat("apply ", ConfigName(name), " with ", configs_[name]), status);
}

absl::Status Users::EditDaemonSet(const std::string& name, absl::string_view what,
                                  const std::function<absl::Status(v1::DaemonSet&)>& edit) {
  CoordinatorProcess* coordinator = Coordinator();
  absl::Status status = absl::UnavailableError("Connection refused");
  for (int attempt = 0; coordinator != nullptr && attempt < 5; ++attempt) {
    admin::GetRequest get;
    get.mutable_ref()->set_resource("daemonsets");
    get.mutable_ref()->set_namespace_(kNamespace);
    get.mutable_ref()->set_name(name);
    absl::StatusOr<admin::GetResponse> read = coordinator->api().Get(get);
    status = read.status();
    if (!read.ok()) break;
    admin::UpdateRequest update;
    *update.mutable_object() = std::move(*read->mutable_object());
    status = edit(*update.mutable_object()->mutable_daemon_set());
    if (!status.ok()) break;
    const absl::StatusOr<admin::UpdateResponse> response = coordinator->api().Update(update);
    coordinator->CheckPulse();
    status = response.status();
    if (absl::IsAborted(status)) continue;
    Settle(DaemonSetKey(name), status, response.ok() ? &response->object() : nullptr);
    break;
  }
  Say(absl::StrCat(what, " ", name), status);
  return status;
}

void Users::SteerRollout() {
  static const std::vector<std::pair<const char*, ctl::Steering>> kWays = {
      {"pause", ctl::Steering::kPause},
      {"resume", ctl::Steering::kResume},
      {"promote", ctl::Steering::kPromote},
      {"abort", ctl::Steering::kAbort}};
  const auto& [verb, steering] = dice_.Pick(kWays);
  SteerRollout(verb, steering, dice_.Pick(kNames));
}

void Users::SteerRollout(const char* verb, ctl::Steering steering, const std::string& name) {
  (void)EditDaemonSet(name, verb, [steering](v1::DaemonSet& daemon_set) {
    return ctl::Steer(steering, daemon_set);
  });
}

void Users::Attend() {
  for (auto& [name, wish] : wishes_) {
    const v1::Object* stored = around_.ledger.Find(DaemonSetKey(name));
    if (stored == nullptr || stored->daemon_set().metadata().has_deletion_timestamp()) continue;
    const std::string phase = stored->daemon_set().status().rollout().phase();
    const bool paused = IsPaused(stored->daemon_set());
    if (phase == "AwaitingPromotion") SteerRollout("promote", ctl::Steering::kPromote, name);
    if (phase == "Halted" || paused) SteerRollout("resume", ctl::Steering::kResume, name);
  }
}

// Spec 14.8: an invalid apply changes nothing.
void Users::ApplyInvalid() {
  CoordinatorProcess* coordinator = Coordinator();
  if (coordinator == nullptr) return;
  Wish wish;
  wish.name = dice_.Pick(kNames);
  wish.variant = NewVariant();
  v1::Object object = ObjectOf(wish, dice_);
  v1::DaemonSetSpec& spec = *object.mutable_daemon_set()->mutable_spec();
  switch (dice_.Roll(3)) {
    case 0:
      (*spec.mutable_template_()->mutable_metadata()->mutable_labels())["app"] = "other";
      break;
    case 1:
      spec.mutable_update_strategy()->mutable_rolling_update()->mutable_max_surge()->set_int_value(
          1);
      break;
    default:
      spec.mutable_template_()->mutable_spec()->mutable_containers(0)->set_image("");
      break;
  }
  admin::ApplyRequest request;
  *request.add_objects() = object;
  const absl::Status status = coordinator->api().Apply(request).status();
  coordinator->CheckPulse();
  Say("apply something invalid", status);
  if (status.ok()) around_.complain("an invalid DaemonSet was taken");
  Settle(DaemonSetKey(wish.name), status, nullptr);
}

void Users::DeleteDaemonSet() {
  CoordinatorProcess* coordinator = Coordinator();
  const std::string& name = dice_.Pick(kNames);
  const std::string key = DaemonSetKey(name);
  const v1::Object* before = around_.ledger.Find(key);
  if (coordinator == nullptr || before == nullptr) return;
  const std::string uid = before->daemon_set().metadata().uid();
  admin::DeleteRequest request;
  request.mutable_ref()->set_resource("daemonsets");
  request.mutable_ref()->set_namespace_(kNamespace);
  request.mutable_ref()->set_name(name);
  const int cascade = dice_.Roll(3);
  request.set_cascade(static_cast<admin::DeleteRequest::Cascade>(cascade));
  const absl::Status status = coordinator->api().Delete(request).status();
  coordinator->CheckPulse();
  Say(absl::StrCat("delete ", name,
                   cascade == 0   ? ""
                   : cascade == 1 ? " --cascade=foreground"
                                  : " --cascade=orphan"),
      status);
  const v1::Object* after = around_.ledger.Find(key);
  const bool going = after == nullptr || after->daemon_set().metadata().uid() != uid ||
                     after->daemon_set().metadata().has_deletion_timestamp();
  if (status.ok() && !going) around_.complain(absl::StrCat(key, " was not deleted after all"));
  if (!going) return;
  promised_.erase(key);
  deleted_.insert(uid);
}

void Users::DeletePod() {
  const std::vector<std::string> pods = KeysOf("/pods/default/");
  if (Coordinator() == nullptr || pods.empty()) return;
  const std::string name = LastPart(dice_.Pick(pods));
  std::optional<int64_t> grace_seconds;
  if (dice_.Chance(0.2)) grace_seconds = dice_.Pick<int>({0, 3});
  (void)DeletePod(name, grace_seconds);
}

absl::Status Users::DeletePod(const std::string& name, std::optional<int64_t> grace_seconds) {
  CoordinatorProcess* coordinator = Coordinator();
  if (coordinator == nullptr) return absl::UnavailableError("Connection refused");
  admin::DeleteRequest request;
  request.mutable_ref()->set_resource("pods");
  request.mutable_ref()->set_namespace_(kNamespace);
  request.mutable_ref()->set_name(name);
  if (grace_seconds) request.set_grace_period_seconds(*grace_seconds);
  const absl::Status status = coordinator->api().Delete(request).status();
  coordinator->CheckPulse();
  Say(absl::StrCat("delete pod ", name,
                   grace_seconds ? absl::StrCat(" grace ", *grace_seconds) : ""),
      status);
  return status;
}

bool Users::EditNode(const std::string& name, const std::function<void(v1::Node&)>& edit) {
  CoordinatorProcess* coordinator = Coordinator();
  if (coordinator == nullptr) return false;
  // As musterctl does: read, change, write back, and again when somebody else was faster.
  for (int attempt = 0; attempt < 5; ++attempt) {
    admin::GetRequest get;
    get.mutable_ref()->set_resource("nodes");
    get.mutable_ref()->set_name(name);
    absl::StatusOr<admin::GetResponse> read = coordinator->api().Get(get);
    if (!read.ok()) return absl::IsNotFound(read.status());
    admin::UpdateRequest update;
    *update.mutable_object() = read->object();
    edit(*update.mutable_object()->mutable_node());
    const absl::Status status = coordinator->api().Update(update).status();
    coordinator->CheckPulse();
    if (absl::IsAborted(status)) continue;
    if (!status.ok()) Say(absl::StrCat("edit node ", name), status);
    return status.ok();
  }
  return false;
}

void Users::ChangeNode() {
  const std::vector<std::string> nodes = KeysOf("/nodes/");
  if (nodes.empty()) return;
  const std::string name = LastPart(dice_.Pick(nodes));
  const int how = dice_.Roll(4);
  const std::string tier = dice_.Pick<std::string>({"edge", "core"});
  const std::string effect = dice_.Pick<std::string>({"NoSchedule", "NoExecute"});
  const bool undo = dice_.Chance(0.6);
  std::string what;
  switch (how) {
    case 0:
    case 1:
      what = absl::StrCat("label node ", name, " tier=", tier);
      EditNode(name, [&](v1::Node& node) {
        (*node.mutable_metadata()->mutable_labels())["tier"] = tier;
      });
      break;
    case 2:
      what = undo ? absl::StrCat("untaint node ", name)
                  : absl::StrCat("taint node ", name, " sim/off:", effect);
      EditNode(name, [&](v1::Node& node) {
        auto& taints = *node.mutable_spec()->mutable_taints();
        taints.erase(std::remove_if(taints.begin(), taints.end(),
                                    [](const v1::Taint& t) { return t.key() == "sim/off"; }),
                     taints.end());
        if (undo) return;
        v1::Taint& taint = *taints.Add();
        taint.set_key("sim/off");
        taint.set_effect(effect);
      });
      break;
    default:
      what = absl::StrCat(undo ? "uncordon " : "cordon ", name);
      EditNode(name, [&](v1::Node& node) { node.mutable_spec()->set_unschedulable(!undo); });
      break;
  }
  around_.stage.trace.Add("user", what);
}

void Users::StartDraft() {
  CoordinatorProcess* coordinator = Coordinator();
  if (coordinator == nullptr) return;
  admin::GetRequest get;
  get.mutable_ref()->set_resource("daemonsets");
  get.mutable_ref()->set_namespace_(kNamespace);
  get.mutable_ref()->set_name(dice_.Pick(kNames));
  absl::StatusOr<admin::GetResponse> read = coordinator->api().Get(get);
  if (!read.ok()) return;
  Draft draft{read->object(), around_.stage.clock.Mono() + dice_.Between(1s, 120s)};
  draft.object.mutable_daemon_set()->mutable_spec()->set_min_ready_seconds(
      dice_.Pick<int>({0, 1, 7}));
  drafts_.push_back(std::move(draft));
}

// Somebody writes back what was read a while ago. When it changed since, they must hear of it.
void Users::WriteDraft() {
  CoordinatorProcess* coordinator = Coordinator();
  if (coordinator == nullptr || drafts_.empty() ||
      drafts_.front().write_at > around_.stage.clock.Mono()) {
    return;
  }
  admin::UpdateRequest update;
  *update.mutable_object() = std::move(drafts_.front().object);
  drafts_.pop_front();
  const v1::ObjectMeta& metadata = update.object().daemon_set().metadata();
  const std::string key = DaemonSetKey(metadata.name());
  const v1::Object* stored = around_.ledger.Find(key);
  const bool same = stored != nullptr && stored->daemon_set().metadata().resource_version() ==
                                             metadata.resource_version();
  absl::StatusOr<admin::UpdateResponse> response = coordinator->api().Update(update);
  coordinator->CheckPulse();
  Say(absl::StrCat("write back ", metadata.name()), response.status());
  if (response.ok() && !same) {
    around_.complain(absl::StrCat(key, " was overwritten with what is older than it"));
  }
  Settle(key, response.status(), response.ok() ? &response->object() : nullptr);
}

void Users::ChangeService() {
  static const std::vector<std::string> kServices = {"front", "back", "names", "ports"};
  CoordinatorProcess* coordinator = Coordinator();
  if (coordinator == nullptr) return;
  Dice& dice = service_dice_;
  const std::string& name = dice.Pick(kServices);
  absl::Status status;
  std::string what;
  if (dice.Chance(0.25)) {
    admin::DeleteRequest request;
    request.mutable_ref()->set_resource("services");
    request.mutable_ref()->set_namespace_(kNamespace);
    request.mutable_ref()->set_name(name);
    what = "delete service ";
    status = coordinator->api().Delete(request).status();
  } else {
    admin::ApplyRequest request;
    v1::Service& service = *request.add_objects()->mutable_service();
    service.set_api_version("v1");
    service.set_kind("Service");
    service.mutable_metadata()->set_namespace_(kNamespace);
    service.mutable_metadata()->set_name(name);
    v1::ServiceSpec& spec = *service.mutable_spec();
    (*spec.mutable_selector())["app"] = dice.Pick(kNames);
    if (name == "names") spec.set_cluster_ip("None");
    if (name == "ports") spec.set_type("NodePort");
    if (name == "back") spec.set_ip_family_policy("PreferDualStack");
    spec.set_publish_not_ready_addresses(name == "names" && dice.Chance(0.3));
    v1::ServicePort& port = *spec.add_ports();
    port.set_port(80);
    port.set_protocol("TCP");
    what = "apply service ";
    status = coordinator->api().Apply(request).status();
  }
  coordinator->CheckPulse();
  Say(absl::StrCat(what, name), status);
}

void Users::Act() {
  WriteDraft();
  if (service_dice_.Chance(0.15)) return ChangeService();
  switch (dice_.Roll(21)) {
    case 0:
      return DeleteDaemonSet();
    case 1:
    case 2:
      return DeletePod();
    case 3:
    case 4:
    case 5:
      return ChangeNode();
    case 6:
      return ApplyInvalid();
    case 7:
    case 8:
      return StartDraft();
    case 9: {
      const auto wish = wishes_.find(dice_.Pick(kNames));
      if (wish == wishes_.end()) return;
      wish->second.variant = NewVariant();
      Apply(wish->second);
      return;
    }
    case 10:
    case 11:
    case 12:
      return SteerRollout();
    case 13:
      return Attend();
    case 14:
      return ChangeConfig(dice_.Pick(kNames));
    default:
      return ChangeWish();
  }
}

bool Users::MakeUp() {
  drafts_.clear();
  bool done = true;
  for (const std::string& key : KeysOf("/nodes/")) {
    const v1::Node& node = around_.ledger.Find(key)->node();
    const auto& taints = node.spec().taints();
    const bool tainted = std::any_of(taints.begin(), taints.end(),
                                     [](const v1::Taint& t) { return t.key() == "sim/off"; });
    if (!tainted && !node.spec().unschedulable()) continue;
    const bool edited = EditNode(LastPart(key), [](v1::Node& changed) {
      changed.mutable_spec()->clear_unschedulable();
      auto& all = *changed.mutable_spec()->mutable_taints();
      all.erase(std::remove_if(all.begin(), all.end(),
                               [](const v1::Taint& t) { return t.key() == "sim/off"; }),
                all.end());
    });
    done = done && edited;
  }
  for (auto& [name, wish] : wishes_) {
    if (around_.ledger.Find(DaemonSetKey(name)) == nullptr) continue;
    // Pods of a template that never worked would stay for ever.
    wish.on_delete = false;
    if (!IsMended(wish)) Mend(NewVariant(), wish);
    done = Apply(wish) && done;
  }
  // Left by somebody who deleted a DaemonSet and not its pods.
  for (const std::string& key : KeysOf("/pods/default/")) {
    const v1::Pod& pod = around_.ledger.Find(key)->pod();
    if (!OwnerUidOf(pod.metadata()).empty() || !NeverRests(pod.spec()) ||
        pod.metadata().has_deletion_timestamp()) {
      continue;
    }
    done = DeletePod(LastPart(key), std::nullopt).ok() && done;
  }
  return done;
}

}  // namespace muster::simulation
