#include "agent/translate/expansion.h"

namespace muster::agent {

Expanded Expand(std::string_view text,
                const std::function<std::optional<std::string>(std::string_view)>& lookup) {
  Expanded result;
  result.text.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '$' || at + 1 == text.size()) {
      result.text += text[at++];
      continue;
    }
    if (text[at + 1] == '$') {
      result.text += '$';
      at += 2;
      continue;
    }
    const size_t close = text[at + 1] == '(' ? text.find(')', at + 2) : std::string_view::npos;
    if (close == std::string_view::npos) {
      result.text += text[at++];
      continue;
    }
    const std::string_view name = text.substr(at + 2, close - at - 2);
    if (std::optional<std::string> value = lookup(name)) {
      result.text += *value;
    } else {
      result.text += text.substr(at, close + 1 - at);
      result.complete = false;
    }
    at = close + 1;
  }
  return result;
}

}  // namespace muster::agent
