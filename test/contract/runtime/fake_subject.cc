// The contract over the fake: the one the agent's other tests trust.

#include "test/contract/runtime/runtime_subject.h"
#include "test/fakes/fake_runtime.h"

namespace muster::agent {
namespace {

class FakeSubject final : public RuntimeSubject {
 public:
  FakeSubject() : fake_(clock_) {
    fake_.set_has_events(true);
    fake_.AddImage("busybox");
    fake_.InstallProgram("stubborn", {.on_term = std::nullopt});
    fake_.InstallProgram("polite", {.on_term = 7});
    fake_.InstallProgram("zero", {.runs_for = std::chrono::milliseconds(5), .exit_code = 0});
    fake_.InstallProgram("three", {.runs_for = std::chrono::milliseconds(5), .exit_code = 3});
    fake_.InstallProgram(
        "/nope", {.start_error = "failed to create containerd task: OCI runtime create failed: "
                                 "exec: \"/nope\": stat /nope: no such file or directory"});
    fake_.OnExec([](const std::string&, const std::vector<std::string>& command) {
      if (command[0] == "talk") return FakeExec{{"out", "err", 5}, {}};
      return FakeExec{{}, std::chrono::hours(1)};
    });
  }

  Runtime& runtime() override { return fake_; }
  RuntimeEvents& events() override { return fake_; }
  MonoTime Now() const override { return clock_.Mono(); }
  bool RunUntil(const std::function<bool()>& done, std::chrono::seconds limit) override {
    const MonoTime end = clock_.Mono() + limit;
    fake_.RunPending();
    while (!done()) {
      if (clock_.Mono() >= end) {
        clock_.Advance(std::chrono::milliseconds(10));
        return false;
      }
      const MonoTime next = fake_.NextDue().value_or(end);
      clock_.Advance(std::min(next, end) - clock_.Mono());
      fake_.RunPending();
    }
    return true;
  }

  std::string image() const override { return "busybox"; }
  std::string missing_image() const override { return "localhost:5000/missing:1"; }
  std::vector<std::string> CommandFor(Behaviour behaviour) override {
    switch (behaviour) {
      case Behaviour::kRunsUntilStopped:
        return {"sleep", "forever"};
      case Behaviour::kIgnoresTerm:
        return {"stubborn"};
      case Behaviour::kExits7OnTerm:
        return {"polite"};
      case Behaviour::kExits0:
        return {"zero"};
      case Behaviour::kExits3:
        return {"three"};
      case Behaviour::kMissingBinary:
        return {"/nope"};
    }
    return {};
  }
  std::vector<std::string> TalkingExec() override { return {"talk"}; }
  std::vector<std::string> EndlessExec() override { return {"endless"}; }
  std::string log_directory() const override { return "/var/log/pods"; }
  std::string cgroup_parent() const override { return "/contract"; }
  bool has_pod_network() const override { return true; }

 private:
  ManualClock clock_;
  FakeRuntime fake_;
};

}  // namespace

std::unique_ptr<RuntimeSubject> MakeRuntimeSubject() { return std::make_unique<FakeSubject>(); }

}  // namespace muster::agent
