#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

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
  struct Token {
    std::string id;
    std::string text;  // ID.SECRET; nobody can tell it again.
    WallTime expires_at;
  };
  // What makes one use of a token: to be part of the transaction that it is used for.
  struct Use {
    Condition condition;
    Write write;
  };

  // `store` and `clock` have to outlive it.
  TokenStore(Store& store, const Clock& clock, RandomBits random = &SystemRandomBits);

  // 0 stands for one hour and one use. InvalidArgument unless `ttl` is up to a year and `uses` up
  // to 100,000. Also removes the tokens that have expired.
  absl::StatusOr<Token> Create(std::chrono::seconds ttl, int64_t uses);

  // Unauthenticated when there is no such token (any more).
  absl::StatusOr<Use> Check(std::string_view text) const;

 private:
  Store& store_;
  const Clock& clock_;
  const RandomBits random_;
};

}  // namespace muster::coordinator
