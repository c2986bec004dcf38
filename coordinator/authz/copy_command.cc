#include "coordinator/authz/copy_command.h"

namespace muster::coordinator {
namespace {

using Words = std::vector<std::string>;

bool IsPath(const std::string& word) { return !word.empty() && word.front() != '-'; }

// `words` up to the last one, which is a path.
bool IsWithPath(const Words& command, const Words& words) {
  return command.size() == words.size() + 1 && IsPath(command.back()) &&
         Words(command.begin(), command.end() - 1) == words;
}

}  // namespace

bool IsCopyCommand(const Words& words) {
  if (IsWithPath(words, {"tar", "cf", "-"}) || IsWithPath(words, {"test", "-d"})) return true;
  for (const Words& options : {Words{"tar", "-xmf", "-"}, Words{"tar", "--no-same-permissions",
                                                                "--no-same-owner", "-xmf", "-"}}) {
    Words with_folder = options;
    with_folder.emplace_back("-C");
    if (words == options || IsWithPath(words, with_folder)) return true;
  }
  return false;
}

}  // namespace muster::coordinator
