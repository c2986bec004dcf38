// Any bytes as the agent's checkpoint: it is read or put aside, never in the way, and what is saved
// after that is there for the next agent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "agent/checkpoint/file_checkpoint.h"
#include "common/base/macros.h"

namespace {

namespace fs = std::filesystem;
using muster::agent::CheckpointChange;
using muster::agent::CheckpointState;
using muster::agent::FileCheckpoint;

// In memory where there is such a place: every change is synced.
struct Directory {
  Directory() {
    const fs::path parent =
        fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
    path = parent / "muster-checkpoint-fuzz-XXXXXX";
    MUSTER_CHECK(::mkdtemp(path.data()) != nullptr);
  }
  ~Directory() { fs::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::string path;
};

CheckpointState Load(FileCheckpoint& checkpoint, std::string* problem) {
  absl::StatusOr<CheckpointState> state = checkpoint.Load(problem);
  MUSTER_CHECK(state.ok());
  return *std::move(state);
}

void PutU32(uint32_t value, std::string& out) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

uint32_t Crc32(std::string_view data) {
  uint32_t crc = ~0u;
  for (const char c : data) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

// With the length and the checksum that are right, so that what is in a record gets read.
std::string OneRecord(std::string_view payload) {
  std::string file = "MUSTERA1";
  PutU32(static_cast<uint32_t>(payload.size()), file);
  PutU32(Crc32(payload), file);
  return file.append(payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Directory made;
  const std::string& directory = made.path;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) fs::remove(entry);
  // The first byte says which of the two files is damaged, and how.
  if (size == 0) return 0;
  const int kind = data[0] % 3;
  const bool assignment = kind != 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::ofstream(fs::path(directory) / (assignment ? "assignment.log" : "containers"),
                std::ios::binary)
      << (kind == 2 ? OneRecord(bytes) : std::string(bytes));

  CheckpointChange change;
  change.node_uid = "this-node";
  change.upserted.emplace_back("/pods/default/web", muster::v1::Object());
  change.upserted[0].second.mutable_pod()->mutable_metadata()->set_name("web");
  size_t known = 0;
  {
    FileCheckpoint checkpoint(directory);
    std::string problem;
    CheckpointState state = Load(checkpoint, &problem);
    MUSTER_CHECK(!assignment || !state.complete || problem.empty());
    MUSTER_CHECK(checkpoint.Save(change).ok());
    ApplyChange(change, state);
    known = state.objects.size();
  }
  FileCheckpoint next(directory);
  std::string problem;
  const CheckpointState state = Load(next, &problem);
  MUSTER_CHECK(!assignment || problem.empty());
  MUSTER_CHECK(state.node_uid == "this-node");
  MUSTER_CHECK(state.objects.size() == known);
  MUSTER_CHECK(state.objects.at("/pods/default/web").pod().metadata().name() == "web");
  return 0;
}
