#include "coordinator/authz/access.h"

#include <utility>

#include "common/model/kinds.h"
#include "coordinator/authz/copy_command.h"

namespace muster::coordinator {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using About = RpcRule::About;

constexpr RpcRule kRules[] = {
    {"Apply", About::kObjects, "patch", "", ""},
    {"Update", About::kObjects, "update", "", ""},
    {"Get", About::kObjects, "get", "", ""},
    {"List", About::kObjects, "list", "", ""},
    {"Watch", About::kObjects, "watch", "", ""},
    {"Delete", About::kObjects, "delete", "", ""},
    {"Describe", About::kObjects, "get", "", ""},
    {"RolloutStatus", About::kObjects, "get", "", ""},
    {"RolloutNodes", About::kObjects, "get", "", ""},
    {"RolloutHistory", About::kObjects, "get", "", ""},
    {"RolloutUndo", About::kObjects, "patch", "", ""},
    {"Why", About::kObjects, "get", "", ""},
    // Whoever may not apply it has no use for what would come of it; as a dry run is treated.
    {"Plan", About::kObjects, "patch", "", ""},
    {"Top", About::kObjects, "list", "", ""},
    {"Logs", About::kPods, "get", "", "log"},
    {"Exec", About::kPods, "create", "", "exec"},
    {"Attach", About::kPods, "create", "", "attach"},
    {"PortForward", About::kPods, "create", "", "portforward"},
    {"CreateToken", About::kResource, "create", "tokens", ""},
    {"ListTokens", About::kResource, "list", "tokens", ""},
    {"DeleteToken", About::kResource, "delete", "tokens", ""},
    {"CreateUser", About::kResource, "create", "users", ""},
    {"ListUsers", About::kResource, "list", "users", ""},
    {"DeleteUser", About::kResource, "delete", "users", ""},
    {"RevokeNode", About::kResource, "delete", "nodes", ""},
    {"GetCaStatus", About::kResource, "get", "certificates", ""},
    {"RotateCa", About::kResource, "update", "certificates", ""},
    {"GetSealStatus", About::kResource, "get", "seals", ""},
    {"RotateSeal", About::kResource, "update", "seals", ""},
    {"RenewUser", About::kNothing, "", "", ""},  // The caller's own.
    {"GetVersion", About::kNothing, "", "", ""},
    {"WhoAmI", About::kNothing, "", "", ""},
    {"CanI", About::kNothing, "", "", ""},
};

constexpr char kDefaultNamespace[] = "default";

std::string TextOf(const Message& message, const char* field) {
  const FieldDescriptor* found = message.GetDescriptor()->FindFieldByName(field);
  if (found == nullptr || found->is_repeated() ||
      found->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return "";
  }
  return message.GetReflection()->GetString(message, found);
}

bool FlagOf(const Message& message, const char* field) {
  const FieldDescriptor* found = message.GetDescriptor()->FindFieldByName(field);
  return found != nullptr && !found->is_repeated() &&
         found->cpp_type() == FieldDescriptor::CPPTYPE_BOOL &&
         message.GetReflection()->GetBool(message, found);
}

// A kind without namespaces has none, whatever was said; one with them is in "default" when nothing
// was said.
Access AccessToKind(std::string_view verb, const model::KindInfo& kind, std::string_view ns) {
  Access access;
  access.verb = verb;
  access.resource = kind.plural;
  access.group = kind.group();
  if (kind.namespaced) access.ns = ns.empty() ? kDefaultNamespace : ns;
  return access;
}

// What the API itself would find under this word.
Access AccessToWord(std::string_view verb, std::string_view resource, std::string_view ns) {
  if (const model::KindInfo* kind = model::FindResource(resource)) {
    return AccessToKind(verb, *kind, ns);
  }
  Access access;
  access.verb = verb;
  access.resource = resource;
  access.ns = ns;
  return access;
}

// What a message about a pod would do there: an exec that only copies is less than one.
std::string_view SubresourceOf(const RpcRule& rule, const Message& message) {
  if (rule.subresource != "exec") return rule.subresource;
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("command");
  std::vector<std::string> command;
  const bool has_command = field != nullptr && field->is_repeated() &&
                           field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  const Reflection* reflection = message.GetReflection();
  for (int i = 0; has_command && i < reflection->FieldSize(message, field); ++i) {
    command.push_back(reflection->GetRepeatedString(message, field, i));
  }
  return IsCopyCommand(command) ? "cp" : rule.subresource;
}

// Collects what a request names.
class Finder {
 public:
  Finder(const RpcRule& rule, std::vector<Access>& found) : rule_(rule), found_(found) {}

  void Look(const Message& message) {
    const Descriptor* type = message.GetDescriptor();
    const bool pods = rule_.about == About::kPods;
    if (pods && type->FindFieldByName("pod") != nullptr) {
      return AddPod(TextOf(message, "namespace"), TextOf(message, "pod"),
                    SubresourceOf(rule_, message));
    }
    if (type->full_name() == "muster.v1.Object") return AddObject(message);
    if (type->FindFieldByName("resource") != nullptr) return AddNamed(message);
    const Reflection* reflection = message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
      if (!field->is_repeated()) {
        Look(reflection->GetMessage(message, field));
        continue;
      }
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        Look(reflection->GetRepeatedMessage(message, field, i));
      }
    }
  }

 private:
  void Add(Access access) {
    if (rule_.about == About::kPods) access.subresource = rule_.subresource;
    found_.push_back(std::move(access));
  }
  void AddPod(const std::string& ns, std::string name, std::string_view subresource) {
    Access access = AccessToKind(rule_.verb, *model::FindKind(model::Kind::kPod), ns);
    access.name = std::move(name);
    access.subresource = subresource;
    found_.push_back(std::move(access));
  }
  // One object, or with all_namespaces those of all of them.
  void AddNamed(const Message& message) {
    Access access =
        AccessToWord(rule_.verb, TextOf(message, "resource"), TextOf(message, "namespace"));
    access.name = TextOf(message, "name");
    if (FlagOf(message, "all_namespaces")) access.ns.clear();
    Add(std::move(access));
  }
  void AddObject(const Message& message) {
    const auto& object = static_cast<const v1::Object&>(message);
    if (object.object_case() == model::Kind::OBJECT_NOT_SET) return Add(Access{});
    const v1::ObjectMeta& metadata = model::MetadataOf(object);
    Access access = AccessToKind(rule_.verb, model::InfoOf(object), metadata.namespace_());
    access.name = metadata.name();
    Add(std::move(access));
  }

  const RpcRule& rule_;
  std::vector<Access>& found_;
};

}  // namespace

absl::Span<const RpcRule> AllRpcRules() { return kRules; }

const RpcRule* RuleOf(std::string_view rpc) {
  for (const RpcRule& rule : kRules) {
    if (rule.rpc == rpc) return &rule;
  }
  return nullptr;
}

std::vector<Access> AccessesOf(const RpcRule& rule, const Message& request) {
  std::vector<Access> found;
  if (rule.about == About::kNothing) return found;
  if (rule.about == About::kResource) {
    Access access;
    access.verb = rule.verb;
    access.resource = rule.resource;
    found.push_back(std::move(access));
    return found;
  }
  Finder(rule, found).Look(request);
  // Objects that are only made, never changed.
  if (FlagOf(request, "create_only")) {
    for (Access& access : found) access.verb = "create";
  }
  if (found.empty()) {
    Access everything;
    everything.verb = rule.verb;
    found.push_back(std::move(everything));
  }
  return found;
}

Access AccessTo(std::string_view verb, std::string_view resource, std::string_view ns,
                std::string_view name) {
  const size_t slash = resource.find('/');
  Access access = AccessToWord(verb, resource.substr(0, slash), ns);
  if (slash != std::string_view::npos) access.subresource = resource.substr(slash + 1);
  access.name = name;
  return access;
}

}  // namespace muster::coordinator
