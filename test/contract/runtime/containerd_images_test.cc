// Images of a real containerd: what registries answer, whose credentials go where, what a pull that
// is given up leaves, and what an image is called.

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "cri/api.grpc.pb.h"
#include "test/contract/runtime/on_containerd.h"

namespace muster::agent {
namespace {

namespace v1 = ::runtime::v1;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ContainerdImages : public OnContainerd {
 protected:
  // The name of an image in the registry on this machine.
  std::string Name(const std::string& repository) {
    return absl::StrCat("localhost:", containerd().registry_port(), "/", repository);
  }
  absl::StatusOr<std::string> Pull(const std::string& image,
                                   const std::optional<RegistryAuth>& auth = std::nullopt) {
    return Await<absl::StatusOr<std::string>>(
        [&](auto done) { runtime().PullImage(image, auth, nullptr, done); });
  }
  std::optional<ImageStatus> Image(const std::string& name) {
    const auto image = Await<absl::StatusOr<std::optional<ImageStatus>>>(
        [&](auto done) { runtime().ImageStatusOf(name, done); });
    EXPECT_TRUE(image.ok()) << image.status();
    return image.ok() ? *image : std::nullopt;
  }
};

// Spec: pod/26/pull-refused
TEST_F(ContainerdImages, RegistryThatRefusesIsToldByItsStatus) {
  for (const int status : {401, 403, 429, 500, 503}) {
    const auto pulled = Pull(Name(absl::StrCat("status-", status, ":1")));
    EXPECT_TRUE(absl::IsUnknown(pulled.status())) << pulled.status();
    EXPECT_THAT(
        std::string(pulled.status().message()),
        AllOf(HasSubstr("failed to pull and unpack image"), HasSubstr(std::to_string(status))));
  }
  const auto missing = Pull(Name("status-404:1"));
  EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
}

// Spec: pod/26/pull-unreachable
TEST_F(ContainerdImages, RegistryThatIsNotThereIsAnError) {
  for (const char* image : {"127.0.0.1:9/image:1", "no-such-host.invalid/image:1"}) {
    const auto pulled = Pull(image);
    EXPECT_TRUE(absl::IsUnknown(pulled.status())) << pulled.status();
    EXPECT_THAT(std::string(pulled.status().message()), HasSubstr("failed to do request"));
  }
}

// Spec: pod/26/pull-bad-name
TEST_F(ContainerdImages, NameThatIsNoneIsAnError) {
  const auto pulled = Pull("No Image");
  EXPECT_TRUE(absl::IsUnknown(pulled.status())) << pulled.status();
  EXPECT_THAT(std::string(pulled.status().message()), HasSubstr("invalid reference format"));
}

// Spec: pod/26/pull-wrong-digest
TEST_F(ContainerdImages, ImageThatHasNotTheDigestThatWasAskedForIsRefused) {
  const auto pulled = Pull(Name("mixed-up@sha256:" + std::string(64, '1')));
  EXPECT_TRUE(absl::IsFailedPrecondition(pulled.status())) << pulled.status();
  EXPECT_EQ(Image(Name("mixed-up@sha256:" + std::string(64, '1'))), std::nullopt);
}

// Spec: pod/26/pull-credentials
TEST_F(ContainerdImages, CredentialsAreUserAndPasswordInEitherForm) {
  EXPECT_TRUE(
      Pull(Name("private-a:1"), RegistryAuth{.username = "user", .password = "secret"}).ok());
  EXPECT_TRUE(
      Pull(Name("private-b:1"), RegistryAuth{.auth = absl::Base64Escape("user:secret")}).ok());
  const auto wrong = Pull(Name("private-c:1"), RegistryAuth{.username = "user", .password = "no"});
  EXPECT_TRUE(absl::IsUnknown(wrong.status())) << wrong.status();
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("401"));
  EXPECT_GT(containerd().registry().CredentialsSeen("private-c"), 0);
  const auto none = Pull(Name("private-d:1"));
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("401"));
  EXPECT_EQ(containerd().registry().CredentialsSeen("private-d"), 0);
}

// Why the agent never says for which server its credentials are.
// Spec: pod/26/pull-foreign-server
TEST_F(ContainerdImages, CredentialsForAnotherServerAreNotSent) {
  const auto stub = v1::ImageService::NewStub(
      grpc::CreateChannel("unix://" + containerd().socket(), grpc::InsecureChannelCredentials()));
  v1::PullImageRequest request;
  request.mutable_image()->set_image(Name("private-e:1"));
  request.mutable_auth()->set_username("user");
  request.mutable_auth()->set_password("secret");
  // server_address, which our copy of CRI does not even have.
  v1::AuthConfig& auth = *request.mutable_auth();
  auth.GetReflection()->MutableUnknownFields(&auth)->AddLengthDelimited(
      4, "https://registry.example.com");
  v1::PullImageResponse response;
  grpc::ClientContext context;
  const grpc::Status pulled = stub->PullImage(&context, request, &response);
  EXPECT_THAT(pulled.error_message(), HasSubstr("401"));
  EXPECT_GT(containerd().registry().Requests("private-e"), 0);
  EXPECT_EQ(containerd().registry().CredentialsSeen("private-e"), 0);
}

// Spec: pod/26/pull-cut-short
TEST_F(ContainerdImages, PullOfAnAgentThatDiesLeavesNothingAndDoesNotDisturbAnother) {
  StubRegistry& registry = containerd().registry();
  const std::string name = Name("slow:1");
  auto leaving = std::make_unique<CriRuntime>(containerd().socket());
  Pending<absl::StatusOr<std::string>> cut, other;
  leaving->PullImage(name, std::nullopt, nullptr, cut.Callback());
  ASSERT_TRUE(Eventually([&] { return registry.waiting() == 1; }));
  const int asked = registry.Requests("slow");
  runtime().PullImage(name, std::nullopt, nullptr, other.Callback());
  ASSERT_TRUE(Eventually([&] { return registry.Requests("slow") > asked; }));
  leaving.reset();
  EXPECT_TRUE(absl::IsCancelled(cut.Get().status()));
  EXPECT_EQ(Image(name), std::nullopt);
  EXPECT_FALSE(other.done());
  registry.ReleaseLayers();
  const auto pulled = other.Get();
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_NE(Image(name), std::nullopt);
}

// Spec: pod/26/image-lookup
TEST_F(ContainerdImages, NamesOfTheSameImageAreMany) {
  const auto image = Image("busybox");
  ASSERT_TRUE(image.has_value());
  const std::string hash = image->id.substr(std::string("sha256:").size());
  for (const std::string& name : {std::string("library/busybox"), std::string("docker.io/busybox"),
                                  image->id, hash, hash.substr(0, 12)}) {
    const auto same = Image(name);
    ASSERT_TRUE(same.has_value()) << name;
    EXPECT_EQ(same->id, image->id) << name;
  }
  // Of a tag and a digest the digest counts.
  ASSERT_TRUE(Pull(Name("image-looked-up:1")).ok());
  const auto pulled = Image(Name("image-looked-up:1"));
  ASSERT_TRUE(pulled.has_value());
  ASSERT_EQ(pulled->digests.size(), 1u);
  const std::string digest = pulled->digests[0].substr(pulled->digests[0].find('@'));
  const auto same = Image(Name("image-looked-up:never" + digest));
  ASSERT_TRUE(same.has_value());
  EXPECT_EQ(same->id, pulled->id);
}

// Spec: pod/26/remove-image-in-use
TEST_F(ContainerdImages, ImageInUseCanBeRemovedWithAllItsNames) {
  const auto id = Pull(Name("image-in-use:1"));
  ASSERT_TRUE(id.ok()) << id.status();
  ASSERT_EQ(Pull(Name("image-in-use:2")).value_or(""), *id);
  container_.image_id = *id;
  const std::string container = Idle();
  ASSERT_TRUE(Do(&Runtime::RemoveImage, *id).ok());
  EXPECT_EQ(Image(Name("image-in-use:1")), std::nullopt);
  EXPECT_EQ(Image(Name("image-in-use:2")), std::nullopt);
  EXPECT_EQ(Output(container, "echo on"), "on\n") << "so the agent asks who uses it";
}

class ContainerdWithoutSandboxImage : public ContainerdImages {
 protected:
  void SetUp() override { Use(own_); }
  PrivateContainerd own_{{.sandbox_image = "127.0.0.1:9/pause:1"}};
};

// Spec: pod/26/sandbox-image-missing
TEST_F(ContainerdWithoutSandboxImage, NoPodCanRunAndItIsSaidWhy) {
  const auto id = RunSandbox(sandbox_);
  EXPECT_THAT(std::string(id.status().message()),
              HasSubstr("failed to get sandbox image \"127.0.0.1:9/pause:1\""));
  EXPECT_EQ(ListedSandbox(), "") << "nothing is left";
  const auto info = Await<absl::StatusOr<RuntimeInfo>>([&](auto done) { runtime().Info(done); });
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(info->runtime_ready) << "it does not know yet";
  EXPECT_EQ(info->sandbox_image, "127.0.0.1:9/pause:1");
}

}  // namespace
}  // namespace muster::agent
