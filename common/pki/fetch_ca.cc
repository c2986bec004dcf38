#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/pki/openssl.h"

namespace muster::pki {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// OpenSSL writes to the socket without MSG_NOSIGNAL: a peer that goes away would end the process.
class NoBrokenPipeSignal {
 public:
  NoBrokenPipeSignal() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
  NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;
  ~NoBrokenPipeSignal() {
    const timespec at_once = {};
    while (sigismember(&before_, SIGPIPE) == 0 && ::sigtimedwait(&signal_, nullptr, &at_once) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t signal_, before_;
};

// False when the deadline passes first.
bool Await(int fd, short events, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd wait = {fd, events, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// 0, or the errno of the failure.
int ConnectTo(int fd, const addrinfo& address, Deadline deadline) {
  if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!Await(fd, POLLOUT, deadline)) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

absl::StatusOr<std::unique_ptr<Socket>> Dial(const std::string& address, Deadline deadline) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected HOST:PORT for the coordinator, found \"", address, "\""));
  }
  std::string host = address.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error =
          ::getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &found);
      error != 0) {
    return absl::UnavailableError(absl::StrCat("looking up ", host, ": ", ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, Freer<::freeaddrinfo>> list(found);
  int error = ECONNREFUSED;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    auto socket = std::make_unique<Socket>(::socket(
        each->ai_family, each->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, each->ai_protocol));
    if (socket->get() < 0) {
      error = errno;
      continue;
    }
    error = ConnectTo(socket->get(), *each, deadline);
    if (error == 0) return socket;
  }
  return absl::UnavailableError(
      absl::StrCat("connecting to ", address, ": ", std::strerror(error)));
}

absl::Status Handshake(SSL& ssl, int fd, const std::string& address, Deadline deadline) {
  for (;;) {
    const int result = SSL_connect(&ssl);
    if (result == 1) return absl::OkStatus();
    const int reason = SSL_get_error(&ssl, result);
    const short events = reason == SSL_ERROR_WANT_READ    ? POLLIN
                         : reason == SSL_ERROR_WANT_WRITE ? POLLOUT
                                                          : 0;
    if (events == 0) {
      return OpenSslError(absl::StatusCode::kUnavailable,
                          absl::StrCat("speaking TLS with ", address));
    }
    if (!Await(fd, events, deadline)) {
      return absl::UnavailableError(absl::StrCat("no TLS answer from ", address, " in time"));
    }
  }
}

}  // namespace

absl::StatusOr<std::string> FetchCa(const std::string& address, const std::string& ca_hash,
                                    std::chrono::milliseconds timeout,
                                    std::string* ret_server_pem) {
  const NoBrokenPipeSignal no_signal;
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<Socket> socket, Dial(address, deadline));
  const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return OpenSslError(absl::StatusCode::kInternal, "starting TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  // Nobody is trusted at this point: the chain is only read, and the hash decides.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  const std::unique_ptr<SSL, Freer<SSL_free>> ssl(SSL_new(context.get()));
  constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  if (ssl == nullptr || SSL_set_fd(ssl.get(), socket->get()) != 1 ||
      SSL_set_alpn_protos(ssl.get(), kHttp2, sizeof kHttp2) != 0) {
    return OpenSslError(absl::StatusCode::kInternal, "starting TLS");
  }
  MUSTER_RETURN_IF_ERROR(Handshake(*ssl, socket->get(), address, deadline));
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl.get());
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* certificate = sk_X509_value(chain, i);
    EVP_PKEY* key = X509_get0_pubkey(certificate);
    if (key == nullptr || X509_check_ca(certificate) != 1) continue;
    MUSTER_ASSIGN_OR_RETURN(const std::string hash, HashOfKey(*key));
    if (!EqualInConstantTime(hash, ca_hash)) continue;
    if (ret_server_pem != nullptr) {
      MUSTER_ASSIGN_OR_RETURN(*ret_server_pem, CertificatePem(*sk_X509_value(chain, 0)));
    }
    return CertificatePem(*certificate);
  }
  return absl::PermissionDeniedError(
      absl::StrCat("no CA with the hash ", ca_hash, " at ", address,
                   ": the --ca-hash is not this coordinator's, or somebody sits in between"));
}

}  // namespace muster::pki
