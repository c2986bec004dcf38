#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/runtime/runtime.h"
#include "google/protobuf/map.h"

namespace grpc {
class Status;
}
namespace runtime::v1 {
class AuthConfig;
class Container;
class ContainerConfig;
class ContainerStats;
class ContainerStatus;
class Image;
class LinuxContainerResources;
class PodSandbox;
class PodSandboxConfig;
class PodSandboxStatus;
class StatusResponse;
class VersionResponse;
}  // namespace runtime::v1

// The one translation between the agent's values and CRI's messages. Pure.
namespace muster::agent::cri {

void ToMessage(const LinuxResources& resources, ::runtime::v1::LinuxContainerResources* message);
void ToMessage(const SandboxConfig& config, ::runtime::v1::PodSandboxConfig* message);
void ToMessage(const ContainerConfig& config, ::runtime::v1::ContainerConfig* message);
void ToMessage(const RegistryAuth& auth, ::runtime::v1::AuthConfig* message);

SandboxStatus FromMessage(const ::runtime::v1::PodSandbox& message);
SandboxStatus FromMessage(const ::runtime::v1::PodSandboxStatus& message);
ContainerStatus FromMessage(const ::runtime::v1::Container& message);
ContainerStatus FromMessage(const ::runtime::v1::ContainerStatus& message);
ImageStatus FromMessage(const ::runtime::v1::Image& message);
ContainerStats FromMessage(const ::runtime::v1::ContainerStats& message);

// All but the cgroup driver.
RuntimeInfo InfoFrom(const ::runtime::v1::VersionResponse& version,
                     const ::runtime::v1::StatusResponse& status);
// What containerd tells in a verbose status about its default runtime: "systemd" or "cgroupfs";
// empty when it does not say.
std::string CgroupDriverFromStatus(const ::runtime::v1::StatusResponse& status);

// What containerd tells in a verbose status about the image of sandboxes; empty when it does not.
std::string SandboxImageFromStatus(const ::runtime::v1::StatusResponse& status);

// Of the first process, from the verbose part of a status (containerd and CRI-O tell it in the same
// place); 0 when it is not there.
int64_t PidFromInfo(const google::protobuf::Map<std::string, std::string>& info);
// The file of a sandbox's network namespace, likewise; empty when it has none of its own.
std::string NetworkPathFromInfo(const google::protobuf::Map<std::string, std::string>& info);

// Code and message as they are, but for one: a runtime that has just started says "server is not
// initialized yet" as Unknown; that is Unavailable, since a moment later it will answer.
absl::Status FromGrpc(const ::grpc::Status& status);

}  // namespace muster::agent::cri
