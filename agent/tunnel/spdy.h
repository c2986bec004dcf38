#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The part of SPDY/3.1 that attaching to a container runtime's streaming server needs: a client
// opens streams and sends data; the server sends data and ends. Pure: bytes in, frames out.
//
// SPDY and not WebSocket, because with every runtime version it can close stdin alone, which the
// channel protocol v4 on WebSocket cannot and v5 is offered by few. Header blocks are sent in
// stored (not compressed) form, which needs no dictionary; those received are not looked at.
namespace muster::agent::spdy {

std::string OpenStream(uint32_t stream_id, const std::map<std::string, std::string>& headers,
                       bool first_of_connection);
// Splits what is too long for one frame. `last` half-closes the stream.
std::string Data(uint32_t stream_id, std::string_view bytes, bool last);
std::string Ping(uint32_t ping_id);

struct Frame {
  enum class Kind { kData, kReset, kPing, kGoAway, kOther };
  Kind kind = Kind::kOther;
  uint32_t id = 0;  // Of the stream, or of the ping.
  bool last = false;
  std::string bytes;    // Of kData.
  uint32_t status = 0;  // Of kReset and kGoAway.
};

// Takes a connection apart into frames. Not thread-safe.
class FrameReader {
 public:
  // DataLoss when this cannot be SPDY/3; then nothing more can be read.
  absl::StatusOr<std::vector<Frame>> Feed(std::string_view bytes);

 private:
  std::string rest_;
};

}  // namespace muster::agent::spdy
