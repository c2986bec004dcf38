// How CriRuntime uses its connection, against a runtime inside the test.

#include "agent/runtime/cri/cri_runtime.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "cri/api.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

namespace v1 = ::runtime::v1;
using std::chrono::seconds;

class RuntimeInside final : public v1::RuntimeService::Service {
 public:
  std::atomic<bool> starting = false;
  std::atomic<int> verbose_statuses = 0;
  std::atomic<bool> has_runtime_config = false;
  std::atomic<bool> has_events = false;
  size_t listing_bytes = 0;

  // Seconds that a call had left when it arrived; nullopt: no deadline.
  std::optional<int64_t> DeadlineOf(const std::string& call) {
    absl::MutexLock lock(&mutex_);
    return deadlines_.at(call);
  }
  void Note(const std::string& call, grpc::ServerContext* context) {
    const auto left = context->deadline() - std::chrono::system_clock::now();
    absl::MutexLock lock(&mutex_);
    deadlines_[call] = left > std::chrono::hours(24)
                           ? std::nullopt
                           : std::make_optional(std::chrono::round<seconds>(left).count());
  }

  grpc::Status Version(grpc::ServerContext* context, const v1::VersionRequest*,
                       v1::VersionResponse* response) override {
    if (starting) return {grpc::StatusCode::UNKNOWN, "server is not initialized yet"};
    Note("Version", context);
    response->set_runtime_name("inside");
    return grpc::Status::OK;
  }
  grpc::Status Status(grpc::ServerContext*, const v1::StatusRequest* request,
                      v1::StatusResponse* response) override {
    if (request->verbose()) {
      ++verbose_statuses;
      (*response->mutable_info())["config"] =
          R"({"containerd":{"defaultRuntimeName":"r","runtimes":{"r":{}}}})";
    }
    return grpc::Status::OK;
  }
  grpc::Status RuntimeConfig(grpc::ServerContext*, const v1::RuntimeConfigRequest*,
                             v1::RuntimeConfigResponse* response) override {
    if (!has_runtime_config) return {grpc::StatusCode::UNIMPLEMENTED, "unknown method"};
    response->mutable_linux()->set_cgroup_driver(v1::SYSTEMD);
    return grpc::Status::OK;
  }
  grpc::Status RunPodSandbox(grpc::ServerContext* context, const v1::RunPodSandboxRequest*,
                             v1::RunPodSandboxResponse*) override {
    Note("RunPodSandbox", context);
    return grpc::Status::OK;
  }
  grpc::Status StopContainer(grpc::ServerContext* context, const v1::StopContainerRequest*,
                             v1::StopContainerResponse*) override {
    Note("StopContainer", context);
    return grpc::Status::OK;
  }
  grpc::Status ExecSync(grpc::ServerContext* context, const v1::ExecSyncRequest* request,
                        v1::ExecSyncResponse*) override {
    Note(request->timeout() == 0 ? "ExecSync endless" : "ExecSync", context);
    return grpc::Status::OK;
  }
  grpc::Status GetContainerEvents(grpc::ServerContext* context, const v1::GetEventsRequest*,
                                  grpc::ServerWriter<v1::ContainerEventResponse>* writer) override {
    if (!has_events) return {grpc::StatusCode::UNIMPLEMENTED, "unknown method"};
    v1::ContainerEventResponse event;
    event.set_container_id("c1");
    for (const auto type : {v1::CONTAINER_STARTED_EVENT, v1::CONTAINER_STOPPED_EVENT}) {
      event.set_container_event_type(type);
      writer->Write(event);
    }
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  }
  grpc::Status ListContainers(grpc::ServerContext*, const v1::ListContainersRequest*,
                              v1::ListContainersResponse* response) override {
    response->add_containers()->set_id(std::string(listing_bytes, 'x'));
    return grpc::Status::OK;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::optional<int64_t>> deadlines_;
};

class ImagesInside final : public v1::ImageService::Service {
 public:
  absl::Notification pulling;
  std::atomic<bool> had_deadline = true;
  std::atomic<bool> ends = false;
  v1::PullImageRequest last_request;  // Of a pull that has ended.

  // A pull that never ends by itself, unless it is told to.
  grpc::Status PullImage(grpc::ServerContext* context, const v1::PullImageRequest* request,
                         v1::PullImageResponse* response) override {
    if (ends) {
      last_request = *request;
      response->set_image_ref("sha256:1");
      return grpc::Status::OK;
    }
    had_deadline =
        context->deadline() < std::chrono::system_clock::now() + std::chrono::hours(24 * 365);
    pulling.Notify();
    while (!context->IsCancelled()) std::this_thread::yield();
    return {grpc::StatusCode::CANCELLED, "context canceled"};
  }
};

class CriRuntimeTest : public ::testing::Test {
 protected:
  void StartServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(endpoint_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    builder.RegisterService(&images_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  template <typename T, typename Start>
  T Await(Start start) {
    std::promise<T> promise;
    start([&](T value) { promise.set_value(std::move(value)); });
    return promise.get_future().get();
  }
  absl::StatusOr<RuntimeInfo> Info(CriRuntime& runtime) {
    return Await<absl::StatusOr<RuntimeInfo>>([&](auto done) { runtime.Info(done); });
  }

  TempDir directory_;
  const std::string endpoint_ = "unix://" + directory_ / "runtime.sock";
  RuntimeInside service_;
  ImagesInside images_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(CriRuntimeTest, AbsentRuntimeIsUnavailableAtOnce) {
  CriRuntime runtime(endpoint_);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(absl::IsUnavailable(Info(runtime).status()));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(2));
}

// Spec: pod/1/cri-connection
TEST_F(CriRuntimeTest, ConnectsWithinTheBackoffOnceTheRuntimeIsThere) {
  CriRuntime runtime(endpoint_);
  ASSERT_TRUE(absl::IsUnavailable(Info(runtime).status()));
  StartServer();
  const auto begin = std::chrono::steady_clock::now();
  absl::StatusOr<RuntimeInfo> info;
  do {
    info = Info(runtime);
  } while (absl::IsUnavailable(info.status()) &&
           std::chrono::steady_clock::now() - begin < seconds(10));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->name, "inside");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(4));
}

TEST_F(CriRuntimeTest, PlainPathIsAUnixSocket) {
  StartServer();
  CriRuntime runtime(directory_ / "runtime.sock");
  EXPECT_TRUE(Info(runtime).ok());
}

TEST_F(CriRuntimeTest, StartingRuntimeIsUnavailable) {
  StartServer();
  service_.starting = true;
  CriRuntime runtime(endpoint_);
  EXPECT_TRUE(absl::IsUnavailable(Info(runtime).status()));
}

// Spec: pod/1/cri-deadlines, pod/7/cancel, pod/25/pull-progress
TEST_F(CriRuntimeTest, DestructionCancelsAPullAndRunsItsCallback) {
  StartServer();
  std::atomic<int> callbacks = 0;
  absl::Status result;
  {
    CriRuntime runtime(endpoint_);
    runtime.PullImage("x", std::nullopt, nullptr, [&](absl::StatusOr<std::string> reference) {
      result = reference.status();
      ++callbacks;
    });
    images_.pulling.WaitForNotification();
  }
  EXPECT_EQ(callbacks, 1);
  EXPECT_TRUE(absl::IsCancelled(result)) << result;
  EXPECT_FALSE(images_.had_deadline);
}

// Spec: pod/1/cri-deadlines, pod/10/deadline
TEST_F(CriRuntimeTest, CallsHaveTheDeadlinesOfTheContract) {
  StartServer();
  CriRuntime runtime(endpoint_);
  ASSERT_TRUE(Info(runtime).ok());
  (void)Await<absl::StatusOr<std::string>>([&](auto done) { runtime.RunSandbox({}, done); });
  (void)Await<absl::Status>([&](auto done) { runtime.StopContainer("c", seconds(30), done); });
  (void)Await<absl::StatusOr<ExecResult>>(
      [&](auto done) { runtime.ExecSync("c", {"x"}, seconds(7), done); });
  (void)Await<absl::StatusOr<ExecResult>>(
      [&](auto done) { runtime.ExecSync("c", {"x"}, seconds(0), done); });
  EXPECT_NEAR(service_.DeadlineOf("Version").value_or(0), 120, 5);
  EXPECT_NEAR(service_.DeadlineOf("RunPodSandbox").value_or(0), 240, 5);
  EXPECT_NEAR(service_.DeadlineOf("StopContainer").value_or(0), 150, 5);
  EXPECT_NEAR(service_.DeadlineOf("ExecSync").value_or(0), 127, 5);
  EXPECT_FALSE(service_.DeadlineOf("ExecSync endless").has_value());
}

// Spec: pod/1/cri-connection
TEST_F(CriRuntimeTest, AnswersMayBeSixteenMebibytes) {
  service_.listing_bytes = (16 << 20) - 1024;
  StartServer();
  CriRuntime runtime(endpoint_);
  const auto list = [&] {
    return Await<absl::StatusOr<std::vector<ContainerStatus>>>(
        [&](auto done) { runtime.ListContainers(done); });
  };
  EXPECT_TRUE(list().ok());
  service_.listing_bytes = 17 << 20;
  EXPECT_TRUE(absl::IsResourceExhausted(list().status()));
}

// Spec: pod/25/runtime-config, pod/25/unimplemented
TEST_F(CriRuntimeTest, CgroupDriverIsAskedForOnlyOnce) {
  StartServer();
  CriRuntime runtime(endpoint_);
  EXPECT_EQ(Info(runtime).value().cgroup_driver, "cgroupfs");
  EXPECT_EQ(Info(runtime).value().cgroup_driver, "cgroupfs");
  EXPECT_EQ(service_.verbose_statuses, 1);
}

// Spec: pod/17.2/driver, pod/25/runtime-config
TEST_F(CriRuntimeTest, CgroupDriverComesFromTheRuntimesOwnCallWhereItHasOne) {
  service_.has_runtime_config = true;
  StartServer();
  CriRuntime runtime(endpoint_);
  EXPECT_EQ(Info(runtime).value().cgroup_driver, "systemd");
}

// Spec: pod/24/pull, pod/7/server-address, pod/26/pull-foreign-server
TEST_F(CriRuntimeTest, PullTellsImageCredentialsAndSandbox) {
  images_.ends = true;
  StartServer();
  CriRuntime runtime(endpoint_);
  SandboxConfig sandbox;
  sandbox.uid = "uid-1";
  const RegistryAuth auth{.username = "me", .password = "secret", .auth = "bWU6c2VjcmV0"};
  const auto pulled = Await<absl::StatusOr<std::string>>(
      [&](auto done) { runtime.PullImage("r.example/app:1", auth, &sandbox, done); });
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_EQ(*pulled, "sha256:1");
  const v1::PullImageRequest& sent = images_.last_request;
  EXPECT_EQ(sent.image().image(), "r.example/app:1");
  EXPECT_EQ(sent.sandbox_config().metadata().uid(), "uid-1");
  EXPECT_EQ(sent.auth().username(), "me");
  EXPECT_EQ(sent.auth().password(), "secret");
  EXPECT_EQ(sent.auth().auth(), "bWU6c2VjcmV0");
  // containerd silently drops credentials for another address than its own idea of it.
  EXPECT_EQ(v1::AuthConfig::descriptor()->FindFieldByName("server_address"), nullptr);
  ASSERT_TRUE(Await<absl::StatusOr<std::string>>([&](auto done) {
                runtime.PullImage("app", std::nullopt, nullptr, done);
              }).ok());
  EXPECT_FALSE(images_.last_request.has_auth());
  EXPECT_FALSE(images_.last_request.has_sandbox_config());
}

TEST_F(CriRuntimeTest, EveryCallThatIsOverIsTold) {
  struct Told {
    absl::Mutex mutex;
    std::vector<std::pair<std::string, absl::StatusCode>> calls;
  };
  const auto told = std::make_shared<Told>();
  StartServer();
  CriRuntime runtime(endpoint_, [told](std::string_view call, std::chrono::nanoseconds took,
                                       const absl::Status& status) {
    EXPECT_GT(took.count(), 0);
    absl::MutexLock lock(&told->mutex);
    told->calls.emplace_back(call, status.code());
  });
  std::promise<void> over;
  runtime.ListContainers(
      [&](auto) { runtime.RemoveContainer("no-such-call-here", [&](auto) { over.set_value(); }); });
  over.get_future().wait();
  absl::MutexLock lock(&told->mutex);
  EXPECT_THAT(told->calls, testing::ElementsAre(
                               testing::Pair("ListContainers", absl::StatusCode::kOk),
                               testing::Pair("RemoveContainer", absl::StatusCode::kUnimplemented)));
}

TEST_F(CriRuntimeTest, EventsComeUntilTheStreamEndsAndItsEndOnce) {
  struct Heard {
    absl::Mutex mutex;
    std::vector<std::pair<RuntimeEvent::Kind, std::string>> events;
    std::vector<absl::Status> ends;
  };
  const auto heard = std::make_shared<Heard>();
  const auto await = [&](const auto& condition) {
    absl::MutexLock lock(&heard->mutex);
    return heard->mutex.AwaitWithTimeout(absl::Condition(&condition), absl::Seconds(20));
  };
  const auto watch = [heard](CriRuntime& runtime) {
    runtime.WatchEvents(
        [heard](const RuntimeEvent& event) {
          absl::MutexLock lock(&heard->mutex);
          heard->events.emplace_back(event.kind, event.id);
        },
        [heard](absl::Status status) {
          absl::MutexLock lock(&heard->mutex);
          heard->ends.push_back(std::move(status));
        });
  };
  StartServer();
  const auto ended = [&] { return !heard->ends.empty(); };
  {
    CriRuntime runtime(endpoint_);
    watch(runtime);
    ASSERT_TRUE(await(ended));
    EXPECT_TRUE(absl::IsUnimplemented(heard->ends.front())) << heard->ends.front();
    heard->ends.clear();
    service_.has_events = true;
    watch(runtime);
    const auto two = [&] { return heard->events.size() == 2; };
    ASSERT_TRUE(await(two));
    EXPECT_FALSE(ended());
  }
  // It goes with the runtime's client, and says so.
  ASSERT_EQ(heard->ends.size(), 1u);
  EXPECT_EQ(heard->ends.front().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(heard->events,
              testing::ElementsAre(testing::Pair(RuntimeEvent::Kind::kStarted, "c1"),
                                   testing::Pair(RuntimeEvent::Kind::kStopped, "c1")));
}

TEST_F(CriRuntimeTest, ErrorsOtherThanGoneAreKept) {
  // The service has no such call.
  StartServer();
  CriRuntime runtime(endpoint_);
  const absl::Status status =
      Await<absl::Status>([&](auto done) { runtime.RemoveSandbox("s", done); });
  EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
}

}  // namespace
}  // namespace muster::agent
