// Any bytes as what a container answers to a probe: never a crash, and what is told to people is
// short, printable UTF-8.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/probe/probe_answer.h"
#include "common/base/macros.h"

namespace {

using muster::agent::CleanText;
using muster::agent::HttpCall;
using muster::agent::kProbeOutputMax;
using muster::agent::ProbeAnswer;

void CheckText(const std::string& text) {
  MUSTER_CHECK(text.size() <= kProbeOutputMax);
  MUSTER_CHECK(CleanText(text) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckText(CleanText(text));
  CheckText(CleanText(text, 7));

  const std::string_view first = text.substr(0, size / 2), second = text.substr(size / 2);
  const ProbeAnswer exec = muster::agent::AnswerOfExec(
      {std::string(first)}, std::chrono::seconds(1),
      muster::agent::ExecResult{std::string(first), std::string(second), size % 3 == 0});
  CheckText(exec.output);

  HttpCall call;
  call.host = "web.example";
  call.port = 8080;
  call.target = "/a/b?q";
  if (const auto redirect = muster::agent::RedirectOf(call, 302, text)) {
    if (redirect->same_host) {
      MUSTER_CHECK(redirect->call.port >= 1 && redirect->call.port <= 65535);
      MUSTER_CHECK(redirect->call.target.starts_with('/'));
      for (const char c : redirect->call.target) MUSTER_CHECK(static_cast<uint8_t>(c) > 0x20);
    }
  }
  CheckText(muster::agent::AnswerOfForeignRedirect(text).output);
  CheckText(muster::agent::AnswerOfBrokenHttp(call, text).output);
  CheckText(muster::agent::AnswerOfGrpc({"10.1.0.7", 80, ""}, std::chrono::seconds(1),
                                        absl::UnknownError(std::string(text)), true, 0)
                .output);
  return 0;
}
