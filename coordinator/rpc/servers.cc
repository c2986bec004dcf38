#include "coordinator/rpc/servers.h"

#include <utility>

#include "common/base/macros.h"
#include "grpc/impl/codegen/grpc_types.h"
#include "grpc/support/log.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_posix.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

// A manifest with all its ConfigMaps in one apply; reports are far smaller.
constexpr int kReceivedBytesMax = 64 << 20;
// A connection that has not done its TLS handshake by then is closed. No less than the longer
// patience of the ConnectionGate, which closes those that are in the way before.
constexpr int kHandshakeMsMax = 20'000;
// Of one connection. An agent has its session and a tunnel for each `logs` and `exec`.
constexpr int kStreamsMax = 256;

void SetCommonOptions(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kReceivedBytesMax);
  // A second coordinator on one address is a mistake, not a way to share load.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsMax);
  // Nothing here is compressed, and what becomes large by being unpacked is not let in: with none
  // of the algorithms allowed, a message that comes with one is an error before it is unpacked.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
}

// A peer that vanished without a word is noticed within 9 s. Agents ping us as often for the same
// reason, which gRPC by default takes for abuse.
void SetKeepalive(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 4'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
}

std::unique_ptr<grpc::Server> StartLocal(grpc::Service& service) {
  grpc::ServerBuilder builder;
  SetCommonOptions(builder);
  builder.RegisterService(&service);
  return builder.BuildAndStart();
}

void LogForGrpc(gpr_log_func_args* args) {
  spdlog::debug("grpc: {}:{}: {}", args->file, args->line, args->message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServers>> RpcServers::Start(const Options& options) {
  gpr_set_log_function(&LogForGrpc);
  std::unique_ptr<grpc::Server> local_admin = StartLocal(*options.local_admin);
  std::unique_ptr<grpc::Server> local_viewer = StartLocal(*options.local_viewer);
  if (local_admin == nullptr || local_viewer == nullptr) {
    return absl::InternalError("cannot start the local gRPC servers");
  }

  MUSTER_ASSIGN_OR_RETURN(std::unique_ptr<Acceptor> acceptor,
                          Acceptor::Listen({options.listen, options.gate}));
  grpc::ServerBuilder tls_builder;
  SetCommonOptions(tls_builder);
  tls_builder.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes_max));
  tls_builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMsMax);
  SetKeepalive(tls_builder);
  std::shared_ptr<grpc::ServerCredentials> credentials =
      pki::MakeServerCredentials(options.identity);
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> door =
      tls_builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
  tls_builder.RegisterService(options.sessions);
  if (options.remote_admin != nullptr) tls_builder.RegisterService(options.remote_admin);
  std::unique_ptr<grpc::Server> tls = tls_builder.BuildAndStart();
  if (tls == nullptr) return absl::InternalError("cannot start the gRPC server of the network");
  return std::unique_ptr<RpcServers>(new RpcServers(std::move(credentials), std::move(tls),
                                                    std::move(local_admin), std::move(local_viewer),
                                                    std::move(acceptor), std::move(door)));
}

RpcServers::RpcServers(std::shared_ptr<grpc::ServerCredentials> credentials,
                       std::unique_ptr<grpc::Server> tls, std::unique_ptr<grpc::Server> local_admin,
                       std::unique_ptr<grpc::Server> local_viewer,
                       std::unique_ptr<Acceptor> acceptor,
                       std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> door)
    : credentials_(std::move(credentials)),
      tls_(std::move(tls)),
      local_admin_(std::move(local_admin)),
      local_viewer_(std::move(local_viewer)),
      door_(std::move(door)),
      acceptor_(std::move(acceptor)) {}

RpcServers::~RpcServers() = default;

void RpcServers::LetIn() {
  acceptor_->Begin([door = door_.get()](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    door->HandleNewConnection(&connection);
  });
}

void RpcServers::AddLocalConnection(int fd, bool trusted) {
  grpc::AddInsecureChannelFromFd(trusted ? local_admin_.get() : local_viewer_.get(), fd);
}

void RpcServers::Shutdown(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::system_clock::now() + patience;
  acceptor_->Stop();
  tls_->Shutdown(deadline);
  local_admin_->Shutdown(deadline);
  local_viewer_->Shutdown(deadline);
}

}  // namespace muster::coordinator
