#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace muster::agent {

struct Expanded {
  std::string text;
  bool complete = true;  // False when a $(NAME) stayed because nothing of that name is known.
};

// Replaces each $(NAME) by lookup(NAME), once: what is put in is not looked at again. An unknown
// $(NAME) stays as it is. "$$" is a literal "$", so "$$(NAME)" gives "$(NAME)"; any other "$"
// stays. (Kubernetes: how command, args, env values and subPathExpr are expanded.)
Expanded Expand(std::string_view text,
                const std::function<std::optional<std::string>(std::string_view)>& lookup);

}  // namespace muster::agent
