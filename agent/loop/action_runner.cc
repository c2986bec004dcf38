#include "agent/loop/action_runner.h"

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/translate/pod_group.h"
#include "agent/translate/resources.h"
#include "agent/translate/translate.h"
#include "agent/workload/pull_secrets.h"
#include "common/model/host_ports.h"

namespace muster::agent {
namespace {

absl::StatusOr<SandboxConfig> SandboxConfigOf(const ActionContext& context, uint32_t attempt) {
  absl::StatusOr<SandboxConfig> config = MakeSandboxConfig(*context.pod, attempt, context.node);
  if (!config.ok()) return config;
  config->labels[kLabelNodeUid] = context.node.node_uid;
  config->annotations[kAnnotationStartTime] = absl::StrCat(
      std::chrono::duration_cast<std::chrono::milliseconds>(context.start_time.time_since_epoch())
          .count());
  return config;
}

const v1::Container* FindContainer(const v1::PodSpec& spec, const std::string& name, bool is_init) {
  for (const v1::Container& container : is_init ? spec.init_containers() : spec.containers()) {
    if (container.name() == name) return &container;
  }
  return nullptr;
}

// Where the pod's control group may be; the class of its quality of service may be lost with its
// specification.
std::vector<std::string> ControlGroupsOf(const ActionContext& context) {
  std::vector<std::string> groups;
  for (const char* qos : {"Guaranteed", "Burstable", "BestEffort"}) {
    groups.push_back(PodGroup(qos, context.pod_uid, context.node));
  }
  return groups;
}

Outcome Failed(absl::Status status, LaunchStep at = LaunchStep::kConfig) {
  return {std::move(status), at, std::nullopt};
}

}  // namespace

// A LaunchContainer on its way.
struct ActionRunner::Launch {
  LaunchContainer action;
  std::shared_ptr<const ActionContext> context;
  const v1::Container* container = nullptr;  // In the context's pod.
  Environment environment;
  std::vector<std::string> skipped_variables;
  SandboxConfig sandbox;
  absl::StatusOr<ContainerFiles> files = absl::UnknownError("not prepared");
  std::string log_path;
  Step step;
  Done done;
};

ActionRunner::ActionRunner(const Clock& clock, Runtime& runtime, ImageFetcher& images,
                           Prober& prober, VolumeHost& volumes, PodLogs& logs, Host& host,
                           Worker& worker, std::shared_ptr<NodeInbox> inbox)
    : runtime_(runtime),
      images_(images),
      volumes_(volumes),
      logs_(logs),
      host_(host),
      worker_(worker),
      inbox_(std::move(inbox)),
      hooks_(clock, runtime, prober, inbox_) {}

ActionRunner::~ActionRunner() { *alive_ = false; }

void ActionRunner::Post(std::function<void()> task) const {
  inbox_->Post(std::function<void()>([alive = alive_, task = std::move(task)] {
    if (*alive) task();
  }));
}

void ActionRunner::Offload(std::function<void()> task, std::function<void()> then) const {
  worker_.Run([inbox = inbox_, alive = alive_, task = std::move(task), then = std::move(then)] {
    task();
    inbox->Post(std::function<void()>([alive, then] {
      if (*alive) then();
    }));
  });
}

Runtime::DoneStatus ActionRunner::Status(Done done) const {
  return [inbox = inbox_, alive = alive_, done = std::move(done)](const absl::Status& status) {
    inbox->Post(std::function<void()>([alive, done, status] {
      if (*alive) done(Failed(status));
    }));
  };
}

struct ActionRunner::Starter {
  ActionRunner& runner;
  const std::shared_ptr<const ActionContext>& context;
  Step step;
  Done done;

  void operator()(const PrepareVolumes&) const {
    auto result = std::make_shared<absl::Status>();
    runner.Offload(
        [&volumes = runner.volumes_, context = context, result] {
          *result = volumes.Prepare(*context->pod, context->node, *context->configs);
        },
        [done = done, result] { done(Failed(*result)); });
  }

  void operator()(const EnsureGroup& action) const {
    auto result = std::make_shared<absl::Status>();
    const GroupChange change = action.only_raise ? GroupChange::kOnlyRaise : GroupChange::kExact;
    runner.Offload(
        [&host = runner.host_, context = context, change, result] {
          *result = host.SetControlGroup(CgroupParent(*context->pod, context->node),
                                         PodGroupValues(*context->pod, context->node), change);
        },
        [done = done, result] { done(Failed(*result)); });
  }

  void operator()(const RunSandbox& action) const {
    const absl::StatusOr<SandboxConfig> config = SandboxConfigOf(*context, action.attempt);
    if (!config.ok()) {
      runner.Post([done = done, status = config.status()] { done(Failed(status)); });
      return;
    }
    // The runtime would have the port lead to the pod, and take it from whoever has it. In the
    // host's own network it leads nothing: the daemon may use the port at another address than who
    // has it, and tells itself when it cannot.
    for (const model::HostPort& port : model::HostPortsOf(*context->pod)) {
      if (context->pod->spec().host_network() ||
          !runner.host_.IsListening(port.protocol, port.ip, static_cast<uint16_t>(port.port))) {
        continue;
      }
      runner.Post([done = done, port] {
        done(Failed(absl::FailedPreconditionError(
            absl::StrCat("host port ", port.port, "/", port.protocol,
                         " is taken: a process of this host listens there"))));
      });
      return;
    }
    runner.runtime_.RunSandbox(
        *config, [status = runner.Status(done)](const absl::StatusOr<std::string>& id) {
          status(id.status());
        });
  }

  void operator()(const InspectImage& action) const {
    runner.images_.LookUp(action.image,
                          [done = done](const absl::StatusOr<std::optional<ImageStatus>>& found) {
                            Outcome outcome = Failed(found.status());
                            if (found.ok()) outcome.image = *found;
                            done(outcome);
                          });
  }

  void operator()(const PullImage& action) const {
    ImageFetcher::Order order{.image = action.image, .auths = {}, .sandbox = {}};
    order.auths = CredentialsFor(*context->pod, action.image, [this](const std::string& name) {
      return context->configs->FindSecret(context->pod->metadata().namespace_(), name);
    });
    if (const auto sandbox = SandboxConfigOf(*context, 0); sandbox.ok()) order.sandbox = *sandbox;
    runner.images_.Pull(std::move(order), [done = done](const absl::StatusOr<ImageStatus>& pulled) {
      Outcome outcome = Failed(pulled.status());
      if (pulled.ok()) outcome.image = *pulled;
      done(outcome);
    });
  }

  void operator()(const LaunchContainer& action) const {
    auto launch = std::make_shared<Launch>();
    launch->action = action;
    launch->context = context;
    launch->container = FindContainer(context->pod->spec(), action.container, action.is_init);
    launch->step = step;
    launch->done = done;
    runner.Post([&runner = runner, launch] { runner.PrepareFiles(launch); });
  }

  void operator()(const ResizeContainer& action) const {
    const v1::Container* container =
        FindContainer(context->pod->spec(), action.container, action.is_init);
    absl::StatusOr<LinuxResources> wanted = absl::InternalError("the pod has no such container");
    if (container != nullptr) wanted = MakeResources(*context->pod, *container, context->node);
    if (!wanted.ok()) {
      runner.Post([done = done, status = wanted.status()] { done(Failed(status)); });
      return;
    }
    runner.runtime_.UpdateContainer(action.id, CpuAndMemoryOf(*wanted), runner.Status(done));
  }

  void operator()(const RunPostStart& action) const {
    runner.RunHook(action.container, action.is_init, action.id, false, std::nullopt, *context,
                   done);
  }

  void operator()(const RunPreStop& action) const {
    runner.RunHook(action.container, action.is_init, action.id, true, action.grace, *context, done);
  }

  void operator()(const StopContainer& action) const {
    runner.runtime_.StopContainer(action.id, action.grace, runner.Status(done));
  }

  void operator()(const RemoveContainer& action) const {
    runner.runtime_.RemoveContainer(
        action.id, runner.Status([&runner = runner, context = context, action,
                                  done = done](const Outcome& outcome) {
          if (!outcome.status.ok() && !absl::IsNotFound(outcome.status)) {
            done(outcome);
            return;
          }
          auto result = std::make_shared<absl::Status>();
          runner.Offload(
              [&logs = runner.logs_, context, action, result] {
                *result = logs.RemoveInstance(context->log_directory, action.container,
                                              action.restart_count);
              },
              [done, result] { done(Failed(*result)); });
        }));
  }

  void operator()(const StopSandbox& action) const {
    runner.runtime_.StopSandbox(action.id, runner.Status(done));
  }
  void operator()(const RemoveSandbox& action) const {
    runner.runtime_.RemoveSandbox(action.id, runner.Status(done));
  }

  void operator()(const CleanUp&) const {
    auto result = std::make_shared<absl::Status>();
    runner.Offload(
        [&volumes = runner.volumes_, &logs = runner.logs_, &host = runner.host_, context = context,
         result] {
          const auto keep_first = [&result](absl::Status status) {
            if (result->ok()) *result = std::move(status);
          };
          keep_first(context->log_directory.empty()
                         ? logs.RemovePodByUid(context->node.log_root, context->pod_uid)
                         : logs.RemovePod(context->log_directory));
          for (const std::string& group : ControlGroupsOf(*context)) {
            keep_first(host.RemoveControlGroup(group));
          }
          // Last: by this directory the next agent knows that the pod was ours, should this one be
          // killed before it is through.
          if (result->ok()) keep_first(volumes.Remove(context->pod_uid));
        },
        [done = done, result] { done(Failed(*result)); });
  }
};

void ActionRunner::Run(const Action& action, std::shared_ptr<const ActionContext> context,
                       Step step, Done done) {
  std::visit(Starter{*this, context, std::move(step), std::move(done)}, action);
}

void ActionRunner::RunHook(const std::string& name, bool is_init, const std::string& id,
                           bool before_stop, std::optional<Duration> limit,
                           const ActionContext& context, Done done) {
  const v1::Container* container = FindContainer(context.pod->spec(), name, is_init);
  if (container == nullptr) {
    Post([done = std::move(done)] {
      done(Failed(absl::InternalError("the pod has no such container")));
    });
    return;
  }
  const v1::Lifecycle& lifecycle = container->lifecycle();
  hooks_.Run(before_stop ? lifecycle.pre_stop() : lifecycle.post_start(), *container, id,
             context.pod_ips.empty() ? "" : context.pod_ips.front(), limit,
             [done = std::move(done)](absl::Status status) { done(Failed(std::move(status))); });
}

void ActionRunner::ReadExitMessage(const std::string& pod_uid, const ContainerStatus& status,
                                   uint32_t restart_count, std::function<void(std::string)> done) {
  const auto policy = status.annotations.find(kAnnotationTerminationPolicy);
  const bool from_logs = policy != status.annotations.end() &&
                         policy->second == "FallbackToLogsOnError" && status.exit_code != 0;
  auto message = std::make_shared<std::string>();
  Offload(
      [&volumes = volumes_, &logs = logs_, pod_uid, name = status.name, restart_count, from_logs,
       log_path = status.log_path, message] {
        *message = volumes.TerminationMessage(pod_uid, name, restart_count);
        if (message->empty() && from_logs) *message = logs.Tail(log_path);
      },
      [done = std::move(done), message] { done(*message); });
}

void ActionRunner::PrepareFiles(const std::shared_ptr<Launch>& launch) {
  const ActionContext& context = *launch->context;
  if (launch->container == nullptr) {
    launch->done(Failed(absl::InternalError("the pod has no such container")));
    return;
  }
  absl::StatusOr<SandboxConfig> sandbox = SandboxConfigOf(context, launch->action.sandbox_attempt);
  absl::StatusOr<Environment> environment =
      ResolveEnvironment(*context.pod, *launch->container, context.pod_ips, context.node,
                         *context.configs, &launch->skipped_variables);
  if (!sandbox.ok() || !environment.ok()) {
    launch->done(Failed(sandbox.ok() ? environment.status() : sandbox.status()));
    return;
  }
  launch->sandbox = *std::move(sandbox);
  launch->environment = *std::move(environment);
  Offload(
      [&volumes = volumes_, &logs = logs_, launch] {
        const ActionContext& context = *launch->context;
        const absl::Status made =
            logs.MakeDirectory(context.log_directory, launch->container->name());
        if (!made.ok()) {
          launch->files = made;
          return;
        }
        launch->files =
            volumes.PrepareContainer(*context.pod, *launch->container, launch->action.restart_count,
                                     context.pod_ips, launch->environment);
      },
      [this, launch] { Create(launch); });
}

void ActionRunner::Create(const std::shared_ptr<Launch>& launch) {
  const ActionContext& context = *launch->context;
  if (!launch->files.ok()) {
    launch->done(Failed(launch->files.status()));
    return;
  }
  PodContext pod_context{context.pod_ips, launch->sandbox, *launch->files};
  absl::StatusOr<ContainerConfig> config = MakeContainerConfig(
      *context.pod, *launch->container, launch->action.is_init, launch->action.restart_count,
      context.image, pod_context, context.node, *context.configs);
  if (!config.ok()) {
    launch->done(Failed(config.status()));
    return;
  }
  config->labels[kLabelNodeUid] = context.node.node_uid;
  launch->log_path = absl::StrCat(launch->sandbox.log_directory, "/", config->log_path);
  runtime_.CreateContainer(
      launch->action.sandbox_id, *config, launch->sandbox,
      [this, inbox = inbox_, alive = alive_, launch](const absl::StatusOr<std::string>& id) {
        inbox->Post(std::function<void()>([this, alive, launch, id] {
          if (!*alive) return;
          if (!id.ok()) {
            launch->done(Failed(id.status(), LaunchStep::kCreate));
            return;
          }
          if (launch->step) launch->step(LaunchStep::kCreate);
          Start(launch, *id);
        }));
      });
}

void ActionRunner::Start(const std::shared_ptr<Launch>& launch, const std::string& id) {
  runtime_.StartContainer(id, Status([this, launch, id](const Outcome& outcome) {
                            if (!outcome.status.ok()) {
                              launch->done(Failed(outcome.status, LaunchStep::kStart));
                              return;
                            }
                            if (launch->step) launch->step(LaunchStep::kStart);
                            Outcome started;
                            started.skipped_variables = launch->skipped_variables;
                            launch->done(started);
                            // For log collectors only; a container without it runs all the same.
                            const std::string link = ContainerLogLinkName(
                                *launch->context->pod, launch->container->name(), id);
                            worker_.Run([&logs = logs_, link, path = launch->log_path] {
                              logs.Link(link, path).IgnoreError();
                            });
                          }));
}

}  // namespace muster::agent
