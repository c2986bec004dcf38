#include "test/fakes/fake_world.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace muster::agent {
namespace {

std::string SandboxName(const SandboxConfig& config) {
  return absl::StrCat(config.name, "_", config.namespace_, "_", config.uid, "_", config.attempt);
}

std::string ContainerName(const ContainerConfig& config, const SandboxConfig& sandbox) {
  return absl::StrCat(config.name, "_", sandbox.name, "_", sandbox.namespace_, "_", sandbox.uid,
                      "_", config.attempt);
}

absl::Status Reserved(const char* kind, const std::string& name, const std::string& holder) {
  return absl::UnknownError(
      absl::StrFormat("failed to reserve %s name \"%s\": name \"%s\" is reserved for \"%s\"", kind,
                      name, name, holder));
}

const char* StateName(ContainerState state) {
  switch (state) {
    case ContainerState::kCreated:
      return "CONTAINER_CREATED";
    case ContainerState::kRunning:
      return "CONTAINER_RUNNING";
    case ContainerState::kExited:
      return "CONTAINER_EXITED";
    case ContainerState::kUnknown:
      return "CONTAINER_UNKNOWN";
  }
  return "";
}

absl::Status NoContainer(const std::string& id) {
  return absl::NotFoundError(
      absl::StrFormat("an error occurred when try to find container \"%s\": not found", id));
}

WallTime WallNow(const Clock& clock) { return clock.Wall(); }

}  // namespace

std::string FakeWorld::NewId() { return absl::StrFormat("%064x", next_id_++); }

// "busybox" -> "docker.io/library/busybox:latest", as the runtime does it.
std::string FakeWorld::NormalName(const std::string& image) {
  std::string name = image;
  const size_t slash = name.find('/');
  const std::string first = name.substr(0, slash == std::string::npos ? 0 : slash);
  if (first.empty()) {
    name = "docker.io/library/" + name;
  } else if (first.find_first_of(".:") == std::string::npos && first != "localhost") {
    name = "docker.io/" + name;
  } else if (first == "docker.io" && name.find('/', slash + 1) == std::string::npos) {
    name = "docker.io/library/" + name.substr(slash + 1);
  }
  if (name.find('@') == std::string::npos && name.find(':', name.rfind('/')) == std::string::npos) {
    name += ":latest";
  }
  return name;
}

ImageStatus FakeWorld::AddImage(const std::string& name) {
  const std::string normal = NormalName(name);
  // Any stable text of the right form will do as a digest.
  const std::string digest = absl::StrFormat("sha256:%064x", std::hash<std::string>()(normal));
  ImageStatus image;
  image.id = digest;
  image.tags = {normal};
  image.digests = {absl::StrCat(normal.substr(0, normal.rfind(':')), "@", digest)};
  image.size_bytes = 4 << 20;
  images[normal] = image;
  return image;
}

const ImageStatus* FakeWorld::FindImage(const std::string& image) const {
  if (const auto it = images.find(NormalName(image)); it != images.end()) return &it->second;
  for (const auto& [name, status] : images) {
    const std::string hex = status.id.substr(status.id.find(':') + 1);
    if (image == status.id || (image.size() >= 12 && absl::StartsWith(hex, image))) return &status;
    for (const std::string& digest : status.digests) {
      if (image == digest) return &status;
    }
  }
  return nullptr;
}

absl::StatusOr<std::string> FakeWorld::PullImage(const std::string& image) {
  const std::string normal = NormalName(image);
  if (const auto it = pull_errors.find(normal); it != pull_errors.end()) return it->second;
  if (!registry.contains(normal)) {
    return absl::NotFoundError(absl::StrFormat(
        "failed to pull and unpack image \"%s\": failed to resolve reference \"%s\": %s: not found",
        normal, normal, normal));
  }
  if (const ImageStatus* present = FindImage(image)) return present->id;
  return AddImage(image).id;
}

void FakeWorld::RemoveImage(const std::string& image) {
  const ImageStatus* found = FindImage(image);
  if (found == nullptr) return;
  const std::string id = found->id;
  std::erase_if(images, [&](const auto& entry) { return entry.second.id == id; });
}

absl::StatusOr<std::string> FakeWorld::RunSandbox(const SandboxConfig& config) {
  const std::string name = SandboxName(config);
  for (const auto& [id, sandbox] : sandboxes) {
    if (SandboxName(sandbox.config) == name) return Reserved("sandbox", name, id);
  }
  if (config.network == NamespaceMode::kNode && !config.hostname.empty()) {
    return absl::UnknownError(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
        "runc create failed: unable to set hostname without a private UTS namespace: unknown");
  }
  Sandbox sandbox;
  sandbox.config = config;
  SandboxStatus& status = sandbox.status;
  status.id = NewId();
  status.name = config.name;
  status.namespace_ = config.namespace_;
  status.uid = config.uid;
  status.attempt = config.attempt;
  status.state = SandboxState::kReady;
  status.created_at = WallNow(clock_);
  status.labels = config.labels;
  status.annotations = config.annotations;
  status.network = config.network;
  status.pid = next_pid_++;
  if (config.network != NamespaceMode::kNode) {
    status.ips = {
        absl::StrFormat("%s.%d.%d", pod_network, next_address_ / 250, 2 + next_address_ % 250)};
    ++next_address_;
  }
  const std::string id = status.id;
  sandboxes.emplace(id, std::move(sandbox));
  return id;
}

void FakeWorld::KillContainersOf(const std::string& sandbox_id) {
  for (const auto& [id, container] : containers) {
    if (container.status.sandbox_id == sandbox_id) Kill(id);
  }
}

absl::Status FakeWorld::StopSandbox(const std::string& id) {
  const auto it = sandboxes.find(id);
  if (it == sandboxes.end()) return absl::OkStatus();
  KillContainersOf(id);
  it->second.status.state = SandboxState::kNotReady;
  it->second.status.ips.clear();
  return absl::OkStatus();
}

absl::Status FakeWorld::RemoveSandbox(const std::string& id) {
  KillContainersOf(id);
  std::erase_if(containers,
                [&](const auto& entry) { return entry.second.status.sandbox_id == id; });
  sandboxes.erase(id);
  return absl::OkStatus();
}

absl::StatusOr<SandboxStatus> FakeWorld::SandboxStatusOf(const std::string& id) const {
  const auto it = sandboxes.find(id);
  if (it == sandboxes.end()) {
    return absl::NotFoundError("an error occurred when try to find sandbox: not found");
  }
  return it->second.status;
}

FakeProgram FakeWorld::ProgramOf(const ContainerConfig& config) const {
  std::vector<std::string> line = config.command;
  line.insert(line.end(), config.args.begin(), config.args.end());
  if (const auto it = programs.find(absl::StrJoin(line, " ")); it != programs.end()) {
    return it->second;
  }
  if (const auto it = programs.find(config.image_name);
      config.command.empty() && it != programs.end()) {
    return it->second;
  }
  return FakeProgram{};
}

absl::StatusOr<std::string> FakeWorld::CreateContainer(const std::string& sandbox_id,
                                                       const ContainerConfig& config,
                                                       const SandboxConfig& sandbox_config) {
  const auto sandbox = sandboxes.find(sandbox_id);
  if (sandbox == sandboxes.end()) {
    return absl::NotFoundError(
        absl::StrFormat("failed to find sandbox id \"%s\": not found", sandbox_id));
  }
  if (sandbox->second.status.state != SandboxState::kReady) {
    return absl::NotFoundError(absl::StrFormat(
        "failed to get sandbox container task: no running task found: task %s not found: not found",
        sandbox_id));
  }
  const std::string name = ContainerName(config, sandbox_config);
  for (const auto& [id, other] : containers) {
    const Sandbox& home = sandboxes.at(other.status.sandbox_id);
    if (ContainerName(other.config, home.config) == name) return Reserved("container", name, id);
  }
  const ImageStatus* image =
      FindImage(config.image_id.empty() ? config.image_name : config.image_id);
  if (image == nullptr) {
    return absl::NotFoundError(
        absl::StrFormat("failed to resolve image \"%s\": not found", config.image_id));
  }
  if (config.privileged && !sandbox->second.config.privileged) {
    return absl::UnknownError("no privileged container allowed in sandbox");
  }
  if (config.run_as_group && !config.run_as_user && config.run_as_username.empty()) {
    return absl::UnknownError(absl::StrFormat(
        "failed to generate container spec: user group \"%d\" is specified without user",
        *config.run_as_group));
  }
  Container container;
  container.config = config;
  container.program = ProgramOf(config);
  ContainerStatus& status = container.status;
  status.id = NewId();
  status.sandbox_id = sandbox_id;
  status.name = config.name;
  status.attempt = config.attempt;
  status.state = ContainerState::kCreated;
  status.created_at = WallNow(clock_);
  status.image_name = image->tags.front();
  status.image_ref = image->digests.front();
  status.labels = config.labels;
  status.annotations = config.annotations;
  if (!config.log_path.empty()) {
    status.log_path = absl::StrCat(sandbox_config.log_directory, "/", config.log_path);
  }
  const std::string id = status.id;
  containers.emplace(id, std::move(container));
  return id;
}

absl::Status FakeWorld::StartContainer(const std::string& id) {
  const auto it = containers.find(id);
  if (it == containers.end()) return NoContainer(id);
  Container& container = it->second;
  if (container.status.state != ContainerState::kCreated) {
    return absl::UnknownError(absl::StrFormat(
        "failed to set starting state for container \"%s\": container is in %s state", id,
        StateName(container.status.state)));
  }
  if (!container.program.start_error.empty()) {
    container.status.state = ContainerState::kExited;
    container.status.exit_code = 128;
    container.status.reason = "StartError";
    container.status.message = container.program.start_error;
    container.status.finished_at = WallNow(clock_);
    return absl::UnknownError(container.program.start_error);
  }
  container.status.state = ContainerState::kRunning;
  container.status.started_at = WallNow(clock_);
  container.status.pid = next_pid_++;
  if (container.program.runs_for) {
    container.exits_at = clock_.Mono() + *container.program.runs_for;
    container.exits_with = container.program.exit_code;
  }
  return absl::OkStatus();
}

void FakeWorld::SendTerm(const std::string& id) {
  const auto it = containers.find(id);
  if (it == containers.end() || it->second.term_sent || !IsRunning(id)) return;
  Container& container = it->second;
  container.term_sent = true;
  if (!container.program.on_term) return;
  const MonoTime over = clock_.Mono() + container.program.term_takes;
  if (container.exits_at && *container.exits_at <= over) return;
  container.exits_at = over;
  container.exits_with = *container.program.on_term;
}

void FakeWorld::Kill(const std::string& id) {
  if (IsRunning(id)) End(id, 137, "Error", WallNow(clock_));
}

absl::Status FakeWorld::UpdateContainer(const std::string& id, const LinuxResources& resources) {
  const auto found = containers.find(id);
  if (found == containers.end()) return CheckRunning(id, "");
  LinuxResources& now = found->second.config.resources;
  const auto take = [](int64_t wanted, int64_t& value) {
    if (wanted != 0) value = wanted;
  };
  if (found->second.status.state == ContainerState::kExited) return absl::OkStatus();
  take(resources.cpu_period_us, now.cpu_period_us);
  take(resources.cpu_quota_us, now.cpu_quota_us);
  take(resources.cpu_shares, now.cpu_shares);
  take(resources.memory_limit_bytes, now.memory_limit_bytes);
  take(resources.memory_swap_limit_bytes, now.memory_swap_limit_bytes);
  return absl::OkStatus();
}

void FakeWorld::RemoveContainer(const std::string& id) {
  Kill(id);
  containers.erase(id);
}

absl::StatusOr<ContainerStatus> FakeWorld::ContainerStatusOf(const std::string& id) const {
  const auto it = containers.find(id);
  if (it == containers.end()) return NoContainer(id);
  return it->second.status;
}

bool FakeWorld::IsRunning(const std::string& id) const {
  const auto it = containers.find(id);
  return it != containers.end() && it->second.status.state == ContainerState::kRunning;
}

absl::Status FakeWorld::CheckRunning(const std::string& id, const std::string& doing) const {
  const auto it = containers.find(id);
  if (it == containers.end()) {
    return absl::NotFoundError(
        absl::StrFormat("failed to find container \"%s\" in store: not found", id));
  }
  if (it->second.status.state == ContainerState::kRunning) return absl::OkStatus();
  return absl::UnknownError(
      absl::StrFormat("%s: container is in %s state", doing, StateName(it->second.status.state)));
}

void FakeWorld::End(const std::string& id, int32_t exit_code, const std::string& reason,
                    WallTime when) {
  Container& container = containers.at(id);
  container.exits_at.reset();
  container.status.state = ContainerState::kExited;
  container.status.pid = 0;
  container.status.exit_code = exit_code;
  container.status.reason = reason;
  container.status.finished_at = when;
}

void FakeWorld::ExitDue() {
  const MonoTime now = clock_.Mono();
  for (auto& [id, container] : containers) {
    if (!container.exits_at || *container.exits_at > now) continue;
    const WallTime when =
        WallNow(clock_) - std::chrono::duration_cast<WallTime::duration>(now - *container.exits_at);
    End(id, container.exits_with, container.exits_with == 0 ? "Completed" : "Error", when);
  }
}

std::optional<MonoTime> FakeWorld::NextExit() const {
  std::optional<MonoTime> next;
  for (const auto& [id, container] : containers) {
    if (container.exits_at && (!next || *container.exits_at < *next)) next = container.exits_at;
  }
  return next;
}

void FakeWorld::Reboot() {
  for (auto& [id, container] : containers) {
    if (IsRunning(id)) End(id, 255, "Unknown", WallNow(clock_));
  }
  for (auto& [id, sandbox] : sandboxes) {
    sandbox.status.state = SandboxState::kNotReady;
    sandbox.status.ips.clear();
  }
}

}  // namespace muster::agent
