// The network of a node with the kernel that this runs on, in a network namespace of its own (see
// kernel_test.cc): what is known of its own pods, over boots and over the lives of several agents.

#include "agent/network/host/node_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "agent/network/host/nftables.h"
#include "common/base/clock.h"
#include "common/base/text_file.h"
#include "common/daemon/event_loop.h"
#include "test/unit/agent/network/tables.h"

namespace muster::agent {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class NodeNetworkTest : public testing::Test {
 protected:
  NodeNetworkTest() {
    std::string name = testing::TempDir() + "node-network-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    TableWriter writer;
    TableWriter::Port(writer.Service("web", {"10.96.0.1"}), "", "TCP", 80);
    network::v1::Slice& slice = writer.Slice("web", "", "TCP", 80);
    TableWriter::Place(slice, "10.0.0.1", "n1");
    TableWriter::Place(slice, "10.0.0.2", "n2");
    writer.update().set_full(true);
    writer.update().set_complete(true);
    writer.update().set_revision(7);
    told_ = writer.update();
    RemoveTable();
  }
  ~NodeNetworkTest() override {
    network_.reset();
    RemoveTable();
    std::filesystem::remove_all(folder_);
  }

  void RemoveTable() {
    EXPECT_TRUE(nftables_.Run("add table inet muster\ndelete table inet muster\n").ok());
  }
  // What an agent of `boot` has left on the disk.
  void Kept(const std::string& boot) {
    EXPECT_TRUE(WriteFileAtomically(folder_ + "/table", told_.SerializeAsString(), 0600).ok());
    EXPECT_TRUE(WriteFileAtomically(folder_ + "/table-boot", boot, 0600).ok());
  }
  static std::string ThisBoot() {
    return std::string(absl::StripAsciiWhitespace(
        ReadFile("/proc/sys/kernel/random/boot_id").value_or("unknown")));
  }
  // An agent starts; the one before it was killed.
  void StartAgent() {
    network_.reset();
    events_ = *EventLoop::Create();
    NetworkOptions options;
    options.node = "n1";
    options.path = folder_ + "/table";
    options.cni_config_dir = folder_ + "/cni";
    network_ = std::make_unique<NodeNetwork>(*events_, clock_, options);
    network_->Start();
  }
  void OwnPodIsAt(const std::string& ip) {
    network_->SetOwnPods({{{"default", "pod-on-n1"}, {{*ParseIp(ip)}, true, false}}});
  }

  bool Until(const std::function<bool()>& condition, std::chrono::milliseconds patience = 10s) {
    const MonoTime end = clock_.Mono() + patience;
    while (!condition() && clock_.Mono() < end) ::sd_event_run(events_->native(), 10'000);
    return condition();
  }
  std::vector<std::string> Places() const {
    std::vector<std::string> places;
    for (const ServicePlace& place : network_->table()->PlacesOf("default", "web")) {
      places.push_back(ToText(place.address));
    }
    return places;
  }
  // By another process: the library is for one thread at a time, and the network's is at work.
  static std::string Rules() {
    FILE* const nft = ::popen("nft list table inet muster 2>&1", "r");
    std::string rules;
    for (int c; nft != nullptr && (c = std::fgetc(nft)) != EOF;) rules.push_back(char(c));
    if (nft != nullptr) ::pclose(nft);
    return rules;
  }
  bool LeadsTo(const std::string& place) { return Rules().find(place) != std::string::npos; }

  SystemClock clock_;
  std::string folder_;
  network::v1::Update told_;
  Nftables nftables_;
  std::unique_ptr<EventLoop> events_;
  std::unique_ptr<NodeNetwork> network_;
};

TEST_F(NodeNetworkTest, AfterABootItsOwnPodsAreNowhereUntilTheyAreLookedAt) {
  Kept("of another boot");
  StartAgent();
  EXPECT_THAT(Places(), ElementsAre("10.0.0.2"));
  EXPECT_TRUE(Until([&] { return LeadsTo("10.0.0.2:80"); }));
  EXPECT_THAT(Rules(), Not(HasSubstr("10.0.0.1")));
  OwnPodIsAt("10.0.0.9");
  EXPECT_THAT(Places(), ElementsAre("10.0.0.9", "10.0.0.2"));
  EXPECT_TRUE(Until([&] { return LeadsTo("10.0.0.9 . 80"); }));
  // The coordinator comes back, and has not heard of it yet.
  network_->Take(told_);
  EXPECT_THAT(Places(), ElementsAre("10.0.0.9", "10.0.0.2"));
  // It is not ready: nobody has to say so.
  network_->SetOwnPods({{{"default", "pod-on-n1"}, {{*ParseIp("10.0.0.9")}, false, false}}});
  EXPECT_TRUE(Until([&] { return !LeadsTo("10.0.0.9"); }));
}

TEST_F(NodeNetworkTest, AnAgentOfTheSameBootLeavesTheRulesUntilItHasLooked) {
  Kept(ThisBoot());
  StartAgent();
  EXPECT_THAT(Places(), ElementsAre("10.0.0.1", "10.0.0.2")) << "as it was told";
  OwnPodIsAt("10.0.0.9");
  ASSERT_TRUE(Until([&] { return LeadsTo("10.0.0.9 . 80"); }));
  const std::string before = Rules();

  StartAgent();
  EXPECT_FALSE(Until([&] { return Rules() != before; }, 300ms));
  OwnPodIsAt("10.0.0.9");
  EXPECT_FALSE(Until([&] { return Rules() != before; }, 300ms));
  OwnPodIsAt("10.0.0.8");
  EXPECT_TRUE(Until([&] { return LeadsTo("10.0.0.8 . 80"); }));
}

TEST_F(NodeNetworkTest, NorDoesOneThatStartsAgainAfterABoot) {
  Kept("of another boot");
  StartAgent();
  OwnPodIsAt("10.0.0.9");
  ASSERT_TRUE(Until([&] { return LeadsTo("10.0.0.9 . 80"); }));
  const std::string before = Rules();
  StartAgent();
  EXPECT_THAT(Places(), ElementsAre("10.0.0.2")) << "for names it has to look first";
  EXPECT_FALSE(Until([&] { return Rules() != before; }, 300ms));
  OwnPodIsAt("10.0.0.9");
  EXPECT_FALSE(Until([&] { return Rules() != before; }, 300ms));
}

TEST_F(NodeNetworkTest, WhatTheCoordinatorSaysGoesBeforeWhatWasThere) {
  Kept(ThisBoot());
  StartAgent();
  network_->Take(told_);
  EXPECT_TRUE(Until([&] { return LeadsTo("10.0.0.1 . 80"); })) << "it waits for no pods then";
}

TEST_F(NodeNetworkTest, TheBootIsKeptOnceItsPodsWereLookedAt) {
  const auto kept = [this] { return ReadFile(folder_ + "/table-boot").value_or(""); };
  Kept("of another boot");
  StartAgent();
  // Whatever it says of this node's pods is of the boot before.
  told_.set_revision(8);
  network_->Take(told_);
  network::v1::Update saved;
  ASSERT_TRUE(Until([&] {
    return saved.ParseFromString(ReadFile(folder_ + "/table").value_or("")) &&
           saved.revision() == 8;
  }));
  EXPECT_EQ(kept(), "of another boot");
  OwnPodIsAt("10.0.0.9");
  network_->Take(told_);
  EXPECT_TRUE(Until([&] { return kept() == ThisBoot(); }));
}

}  // namespace
}  // namespace muster::agent
