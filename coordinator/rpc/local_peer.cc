#include "coordinator/rpc/local_peer.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

// Both databases of the host may need any buffer; what does not fit in this is not read.
constexpr size_t kEntryBytesMax = 64 << 10;

std::string LocalName(uid_t uid) {
  std::vector<char> buffer(kEntryBytesMax);
  passwd entry;
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return absl::StrCat("local:", entry.pw_name);
  }
  return absl::StrCat("local:", uid);
}

bool CanGiveTo(gid_t group) {
  if (::geteuid() == 0 || ::getegid() == group) return true;
  std::vector<gid_t> own(static_cast<size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(own.size()), own.data());
  return count > 0 && std::find(own.begin(), own.begin() + count, group) != own.begin() + count;
}

}  // namespace

LocalPeer PeerOf(int connection) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {"local", false};
  if (peer.uid == 0) return {"root", true};
  return {LocalName(peer.uid), peer.uid == ::geteuid()};
}

std::optional<gid_t> GroupToOpenTo(const std::string& name) {
  if (name.empty()) return std::nullopt;
  std::vector<char> buffer(kEntryBytesMax);
  struct group entry;
  struct group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    spdlog::debug("admin socket: there is no group {} on this host", name);
    return std::nullopt;
  }
  if (!CanGiveTo(entry.gr_gid)) {
    spdlog::warn("admin socket: not opened to group {}, which the coordinator is not in", name);
    return std::nullopt;
  }
  return entry.gr_gid;
}

}  // namespace muster::coordinator
