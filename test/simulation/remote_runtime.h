#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/fakes/fake_runtime.h"
#include "test/simulation/lifeline.h"
#include "test/simulation/stage.h"

namespace muster::simulation {

// What a planted bug does to what the runtime is asked and answers. None by default.
struct RuntimeSpoiler {
  std::function<void(std::vector<agent::SandboxStatus>&)> sandboxes;
  std::function<void(std::vector<agent::ContainerStatus>&)> containers;
  // How often a call is made that should be made once.
  std::function<int(agent::RuntimeCall)> times;
};

// A machine's container runtime as one agent process reaches it: every call and every answer takes
// its time, later ones may overtake earlier ones, and calls of a process that was killed are
// carried out or not.
class RemoteRuntime final : public agent::Runtime {
 public:
  struct Surroundings {
    Stage& stage;
    agent::FakeRuntime& runtime;
    const RuntimeSpoiler& spoiler;
    // After something was asked of the runtime.
    std::function<void()> turn;
  };

  RemoteRuntime(const Surroundings& surroundings, std::shared_ptr<Lifeline> life, Dice dice)
      : around_(surroundings), life_(std::move(life)), dice_(std::make_shared<Dice>(dice)) {}

  void Info(Done<agent::RuntimeInfo> done) override;
  void RunSandbox(const agent::SandboxConfig& config, Done<std::string> done) override;
  void StopSandbox(const std::string& id, DoneStatus done) override;
  void RemoveSandbox(const std::string& id, DoneStatus done) override;
  void SandboxStatusOf(const std::string& id, Done<agent::SandboxStatus> done) override;
  void ListSandboxes(Done<std::vector<agent::SandboxStatus>> done) override;
  void CreateContainer(const std::string& sandbox_id, const agent::ContainerConfig& config,
                       const agent::SandboxConfig& sandbox_config, Done<std::string> done) override;
  void StartContainer(const std::string& id, DoneStatus done) override;
  void StopContainer(const std::string& id, std::chrono::seconds grace, DoneStatus done) override;
  void RemoveContainer(const std::string& id, DoneStatus done) override;
  void ContainerStatusOf(const std::string& id, Done<agent::ContainerStatus> done) override;
  void ListContainers(Done<std::vector<agent::ContainerStatus>> done) override;
  void UpdateContainer(const std::string& id, const agent::LinuxResources& resources,
                       DoneStatus done) override;
  void ReopenContainerLog(const std::string& id, DoneStatus done) override;
  void ListContainerStats(Done<std::vector<agent::ContainerStats>> done) override;
  void ExecSync(const std::string& container_id, const std::vector<std::string>& command,
                std::chrono::seconds timeout, Done<agent::ExecResult> done) override;
  void ExecUrl(const std::string& container_id, const std::vector<std::string>& command, bool stdin,
               bool tty, Done<std::string> done) override;
  void AttachUrl(const std::string& container_id, bool stdin, bool tty,
                 Done<std::string> done) override;
  void ImageStatusOf(const std::string& image,
                     Done<std::optional<agent::ImageStatus>> done) override;
  void PullImage(const std::string& image, const std::optional<agent::RegistryAuth>& auth,
                 const agent::SandboxConfig* sandbox, Done<std::string> done) override;
  void ListImages(Done<std::vector<agent::ImageStatus>> done) override;
  void RemoveImage(const std::string& image, DoneStatus done) override;
  void ImageFilesystems(Done<std::vector<agent::ImageFilesystem>> done) override;

 private:
  void Ask(agent::RuntimeCall call, std::function<void(agent::FakeRuntime&)> ask);
  Duration LatencyOf(agent::RuntimeCall call);
  template <typename Answer>
  std::function<void(Answer)> Late(std::function<void(Answer)> done) {
    return [&agenda = around_.stage.agenda, dice = dice_, done = std::move(done)](Answer answer) {
      agenda.After(dice->Delay(std::chrono::milliseconds(2), std::chrono::milliseconds(80)),
                   [done, answer = std::move(answer)] { done(answer); });
    };
  }

  const Surroundings around_;
  const std::shared_ptr<Lifeline> life_;
  const std::shared_ptr<Dice> dice_;
};

}  // namespace muster::simulation
