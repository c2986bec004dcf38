#pragma once

#include <functional>
#include <memory>
#include <variant>

#include "agent/link/link.h"
#include "common/base/inbox.h"

namespace muster::agent {

// What other threads leave for the loop: what came down the link, or the rest of something that was
// begun (run on the loop thread, so it may touch what the loop owns).
using NodeMessage = std::variant<LinkEvent, std::function<void()>>;
using NodeInbox = Inbox<NodeMessage>;

}  // namespace muster::agent
