#include "agent/checkpoint/file_checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "agent/checkpoint/record.pb.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

constexpr std::string_view kMagic = "MUSTERA1";
constexpr size_t kFrameHeaderBytes = 8;  // Length and checksum, little endian.
constexpr size_t kFileBytesMax = size_t{1} << 30;
constexpr uint64_t kCompactSlackBytes = 256 * 1024;

std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0u);
    table[i] = crc;
  }
  return table;
}

uint32_t Crc32(std::string_view data) {
  static const std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = ~0u;
  for (const char c : data) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

void PutU32(uint32_t value, std::string& out) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

uint32_t GetU32(std::string_view data) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = (value << 8) | static_cast<uint8_t>(data[i]);
  return value;
}

// What no clock shows, which only a damaged file says, is no time.
WallTime TimeOf(int64_t ms_since_epoch) {
  using std::chrono::milliseconds;
  constexpr auto kLast =
      std::chrono::duration_cast<milliseconds>(WallTime::max().time_since_epoch());
  if (ms_since_epoch < 0 || ms_since_epoch > kLast.count()) return {};
  return WallTime(milliseconds(ms_since_epoch));
}

std::string Frame(const v1::CheckpointRecord& record) {
  const std::string payload = record.SerializeAsString();
  std::string frame;
  PutU32(static_cast<uint32_t>(payload.size()), frame);
  PutU32(Crc32(payload), frame);
  frame += payload;
  return frame;
}

absl::StatusOr<v1::CheckpointRecord> ToRecord(const CheckpointChange& change,
                                              const seal::SealRing* ring) {
  v1::CheckpointRecord record;
  for (const auto& [key, object] : change.upserted) {
    v1::CheckpointEntry& entry = *record.add_upserted();
    entry.set_key(key);
    if (ring != nullptr && object.has_secret()) {
      MUSTER_ASSIGN_OR_RETURN(*entry.mutable_sealed(), ring->Seal(object.SerializeAsString(), key));
    } else {
      *entry.mutable_object() = object;
    }
  }
  for (const std::string& key : change.removed) record.add_removed(key);
  record.set_forget_objects(change.forget_objects);
  if (change.node_uid) record.set_node_uid(*change.node_uid);
  for (const std::string& uid : change.former_node_uids) record.add_former_node_uids(uid);
  if (change.boot_id) record.set_boot_id(*change.boot_id);
  if (change.complete) record.set_complete(*change.complete);
  return record;
}

// `ret_stale` becomes true when a Secret in it is not sealed as it would be now. Errors as
// SealRing::Open.
absl::StatusOr<CheckpointChange> FromRecord(const v1::CheckpointRecord& record,
                                            const seal::SealRing* ring, bool& ret_stale) {
  CheckpointChange change;
  for (const v1::CheckpointEntry& entry : record.upserted()) {
    if (entry.sealed().empty()) {
      ret_stale |= ring != nullptr && entry.object().has_secret();
      change.upserted.emplace_back(entry.key(), entry.object());
      continue;
    }
    if (ring == nullptr) continue;
    MUSTER_ASSIGN_OR_RETURN(const std::string plain, ring->Open(entry.sealed(), entry.key()));
    ret_stale |= seal::KeyIdOf(entry.sealed()) != ring->current_id();
    muster::v1::Object object;
    if (!object.ParseFromString(plain)) return absl::DataLossError("a sealed record is no object");
    change.upserted.emplace_back(entry.key(), std::move(object));
  }
  change.removed.assign(record.removed().begin(), record.removed().end());
  change.forget_objects = record.forget_objects();
  if (record.has_node_uid()) change.node_uid = record.node_uid();
  change.former_node_uids.assign(record.former_node_uids().begin(),
                                 record.former_node_uids().end());
  if (record.has_boot_id()) change.boot_id = record.boot_id();
  if (record.has_complete()) change.complete = record.complete();
  return change;
}

// The whole state as one change.
CheckpointChange Snapshot(const CheckpointState& state) {
  CheckpointChange change;
  change.forget_objects = true;
  for (const auto& [key, object] : state.objects) change.upserted.emplace_back(key, object);
  change.node_uid = state.node_uid;
  change.former_node_uids.assign(state.former_node_uids.begin(), state.former_node_uids.end());
  change.boot_id = state.boot_id;
  change.complete = state.complete;
  return change;
}

struct Replayed {
  CheckpointState state;
  size_t whole_bytes = 0;  // Up to here everything was good.
  bool damaged = false;    // Something behind that is not just a write cut short.
  bool stale = false;      // Secrets in it are to be sealed anew.
  absl::Status sealed;     // FailedPrecondition: with a key that is not here.
};

Replayed Replay(std::string_view content, const seal::SealRing* ring) {
  Replayed result;
  if (content.size() < kMagic.size()) {
    result.damaged = kMagic.substr(0, content.size()) != content;
    return result;
  }
  if (content.substr(0, kMagic.size()) != kMagic) {
    result.damaged = true;
    return result;
  }
  size_t at = kMagic.size();
  result.whole_bytes = at;
  while (content.size() - at >= kFrameHeaderBytes) {
    const size_t length = GetU32(content.substr(at));
    const uint32_t crc = GetU32(content.substr(at + 4));
    const size_t left = content.size() - at - kFrameHeaderBytes;
    if (length > left) break;
    const std::string_view payload = content.substr(at + kFrameHeaderBytes, length);
    v1::CheckpointRecord record;
    if (Crc32(payload) != crc ||
        !record.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
      // The last write of a machine that died may have its length but not its content.
      result.damaged = left > length;
      return result;
    }
    const absl::StatusOr<CheckpointChange> change = FromRecord(record, ring, result.stale);
    if (!change.ok()) {
      result.damaged = true;
      if (absl::IsFailedPrecondition(change.status())) result.sealed = change.status();
      return result;
    }
    ApplyChange(*change, result.state);
    at += kFrameHeaderBytes + length;
    result.whole_bytes = at;
  }
  return result;
}

}  // namespace

FileCheckpoint::FileCheckpoint(std::string directory, const seal::SealRing* ring)
    : ring_(ring),
      directory_(std::move(directory)),
      path_(directory_ + "/assignment.log"),
      containers_path_(directory_ + "/containers") {}

FileCheckpoint::~FileCheckpoint() { Close(); }

void FileCheckpoint::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

absl::StatusOr<CheckpointState> FileCheckpoint::Load(std::string* problem) {
  problem->clear();
  MUSTER_ASSIGN_OR_RETURN(CheckpointState state, LoadAssignment(problem));
  state.containers = LoadContainers(problem);
  return state;
}

// They only explain what runs: what cannot be read is done without.
ContainerMemories FileCheckpoint::LoadContainers(std::string* problem) const {
  const absl::StatusOr<std::string> content = ReadFile(containers_path_);
  if (absl::IsNotFound(content.status())) return {};
  v1::ContainerMemoryFile file;
  if (!content.ok() || !file.ParseFromString(*content)) {
    absl::StrAppend(problem, problem->empty() ? "" : " ", containers_path_,
                    " cannot be read; probes start over.");
    return {};
  }
  ContainerMemories containers;
  for (const v1::ContainerMemoryEntry& entry : file.containers()) {
    containers[entry.id()] = {entry.started(), entry.ready(), TimeOf(entry.ready_since_ms()),
                              entry.post_start_over(), entry.resized_to()};
  }
  return containers;
}

absl::Status FileCheckpoint::SaveContainers(const ContainerMemories& containers) {
  v1::ContainerMemoryFile file;
  for (const auto& [id, memory] : containers) {
    v1::ContainerMemoryEntry& entry = *file.add_containers();
    entry.set_id(id);
    entry.set_started(memory.started);
    entry.set_ready(memory.ready);
    entry.set_ready_since_ms(
        std::chrono::duration_cast<std::chrono::milliseconds>(memory.ready_since.time_since_epoch())
            .count());
    entry.set_post_start_over(memory.post_start_over);
    entry.set_resized_to(memory.resized_to);
  }
  const std::string content = file.SerializeAsString();
  const std::string beside = containers_path_ + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", beside));
  // A few kilobytes into the page cache: at once or not at all.
  const ssize_t written = ::write(fd, content.data(), content.size());
  const int error = written < 0 ? errno : ENOSPC;
  ::close(fd);
  if (written != static_cast<ssize_t>(content.size())) {
    return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", beside));
  }
  if (::rename(beside.c_str(), containers_path_.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot rename ", beside));
  }
  return absl::OkStatus();
}

absl::StatusOr<CheckpointState> FileCheckpoint::LoadAssignment(std::string* problem) {
  Close();
  unwritten_.reset();
  MUSTER_RETURN_IF_ERROR(MakeDirectories(directory_, 0700));
  absl::StatusOr<std::string> content = ReadFile(path_, kFileBytesMax);
  if (absl::IsNotFound(content.status())) {
    WriteOrLater({}, problem);
    return CheckpointState();
  }
  if (!content.ok()) return content.status();
  // Only to tell people how old it is.
  struct stat info {};
  const bool has_time = ::stat(path_.c_str(), &info) == 0;

  Replayed replayed = Replay(*content, ring_);
  if (!replayed.sealed.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "Secrets in ", path_, " are ", replayed.sealed.message(),
        ". Put the right key in its place; if it is lost, remove the file: the coordinator tells "
        "all of it again, and no pod stops meanwhile"));
  }
  CheckpointState& state = replayed.state;
  if (has_time) state.saved_at = WallTime(std::chrono::seconds(info.st_mtim.tv_sec));
  const size_t rest = content->size() - replayed.whole_bytes;
  // An empty file has not even its beginning, and what is written behind that could not be read.
  if (rest == 0 && replayed.whole_bytes > 0) {
    if (replayed.stale) {
      MUSTER_RETURN_IF_ERROR(Rewrite(state));
    } else {
      MUSTER_RETURN_IF_ERROR(OpenForAppend(replayed.whole_bytes));
    }
    return state;
  }
  // Something is missing. What there is may be started, but nothing may be missed for it.
  state.complete = false;
  if (replayed.damaged) {
    const std::string aside = path_ + ".damaged";
    if (::rename(path_.c_str(), aside.c_str()) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot rename ", path_, " to ", aside));
    }
    *problem = absl::StrCat(path_, " is damaged at byte ", replayed.whole_bytes, "; kept as ",
                            aside, ". Nothing is stopped until the coordinator answers.");
    state.objects.clear();
  } else {
    *problem = absl::StrCat("the last write to ", path_, " was cut short; its ", rest,
                            " bytes are dropped. Nothing is stopped until the coordinator "
                            "answers.");
  }
  // Keys that are not in use any more are forgotten after this.
  if (replayed.stale) {
    MUSTER_RETURN_IF_ERROR(Rewrite(state));
  } else {
    WriteOrLater(state, problem);
  }
  return state;
}

// A full disk keeps no agent from looking after what runs. Read again, the file says the same.
void FileCheckpoint::WriteOrLater(const CheckpointState& state, std::string* problem) {
  const absl::Status written = Rewrite(state);
  if (written.ok()) return;
  absl::StrAppend(problem, problem->empty() ? "" : " ", path_,
                  " cannot be written: ", written.message(), ".");
  unwritten_ = state;
}

absl::Status FileCheckpoint::OpenForAppend(uint64_t keep_bytes) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path_));
  size_bytes_ = keep_bytes;
  compact_at_bytes_ = std::max(compact_at_bytes_, keep_bytes + kCompactSlackBytes);
  return absl::OkStatus();
}

absl::Status FileCheckpoint::Append(const std::string& frame) {
  size_t written = 0;
  while (written < frame.size()) {
    const ssize_t n = ::write(fd_, frame.data() + written, frame.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path_));
    written += static_cast<size_t>(n);
  }
  if (::fdatasync(fd_) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot sync ", path_));
  }
  return absl::OkStatus();
}

absl::Status FileCheckpoint::Save(const CheckpointChange& change) {
  // A failed write left a torn end which could not be cut off: start over from a whole file.
  if (fd_ < 0) MUSTER_RETURN_IF_ERROR(Compact());
  MUSTER_ASSIGN_OR_RETURN(const v1::CheckpointRecord record, ToRecord(change, ring_));
  const std::string frame = Frame(record);
  if (absl::Status appended = Append(frame); !appended.ok()) {
    if (::ftruncate(fd_, static_cast<off_t>(size_bytes_)) != 0 || ::fdatasync(fd_) != 0) Close();
    return appended;
  }
  size_bytes_ += frame.size();
  if (size_bytes_ > compact_at_bytes_) {
    // What was asked for is on disk already; a full disk must not make it look as if not.
    if (!Compact().ok()) compact_at_bytes_ = size_bytes_ + kCompactSlackBytes;
  }
  return absl::OkStatus();
}

absl::Status FileCheckpoint::Compact() {
  if (unwritten_) return Rewrite(CheckpointState(*unwritten_));
  MUSTER_ASSIGN_OR_RETURN(std::string content, ReadFile(path_, kFileBytesMax));
  // Behind it may be the rest of a write that failed.
  content.resize(std::min<size_t>(content.size(), size_bytes_));
  const Replayed replayed = Replay(content, ring_);
  if (replayed.whole_bytes != size_bytes_) {
    return absl::DataLossError(absl::StrCat(path_, " was changed by somebody else"));
  }
  return Rewrite(replayed.state);
}

absl::Status FileCheckpoint::Rewrite(const CheckpointState& state) {
  MUSTER_ASSIGN_OR_RETURN(const v1::CheckpointRecord record, ToRecord(Snapshot(state), ring_));
  const std::string content = absl::StrCat(std::string(kMagic), Frame(record));
  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(path_, content, 0600));
  Close();
  unwritten_.reset();
  compact_at_bytes_ = 2 * content.size() + kCompactSlackBytes;
  return OpenForAppend(content.size());
}

}  // namespace muster::agent
