// Any bytes as a request to the agent's socket: they name a path, or are refused with an answer
// that a client of HTTP understands.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/local/http_text.h"
#include "common/base/macros.h"

using muster::agent::HttpAnswer;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string request(reinterpret_cast<const char*>(data), size);
  const auto path = muster::agent::PathOfRequest(request);
  if (path.ok()) {
    MUSTER_CHECK(path->starts_with('/'));
    MUSTER_CHECK(path->find_first_of(" ?\r\n") == std::string::npos);
    MUSTER_CHECK(absl::StartsWith(request, absl::StrCat("GET ", *path)));
  } else {
    MUSTER_CHECK(absl::IsUnimplemented(path.status()) || absl::IsInvalidArgument(path.status()));
    MUSTER_CHECK(!path.status().message().empty());
  }
  // Whatever the body is, the head says how long it is and where it begins.
  HttpAnswer answer;
  answer.status = path.ok() ? 200 : 400;
  answer.body = request;
  const std::string text = muster::agent::TextOf(answer);
  const size_t body = text.find("\r\n\r\n");
  MUSTER_CHECK(body != std::string::npos && text.substr(body + 4) == request);
  MUSTER_CHECK(absl::StrContains(text.substr(0, body), absl::StrCat("Content-Length: ", size)));
  return 0;
}
