// Asks a name server as fast as it answers, or is the floor for one: a bare UDP echo.
//
//   dns_load ADDRESS PORT NAME TYPE SECONDS WINDOW
//   dns_load --echo ADDRESS PORT BYTES
//
// The first keeps WINDOW questions under way from one socket and prints, as one JSON object, how
// many answers came, how many did not, their size, and how long they took. The second answers
// every datagram with BYTES bytes, the first ones those of the datagram, until it is killed.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr size_t kIds = 1 << 16;
constexpr auto kLostAfter = 500ms;

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Place {
  sockaddr_storage address{};
  socklen_t size = 0;
};

std::optional<Place> PlaceOf(const char* ip, uint16_t port) {
  Place place;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&place.address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&place.address);
  if (::inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    place.size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    place.size = sizeof *v6;
  } else {
    return std::nullopt;
  }
  return place;
}

int Socket(const Place& place) {
  const int fd = ::socket(place.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Fail("socket");
  return fd;
}

int Echo(const Place& place, size_t bytes) {
  const int fd = Socket(place);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&place.address), place.size) != 0) Fail("bind");
  std::puts("ready");
  std::fflush(stdout);
  std::string buffer(std::max<size_t>(bytes, 4096), '\0');
  while (true) {
    Place peer;
    peer.size = sizeof peer.address;
    auto* from = reinterpret_cast<sockaddr*>(&peer.address);
    if (::recvfrom(fd, buffer.data(), buffer.size(), 0, from, &peer.size) < 0) Fail("recvfrom");
    if (::sendto(fd, buffer.data(), bytes, 0, from, peer.size) < 0) Fail("sendto");
  }
}

// RFC 1035, 4.1: a header and one question; the first two bytes are its number.
std::string QuestionFor(const std::string& name, uint16_t type) {
  std::string text("\0\0\1\0\0\1\0\0\0\0\0\0", 12);
  for (size_t at = 0; at < name.size();) {
    const size_t dot = std::min(name.find('.', at), name.size());
    text += static_cast<char>(dot - at);
    text += name.substr(at, dot - at);
    at = dot + 1;
  }
  text += '\0';
  text += static_cast<char>(type >> 8);
  text += static_cast<char>(type);
  return text + std::string("\0\1", 2);
}

class Load {
 public:
  Load(const Place& place, std::string question)
      : question_(std::move(question)), fd_(Socket(place)) {
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&place.address), place.size) != 0) {
      Fail("connect");
    }
  }

  void Run(std::chrono::seconds time, size_t window) {
    const auto begin = Clock::now();
    const auto end = begin + time;
    for (size_t i = 0; i < window; ++i) Ask();
    auto now = begin;
    while ((now = Clock::now()) < end) {
      pollfd poll = {fd_, POLLIN, 0};
      if (::poll(&poll, 1, std::chrono::milliseconds(kLostAfter).count()) == 0) {
        // Whatever is under way is lost.
        lost_ += window;
        asked_.fill({});
        for (size_t i = 0; i < window; ++i) Ask();
        continue;
      }
      Take();
    }
    Print(std::chrono::duration<double>(now - begin).count());
  }

 private:
  void Ask() {
    ++next_;
    question_[0] = static_cast<char>(next_ >> 8);
    question_[1] = static_cast<char>(next_);
    asked_[next_] = Clock::now();
    if (::send(fd_, question_.data(), question_.size(), 0) < 0) Fail("send");
  }

  void Take() {
    std::array<char, 4096> answer;
    ssize_t length = 0;
    while ((length = ::recv(fd_, answer.data(), answer.size(), MSG_DONTWAIT)) >= 2) {
      const auto id = static_cast<uint16_t>(static_cast<uint8_t>(answer[0]) << 8 |
                                            static_cast<uint8_t>(answer[1]));
      if (asked_[id] == Clock::time_point{}) continue;  // It was given up.
      took_.push_back(Clock::now() - std::exchange(asked_[id], {}));
      bytes_ = length;
      Ask();
    }
  }

  void Print(double seconds) {
    std::sort(took_.begin(), took_.end());
    const auto percentile = [this](double part) {
      if (took_.empty()) return 0.0;
      const auto index = static_cast<size_t>(part * static_cast<double>(took_.size() - 1));
      return std::chrono::duration<double, std::micro>(took_[index]).count();
    };
    std::printf(
        "{\"answers\": %zu, \"lost\": %zu, \"bytes\": %zd, \"per_second\": %.0f, "
        "\"p50_us\": %.1f, \"p99_us\": %.1f}\n",
        took_.size(), lost_, bytes_, static_cast<double>(took_.size()) / seconds, percentile(0.5),
        percentile(0.99));
  }

  std::string question_;
  const int fd_;
  uint16_t next_ = 0;
  std::array<Clock::time_point, kIds> asked_{};
  std::vector<Clock::duration> took_;
  size_t lost_ = 0;
  ssize_t bytes_ = 0;
};

int Usage(const char* name) {
  std::fprintf(stderr,
               "usage: %s ADDRESS PORT NAME A|AAAA SECONDS WINDOW\n"
               "       %s --echo ADDRESS PORT BYTES\n",
               name, name);
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  int port = 0, count = 0, window = 0;
  const bool echo = argc == 5 && std::string_view(argv[1]) == "--echo";
  if (echo && absl::SimpleAtoi(argv[3], &port) && absl::SimpleAtoi(argv[4], &count) && count > 1) {
    const std::optional<Place> place = PlaceOf(argv[2], static_cast<uint16_t>(port));
    if (place) return Echo(*place, static_cast<size_t>(count));
  }
  if (argc != 7 || !absl::SimpleAtoi(argv[2], &port) || !absl::SimpleAtoi(argv[5], &count) ||
      !absl::SimpleAtoi(argv[6], &window) || count < 1 || window < 1 || window > 1024) {
    return Usage(argv[0]);
  }
  const std::optional<Place> place = PlaceOf(argv[1], static_cast<uint16_t>(port));
  if (!place) return Usage(argv[0]);
  constexpr uint16_t kA = 1, kAaaa = 28;
  const uint16_t type = std::string_view(argv[4]) == "AAAA" ? kAaaa : kA;
  static Load load(*place, QuestionFor(argv[3], type));  // Too large for a stack.
  load.Run(std::chrono::seconds(count), static_cast<size_t>(window));
}
