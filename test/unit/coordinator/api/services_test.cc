// That streams of the admin API and of sessions carry, end and are ended. What they answer is
// tested without gRPC elsewhere.

#include "test/unit/coordinator/api/services_fixture.h"

namespace muster::coordinator {
namespace {

TEST_F(ServicesTest, ProblemsOfAnApplyAreInTheErrorDetails) {
  admin::v1::ApplyRequest request;
  *request.add_objects() = model::NewObject(*model::FindKind(v1::Object::kDaemonSet));
  request.mutable_objects(0)->mutable_daemon_set()->mutable_metadata()->set_name("web");
  Context context;
  admin::v1::ApplyResponse response;
  const grpc::Status status = LocalAdmin()->Apply(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  admin::v1::ErrorDetails details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.code(), static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT));
  admin::v1::ApplyProblems problems;
  ASSERT_TRUE(details.details(0).UnpackTo(&problems));
  EXPECT_GT(problems.problems_size(), 1);
}

TEST_F(ServicesTest, ASessionThatIsReplacedHearsWhyEvenWhenItReadsLate) {
  v1::Object map = model::NewObject(*model::FindKind(v1::Object::kConfigMap));
  map.mutable_config_map()->mutable_metadata()->set_name("large");
  map.mutable_config_map()->mutable_metadata()->set_namespace_("default");
  (*map.mutable_config_map()->mutable_data())["key"] = std::string(900'000, 'x');
  Put(map);
  v1::Object pod = model::NewObject(*model::FindKind(v1::Object::kPod));
  pod.mutable_pod()->mutable_metadata()->set_name("web");
  pod.mutable_pod()->mutable_metadata()->set_namespace_("default");
  pod.mutable_pod()->mutable_spec()->set_node_name("n1");
  pod.mutable_pod()->mutable_spec()->add_volumes()->mutable_config_map()->set_name("large");
  Put(pod);
  const auto stub = AgentSession::NewStub(NodeChannel("n1"));
  Context context;
  auto slow = stub->Session(&context);
  FromAgent hello;
  hello.mutable_hello();
  ASSERT_TRUE(slow->Write(hello));
  ToAgent message;
  ASSERT_TRUE(slow->Read(&message));  // The welcome; the assignment stays under way.
  const std::unique_ptr<Agent> second = Connect("n1");
  while (slow->Read(&message)) {
  }
  const grpc::Status end = slow->Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::ABORTED) << end.error_message();
}

TEST_F(ServicesTest, AWatchTellsWhatChangesUntilItsCallerLeaves) {
  const auto stub = LocalAdmin();
  Context context;
  admin::v1::WatchRequest request;
  request.mutable_list()->set_resource("nodes");
  auto reader = stub->Watch(&context, request);
  admin::v1::WatchEvent event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.object().node().metadata().name(), "n1");
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.type(), admin::v1::WatchEvent::SYNCED);
  PutNode("n2");
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.type(), admin::v1::WatchEvent::ADDED);
  EXPECT_EQ(event.object().node().metadata().name(), "n2");
  context.TryCancel();
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServicesTest, ARolloutIsFollowedToItsEnd) {
  v1::Object object = model::NewObject(*model::FindKind(v1::Object::kDaemonSet));
  v1::DaemonSet& set = *object.mutable_daemon_set();
  set.mutable_metadata()->set_name("web");
  set.mutable_metadata()->set_namespace_("default");
  set.mutable_metadata()->set_generation(1);
  Put(object);
  const auto stub = LocalAdmin();
  Context context;
  admin::v1::RolloutStatusRequest request;
  request.mutable_ref()->set_resource("daemonsets");
  request.mutable_ref()->set_name("web");
  request.set_watch(true);
  auto reader = stub->RolloutStatus(&context, request);
  admin::v1::RolloutStatusUpdate update;
  ASSERT_TRUE(reader->Read(&update));
  EXPECT_EQ(update.line(), "Waiting for daemon set spec update to be observed...");
  v1::Object observed = *objects_.Get(v1::Object::kDaemonSet, "default", "web");
  observed.mutable_daemon_set()->mutable_status()->set_observed_generation(1);
  ObjectTransaction transaction;
  transaction.Update(observed);
  ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  ASSERT_TRUE(reader->Read(&update));
  EXPECT_EQ(update.line(), "daemon set \"web\" successfully rolled out");
  EXPECT_TRUE(update.done());
  EXPECT_FALSE(reader->Read(&update));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ServicesTest, ARolloutOfNothingIsNotFound) {
  Context context;
  admin::v1::RolloutStatusRequest request;
  request.mutable_ref()->set_resource("daemonsets");
  request.mutable_ref()->set_name("web");
  auto reader = LocalAdmin()->RolloutStatus(&context, request);
  admin::v1::RolloutStatusUpdate update;
  EXPECT_FALSE(reader->Read(&update));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "daemonsets.apps \"web\" not found");
}

TEST_F(ServicesTest, LogsComeFromTheAgentsTunnel) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto stub = LocalAdmin();
  Context context;
  admin::v1::LogsRequest request;
  request.set_pod("web");
  request.set_tail_lines(7);
  auto reader = stub->Logs(&context, request);

  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  EXPECT_EQ(open.logs().pod_uid(), "uid-web");
  EXPECT_EQ(open.logs().container(), "main");
  EXPECT_EQ(open.logs().tail_lines(), 7);
  Context tunnel_context;
  auto tunnel = agent->stub->Tunnel(&tunnel_context);
  TunnelFromAgent frame;
  frame.set_tunnel_id(open.tunnel_id());
  ASSERT_TRUE(tunnel->Write(frame));
  // More than any buffer between the two takes.
  const std::string line(64'000, 'x');
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) {
      TunnelFromAgent data;
      data.set_stdout(line);
      ASSERT_TRUE(tunnel->Write(data));
    }
    ASSERT_TRUE(tunnel->WritesDone());
  });
  size_t bytes = 0;
  admin::v1::LogsChunk chunk;
  while (reader->Read(&chunk)) bytes += chunk.data().size();
  writer.join();
  EXPECT_EQ(bytes, 200 * line.size());
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_TRUE(tunnel->Finish().ok());
}

TEST_F(ServicesTest, TheAgentsRefusalIsTheUsersError) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto stub = LocalAdmin();
  Context context;
  admin::v1::LogsRequest request;
  request.set_pod("web");
  auto reader = stub->Logs(&context, request);
  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  Context tunnel_context;
  auto tunnel = agent->stub->Tunnel(&tunnel_context);
  TunnelFromAgent frame;
  frame.set_tunnel_id(open.tunnel_id());
  ASSERT_TRUE(tunnel->Write(frame));
  frame.mutable_error()->set_code(static_cast<int>(absl::StatusCode::kInvalidArgument));
  frame.mutable_error()->set_message("container \"main\" is waiting to start: ContainerCreating");
  ASSERT_TRUE(tunnel->Write(frame));
  admin::v1::LogsChunk chunk;
  EXPECT_FALSE(reader->Read(&chunk));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "container \"main\" is waiting to start: ContainerCreating");
}

TEST_F(ServicesTest, AUserWhoLeavesEndsTheAgentsTunnel) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto stub = LocalAdmin();
  Context context;
  admin::v1::LogsRequest request;
  request.set_pod("web");
  request.set_follow(true);
  auto reader = stub->Logs(&context, request);
  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  Context tunnel_context;
  auto tunnel = agent->stub->Tunnel(&tunnel_context);
  TunnelFromAgent frame;
  frame.set_tunnel_id(open.tunnel_id());
  ASSERT_TRUE(tunnel->Write(frame));
  frame.set_stdout("line");
  ASSERT_TRUE(tunnel->Write(frame));
  admin::v1::LogsChunk chunk;
  ASSERT_TRUE(reader->Read(&chunk));
  context.TryCancel();
  TunnelToAgent input;
  EXPECT_FALSE(tunnel->Read(&input));
  EXPECT_EQ(tunnel->Finish().error_code(), grpc::StatusCode::CANCELLED);
  reader->Finish();
}

TEST_F(ServicesTest, AnAgentThatBreaksOffIsTheUsersError) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto stub = LocalAdmin();
  Context context;
  admin::v1::LogsRequest request;
  request.set_pod("web");
  auto reader = stub->Logs(&context, request);
  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  {
    Context tunnel_context;
    auto tunnel = agent->stub->Tunnel(&tunnel_context);
    TunnelFromAgent frame;
    frame.set_tunnel_id(open.tunnel_id());
    ASSERT_TRUE(tunnel->Write(frame));
    frame.set_stdout("line");
    ASSERT_TRUE(tunnel->Write(frame));
    admin::v1::LogsChunk chunk;
    ASSERT_TRUE(reader->Read(&chunk));
    tunnel_context.TryCancel();
    tunnel->Finish();
  }
  admin::v1::LogsChunk chunk;
  EXPECT_FALSE(reader->Read(&chunk));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), "the connection to the node broke");
}

TEST_F(ServicesTest, ExecCarriesBothWaysAndEndsWithTheExitCode) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto stub = LocalAdmin();
  Context context;
  auto exec = stub->Exec(&context);
  admin::v1::ExecInput input;
  input.mutable_start()->set_pod("web");
  input.mutable_start()->add_command("cat");
  input.mutable_start()->set_stdin(true);
  ASSERT_TRUE(exec->Write(input));
  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  ASSERT_EQ(open.exec().command_size(), 1);
  EXPECT_EQ(open.exec().command(0), "cat");
  EXPECT_TRUE(open.exec().stdin());

  Context tunnel_context;
  auto tunnel = agent->stub->Tunnel(&tunnel_context);
  TunnelFromAgent frame;
  frame.set_tunnel_id(open.tunnel_id());
  ASSERT_TRUE(tunnel->Write(frame));
  input.set_stdin("hello");
  ASSERT_TRUE(exec->Write(input));
  input.mutable_resize()->set_columns(80);
  input.mutable_resize()->set_rows(25);
  ASSERT_TRUE(exec->Write(input));
  ASSERT_TRUE(exec->WritesDone());
  TunnelToAgent received;
  ASSERT_TRUE(tunnel->Read(&received));
  EXPECT_EQ(received.stdin(), "hello");
  ASSERT_TRUE(tunnel->Read(&received));
  EXPECT_EQ(received.terminal_size(), (uint64_t{80} << 32) + 25);
  ASSERT_TRUE(tunnel->Read(&received));
  EXPECT_TRUE(received.stdin_closed());

  frame.set_stdout("out");
  ASSERT_TRUE(tunnel->Write(frame));
  frame.set_stderr("err");
  ASSERT_TRUE(tunnel->Write(frame));
  frame.set_exit_code(3);
  ASSERT_TRUE(tunnel->Write(frame));
  admin::v1::ExecOutput output;
  ASSERT_TRUE(exec->Read(&output));
  EXPECT_EQ(output.stdout(), "out");
  ASSERT_TRUE(exec->Read(&output));
  EXPECT_EQ(output.stderr(), "err");
  ASSERT_TRUE(exec->Read(&output));
  EXPECT_EQ(output.exit_code(), 3);
  EXPECT_FALSE(exec->Read(&output));
  EXPECT_TRUE(exec->Finish().ok());
}

TEST_F(ServicesTest, ExecSaysWhatIsMissing) {
  PutPod("web", "n1");
  const auto stub = LocalAdmin();
  const auto run = [&](const admin::v1::ExecInput& input) {
    Context context;
    auto exec = stub->Exec(&context);
    exec->Write(input);
    return exec->Finish();
  };
  admin::v1::ExecInput input;
  input.set_stdin("x");
  EXPECT_EQ(run(input).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  input.mutable_start()->set_pod("web");
  EXPECT_EQ(run(input).error_message(), "you must specify at least one command for the container");
  input.mutable_start()->add_command("ls");
  // Nobody is connected.
  EXPECT_EQ(run(input).error_message(), "node \"n1\" is not connected");
  input.mutable_start()->set_container("other");
  EXPECT_EQ(run(input).error_message(), "container other is not valid for pod web");
  input.mutable_start()->set_pod("none");
  EXPECT_EQ(run(input).error_message(), "pods \"none\" not found");
}

TEST_F(ServicesTest, AttachCarriesBothWaysWithoutACommand) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1", {"attach"});
  const auto stub = LocalAdmin();
  Context context;
  auto attach = stub->Attach(&context);
  admin::v1::ExecInput input;
  input.mutable_start()->set_pod("web");
  input.mutable_start()->set_stdin(true);
  input.mutable_start()->set_tty(true);
  ASSERT_TRUE(attach->Write(input));
  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  EXPECT_EQ(open.attach().pod_uid(), "uid-web");
  EXPECT_EQ(open.attach().container(), "main");
  EXPECT_TRUE(open.attach().stdin() && open.attach().tty());
  Context tunnel_context;
  auto tunnel = agent->stub->Tunnel(&tunnel_context);
  TunnelFromAgent frame;
  frame.set_tunnel_id(open.tunnel_id());
  ASSERT_TRUE(tunnel->Write(frame));
  input.set_stdin("typed");
  ASSERT_TRUE(attach->Write(input));
  TunnelToAgent received;
  ASSERT_TRUE(tunnel->Read(&received));
  EXPECT_EQ(received.stdin(), "typed");
  frame.set_exit_code(0);
  ASSERT_TRUE(tunnel->Write(frame));
  admin::v1::ExecOutput output;
  ASSERT_TRUE(attach->Read(&output));
  EXPECT_TRUE(output.has_exit_code());
  EXPECT_TRUE(attach->Finish().ok());
}

TEST_F(ServicesTest, AnOlderAgentIsNamedAtOnce) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto stub = LocalAdmin();
  Context context;
  auto attach = stub->Attach(&context);
  admin::v1::ExecInput input;
  input.mutable_start()->set_pod("web");
  ASSERT_TRUE(attach->Write(input));
  const grpc::Status status = attach->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(),
            "attach is not supported by the agent on n1 (version test): upgrade it");
}

TEST_F(ServicesTest, AForwardedConnectionHasTwoEndsOfItsOwn) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1", {"port_forward"});
  const auto stub = LocalAdmin();
  Context context;
  auto forward = stub->PortForward(&context);
  admin::v1::PortForwardInput input;
  input.mutable_start()->set_pod("web");
  input.mutable_start()->set_port(80);
  ASSERT_TRUE(forward->Write(input));
  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  EXPECT_EQ(open.port_forward().pod_uid(), "uid-web");
  EXPECT_EQ(open.port_forward().port(), 80);
  Context tunnel_context;
  auto tunnel = agent->stub->Tunnel(&tunnel_context);
  TunnelFromAgent frame;
  frame.set_tunnel_id(open.tunnel_id());
  ASSERT_TRUE(tunnel->Write(frame));
  // The user ends first and hears on.
  input.set_data("question");
  ASSERT_TRUE(forward->Write(input));
  input.set_closed(true);
  ASSERT_TRUE(forward->Write(input));
  TunnelToAgent received;
  ASSERT_TRUE(tunnel->Read(&received));
  EXPECT_EQ(received.stdin(), "question");
  ASSERT_TRUE(tunnel->Read(&received));
  EXPECT_TRUE(received.stdin_closed());
  frame.set_stdout("answer");
  ASSERT_TRUE(tunnel->Write(frame));
  frame.set_stdout_closed(true);
  ASSERT_TRUE(tunnel->Write(frame));
  ASSERT_TRUE(tunnel->WritesDone());
  admin::v1::PortForwardOutput output;
  ASSERT_TRUE(forward->Read(&output));
  EXPECT_EQ(output.data(), "answer");
  ASSERT_TRUE(forward->Read(&output));
  EXPECT_TRUE(output.closed());
  EXPECT_FALSE(forward->Read(&output));
  EXPECT_TRUE(forward->Finish().ok());
}

// What is under way between the two is what gRPC's windows and one frame here hold, whichever end
// is slow.
TEST_F(ServicesTest, ASlowEndOfAForwardedConnectionHoldsTheOtherBack) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1", {"port_forward"});
  const auto stub = LocalAdmin();
  Context context;
  auto forward = stub->PortForward(&context);
  admin::v1::PortForwardInput start;
  start.mutable_start()->set_pod("web");
  start.mutable_start()->set_port(80);
  ASSERT_TRUE(forward->Write(start));
  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  Context tunnel_context;
  auto tunnel = agent->stub->Tunnel(&tunnel_context);
  TunnelFromAgent id;
  id.set_tunnel_id(open.tunnel_id());
  ASSERT_TRUE(tunnel->Write(id));

  constexpr size_t kPiece = 32 << 10, kPieces = 1'000, kUnderWayMax = 12 << 20;
  std::atomic<size_t> from_pod = 0, from_user = 0;
  std::thread pod([&] {
    TunnelFromAgent frame;
    frame.set_stdout(std::string(kPiece, 'p'));
    for (size_t i = 0; i < kPieces && tunnel->Write(frame); ++i) from_pod += kPiece;
  });
  std::thread user([&] {
    admin::v1::PortForwardInput input;
    input.set_data(std::string(kPiece, 'u'));
    for (size_t i = 0; i < kPieces && forward->Write(input); ++i) from_user += kPiece;
  });
  // Nobody reads yet: wait until neither moves.
  for (size_t before = 1, now = 0; now != before;) {
    before = now;
    std::promise<void> never;
    never.get_future().wait_for(300ms);
    now = from_pod + from_user;
  }
  EXPECT_LT(from_pod, kUnderWayMax);
  EXPECT_LT(from_user, kUnderWayMax);
  // Each way on its own, the other one still standing.
  size_t heard = 0;
  admin::v1::PortForwardOutput output;
  while (heard < kPiece * kPieces && forward->Read(&output)) heard += output.data().size();
  EXPECT_EQ(heard, kPiece * kPieces);
  pod.join();
  EXPECT_LT(from_user, kUnderWayMax);
  size_t received = 0;
  TunnelToAgent frame;
  while (received < kPiece * kPieces && tunnel->Read(&frame)) received += frame.stdin().size();
  EXPECT_EQ(received, kPiece * kPieces);
  user.join();
  context.TryCancel();
  forward->Finish();
}

TEST_F(ServicesTest, APortForwardIsForOnePodThatRuns) {
  PutPod("web", "n1");
  const auto stub = LocalAdmin();
  const auto run = [&](const std::string& pod, const std::string& uid) {
    Context context;
    auto forward = stub->PortForward(&context);
    admin::v1::PortForwardInput input;
    input.mutable_start()->set_pod(pod);
    input.mutable_start()->set_pod_uid(uid);
    forward->Write(input);
    return forward->Finish().error_message();
  };
  EXPECT_EQ(run("none", ""), "pods \"none\" not found");
  EXPECT_THAT(run("web", "uid-of-old"), HasSubstr("another one of that name"));
  EXPECT_EQ(run("web", "uid-web"), "node \"n1\" is not connected");
}

TEST_F(ServicesTest, TopTellsWhatNodesSayAndWhoSaysNothing) {
  PutNode("n2");
  PutNode("n3");
  const std::unique_ptr<Agent> agent = Connect("n1", {"stats"});
  const std::unique_ptr<Agent> old = Connect("n2");
  std::thread answering([&] {
    const session::v1::OpenTunnel open = AwaitTunnel(*agent);
    EXPECT_TRUE(open.stats().node());
    Context tunnel_context;
    auto tunnel = agent->stub->Tunnel(&tunnel_context);
    TunnelFromAgent frame;
    frame.set_tunnel_id(open.tunnel_id());
    EXPECT_TRUE(tunnel->Write(frame));
    frame.mutable_usage()->mutable_node()->set_cpu_nano_cores(7);
    EXPECT_TRUE(tunnel->Write(frame));
    tunnel->WritesDone();
    EXPECT_TRUE(tunnel->Finish().ok());
  });
  const auto stub = LocalAdmin();
  Context context;
  admin::v1::TopRequest request;
  request.set_resource("nodes");
  admin::v1::TopResponse response;
  const grpc::Status status = stub->Top(&context, request, &response);
  answering.join();
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.nodes_size(), 3);
  EXPECT_EQ(response.nodes(0).usage().cpu_nano_cores(), 7u);
  EXPECT_FALSE(response.nodes(1).usage().has_cpu_nano_cores());
  ASSERT_EQ(response.problems_size(), 2);
  EXPECT_THAT(response.problems(0), HasSubstr("top is not supported by the agent on n2"));
  EXPECT_THAT(response.problems(1), HasSubstr("\"n3\" is not connected"));
  request.set_resource("secrets");
  Context other;
  EXPECT_EQ(stub->Top(&other, request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// An agent that was asked and is silent costs no more than the limit.
TEST_F(ServicesTest, TopDoesNotWaitForASilentNode) {
  const std::unique_ptr<Agent> agent = Connect("n1", {"stats"});
  UsageQuestions questions;
  questions["n1"].set_node(true);
  std::promise<UsageAnswers> answered;
  AskForUsage(*tunnels_, questions, {.answer_wait = 50ms},
              [&](UsageAnswers answers) { answered.set_value(std::move(answers)); });
  auto answers = answered.get_future();
  ASSERT_EQ(answers.wait_for(20s), std::future_status::ready);
  EXPECT_TRUE(absl::IsDeadlineExceeded(answers.get().at("n1").status()));
}

TEST_F(ServicesTest, ANodeCannotTakeTheTunnelOfAnother) {
  PutNode("n2");
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto stub = LocalAdmin();
  Context context;
  admin::v1::LogsRequest request;
  request.set_pod("web");
  auto reader = stub->Logs(&context, request);
  const session::v1::OpenTunnel open = AwaitTunnel(*agent);
  const auto thief = AgentSession::NewStub(NodeChannel("n2"));
  Context tunnel_context;
  auto tunnel = thief->Tunnel(&tunnel_context);
  TunnelFromAgent frame;
  frame.set_tunnel_id(open.tunnel_id());
  tunnel->Write(frame);
  EXPECT_EQ(tunnel->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  context.TryCancel();
  reader->Finish();
}

TEST_F(ServicesTest, StoppingEndsOpenStreamsSoon) {
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto stub = LocalAdmin();
  Context context;
  admin::v1::WatchRequest request;
  request.mutable_list()->set_resource("nodes");
  auto reader = stub->Watch(&context, request);
  admin::v1::WatchEvent event;
  ASSERT_TRUE(reader->Read(&event));
  const auto start = std::chrono::steady_clock::now();
  Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
  ToAgent message;
  while (agent->stream->Read(&message)) {
  }
  const grpc::Status end = agent->stream->Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::UNAVAILABLE) << end.error_message();
  while (reader->Read(&event)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
}

}  // namespace
}  // namespace muster::coordinator
