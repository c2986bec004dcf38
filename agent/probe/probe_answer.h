#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/probe/prober.h"
#include "agent/runtime/runtime.h"

namespace muster::agent {

// What the answers of containers mean, in the words of Kubernetes. Everything in them is written by
// others: any bytes give an answer, whose output is short and UTF-8. Pure.

// More than this is not read of a body, nor kept of an output.
inline constexpr size_t kProbeOutputMax = 10 * 1024;
inline constexpr int kRedirectsMax = 10;

// `text` as UTF-8 of at most `bytes_max` bytes; what is no character or not printable, but for line
// ends and tabs, becomes "?".
std::string CleanText(std::string_view text, size_t bytes_max = kProbeOutputMax);

ProbeAnswer AnswerOfExec(const std::vector<std::string>& command, Duration timeout,
                         const absl::StatusOr<ExecResult>& result);

// Where a redirect leads to.
struct Redirect {
  bool same_host = false;
  HttpCall call;  // When it is the same host.
};
// nullopt: not a redirect that a probe follows, so the status counts.
std::optional<Redirect> RedirectOf(const HttpCall& call, int status, std::string_view location);
ProbeAnswer AnswerOfHttp(const HttpCall& call, int status);
ProbeAnswer AnswerOfForeignRedirect(std::string_view body);
ProbeAnswer AnswerOfTooManyRedirects(const HttpCall& call);
// Connecting or talking went wrong; `why` in a few words.
ProbeAnswer AnswerOfBrokenHttp(const HttpCall& call, std::string_view why);
// As shown to people: http://10.1.0.7:80/healthz.
std::string UrlOf(const HttpCall& call);

// "10.1.0.7:80", "[fd00::7]:80"
std::string AddressOf(const std::string& host, int port);

// Of grpc.health.v1.Health/Check. `connected`: it came as far as a connection.
ProbeAnswer AnswerOfGrpc(const GrpcCall& call, Duration timeout, const absl::Status& status,
                         bool connected, int serving_status);

}  // namespace muster::agent
