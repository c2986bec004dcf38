#pragma once

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/daemon/event_loop.h"
#include "common/model/node_key.h"
#include "common/pki/grpc_credentials.h"
#include "common/pki/pki.h"
#include "coordinator/api/access_api.h"
#include "coordinator/api/admin_service.h"
#include "coordinator/api/caller.h"
#include "coordinator/api/usage_call.h"
#include "coordinator/authz/access.h"
#include "coordinator/process/stepper.h"
#include "coordinator/rpc/local_names.h"
#include "coordinator/rpc/local_peer.h"
#include "coordinator/rpc/servers.h"
#include "coordinator/session/agent_events.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/session/session_service.h"
#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {

using namespace std::chrono_literals;
using admin::v1::Admin;
using session::v1::AgentSession;
using session::v1::FromAgent;
using session::v1::ToAgent;
using session::v1::TunnelFromAgent;
using session::v1::TunnelToAgent;
using ::testing::HasSubstr;

// The gRPC shells of admin API and sessions, over loopback.
class ServicesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ca_ = *pki::MakeCa("test", clock_.Wall(), std::chrono::hours(1));
    const pki::KeyAndCertificate server =
        *pki::MakeServerCertificate(ca_, {"127.0.0.1"}, clock_.Wall(), std::chrono::hours(1));
    loop_ = *EventLoop::Create();
    stepper_ = std::make_unique<Stepper>(*loop_);
    stepper_->Set([this] {
      std::optional<MonoTime> next = hub_->Step();
      const std::optional<MonoTime> tunnel = tunnels_->Expire();
      return tunnel && (!next || *tunnel < *next) ? tunnel : next;
    });
    hub_ = std::make_unique<SessionHub>(store_, clock_, events_, SessionHub::Options{},
                                        [this] { stepper_->Wake(); });
    ASSERT_TRUE(hub_->Start().ok());
    tunnels_ = std::make_unique<TunnelBroker>(
        clock_, 15s,
        [this](const std::string& node, session::v1::OpenTunnel request,
               std::function<void(absl::Status)> refused) {
          hub_->Post(TunnelWanted{node, std::move(request), std::move(refused)});
        });
    SessionService::Doors doors;
    doors.enrol = [](const session::v1::EnrolRequest& request, const std::string&) {
      session::v1::EnrolResponse response;
      response.set_ca_pem("for " + request.node_name());
      return absl::StatusOr<session::v1::EnrolResponse>(response);
    };
    doors.renew = [](const session::v1::RenewRequest& request, const std::string&) {
      session::v1::RenewResponse response;
      response.set_ca_pem("again for " + request.node_name());
      return absl::StatusOr<session::v1::RenewResponse>(response);
    };
    doors.authority_of = [this](const std::string& certificate_pem) {
      return pki::IssuerAmong(certificate_pem, ca_.certificate_pem).value_or("");
    };
    sessions_ = std::make_unique<SessionService>(*hub_, *tunnels_, clock_, std::move(doors));
    AccessApi::Options options;
    options.address = [] { return std::string("c:7440"); };
    options.join_command = [](const std::string& token) { return "join " + token; };
    fleet_ca_ = std::make_unique<CertificateAuthority>(
        *CertificateAuthority::LoadOrCreate(folder_.path(), clock_.Wall()));
    access_ = std::make_unique<AccessApi>(tokens_, users_, *fleet_ca_, clock_, std::move(options));
    enrolment_ = std::make_unique<Enrolment>(objects_, tokens_, *fleet_ca_, clock_);
    TrustApi::Options trust;
    trust.server_not_after = [this] { return clock_.Wall(); };
    seals_ = *SealKeeper::Open(store_, {folder_ / "sealing.key"}, nullptr);
    trust_ = std::make_unique<TrustApi>(*fleet_ca_, *enrolment_, users_, objects_, *seals_, clock_,
                                        std::move(trust));
    remote_ = std::make_unique<AdminService>(
        api_, *access_, *trust_, *tunnels_, [this](const grpc::CallbackServerContext& context) {
          return RemoteCaller(context, users_, ca_.certificate_pem, clock_.Wall());
        });
    const auto local = [this](Role role) {
      return std::make_unique<AdminService>(
          api_, *access_, *trust_, *tunnels_,
          [this, role](const grpc::CallbackServerContext& context) {
            return LocalCaller(names_.Of(context.peer(), "nobody"), role);
          });
    };
    local_ = local(Role::kAdmin);
    viewers_ = local(Role::kViewer);
    const auto identity = std::make_shared<const pki::ServerIdentity>(
        pki::ServerIdentity{ca_.certificate_pem, server.certificate_pem, server.key_pem});
    absl::StatusOr<std::unique_ptr<RpcServers>> servers =
        RpcServers::Start({.listen = "127.0.0.1:0",
                           .identity = [identity] { return identity; },
                           .sessions = sessions_.get(),
                           .remote_admin = remote_.get(),
                           .local_admin = local_.get(),
                           .local_viewer = viewers_.get()});
    ASSERT_TRUE(servers.ok()) << servers.status();
    servers_ = *std::move(servers);
    servers_->LetIn();
    PutNode("n1");
    stepper_->Wake();
    thread_ = std::thread([this] { EXPECT_TRUE(loop_->Run().ok()); });
  }

  void TearDown() override {
    Stop();
    thread_.join();
  }
  void Stop() {
    if (stopped_) return;
    stopped_ = true;
    loop_->Post([this] { hub_->CloseAll(absl::UnavailableError("stopping")); });
    servers_->Shutdown(200ms);
    loop_->Quit();
  }

  void Put(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  void PutNode(const std::string& name) {
    v1::Object node = model::NewObject(*model::FindKind(v1::Object::kNode));
    node.mutable_node()->mutable_metadata()->set_name(name);
    (*node.mutable_node()
          ->mutable_metadata()
          ->mutable_annotations())[model::kNodeKeyHashAnnotation] = *node_key_.PublicKeyHash();
    Put(node);
  }
  void PutPod(const std::string& name, const std::string& node) {
    v1::Object object = model::NewObject(*model::FindKind(v1::Object::kPod));
    object.mutable_pod()->mutable_metadata()->set_name(name);
    object.mutable_pod()->mutable_metadata()->set_namespace_("default");
    object.mutable_pod()->mutable_metadata()->set_uid("uid-" + name);
    object.mutable_pod()->mutable_spec()->set_node_name(node);
    object.mutable_pod()->mutable_spec()->add_containers()->set_name("main");
    Put(object);
  }

  // An empty common name: no client certificate.
  std::shared_ptr<grpc::Channel> Channel(const std::string& common_name = "",
                                         const std::string& organization = "") {
    return Channel(common_name, organization, *pki::PrivateKey::Generate());
  }
  std::shared_ptr<grpc::Channel> Channel(const std::string& common_name,
                                         const std::string& organization,
                                         const pki::PrivateKey& key,
                                         std::chrono::seconds lifetime = std::chrono::hours(1)) {
    pki::ClientIdentity identity{ca_.certificate_pem, "", ""};
    if (!common_name.empty()) {
      identity.key_pem = *key.ToPem();
      identity.certificate_pem =
          *pki::SignClientRequest(ca_, *pki::MakeRequest(key, common_name), common_name,
                                  organization, clock_.Wall(), lifetime);
    }
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride(pki::kCoordinatorDnsName);
    // No sharing of connections between the identities.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(servers_->port()),
                                     pki::ClientChannelCredentials(identity), arguments);
  }
  std::shared_ptr<grpc::Channel> NodeChannel(
      const std::string& node, std::chrono::seconds lifetime = std::chrono::hours(1)) {
    return Channel(pki::NodeCommonName(node), pki::kNodeOrganization, node_key_, lifetime);
  }
  // A person with the powers of `identity` and a key of its own.
  std::shared_ptr<grpc::Channel> PersonChannel(const Identity& identity) {
    const pki::PrivateKey key = *pki::PrivateKey::Generate();
    UserStore::User user;
    user.identity = identity;
    user.key_hash = *key.PublicKeyHash();
    user.created_at = clock_.Wall();
    user.expires_at = clock_.Wall() + std::chrono::hours(1);
    EXPECT_TRUE(users_.Put(user, /*replace=*/true).ok());
    return Channel(identity.name, pki::kUserOrganization, key);
  }
  std::shared_ptr<grpc::Channel> LocalChannel(const LocalPeer& peer) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    names_.Set(ends[0], peer.name);
    servers_->AddLocalConnection(ends[0], peer.trusted);
    return grpc::CreateInsecureChannelFromFd("local", ends[1]);
  }
  std::unique_ptr<Admin::Stub> LocalAdmin() { return Admin::NewStub(LocalChannel({"root", true})); }

  // No call may hang the test.
  struct Context : grpc::ClientContext {
    Context() { set_deadline(std::chrono::system_clock::now() + 20s); }
  };

  // An agent that has said hello and got its assignment.
  struct Agent {
    std::unique_ptr<AgentSession::Stub> stub;
    Context context;
    std::unique_ptr<grpc::ClientReaderWriter<FromAgent, ToAgent>> stream;
  };
  // What tunnels it serves besides logs and exec.
  std::unique_ptr<Agent> Connect(const std::string& node,
                                 const std::vector<std::string>& tunnels = {}) {
    auto agent = std::make_unique<Agent>();
    agent->stub = AgentSession::NewStub(NodeChannel(node));
    agent->stream = agent->stub->Session(&agent->context);
    FromAgent hello;
    hello.mutable_hello()->set_agent_version("test");
    hello.mutable_hello()->mutable_tunnels()->Add(tunnels.begin(), tunnels.end());
    EXPECT_TRUE(agent->stream->Write(hello));
    ToAgent message;
    EXPECT_TRUE(agent->stream->Read(&message) && message.has_welcome());
    EXPECT_TRUE(agent->stream->Read(&message) && message.has_assignment());
    return agent;
  }
  // The next message has to ask for a tunnel.
  static session::v1::OpenTunnel AwaitTunnel(Agent& agent) {
    ToAgent message;
    while (agent.stream->Read(&message)) {
      if (message.has_open_tunnel()) return message.open_tunnel();
    }
    ADD_FAILURE() << "the session ended";
    return {};
  }

  const SystemClock clock_{};
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  AgentEvents events_{store_, clock_, AgentEvents::Options{}};
  AdminApi api_{objects_, clock_};
  pki::KeyAndCertificate ca_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Stepper> stepper_;
  std::unique_ptr<SessionHub> hub_;
  std::unique_ptr<TunnelBroker> tunnels_;
  std::unique_ptr<SessionService> sessions_;
  const pki::PrivateKey node_key_ = *pki::PrivateKey::Generate();  // Of every node.
  TempDir folder_;
  std::unique_ptr<CertificateAuthority> fleet_ca_;
  TokenStore tokens_{store_, clock_};
  UserStore users_{store_};
  std::unique_ptr<Enrolment> enrolment_;
  std::unique_ptr<AccessApi> access_;
  std::unique_ptr<SealKeeper> seals_;
  std::unique_ptr<TrustApi> trust_;
  LocalNames names_;
  std::unique_ptr<AdminService> remote_, local_, viewers_;
  std::unique_ptr<RpcServers> servers_;
  std::thread thread_;
  bool stopped_ = false;
};

}  // namespace muster::coordinator
