#include "agent/dns/answer_cache.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace muster::agent {

std::string QuestionKey(const DnsQuery& query) {
  return absl::StrCat(query.type, " ", query.klass, " ", query.dnssec_ok ? 1 : 0,
                      query.checking_disabled ? 1 : 0, " ", query.name);
}

std::optional<AnswerCache::Hit> AnswerCache::Find(const DnsQuery& query, MonoTime now) {
  const auto found = by_key_.find(QuestionKey(query));
  if (found == by_key_.end()) return std::nullopt;
  if (found->second->until <= now) {
    entries_.erase(found->second);
    by_key_.erase(found);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  const auto age =
      std::chrono::duration_cast<std::chrono::seconds>(now - found->second->since).count();
  return Hit{found->second->bytes, static_cast<uint32_t>(age)};
}

void AnswerCache::Put(const DnsQuery& query, std::string bytes, uint32_t ttl_seconds,
                      MonoTime now) {
  std::string key = QuestionKey(query);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    entries_.erase(known->second);
    by_key_.erase(known);
  }
  if (ttl_seconds == 0) return;
  entries_.push_front({key, std::move(bytes), now, now + std::chrono::seconds(ttl_seconds)});
  by_key_.emplace(std::move(key), entries_.begin());
  if (entries_.size() > entries_max_) {
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

void AnswerCache::Clear() {
  entries_.clear();
  by_key_.clear();
}

}  // namespace muster::agent
