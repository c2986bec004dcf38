#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/config/config_file.h"

namespace muster {

// A list of what is allowed: one that is there and empty allows nothing, one that is not there,
// everything. `bad` says why an entry can never match anything, or nothing.
template <typename Bad>
void ReadAllowList(ConfigSection& section, std::string_view key, Bad bad,
                   std::optional<std::vector<std::string>>& allowed) {
  if (!section.Has(key)) return;
  std::vector<std::string> entries;
  section.Read(key, entries);
  for (const std::string& entry : entries) {
    if (const std::string problem = bad(entry); !problem.empty()) section.Refuse(key, problem);
  }
  allowed = std::move(entries);
}

}  // namespace muster
