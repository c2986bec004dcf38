#include "agent/workload/handler_call.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/macros.h"
#include "common/model/int_or_string.h"

namespace muster::agent {
namespace {

// Servers and firewalls know probes by this; the version is that of the behaviour.
constexpr char kProbeAgent[] = "kube-probe/1.31";
constexpr char kHookAgent[] = "kube-lifecycle/1.31";

absl::StatusOr<int> PortOf(const v1::IntOrString& port, const v1::Container& container) {
  int number = port.int_value();
  if (port.value_case() == v1::IntOrString::kStringValue) {
    const std::string& name = port.string_value();
    const auto& ports = container.ports();
    const auto named =
        std::find_if(ports.begin(), ports.end(),
                     [&name](const v1::ContainerPort& p) { return p.name() == name; });
    if (named != ports.end()) {
      number = named->container_port();
    } else if (!absl::SimpleAtoi(name, &number)) {
      return absl::NotFoundError(
          absl::StrCat("couldn't find port \"", name, "\" of container ", container.name()));
    }
  }
  if (number < 1 || number > 65535) {
    return absl::OutOfRangeError(absl::StrCat("invalid port number: ", model::ToText(port)));
  }
  return number;
}

bool IsTokenByte(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         kMarks.find(c) != std::string_view::npos;
}

bool IsHex(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

// As it is sent: what may not be in a request line is written as %XX; a fragment stays here.
std::string TargetOf(std::string_view path) {
  constexpr std::string_view kNever = "\"<>\\^`{|}";
  path = path.substr(0, path.find('#'));
  std::string target = path.starts_with('/') ? "" : "/";
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    const uint8_t byte = static_cast<uint8_t>(c);
    const bool lone_percent =
        c == '%' && !(i + 2 < path.size() && IsHex(path[i + 1]) && IsHex(path[i + 2]));
    if (byte <= 0x20 || byte >= 0x7f || lone_percent || kNever.find(c) != std::string_view::npos) {
      absl::StrAppend(&target, absl::StrFormat("%%%02X", byte));
    } else {
      target.push_back(c);
    }
  }
  return target;
}

absl::StatusOr<HttpCall> HttpCallOf(const v1::HTTPGetAction& get, const v1::Container& container,
                                    const std::string& pod_ip, const char* agent) {
  HttpCall call;
  MUSTER_ASSIGN_OR_RETURN(call.port, PortOf(get.port(), container));
  call.tls = absl::AsciiStrToLower(get.scheme()) == "https";
  call.host = get.host().empty() ? pod_ip : get.host();
  call.target = TargetOf(get.path());
  std::string host, user_agent = agent, accept = "*/*";
  const bool bare_v6 = call.host.find(':') != std::string::npos;
  host = bare_v6 ? absl::StrCat("[", call.host, "]:", call.port)
                 : absl::StrCat(call.host, ":", call.port);
  std::vector<std::pair<std::string, std::string>> others;
  for (const v1::HTTPHeader& header : get.http_headers()) {
    const bool name_good =
        !header.name().empty() && std::ranges::all_of(header.name(), IsTokenByte);
    const bool value_good = std::ranges::all_of(header.value(), [](char c) {
      return c == '\t' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
    });
    if (!name_good || !value_good) {
      return absl::InvalidArgumentError(
          absl::StrCat("invalid header field \"", header.name(), "\": it cannot be sent"));
    }
    const std::string name = absl::AsciiStrToLower(header.name());
    if (name == "host") {
      host = header.value();
    } else if (name == "user-agent") {
      user_agent = header.value();
    } else if (name == "accept") {
      accept = header.value();
    } else if (name != "connection") {
      others.emplace_back(header.name(), header.value());
    }
  }
  call.headers.emplace_back("Host", host);
  // Given but empty means: without.
  if (!user_agent.empty()) call.headers.emplace_back("User-Agent", user_agent);
  if (!accept.empty()) call.headers.emplace_back("Accept", accept);
  call.headers.insert(call.headers.end(), others.begin(), others.end());
  return call;
}

ExecCall ExecCallOf(const v1::ExecAction& exec) {
  return {{exec.command().begin(), exec.command().end()}};
}

}  // namespace

absl::StatusOr<HandlerCall> CallOfProbe(const v1::Probe& probe, const v1::Container& container,
                                        const std::string& pod_ip) {
  if (probe.has_exec()) return ExecCallOf(probe.exec());
  if (probe.has_http_get()) {
    return HttpCallOf(probe.http_get(), container, pod_ip, kProbeAgent);
  }
  if (probe.has_tcp_socket()) {
    TcpCall call;
    MUSTER_ASSIGN_OR_RETURN(call.port, PortOf(probe.tcp_socket().port(), container));
    call.host = probe.tcp_socket().host().empty() ? pod_ip : probe.tcp_socket().host();
    return call;
  }
  if (probe.has_grpc()) {
    v1::IntOrString port;
    port.set_int_value(probe.grpc().port());
    GrpcCall call{pod_ip, 0, probe.grpc().service()};
    MUSTER_ASSIGN_OR_RETURN(call.port, PortOf(port, container));
    return call;
  }
  return absl::UnimplementedError("missing probe handler");
}

absl::StatusOr<HandlerCall> CallOfHook(const v1::LifecycleHandler& hook,
                                       const v1::Container& container, const std::string& pod_ip) {
  if (hook.has_exec()) return ExecCallOf(hook.exec());
  if (hook.has_http_get()) {
    MUSTER_ASSIGN_OR_RETURN(HttpCall call,
                            HttpCallOf(hook.http_get(), container, pod_ip, kHookAgent));
    call.any_status = true;
    return call;
  }
  if (hook.has_sleep()) return SleepCall{std::chrono::seconds(hook.sleep().seconds())};
  return absl::UnimplementedError("cannot run handler: only exec, httpGet and sleep can be run");
}

}  // namespace muster::agent
