#include "agent/probe/net/http_attempt.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/probe/probe_answer.h"

namespace muster::agent {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

constexpr uint32_t kHeaderBytesMax = 64 * 1024;

std::string WordsOf(const error_code& error) { return absl::AsciiStrToLower(error.message()); }

std::string TimeoutWords(Duration timeout) {
  return absl::StrCat("no answer within ",
                      std::chrono::duration_cast<std::chrono::seconds>(timeout).count(), "s");
}

// One GET with the redirects it leads to.
class HttpAttempt final : public std::enable_shared_from_this<HttpAttempt> {
 public:
  HttpAttempt(asio::io_context& io, asio::ssl::context& tls, HttpCall call, Duration timeout,
              Prober::Done done)
      : io_(io),
        tls_(tls),
        resolver_(io),
        timer_(io),
        call_(std::move(call)),
        timeout_(timeout),
        done_(std::move(done)) {}

  void Begin() {
    timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout_));
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->End(AnswerOfBrokenHttp(self->call_, TimeoutWords(self->timeout_)));
    });
    Connect();
  }

 private:
  using Stream = beast::ssl_stream<beast::tcp_stream>;

  void Connect() {
    stream_ = std::make_unique<Stream>(io_, tls_);
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    // It is not read to its end. Not boost::none: to 1.74 that is less than any length.
    parser_->body_limit(std::numeric_limits<uint64_t>::max());
    buffer_.clear();
    error_code no_address;
    const auto address = asio::ip::make_address(call_.host, no_address);
    if (!no_address) {
      beast::get_lowest_layer(*stream_).async_connect(
          Tcp::endpoint(address, static_cast<uint16_t>(call_.port)),
          [self = shared_from_this()](const error_code& error) { self->OnConnected(error); });
      return;
    }
    resolver_.async_resolve(
        call_.host, std::to_string(call_.port),
        [self = shared_from_this()](const error_code& failed, const auto& found) {
          if (self->over_) return;
          if (failed) return self->Fail(failed);
          beast::get_lowest_layer(*self->stream_)
              .async_connect(found,
                             [self](const error_code& e, const auto&) { self->OnConnected(e); });
        });
  }

  void OnConnected(const error_code& error) {
    if (over_) return;
    if (error) return Fail(error);
    if (!call_.tls) return Write();
    // Servers with several names ask for it; an address is none.
    error_code no_address;
    (void)asio::ip::make_address(call_.host, no_address);
    if (no_address) ::SSL_set_tlsext_host_name(stream_->native_handle(), call_.host.c_str());
    stream_->async_handshake(asio::ssl::stream_base::client,
                             [self = shared_from_this()](const error_code& e) {
                               if (self->over_) return;
                               if (e) return self->OnNoTls(e);
                               self->Write();
                             });
  }

  void OnNoTls(const error_code& error) {
    const bool spoke_http = error.category() == asio::error::get_ssl_category() &&
                            (ERR_GET_REASON(error.value()) == SSL_R_HTTP_REQUEST ||
                             ERR_GET_REASON(error.value()) == SSL_R_WRONG_VERSION_NUMBER);
    // Kubernetes: hooks are tolerant, probes are not.
    if (!call_.any_status || !spoke_http) return Fail(error);
    call_.tls = false;
    Connect();
  }

  void Write() {
    request_ = {};
    request_.version(11);
    request_.method(http::verb::get);
    request_.target(call_.target);
    for (const auto& [name, value] : call_.headers) request_.insert(name, value);
    request_.set(http::field::connection, "close");
    const auto written = [self = shared_from_this()](const error_code& error, size_t) {
      if (self->over_) return;
      if (error) return self->Fail(error);
      self->Read();
    };
    if (call_.tls) {
      http::async_write(*stream_, request_, written);
    } else {
      http::async_write(stream_->next_layer(), request_, written);
    }
  }

  void Read() {
    const auto read = [self = shared_from_this()](const error_code& error, size_t) {
      if (self->over_) return;
      if (error) return self->Fail(error);
      self->OnHeader();
    };
    if (call_.tls) {
      http::async_read_header(*stream_, buffer_, *parser_, read);
    } else {
      http::async_read_header(stream_->next_layer(), buffer_, *parser_, read);
    }
  }

  void OnHeader() {
    const auto& response = parser_->get();
    const auto location = response[http::field::location];
    const int status = static_cast<int>(response.result_int());
    const std::optional<Redirect> redirect =
        call_.any_status ? std::nullopt
                         : RedirectOf(call_, status, {location.data(), location.size()});
    if (!redirect) return End(AnswerOfHttp(call_, status));
    if (!redirect->same_host) return ReadBody();
    if (++redirects_ > kRedirectsMax) return End(AnswerOfTooManyRedirects(call_));
    call_ = redirect->call;
    CloseSocket();
    Connect();
  }

  // Only what is shown of it.
  void ReadBody() {
    if (parser_->is_done() || body_size_ == body_.size()) {
      return End(AnswerOfForeignRedirect({body_.data(), body_size_}));
    }
    auto& body = parser_->get().body();
    body.data = body_.data() + body_size_;
    body.size = body_.size() - body_size_;
    const auto read = [self = shared_from_this()](const error_code& error, size_t) {
      if (self->over_) return;
      self->body_size_ = self->body_.size() - self->parser_->get().body().size;
      if (!error || error == http::error::need_buffer) return self->ReadBody();
      self->End(AnswerOfForeignRedirect({self->body_.data(), self->body_size_}));
    };
    if (call_.tls) {
      http::async_read_some(*stream_, buffer_, *parser_, read);
    } else {
      http::async_read_some(stream_->next_layer(), buffer_, *parser_, read);
    }
  }

  void Fail(const error_code& error) { End(AnswerOfBrokenHttp(call_, WordsOf(error))); }

  void CloseSocket() {
    error_code ignored;
    beast::get_lowest_layer(*stream_).socket().close(ignored);
  }

  void End(ProbeAnswer answer) {
    if (std::exchange(over_, true)) return;
    timer_.cancel();
    resolver_.cancel();
    CloseSocket();
    std::exchange(done_, nullptr)(std::move(answer));
  }

  asio::io_context& io_;
  asio::ssl::context& tls_;
  Tcp::resolver resolver_;
  asio::steady_timer timer_;
  std::unique_ptr<Stream> stream_;
  HttpCall call_;
  const Duration timeout_;
  Prober::Done done_;
  bool over_ = false;
  int redirects_ = 0;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_{kHeaderBytesMax + kProbeOutputMax};
  std::optional<http::response_parser<http::buffer_body>> parser_;
  std::array<char, kProbeOutputMax> body_;
  size_t body_size_ = 0;
};

class TcpAttempt final : public std::enable_shared_from_this<TcpAttempt> {
 public:
  TcpAttempt(asio::io_context& io, TcpCall call, Duration timeout, Prober::Done done)
      : stream_(io),
        resolver_(io),
        timer_(io),
        call_(std::move(call)),
        timeout_(timeout),
        done_(std::move(done)) {}

  void Begin() {
    timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout_));
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->Fail(TimeoutWords(self->timeout_));
    });
    error_code no_address;
    const auto address = asio::ip::make_address(call_.host, no_address);
    if (!no_address) {
      stream_.async_connect(
          Tcp::endpoint(address, static_cast<uint16_t>(call_.port)),
          [self = shared_from_this()](const error_code& error) { self->OnConnected(error); });
      return;
    }
    resolver_.async_resolve(
        call_.host, std::to_string(call_.port),
        [self = shared_from_this()](const error_code& error, const auto& found) {
          if (self->over_) return;
          if (error) return self->Fail(WordsOf(error));
          self->stream_.async_connect(
              found, [self](const error_code& failed, const auto&) { self->OnConnected(failed); });
        });
  }

 private:
  void OnConnected(const error_code& error) {
    if (error) return Fail(WordsOf(error));
    End({ProbeAnswer::Kind::kSuccess, ""});
  }

  void Fail(const std::string& why) {
    End({ProbeAnswer::Kind::kFailure,
         CleanText(absl::StrCat("dial tcp ", AddressOf(call_.host, call_.port), ": ", why))});
  }

  void End(ProbeAnswer answer) {
    if (std::exchange(over_, true)) return;
    timer_.cancel();
    resolver_.cancel();
    stream_.close();
    std::exchange(done_, nullptr)(std::move(answer));
  }

  beast::tcp_stream stream_;
  Tcp::resolver resolver_;
  asio::steady_timer timer_;
  const TcpCall call_;
  const Duration timeout_;
  Prober::Done done_;
  bool over_ = false;
};

}  // namespace

void BeginHttpAttempt(asio::io_context& io, asio::ssl::context& tls, const HttpCall& call,
                      Duration timeout, Prober::Done done) {
  std::make_shared<HttpAttempt>(io, tls, call, timeout, std::move(done))->Begin();
}

void BeginTcpAttempt(asio::io_context& io, const TcpCall& call, Duration timeout,
                     Prober::Done done) {
  std::make_shared<TcpAttempt>(io, call, timeout, std::move(done))->Begin();
}

}  // namespace muster::agent
