#include "agent/runtime/cri/cri_runtime.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/cri/calls.h"
#include "agent/runtime/cri/messages.h"
#include "cri/api.grpc.pb.h"

namespace muster::agent {
namespace {

namespace v1 = ::runtime::v1;
using std::chrono::seconds;
using RuntimeStub = v1::RuntimeService::Stub;
using AsyncRuntime = std::remove_pointer_t<decltype(std::declval<RuntimeStub>().async())>;
using AsyncImages = std::remove_pointer_t<decltype(std::declval<v1::ImageService::Stub>().async())>;

constexpr seconds kDeadline{120};
constexpr seconds kRunSandboxDeadline{240};
constexpr int kMessageBytesMax = 16 << 20;
constexpr int kBackoffFirstMs = 100;
constexpr int kBackoffCeilingMs = 3'000;
constexpr int kConnectTimeoutMs = 5'000;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kBackoffFirstMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kBackoffCeilingMs);
  // Despite its name this bounds one attempt to connect.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  const std::string target = absl::StartsWith(endpoint, "/") ? "unix:" + endpoint : endpoint;
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

// CRI names every request after its call.
template <typename Request>
std::string_view CallOf() {
  std::string_view name = Request::descriptor()->name();
  name.remove_suffix(std::string_view("Request").size());
  return name;
}

RuntimeEvent::Kind KindOf(v1::ContainerEventType type) {
  switch (type) {
    case v1::CONTAINER_STARTED_EVENT:
      return RuntimeEvent::Kind::kStarted;
    case v1::CONTAINER_STOPPED_EVENT:
      return RuntimeEvent::Kind::kStopped;
    case v1::CONTAINER_DELETED_EVENT:
      return RuntimeEvent::Kind::kDeleted;
    default:
      return RuntimeEvent::Kind::kCreated;
  }
}

absl::Status GoneIsDone(absl::Status status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

// For calls whose answer says nothing.
template <typename Response>
std::function<void(absl::Status, Response&)> StatusOnly(Runtime::DoneStatus done) {
  return [done = std::move(done)](absl::Status status, Response&) { done(std::move(status)); };
}

template <typename Response>
std::function<void(absl::Status, Response&)> GoneIsFine(Runtime::DoneStatus done) {
  return [done = std::move(done)](absl::Status status, Response&) {
    done(GoneIsDone(std::move(status)));
  };
}

// For calls with an answer: `take` makes the value out of the response.
template <typename Response, typename T, typename Take>
std::function<void(absl::Status, Response&)> Answer(Runtime::Done<T> done, Take take) {
  return [done = std::move(done), take = std::move(take)](absl::Status status, Response& response) {
    if (!status.ok()) {
      done(std::move(status));
    } else {
      done(absl::StatusOr<T>(take(response)));
    }
  };
}

}  // namespace

struct CriRuntime::Impl {
  Impl(const std::string& endpoint, OnCall told)
      : on_call(std::move(told)),
        channel(MakeChannel(endpoint)),
        runtime(v1::RuntimeService::NewStub(channel)),
        images(v1::ImageService::NewStub(channel)) {}

  const OnCall on_call;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::RuntimeService::Stub> runtime;
  const std::unique_ptr<v1::ImageService::Stub> images;
  cri::Calls calls;

  absl::Mutex mutex;
  // The cgroup driver as the connected runtime told it; asked for again after a broken connection,
  // since the runtime may have come back with another configuration.
  std::optional<std::string> cgroup_driver ABSL_GUARDED_BY(mutex);
  std::string sandbox_image ABSL_GUARDED_BY(mutex);  // Told together with it.

  template <typename Request, typename Response>
  void Call(void (AsyncRuntime::*method)(grpc::ClientContext*, const Request*, Response*,
                                         std::function<void(grpc::Status)>),
            Request request, std::optional<seconds> deadline,
            std::function<void(absl::Status, Response&)> done) {
    calls.Start(runtime->async(), method, std::move(request), deadline,
                Watched<Request>(std::move(done)));
  }
  template <typename Request, typename Response>
  void Call(void (AsyncImages::*method)(grpc::ClientContext*, const Request*, Response*,
                                        std::function<void(grpc::Status)>),
            Request request, std::optional<seconds> deadline,
            std::function<void(absl::Status, Response&)> done) {
    calls.Start(images->async(), method, std::move(request), deadline,
                Watched<Request>(std::move(done)));
  }

  template <typename Request, typename Response>
  std::function<void(absl::Status, Response&)> Watched(
      std::function<void(absl::Status, Response&)> done) {
    return [this, begun = std::chrono::steady_clock::now(), done = std::move(done)](
               absl::Status status, Response& response) {
      if (on_call) on_call(CallOf<Request>(), std::chrono::steady_clock::now() - begun, status);
      if (absl::IsUnavailable(status)) {
        absl::MutexLock lock(&mutex);
        cgroup_driver.reset();
      }
      done(std::move(status), response);
    };
  }

  void AskVersion(Done<RuntimeInfo> done);
  void AskStatus(v1::VersionResponse version, Done<RuntimeInfo> done);
  void AskDriver(RuntimeInfo info, std::string fallback, Done<RuntimeInfo> done);
};

void CriRuntime::Impl::AskVersion(Done<RuntimeInfo> done) {
  v1::VersionRequest request;
  request.set_version("v1");
  Call<v1::VersionRequest, v1::VersionResponse>(
      &AsyncRuntime::Version, std::move(request), kDeadline,
      [this, done = std::move(done)](absl::Status status, v1::VersionResponse& version) mutable {
        if (!status.ok()) return done(std::move(status));
        AskStatus(std::move(version), std::move(done));
      });
}

void CriRuntime::Impl::AskStatus(v1::VersionResponse version, Done<RuntimeInfo> done) {
  std::optional<std::string> known;
  std::string image;
  {
    absl::MutexLock lock(&mutex);
    known = cgroup_driver;
    image = sandbox_image;
  }
  v1::StatusRequest request;
  // The verbose form is several KiB of JSON; only worth it for the driver and the sandbox's image.
  request.set_verbose(!known.has_value());
  Call<v1::StatusRequest, v1::StatusResponse>(
      &AsyncRuntime::Status, std::move(request), kDeadline,
      [this, known, image, version = std::move(version), done = std::move(done)](
          absl::Status status, v1::StatusResponse& response) mutable {
        if (!status.ok()) return done(std::move(status));
        RuntimeInfo info = cri::InfoFrom(version, response);
        if (known) {
          info.cgroup_driver = *known;
          info.sandbox_image = image;
          return done(std::move(info));
        }
        info.sandbox_image = cri::SandboxImageFromStatus(response);
        AskDriver(std::move(info), cri::CgroupDriverFromStatus(response), std::move(done));
      });
}

void CriRuntime::Impl::AskDriver(RuntimeInfo info, std::string fallback, Done<RuntimeInfo> done) {
  Call<v1::RuntimeConfigRequest, v1::RuntimeConfigResponse>(
      &AsyncRuntime::RuntimeConfig, {}, kDeadline,
      [this, info = std::move(info), fallback = std::move(fallback), done = std::move(done)](
          absl::Status status, v1::RuntimeConfigResponse& response) mutable {
        if (absl::IsUnimplemented(status)) {
          info.cgroup_driver = std::move(fallback);
        } else if (!status.ok()) {
          return done(std::move(status));
        } else {
          info.cgroup_driver =
              response.linux().cgroup_driver() == v1::SYSTEMD ? "systemd" : "cgroupfs";
        }
        {
          absl::MutexLock lock(&mutex);
          cgroup_driver = info.cgroup_driver;
          sandbox_image = info.sandbox_image;
        }
        done(std::move(info));
      });
}

CriRuntime::CriRuntime(const std::string& endpoint, OnCall on_call)
    : impl_(std::make_unique<Impl>(endpoint, std::move(on_call))) {}

CriRuntime::~CriRuntime() { impl_->calls.CancelAndWait(); }

void CriRuntime::Info(Done<RuntimeInfo> done) { impl_->AskVersion(std::move(done)); }

void CriRuntime::RunSandbox(const SandboxConfig& config, Done<std::string> done) {
  v1::RunPodSandboxRequest request;
  cri::ToMessage(config, request.mutable_config());
  request.set_runtime_handler(config.runtime_handler);
  impl_->Call(&AsyncRuntime::RunPodSandbox, std::move(request), kRunSandboxDeadline,
              Answer<v1::RunPodSandboxResponse, std::string>(
                  std::move(done), [](auto& response) { return response.pod_sandbox_id(); }));
}

void CriRuntime::StopSandbox(const std::string& id, DoneStatus done) {
  v1::StopPodSandboxRequest request;
  request.set_pod_sandbox_id(id);
  impl_->Call(&AsyncRuntime::StopPodSandbox, std::move(request), kDeadline,
              GoneIsFine<v1::StopPodSandboxResponse>(std::move(done)));
}

void CriRuntime::RemoveSandbox(const std::string& id, DoneStatus done) {
  v1::RemovePodSandboxRequest request;
  request.set_pod_sandbox_id(id);
  impl_->Call(&AsyncRuntime::RemovePodSandbox, std::move(request), kDeadline,
              GoneIsFine<v1::RemovePodSandboxResponse>(std::move(done)));
}

void CriRuntime::SandboxStatusOf(const std::string& id, Done<SandboxStatus> done) {
  v1::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(id);
  request.set_verbose(true);  // For the pid and the network.
  impl_->Call(
      &AsyncRuntime::PodSandboxStatus, std::move(request), kDeadline,
      Answer<v1::PodSandboxStatusResponse, SandboxStatus>(std::move(done), [](auto& response) {
        SandboxStatus status = cri::FromMessage(response.status());
        status.pid = cri::PidFromInfo(response.info());
        status.network_path = cri::NetworkPathFromInfo(response.info());
        return status;
      }));
}

void CriRuntime::ListSandboxes(Done<std::vector<SandboxStatus>> done) {
  impl_->Call(&AsyncRuntime::ListPodSandbox, v1::ListPodSandboxRequest(), kDeadline,
              Answer<v1::ListPodSandboxResponse, std::vector<SandboxStatus>>(
                  std::move(done), [](auto& response) {
                    std::vector<SandboxStatus> all;
                    all.reserve(response.items_size());
                    for (const auto& item : response.items()) all.push_back(cri::FromMessage(item));
                    return all;
                  }));
}

void CriRuntime::CreateContainer(const std::string& sandbox_id, const ContainerConfig& config,
                                 const SandboxConfig& sandbox_config, Done<std::string> done) {
  v1::CreateContainerRequest request;
  request.set_pod_sandbox_id(sandbox_id);
  cri::ToMessage(config, request.mutable_config());
  cri::ToMessage(sandbox_config, request.mutable_sandbox_config());
  impl_->Call(&AsyncRuntime::CreateContainer, std::move(request), kDeadline,
              Answer<v1::CreateContainerResponse, std::string>(
                  std::move(done), [](auto& response) { return response.container_id(); }));
}

void CriRuntime::StartContainer(const std::string& id, DoneStatus done) {
  v1::StartContainerRequest request;
  request.set_container_id(id);
  impl_->Call(&AsyncRuntime::StartContainer, std::move(request), kDeadline,
              StatusOnly<v1::StartContainerResponse>(std::move(done)));
}

void CriRuntime::StopContainer(const std::string& id, seconds grace, DoneStatus done) {
  v1::StopContainerRequest request;
  request.set_container_id(id);
  request.set_timeout(grace.count());
  impl_->Call(&AsyncRuntime::StopContainer, std::move(request), kDeadline + grace,
              GoneIsFine<v1::StopContainerResponse>(std::move(done)));
}

void CriRuntime::RemoveContainer(const std::string& id, DoneStatus done) {
  v1::RemoveContainerRequest request;
  request.set_container_id(id);
  impl_->Call(&AsyncRuntime::RemoveContainer, std::move(request), kDeadline,
              GoneIsFine<v1::RemoveContainerResponse>(std::move(done)));
}

void CriRuntime::ContainerStatusOf(const std::string& id, Done<ContainerStatus> done) {
  v1::ContainerStatusRequest request;
  request.set_container_id(id);
  request.set_verbose(true);  // For the pid.
  impl_->Call(
      &AsyncRuntime::ContainerStatus, std::move(request), kDeadline,
      Answer<v1::ContainerStatusResponse, ContainerStatus>(std::move(done), [](auto& response) {
        ContainerStatus status = cri::FromMessage(response.status());
        status.pid = cri::PidFromInfo(response.info());
        return status;
      }));
}

void CriRuntime::ListContainers(Done<std::vector<ContainerStatus>> done) {
  impl_->Call(&AsyncRuntime::ListContainers, v1::ListContainersRequest(), kDeadline,
              Answer<v1::ListContainersResponse, std::vector<ContainerStatus>>(
                  std::move(done), [](auto& response) {
                    std::vector<ContainerStatus> all;
                    all.reserve(response.containers_size());
                    for (const auto& item : response.containers()) {
                      all.push_back(cri::FromMessage(item));
                    }
                    return all;
                  }));
}

void CriRuntime::UpdateContainer(const std::string& id, const LinuxResources& resources,
                                 DoneStatus done) {
  v1::UpdateContainerResourcesRequest request;
  request.set_container_id(id);
  cri::ToMessage(resources, request.mutable_linux());
  impl_->Call(&AsyncRuntime::UpdateContainerResources, std::move(request), kDeadline,
              StatusOnly<v1::UpdateContainerResourcesResponse>(std::move(done)));
}

void CriRuntime::ReopenContainerLog(const std::string& id, DoneStatus done) {
  v1::ReopenContainerLogRequest request;
  request.set_container_id(id);
  impl_->Call(&AsyncRuntime::ReopenContainerLog, std::move(request), kDeadline,
              StatusOnly<v1::ReopenContainerLogResponse>(std::move(done)));
}

void CriRuntime::ListContainerStats(Done<std::vector<ContainerStats>> done) {
  impl_->Call(&AsyncRuntime::ListContainerStats, v1::ListContainerStatsRequest(), kDeadline,
              Answer<v1::ListContainerStatsResponse, std::vector<ContainerStats>>(
                  std::move(done), [](auto& response) {
                    std::vector<ContainerStats> all;
                    all.reserve(response.stats_size());
                    for (const auto& stats : response.stats()) {
                      all.push_back(cri::FromMessage(stats));
                    }
                    return all;
                  }));
}

void CriRuntime::ExecSync(const std::string& container_id, const std::vector<std::string>& command,
                          seconds timeout, Done<ExecResult> done) {
  v1::ExecSyncRequest request;
  request.set_container_id(container_id);
  for (const std::string& word : command) request.add_cmd(word);
  request.set_timeout(timeout.count());
  // Without a timeout of its own it may run for ever.
  const std::optional<seconds> deadline =
      timeout.count() > 0 ? std::make_optional(kDeadline + timeout) : std::nullopt;
  impl_->Call(&AsyncRuntime::ExecSync, std::move(request), deadline,
              Answer<v1::ExecSyncResponse, ExecResult>(std::move(done), [](auto& response) {
                return ExecResult{std::move(*response.mutable_stdout()),
                                  std::move(*response.mutable_stderr()), response.exit_code()};
              }));
}

void CriRuntime::ExecUrl(const std::string& container_id, const std::vector<std::string>& command,
                         bool stdin, bool tty, Done<std::string> done) {
  v1::ExecRequest request;
  request.set_container_id(container_id);
  for (const std::string& word : command) request.add_cmd(word);
  request.set_stdin(stdin);
  request.set_stdout(true);
  // A terminal has one output.
  request.set_stderr(!tty);
  request.set_tty(tty);
  impl_->Call(&AsyncRuntime::Exec, std::move(request), kDeadline,
              Answer<v1::ExecResponse, std::string>(std::move(done),
                                                    [](auto& response) { return response.url(); }));
}

void CriRuntime::AttachUrl(const std::string& container_id, bool stdin, bool tty,
                           Done<std::string> done) {
  v1::AttachRequest request;
  request.set_container_id(container_id);
  request.set_stdin(stdin);
  request.set_stdout(true);
  request.set_stderr(!tty);
  request.set_tty(tty);
  impl_->Call(&AsyncRuntime::Attach, std::move(request), kDeadline,
              Answer<v1::AttachResponse, std::string>(
                  std::move(done), [](auto& response) { return response.url(); }));
}

void CriRuntime::ImageStatusOf(const std::string& image, Done<std::optional<ImageStatus>> done) {
  v1::ImageStatusRequest request;
  request.mutable_image()->set_image(image);
  impl_->Call(&AsyncImages::ImageStatus, std::move(request), kDeadline,
              Answer<v1::ImageStatusResponse, std::optional<ImageStatus>>(
                  std::move(done), [](auto& response) -> std::optional<ImageStatus> {
                    if (!response.has_image()) return std::nullopt;
                    return cri::FromMessage(response.image());
                  }));
}

void CriRuntime::PullImage(const std::string& image, const std::optional<RegistryAuth>& auth,
                           const SandboxConfig* sandbox, Done<std::string> done) {
  v1::PullImageRequest request;
  request.mutable_image()->set_image(image);
  if (auth) cri::ToMessage(*auth, request.mutable_auth());
  if (sandbox != nullptr) cri::ToMessage(*sandbox, request.mutable_sandbox_config());
  // As long as it takes: the size of an image and the speed of a registry are not ours to judge.
  impl_->Call(&AsyncImages::PullImage, std::move(request), std::nullopt,
              Answer<v1::PullImageResponse, std::string>(
                  std::move(done), [](auto& response) { return response.image_ref(); }));
}

void CriRuntime::ListImages(Done<std::vector<ImageStatus>> done) {
  impl_->Call(
      &AsyncImages::ListImages, v1::ListImagesRequest(), kDeadline,
      Answer<v1::ListImagesResponse, std::vector<ImageStatus>>(std::move(done), [](auto& response) {
        std::vector<ImageStatus> all;
        all.reserve(response.images_size());
        for (const auto& image : response.images()) {
          all.push_back(cri::FromMessage(image));
        }
        return all;
      }));
}

void CriRuntime::RemoveImage(const std::string& image, DoneStatus done) {
  v1::RemoveImageRequest request;
  request.mutable_image()->set_image(image);
  impl_->Call(&AsyncImages::RemoveImage, std::move(request), kDeadline,
              GoneIsFine<v1::RemoveImageResponse>(std::move(done)));
}

void CriRuntime::ImageFilesystems(Done<std::vector<ImageFilesystem>> done) {
  impl_->Call(&AsyncImages::ImageFsInfo, v1::ImageFsInfoRequest(), kDeadline,
              Answer<v1::ImageFsInfoResponse, std::vector<ImageFilesystem>>(
                  std::move(done), [](auto& response) {
                    std::vector<ImageFilesystem> all;
                    for (const auto& usage : response.image_filesystems()) {
                      all.push_back({usage.fs_id().mountpoint(), usage.used_bytes().value()});
                    }
                    return all;
                  }));
}

void CriRuntime::WatchEvents(std::function<void(const RuntimeEvent&)> on_event,
                             std::function<void(absl::Status)> on_end) {
  impl_->calls.Read(impl_->runtime->async(), &AsyncRuntime::GetContainerEvents,
                    v1::GetEventsRequest(),
                    std::function<void(const v1::ContainerEventResponse&)>(
                        [on_event = std::move(on_event)](const v1::ContainerEventResponse& event) {
                          on_event({KindOf(event.container_event_type()), event.container_id()});
                        }),
                    std::move(on_end));
}

}  // namespace muster::agent
