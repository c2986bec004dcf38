#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "agent/dns/message.h"
#include "common/base/clock.h"

namespace muster::agent {

// Answers of upstream servers, for as long as they allow. The one that was not wanted for longest
// goes when there is no more room. One owner.
class AnswerCache {
 public:
  explicit AnswerCache(size_t entries_max = 4096) : entries_max_(entries_max) {}

  struct Hit {
    std::string bytes;  // As they came.
    uint32_t age_seconds = 0;
  };
  std::optional<Hit> Find(const DnsQuery& query, MonoTime now);
  void Put(const DnsQuery& query, std::string bytes, uint32_t ttl_seconds, MonoTime now);
  void Clear();
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key, bytes;
    MonoTime since{}, until{};
  };
  std::list<Entry> entries_;  // The one used last at the front.
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
  const size_t entries_max_;
};

// Queries with the same key have the same answer.
std::string QuestionKey(const DnsQuery& query);

}  // namespace muster::agent
