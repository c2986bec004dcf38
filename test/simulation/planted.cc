#include "test/simulation/planted.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/translate/translate.h"
#include "coordinator/store/object_store.h"
#include "test/simulation/releases.h"

namespace muster::simulation {
namespace {

using coordinator::DecodeObject;
using coordinator::EncodeObject;
using coordinator::KeyValue;
using coordinator::MemoryStore;
using coordinator::Transaction;

constexpr char kDaemonSets[] = "/daemonsets/";
constexpr char kNodes[] = "/nodes/";
constexpr char kPods[] = "/pods/";

using Edit = std::function<void(v1::Object&)>;

// What the controllers read of objects below the prefix.
void EditRead(Writer reader, const char* prefix, KeyValue& read, const Edit& edit) {
  if (reader != Writer::kControllers || !absl::StartsWith(read.key, prefix)) return;
  absl::StatusOr<v1::Object> object = DecodeObject(read);
  if (!object.ok()) return;
  edit(*object);
  read.value = EncodeObject(*object);
}

// What the controllers write to objects below the prefix that are there already.
void EditWritten(Writer writer, const char* prefix, MemoryStore& disk, Transaction& transaction,
                 const std::function<void(const v1::Object& stored, v1::Object& written)>& edit) {
  if (writer != Writer::kControllers) return;
  for (coordinator::Write& write : transaction.writes) {
    if (!write.value || !absl::StartsWith(write.key, prefix)) continue;
    const absl::StatusOr<std::optional<KeyValue>> before = disk.Get(write.key);
    if (!before.ok() || !*before) continue;
    const absl::StatusOr<v1::Object> stored = DecodeObject(**before);
    KeyValue value = **before;
    value.value = *write.value;
    absl::StatusOr<v1::Object> written = DecodeObject(value);
    if (!stored.ok() || !written.ok()) continue;
    edit(*stored, *written);
    write.value = EncodeObject(*written);
  }
}

void LoseFarewells(const Soil& soil) {
  soil.network.up = [](session::v1::FromAgent& message) {
    if (!message.has_pod_reports()) return false;
    auto& reports = *message.mutable_pod_reports()->mutable_reports();
    reports.erase(std::remove_if(reports.begin(), reports.end(),
                                 [](const auto& report) { return report.gone(); }),
                  reports.end());
    return reports.empty();
  };
}

void IgnoreBudget(const Soil& soil) {
  soil.store.reading = [](Writer reader, KeyValue& read) {
    EditRead(reader, kDaemonSets, read, [](v1::Object& object) {
      v1::DaemonSetUpdateStrategy& strategy =
          *object.mutable_daemon_set()->mutable_spec()->mutable_update_strategy();
      if (strategy.type() != "RollingUpdate") return;
      strategy.mutable_rolling_update()->mutable_max_surge()->set_int_value(0);
      strategy.mutable_rolling_update()->mutable_max_unavailable()->set_string_value("100%");
    });
  };
  // What was never meant to be written is not written.
  soil.store.writing = [](Writer writer, MemoryStore& disk, Transaction& transaction) {
    EditWritten(writer, kDaemonSets, disk, transaction,
                [](const v1::Object& stored, v1::Object& written) {
                  *written.mutable_daemon_set()->mutable_spec() = stored.daemon_set().spec();
                });
  };
}

void OverlookTaints(const Soil& soil) {
  soil.store.reading = [](Writer reader, KeyValue& read) {
    EditRead(reader, kNodes, read, [](v1::Object& object) {
      auto& taints = *object.mutable_node()->mutable_spec()->mutable_taints();
      taints.erase(std::remove_if(taints.begin(), taints.end(),
                                  [](const v1::Taint& t) { return t.key() == "sim/off"; }),
                   taints.end());
    });
  };
  soil.store.writing = [](Writer writer, MemoryStore& disk, Transaction& transaction) {
    EditWritten(writer, kNodes, disk, transaction,
                [](const v1::Object& stored, v1::Object& written) {
                  for (const v1::Taint& taint : stored.node().spec().taints()) {
                    if (taint.key() != "sim/off") continue;
                    *written.mutable_node()->mutable_spec()->add_taints() = taint;
                  }
                });
  };
}

// The controllers do not see this annotation, and leave it as it is.
void OverlookAnnotation(const Soil& soil, const std::string& key) {
  soil.store.reading = [key](Writer reader, KeyValue& read) {
    EditRead(reader, kDaemonSets, read, [&](v1::Object& object) {
      object.mutable_daemon_set()->mutable_metadata()->mutable_annotations()->erase(key);
    });
  };
  soil.store.writing = [key](Writer writer, MemoryStore& disk, Transaction& transaction) {
    EditWritten(writer, kDaemonSets, disk, transaction,
                [&](const v1::Object& stored, v1::Object& written) {
                  const std::string value = AnnotationOf(stored.daemon_set().metadata(), key);
                  auto& annotations =
                      *written.mutable_daemon_set()->mutable_metadata()->mutable_annotations();
                  if (!value.empty()) annotations[key] = value;
                });
  };
}

void OverlookCanary(const Soil& soil) { OverlookAnnotation(soil, "muster.dev/canary"); }
void OverlookPause(const Soil& soil) { OverlookAnnotation(soil, "muster.dev/paused"); }

// They take what runs for ready, and count nobody's failures.
void TrustReleases(const Soil& soil) {
  soil.store.reading = [](Writer reader, KeyValue& read) {
    EditRead(reader, kPods, read, [](v1::Object& object) {
      v1::PodStatus& status = *object.mutable_pod()->mutable_status();
      if (status.phase() == "Pending" && status.has_start_time()) status.set_phase("Running");
      if (status.phase() != "Running") return;
      status.clear_container_statuses();
      for (v1::PodCondition& condition : *status.mutable_conditions()) {
        if (condition.type() != "Ready") continue;
        condition.set_status("True");
        condition.mutable_last_transition_time()->set_seconds(1);
      }
    });
  };
  // What was never meant to be written is not written.
  soil.store.writing = [](Writer writer, MemoryStore& disk, Transaction& transaction) {
    EditWritten(writer, kPods, disk, transaction,
                [](const v1::Object& stored, v1::Object& written) {
                  *written.mutable_pod()->mutable_status() = stored.pod().status();
                });
  };
}

// Where a heartbeat was due. Which node it is from the hub knows, and drops what is about others'.
void BidFarewellEarly(const Soil& soil) {
  soil.network.up = [&ledger = soil.ledger](session::v1::FromAgent& message) {
    if (!message.has_heartbeat()) return false;
    session::v1::FromAgent farewells;
    for (const auto& [key, object] : ledger.now()) {
      if (!object->has_pod() || !object->pod().metadata().has_deletion_timestamp()) continue;
      session::v1::PodReport& report = *farewells.mutable_pod_reports()->add_reports();
      report.set_namespace_(object->pod().metadata().namespace_());
      report.set_name(object->pod().metadata().name());
      report.set_uid(object->pod().metadata().uid());
      *report.mutable_status() = object->pod().status();
      report.set_gone(true);
    }
    if (farewells.has_pod_reports()) message = std::move(farewells);
    return false;
  };
}

void WriteStaleSpecs(const Soil& soil) {
  auto first = std::make_shared<std::map<std::string, v1::DaemonSetSpec>>();  // By uid.
  soil.store.writing = [first](Writer writer, MemoryStore& disk, Transaction& transaction) {
    EditWritten(writer, kDaemonSets, disk, transaction,
                [&](const v1::Object& stored, v1::Object& written) {
                  const std::string& uid = stored.daemon_set().metadata().uid();
                  *written.mutable_daemon_set()->mutable_spec() =
                      first->try_emplace(uid, stored.daemon_set().spec()).first->second;
                });
  };
}

void ForgetGenerations(const Soil& soil) {
  soil.store.writing = [count = 0](Writer writer, MemoryStore& disk,
                                   Transaction& transaction) mutable {
    EditWritten(writer, kDaemonSets, disk, transaction,
                [&](const v1::Object&, v1::Object& written) {
                  v1::DaemonSetStatus& status = *written.mutable_daemon_set()->mutable_status();
                  if (status.observed_generation() > 1 && ++count % 3 == 0) {
                    status.set_observed_generation(status.observed_generation() - 1);
                  }
                });
  };
}

// The loop of Services forgets a removal now and then.
void KeepEndpoints(const Soil& soil) {
  soil.store.writing = [count = 0](Writer writer, MemoryStore&, Transaction& transaction) mutable {
    if (writer != Writer::kServices) return;
    std::erase_if(transaction.writes, [&count](const coordinator::Write& write) {
      return !write.value && absl::StartsWith(write.key, "/endpointslices/") && ++count % 2 == 0;
    });
  };
}

template <typename Status>
void MarkAll(std::vector<Status>& list) {
  std::string mark;
  for (const Status& status : list) {
    const auto found = status.labels.find(agent::kLabelNodeUid);
    if (found != status.labels.end()) mark = found->second;
  }
  if (mark.empty()) return;
  for (Status& status : list) status.labels[agent::kLabelNodeUid] = mark;
}

void TakeAllForOurs(const Soil& soil) {
  soil.runtime.sandboxes = MarkAll<agent::SandboxStatus>;
  soil.runtime.containers = MarkAll<agent::ContainerStatus>;
}

}  // namespace

const std::vector<PlantedBug>& PlantedBugs() {
  static const std::vector<PlantedBug> bugs = {
      {"lost-farewell", "the word that nothing of a pod is left is never sent", LoseFarewells},
      {"ignored-budget", "the controllers take maxUnavailable for 100%", IgnoreBudget},
      {"overlooked-taint", "the controllers do not see the taints of users", OverlookTaints},
      {"stale-spec", "a status is written together with the spec as it first was", WriteStaleSpecs},
      {"forgotten-generation", "observedGeneration is one less now and then", ForgetGenerations},
      {"early-farewell", "an agent says that nothing of a pod is left while it stops it",
       BidFarewellEarly},
      {"overlooked-canary", "the controllers do not see muster.dev/canary", OverlookCanary},
      {"overlooked-pause", "the controllers do not see that a rollout is paused", OverlookPause},
      {"blind-trust", "the controllers take a pod that its agent has for one that works",
       TrustReleases},
      {"kept-endpoints", "slices of a Service that is gone stay now and then", KeepEndpoints},
      {"all-ours", "the agent takes everything in the runtime for its own", TakeAllForOurs},
  };
  return bugs;
}

const PlantedBug* FindPlantedBug(const std::string& name) {
  const std::vector<PlantedBug>& bugs = PlantedBugs();
  const auto found = std::find_if(bugs.begin(), bugs.end(),
                                  [&](const PlantedBug& bug) { return bug.name == name; });
  return found == bugs.end() ? nullptr : &*found;
}

}  // namespace muster::simulation
