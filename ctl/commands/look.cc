#include "ctl/commands/look.h"

#include "absl/strings/str_cat.h"
#include "common/model/labels.h"
#include "common/version/version.h"

namespace muster::ctl {

int RunDescribe(Context& context, const std::vector<std::string>& arguments,
                const std::string& selector) {
  const auto targets = ParseTargets(arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  std::vector<admin::v1::ObjectRef> refs;
  for (const Targets::Target& target : targets->list) {
    if (!target.name.empty()) {
      refs.push_back(RefOf(context, target));
      continue;
    }
    admin::v1::ListRequest request;
    request.set_resource(std::string(target.kind->plural));
    request.set_namespace_(NamespaceFor(context, *target.kind));
    request.set_all_namespaces(context.all_namespaces && target.kind->namespaced);
    request.set_label_selector(selector);
    const auto list = (*client)->List(request);
    if (!list.ok()) return Fail(context, list.status());
    for (const v1::Object& object : list->objects()) {
      admin::v1::ObjectRef ref = RefOf(context, target);
      ref.set_namespace_(model::MetadataOf(object).namespace_());
      ref.set_name(model::MetadataOf(object).name());
      refs.push_back(ref);
    }
  }
  if (refs.empty()) {
    context.err << "No resources found in " << context.ns << " namespace.\n";
    return kExitDone;
  }
  int exit_code = kExitDone;
  bool first = true;
  for (const admin::v1::ObjectRef& ref : refs) {
    admin::v1::DescribeRequest request;
    *request.mutable_ref() = ref;
    const auto response = (*client)->Describe(request);
    if (!response.ok()) {
      exit_code = Fail(context, response.status());
      continue;
    }
    if (!first) context.out << "\n\n";
    first = false;
    context.out << response->text();
  }
  return exit_code;
}

int RunRolloutStatus(Context& context, const RolloutStatusOptions& options) {
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  if (targets->list.size() != 1 || targets->list[0].name.empty()) {
    return FailLocally(context, "name one DaemonSet, as in: rollout status ds/NAME", kExitUsage);
  }
  if (targets->list[0].kind->kind != v1::Object::kDaemonSet) {
    return FailLocally(context, absl::StrCat("no status viewer has been implemented for ",
                                             std::string(targets->list[0].kind->plural)));
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  admin::v1::RolloutStatusRequest request;
  *request.mutable_ref() = RefOf(context, targets->list[0]);
  request.set_watch(options.watch);
  const absl::Status status = (*client)->RolloutStatus(
      request, options.timeout, [&](const admin::v1::RolloutStatusUpdate& update) {
        context.out << update.line() << "\n";
        context.out.flush();
        return true;
      });
  if (status.ok()) return kExitDone;
  if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    return FailLocally(context, "timed out waiting for the condition", kExitTimedOut);
  }
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    return FailLocally(context, std::string(status.message()));
  }
  return Fail(context, status);
}

absl::StatusOr<std::string> ResolvePod(Context& context, AdminClient& client,
                                       const std::string& argument) {
  if (argument.find('/') == std::string::npos) return argument;
  const auto targets = ParseTargets({argument});
  if (!targets.ok()) return targets.status();
  const Targets::Target& target = targets->list[0];
  if (target.kind->kind == v1::Object::kPod) return target.name;
  if (target.kind->kind != v1::Object::kDaemonSet) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a pod or a daemonset, found ", std::string(target.kind->singular)));
  }
  admin::v1::GetRequest get;
  *get.mutable_ref() = RefOf(context, target);
  const auto daemon_set = client.Get(get);
  if (!daemon_set.ok()) return daemon_set.status();
  const auto query =
      model::LabelQuery::FromSelector(daemon_set->object().daemon_set().spec().selector());
  if (!query.ok()) return query.status();
  admin::v1::ListRequest list;
  list.set_resource("pods");
  list.set_namespace_(context.ns);
  list.set_label_selector(query->Text());
  const auto pods = client.List(list);
  if (!pods.ok()) return pods.status();
  if (pods->objects().empty()) {
    return absl::NotFoundError(absl::StrCat("no pods of ", argument, " in ", context.ns));
  }
  const std::string name = model::MetadataOf(pods->objects(0)).name();
  if (pods->objects_size() > 1) {
    context.err << "Found " << pods->objects_size() << " pods, using pod/" << name << "\n";
  }
  return name;
}

int RunLogs(Context& context, const LogsOptions& options) {
  if (options.arguments.empty() || options.arguments.size() > 2) {
    return FailLocally(context, "expected 'logs [-f] (POD | ds/NAME) [CONTAINER]'", kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto pod = ResolvePod(context, **client, options.arguments[0]);
  if (!pod.ok()) return Fail(context, pod.status());
  admin::v1::LogsRequest request;
  request.set_namespace_(context.ns);
  request.set_pod(*pod);
  request.set_container(options.arguments.size() == 2 ? options.arguments[1] : options.container);
  request.set_follow(options.follow);
  request.set_previous(options.previous);
  request.set_timestamps(options.timestamps);
  if (options.tail_lines) request.set_tail_lines(*options.tail_lines);
  if (options.since_seconds) request.set_since_seconds(*options.since_seconds);
  if (options.limit_bytes) request.set_limit_bytes(*options.limit_bytes);
  const absl::Status status = (*client)->Logs(request, [&](const admin::v1::LogsChunk& chunk) {
    context.out << chunk.data();
    context.out.flush();
    return static_cast<bool>(context.out);
  });
  return status.ok() ? kExitDone : Fail(context, status);
}

int RunTokenCreate(Context& context, const TokenOptions& options) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  admin::v1::CreateTokenRequest request;
  request.set_ttl_seconds(options.ttl.count());
  request.set_uses(options.uses);
  const auto response = (*client)->CreateToken(request);
  if (!response.ok()) return Fail(context, response.status());
  context.out << (options.token_only ? response->token() : response->join_command()) << "\n";
  return kExitDone;
}

int RunVersion(Context& context, bool client_only) {
  context.out << "Client Version: v" << Version() << " (" << GitVersion() << ")\n";
  if (client_only) return kExitDone;
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto response = (*client)->GetVersion();
  if (!response.ok()) return Fail(context, response.status());
  context.out << "Server Version: v" << response->version() << " (" << response->git_revision()
              << ")\n";
  return kExitDone;
}

}  // namespace muster::ctl
