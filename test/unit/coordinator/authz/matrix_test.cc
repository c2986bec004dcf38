// Identities x RPCs x kinds of objects x namespaces, from the descriptors of the admin API and of
// the object model: what is new there and has no rule fails here.
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/model/kinds.h"
#include "coordinator/authz/authorize.h"
#include "google/protobuf/dynamic_message.h"
#include "gtest/gtest.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

const ServiceDescriptor& AdminService() {
  return *admin::v1::GetRequest::descriptor()->file()->FindServiceByName("Admin");
}

// The expectation, written down a second time and by another hand than the table under test: one
// line for each kind. r: get, list, watch; w: create, update, patch, delete; or verbs.
const std::map<std::string, std::pair<std::string, std::string>>& Expected() {
  static const std::map<std::string, std::pair<std::string, std::string>> kExpected = {
      // kind                 viewer   operator
      {"namespaces", {"r", "r,create,update,patch"}},
      {"priorityclasses", {"r", "r"}},
      {"serviceaccounts", {"r", "r,w"}},
      {"secrets", {"", ""}},
      {"configmaps", {"r", "r,w"}},
      {"services", {"r", "r,w"}},
      {"endpoints", {"r", "r"}},
      {"endpointslices", {"r", "r"}},
      {"nodes", {"r", "r,update,patch"}},
      {"daemonsets", {"r", "r,w"}},
      {"controllerrevisions", {"r", "r"}},
      {"daemonjobs", {"r", "r,w"}},
      {"pods", {"r", "r,w"}},
      {"events", {"r", "r"}},
  };
  return kExpected;
}

// What an RPC is about, likewise.
struct Meaning {
  std::string verb;  // Of kinds; or
  Right right{};     // to be inside of pods; or
  enum { kVerb, kRight, kLogs, kAdminsOnly, kEverybody } what = kVerb;
};
const std::map<std::string, Meaning>& Meanings() {
  static const std::map<std::string, Meaning> kMeanings = {
      {"Apply", {"patch"}},
      {"Update", {"update"}},
      {"Get", {"get"}},
      {"List", {"list"}},
      {"Watch", {"watch"}},
      {"Delete", {"delete"}},
      {"Describe", {"get"}},
      {"RolloutStatus", {"get"}},
      {"RolloutNodes", {"get"}},
      {"RolloutHistory", {"get"}},
      {"RolloutUndo", {"patch"}},
      {"Why", {"get"}},
      {"Plan", {"patch"}},
      {"Top", {"list"}},
      {"Logs", {"", {}, Meaning::kLogs}},
      {"Exec", {"", Right::kExec, Meaning::kRight}},
      {"Attach", {"", Right::kAttach, Meaning::kRight}},
      {"PortForward", {"", Right::kPortForward, Meaning::kRight}},
      {"CreateToken", {"", {}, Meaning::kAdminsOnly}},
      {"ListTokens", {"", {}, Meaning::kAdminsOnly}},
      {"DeleteToken", {"", {}, Meaning::kAdminsOnly}},
      {"CreateUser", {"", {}, Meaning::kAdminsOnly}},
      {"ListUsers", {"", {}, Meaning::kAdminsOnly}},
      {"DeleteUser", {"", {}, Meaning::kAdminsOnly}},
      {"RevokeNode", {"", {}, Meaning::kAdminsOnly}},
      {"GetCaStatus", {"", {}, Meaning::kAdminsOnly}},
      {"RotateCa", {"", {}, Meaning::kAdminsOnly}},
      {"GetSealStatus", {"", {}, Meaning::kAdminsOnly}},
      {"RotateSeal", {"", {}, Meaning::kAdminsOnly}},
      {"RenewUser", {"", {}, Meaning::kEverybody}},  // Its own certificate.
      {"GetVersion", {"", {}, Meaning::kEverybody}},
      {"WhoAmI", {"", {}, Meaning::kEverybody}},
      {"CanI", {"", {}, Meaning::kEverybody}},
  };
  return kMeanings;
}

bool Lists(const std::string& text, const std::string& verb) {
  const std::set<std::string> read = {"get", "list", "watch"};
  const std::set<std::string> write = {"create", "update", "patch", "delete"};
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(text, ','))) {
    if (word == verb || (word == "r" && read.contains(verb)) ||
        (word == "w" && write.contains(verb))) {
      return true;
    }
  }
  return false;
}

// Where a call looks: an object of a kind, in a namespace; empty for all of them.
struct Place {
  const model::KindInfo* kind;
  std::string ns;
};

bool IsExpected(const Identity& identity, const Meaning& meaning, const Place& place,
                bool takes_all) {
  if (meaning.what == Meaning::kEverybody) return true;
  const bool unlimited = identity.namespaces.empty();
  if (meaning.what == Meaning::kAdminsOnly) return identity.role == Role::kAdmin && unlimited;
  const bool pods_only = meaning.what != Meaning::kVerb;
  const bool namespaced = pods_only || place.kind->namespaced;
  // Only a list can be over all namespaces; for anything else none means "default".
  std::string ns = place.ns;
  if (ns.empty() && !takes_all) ns = "default";
  if (!unlimited && (!namespaced || ns.empty() || !identity.namespaces.contains(ns))) return false;
  if (identity.role == Role::kAdmin) return true;
  if (meaning.what == Meaning::kLogs) return true;
  if (meaning.what == Meaning::kRight) return identity.rights.contains(meaning.right);
  const auto& row = Expected().at(std::string(place.kind->plural));
  return Lists(identity.role == Role::kViewer ? row.first : row.second, meaning.verb);
}

// Fills in whatever of the request names objects, at any depth. True when it is over all
// namespaces if `place` is.
bool Name(Message& message, const Place& place) {
  const auto* type = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  const auto set = [&](const char* field, const std::string& value) {
    reflection->SetString(&message, type->FindFieldByName(field), value);
  };
  if (type->full_name() == "muster.v1.Object") {
    auto& object = static_cast<v1::Object&>(message);
    object = model::NewObject(*place.kind);
    model::MutableMetadataOf(object).set_name("it");
    model::MutableMetadataOf(object).set_namespace_(place.ns);
    return false;
  }
  if (type->FindFieldByName("resource") != nullptr) {
    set("resource", std::string(place.kind->plural));
    set("namespace", place.ns);
    if (type->FindFieldByName("name") != nullptr) set("name", "it");
    const FieldDescriptor* all = type->FindFieldByName("all_namespaces");
    if (all != nullptr) reflection->SetBool(&message, all, place.ns.empty());
    return all != nullptr;
  }
  if (type->FindFieldByName("pod") != nullptr && type->FindFieldByName("namespace") != nullptr) {
    set("pod", "it");
    set("namespace", place.ns);
    return false;
  }
  bool takes_all = false;
  std::set<std::string> oneofs;
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    // The first of those that exclude each other is what a stream begins with.
    if (field->real_containing_oneof() != nullptr &&
        !oneofs.insert(field->real_containing_oneof()->name()).second) {
      continue;
    }
    Message* inner = field->is_repeated() ? reflection->AddMessage(&message, field)
                                          : reflection->MutableMessage(&message, field);
    takes_all |= Name(*inner, place);
  }
  return takes_all;
}

struct Someone {
  const char* who;
  Identity identity;
};

std::vector<Someone> Everybody() {
  std::vector<Someone> all;
  const auto add = [&](const char* who, Role role, std::set<std::string> namespaces,
                       std::set<Right> rights) {
    Identity identity;
    identity.name = who;
    identity.role = role;
    identity.namespaces = std::move(namespaces);
    identity.rights = std::move(rights);
    all.push_back({who, std::move(identity)});
  };
  for (const auto& [who, role] :
       {std::pair("viewer", Role::kViewer), std::pair("operator", Role::kOperator),
        std::pair("admin", Role::kAdmin)}) {
    add(who, role, {}, {});
    add(who, role, {"mine"}, {});
    add(who, role, {"default"}, {});
    add(who, role, {"mine"}, {Right::kExec, Right::kPortForward});
    add(who, role, {}, {Right::kAttach});
  }
  return all;
}

TEST(Matrix, EveryRpcHasARuleAndAMeaning) {
  for (int i = 0; i < AdminService().method_count(); ++i) {
    const std::string& rpc = AdminService().method(i)->name();
    EXPECT_NE(RuleOf(rpc), nullptr)
        << "rpc " << rpc << " has no rule: add it to coordinator/authz/access.cc";
    EXPECT_TRUE(Meanings().contains(rpc)) << "say here what rpc " << rpc << " may be used for";
  }
}

TEST(Matrix, EveryRuleIsThereOnceAndOfAnRpc) {
  std::set<std::string> seen;
  for (const RpcRule& rule : AllRpcRules()) {
    const std::string rpc(rule.rpc);
    EXPECT_TRUE(seen.insert(rpc).second) << rpc << " has two rules";
    EXPECT_NE(AdminService().FindMethodByName(rpc), nullptr) << "there is no rpc " << rpc;
  }
}

TEST(Matrix, EveryKindHasAnExpectation) {
  for (const model::KindInfo& kind : model::AllKinds()) {
    EXPECT_TRUE(Expected().contains(std::string(kind.plural)))
        << "say here, and in coordinator/authz/authorize.cc, who may do what with " << kind.plural;
  }
}

TEST(Matrix, IdentitiesTimesRpcsTimesKindsTimesNamespaces) {
  size_t allowed = 0, denied = 0;
  for (int i = 0; i < AdminService().method_count(); ++i) {
    const MethodDescriptor& method = *AdminService().method(i);
    if (!Meanings().contains(method.name())) continue;  // The first test tells.
    const Meaning& meaning = Meanings().at(method.name());
    for (const model::KindInfo& kind : model::AllKinds()) {
      for (const char* ns : {"mine", "default", "other", ""}) {
        const Place place{&kind, ns};
        const std::unique_ptr<Message> request(
            MessageFactory::generated_factory()->GetPrototype(method.input_type())->New());
        const bool takes_all = Name(*request, place);
        for (const Someone& someone : Everybody()) {
          const absl::Status status = Authorize(someone.identity, method.name(), *request);
          const bool expected = IsExpected(someone.identity, meaning, place, takes_all);
          EXPECT_EQ(status.ok(), expected)
              << someone.who << " of " << someone.identity.namespaces.size()
              << " namespaces: " << method.name() << " " << kind.plural << " in \"" << ns
              << "\": " << status;
          if (!status.ok()) {
            EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
          }
          ++(status.ok() ? allowed : denied);
        }
      }
    }
  }
  // It tried something, and both answers came.
  EXPECT_GT(allowed, 1000u);
  EXPECT_GT(denied, 1000u);
}

// An exec of what `musterctl cp` runs is less than an exec, and more than nothing.
TEST(Matrix, IdentitiesTimesCopying) {
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
    for (const char* limited : {"", "mine"}) {
      for (const std::set<Right>& rights : {std::set<Right>{},
                                            {Right::kCopy},
                                            {Right::kExec},
                                            {Right::kAttach, Right::kPortForward}}) {
        for (const char* ns : {"mine", "other"}) {
          for (const bool copies : {true, false}) {
            Identity identity;
            identity.name = "somebody";
            identity.role = role;
            identity.rights = rights;
            if (*limited != '\0') identity.namespaces.insert(limited);
            admin::v1::ExecInput request;
            request.mutable_start()->set_namespace_(ns);
            request.mutable_start()->set_pod("it");
            for (const char* word : {"tar", "cf", "-", "/etc"}) {
              request.mutable_start()->add_command(word);
            }
            if (!copies) request.mutable_start()->add_command("--to-command=sh");
            const bool there = *limited == '\0' || std::string(ns) == limited;
            const bool may = role == Role::kAdmin || rights.contains(Right::kExec) ||
                             (copies && rights.contains(Right::kCopy));
            EXPECT_EQ(Authorize(identity, "Exec", request).ok(), there && may)
                << NameOf(role) << " limited to \"" << limited << "\" in " << ns << " copies "
                << copies;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace muster::coordinator
