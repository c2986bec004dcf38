// Writes what a release keeps on disks and sends over the wire: record_release DIR. It is run once
// for each release, by that release; read_releases_test reads them all with the present program.

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/checkpoint/file_checkpoint.h"
#include "agent/link/outbox.h"
#include "agent/link/translate.h"
#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"
#include "common/manifest/decode.h"
#include "common/manifest/encode.h"
#include "common/version/version.h"
#include "coordinator/store/object_store.h"
#include "coordinator/store/sqlite/sqlite_store.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "muster/session/v1/session.pb.h"

namespace muster {
namespace {

using google::protobuf::util::SerializeDelimitedToOstream;
using session::v1::FromAgent;
using session::v1::ToAgent;

// What a node is told of, and its DaemonSet with every field that there is.
struct World {
  v1::Object daemon_set, node, pod, config_map, secret;
};

void Name(v1::ObjectMeta& meta, const std::string& name, const std::string& uid) {
  meta.set_name(name);
  meta.set_namespace_("default");
  meta.set_uid(uid);
}

World MakeWorld() {
  World world;
  const std::string path = std::string(MUSTER_TEST_DATA) + "/manifests/every_field.yaml";
  const manifest::Decoded decoded = manifest::DecodeManifest(path, ReadFile(path).value_or(""));
  MUSTER_CHECK(decoded.documents.size() == 1);
  world.daemon_set = decoded.documents[0].object;
  Name(*world.node.mutable_node()->mutable_metadata(), "node-1", "uid-of-the-node");
  world.node.mutable_node()->mutable_metadata()->clear_namespace_();
  v1::Pod& pod = *world.pod.mutable_pod();
  Name(*pod.mutable_metadata(), "web-x7k2p", "uid-of-the-pod");
  *pod.mutable_spec() = world.daemon_set.daemon_set().spec().template_().spec();
  pod.mutable_spec()->set_node_name("node-1");
  Name(*world.config_map.mutable_config_map()->mutable_metadata(), "settings", "uid-of-the-map");
  (*world.config_map.mutable_config_map()->mutable_data())["key"] = "value";
  Name(*world.secret.mutable_secret()->mutable_metadata(), "key", "uid-of-the-secret");
  (*world.secret.mutable_secret()->mutable_data())["key"] = std::string("\0\xff", 2);
  return world;
}

// Gives the objects their resource versions.
absl::Status WriteStore(const std::string& dir, World& world) {
  const SystemClock clock;
  MUSTER_ASSIGN_OR_RETURN(const auto store,
                          coordinator::SqliteStore::Open({.path = dir + "/muster.db"}));
  coordinator::ObjectStore objects(*store, clock);
  for (v1::Object* object :
       {&world.daemon_set, &world.node, &world.pod, &world.config_map, &world.secret}) {
    coordinator::ObjectTransaction transaction;
    transaction.Create(*object);
    MUSTER_ASSIGN_OR_RETURN(auto done, objects.Commit(std::move(transaction)));
    *object = done.objects.front();
  }
  std::ofstream(dir + "/daemonset.yaml") << manifest::EncodeYaml(world.daemon_set);
  return absl::OkStatus();
}

absl::Status WriteCheckpoint(const std::string& dir, const World& world) {
  agent::FileCheckpoint checkpoint(dir + "/checkpoint");
  std::string problem;
  MUSTER_RETURN_IF_ERROR(checkpoint.Load(&problem).status());
  agent::CheckpointChange change;
  change.node_uid = "uid-of-the-node";
  change.former_node_uids = {"uid-of-an-earlier-node"};
  change.boot_id = "a-boot";
  change.complete = true;
  change.upserted = {{"pods/default/web-x7k2p", world.pod},
                     {"configmaps/default/settings", world.config_map},
                     {"secrets/default/key", world.secret}};
  MUSTER_RETURN_IF_ERROR(checkpoint.Save(change));
  return checkpoint.SaveContainers(
      {{"a-container",
        {.started = true, .ready = true, .ready_since = WallTime(), .post_start_over = true}}});
}

void WriteFromAgent(const std::string& path, const World& world) {
  std::ofstream out(path, std::ios::binary);
  v1::NodeStatus node_status;
  node_status.mutable_node_info()->set_boot_id("a-boot");
  node_status.mutable_node_info()->set_kubelet_version(Version());
  v1::NodeCondition& ready = *node_status.add_conditions();
  ready.set_type("Ready");
  ready.set_status("True");
  SerializeDelimitedToOstream(
      agent::HelloMessage({Version(), "a-boot", {{"pods/default/web-x7k2p", 3}}, node_status}),
      &out);
  agent::Outbox outbox;
  outbox.AddNodeStatus(node_status);
  agent::PodReport report{"default", "web-x7k2p", world.pod.pod().metadata().uid(), {}, false};
  report.status.set_phase("Running");
  report.status.add_container_statuses()->set_restart_count(2);
  outbox.AddPodReport(report);
  v1::Event event;
  event.mutable_involved_object()->set_name("web-x7k2p");
  event.set_reason("Started");
  outbox.AddEvent(event);
  outbox.AddHeartbeat();
  while (const std::optional<FromAgent> message = outbox.Next()) {
    SerializeDelimitedToOstream(*message, &out);
  }
}

void WriteToAgent(const std::string& path, const World& world) {
  std::ofstream out(path, std::ios::binary);
  ToAgent welcome, assignment, logs, exec, removed;
  welcome.mutable_welcome()->set_heartbeat_interval_ms(4'000);
  welcome.mutable_welcome()->set_coordinator_version(Version());
  *welcome.mutable_welcome()->mutable_node() = world.node.node();
  *assignment.mutable_assignment()->add_upserted() = world.pod;
  *assignment.mutable_assignment()->add_upserted() = world.config_map;
  *assignment.mutable_assignment()->add_upserted() = world.secret;
  assignment.mutable_assignment()->add_removed("pods/default/old");
  assignment.mutable_assignment()->set_complete(true);
  assignment.mutable_assignment()->set_revision(5);
  logs.mutable_open_tunnel()->set_tunnel_id("1");
  logs.mutable_open_tunnel()->mutable_logs()->set_pod_uid("uid-of-the-pod");
  logs.mutable_open_tunnel()->mutable_logs()->set_container("main");
  logs.mutable_open_tunnel()->mutable_logs()->set_tail_lines(7);
  exec.mutable_open_tunnel()->set_tunnel_id("2");
  exec.mutable_open_tunnel()->mutable_exec()->set_pod_uid("uid-of-the-pod");
  exec.mutable_open_tunnel()->mutable_exec()->set_container("main");
  exec.mutable_open_tunnel()->mutable_exec()->add_command("ls");
  removed.mutable_node_removed();
  for (const ToAgent* message : {&welcome, &assignment, &logs, &exec, &removed}) {
    SerializeDelimitedToOstream(*message, &out);
  }
}

absl::Status Record(const std::string& dir) {
  MUSTER_RETURN_IF_ERROR(MakeDirectories(dir, 0755));
  World world = MakeWorld();
  MUSTER_RETURN_IF_ERROR(WriteStore(dir, world));
  MUSTER_RETURN_IF_ERROR(WriteCheckpoint(dir, world));
  std::filesystem::remove(dir + "/muster.db.lock");  // It names this process.
  WriteFromAgent(dir + "/from_agent.bin", world);
  WriteToAgent(dir + "/to_agent.bin", world);
  return absl::OkStatus();
}

}  // namespace
}  // namespace muster

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("Usage: record_release DIR\n", stderr);
    return 64;
  }
  const absl::Status recorded = muster::Record(argv[1]);
  if (!recorded.ok()) std::fprintf(stderr, "%s\n", std::string(recorded.message()).c_str());
  return recorded.ok() ? 0 : 1;
}
