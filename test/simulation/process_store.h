#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/store/memory/memory_store.h"
#include "test/simulation/dice.h"
#include "test/simulation/lifeline.h"

namespace muster::simulation {

// Which part of the coordinator wrote.
enum class Writer { kUsers, kControllers, kServices, kSessions };
absl::string_view NameOf(Writer writer);

// How a store behaves at present: the share of calls that go wrong.
struct StoreWeather {
  double fails = 0;        // Nothing was written.
  double answer_lost = 0;  // All of it was, but the caller hears Unavailable.
  double conflicts = 0;    // As if somebody else had been faster.
  double read_fails = 0;
};

// One revision as it was made. `after` of each key is empty when it was removed.
struct CommittedKey {
  std::string key;
  std::optional<coordinator::KeyValue> after;
};
struct Committed {
  Writer writer = Writer::kUsers;
  int64_t revision = 0;
  std::vector<CommittedKey> keys;
};

// What a planted bug does to what goes in and out of the store. None by default.
struct StoreSpoiler {
  std::function<void(Writer, coordinator::MemoryStore&, coordinator::Transaction&)> writing;
  std::function<void(Writer, coordinator::KeyValue&)> reading;
};

// The store as one part of one coordinator process has it: the disk outlives the process, the
// process may die before a commit or between the commit and its answer.
class ProcessStore final : public coordinator::Store {
 public:
  using OnCommit = std::function<void(const Committed&)>;
  struct Surroundings {
    coordinator::MemoryStore& disk;
    const StoreWeather& weather;
    const StoreSpoiler& spoiler;
    OnCommit on_commit;
    // Somebody read everything below a prefix.
    std::function<void(Writer, const std::string& prefix)> on_list;
  };

  ProcessStore(Writer writer, const Surroundings& surroundings, std::shared_ptr<Lifeline> life,
               Dice dice)
      : writer_(writer), around_(surroundings), life_(std::move(life)), dice_(dice) {}

  absl::StatusOr<std::optional<coordinator::KeyValue>> Get(const std::string& key) override;
  absl::StatusOr<coordinator::Listing> List(const std::string& prefix) override;
  absl::StatusOr<int64_t> Transact(const coordinator::Transaction& transaction) override;
  absl::StatusOr<std::unique_ptr<coordinator::Watch>> WatchFrom(const std::string& prefix,
                                                                int64_t after_revision,
                                                                OnChanges on_changes) override;
  absl::Status Compact(int64_t revision) override;
  absl::StatusOr<int64_t> CurrentRevision() override;

 private:
  absl::Status Reading();

  const Writer writer_;
  const Surroundings around_;
  const std::shared_ptr<Lifeline> life_;
  Dice dice_;
};

}  // namespace muster::simulation
