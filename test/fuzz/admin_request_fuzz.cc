// Any request of the admin API: the first byte says which call, from the descriptor, so that a new
// one is tried without a word here. Whoever may do nothing gets nothing; what is allowed is
// answered, and what is remembered of it is one line.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/audit/audit_record.h"
#include "coordinator/authz/access.h"
#include "coordinator/authz/authorize.h"
#include "coordinator/store/memory/memory_store.h"
#include "google/protobuf/descriptor.h"

namespace {

using namespace muster;
using namespace muster::coordinator;
using google::protobuf::Message;

struct World {
  World() {
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
                                      [&](const auto& r) { (void)api.FindForTop(r).ok(); });
  };
  // A second time it meets what it has made.
  if (once()) once();
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
