#include "agent/tunnel/log_session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/tunnel/log_file.h"
#include "agent/tunnel/log_line.h"
#include "agent/tunnel/log_tail.h"
#include "agent/tunnel/rotated_log.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr size_t kReadBytes = 64 << 10;
// The runtime writes lines of at most 16 KiB and a header; what is longer is not its work.
constexpr size_t kLineBytesMax = 1 << 20;
constexpr int kLookMs = 1'000;

// Bytes of a log file in, text for the user out.
class LogText {
 public:
  LogText(const LogQuery& query, TunnelPeer& peer)
      : query_(query), peer_(peer), joiner_(query.timestamps) {}

  // False: enough was sent, or there is nobody to send to.
  bool Feed(std::string_view bytes) {
    line_.append(bytes);
    std::string out;
    size_t begin = 0;
    for (size_t end = line_.find('\n'); end != std::string::npos; end = line_.find('\n', begin)) {
      AddLine(std::string_view(line_).substr(begin, end - begin), &out);
      begin = end + 1;
    }
    line_.erase(0, begin);
    if (line_.size() > kLineBytesMax) {
      joiner_.AddRaw(std::exchange(line_, {}), &out);
    }
    return Send(out);
  }

  // The end of a file: what is left of a line will not be completed.
  bool EndFile() {
    std::string out;
    if (!line_.empty()) AddLine(std::exchange(line_, {}), &out);
    return Send(out);
  }

  bool Flush() {
    std::string out;
    joiner_.Flush(&out);
    return Send(out);
  }

 private:
  void AddLine(std::string_view line, std::string* out) {
    const std::optional<LogRecord> record = ParseLogLine(line);
    if (!record) return joiner_.AddRaw(line, out);
    if (query_.since) {
      const std::optional<WallTime> time = ParseLogTime(record->time);
      if (time && *time < *query_.since) return;
    }
    joiner_.Add(*record, out);
  }

  bool Send(std::string_view out) {
    if (query_.bytes_max >= 0) {
      out = out.substr(0, static_cast<size_t>(query_.bytes_max - sent_));
    }
    for (; !out.empty(); out.remove_prefix(std::min(out.size(), kReadBytes))) {
      const std::string_view piece = out.substr(0, kReadBytes);
      if (!peer_.SendStdout(piece)) return false;
      sent_ += static_cast<int64_t>(piece.size());
    }
    return (query_.bytes_max < 0 || sent_ < query_.bytes_max) && !peer_.gone();
  }

  const LogQuery& query_;
  TunnelPeer& peer_;
  LogJoiner joiner_;
  std::string line_;  // The beginning of a line whose newline was not read yet.
  int64_t sent_ = 0;
};

// Waits for something to happen in the directory of a log.
class DirectoryWatch {
 public:
  static absl::StatusOr<DirectoryWatch> Create(const LogFile& directory) {
    LogFile inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    const std::string path = absl::StrCat("/proc/self/fd/", directory.fd());
    if (!inotify.open() || ::inotify_add_watch(inotify.fd(), path.c_str(),
                                               IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM |
                                                   IN_DELETE | IN_CLOSE_WRITE) < 0) {
      return absl::ErrnoToStatus(errno, "watching the log");
    }
    return DirectoryWatch(std::move(inotify));
  }

  // True: a file was closed after writing, or nothing happened for a while, so it is worth asking
  // whether the container still runs.
  bool Wait(const TunnelPeer& peer) {
    pollfd fds[] = {{inotify_.fd(), POLLIN, 0}, {peer.wake_fd(), POLLIN, 0}};
    if (::poll(fds, 2, kLookMs) == 0) return true;
    bool closed = false;
    alignas(inotify_event) char buffer[4096];
    for (ssize_t got = ::read(inotify_.fd(), buffer, sizeof buffer); got > 0;
         got = ::read(inotify_.fd(), buffer, sizeof buffer)) {
      for (const char* at = buffer; at < buffer + got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        closed |= (event->mask & (IN_CLOSE_WRITE | IN_Q_OVERFLOW | IN_IGNORED)) != 0;
        at += sizeof(inotify_event) + event->len;
      }
    }
    return closed;
  }

 private:
  explicit DirectoryWatch(LogFile inotify) : inotify_(std::move(inotify)) {}
  LogFile inotify_;
};

class LogSession {
 public:
  LogSession(const LogQuery& query, const std::function<bool()>& still_running, TunnelPeer& peer)
      : query_(query), still_running_(still_running), peer_(peer), text_(query, peer) {}

  absl::Status Run(const std::string& path) {
    const std::filesystem::path file_path = path;
    name_ = file_path.filename().string();
    MUSTER_ASSIGN_OR_RETURN(directory_, OpenLogDirectory(file_path.parent_path().string()));
    std::optional<DirectoryWatch> watch;
    if (query_.follow) {
      // Before the first look, so that nothing after it is missed.
      MUSTER_ASSIGN_OR_RETURN(watch, DirectoryWatch::Create(directory_));
    }
    MUSTER_ASSIGN_OR_RETURN(file_, OpenLogFile(directory_, name_));
    if (query_.follow) known_ = RotatedStems();
    MUSTER_ASSIGN_OR_RETURN(const int64_t size, file_.Size());
    if (!query_.follow) end_ = size;
    if (query_.tail_lines >= 0) {
      MUSTER_ASSIGN_OR_RETURN(
          offset_, FindTail([this](int64_t offset, char* buffer,
                                   size_t length) { return file_.ReadAt(offset, buffer, length); },
                            size, query_.tail_lines));
    }
    if (query_.bytes_max == 0) return absl::OkStatus();
    ended_ = !query_.follow;
    // It may have ended long ago, so the first question does not wait for anything.
    for (bool first = true;; first = false) {
      // In this order: what the container wrote before it was seen to have ended is then read.
      MUSTER_ASSIGN_OR_RETURN(const bool go_on, ReadToEnd());
      if (!go_on) return absl::OkStatus();
      if (ended_) break;
      if ((first || watch->Wait(peer_)) && !peer_.gone()) ended_ = !still_running_();
      if (peer_.gone()) return absl::OkStatus();
    }
    if (text_.EndFile()) text_.Flush();
    return absl::OkStatus();
  }

 private:
  // All there is, in this file and in one that took its place. False: no need to go on.
  absl::StatusOr<bool> ReadToEnd() {
    while (true) {
      std::string buffer(std::min<int64_t>(kReadBytes, end_ - offset_), '\0');
      MUSTER_ASSIGN_OR_RETURN(const size_t got,
                              file_.ReadAt(offset_, buffer.data(), buffer.size()));
      offset_ += static_cast<int64_t>(got);
      if (got > 0) {
        buffer.resize(got);
        if (!text_.Feed(buffer)) return false;
        continue;
      }
      MUSTER_ASSIGN_OR_RETURN(const bool more, NextFile());
      if (!more) return true;
    }
  }

  // At the end of the file: was it emptied, or has another one its name by now?
  absl::StatusOr<bool> NextFile() {
    if (!query_.follow) return false;
    MUSTER_ASSIGN_OR_RETURN(const int64_t size, file_.Size());
    if (size < offset_) {
      offset_ = 0;
      return text_.EndFile();
    }
    absl::StatusOr<LogFile> current = OpenLogFile(directory_, name_);
    // Renamed away, and the runtime has not made the new one yet: it goes on writing to this one.
    if (absl::IsNotFound(current.status())) return false;
    if (!current.ok()) return current.status();
    if (current->SameFile(file_)) return size > offset_;
    // The runtime may still be writing a line to the old file while it makes the new one, so the
    // old one is read once more after the next thing that happens.
    if (!ended_ && !std::exchange(successor_seen_, true)) return false;
    MUSTER_ASSIGN_OR_RETURN(const int64_t last_size, file_.Size());
    if (last_size > offset_) return true;
    successor_seen_ = false;
    if (!text_.EndFile()) return false;
    MUSTER_ASSIGN_OR_RETURN(const bool go_on, ReadBetween(*current));
    file_ = *std::move(current);
    known_ = RotatedStems();
    offset_ = 0;
    return go_on;
  }

  // What was written, and rotated away, between the file that was read so far and `current`.
  absl::StatusOr<bool> ReadBetween(const LogFile& current) {
    std::vector<RotatedLog> rotated = ListRotatedLogs(directory_, name_);
    // By its place among them where it can be found; a compressed one is another file.
    size_t next = 0;
    const auto mine = std::ranges::find_if(
        rotated, [this](const RotatedLog& log) { return log.file && log.file->SameFile(file_); });
    if (mine != rotated.end()) {
      next = mine - rotated.begin() + 1;
    } else {
      const auto first_new = std::ranges::find_if(
          rotated, [this](const RotatedLog& log) { return !known_.contains(log.stem); });
      next = std::min<size_t>(first_new - rotated.begin() + 1, rotated.size());
    }
    for (; next < rotated.size(); ++next) {
      // It was rotated since it was opened.
      if (rotated[next].file && rotated[next].file->SameFile(current)) break;
      const absl::Status read = ReadRotatedLog(directory_, rotated[next],
                                               [this](auto bytes) { return text_.Feed(bytes); });
      // Gone by now: there were more rotations than files are kept.
      if (!read.ok() && !absl::IsNotFound(read)) return read;
      if (!text_.EndFile()) return false;
    }
    return true;
  }

  std::set<std::string> RotatedStems() const {
    std::set<std::string> stems;
    for (const RotatedLog& log : ListRotatedLogs(directory_, name_)) stems.insert(log.stem);
    return stems;
  }

  const LogQuery& query_;
  const std::function<bool()>& still_running_;
  TunnelPeer& peer_;
  LogText text_;
  std::string name_;
  LogFile directory_, file_;
  int64_t offset_ = 0;
  // Without follow, how long the file was when it was asked for: a container that writes faster
  // than its log is read would have no end, and --tail more lines than it says.
  int64_t end_ = std::numeric_limits<int64_t>::max();
  std::set<std::string> known_;  // Rotated files that were there before file_ was one of them.
  bool successor_seen_ = false;
  bool ended_ = false;  // The container will write no more.
};

}  // namespace

absl::Status SendLog(const std::string& path, const LogQuery& query,
                     const std::function<bool()>& still_running, TunnelPeer& peer) {
  return LogSession(query, still_running, peer).Run(path);
}

}  // namespace muster::agent
