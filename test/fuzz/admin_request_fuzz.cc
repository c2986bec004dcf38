// Any request of the admin API: the first byte says which call, from the descriptor, so that a new
// one is tried without a word here. Whoever may do nothing gets nothing; what is allowed is
// answered, and what is remembered of it is one line.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/pki/pki.h"
#include "coordinator/api/access_api.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/trust_api.h"
#include "coordinator/audit/audit_record.h"
#include "coordinator/authz/access.h"
#include "coordinator/authz/authorize.h"
#include "coordinator/store/memory/memory_store.h"
#include "google/protobuf/descriptor.h"

namespace {

using namespace muster;
using namespace muster::coordinator;
using google::protobuf::Message;

// Keys take long to make, so they are made once.
struct Keys {
  Keys() {
    std::string pattern = (std::filesystem::temp_directory_path() / "muster-fuzz-XXXXXX").string();
    MUSTER_CHECK(::mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
    ca = std::make_unique<CertificateAuthority>(
        *CertificateAuthority::LoadOrCreate(folder, SystemClock().Wall()));
    seals = *SealKeeper::Open(store, {folder + "/sealing.key"}, nullptr);
  }
  ~Keys() { std::filesystem::remove_all(folder); }

  std::string folder;
  MemoryStore store;
  std::unique_ptr<CertificateAuthority> ca;
  std::unique_ptr<SealKeeper> seals;
};

const Keys& TheKeys() {
  static const Keys keys;
  return keys;
}

AccessApi::Options AccessOptions() {
  AccessApi::Options options;
  options.address = [] { return std::string("c:7440"); };
  options.join_command = [](const std::string& token) { return "join " + token; };
  return options;
}

TrustApi::Options TrustOptions() {
  TrustApi::Options options;
  options.server_not_after = [] { return SystemClock().Wall(); };
  return options;
}

struct World {
  World() {
    somebody.name = "anna";
    somebody.groups = {pki::kUserOrganization};
    MUSTER_CHECK(api.CreateBuiltInNamespaces().ok());
    v1::Object node = model::NewObject(*model::FindKind(v1::Object::kNode));
    model::MutableMetadataOf(node).set_name("n");
    ObjectTransaction transaction;
    transaction.Create(std::move(node));
    MUSTER_CHECK(objects.Commit(std::move(transaction)).ok());
  }

  ManualClock clock;
  MemoryStore store;
  ObjectStore objects{store, clock};
  AdminApi api{objects, clock};
  Identity somebody;
  TokenStore tokens{store, clock};
  UserStore users{store};
  AccessApi access{tokens, users, *TheKeys().ca, clock, AccessOptions()};
  Enrolment enrolment{objects, tokens, *TheKeys().ca, clock};
  TrustApi trust{*TheKeys().ca, enrolment, users, objects, *TheKeys().seals, clock, TrustOptions()};
};

template <typename Request, typename Answer>
bool Try(const Message& request, Answer answer) {
  if (request.GetDescriptor() != Request::descriptor()) return false;
  answer(static_cast<const Request&>(request));
  return true;
}

void Answer(const Message& request) {
  World world;
  AdminApi& api = world.api;
  const auto once = [&] {
    return Try<admin::v1::ApplyRequest>(request, [&](const auto& r) { (void)api.Apply(r).ok(); }) ||
           Try<admin::v1::UpdateRequest>(request,
                                         [&](const auto& r) { (void)api.Update(r).ok(); }) ||
           Try<admin::v1::GetRequest>(request, [&](const auto& r) { (void)api.Get(r).ok(); }) ||
           Try<admin::v1::ListRequest>(request, [&](const auto& r) { (void)api.List(r).ok(); }) ||
           Try<admin::v1::WatchRequest>(request, [&](const auto& r) { (void)api.Watch(r).ok(); }) ||
           Try<admin::v1::DeleteRequest>(request,
                                         [&](const auto& r) { (void)api.Delete(r).ok(); }) ||
           Try<admin::v1::DescribeRequest>(request,
                                           [&](const auto& r) { (void)api.Describe(r).ok(); }) ||
           Try<admin::v1::PlanRequest>(request, [&](const auto& r) { (void)api.Plan(r).ok(); }) ||
           Try<admin::v1::WhyRequest>(request, [&](const auto& r) { (void)api.Why(r).ok(); }) ||
           Try<admin::v1::RolloutHistoryRequest>(
               request, [&](const auto& r) { (void)api.RolloutHistory(r).ok(); }) ||
           Try<admin::v1::RolloutUndoRequest>(
               request, [&](const auto& r) { (void)api.RolloutUndo(r).ok(); }) ||
           Try<admin::v1::TopRequest>(request,
                                      [&](const auto& r) { (void)api.FindForTop(r).ok(); }) ||
           Try<admin::v1::RolloutNodesRequest>(
               request, [&](const auto& r) { (void)api.RolloutNodes(r).ok(); }) ||
           // The first messages of streams; those after it are in tunnel_frame.
           Try<admin::v1::RolloutStatusRequest>(
               request,
               [&](const auto& r) {
                 admin::v1::WatchRequest watch;
                 watch.mutable_list()->set_resource("daemonsets");
                 watch.mutable_list()->set_namespace_(r.ref().namespace_());
                 watch.mutable_list()->set_field_selector("metadata.name=" + r.ref().name());
                 (void)api.Watch(watch).ok();
               }) ||
           Try<admin::v1::LogsRequest>(request,
                                       [&](const auto& r) {
                                         (void)api
                                             .FindContainer(r.namespace_(), r.pod(), r.container(),
                                                            AdminApi::Use::kLogs)
                                             .ok();
                                       }) ||
           Try<admin::v1::ExecInput>(request,
                                     [&](const auto& r) {
                                       (void)api
                                           .FindContainer(r.start().namespace_(), r.start().pod(),
                                                          r.start().container(),
                                                          AdminApi::Use::kExec)
                                           .ok();
                                     }) ||
           Try<admin::v1::PortForwardInput>(
               request,
               [&](const auto& r) {
                 (void)api
                     .FindRunningPod(r.start().namespace_(), r.start().pod(), r.start().pod_uid())
                     .ok();
               }) ||
           Try<admin::v1::CreateTokenRequest>(
               request, [&](const auto& r) { (void)world.access.CreateToken(r).ok(); }) ||
           Try<admin::v1::ListTokensRequest>(
               request, [&](const auto& r) { (void)world.access.ListTokens(r).ok(); }) ||
           Try<admin::v1::DeleteTokenRequest>(
               request, [&](const auto& r) { (void)world.access.DeleteToken(r).ok(); }) ||
           Try<admin::v1::CreateUserRequest>(
               request, [&](const auto& r) { (void)world.access.CreateUser(r).ok(); }) ||
           Try<admin::v1::ListUsersRequest>(
               request, [&](const auto& r) { (void)world.access.ListUsers(r).ok(); }) ||
           Try<admin::v1::DeleteUserRequest>(
               request, [&](const auto& r) { (void)world.access.DeleteUser(r).ok(); }) ||
           Try<admin::v1::WhoAmIRequest>(request,
                                         [&](const auto& r) { (void)WhoAmI(world.somebody, r); }) ||
           Try<admin::v1::CanIRequest>(request,
                                       [&](const auto& r) { (void)CanI(world.somebody, r); }) ||
           Try<admin::v1::RevokeNodeRequest>(
               request, [&](const auto& r) { (void)world.trust.RevokeNode(r).ok(); }) ||
           Try<admin::v1::RenewUserRequest>(
               request,
               [&](const auto& r) { (void)world.trust.RenewUser(world.somebody, r).ok(); }) ||
           Try<admin::v1::GetCaStatusRequest>(
               request, [&](const auto& r) { (void)world.trust.GetCaStatus(r).ok(); }) ||
           Try<admin::v1::GetSealStatusRequest>(
               request, [&](const auto& r) { (void)world.trust.GetSealStatus(r).ok(); }) ||
           Try<admin::v1::RotateSealRequest>(request,
                                             [&](const auto& r) {
                                               // Another key for the store takes no input.
                                               if (r.all_nodes() || r.nodes_size() > 0)
                                                 (void)world.trust.RotateSeal(r).ok();
                                             }) ||
           // These take no more than a flag, or nothing.
           Try<admin::v1::RotateCaRequest>(request, [](const auto&) {}) ||
           Try<admin::v1::GetVersionRequest>(request, [](const auto&) {});
  };
  // A request that is not here is not tried.
  MUSTER_CHECK(once());
  // A second time it meets what it has made.
  once();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto& service = *admin::v1::GetRequest::descriptor()->file()->FindServiceByName("Admin");
  const auto& method = *service.method(data[0] % service.method_count());
  const std::unique_ptr<Message> request(google::protobuf::MessageFactory::generated_factory()
                                             ->GetPrototype(method.input_type())
                                             ->New());
  // As gRPC does with what it cannot read.
  if (!request->ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;

  const RpcRule* rule = RuleOf(method.name());
  Identity nobody;
  nobody.name = "nobody";
  nobody.namespaces = {"there is no such namespace"};
  MUSTER_CHECK(!Authorize(nobody, method.name(), *request).ok() || rule == nullptr ||
               rule->about == RpcRule::About::kNothing);
  if (rule != nullptr) {
    AuditRecord record;
    record.rpc = method.name();
    for (const Access& access : AccessesOf(*rule, *request)) {
      record.objects.push_back({access.verb, access.resource, access.ns, access.name});
    }
    const std::string line = AuditObject(record);
    MUSTER_CHECK(line.find('\n') == std::string::npos && line.find('\x1b') == std::string::npos);
  }
  Answer(*request);
  return 0;
}
