#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::audit {

// The lines of an audit log, each of which vouches for the one before: a JSON object that begins
// with "seq" and ends with "prev", the hash of the line before, and "hash", the SHA-256 of
// everything in its line up to there. Whoever changes, takes out or adds a line has to make all
// later ones anew. Pure.

// The "prev" of the first line that there ever was.
std::string NoHash();

struct Seal {
  uint64_t seq = 0;  // From 1.
  std::string prev, hash;
};

// The line, without its end, for an object such as {"user":"anna"}; `seal` gets its hash.
std::string SealLine(std::string_view object, Seal& seal);
// Nothing when this is no line that vouches for itself.
std::optional<Seal> ReadSeal(std::string_view line);

// What stands for lines that a crash left unfinished: the program that finds them at its start
// ends them and says in its first line what it found. An object for SealLine.
std::string RecoveryObject(std::string_view time, std::string_view torn);

// Reads the lines of any number of files, from the oldest on.
class ChainReader {
 public:
  // `name` stands for the file in what is said.
  void BeginFile(std::string name);
  // Without the end of the line; `ended` is false for what stands after the last one.
  void Line(std::string_view line, bool ended = true);
  // After the last line of the last file. What is torn there is no break: nothing came after it.
  void Finish();

  // The first break: "audit.log:17: ...". Nothing after it was looked at.
  const std::optional<std::string>& broken() const { return broken_; }
  // What is no break and somebody should know: lines torn by a crash, requests that were not
  // logged.
  const std::vector<std::string>& notes() const { return notes_; }
  uint64_t lines() const { return lines_; }
  const std::optional<Seal>& first() const { return first_; }
  const std::optional<Seal>& last() const { return last_; }
  // The lines after the last good one, as they stand there.
  const std::string& torn() const { return torn_; }

 private:
  void Break(const std::string& what);
  std::string Place(uint64_t line) const;
  bool TakeRecovery(std::string_view line);

  std::string file_;
  uint64_t line_number_ = 0;  // Of the file.
  uint64_t lines_ = 0;
  std::optional<Seal> first_, last_;
  std::string torn_;
  std::string torn_place_;  // Empty: nothing is torn.
  std::optional<std::string> broken_;
  std::vector<std::string> notes_;
};

}  // namespace muster::audit
