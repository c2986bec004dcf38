#include "common/model/image_reference.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace muster::model {
namespace {

constexpr std::string_view kDefaultHost = "docker.io";
constexpr std::string_view kLegacyDefaultHost = "index.docker.io";
constexpr size_t kNameLengthMax = 255;
constexpr size_t kTagLengthMax = 128;
constexpr size_t kIdentifierLength = 64;
constexpr size_t kDigestHexLengthMin = 32;

absl::Status Invalid(std::string_view image, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("image \"", std::string(image), "\": ", why));
}

std::vector<std::string> Split(std::string_view text, char separator) {
  return absl::StrSplit(absl::string_view(text.data(), text.size()), separator);
}

bool IsLowerAlnum(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }
bool IsHexDigit(char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); }

bool IsTag(std::string_view tag) {
  auto is_word = [](char c) { return c == '_' || absl::ascii_isalnum(c); };
  return !tag.empty() && tag.size() <= kTagLengthMax && is_word(tag.front()) &&
         std::all_of(tag.begin(), tag.end(),
                     [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

bool IsDigest(std::string_view digest) {
  const size_t colon = digest.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view algorithm = digest.substr(0, colon);
  const std::string_view hex = digest.substr(colon + 1);
  if (!std::all_of(algorithm.begin(), algorithm.end(), [](char c) {
        return IsLowerAlnum(c) || c == '+' || c == '.' || c == '-' || c == '_';
      })) {
    return false;
  }
  if (algorithm == "sha256" && hex.size() != 64) return false;
  if (algorithm == "sha512" && hex.size() != 128) return false;
  return hex.size() >= kDigestHexLengthMin && std::all_of(hex.begin(), hex.end(), IsHexDigit);
}

// Lower-case words joined by one dot, one or two underscores, or any number of dashes.
bool IsPathComponent(std::string_view text) {
  if (text.empty() || !IsLowerAlnum(text.front()) || !IsLowerAlnum(text.back())) return false;
  for (size_t i = 0; i < text.size();) {
    if (IsLowerAlnum(text[i])) {
      ++i;
      continue;
    }
    const size_t end = std::find_if(text.begin() + i, text.end(), IsLowerAlnum) - text.begin();
    const std::string_view joint = text.substr(i, end - i);
    const bool dashes = std::all_of(joint.begin(), joint.end(), [](char c) { return c == '-'; });
    if (!dashes && joint != "." && joint != "_" && joint != "__") return false;
    i = end;
  }
  return true;
}

bool IsHost(std::string_view host) {
  const size_t colon = host.rfind(':');
  std::string_view name = host;
  if (colon != std::string_view::npos && host.back() != ']') {
    const std::string_view port = host.substr(colon + 1);
    name = host.substr(0, colon);
    if (port.empty() || !std::all_of(port.begin(), port.end(), absl::ascii_isdigit)) return false;
  }
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') {
    return std::all_of(name.begin() + 1, name.end() - 1,
                       [](char c) { return absl::ascii_isxdigit(c) || c == ':'; });
  }
  for (const std::string& label : Split(name, '.')) {
    if (label.empty() || !absl::ascii_isalnum(label.front()) ||
        !absl::ascii_isalnum(label.back()) || !std::all_of(label.begin(), label.end(), [](char c) {
          return c == '-' || absl::ascii_isalnum(c);
        })) {
      return false;
    }
  }
  return true;
}

bool LooksLikeHost(std::string_view component) {
  return component == "localhost" || component.find_first_of(".:") != std::string_view::npos ||
         std::any_of(component.begin(), component.end(), absl::ascii_isupper);
}

}  // namespace

absl::StatusOr<ImageReference> ImageReference::Parse(std::string_view text) {
  if (text.empty()) return Invalid(text, "empty name");
  ImageReference reference;
  std::string_view name = text;
  if (const size_t at = name.find('@'); at != std::string_view::npos) {
    reference.digest = name.substr(at + 1);
    name = name.substr(0, at);
    if (!IsDigest(reference.digest)) {
      return Invalid(text, "what follows @ is no digest, such as sha256: and 64 hex digits");
    }
  }
  const size_t last_slash = name.rfind('/');
  const size_t colon = name.rfind(':');
  if (colon != std::string_view::npos &&
      (last_slash == std::string_view::npos || colon > last_slash)) {
    reference.tag = name.substr(colon + 1);
    name = name.substr(0, colon);
    if (!IsTag(reference.tag)) {
      return Invalid(text, "the tag has to be letters, digits, _ . - and not start with . or -");
    }
  }
  if (name.size() > kNameLengthMax) return Invalid(text, "name longer than 255 characters");
  if (name.size() == kIdentifierLength && std::all_of(name.begin(), name.end(), IsHexDigit)) {
    return Invalid(text, "64 hex digits name an image id, not a repository");
  }

  const size_t first_slash = name.find('/');
  if (first_slash != std::string_view::npos && LooksLikeHost(name.substr(0, first_slash))) {
    reference.host = name.substr(0, first_slash);
    name = name.substr(first_slash + 1);
    if (!IsHost(reference.host)) return Invalid(text, "no legal registry host");
  }
  if (reference.host.empty() || reference.host == kLegacyDefaultHost) {
    reference.host = kDefaultHost;
  }
  for (const std::string& component : Split(name, '/')) {
    if (IsPathComponent(component)) continue;
    if (std::any_of(component.begin(), component.end(), absl::ascii_isupper)) {
      return Invalid(text, "repository name must be lowercase");
    }
    return Invalid(text, absl::StrCat("\"", component, "\" is no legal part of a name"));
  }
  reference.path = reference.host == kDefaultHost && name.find('/') == std::string_view::npos
                       ? "library/" + std::string(name)
                       : std::string(name);
  return reference;
}

std::string_view DefaultPullPolicy(std::string_view image) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  if (!reference.ok()) return "IfNotPresent";
  const bool floating =
      reference->tag == "latest" || (reference->tag.empty() && reference->digest.empty());
  return floating ? "Always" : "IfNotPresent";
}

}  // namespace muster::model
