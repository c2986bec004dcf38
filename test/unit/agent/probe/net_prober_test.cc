// The prober over real sockets, against servers that behave well and badly.

#include "agent/probe/net/net_prober.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace muster::agent {

void PrintTo(const ProbeAnswer& answer, std::ostream* out) {
  *out << static_cast<int>(answer.kind) << " \"" << answer.output << '"';
}

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;
using Kind = ProbeAnswer::Kind;

constexpr char kTlsHello = 0x16;  // The first byte of one who wants to speak TLS.

// Answers one request for each connection with what `reply` makes of it. An empty reply: none, the
// connection stays open until the end.
class Server {
 public:
  using Reply = std::function<std::string(const std::string& request)>;

  explicit Server(Reply reply, bool tls = false) : reply_(std::move(reply)), tls_(tls) {
    if (tls) MakeCertificate();
    thread_ = std::thread([this] { Serve(); });
  }
  ~Server() {
    closing_ = true;
    error_code ignored;
    tcp::socket waker(io_);
    waker.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  int port() const { return acceptor_.local_endpoint().port(); }
  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void MakeCertificate() {
    EVP_PKEY* key = EVP_RSA_gen(2048);
    X509* certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), -60);  // Nobody looks at it.
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX_use_certificate(context_.native_handle(), certificate);
    SSL_CTX_use_PrivateKey(context_.native_handle(), key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  template <typename Stream>
  void Answer(Stream& stream) {
    std::string request;
    error_code error;
    while (request.find("\r\n\r\n") == std::string::npos && request[0] != kTlsHello) {
      char bytes[4096];
      const size_t size = stream.read_some(asio::buffer(bytes), error);
      if (error) return;
      request.append(bytes, size);
    }
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const std::string reply = reply_(request);
    if (!reply.empty()) asio::write(stream, asio::buffer(reply), error);
  }

  void Serve() {
    while (true) {
      tcp::socket socket(io_);
      error_code error;
      acceptor_.accept(socket, error);
      if (closing_ || error) return;
      if (tls_) {
        asio::ssl::stream<tcp::socket> stream(std::move(socket), context_);
        stream.handshake(asio::ssl::stream_base::server, error);
        if (!error) Answer(stream);
        kept_.push_back(std::move(stream.next_layer()));
      } else {
        Answer(socket);
        kept_.push_back(std::move(socket));
      }
      if (!reply_("").empty()) kept_.clear();
    }
  }

  const Reply reply_;
  const bool tls_;
  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::vector<tcp::socket> kept_;
  std::atomic<bool> closing_{false};
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

Server::Reply Always(const std::string& reply) {
  return [reply](const std::string&) { return reply; };
}

class NetProberTest : public testing::Test {
 protected:
  ProbeAnswer Ask(const NetCall& call, Duration timeout = seconds(5)) {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<ProbeAnswer> answer;
    prober_.Ask(call, timeout, [&](ProbeAnswer said) {
      std::lock_guard lock(mutex);
      answer = std::move(said);
      answered.notify_one();
    });
    std::unique_lock lock(mutex);
    answered.wait_for(lock, seconds(30), [&] { return answer.has_value(); });
    return answer.value_or(ProbeAnswer{Kind::kError, "never answered"});
  }
  static HttpCall Get(int port, const std::string& target = "/healthz") {
    HttpCall call;
    call.host = "127.0.0.1";
    call.port = port;
    call.target = target;
    call.headers = {{"Host", absl::StrCat("127.0.0.1:", port)}, {"X-One", "1"}, {"X-One", "2"}};
    return call;
  }
  // A port that was free a moment ago.
  static int ClosedPort() {
    asio::io_context io;
    return tcp::acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0))
        .local_endpoint()
        .port();
  }

  NetProber prober_;
};

// Spec 8: the request, and 200-399 as success.
// Spec: pod/8/http
TEST_F(NetProberTest, HttpGetIsSentAsItWasAskedFor) {
  Server server(Always("HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_EQ(Ask(Get(server.port(), "/healthz?a=b")), (ProbeAnswer{Kind::kSuccess, ""}));
  EXPECT_THAT(server.requests(), testing::ElementsAre(absl::StrCat(
                                     "GET /healthz?a=b HTTP/1.1\r\nHost: 127.0.0.1:", server.port(),
                                     "\r\nX-One: 1\r\nX-One: 2\r\nConnection: "
                                     "close\r\n\r\n")));
}

TEST_F(NetProberTest, HttpStatusDecides) {
  Server server(Always("HTTP/1.0 503 Busy\r\n\r\nbody"));
  EXPECT_EQ(Ask(Get(server.port())),
            (ProbeAnswer{Kind::kFailure, "HTTP probe failed with statuscode: 503"}));
}

// Spec 8: no answer is a failure, and the timeout covers everything.
// Spec: pod/8/http
TEST_F(NetProberTest, HttpWithoutAnAnswerFails) {
  EXPECT_THAT(Ask(Get(ClosedPort())).output, HasSubstr("connection refused"));
  Server silent(Always(""));
  const ProbeAnswer late = Ask(Get(silent.port()), milliseconds(1000));
  EXPECT_EQ(late.kind, Kind::kFailure);
  EXPECT_THAT(late.output, HasSubstr("no answer within 1s"));
}

TEST_F(NetProberTest, HttpServersThatMisbehaveFail) {
  const std::vector<std::string> replies = {
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/1.1\r\n\r\n",
      "HTTP/1.1 2x0 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: " + std::string(200'000, 'a') + "\r\n\r\n",
      std::string("HTTP/1.1 200 OK\r\n\0: x\r\n\r\n", 26),
      "\x16\x03\x01\x02"};
  for (const std::string& reply : replies) {
    Server server(Always(reply));
    EXPECT_EQ(Ask(Get(server.port()), seconds(2)).kind, Kind::kFailure) << reply.substr(0, 40);
  }
}

// Spec 8: a body is not waited for.
// Spec: pod/8/http
TEST_F(NetProberTest, EndlessBodyDoesNotMatter) {
  Server server(
      Always("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + std::string(100'000, 'x')));
  EXPECT_EQ(Ask(Get(server.port())), (ProbeAnswer{Kind::kSuccess, ""}));
}

// Spec 8: redirects.
// Spec: pod/8/http
TEST_F(NetProberTest, RedirectsWithinTheHostAreFollowed) {
  Server server([](const std::string& request) -> std::string {
    if (absl::StartsWith(request, "GET /ok ")) return "HTTP/1.1 200 OK\r\n\r\n";
    if (absl::StartsWith(request, "GET /out ")) {
      return "HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 5\r\n\r\ngo on";
    }
    if (absl::StartsWith(request, "GET /loop ")) {
      return "HTTP/1.1 302 Found\r\nLocation: /loop\r\n\r\n";
    }
    return "HTTP/1.1 301 Moved\r\nLocation: /ok\r\n\r\n";
  });
  EXPECT_EQ(Ask(Get(server.port())), (ProbeAnswer{Kind::kSuccess, ""}));
  EXPECT_EQ(Ask(Get(server.port(), "/out")),
            (ProbeAnswer{Kind::kWarning, "Probe terminated redirects, Response body: go on"}));
  const ProbeAnswer loop = Ask(Get(server.port(), "/loop"));
  EXPECT_EQ(loop.kind, Kind::kFailure);
  EXPECT_THAT(loop.output, HasSubstr("stopped after 10 redirects"));
}

// Spec 8: TLS is not verified. Spec 9: a hook's HTTPS that gets HTTP is tried as HTTP.
// Spec: pod/8/http, pod/9/handlers
TEST_F(NetProberTest, TlsIsSpokenToAnybody) {
  Server secure(Always("HTTP/1.1 200 OK\r\n\r\n"), true);
  HttpCall call = Get(secure.port());
  call.tls = true;
  EXPECT_EQ(Ask(call), (ProbeAnswer{Kind::kSuccess, ""}));

  Server plain(Always("HTTP/1.1 400 Bad Request\r\n\r\n"));
  call.port = plain.port();
  EXPECT_EQ(Ask(call).kind, Kind::kFailure);
  EXPECT_EQ(plain.requests().size(), 1u);
  call.any_status = true;
  EXPECT_EQ(Ask(call), (ProbeAnswer{Kind::kSuccess, ""}));
  ASSERT_EQ(plain.requests().size(), 3u);
  EXPECT_THAT(plain.requests()[2], StartsWith("GET /healthz HTTP/1.1"));
}

// Spec 8: tcpSocket.
// Spec: pod/8/tcp
TEST_F(NetProberTest, TcpNeedsNothingButAConnection) {
  Server server(Always(""));
  EXPECT_EQ(Ask(TcpCall{"127.0.0.1", server.port()}), (ProbeAnswer{Kind::kSuccess, ""}));
  EXPECT_EQ(Ask(TcpCall{"localhost", server.port()}).kind, Kind::kSuccess);
  const int closed = ClosedPort();
  EXPECT_EQ(Ask(TcpCall{"127.0.0.1", closed}),
            (ProbeAnswer{Kind::kFailure,
                         absl::StrCat("dial tcp 127.0.0.1:", closed, ": connection refused")}));
}

// What it says of each service; what it does not know it does not implement.
class HealthServer final : public grpc::health::v1::Health::Service {
 public:
  HealthServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~HealthServer() override { server_->Shutdown(); }

  grpc::Status Check(grpc::ServerContext*, const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override {
    using grpc::health::v1::HealthCheckResponse;
    if (request->service() == "huge") return {grpc::StatusCode::INTERNAL, std::string(9000, 'x')};
    if (request->service() == "none") return {grpc::StatusCode::UNIMPLEMENTED, "unknown service"};
    response->set_status(request->service() == "db" ? HealthCheckResponse::NOT_SERVING
                                                    : HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }

  int port = 0;

 private:
  std::unique_ptr<grpc::Server> server_;
};

// Spec 8: grpc.
// Spec: pod/8/grpc
TEST_F(NetProberTest, GrpcHealthIsUnderstood) {
  HealthServer server;
  EXPECT_EQ(Ask(GrpcCall{"127.0.0.1", server.port, ""}), (ProbeAnswer{Kind::kSuccess, ""}));
  EXPECT_EQ(Ask(GrpcCall{"127.0.0.1", server.port, "db"}),
            (ProbeAnswer{Kind::kFailure, "service unhealthy (responded with \"NOT_SERVING\")"}));
  EXPECT_EQ(Ask(GrpcCall{"127.0.0.1", server.port, "none"}),
            (ProbeAnswer{Kind::kFailure,
                         "error: this server does not implement the grpc health protocol "
                         "(grpc.health.v1.Health): unknown service"}));
  EXPECT_EQ(Ask(GrpcCall{"127.0.0.1", server.port, "huge"}).kind, Kind::kFailure);
  EXPECT_THAT(Ask(GrpcCall{"127.0.0.1", ClosedPort(), ""}, seconds(1)).output,
              StartsWith("timeout: failed to connect service"));
  Server silent(Always(""));
  EXPECT_EQ(Ask(GrpcCall{"127.0.0.1", silent.port(), ""}, seconds(1)).kind, Kind::kFailure);
}

// What is under way at the end calls nobody.
TEST(NetProber, EndsWithAttemptsUnderWay) {
  Server silent(Always(""));
  bool called = false;
  {
    NetProber prober;
    HttpCall call;
    call.host = "127.0.0.1";
    call.port = silent.port();
    prober.Ask(call, seconds(60), [&](const ProbeAnswer&) { called = true; });
    prober.Ask(GrpcCall{"127.0.0.1", silent.port(), ""}, seconds(60),
               [&](const ProbeAnswer&) { called = true; });
  }
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace muster::agent
