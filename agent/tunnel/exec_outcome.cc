#include "agent/tunnel/exec_outcome.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

using nlohmann::json;

std::string TextOf(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

absl::Status NotUnderstood(std::string_view text) {
  if (text.empty()) {
    return absl::DataLossError("the container runtime ended the exec without its exit code");
  }
  return absl::DataLossError(absl::StrCat("the container runtime's answer to the exec was: ",
                                          std::string(text.substr(0, 1024))));
}

}  // namespace

absl::StatusOr<int32_t> ParseExecOutcome(std::string_view text) {
  const json status = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!status.is_object()) return NotUnderstood(text);
  const std::string outcome = TextOf(status, "status");
  if (outcome == "Success") return 0;
  if (outcome != "Failure") return NotUnderstood(text);
  if (TextOf(status, "reason") != "NonZeroExitCode") {
    return absl::UnknownError(TextOf(status, "message"));
  }
  const auto details = status.find("details");
  if (details == status.end() || !details->is_object()) return NotUnderstood(text);
  const auto causes = details->find("causes");
  if (causes == details->end() || !causes->is_array()) return NotUnderstood(text);
  for (const json& cause : *causes) {
    if (!cause.is_object() || TextOf(cause, "reason") != "ExitCode") continue;
    const std::string digits = TextOf(cause, "message");
    int32_t code = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code);
    if (error == std::errc() && end == digits.data() + digits.size()) return code;
  }
  return NotUnderstood(text);
}

}  // namespace muster::agent
