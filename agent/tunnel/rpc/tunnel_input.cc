#include "agent/tunnel/rpc/tunnel_input.h"

#include <cstdint>
#include <utility>

namespace muster::agent {

using session::v1::TunnelToAgent;

TunnelInput InputFrom(TunnelToAgent message) {
  TunnelInput input;
  switch (message.message_case()) {
    case TunnelToAgent::kStdin:
      input.stdin_bytes = std::move(*message.mutable_stdin());
      break;
    case TunnelToAgent::kStdinClosed:
      input.stdin_closed = message.stdin_closed();
      break;
    case TunnelToAgent::kTerminalSize:
      input.resize = TerminalSize{static_cast<uint32_t>(message.terminal_size() >> 32),
                                  static_cast<uint32_t>(message.terminal_size())};
      break;
    case TunnelToAgent::MESSAGE_NOT_SET:
      break;
  }
  return input;
}

}  // namespace muster::agent
