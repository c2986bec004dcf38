// What every release so far has left on disks and sent, read by the present program: an upgrade of
// one end alone, and a host that is upgraded, find everything. See record.cc.

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/checkpoint/file_checkpoint.h"
#include "agent/link/translate.h"
#include "common/base/text_file.h"
#include "common/manifest/encode.h"
#include "coordinator/store/object_store.h"
#include "coordinator/store/sqlite/sqlite_store.h"
#include "gmock/gmock.h"
#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "gtest/gtest.h"
#include "muster/session/v1/session.pb.h"
#include "test/support/temp_dir.h"

namespace muster {
namespace {

namespace fs = std::filesystem;
using google::protobuf::util::ParseDelimitedFromZeroCopyStream;
using session::v1::FromAgent;
using session::v1::ToAgent;
using ::testing::ElementsAre;

std::vector<std::string> Releases() {
  std::vector<std::string> releases;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(std::string(MUSTER_TEST_DATA) + "/releases")) {
    releases.push_back(entry.path().filename().string());
  }
  return releases;
}

template <typename Message>
std::vector<Message> Messages(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  google::protobuf::io::IstreamInputStream stream(&in);
  std::vector<Message> messages;
  bool at_end = false;
  for (Message message; ParseDelimitedFromZeroCopyStream(&message, &stream, &at_end);) {
    messages.push_back(message);
    message.Clear();
  }
  EXPECT_TRUE(at_end) << path << " is not readable to its end";
  return messages;
}

class Release : public ::testing::TestWithParam<std::string> {
 protected:
  // Reading may migrate, so it is done to a copy.
  void SetUp() override {
    fs::copy(std::string(MUSTER_TEST_DATA) + "/releases/" + GetParam(), dir_ / "release",
             fs::copy_options::recursive);
  }

  TempDir dir_;
  const std::string files_ = dir_ / "release";
};

TEST_P(Release, ItsStoreIsReadAndWritten) {
  const SystemClock clock;
  const auto store = coordinator::SqliteStore::Open({.path = files_ + "/muster.db"});
  ASSERT_TRUE(store.ok()) << store.status();
  coordinator::ObjectStore objects(**store, clock);
  const auto listed = objects.List({});
  ASSERT_TRUE(listed.ok()) << listed.status();
  std::vector<std::string> names;
  std::string daemon_set;
  for (const v1::Object& object : listed->items) {
    names.push_back(coordinator::KeyOf(object));
    if (object.has_daemon_set()) daemon_set = manifest::EncodeYaml(object);
  }
  EXPECT_THAT(names, ::testing::SizeIs(5));
  EXPECT_EQ(daemon_set, ReadFile(files_ + "/daemonset.yaml").value_or(""));
  v1::Object more;
  more.mutable_config_map()->mutable_metadata()->set_name("more");
  more.mutable_config_map()->mutable_metadata()->set_namespace_("default");
  coordinator::ObjectTransaction transaction;
  transaction.Create(more);
  EXPECT_TRUE(objects.Commit(std::move(transaction)).ok());
}

TEST_P(Release, ItsCheckpointIsTheWholeAssignment) {
  agent::FileCheckpoint checkpoint(files_ + "/checkpoint");
  std::string problem;
  const auto state = checkpoint.Load(&problem);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(problem, "");
  EXPECT_EQ(state->node_uid, "uid-of-the-node");
  EXPECT_TRUE(state->former_node_uids.contains("uid-of-an-earlier-node"));
  EXPECT_EQ(state->boot_id, "a-boot");
  EXPECT_TRUE(state->complete);
  ASSERT_EQ(state->objects.size(), 3u);
  const v1::Pod& pod = state->objects.at("pods/default/web-x7k2p").pod();
  EXPECT_EQ(pod.metadata().uid(), "uid-of-the-pod");
  EXPECT_GT(pod.spec().containers_size(), 0);
  EXPECT_EQ(state->objects.at("secrets/default/key").secret().data().at("key"),
            std::string("\0\xff", 2));
  EXPECT_TRUE(state->containers.at("a-container").ready);
}

TEST_P(Release, ItsAgentsAreUnderstood) {
  const auto messages = Messages<FromAgent>(files_ + "/from_agent.bin");
  ASSERT_EQ(messages.size(), 5u);
  EXPECT_EQ(messages[0].hello().known().at("pods/default/web-x7k2p"), 3);
  EXPECT_EQ(messages[0].hello().node_status().conditions(0).type(), "Ready");
  EXPECT_EQ(messages[1].node_status().node_info().boot_id(), "a-boot");
  ASSERT_EQ(messages[2].pod_reports().reports_size(), 1);
  EXPECT_EQ(messages[2].pod_reports().reports(0).uid(), "uid-of-the-pod");
  EXPECT_EQ(messages[2].pod_reports().reports(0).status().container_statuses(0).restart_count(), 2);
  EXPECT_EQ(messages[3].event().reason(), "Started");
  EXPECT_TRUE(messages[4].has_heartbeat());
}

TEST_P(Release, ItsCoordinatorIsUnderstood) {
  std::vector<size_t> kinds;
  for (const ToAgent& message : Messages<ToAgent>(files_ + "/to_agent.bin")) {
    const std::optional<agent::LinkEvent> event = agent::EventFrom(message);
    ASSERT_TRUE(event.has_value()) << message.ShortDebugString();
    kinds.push_back(event->index());
    if (const auto* welcome = std::get_if<agent::LinkWelcome>(&*event)) {
      EXPECT_EQ(welcome->heartbeat_interval, std::chrono::seconds(4));
      EXPECT_EQ(welcome->node.metadata().uid(), "uid-of-the-node");
    } else if (const auto* assignment = std::get_if<agent::LinkAssignment>(&*event)) {
      EXPECT_EQ(assignment->upserted.size(), 3u);
      EXPECT_THAT(assignment->removed, ElementsAre("pods/default/old"));
      EXPECT_TRUE(assignment->complete);
    } else if (const auto* tunnel = std::get_if<agent::TunnelRequest>(&*event)) {
      EXPECT_EQ(tunnel->pod_uid, "uid-of-the-pod");
      if (tunnel->purpose == agent::TunnelPurpose::kExec) {
        EXPECT_EQ(tunnel->command.size(), 1u);
      } else {
        EXPECT_EQ(tunnel->purpose, agent::TunnelPurpose::kLogs);
        EXPECT_EQ(tunnel->tail_lines, 7);
      }
    }
  }
  EXPECT_THAT(kinds, ElementsAre(0u, 1u, 3u, 3u, 2u));
}

INSTANTIATE_TEST_SUITE_P(All, Release, ::testing::ValuesIn(Releases()), [](const auto& param) {
  std::string name = param.param;
  for (char& c : name) c = c == '.' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace muster
