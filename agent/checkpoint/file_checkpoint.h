#pragma once

#include <cstdint>
#include <string>

#include "agent/checkpoint/checkpoint.h"
#include "common/seal/seal_ring.h"

namespace muster::agent {

// The checkpoint as an append-only log in one file, mode 0600. Secrets in it are sealed; those that
// are not, or with another key than the first, are when it is loaded.
//
// A change is one record with its length and checksum, written at once and synced before Save
// returns, so that taking a new assignment costs one sync. A record that is not whole was never
// acknowledged and ends the log; the rest of the file is cut off, and the set counts as not
// complete. A damaged record with others behind it means a damaged file: it is renamed to
// assignment.log.damaged. The log is rewritten (beside it, then renamed) when it has grown to twice
// what it says. Nothing is written when nothing changes.
//
// The memories of containers are in a file beside it, replaced whole and never synced.
class FileCheckpoint final : public Checkpoint {
 public:
  // `directory` is made, 0700, when it is missing. `ring`, unless null, outlives it. Without one
  // Secrets are saved as they are, and those that are sealed are left out.
  //
  // Load fails with FailedPrecondition when Secrets are sealed with a key that is not there;
  // nothing was changed then.
  explicit FileCheckpoint(std::string directory, const seal::SealRing* ring = nullptr);
  ~FileCheckpoint() override;

  FileCheckpoint(const FileCheckpoint&) = delete;
  FileCheckpoint& operator=(const FileCheckpoint&) = delete;

  absl::StatusOr<CheckpointState> Load(std::string* problem) override;
  absl::Status Save(const CheckpointChange& change) override;
  absl::Status SaveContainers(const ContainerMemories& containers) override;
  // After Load: writes everything anew, with Secrets sealed by the key that seals now. What it says
  // stays the same.
  absl::Status Reseal() { return Compact(); }

 private:
  absl::Status OpenForAppend(uint64_t keep_bytes);
  absl::Status Append(const std::string& frame);
  // Makes the file say `state` and nothing else, and opens it.
  absl::Status Rewrite(const CheckpointState& state);
  // The same, or what makes the next Save do so, and a word about it in `problem`.
  void WriteOrLater(const CheckpointState& state, std::string* problem);
  // Rewrites what the file says so far.
  absl::Status Compact();
  void Close();
  absl::StatusOr<CheckpointState> LoadAssignment(std::string* problem);
  ContainerMemories LoadContainers(std::string* problem) const;

  const seal::SealRing* const ring_;
  const std::string directory_;
  const std::string path_, containers_path_;
  int fd_ = -1;
  // What a damaged file came to, as long as it could not be written; the file is closed meanwhile.
  std::optional<CheckpointState> unwritten_;
  uint64_t size_bytes_ = 0;  // Of what is whole in the file.
  uint64_t compact_at_bytes_ = 0;
};

}  // namespace muster::agent
