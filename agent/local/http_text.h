#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace muster::agent {

struct HttpAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// The path of a request's first line, "GET /metrics HTTP/1.1", without a query. Unimplemented for
// another method than GET; InvalidArgument when it is no HTTP.
absl::StatusOr<std::string> PathOfRequest(const std::string& head);
std::string TextOf(const HttpAnswer& answer);

}  // namespace muster::agent
