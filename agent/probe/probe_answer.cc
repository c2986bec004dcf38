#include "agent/probe/probe_answer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster::agent {
namespace {

using Kind = ProbeAnswer::Kind;

constexpr size_t kLocationMax = 8 * 1024;

// The bytes of the UTF-8 character that `text` begins with; 0 when it begins with none.
size_t CharacterLength(std::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                        : (first & 0xf0) == 0xe0         ? 3
                        : first >= 0xf0 && first <= 0xf4 ? 4
                                                         : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Written longer than need be, half of a surrogate pair, or beyond the last character.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) {
    return 0;
  }
  return length;
}

bool IsPrintable(char c) {
  return c == '\n' || c == '\t' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
}

std::string Seconds(Duration time) {
  return absl::StrCat(std::chrono::duration_cast<std::chrono::seconds>(time).count(), "s");
}

struct Url {
  bool tls = false;
  std::string host;
  int port = 0;
  std::string target;
};

std::string Lower(std::string_view text) { return absl::AsciiStrToLower(std::string(text)); }

// An absolute http or https URL.
std::optional<Url> ParseUrl(std::string_view text) {
  Url url;
  const size_t slashes = text.find("//");
  const std::string scheme = Lower(text.substr(0, slashes));
  const bool known = scheme == "http:" || scheme == "https:";
  if (slashes == std::string_view::npos || !known) return std::nullopt;
  url.tls = scheme == "https:";
  text.remove_prefix(scheme.size() + 2);
  const size_t path = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, path);
  std::string_view target = text.substr(path);
  target = target.substr(0, target.find('#'));
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  const bool bracketed = authority.starts_with('[');
  const size_t host_end = authority.find(bracketed ? ']' : ':');
  url.host = std::string(authority.substr(0, host_end));
  std::string_view port = host_end == std::string_view::npos ? "" : authority.substr(host_end);
  if (bracketed) {
    if (port.empty()) return std::nullopt;
    url.host.erase(0, 1);
    port.remove_prefix(1);
  }
  if (url.host.empty()) return std::nullopt;
  url.port = url.tls ? 443 : 80;
  if (port.empty() || port == ":") return url;
  if (!port.starts_with(':')) return std::nullopt;
  const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), url.port);
  const bool whole = error == std::errc() && end == port.data() + port.size();
  if (!whole || url.port < 1 || url.port > 65535) return std::nullopt;
  return url;
}

}  // namespace

std::string CleanText(std::string_view text, size_t bytes_max) {
  std::string clean;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    const bool good = length > 0 && IsPrintable(text.front());
    const size_t taken = std::max<size_t>(length, 1);
    if (clean.size() + (good ? taken : 1) > bytes_max) break;
    if (good) {
      clean.append(text.substr(0, taken));
    } else {
      clean.push_back('?');
    }
    text.remove_prefix(taken);
  }
  return clean;
}

ProbeAnswer AnswerOfExec(const std::vector<std::string>& command, Duration timeout,
                         const absl::StatusOr<ExecResult>& result) {
  if (absl::IsDeadlineExceeded(result.status())) {
    const std::string text = absl::StrJoin(command, " ");
    return {Kind::kFailure, CleanText(absl::StrCat("command timed out: \"", text,
                                                   "\" timed out after ", Seconds(timeout)))};
  }
  if (!result.ok()) {
    const absl::string_view message = result.status().message();
    return {Kind::kError, CleanText(std::string_view(message.data(), message.size()))};
  }
  std::string output = CleanText(result->stdout_text);
  output += CleanText(result->stderr_text, kProbeOutputMax - output.size());
  return {result->exit_code == 0 ? Kind::kSuccess : Kind::kFailure, std::move(output)};
}

std::string AddressOf(const std::string& host, int port) {
  const bool bare_v6 = host.find(':') != std::string::npos;
  return bare_v6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

std::string UrlOf(const HttpCall& call) {
  return absl::StrCat(call.tls ? "https://" : "http://", AddressOf(call.host, call.port),
                      call.target);
}

std::optional<Redirect> RedirectOf(const HttpCall& call, int status, std::string_view location) {
  constexpr std::array<int, 5> kRedirects = {301, 302, 303, 307, 308};
  if (std::find(kRedirects.begin(), kRedirects.end(), status) == kRedirects.end()) {
    return std::nullopt;
  }
  if (location.empty() || location.size() > kLocationMax) return std::nullopt;
  for (const char c : location) {
    if (static_cast<uint8_t>(c) <= 0x20 || c == 0x7f) return std::nullopt;
  }
  Redirect redirect{true, call};
  const bool has_scheme =
      location.substr(0, location.find_first_of("/?#")).find(':') != std::string_view::npos;
  if (!has_scheme && !location.starts_with("//")) {
    const std::string_view target = location.substr(0, location.find('#'));
    const std::string_view path = std::string_view(call.target).substr(0, call.target.find('?'));
    if (target.starts_with('/')) {
      redirect.call.target = std::string(target);
    } else if (target.empty() || target.starts_with('?')) {
      redirect.call.target = std::string(path) + std::string(target);
    } else {
      redirect.call.target = std::string(path.substr(0, path.rfind('/') + 1)) + std::string(target);
    }
    return redirect;
  }
  const std::optional<Url> url =
      has_scheme ? ParseUrl(location)
                 : ParseUrl((call.tls ? "https:" : "http:") + std::string(location));
  // What cannot be asked is surely another place.
  if (!url || Lower(url->host) != Lower(call.host)) return Redirect{false, {}};
  redirect.call.tls = url->tls;
  redirect.call.host = url->host;
  redirect.call.port = url->port;
  redirect.call.target = url->target;
  return redirect;
}

ProbeAnswer AnswerOfHttp(const HttpCall& call, int status) {
  if (call.any_status || (status >= 200 && status < 400)) return {Kind::kSuccess, ""};
  return {Kind::kFailure, absl::StrCat("HTTP probe failed with statuscode: ", status)};
}

ProbeAnswer AnswerOfForeignRedirect(std::string_view body) {
  return {Kind::kWarning,
          CleanText("Probe terminated redirects, Response body: " + std::string(body))};
}

ProbeAnswer AnswerOfTooManyRedirects(const HttpCall& call) {
  return AnswerOfBrokenHttp(call, absl::StrCat("stopped after ", kRedirectsMax, " redirects"));
}

ProbeAnswer AnswerOfBrokenHttp(const HttpCall& call, std::string_view why) {
  return {Kind::kFailure, CleanText(absl::StrCat("Get \"", UrlOf(call), "\": ", std::string(why)))};
}

ProbeAnswer AnswerOfGrpc(const GrpcCall& call, Duration timeout, const absl::Status& status,
                         bool connected, int serving_status) {
  constexpr std::array kNames = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  constexpr int kServing = 1;
  const absl::string_view said = status.message();
  if (absl::IsDeadlineExceeded(status)) {
    return {
        Kind::kFailure,
        connected
            ? absl::StrCat("timeout: health rpc did not complete within ", Seconds(timeout))
            : absl::StrCat("timeout: failed to connect service \"", AddressOf(call.host, call.port),
                           "\" within ", Seconds(timeout), ": context deadline exceeded")};
  }
  if (absl::IsUnimplemented(status)) {
    return {Kind::kFailure,
            CleanText(absl::StrCat("error: this server does not implement the grpc health "
                                   "protocol (grpc.health.v1.Health): ",
                                   said))};
  }
  if (!status.ok()) {
    return {Kind::kFailure, CleanText(absl::StrCat("error: health rpc failed: ", said))};
  }
  if (serving_status == kServing) return {Kind::kSuccess, ""};
  const bool known = serving_status >= 0 && serving_status < static_cast<int>(kNames.size());
  const std::string name = known ? kNames[serving_status] : absl::StrCat(serving_status);
  return {Kind::kFailure, absl::StrCat("service unhealthy (responded with \"", name, "\")")};
}

}  // namespace muster::agent
