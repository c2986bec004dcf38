#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/store/store.h"
#include "muster/v1/cluster.pb.h"

namespace muster::coordinator {

// Makes Event objects of what agents report. The same again within an hour raises the count of the
// one that is there, as Kubernetes' event recorder does.
//
// Remembers the newest `remembered_max` different events; what waits to be written is bounded by
// that too. One owner, the loop thread.
class AgentEvents final : public AgentEventSink {
 public:
  struct Options {
    size_t remembered_max = 4'096;
    size_t batch_max = 256;  // Events in one transaction.
    Duration aggregate_within = std::chrono::hours(1);
    Duration retry_after = std::chrono::seconds(1);
  };

  AgentEvents(Store& store, const Clock& clock, const Options& options,
              RandomBits random = &SystemRandomBits);

  void Record(const std::string& node, v1::Event event) override;

  // Writes what is new. A refused write is kept and tried again at the returned time.
  std::optional<MonoTime> Flush() override;

 private:
  struct Remembered {
    v1::Object object;
    MonoTime last;
    bool dirty = false;
    std::list<std::string>::iterator age;
  };

  v1::Object NewEvent(const std::string& node, v1::Event event);

  Store& store_;
  const Clock& clock_;
  const Options options_;
  const RandomBits random_;
  std::map<std::string, Remembered> events_;  // By what makes two events the same.
  std::list<std::string> by_age_;             // Their keys, the newest last.
  std::list<std::string> dirty_;              // Their keys, in the order of becoming so.
  int64_t last_name_ = 0;
  std::optional<MonoTime> retry_at_;
};

}  // namespace muster::coordinator
