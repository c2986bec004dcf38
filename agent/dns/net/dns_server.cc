#include "agent/dns/net/dns_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr int kDatagramsAtOnce = 64;  // Before others have their turn on the loop.
constexpr size_t kQueryBytesMax = 4096;
constexpr size_t kTcpBytesMax = 65535;
constexpr size_t kUnsentBytesMax = 4 * kTcpBytesMax;
constexpr uint16_t kClassIn = 1;
constexpr uint16_t kZoneTransfer = 252, kZoneTransferPart = 251;

}  // namespace

// One client by TCP: any number of queries, answered as they are done.
class DnsServer::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(DnsServer& server, DnsSocket socket) : server_(server), socket_(std::move(socket)) {}

  absl::Status Begin() {
    timer_ = server_.events_.NewTimer([this] { server_.Drop(this); });
    Touch();
    return ListenAgain();
  }

 private:
  void Touch() { timer_->Set(server_.clock_.Mono() + server_.options_.idle_for); }

  // A descriptor has one source: it is writing while there is something to write.
  absl::Status ListenAgain() {
    source_.reset();
    if (out_.empty()) {
      MUSTER_ASSIGN_OR_RETURN(source_,
                              server_.events_.OnReadable(socket_.fd(), [this] { Read(); }));
    } else {
      MUSTER_ASSIGN_OR_RETURN(source_,
                              server_.events_.OnWritable(socket_.fd(), [this] { Write(); }));
    }
    return absl::OkStatus();
  }

  void Read() {
    std::array<char, kQueryBytesMax> buffer;
    const ssize_t size = ::recv(socket_.fd(), buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return server_.Drop(this);
    Touch();
    in_.append(buffer.data(), static_cast<size_t>(size));
    while (in_.size() >= 2) {
      const size_t length = static_cast<uint8_t>(in_[0]) * 256u + static_cast<uint8_t>(in_[1]);
      if (length > kQueryBytesMax) return server_.Drop(this);  // No query is that long.
      if (in_.size() < 2 + length) return;
      const std::string message = in_.substr(2, length);
      in_.erase(0, 2 + length);
      server_.Serve(message, true, [weak = weak_from_this()](const std::string& answer) {
        if (const auto self = weak.lock()) self->Send(answer);
      });
    }
  }

  void Send(const std::string& answer) {
    if (out_.size() + answer.size() > kUnsentBytesMax) return;  // It does not read.
    const bool writing = !out_.empty();
    out_ += Framed(answer);
    // Not from within Read, whose source this would end.
    if (writing || posted_) return;
    posted_ = true;
    server_.events_.Post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      self->posted_ = false;
      self->Write();
    });
  }

  void Write() {
    const ssize_t size = ::send(socket_.fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return server_.Drop(this);
    if (size > 0) {
      Touch();
      out_.erase(0, static_cast<size_t>(size));
    }
    // It may be the source that calls us: it may go within its own callback.
    if (!ListenAgain().ok()) server_.Drop(this);
  }

  DnsServer& server_;
  DnsSocket socket_;
  std::string in_, out_;
  bool posted_ = false;
  std::unique_ptr<EventLoop::Source> source_;
  std::unique_ptr<EventLoop::Timer> timer_;
};

DnsServer::DnsServer(EventLoop& events, const Clock& clock, Options options, RandomBits random)
    : events_(events),
      clock_(clock),
      options_(options),
      upstream_(events, clock, options.upstream, random),
      turn_(static_cast<uint32_t>(random())) {}

DnsServer::~DnsServer() { *alive_ = false; }

absl::Status DnsServer::Listen(const std::vector<IpAddress>& addresses) {
  absl::Status problem = absl::InvalidArgumentError("there is no address to listen at");
  for (const IpAddress& address : addresses) {
    absl::StatusOr<DnsSocket> udp = ListenUdp(address, options_.port);
    absl::StatusOr<DnsSocket> tcp = ListenTcp(address, options_.port);
    if (!udp.ok() || !tcp.ok()) {
      problem = udp.ok() ? tcp.status() : udp.status();
      continue;
    }
    const int udp_fd = udp->fd(), tcp_fd = tcp->fd();
    MUSTER_ASSIGN_OR_RETURN(auto udp_source,
                            events_.OnReadable(udp_fd, [this, udp_fd] { ReadDatagrams(udp_fd); }));
    MUSTER_ASSIGN_OR_RETURN(auto tcp_source,
                            events_.OnReadable(tcp_fd, [this, tcp_fd] { Accept(tcp_fd); }));
    sockets_.push_back(*std::move(udp));
    sockets_.push_back(*std::move(tcp));
    sources_.push_back(std::move(udp_source));
    sources_.push_back(std::move(tcp_source));
    addresses_.push_back(address);
  }
  return addresses_.empty() ? problem : absl::OkStatus();
}

void DnsServer::ReadDatagrams(int fd) {
  std::array<char, kQueryBytesMax> buffer;
  for (int i = 0; i < kDatagramsAtOnce; ++i) {
    SocketAddress from;
    from.size = sizeof(from.storage);
    const ssize_t size = ::recvfrom(fd, buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from.storage), &from.size);
    if (size < 0) return;
    Serve({buffer.data(), static_cast<size_t>(size)}, false, [fd, from](const std::string& answer) {
      // One that cannot be sent now is lost, as any datagram may be.
      (void)::sendto(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                     reinterpret_cast<const sockaddr*>(&from.storage), from.size);
    });
  }
}

void DnsServer::Accept(int fd) {
  DnsSocket socket(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.fd() < 0) return;
  if (connections_.size() >= options_.connections_max) connections_.pop_front();
  connections_.push_back(std::make_shared<Connection>(*this, std::move(socket)));
  if (!connections_.back()->Begin().ok()) connections_.pop_back();
}

void DnsServer::Drop(Connection* connection) {
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [&](const auto& its) { return its.get() == connection; });
  if (found == connections_.end()) return;
  // It is on the stack below us. It stays ours, so that it goes before the loop does.
  gone_.push_back(std::move(*found));
  connections_.erase(found);
  events_.Post([this, alive = alive_] {
    if (*alive) gone_.clear();
  });
}

void DnsServer::Serve(std::string_view bytes, bool tcp, Reply reply) {
  ReadQuery read = ParseQuery(bytes);
  if (read.error_answer) return reply(*std::move(read.error_answer));
  if (!read.query) return;
  const DnsQuery& query = *read.query;
  const size_t bytes_max = tcp ? kTcpBytesMax : query.udp_bytes_max;
  if (query.klass != kClassIn) return reply(EncodeError(query, DnsCode::kRefused));
  if (query.type == kZoneTransfer || query.type == kZoneTransferPart) {
    return reply(EncodeError(query, DnsCode::kNotImplemented));
  }
  if (upstream_.NoticeProbe(query)) return reply(EncodeError(query, DnsCode::kNoSuchName));
  if (zone_ == nullptr) return reply(EncodeError(query, DnsCode::kServerFailure));
  const ZoneAnswer answer =
      zone_->Answer(query.name, static_cast<RecordType>(query.type), turn_++, own_first_);
  if (answer.code != ZoneAnswer::Code::kNotOurs && answer.elsewhere.empty()) {
    return reply(EncodeAnswer(query, answer, *zone_, bytes_max));
  }
  ServeElsewhere(query, answer, bytes_max, std::move(reply));
}

void DnsServer::ServeElsewhere(const DnsQuery& query, const ZoneAnswer& answer, size_t bytes_max,
                               Reply reply) {
  DnsQuery asked = query;
  if (!answer.elsewhere.empty()) {
    const std::optional<DnsQuery> renamed = Renamed(query, answer.elsewhere);
    if (!renamed) return reply(EncodeError(query, DnsCode::kServerFailure));
    asked = *renamed;
  }
  // UDP sockets outlive every question; who asked by TCP may be gone.
  upstream_.Ask(asked, [query, answers = answer.answers, bytes_max, reply = std::move(reply)](
                           const std::string* bytes, uint32_t age_seconds) {
    reply(bytes == nullptr ? EncodeError(query, DnsCode::kServerFailure)
                           : FitUpstreamAnswer(*bytes, query, answers, age_seconds, bytes_max));
  });
}

}  // namespace muster::agent
