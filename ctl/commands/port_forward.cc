#include "ctl/commands/port_forward.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "common/base/mutex.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/forward_spec.h"
#include "ctl/commands/forwarded_connection.h"
#include "ctl/commands/pod_choice.h"

namespace muster::ctl {
namespace {

// More wait to be accepted; a browser opens six at once.
constexpr size_t kConnectionsMax = 100;

class Listener {
 public:
  static absl::StatusOr<Listener> Open(const std::string& ip, ForwardedPort port) {
    const bool six = ip.find(':') != std::string::npos;
    Listener listener;
    listener.fd_ = ::socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener.fd_ < 0) return Failed(ip, port);
    const int on = 1;
    ::setsockopt(listener.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage storage{};
    socklen_t length = 0;
    if (six) {
      ::setsockopt(listener.fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
      auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
      *address = {.sin6_family = AF_INET6, .sin6_port = htons(port.local)};
      ::inet_pton(AF_INET6, ip.c_str(), &address->sin6_addr);
      length = sizeof *address;
    } else {
      auto* address = reinterpret_cast<sockaddr_in*>(&storage);
      *address = {.sin_family = AF_INET, .sin_port = htons(port.local)};
      ::inet_pton(AF_INET, ip.c_str(), &address->sin_addr);
      length = sizeof *address;
    }
    auto* any = reinterpret_cast<sockaddr*>(&storage);
    if (::bind(listener.fd_, any, length) != 0 || ::listen(listener.fd_, SOMAXCONN) != 0 ||
        ::getsockname(listener.fd_, any, &length) != 0) {
      return Failed(ip, port);
    }
    // Both families have it at the same place.
    port.local = ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
    listener.ip_ = ip;
    listener.port_ = port;
    return listener;
  }
  Listener(Listener&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), ip_(std::move(other.ip_)), port_(other.port_) {}
  Listener& operator=(Listener&&) = delete;
  ~Listener() {
    if (fd_ >= 0) ::close(fd_);
  }

  int fd() const { return fd_; }
  const std::string& ip() const { return ip_; }
  const ForwardedPort& port() const { return port_; }

 private:
  Listener() = default;
  static absl::Status Failed(const std::string& ip, const ForwardedPort& port) {
    return absl::UnavailableError(
        absl::StrCat("unable to listen on ", HostAndPort(ip, port.local), ": ", ::strerror(errno)));
  }

  int fd_ = -1;
  std::string ip_;
  ForwardedPort port_;
};

// The connections that are open, each on a thread of its own.
class Connections {
 public:
  // All outlive it.
  Connections(Context& context, AdminClient& client, const v1::Pod& pod)
      : context_(context), client_(client), pod_(pod) {}
  ~Connections() {
    {
      MutexLock lock(&mutex_);
      for (const auto& each : open_) {
        each->stream->Cancel();
        // It may wait for a program that does not read.
        if (each->socket >= 0) ::shutdown(each->socket, SHUT_RDWR);
      }
    }
    for (const auto& each : open_) each->thread.join();
  }

  // False: there are as many as may be.
  bool HasRoom() {
    Reap();
    return open_.size() < kConnectionsMax;
  }

  void Begin(int socket, const ForwardedPort& port) {
    auto connection = std::make_unique<Connection>();
    connection->stream = client_.PortForward();
    connection->socket = socket;
    admin::v1::PortForwardInput first;
    admin::v1::PortForwardStart& start = *first.mutable_start();
    start.set_namespace_(pod_.metadata().namespace_());
    start.set_pod(pod_.metadata().name());
    start.set_pod_uid(pod_.metadata().uid());
    start.set_port(port.remote);
    connection->thread = std::thread([this, raw = connection.get(), socket, port, first] {
      // A failed write shows its reason at the end.
      raw->stream->Write(first);
      const absl::Status status = CarryConnection(socket, *raw->stream);
      {
        MutexLock closing(&mutex_);
        ::close(std::exchange(raw->socket, -1));
      }
      if (!status.ok() && !absl::IsCancelled(status)) Tell(port, status);
      raw->over = true;
    });
    MutexLock lock(&mutex_);
    open_.push_back(std::move(connection));
  }

 private:
  struct Connection {
    std::unique_ptr<AdminClient::ForwardStream> stream;
    std::thread thread;
    int socket = -1;  // Closed, under the lock, by the thread.
    std::atomic<bool> over = false;
  };

  void Reap() {
    MutexLock lock(&mutex_);
    open_.remove_if([](const std::unique_ptr<Connection>& each) {
      if (each->over) each->thread.join();
      return each->over.load();
    });
  }

  void Tell(const ForwardedPort& port, const absl::Status& status) {
    const std::string text =
        absl::StrCat("error: an error occurred forwarding ", port.local, " -> ", port.remote, ": ",
                     std::string(status.message()), "\n");
    MutexLock lock(&mutex_);
    context_.err << text << std::flush;
  }

  Context& context_;
  AdminClient& client_;
  const v1::Pod& pod_;
  Mutex mutex_;
  std::list<std::unique_ptr<Connection>> open_;  // Changed on one thread, under the lock.
};

// Watches the pod on a thread of its own; `fd` becomes readable when it cannot be forwarded to any
// more.
class PodWatch {
 public:
  PodWatch(AdminClient& client, const v1::Pod& pod, int fd)
      : thread_([&client, &pod, fd] {
          admin::v1::WatchRequest request;
          request.mutable_list()->set_resource("pods");
          request.mutable_list()->set_namespace_(pod.metadata().namespace_());
          request.mutable_list()->set_field_selector(
              absl::StrCat("metadata.name=", pod.metadata().name()));
          bool seen = false;
          // However the watch ends, nothing is known of the pod then.
          client
              .Watch(request, std::nullopt,
                     [&](const admin::v1::WatchEvent& event) {
                       if (event.type() == admin::v1::WatchEvent::SYNCED) return seen;
                       const v1::Pod& now = event.object().pod();
                       if (now.metadata().uid() != pod.metadata().uid()) return true;
                       seen = true;
                       return event.type() != admin::v1::WatchEvent::DELETED &&
                              now.status().phase() != "Succeeded" &&
                              now.status().phase() != "Failed";
                     })
              .IgnoreError();
          const uint64_t one = 1;
          MUSTER_CHECK(::write(fd, &one, sizeof one) == sizeof one);
        }) {}
  ~PodWatch() { thread_.join(); }

 private:
  std::thread thread_;
};

// One port on all addresses. Not one of them: nothing; it says why on `err`.
std::vector<Listener> ListenOn(Context& context, const std::vector<ListenAddress>& addresses,
                               ForwardedPort port) {
  std::vector<Listener> listeners;
  std::vector<std::string> problems;
  bool must = false;
  for (const ListenAddress& address : addresses) {
    auto listener = Listener::Open(address.ip, port);
    if (!listener.ok()) {
      problems.push_back(std::string(listener.status().message()));
      must |= !address.optional;
      continue;
    }
    port.local = listener->port().local;  // The same one everywhere.
    listeners.push_back(*std::move(listener));
  }
  if (must || listeners.empty()) {
    context.err << "Unable to listen on port " << port.local << ": "
                << absl::StrJoin(problems, "; ") << "\n";
    return {};
  }
  return listeners;
}

int Serve(Context& context, AdminClient& client, const v1::Pod& pod,
          const std::vector<Listener>& listeners) {
  const int lost = ::eventfd(0, EFD_CLOEXEC);
  MUSTER_CHECK(lost >= 0);
  {
    const PodWatch watch(client, pod, lost);
    Connections connections(context, client, pod);
    for (;;) {
      const bool room = connections.HasRoom();
      std::vector<pollfd> waits{{lost, POLLIN, 0}};
      for (const Listener& listener : listeners) {
        waits.push_back({room ? listener.fd() : -1, POLLIN, 0});
      }
      // Without room it is looked for again soon.
      if (::poll(waits.data(), waits.size(), room ? -1 : 100) < 0 && errno != EINTR) break;
      if (waits[0].revents != 0) break;
      for (size_t i = 0; i < listeners.size(); ++i) {
        if ((waits[i + 1].revents & POLLIN) == 0) continue;
        const int socket = ::accept4(listeners[i].fd(), nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) continue;
        const int on = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        context.out << "Handling connection for " << listeners[i].port().local << std::endl;
        connections.Begin(socket, listeners[i].port());
      }
    }
  }
  ::close(lost);
  return FailLocally(context, "lost connection to pod");
}

}  // namespace

int RunPortForward(Context& context, const PortForwardOptions& options) {
  const auto addresses = ParseListenAddresses(options.address);
  if (!addresses.ok()) {
    return FailLocally(context, std::string(addresses.status().message()), kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto pod = ReadPod(context, **client, options.pod);
  if (!pod.ok()) return Fail(context, pod.status());
  if (pod->status().phase() != "Running") {
    return FailLocally(context,
                       absl::StrCat("unable to forward port because pod is not running. Current "
                                    "status=",
                                    pod->status().phase()));
  }
  std::vector<Listener> listeners;
  for (const std::string& text : options.ports) {
    const auto port = ParseForwardedPort(text, *pod);
    if (!port.ok()) {
      return FailLocally(context, std::string(port.status().message()), kExitUsage);
    }
    for (Listener& listener : ListenOn(context, *addresses, *port)) {
      context.out << "Forwarding from " << HostAndPort(listener.ip(), listener.port().local)
                  << " -> " << listener.port().remote << std::endl;
      listeners.push_back(std::move(listener));
    }
  }
  if (listeners.empty()) {
    return FailLocally(context, absl::StrCat("unable to listen on any of the requested ports: [",
                                             absl::StrJoin(options.ports, " "), "]"));
  }
  return Serve(context, **client, *pod, listeners);
}

void AddPortForward(CommandLine& line) {
  const auto options = std::make_shared<PortForwardOptions>();
  CLI::App& app =
      line.Add("port-forward", "Reach a port of a pod through a port of this machine", [options] {
        return [options](Context& context) { return RunPortForward(context, *options); };
      });
  app.add_option("pod", options->pod, "POD or ds/NAME")->required();
  app.add_option("ports", options->ports, "[LOCAL:]REMOTE, :REMOTE for any free local port")
      ->required();
  app.add_option("--address", options->address,
                 "Where to listen: addresses of this machine, separated by commas");
}

}  // namespace muster::ctl
