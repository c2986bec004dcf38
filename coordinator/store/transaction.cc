#include "coordinator/store/transaction.h"

#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace muster::coordinator {

absl::Status CheckTransaction(const Transaction& transaction) {
  for (const Condition& condition : transaction.conditions) {
    if (condition.key.empty()) return absl::InvalidArgumentError("a condition has an empty key");
  }
  std::set<std::string_view> written;
  for (const Write& write : transaction.writes) {
    if (write.key.empty()) return absl::InvalidArgumentError("a write has an empty key");
    if (!written.insert(write.key).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("one transaction writes ", write.key, " twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status ConditionFailed(const Condition& condition, int64_t actual) {
  if (condition.mod_revision == 0) {
    return absl::AbortedError(absl::StrCat(condition.key, " exists already, at revision ", actual));
  }
  if (actual == 0) {
    return absl::AbortedError(absl::StrCat(condition.key, " is gone; it was expected at revision ",
                                           condition.mod_revision));
  }
  return absl::AbortedError(absl::StrCat(condition.key, " is at revision ", actual,
                                         "; it was expected at ", condition.mod_revision));
}

absl::Status CheckWatchStart(int64_t after_revision, int64_t compacted, int64_t current) {
  if (after_revision < compacted) {
    return absl::OutOfRangeError(absl::StrCat("the changes after revision ", after_revision,
                                              " are compacted away up to ", compacted));
  }
  if (after_revision > current) {
    return absl::OutOfRangeError(
        absl::StrCat("revision ", after_revision, " is in the future: the store is at ", current));
  }
  return absl::OkStatus();
}

absl::Status CheckCompaction(int64_t revision, int64_t current) {
  if (revision <= current) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("cannot compact to revision ", revision, ": the store is at ", current));
}

std::optional<int64_t> AutoCompaction(int64_t current, int64_t compacted,
                                      int64_t history_revisions) {
  const int64_t kept = current - compacted;
  if (kept <= history_revisions + history_revisions / 8) return std::nullopt;
  return current - history_revisions;
}

std::optional<std::string> EndOfPrefix(const std::string& prefix) {
  std::string end = prefix;
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace muster::coordinator
