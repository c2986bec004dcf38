// What stands around the calls of the admin API, over the wire: what is remembered of them, how
// many one may make, and that what goes on ends when its user may not have it any more.

#include <algorithm>
#include <cstdio>

#include "test/unit/coordinator/api/services_fixture.h"

namespace muster::coordinator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Recorder final : public AuditSink {
 public:
  absl::Status Ready() override {
    MutexLock lock(&mutex_);
    return ready_;
  }
  void Write(AuditRecord record) override {
    MutexLock lock(&mutex_);
    records_.push_back(std::move(record));
  }
  void SetReady(absl::Status ready) {
    MutexLock lock(&mutex_);
    ready_ = std::move(ready);
  }
  std::vector<AuditRecord> records() {
    MutexLock lock(&mutex_);
    return records_;
  }
  // Waits for the record that begins with these words, in the form of Line.
  bool Await(const std::string& line) {
    MutexLock lock(&mutex_);
    return mutex_.AwaitFor(
        [&] {
          mutex_.AssertHeld();
          return std::any_of(records_.begin(), records_.end(),
                             [&](const AuditRecord& record) { return Line(record) == line; });
        },
        10s);
  }
  static std::string Line(const AuditRecord& record) {
    std::string line = record.user + " " + record.rpc;
    if (!record.stage.empty()) line += " " + record.stage;
    for (const AuditedObject& object : record.objects) {
      line += " " + object.verb + ":" + object.resource + "/" + object.ns + "/" + object.name;
      if (object.new_revision != 0) {
        line +=
            "@" + std::to_string(object.old_revision) + ">" + std::to_string(object.new_revision);
      }
    }
    return line + (record.allowed ? " allowed " : " denied ") +
           absl::StatusCodeToString(record.code);
  }
  std::vector<std::string> lines() {
    std::vector<std::string> lines;
    for (const AuditRecord& record : records()) lines.push_back(Line(record));
    return lines;
  }

 private:
  Mutex mutex_;
  absl::Status ready_ ABSL_GUARDED_BY(mutex_);
  std::vector<AuditRecord> records_ ABSL_GUARDED_BY(mutex_);
};

// People come by a service with guards; everything else is that of the fixture.
class GuardsTest : public ServicesTest {
 protected:
  void SetUp() override {
    ServicesTest::SetUp();
    guarded_ = std::make_unique<AdminService>(
        api_, *access_, *trust_, *tunnels_,
        [this](const grpc::CallbackServerContext& context) {
          return RemoteCaller(context, users_, ca_.certificate_pem, clock_.Wall());
        },
        CallGuards{&audit_, &limiter_, &live_, &clock_, reader_wait_});
    const pki::KeyAndCertificate server =
        *pki::MakeServerCertificate(ca_, {"127.0.0.1"}, clock_.Wall(), std::chrono::hours(1));
    grpc::ServerBuilder builder;
    builder.AddListeningPort(
        "127.0.0.1:0",
        pki::MakeServerCredentials({ca_.certificate_pem, server.certificate_pem, server.key_pem}),
        &guarded_port_);
    builder.RegisterService(guarded_.get());
    guarded_server_ = builder.BuildAndStart();
    ASSERT_NE(guarded_server_, nullptr);
  }
  void TearDown() override {
    guarded_server_->Shutdown(std::chrono::system_clock::now() + 200ms);
    guarded_server_.reset();
    ServicesTest::TearDown();
  }

  std::shared_ptr<grpc::Channel> GuardedChannel(
      const std::string& name, const pki::PrivateKey& key,
      std::chrono::seconds lifetime = std::chrono::hours(1)) {
    const pki::ClientIdentity identity{
        ca_.certificate_pem,
        *pki::SignClientRequest(ca_, *pki::MakeRequest(key, name), name, pki::kUserOrganization,
                                clock_.Wall(), lifetime),
        *key.ToPem()};
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride(pki::kCoordinatorDnsName);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(guarded_port_),
                                     pki::ClientChannelCredentials(identity), arguments);
  }
  // With this key or another one of the same name.
  std::unique_ptr<Admin::Stub> User(const Identity& identity, const pki::PrivateKey& key) {
    UserStore::User user;
    user.identity = identity;
    user.key_hash = *key.PublicKeyHash();
    user.created_at = clock_.Wall();
    user.expires_at = clock_.Wall() + std::chrono::hours(1);
    EXPECT_TRUE(users_.Put(user, /*replace=*/true).ok());
    return Admin::NewStub(GuardedChannel(identity.name, key));
  }
  std::unique_ptr<Admin::Stub> User(const Identity& identity) {
    return User(identity, *pki::PrivateKey::Generate());
  }
  grpc::Status Version(Admin::Stub& stub) {
    Context context;
    admin::v1::GetVersionResponse response;
    return stub.GetVersion(&context, admin::v1::GetVersionRequest(), &response);
  }
  grpc::Status DeleteUser(Admin::Stub& stub, const std::string& name) {
    Context context;
    admin::v1::DeleteUserRequest request;
    request.set_name(name);
    admin::v1::DeleteUserResponse response;
    return stub.DeleteUser(&context, request, &response);
  }
  static admin::v1::WatchRequest WatchPods() {
    admin::v1::WatchRequest request;
    request.mutable_list()->set_resource("pods");
    request.mutable_list()->set_namespace_("default");
    return request;
  }
  // Reads until the stream has told what there is.
  static void ReadUntilSynced(grpc::ClientReader<admin::v1::WatchEvent>& reader) {
    admin::v1::WatchEvent event;
    while (event.type() != admin::v1::WatchEvent::SYNCED) ASSERT_TRUE(reader.Read(&event));
  }

  Duration reader_wait_ = 5min;
  Recorder audit_;
  CallLimiter limiter_{clock_, {.calls = {50, 30}, .unknown_calls = {0.1, 3}, .streams_max = 3}};
  LiveCalls live_;
  std::unique_ptr<AdminService> guarded_;
  std::unique_ptr<grpc::Server> guarded_server_;
  int guarded_port_ = 0;
};

TEST_F(GuardsTest, EveryRequestIsRememberedWithWhatItChanged) {
  const auto anna = User({"anna", {}, Role::kAdmin, {}, {}});
  {
    Context context;
    admin::v1::ApplyRequest request;
    v1::Object& map = *request.add_objects();
    map = model::NewObject(*model::FindKind(v1::Object::kSecret));
    model::MutableMetadataOf(map).set_name("key");
    (*map.mutable_secret()->mutable_data())["password"] = "hunter2";
    admin::v1::ApplyResponse response;
    ASSERT_TRUE(anna->Apply(&context, request, &response).ok());
  }
  {
    Context context;
    admin::v1::DeleteRequest request;
    request.mutable_ref()->set_resource("secrets");
    request.mutable_ref()->set_name("key");
    admin::v1::DeleteResponse response;
    ASSERT_TRUE(anna->Delete(&context, request, &response).ok());
  }
  EXPECT_EQ(DeleteUser(*anna, "nobody").error_code(), grpc::StatusCode::NOT_FOUND);
  const std::vector<std::string> lines = audit_.lines();
  ASSERT_EQ(lines.size(), 3u);
  // The node and the user are the first that the store has; the namespace comes with the Secret.
  EXPECT_EQ(lines[0],
            "anna Apply patch:secrets/default/key@0>3 create:namespaces//default@0>3 allowed OK");
  EXPECT_EQ(lines[1], "anna Delete delete:secrets/default/key@3>4 allowed OK");
  EXPECT_EQ(lines[2], "anna DeleteUser delete:users//nobody allowed NOT_FOUND");
  for (const AuditRecord& record : audit_.records()) {
    EXPECT_EQ(record.role, "admin");
    EXPECT_THAT(record.groups, ElementsAre(pki::kUserOrganization));
    EXPECT_THAT(record.from, HasSubstr("127.0.0.1:"));
    EXPECT_EQ(AuditObject(record).find("hunter2"), std::string::npos);
    EXPECT_EQ(AuditObject(record).find("aHVudGVyMg"), std::string::npos);
  }
}

TEST_F(GuardsTest, WhatIsDeniedIsRememberedWithTheReason) {
  const auto eve = User({"eve", {}, Role::kViewer, {}, {}});
  {
    Context context;
    admin::v1::GetRequest request;
    request.mutable_ref()->set_resource("secrets");
    request.mutable_ref()->set_name("key");
    admin::v1::GetResponse response;
    EXPECT_EQ(eve->Get(&context, request, &response).error_code(),
              grpc::StatusCode::PERMISSION_DENIED);
  }
  // Somebody with a certificate of the CA whom nobody knows.
  const auto stranger = Admin::NewStub(GuardedChannel("stranger", *pki::PrivateKey::Generate()));
  EXPECT_EQ(Version(*stranger).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(audit_.lines(),
              ElementsAre("eve Get get:secrets/default/key denied PERMISSION_DENIED",
                          " GetVersion denied UNAUTHENTICATED"));
  EXPECT_THAT(audit_.records()[0].message, HasSubstr("cannot get resource \"secrets\""));
  // Who is not known cannot fill the log.
  for (int i = 0; i < 20; ++i) Version(*stranger);
  EXPECT_EQ(Version(*stranger).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_LE(audit_.lines().size(), 5u);
}

TEST_F(GuardsTest, NothingIsAnsweredThatCannotBeRemembered) {
  const auto anna = User({"anna", {}, Role::kAdmin, {}, {}});
  EXPECT_TRUE(Version(*anna).ok());
  audit_.SetReady(absl::ResourceExhaustedError("the disk is full"));
  EXPECT_EQ(Version(*anna).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  auto reader_context = std::make_unique<Context>();
  auto reader = anna->Watch(reader_context.get(), WatchPods());
  admin::v1::WatchEvent event;
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  audit_.SetReady(absl::OkStatus());
  EXPECT_TRUE(Version(*anna).ok());
}

TEST_F(GuardsTest, WhoAsksTooMuchWaitsAndNobodyElseDoes) {
  const auto anna = User({"anna", {}, Role::kViewer, {}, {}});
  const auto berta = User({"berta", {}, Role::kViewer, {}, {}});
  int refused = 0;
  grpc::Status last;
  for (int i = 0; i < 200 && refused == 0; ++i) {
    last = Version(*anna);
    if (last.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) ++refused;
  }
  ASSERT_EQ(refused, 1) << "200 calls in a row, and none was one too many";
  EXPECT_THAT(last.error_message(),
              HasSubstr("too many requests: user \"anna\" may make 50 a second; try again in "));
  EXPECT_TRUE(Version(*berta).ok());
  // The allowance comes back, and the log says how much was refused.
  grpc::Status again = Version(*anna);
  for (int i = 0; i < 1'000'000 && !again.ok(); ++i) again = Version(*anna);
  EXPECT_TRUE(again.ok());
  EXPECT_GE(audit_.records().back().limited, 1);
}

TEST_F(GuardsTest, OpenCallsOfOneUserAreLimited) {
  const auto anna = User({"anna", {}, Role::kViewer, {}, {}});
  const auto berta = User({"berta", {}, Role::kViewer, {}, {}});
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<admin::v1::WatchEvent>>> readers;
  const auto open = [&](Admin::Stub& stub) {
    contexts.push_back(std::make_unique<Context>());
    readers.push_back(stub.Watch(contexts.back().get(), WatchPods()));
  };
  for (int i = 0; i < 3; ++i) {
    open(*anna);
    ReadUntilSynced(*readers.back());
  }
  open(*anna);
  admin::v1::WatchEvent event;
  EXPECT_FALSE(readers.back()->Read(&event));
  const grpc::Status refused = readers.back()->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("user \"anna\" has 3 watches"));
  readers.pop_back();
  open(*berta);
  ReadUntilSynced(*readers.back());
  // One that ends makes room.
  contexts[0]->TryCancel();
  EXPECT_FALSE(readers[0]->Read(&event));
  readers[0]->Finish();
  ASSERT_TRUE(audit_.Await("anna Watch end watch:pods/default/ allowed CANCELLED"));
  bool fits = false;
  for (int i = 0; i < 1'000 && !fits; ++i) {
    open(*anna);
    fits = readers.back()->Read(&event);
    if (!fits) readers.back()->Finish();
  }
  EXPECT_TRUE(fits);
  for (auto& context : contexts) context->TryCancel();
  for (size_t i = 1; i < readers.size(); ++i) {
    while (readers[i]->Read(&event)) {
    }
  }
}

TEST_F(GuardsTest, AWatchEndsWhenItsUserIsDeleted) {
  const auto anna = User({"anna", {}, Role::kAdmin, {}, {}});
  const auto berta = User({"berta", {}, Role::kViewer, {}, {}});
  const auto carla = User({"carla", {}, Role::kViewer, {}, {}});
  Context watch, other;
  auto reader = berta->Watch(&watch, WatchPods());
  auto stays = carla->Watch(&other, WatchPods());
  ReadUntilSynced(*reader);
  ReadUntilSynced(*stays);
  ASSERT_TRUE(DeleteUser(*anna, "berta").ok());
  admin::v1::WatchEvent event;
  EXPECT_FALSE(reader->Read(&event));
  const grpc::Status end = reader->Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(end.error_message(), HasSubstr("was removed"));
  EXPECT_TRUE(audit_.Await("berta Watch end watch:pods/default/ allowed UNAUTHENTICATED"));
  // Everybody else's goes on.
  PutPod("web", "n1");
  ASSERT_TRUE(stays->Read(&event));
  EXPECT_EQ(event.object().pod().metadata().name(), "web");
  other.TryCancel();
  EXPECT_FALSE(stays->Read(&event));
  stays->Finish();
}

TEST_F(GuardsTest, ACallEndsWhenTheRoleOfItsUserDoesNotCoverItAnyMore) {
  const pki::PrivateKey key = *pki::PrivateKey::Generate();
  const auto berta = User({"berta", {}, Role::kViewer, {"default"}, {}}, key);
  Context watch;
  auto reader = berta->Watch(&watch, WatchPods());
  ReadUntilSynced(*reader);
  // The same key, and more rights: nothing happens.
  User({"berta", {}, Role::kOperator, {}, {}}, key);
  live_.CheckAll();
  PutPod("web", "n1");
  admin::v1::WatchEvent event;
  ASSERT_TRUE(reader->Read(&event));
  User({"berta", {}, Role::kOperator, {"elsewhere"}, {}}, key);
  live_.CheckAll();
  EXPECT_FALSE(reader->Read(&event));
  const grpc::Status end = reader->Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(end.error_message(), HasSubstr("cannot watch resource \"pods\""));
}

TEST_F(GuardsTest, AnExecEndsOnBothSidesWhenItsUserIsDeleted) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto anna = User({"anna", {}, Role::kAdmin, {}, {}});
  const auto otto = User({"otto", {}, Role::kOperator, {}, {Right::kExec}});
  Context context;
  auto exec = otto->Exec(&context);
  admin::v1::ExecInput input;
  input.mutable_start()->set_pod("web");
  input.mutable_start()->add_command("sh");
  input.mutable_start()->add_command("-c");
  ASSERT_TRUE(exec->Write(input));
  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  Context tunnel_context;
  auto tunnel = agent->stub->Tunnel(&tunnel_context);
  TunnelFromAgent frame;
  frame.set_tunnel_id(open.tunnel_id());
  ASSERT_TRUE(tunnel->Write(frame));
  frame.set_stdout("$ ");
  ASSERT_TRUE(tunnel->Write(frame));
  admin::v1::ExecOutput output;
  ASSERT_TRUE(exec->Read(&output));
  EXPECT_EQ(output.stdout(), "$ ");
  ASSERT_TRUE(DeleteUser(*anna, "otto").ok());
  EXPECT_FALSE(exec->Read(&output));
  EXPECT_EQ(exec->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  TunnelToAgent to_agent;
  while (tunnel->Read(&to_agent)) {
  }
  EXPECT_FALSE(tunnel->Finish().ok()) << "the agent's end goes on";
  EXPECT_TRUE(audit_.Await("otto Exec end create:pods/exec/default/web allowed UNAUTHENTICATED"));
  for (const AuditRecord& record : audit_.records()) {
    if (record.rpc == "Exec") {
      EXPECT_EQ(record.program, "sh");
    }
  }
}

TEST_F(GuardsTest, TheRightToCopyRunsWhatCopiesAndNothingElse) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto carla = User({"carla", {}, Role::kViewer, {}, {Right::kCopy}});
  const auto start = [&](const std::vector<std::string>& command, Context& context) {
    auto exec = carla->Exec(&context);
    admin::v1::ExecInput input;
    input.mutable_start()->set_pod("web");
    for (const std::string& word : command) input.mutable_start()->add_command(word);
    EXPECT_TRUE(exec->Write(input));
    return exec;
  };
  Context shell_context, copy_context;
  auto shell = start({"sh"}, shell_context);
  admin::v1::ExecOutput output;
  EXPECT_FALSE(shell->Read(&output));
  const grpc::Status denied = shell->Finish();
  EXPECT_EQ(denied.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(denied.error_message(), HasSubstr("the right \"exec\" is missing"));
  auto copy = start({"tar", "cf", "-", "/etc"}, copy_context);
  EXPECT_EQ(AwaitTunnel(*agent).exec().command(0), "tar");
  copy_context.TryCancel();
  copy->Finish();
  EXPECT_THAT(audit_.lines(), Contains("carla Exec start create:pods/cp/default/web allowed OK"));
}

TEST_F(GuardsTest, ACertificateWhoseTimeIsOverIsWorthNothingOnAConnectionThatIsOpen) {
  const pki::PrivateKey key = *pki::PrivateKey::Generate();
  User({"berta", {}, Role::kViewer, {}, {}}, key);
  const auto berta = Admin::NewStub(GuardedChannel("berta", key, 2s));
  Context watch;
  auto reader = berta->Watch(&watch, WatchPods());
  ReadUntilSynced(*reader);
  // When to look again is known.
  const std::optional<WallTime> end = live_.FirstEnd();
  ASSERT_TRUE(end);
  EXPECT_LT(*end - clock_.Wall(), 3s);
  grpc::Status status = grpc::Status::OK;
  while (status.ok() || status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    status = Version(*berta);
    ASSERT_LT(clock_.Wall(), *end + 10s);
  }
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(status.error_message(), HasSubstr("time of this certificate is over"));
  live_.CheckAll();
  admin::v1::WatchEvent event;
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

class SlowReaderTest : public GuardsTest {
 protected:
  SlowReaderTest() { reader_wait_ = 300ms; }
};

TEST_F(SlowReaderTest, WhoDoesNotReadALogIsCutOffAndItsNodeIsLetGo) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto anna = User({"anna", {}, Role::kViewer, {}, {}});
  const auto start = [&](Context& context) {
    admin::v1::LogsRequest request;
    request.set_pod("web");
    request.set_follow(true);
    return anna->Logs(&context, request);
  };
  Context slow_context, quick_context;
  const auto answer = [&](Context& context) {
    const session::v1::OpenTunnel open = AwaitTunnel(*agent);
    auto tunnel = agent->stub->Tunnel(&context);
    TunnelFromAgent frame;
    frame.set_tunnel_id(open.tunnel_id());
    EXPECT_TRUE(tunnel->Write(frame));
    return tunnel;
  };
  Context slow_tunnel_context, quick_tunnel_context;
  auto slow = start(slow_context);
  auto slow_tunnel = answer(slow_tunnel_context);
  auto quick = start(quick_context);
  auto quick_tunnel = answer(quick_tunnel_context);
  // Who has read all there is does not count as slow, however long nothing comes.
  TunnelFromAgent frame;
  frame.set_stdout("a line\n");
  ASSERT_TRUE(quick_tunnel->Write(frame));
  admin::v1::LogsChunk chunk;
  ASSERT_TRUE(quick->Read(&chunk));
  std::atomic<bool> over = false;
  std::thread writer([&] {
    frame.set_stdout(std::string(64 << 10, 'x'));
    while (slow_tunnel->Write(frame)) {
    }
    over = true;
  });
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (!over && std::chrono::steady_clock::now() < until) live_.CheckAll();
  EXPECT_TRUE(over) << "it is held for ever";
  slow_tunnel_context.TryCancel();
  writer.join();
  EXPECT_TRUE(audit_.Await("anna Logs end get:pods/log/default/web allowed DEADLINE_EXCEEDED"));
  while (slow->Read(&chunk)) {
  }
  EXPECT_FALSE(slow->Finish().ok());
  frame.set_stdout("another\n");
  ASSERT_TRUE(quick_tunnel->Write(frame));
  ASSERT_TRUE(quick->Read(&chunk));
  EXPECT_EQ(chunk.data(), "another\n");
  quick_context.TryCancel();
  while (quick->Read(&chunk)) {
  }
  quick->Finish();
}

// The figure is printed: how long after it was sent another node's heartbeat was taken in, while
// one agent and one user do nothing but send.
TEST_F(GuardsTest, AFloodDelaysNoHeartbeatOfAnotherNode) {
  PutNode("n2");
  const std::unique_ptr<Agent> loud = Connect("n1"), quiet = Connect("n2");
  const auto anna = User({"anna", {}, Role::kViewer, {}, {}});
  std::atomic<bool> stop = false;
  std::atomic<int> messages = 0, calls = 0;
  std::thread agent_flood([&] {
    FromAgent event;
    event.mutable_event()->mutable_involved_object()->set_kind("Node");
    event.mutable_event()->mutable_involved_object()->set_name("n1");
    event.mutable_event()->set_message(std::string(1'000, 'x'));
    while (!stop && loud->stream->Write(event)) ++messages;
  });
  std::thread user_flood([&] {
    while (!stop) {
      Version(*anna);
      ++calls;
    }
  });
  const auto last_seen = [&] {
    std::promise<MonoTime> seen;
    loop_->Post([&] { seen.set_value(hub_->Contact("n2")->last_seen); });
    return seen.get_future().get();
  };
  FromAgent beat;
  beat.mutable_heartbeat();
  std::vector<Duration> delays;
  // Until both are beyond what they may have at once.
  const MonoTime end = clock_.Mono() + 20s;
  while (delays.size() < 50 || ((messages < 2'100 || calls < 200) && clock_.Mono() < end)) {
    const MonoTime sent = clock_.Mono();
    ASSERT_TRUE(quiet->stream->Write(beat));
    MonoTime seen = last_seen();
    while (seen < sent && clock_.Mono() - sent < 20s) seen = last_seen();
    delays.push_back(seen - sent);
  }
  stop = true;
  loud->context.TryCancel();
  agent_flood.join();
  user_flood.join();
  std::sort(delays.begin(), delays.end());
  const auto ms = [](Duration delay) {
    return std::chrono::duration<double, std::milli>(delay).count();
  };
  std::printf(
      "flooded by %d messages and %d calls: heartbeats of another node after %.2f ms "
      "(median), %.2f ms (most)\n",
      messages.load(), calls.load(), ms(delays[delays.size() / 2]), ms(delays.back()));
  EXPECT_GE(messages, 2'100);
  EXPECT_GE(calls, 200);
  // A heartbeat is due every four seconds, and a node is lost after nine.
  EXPECT_LT(delays.back(), 2s);
  EXPECT_GE(delays.front(), Duration::zero());
}

TEST_F(GuardsTest, AReaderWhoDoesNotReadIsCutAndHoldsNothing) {
  const auto berta = User({"berta", {}, Role::kViewer, {}, {}});
  Context context;
  admin::v1::WatchRequest request;
  request.mutable_list()->set_resource("configmaps");
  request.mutable_list()->set_namespace_("default");
  auto reader = berta->Watch(&context, request);
  ReadUntilSynced(*reader);
  // More than the connection and the coordinator hold together.
  v1::Object map = model::NewObject(*model::FindKind(v1::Object::kConfigMap));
  map.mutable_config_map()->mutable_metadata()->set_namespace_("default");
  (*map.mutable_config_map()->mutable_data())["key"] = std::string(1'000'000, 'x');
  for (int i = 0; i < 50; ++i) {
    map.mutable_config_map()->mutable_metadata()->set_name("m" + std::to_string(i));
    Put(map);
  }
  const bool cut =
      audit_.Await("berta Watch end watch:configmaps/default/ allowed RESOURCE_EXHAUSTED");
  EXPECT_TRUE(cut);
  admin::v1::WatchEvent event;
  while (reader->Read(&event)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
  EXPECT_TRUE(live_.empty());
}

}  // namespace
}  // namespace muster::coordinator
