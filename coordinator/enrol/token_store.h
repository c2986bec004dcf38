#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "coordinator/store/store.h"

namespace muster::coordinator {

// Tokens with which nodes may join: ID.SECRET, for a time and a number of uses.
//
// They are in the store, under kInternalPrefix, without their secrets: only SHA-256 hashes of them
// are kept. Holds no state of its own; thread-safe if `random` is.
class TokenStore {
 public:
  // What a token is good for, beyond a time and a number of uses.
  struct Scope {
    std::string node_name;                      // Pattern with * and ?. Empty: any name.
    std::map<std::string, std::string> labels;  // What the node gets.
    bool replace = false;                       // The name may be that of a node that is there.

    bool operator==(const Scope&) const = default;
  };
  struct Token {
    std::string id;
    std::string text;  // ID.SECRET; nobody can tell it again.
    WallTime expires_at;
  };
  // What makes one use of a token: to be part of the transaction that it is used for.
  struct Use {
    Condition condition;
    Write write;
    Scope scope;
  };
  struct Listed {
    std::string id;
    WallTime expires_at;
    int64_t uses_left = 0;
    Scope scope;
  };

  // `store` and `clock` have to outlive it.
  TokenStore(Store& store, const Clock& clock, RandomBits random = &SystemRandomBits);

  // 0 stands for one hour and one use. InvalidArgument unless `ttl` is up to a year and `uses` up
  // to 100,000, and for a scope that no node can have. Also removes the tokens that have expired.
  absl::StatusOr<Token> Create(std::chrono::seconds ttl, int64_t uses, const Scope& scope);
  absl::StatusOr<Token> Create(std::chrono::seconds ttl, int64_t uses);  // For any node.
  // Those that can still be used, by id.
  absl::StatusOr<std::vector<Listed>> List() const;
  // NotFound when there is none with this id.
  absl::Status Delete(const std::string& id);

  // Unauthenticated when there is no such token (any more).
  absl::StatusOr<Use> Check(std::string_view text) const;

 private:
  Store& store_;
  const Clock& clock_;
  const RandomBits random_;
};

// Does `name` match the pattern? * stands for any characters, ? for one; a pattern that is empty
// matches every name. Pure.
bool MatchesPattern(std::string_view pattern, std::string_view name);

}  // namespace muster::coordinator
