#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct nft_ctx;

namespace muster::agent {

// nftables of this network namespace, by libnftables. What a text asks for happens as a whole or
// not at all. Not thread-safe.
class Nftables {
 public:
  Nftables();
  ~Nftables();
  Nftables(const Nftables&) = delete;
  Nftables& operator=(const Nftables&) = delete;

  // Unavailable when the kernel or our rights do not allow it; the message is nftables' own.
  absl::Status Run(const std::string& commands);
  // What a listing command prints. NotFound when it names what is not there.
  absl::StatusOr<std::string> Ask(const std::string& command);

 private:
  nft_ctx* const context_;
};

}  // namespace muster::agent
