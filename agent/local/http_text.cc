#include "agent/local/http_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace muster::agent {
namespace {

const char* ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

}  // namespace

absl::StatusOr<std::string> PathOfRequest(const std::string& head) {
  const std::string line = head.substr(0, head.find_first_of("\r\n"));
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (words.size() != 3 || !words[2].starts_with("HTTP/1.") || !words[1].starts_with('/')) {
    return absl::InvalidArgumentError("this is no HTTP");
  }
  if (words[0] != "GET") return absl::UnimplementedError("only GET is answered");
  return words[1].substr(0, words[1].find('?'));
}

std::string TextOf(const HttpAnswer& answer) {
  return absl::StrCat("HTTP/1.1 ", answer.status, " ", ReasonOf(answer.status),
                      "\r\nContent-Type: ", answer.content_type,
                      "\r\nContent-Length: ", answer.body.size(), "\r\nConnection: close\r\n\r\n",
                      answer.body);
}

}  // namespace muster::agent
