#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace muster::ctl {

// Hands a tar archive of the file or folder `path` of this machine to `write`, under the name
// `name`, piece by piece. Symbolic links are packed as what they are, below `path` none is
// followed; sockets and the like are left out. Cancelled when `write` returns false. NotFound when
// there is no such path.
absl::Status Pack(const std::string& path, const std::string& name,
                  const std::function<bool(std::string_view)>& write);

}  // namespace muster::ctl
