// The smallest process that is connected as an agent is: one stream with mutual TLS, which hears a
// few bytes every ten seconds, and one channel to a unix socket. What the libraries cost, without
// anything of ours.
//
//   grpc_floor RUNTIME_SOCKET   prints its pid when it is connected, and stays until stdin closes.
//
// The other end is a child of it.

#include <grpcpp/grpcpp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/pki/grpc_credentials.h"
#include "common/pki/pki.h"
#include "muster/session/v1/session.grpc.pb.h"

namespace muster {
namespace {

using session::v1::FromAgent;
using session::v1::ToAgent;

constexpr auto kHeartbeat = std::chrono::seconds(10);

// Says nothing, hears everything.
class Listener final : public session::v1::AgentSession::CallbackService {
 public:
  grpc::ServerBidiReactor<FromAgent, ToAgent>* Session(grpc::CallbackServerContext*) override {
    class Stream final : public grpc::ServerBidiReactor<FromAgent, ToAgent> {
     public:
      Stream() {
        StartSendInitialMetadata();
        StartRead(&message_);
      }
      void OnReadDone(bool ok) override {
        if (ok) return StartRead(&message_);
        Finish(grpc::Status::OK);
      }
      void OnDone() override { delete this; }

     private:
      FromAgent message_;
    };
    return new Stream;
  }
};

int Serve(const pki::ServerIdentity& identity, int port_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Listener listener;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", pki::MakeServerCredentials(identity), &port);
  builder.RegisterService(&listener);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || ::write(port_fd, &port, sizeof port) != sizeof port) return 1;
  server->Wait();
  return 0;
}

class Stream final : public grpc::ClientBidiReactor<FromAgent, ToAgent> {
 public:
  explicit Stream(session::v1::AgentSession::Stub& stub) {
    stub.async()->Session(&context_, this);
    AddHold();
    StartRead(&received_);
    StartCall();
  }
  void Heartbeat() {
    heartbeat_.mutable_heartbeat();
    StartWrite(&heartbeat_);
  }
  void OnReadInitialMetadataDone(bool ok) override {
    if (!ok) return;
    std::printf("%d\n", ::getpid());
    std::fflush(stdout);
  }
  void OnDone(const grpc::Status& status) override {
    std::fprintf(stderr, "error: the stream ended: %s\n", status.error_message().c_str());
    std::_Exit(1);
  }

 private:
  grpc::ClientContext context_;
  FromAgent heartbeat_;
  ToAgent received_;
};

int Connect(const pki::ClientIdentity& identity, int port, const std::string& runtime_socket) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(pki::kCoordinatorDnsName);
  const auto channel = grpc::CreateCustomChannel(
      "127.0.0.1:" + std::to_string(port), pki::ClientChannelCredentials(identity), arguments);
  const auto runtime =
      grpc::CreateChannel("unix:" + runtime_socket, grpc::InsecureChannelCredentials());
  if (!runtime->WaitForConnected(std::chrono::system_clock::now() + kHeartbeat)) {
    std::fprintf(stderr, "error: nothing answers on %s\n", runtime_socket.c_str());
    return 1;
  }
  const auto stub = session::v1::AgentSession::NewStub(channel);
  Stream stream(*stub);
  while (true) {
    fd_set in;
    FD_ZERO(&in);
    FD_SET(STDIN_FILENO, &in);
    timeval wait{.tv_sec = kHeartbeat.count(), .tv_usec = 0};
    // Readable: whoever measured us is done.
    if (::select(STDIN_FILENO + 1, &in, nullptr, nullptr, &wait) != 0) std::_Exit(0);
    stream.Heartbeat();
  }
}

int Main(const std::string& runtime_socket) {
  const SystemClock clock;
  const WallTime now = clock.Wall();
  const std::chrono::hours day(24);
  const auto ca = pki::MakeCa("floor", now, day);
  const auto key = pki::PrivateKey::Generate();
  if (!ca.ok() || !key.ok()) return 1;
  const auto server = pki::MakeServerCertificate(*ca, {"127.0.0.1"}, now, day);
  const auto request = pki::MakeRequest(*key, "floor");
  if (!server.ok() || !request.ok()) return 1;
  const auto certificate =
      pki::SignClientRequest(*ca, *request, "floor", pki::kNodeOrganization, now, day);
  const auto key_pem = key->ToPem();
  int port_pipe[2];
  if (!certificate.ok() || !key_pem.ok() || ::pipe(port_pipe) != 0) return 1;

  // Before gRPC is touched: it does not survive a fork.
  const pid_t child = ::fork();
  if (child == 0) {
    std::_Exit(
        Serve({ca->certificate_pem, server->certificate_pem, server->key_pem}, port_pipe[1]));
  }
  ::close(port_pipe[1]);
  int port = 0;
  if (child < 0 || ::read(port_pipe[0], &port, sizeof port) != sizeof port) return 1;
  return Connect({ca->certificate_pem, *certificate, *key_pem}, port, runtime_socket);
}

}  // namespace
}  // namespace muster

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s RUNTIME_SOCKET\n", argv[0]);
    return 64;
  }
  return muster::Main(argv[1]);
}
