#include "agent/dns/net/upstream.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/dns/net/dns_socket.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

constexpr size_t kMessageBytesMax = 65535;
constexpr char kProbeSuffix[] = ".loop-test.muster";
constexpr std::string_view kProbeAlphabet = "abcdefghijklmnopqrstuvwxyz";
constexpr size_t kProbeLength = 20;
constexpr uint16_t kTypeHinfo = 13;

// Another server may know what this one does not.
bool CannotSay(DnsCode code) {
  return code == DnsCode::kServerFailure || code == DnsCode::kRefused ||
         code == DnsCode::kNotImplemented || code == DnsCode::kFormat;
}

DnsQuery ProbeQuery(const std::string& name) {
  DnsQuery query;
  query.type = kTypeHinfo;
  return *Renamed(query, name);  // It is made of letters.
}

}  // namespace

// One question to one server: by UDP, and by TCP when the answer was cut off.
class DnsUpstream::Attempt {
 public:
  // None: it did not answer.
  using Told = std::function<void(std::optional<std::string>)>;

  Attempt(DnsUpstream& up, const DnsQuery& query, const IpAddress& server, Told told)
      : up_(up),
        query_(query),
        server_(server),
        told_(std::move(told)),
        id_(static_cast<uint16_t>(up.random_())) {
    timer_ = up_.events_.NewTimer([this] { Tell(std::nullopt); });
    timer_->Set(up_.clock_.Mono() + up_.options_.try_for);
    Begin();
  }

 private:
  void Begin() {
    absl::StatusOr<DnsSocket> socket = ConnectUdp(server_, up_.options_.port);
    if (!socket.ok()) return Later();
    socket_ = *std::move(socket);
    const std::string message = EncodeUpstreamQuery(query_, id_);
    if (::send(socket_.fd(), message.data(), message.size(), MSG_NOSIGNAL) < 0) return Later();
    Listen([this] { ReadDatagram(); });
  }

  // Fails, but not from within the constructor.
  void Later() { timer_->Set(up_.clock_.Mono()); }

  void Listen(EventLoop::Callback callback) {
    absl::StatusOr<std::unique_ptr<EventLoop::Source>> source =
        up_.events_.OnReadable(socket_.fd(), std::move(callback));
    if (!source.ok()) return Later();
    source_ = *std::move(source);
  }

  void ReadDatagram() {
    std::array<char, kMessageBytesMax> buffer;
    const ssize_t size = ::recv(socket_.fd(), buffer.data(), buffer.size(), 0);
    if (size < 0) {
      // Nobody is there (ICMP), which is an answer, too.
      if (errno != EAGAIN && errno != EINTR) Tell(std::nullopt);
      return;
    }
    const std::string_view bytes(buffer.data(), static_cast<size_t>(size));
    const std::optional<UpstreamAnswer> answer = CheckUpstreamAnswer(bytes, query_, id_);
    if (!answer) return;  // Somebody guesses; the true one may still come.
    if (answer->truncated) return BeginTcp();
    Tell(std::string(bytes));
  }

  void BeginTcp() {
    source_.reset();
    absl::StatusOr<DnsSocket> socket = ConnectTcp(server_, up_.options_.port);
    if (!socket.ok()) return Tell(std::nullopt);
    socket_ = *std::move(socket);
    out_ = Framed(EncodeUpstreamQuery(query_, id_));
    timer_->Set(up_.clock_.Mono() + up_.options_.try_for);
    absl::StatusOr<std::unique_ptr<EventLoop::Source>> source =
        up_.events_.OnWritable(socket_.fd(), [this] { WriteStream(); });
    if (!source.ok()) return Tell(std::nullopt);
    source_ = *std::move(source);
  }

  void WriteStream() {
    const ssize_t size = ::send(socket_.fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (size < 0) {
      if (errno != EAGAIN && errno != EINTR) Tell(std::nullopt);
      return;
    }
    out_.erase(0, static_cast<size_t>(size));
    if (!out_.empty()) return;
    source_.reset();
    Listen([this] { ReadStream(); });
  }

  void ReadStream() {
    std::array<char, 16384> buffer;
    const ssize_t size = ::recv(socket_.fd(), buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return Tell(std::nullopt);
    in_.append(buffer.data(), static_cast<size_t>(size));
    if (in_.size() < 2) return;
    const size_t length = static_cast<uint8_t>(in_[0]) * 256u + static_cast<uint8_t>(in_[1]);
    if (in_.size() < 2 + length) return;
    std::string message = in_.substr(2, length);
    if (!CheckUpstreamAnswer(message, query_, id_)) return Tell(std::nullopt);
    Tell(std::move(message));
  }

  // Once; whoever is told ends the attempt a little later, from the loop. Until then neither the
  // clock nor another datagram may wake it.
  void Tell(std::optional<std::string> bytes) {
    if (!told_) return;
    timer_->Clear();
    source_.reset();
    const Told told = std::exchange(told_, nullptr);
    told(std::move(bytes));
  }

  DnsUpstream& up_;
  const DnsQuery query_;
  const IpAddress server_;
  Told told_;
  const uint16_t id_;
  DnsSocket socket_;
  std::string out_, in_;
  std::unique_ptr<EventLoop::Source> source_;
  std::unique_ptr<EventLoop::Timer> timer_;
};

DnsUpstream::DnsUpstream(EventLoop& events, const Clock& clock, Options options, RandomBits random)
    : events_(events),
      clock_(clock),
      options_(options),
      random_(std::move(random)),
      cache_(options.cached_max) {}

DnsUpstream::~DnsUpstream() { *alive_ = false; }

void DnsUpstream::SetServers(const std::vector<std::string>& servers,
                             const std::vector<IpAddress>& own) {
  std::vector<Server> next;
  for (const std::string& text : servers) {
    const std::optional<IpAddress> address = ParseIp(text);
    if (!address || std::find(own.begin(), own.end(), *address) != own.end()) continue;
    next.push_back({*address, "", false});
  }
  const bool same =
      std::equal(next.begin(), next.end(), servers_.begin(), servers_.end(),
                 [](const Server& a, const Server& b) { return a.address == b.address; });
  if (same) return;
  servers_ = std::move(next);
  cache_.Clear();
  probes_.clear();
  for (Server& server : servers_) Probe(server);
}

void DnsUpstream::Probe(Server& server) {
  server.probe = absl::StrCat(RandomText(random_, kProbeAlphabet, kProbeLength), kProbeSuffix);
  // What it answers does not matter, only whether it asks us.
  const size_t place = probes_.size();
  probes_.push_back(nullptr);
  probes_[place] =
      std::make_unique<Attempt>(*this, ProbeQuery(server.probe), server.address,
                                [this, place, alive = alive_](const std::optional<std::string>&) {
                                  events_.Post([this, place, alive] {
                                    if (*alive && place < probes_.size()) probes_[place].reset();
                                  });
                                });
}

bool DnsUpstream::NoticeProbe(const DnsQuery& query) {
  if (query.type != kTypeHinfo) return false;
  for (Server& server : servers_) {
    if (server.probe != query.name) continue;
    if (!server.loops) {
      spdlog::warn(
          "the name server {} of this host asks this agent, so it is not asked for other "
          "names; give it servers of its own",
          ToText(server.address));
    }
    server.loops = true;
    return true;
  }
  return false;
}

std::vector<const DnsUpstream::Server*> DnsUpstream::Usable() const {
  std::vector<const Server*> usable;
  for (const Server& server : servers_) {
    if (!server.loops) usable.push_back(&server);
  }
  return usable;
}

void DnsUpstream::Ask(const DnsQuery& query, Done done) {
  if (const std::optional<AnswerCache::Hit> hit = cache_.Find(query, clock_.Mono())) {
    return done(&hit->bytes, hit->age_seconds);
  }
  const std::string key = QuestionKey(query);
  if (const auto known = waiting_.find(key); known != waiting_.end()) {
    if (known->second.done.size() >= options_.waiting_max) return done(nullptr, 0);
    known->second.done.push_back(std::move(done));
    return;
  }
  if (waiting_.size() >= options_.waiting_max) return done(nullptr, 0);
  Waiting& waiting = waiting_[key];
  waiting.query = query;
  waiting.done.push_back(std::move(done));
  TryNext(key);
}

void DnsUpstream::TryNext(const std::string& key) {
  Waiting& waiting = waiting_.at(key);
  const std::vector<const Server*> usable = Usable();
  if (waiting.tries >= usable.size() * static_cast<size_t>(options_.rounds)) {
    const std::string last = std::move(waiting.last_answer);
    return Finish(key, last.empty() ? nullptr : &last, 0);
  }
  const IpAddress server = usable[waiting.tries % usable.size()]->address;
  ++waiting.tries;
  waiting.attempt = std::make_unique<Attempt>(
      *this, waiting.query, server, [this, key](std::optional<std::string> bytes) {
        // The attempt is on the stack below us; what comes next is done from the loop.
        events_.Post([this, key, bytes = std::move(bytes), alive = alive_]() mutable {
          if (!*alive || !waiting_.contains(key)) return;
          if (bytes) return OnAnswer(key, *std::move(bytes));
          TryNext(key);
        });
      });
}

void DnsUpstream::OnAnswer(const std::string& key, std::string bytes) {
  Waiting& waiting = waiting_.at(key);
  // It was checked when it came; the id is not wanted any more.
  const auto id =
      static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) * 256u + static_cast<uint8_t>(bytes[1]));
  const std::optional<UpstreamAnswer> answer = CheckUpstreamAnswer(bytes, waiting.query, id);
  if (!answer || CannotSay(answer->code)) {
    waiting.last_answer = std::move(bytes);
    return TryNext(key);
  }
  cache_.Put(waiting.query, bytes, answer->ttl_seconds, clock_.Mono());
  Finish(key, &bytes, 0);
}

void DnsUpstream::Finish(const std::string& key, const std::string* bytes, uint32_t age_seconds) {
  auto node = waiting_.extract(key);
  for (const Done& done : node.mapped().done) done(bytes, age_seconds);
}

}  // namespace muster::agent
