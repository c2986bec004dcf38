#include "agent/network/host/nftables.h"

#include <nftables/libnftables.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr size_t kMessageBytesMax = 500;

}  // namespace

Nftables::Nftables() : context_(nft_ctx_new(NFT_CTX_DEFAULT)) {
  MUSTER_CHECK(context_ != nullptr);
  nft_ctx_buffer_error(context_);
  nft_ctx_buffer_output(context_);
}

Nftables::~Nftables() { nft_ctx_free(context_); }

absl::Status Nftables::Run(const std::string& commands) {
  if (nft_run_cmd_from_buffer(context_, commands.c_str()) == 0) return absl::OkStatus();
  std::string message = nft_ctx_get_error_buffer(context_);
  message.resize(std::min(message.size(), kMessageBytesMax));
  return absl::UnavailableError(
      absl::StrCat("nftables: ", std::string(absl::StripAsciiWhitespace(message))));
}

absl::StatusOr<std::string> Nftables::Ask(const std::string& command) {
  const absl::Status status = Run(command);
  if (!status.ok()) return absl::NotFoundError(status.message());
  return std::string(nft_ctx_get_output_buffer(context_));
}

}  // namespace muster::agent
