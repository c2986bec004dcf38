#pragma once

#include <string>
#include <utility>
#include <vector>

namespace muster {

// Names of fields of the journal, for `journalctl MUSTER_POD=default/web-x7k2p`. A pod and its
// DaemonSet are NAMESPACE/NAME.
inline constexpr char kLogNode[] = "MUSTER_NODE";
inline constexpr char kLogPod[] = "MUSTER_POD";
inline constexpr char kLogDaemonSet[] = "MUSTER_DAEMONSET";

// What the log entries of this thread are about while it lives: each goes into the journal as a
// field of the entry, and nowhere else. Several add up; of two with one name the inner one counts.
// An empty value is left out. They go in the opposite order they came, as locals do.
class LogFields {
 public:
  using Field = std::pair<const char*, std::string>;

  LogFields(const char* name, std::string value);
  explicit LogFields(std::vector<Field> fields);
  ~LogFields();
  LogFields(const LogFields&) = delete;
  LogFields& operator=(const LogFields&) = delete;

  // On every thread, for ever. Before the first of them.
  static void SetForProcess(Field field);
  // What an entry written by this thread now has.
  static std::vector<Field> Current();

 private:
  const std::vector<Field> fields_;
  const LogFields* const outer_;
};

}  // namespace muster
