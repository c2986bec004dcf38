#include "test/simulation/remote_runtime.h"

#include <optional>

namespace muster::simulation {

using namespace std::chrono_literals;
using agent::FakeRuntime;
using agent::RuntimeCall;

Duration RemoteRuntime::LatencyOf(RuntimeCall call) {
  switch (call) {
    case RuntimeCall::kRunSandbox:
      return dice_->Delay(300ms, 20s);
    case RuntimeCall::kPullImage:
      return dice_->Delay(4s, 90s);
    case RuntimeCall::kCreateContainer:
    case RuntimeCall::kStartContainer:
    case RuntimeCall::kStopSandbox:
    case RuntimeCall::kRemoveSandbox:
      return dice_->Delay(60ms, 5s);
    default:
      return dice_->Delay(4ms, 500ms);
  }
}

void RemoteRuntime::Ask(RuntimeCall call, std::function<void(FakeRuntime&)> ask) {
  if (!life_->Pass()) return;
  const int times = around_.spoiler.times ? around_.spoiler.times(call) : 1;
  for (int i = 0; i < times; ++i) {
    const bool outlives = dice_->Chance(0.7);
    around_.stage.agenda.After(LatencyOf(call), [around = around_, life = life_, ask, outlives] {
      if (!life->alive() && !outlives) return;
      ask(around.runtime);
      around.turn();
    });
  }
}

void RemoteRuntime::Info(Done<agent::RuntimeInfo> done) {
  Ask(RuntimeCall::kInfo,
      [done = Late(std::move(done))](FakeRuntime& runtime) { runtime.Info(done); });
}

void RemoteRuntime::RunSandbox(const agent::SandboxConfig& config, Done<std::string> done) {
  Ask(RuntimeCall::kRunSandbox, [config, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.RunSandbox(config, done);
  });
}

void RemoteRuntime::StopSandbox(const std::string& id, DoneStatus done) {
  Ask(RuntimeCall::kStopSandbox,
      [id, done = Late(std::move(done))](FakeRuntime& runtime) { runtime.StopSandbox(id, done); });
}

void RemoteRuntime::RemoveSandbox(const std::string& id, DoneStatus done) {
  Ask(RuntimeCall::kRemoveSandbox, [id, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.RemoveSandbox(id, done);
  });
}

void RemoteRuntime::SandboxStatusOf(const std::string& id, Done<agent::SandboxStatus> done) {
  Ask(RuntimeCall::kSandboxStatusOf, [id, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.SandboxStatusOf(id, done);
  });
}

void RemoteRuntime::ListSandboxes(Done<std::vector<agent::SandboxStatus>> done) {
  if (around_.spoiler.sandboxes) {
    done = [&spoil = around_.spoiler.sandboxes, done = std::move(done)](auto list) {
      if (list.ok()) spoil(*list);
      done(std::move(list));
    };
  }
  Ask(RuntimeCall::kListSandboxes,
      [done = Late(std::move(done))](FakeRuntime& runtime) { runtime.ListSandboxes(done); });
}

void RemoteRuntime::CreateContainer(const std::string& sandbox_id,
                                    const agent::ContainerConfig& config,
                                    const agent::SandboxConfig& sandbox_config,
                                    Done<std::string> done) {
  Ask(RuntimeCall::kCreateContainer,
      [sandbox_id, config, sandbox_config, done = Late(std::move(done))](FakeRuntime& runtime) {
        runtime.CreateContainer(sandbox_id, config, sandbox_config, done);
      });
}

void RemoteRuntime::StartContainer(const std::string& id, DoneStatus done) {
  Ask(RuntimeCall::kStartContainer, [id, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.StartContainer(id, done);
  });
}

void RemoteRuntime::StopContainer(const std::string& id, std::chrono::seconds grace,
                                  DoneStatus done) {
  Ask(RuntimeCall::kStopContainer, [id, grace, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.StopContainer(id, grace, done);
  });
}

void RemoteRuntime::RemoveContainer(const std::string& id, DoneStatus done) {
  Ask(RuntimeCall::kRemoveContainer, [id, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.RemoveContainer(id, done);
  });
}

void RemoteRuntime::ContainerStatusOf(const std::string& id, Done<agent::ContainerStatus> done) {
  Ask(RuntimeCall::kContainerStatusOf, [id, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.ContainerStatusOf(id, done);
  });
}

void RemoteRuntime::ListContainers(Done<std::vector<agent::ContainerStatus>> done) {
  if (around_.spoiler.containers) {
    done = [&spoil = around_.spoiler.containers, done = std::move(done)](auto list) {
      if (list.ok()) spoil(*list);
      done(std::move(list));
    };
  }
  Ask(RuntimeCall::kListContainers,
      [done = Late(std::move(done))](FakeRuntime& runtime) { runtime.ListContainers(done); });
}

void RemoteRuntime::UpdateContainer(const std::string& id, const agent::LinuxResources& resources,
                                    DoneStatus done) {
  Ask(RuntimeCall::kUpdateContainer,
      [id, resources, done = Late(std::move(done))](FakeRuntime& runtime) {
        runtime.UpdateContainer(id, resources, done);
      });
}

void RemoteRuntime::ReopenContainerLog(const std::string& id, DoneStatus done) {
  Ask(RuntimeCall::kReopenContainerLog, [id, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.ReopenContainerLog(id, done);
  });
}

void RemoteRuntime::ListContainerStats(Done<std::vector<agent::ContainerStats>> done) {
  Ask(RuntimeCall::kListContainerStats,
      [done = Late(std::move(done))](FakeRuntime& runtime) { runtime.ListContainerStats(done); });
}

void RemoteRuntime::ExecSync(const std::string& container_id,
                             const std::vector<std::string>& command, std::chrono::seconds timeout,
                             Done<agent::ExecResult> done) {
  Ask(RuntimeCall::kExecSync,
      [container_id, command, timeout, done = Late(std::move(done))](FakeRuntime& runtime) {
        runtime.ExecSync(container_id, command, timeout, done);
      });
}

void RemoteRuntime::ExecUrl(const std::string& container_id,
                            const std::vector<std::string>& command, bool stdin, bool tty,
                            Done<std::string> done) {
  Ask(RuntimeCall::kExecUrl,
      [container_id, command, stdin, tty, done = Late(std::move(done))](FakeRuntime& runtime) {
        runtime.ExecUrl(container_id, command, stdin, tty, done);
      });
}

void RemoteRuntime::AttachUrl(const std::string& container_id, bool stdin, bool tty,
                              Done<std::string> done) {
  Ask(RuntimeCall::kAttachUrl,
      [container_id, stdin, tty, done = Late(std::move(done))](FakeRuntime& runtime) {
        runtime.AttachUrl(container_id, stdin, tty, done);
      });
}

void RemoteRuntime::ImageStatusOf(const std::string& image,
                                  Done<std::optional<agent::ImageStatus>> done) {
  Ask(RuntimeCall::kImageStatusOf, [image, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.ImageStatusOf(image, done);
  });
}

void RemoteRuntime::PullImage(const std::string& image,
                              const std::optional<agent::RegistryAuth>& auth,
                              const agent::SandboxConfig* sandbox, Done<std::string> done) {
  std::optional<agent::SandboxConfig> config;
  if (sandbox != nullptr) config = *sandbox;
  Ask(RuntimeCall::kPullImage,
      [image, auth, config, done = Late(std::move(done))](FakeRuntime& runtime) {
        runtime.PullImage(image, auth, config ? &*config : nullptr, done);
      });
}

void RemoteRuntime::ListImages(Done<std::vector<agent::ImageStatus>> done) {
  Ask(RuntimeCall::kListImages,
      [done = Late(std::move(done))](FakeRuntime& runtime) { runtime.ListImages(done); });
}

void RemoteRuntime::RemoveImage(const std::string& image, DoneStatus done) {
  Ask(RuntimeCall::kRemoveImage, [image, done = Late(std::move(done))](FakeRuntime& runtime) {
    runtime.RemoveImage(image, done);
  });
}

void RemoteRuntime::ImageFilesystems(Done<std::vector<agent::ImageFilesystem>> done) {
  Ask(RuntimeCall::kImageFilesystems,
      [done = Late(std::move(done))](FakeRuntime& runtime) { runtime.ImageFilesystems(done); });
}

}  // namespace muster::simulation
