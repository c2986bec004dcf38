#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

// Which objects of a kind are meant when none is named.
struct Selection {
  std::string selector, field_selector;
  bool all = false;

  bool names_something() const { return all || !selector.empty() || !field_selector.empty(); }
};

// The request for all objects of a kind that `selection` means, in the namespaces of `context`.
admin::v1::ListRequest ListRequestFor(const Context& context, const model::KindInfo& kind,
                                      const Selection& selection);

// The objects that the user named or selected, in the order in which they were given.
absl::StatusOr<std::vector<v1::Object>> ReadObjects(Context& context, AdminClient& client,
                                                    const Targets& targets,
                                                    const Selection& selection);

// InvalidArgument, for people, when a kind is given without names and nothing selects either, or
// when names and a selector are both given.
absl::Status CheckSelection(const Targets& targets, const Selection& selection);

}  // namespace muster::ctl
