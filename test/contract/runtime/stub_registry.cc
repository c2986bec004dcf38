#include "test/contract/runtime/stub_registry.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/macros.h"
#include "common/pki/pki.h"

namespace muster::agent {
namespace {

constexpr char kManifestType[] = "application/vnd.docker.distribution.manifest.v2+json";
constexpr char kConfigType[] = "application/vnd.docker.container.image.v1+json";
constexpr char kLayerType[] = "application/vnd.docker.image.rootfs.diff.tar";

#if defined(__aarch64__)
constexpr char kArchitecture[] = "arm64";
#else
constexpr char kArchitecture[] = "amd64";
#endif

std::string DigestOf(const std::string& content) {
  return absl::StrCat("sha256:", pki::Sha256Hex(content));
}

struct Image {
  std::string manifest, config, layer;
};

Image MakeImage(const std::string& repository, const std::string& layer) {
  Image image;
  // The end of an archive, and nothing before it.
  image.layer = repository == "bare" ? std::string(1024, '\0') : layer;
  // Zeros there change nothing but the digest: the runtime does not have this layer already.
  if (absl::StartsWith(repository, "slow")) image.layer.append(1024, '\0');
  image.config =
      absl::StrCat(R"({"architecture":")", kArchitecture,
                   R"(","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sleep","2147483647"]},)",
                   R"("rootfs":{"type":"layers","diff_ids":[")", DigestOf(image.layer),
                   R"("]},"history":[{"created_by":")", repository, R"("}]})");
  image.manifest = absl::StrCat(
      R"({"schemaVersion":2,"mediaType":")", kManifestType, R"(","config":{"mediaType":")",
      kConfigType, R"(","size":)", image.config.size(), R"(,"digest":")", DigestOf(image.config),
      R"("},"layers":[{"mediaType":")", kLayerType, R"(","size":)", image.layer.size(),
      R"(,"digest":")", DigestOf(image.layer), R"("}]})");
  return image;
}

struct Request {
  std::string method, repository, kind, reference;  // kind: manifests, blobs
  std::string authorization;
};

// False when the client went away.
bool ReadRequest(int client, std::string& buffer, Request* ret_request) {
  size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    char more[4096];
    const ssize_t count = ::read(client, more, sizeof more);
    if (count <= 0) return false;
    buffer.append(more, count);
  }
  const std::vector<std::string> lines = absl::StrSplit(buffer.substr(0, end), "\r\n");
  buffer.erase(0, end + 4);
  const std::vector<std::string> words = absl::StrSplit(lines[0], ' ');
  *ret_request = Request{.method = words[0]};
  // /v2/REPOSITORY/KIND/REFERENCE
  const std::vector<std::string> path = absl::StrSplit(words.size() > 1 ? words[1] : "", '/');
  if (path.size() == 5) {
    ret_request->repository = path[2];
    ret_request->kind = path[3];
    ret_request->reference = path[4];
  }
  for (const std::string& line : lines) {
    const auto colon = line.find(": ");
    if (absl::StartsWithIgnoreCase(line, "authorization: ")) {
      ret_request->authorization = line.substr(colon + 2);
    }
  }
  return true;
}

bool WriteAll(int client, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = ::send(client, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count <= 0) return false;
    done += count;
  }
  return true;
}

bool Send(int client, const Request& request, int status, const std::string& headers,
          const std::string& body) {
  const std::string head = absl::StrCat("HTTP/1.1 ", status, " -\r\nContent-Length: ", body.size(),
                                        "\r\n", headers, "\r\n");
  return WriteAll(client, request.method == "HEAD" ? head : head + body);
}

}  // namespace

struct StubRegistry::State {
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::string layer;
  std::map<std::string, int> requests, with_credentials;
  int waiting = 0;
  bool released = false, over = false;

  bool Answer(int client, const Request& request);
  void Serve(int client);
  void AwaitRelease();
};

void StubRegistry::State::AwaitRelease() {
  std::unique_lock lock(mutex);
  ++waiting;
  changed.wait(lock, [this] { return released || over; });
  --waiting;
}

bool StubRegistry::State::Answer(int client, const Request& request) {
  std::string layer_now;
  {
    const std::lock_guard lock(mutex);
    ++requests[request.repository];
    if (!request.authorization.empty()) ++with_credentials[request.repository];
    layer_now = layer;
  }
  const std::string kind = request.repository.substr(0, request.repository.find('-'));
  if (kind == "status") {
    return Send(client, request, std::stoi(request.repository.substr(7)), "", "");
  }
  if (kind == "private" && request.authorization != "Basic " + absl::Base64Escape("user:secret")) {
    return Send(client, request, 401, "WWW-Authenticate: Basic realm=\"stub\"\r\n", "");
  }
  if (kind != "image" && kind != "bare" && kind != "private" && kind != "slow" && kind != "mixed") {
    return Send(client, request, 404, "", "");
  }
  const Image image = MakeImage(request.repository, layer_now);
  if (request.kind == "manifests") {
    const std::string digest = kind == "mixed" ? request.reference : DigestOf(image.manifest);
    return Send(client, request, 200,
                absl::StrCat("Content-Type: ", kManifestType, "\r\nDocker-Content-Digest: ", digest,
                             "\r\n"),
                image.manifest);
  }
  const std::string type = "Content-Type: application/octet-stream\r\n";
  if (request.reference == DigestOf(image.config)) {
    return Send(client, request, 200, type, image.config);
  }
  if (request.reference != DigestOf(image.layer)) return Send(client, request, 404, "", "");
  if (kind == "slow") AwaitRelease();
  return Send(client, request, 200, type, image.layer);
}

void StubRegistry::State::Serve(int client) {
  std::string buffer;
  Request request;
  while (ReadRequest(client, buffer, &request) && Answer(client, request)) {
  }
  ::close(client);
}

StubRegistry::StubRegistry() : state_(std::make_shared<State>()) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MUSTER_CHECK(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  MUSTER_CHECK(::listen(fd_, 16) == 0);
  socklen_t length = sizeof address;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  std::thread([fd = fd_, state = state_] {
    // Ends when the socket is shut down.
    for (int client = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC); client >= 0;
         client = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC)) {
      std::thread([client, state] { state->Serve(client); }).detach();
    }
    ::close(fd);
  }).detach();
}

StubRegistry::~StubRegistry() {
  ::shutdown(fd_, SHUT_RDWR);
  const std::lock_guard lock(state_->mutex);
  state_->over = true;
  state_->changed.notify_all();
}

void StubRegistry::set_layer(std::string layer) {
  const std::lock_guard lock(state_->mutex);
  state_->layer = std::move(layer);
}

int StubRegistry::CredentialsSeen(const std::string& repository) const {
  const std::lock_guard lock(state_->mutex);
  return state_->with_credentials[repository];
}

int StubRegistry::Requests(const std::string& repository) const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests[repository];
}

int StubRegistry::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting;
}

void StubRegistry::ReleaseLayers() {
  const std::lock_guard lock(state_->mutex);
  state_->released = true;
  state_->changed.notify_all();
}

}  // namespace muster::agent
