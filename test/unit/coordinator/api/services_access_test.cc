// Who may call what of the admin API and of sessions, over the wire.

#include <map>

#include "test/unit/coordinator/api/services_fixture.h"

namespace muster::coordinator {
namespace {

// Makes the request name a pod in "default" wherever it names an object. Of what excludes each
// other the first, with which a stream begins.
void NamePod(google::protobuf::Message& message) {
  const auto* type = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  if (type->full_name() == "muster.v1.Object") {
    auto& object = static_cast<v1::Object&>(message);
    object = model::NewObject(*model::FindKind(v1::Object::kPod));
    model::MutableMetadataOf(object).set_name("web");
    return;
  }
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    if (field->is_map()) continue;
    const auto* oneof = field->real_containing_oneof();
    if (oneof != nullptr && reflection->HasOneof(message, oneof)) continue;
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      NamePod(field->is_repeated() ? *reflection->AddMessage(&message, field)
                                   : *reflection->MutableMessage(&message, field));
    } else if (field->name() == "resource") {
      reflection->SetString(&message, field, "pods");
    } else if (field->name() == "pod" || field->name() == "name") {
      reflection->SetString(&message, field, "web");
    }
  }
}

// One message to any method, whatever its kind, and how the call ends.
grpc::Status CallRaw(grpc::GenericStub& stub, grpc::ClientContext& context,
                     const std::string& method, const google::protobuf::Message& request) {
  grpc::Slice slice(request.SerializeAsString());
  const grpc::ByteBuffer buffer(&slice, 1);
  grpc::CompletionQueue queue;
  const auto wait = [&] {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return ok;
  };
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  wait();
  call->Write(buffer, nullptr);
  wait();
  call->WritesDone(nullptr);
  wait();
  grpc::ByteBuffer answer;
  do {
    call->Read(&answer, nullptr);
  } while (wait());
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait();
  return status;
}

TEST_F(ServicesTest, TheAdminApiIsForPeopleThatAreKnownAndForLocalConnections) {
  const Identity anna{"anna", {}, Role::kAdmin, {}, {}};
  struct Case {
    std::unique_ptr<Admin::Stub> stub;
    grpc::StatusCode code;
  };
  Case cases[] = {
      {Admin::NewStub(Channel()), grpc::StatusCode::UNAUTHENTICATED},
      {Admin::NewStub(NodeChannel("n1")), grpc::StatusCode::PERMISSION_DENIED},
      // Another key than the one that the user was made for.
      {Admin::NewStub(Channel("anna", pki::kUserOrganization)), grpc::StatusCode::UNAUTHENTICATED},
      {Admin::NewStub(Channel("berta", pki::kUserOrganization)), grpc::StatusCode::UNAUTHENTICATED},
      {Admin::NewStub(PersonChannel(anna)), grpc::StatusCode::OK},
      {LocalAdmin(), grpc::StatusCode::OK},
      {Admin::NewStub(LocalChannel({"local:eve", false})), grpc::StatusCode::OK},
  };
  for (const Case& c : cases) {
    Context unary, stream;
    admin::v1::ListRequest request;
    request.set_resource("nodes");
    admin::v1::ListResponse response;
    EXPECT_EQ(c.stub->List(&unary, request, &response).error_code(), c.code);
    admin::v1::LogsRequest logs;
    logs.set_pod("none");
    auto reader = c.stub->Logs(&stream, logs);
    admin::v1::LogsChunk chunk;
    EXPECT_FALSE(reader->Read(&chunk));
    EXPECT_EQ(reader->Finish().error_code(),
              c.code == grpc::StatusCode::OK ? grpc::StatusCode::NOT_FOUND : c.code);
  }
}

TEST_F(ServicesTest, CallersAreWhoTheyAre) {
  const auto who = [](const std::shared_ptr<grpc::Channel>& channel) {
    Context context;
    admin::v1::WhoAmIResponse response;
    const grpc::Status status =
        Admin::NewStub(channel)->WhoAmI(&context, admin::v1::WhoAmIRequest(), &response);
    return status.ok() ? response.name() + " " + response.role() : status.error_message();
  };
  // One after the other, so that they get the same descriptor.
  EXPECT_EQ(who(LocalChannel({"root", true})), "root admin");
  EXPECT_EQ(who(LocalChannel({"local:eve", false})), "local:eve viewer");
  EXPECT_EQ(who(LocalChannel({"root", true})), "root admin");
  EXPECT_EQ(who(PersonChannel({"otto", {}, Role::kOperator, {"a"}, {}})), "otto operator");
}

// What the rules say is worth what the handlers do: each RPC of the descriptor, with a request that
// names an object in a namespace that the caller has no rights in, over the wire.
TEST_F(ServicesTest, EveryRpcIsRefusedToWhoHasNoRight) {
  grpc::GenericStub stub(
      PersonChannel({"limited", {}, Role::kAdmin, {"elsewhere"}, {Right::kExec, Right::kAttach}}));
  const auto& service = *admin::v1::GetRequest::descriptor()->file()->FindServiceByName("Admin");
  int refused = 0;
  for (int i = 0; i < service.method_count(); ++i) {
    const auto& method = *service.method(i);
    const RpcRule* rule = RuleOf(method.name());
    ASSERT_NE(rule, nullptr) << method.name();
    const std::unique_ptr<google::protobuf::Message> request(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(method.input_type())
            ->New());
    NamePod(*request);
    Context context;
    const grpc::Status status =
        CallRaw(stub, context, "/muster.admin.v1.Admin/" + method.name(), *request);
    if (rule->about == RpcRule::About::kNothing) {
      EXPECT_NE(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << method.name();
      continue;
    }
    ++refused;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED)
        << method.name() << ": " << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr("is forbidden: User \"limited\" cannot"))
        << method.name();
  }
  EXPECT_GE(refused, 20);
}

// The right to change what is there is none to make it.
TEST_F(ServicesTest, ToApplyWhatIsNotThereTakesTheRightToMakeIt) {
  const auto apply = [](Admin::Stub& stub, v1::Object object) {
    Context context;
    admin::v1::ApplyRequest request;
    *request.add_objects() = std::move(object);
    admin::v1::ApplyResponse response;
    const grpc::Status status = stub.Apply(&context, request, &response);
    return status.ok() ? "ok" : status.error_message();
  };
  const auto node = [](const std::string& name) {
    v1::Object object = model::NewObject(*model::FindKind(v1::Object::kNode));
    model::MutableMetadataOf(object).set_name(name);
    (*model::MutableMetadataOf(object).mutable_labels())["rack"] = "7";
    return object;
  };
  const auto map = [](const std::string& ns) {
    v1::Object object = model::NewObject(*model::FindKind(v1::Object::kConfigMap));
    model::MutableMetadataOf(object).set_name("m");
    model::MutableMetadataOf(object).set_namespace_(ns);
    return object;
  };
  const auto operators = Admin::NewStub(PersonChannel({"otto", {}, Role::kOperator, {}, {}}));
  EXPECT_EQ(apply(*operators, node("n1")), "ok");
  EXPECT_THAT(apply(*operators, node("n-new")),
              HasSubstr("nodes \"n-new\" is forbidden: User \"otto\" cannot create resource "
                        "\"nodes\" in API group \"\" at the cluster scope"));
  EXPECT_TRUE(absl::IsNotFound(objects_.Get(v1::Object::kNode, "", "n-new").status()));
  EXPECT_EQ(apply(*operators, map("new")), "ok") << "with its namespace";
  // A namespace that is gone took its rules along: it does not come back by the way.
  const auto limited = Admin::NewStub(PersonChannel({"lena", {}, Role::kOperator, {"mine"}, {}}));
  EXPECT_THAT(apply(*limited, map("mine")),
              HasSubstr("namespaces \"mine\" is forbidden: User \"lena\" cannot create"));
  const auto admins = Admin::NewStub(PersonChannel({"anna", {}, Role::kAdmin, {}, {}}));
  EXPECT_EQ(apply(*admins, map("mine")), "ok");
  EXPECT_EQ(apply(*admins, node("n-new")), "ok");
  EXPECT_EQ(apply(*limited, map("mine")), "ok");
}

TEST_F(ServicesTest, ExecIsRefusedToWhoHasNoRightToIt) {
  PutPod("web", "n1");
  const std::unique_ptr<Agent> agent = Connect("n1");
  const auto stub = Admin::NewStub(PersonChannel({"otto", {}, Role::kOperator, {}, {}}));
  Context context;
  auto exec = stub->Exec(&context);
  admin::v1::ExecInput input;
  input.mutable_start()->set_pod("web");
  input.mutable_start()->add_command("id");
  ASSERT_TRUE(exec->Write(input));
  admin::v1::ExecOutput output;
  EXPECT_FALSE(exec->Read(&output));
  const grpc::Status status = exec->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(),
              HasSubstr("cannot create resource \"pods/exec\" in API group \"\" in the namespace "
                        "\"default\": the right \"exec\" is missing"));
}

TEST_F(ServicesTest, AUserThatIsDeletedIsRefusedFromTheNextCallOn) {
  const auto stub = Admin::NewStub(PersonChannel({"anna", {}, Role::kAdmin, {}, {}}));
  const auto call = [&] {
    Context context;
    admin::v1::GetVersionResponse response;
    return stub->GetVersion(&context, admin::v1::GetVersionRequest(), &response).error_code();
  };
  EXPECT_EQ(call(), grpc::StatusCode::OK);
  ASSERT_TRUE(users_.Delete("anna").ok());
  EXPECT_EQ(call(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(ServicesTest, ASessionIsForNodesAndEnrolmentForAll) {
  for (const auto& [channel, code] :
       {std::pair(Channel(), grpc::StatusCode::UNAUTHENTICATED),
        std::pair(Channel("anna", pki::kUserOrganization), grpc::StatusCode::PERMISSION_DENIED),
        // The organization alone says what a name is worth.
        std::pair(Channel(pki::NodeCommonName("n1"), "others"),
                  grpc::StatusCode::PERMISSION_DENIED)}) {
    const auto stub = AgentSession::NewStub(channel);
    Context session, tunnel;
    EXPECT_EQ(stub->Session(&session)->Finish().error_code(), code);
    EXPECT_EQ(stub->Tunnel(&tunnel)->Finish().error_code(), code);
  }
  Context context;
  session::v1::EnrolRequest request;
  request.set_node_name("n7");
  session::v1::EnrolResponse response;
  ASSERT_TRUE(AgentSession::NewStub(Channel())->Enrol(&context, request, &response).ok());
  EXPECT_EQ(response.ca_pem(), "for n7");
}

TEST_F(ServicesTest, ACertificateOfTheNameWithAnotherKeyIsRefused) {
  const auto stub =
      AgentSession::NewStub(Channel(pki::NodeCommonName("n1"), pki::kNodeOrganization));
  Context context;
  auto stream = stub->Session(&context);
  FromAgent hello;
  hello.mutable_hello();
  ASSERT_TRUE(stream->Write(hello));
  ToAgent message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

// Who may make which call of an agent, for each RPC of the descriptor: a new one has to be said
// here.
TEST_F(ServicesTest, EveryRpcOfAgentsIsRefusedToWhoIsNoNode) {
  const std::map<std::string, bool> needs_certificate = {
      {"Enrol", false}, {"Renew", false}, {"Session", true}, {"Tunnel", true}};
  const auto& service =
      *session::v1::Hello::descriptor()->file()->FindServiceByName("AgentSession");
  const std::vector<std::pair<std::shared_ptr<grpc::Channel>, grpc::StatusCode>> others = {
      {Channel(), grpc::StatusCode::UNAUTHENTICATED},
      {PersonChannel({"anna", {}, Role::kAdmin, {}, {}}), grpc::StatusCode::PERMISSION_DENIED},
      {Channel("system:node:n1", "system:masters"), grpc::StatusCode::PERMISSION_DENIED},
      {Channel("n1", pki::kNodeOrganization), grpc::StatusCode::PERMISSION_DENIED}};
  for (int i = 0; i < service.method_count(); ++i) {
    const auto& method = *service.method(i);
    ASSERT_TRUE(needs_certificate.contains(method.name()))
        << "say here who may call " << method.name();
    for (const auto& [channel, code] : others) {
      grpc::GenericStub stub(channel);
      const std::unique_ptr<google::protobuf::Message> request(
          google::protobuf::MessageFactory::generated_factory()
              ->GetPrototype(method.input_type())
              ->New());
      Context context;
      const grpc::Status status =
          CallRaw(stub, context, "/muster.session.v1.AgentSession/" + method.name(), *request);
      if (needs_certificate.at(method.name())) {
        EXPECT_EQ(status.error_code(), code) << method.name() << ": " << status.error_message();
      } else {
        EXPECT_TRUE(status.ok()) << method.name() << ": " << status.error_message();
      }
    }
  }
}

TEST_F(ServicesTest, ANodesCertificateIsWorthNothingWhenItsTimeIsOverWhateverIsOpen) {
  const auto channel = NodeChannel("n1", 2s);
  const auto stub = AgentSession::NewStub(channel);
  Context context;
  auto session = stub->Session(&context);
  FromAgent hello;
  hello.mutable_hello();
  ASSERT_TRUE(session->Write(hello));
  ToAgent message;
  ASSERT_TRUE(session->Read(&message));
  // The session that is open is cut, without anybody asking.
  while (session->Read(&message)) {
  }
  const grpc::Status end = session->Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::UNAUTHENTICATED) << end.error_message();
  EXPECT_THAT(end.error_message(), HasSubstr("time of its certificate is over"));
  // The connection is there all the same; nothing new is let in by it.
  ASSERT_EQ(channel->GetState(false), GRPC_CHANNEL_READY);
  Context again, tunnel_context;
  auto second = stub->Session(&again);
  second->Write(hello);
  while (second->Read(&message)) {
  }
  EXPECT_EQ(second->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  auto tunnel = stub->Tunnel(&tunnel_context);
  TunnelFromAgent frame;
  frame.set_tunnel_id("any");
  tunnel->Write(frame);
  EXPECT_EQ(tunnel->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace muster::coordinator
