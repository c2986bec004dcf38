#include "agent/tunnel/spdy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace muster::agent::spdy {
namespace {

constexpr size_t kFrameHeaderBytes = 8;
constexpr uint16_t kVersion = 3;
constexpr uint8_t kFlagFin = 1;
constexpr size_t kDataBytesMax = 32 << 10;
// Far above what a server of ours sends in one frame; keeps a stranger from filling memory.
constexpr size_t kFrameBytesMax = 1 << 20;

enum ControlType : uint16_t {
  kSynStream = 1,
  kRstStream = 3,
  kPing = 6,
  kGoAway = 7,
};

void PutUint(uint32_t value, int bytes, std::string* out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift & 0xff));
  }
}

uint32_t GetUint(std::string_view from, size_t at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(from[at + i]);
  return value;
}

std::string ControlFrame(ControlType type, std::string_view payload) {
  std::string frame;
  PutUint(0x8000 | kVersion, 2, &frame);
  PutUint(type, 2, &frame);
  PutUint(0, 1, &frame);
  PutUint(static_cast<uint32_t>(payload.size()), 3, &frame);
  frame += payload;
  return frame;
}

// zlib's form of data that is not compressed: a stored block, and an empty one that makes the
// reader hand over what it has. One zlib stream goes through a whole connection.
std::string StoredBlock(std::string_view bytes, bool first_of_connection) {
  std::string out;
  if (first_of_connection) PutUint(0x7801, 2, &out);
  for (const std::string_view block : {bytes, std::string_view()}) {
    const auto length = static_cast<uint16_t>(block.size());
    out.push_back('\0');  // Not the last block of the stream.
    out.push_back(static_cast<char>(length & 0xff));
    out.push_back(static_cast<char>(length >> 8));
    out.push_back(static_cast<char>(~length & 0xff));
    out.push_back(static_cast<char>(~length >> 8 & 0xff));
    out += block;
  }
  return out;
}

Frame ControlFrom(uint16_t type, std::string_view payload) {
  Frame frame;
  if (type == kRstStream && payload.size() >= 8) {
    frame.kind = Frame::Kind::kReset;
    frame.id = GetUint(payload, 0, 4) & 0x7fffffff;
    frame.status = GetUint(payload, 4, 4);
  } else if (type == kPing && payload.size() >= 4) {
    frame.kind = Frame::Kind::kPing;
    frame.id = GetUint(payload, 0, 4);
  } else if (type == kGoAway && payload.size() >= 8) {
    frame.kind = Frame::Kind::kGoAway;
    frame.status = GetUint(payload, 4, 4);
  }
  return frame;
}

}  // namespace

std::string OpenStream(uint32_t stream_id, const std::map<std::string, std::string>& headers,
                       bool first_of_connection) {
  std::string block;
  PutUint(static_cast<uint32_t>(headers.size()), 4, &block);
  for (const auto& [name, value] : headers) {
    for (const std::string& text : {name, value}) {
      PutUint(static_cast<uint32_t>(text.size()), 4, &block);
      block += text;
    }
  }
  std::string payload;
  PutUint(stream_id, 4, &payload);
  PutUint(0, 4, &payload);  // Belongs to no other stream.
  PutUint(0, 2, &payload);  // Priority and credential slot.
  payload += StoredBlock(block, first_of_connection);
  return ControlFrame(kSynStream, payload);
}

std::string Data(uint32_t stream_id, std::string_view bytes, bool last) {
  std::string frames;
  do {
    const std::string_view piece = bytes.substr(0, kDataBytesMax);
    bytes.remove_prefix(piece.size());
    PutUint(stream_id, 4, &frames);
    PutUint(last && bytes.empty() ? kFlagFin : 0, 1, &frames);
    PutUint(static_cast<uint32_t>(piece.size()), 3, &frames);
    frames += piece;
  } while (!bytes.empty());
  return frames;
}

std::string Ping(uint32_t ping_id) {
  std::string payload;
  PutUint(ping_id, 4, &payload);
  return ControlFrame(kPing, payload);
}

absl::StatusOr<std::vector<Frame>> FrameReader::Feed(std::string_view bytes) {
  rest_ += bytes;
  std::vector<Frame> frames;
  size_t at = 0;
  while (rest_.size() - at >= kFrameHeaderBytes) {
    const std::string_view head = std::string_view(rest_).substr(at);
    const bool control = (GetUint(head, 0, 1) & 0x80) != 0;
    const size_t length = GetUint(head, 5, 3);
    if (length > kFrameBytesMax) {
      return absl::DataLossError(absl::StrCat("a SPDY frame of ", length, " bytes"));
    }
    if (control && (GetUint(head, 0, 2) & 0x7fff) != kVersion) {
      return absl::DataLossError("a control frame that is not SPDY/3");
    }
    if (head.size() < kFrameHeaderBytes + length) break;
    const std::string_view payload = head.substr(kFrameHeaderBytes, length);
    Frame frame;
    if (control) {
      frame = ControlFrom(static_cast<uint16_t>(GetUint(head, 2, 2)), payload);
    } else {
      frame.kind = Frame::Kind::kData;
      frame.id = GetUint(head, 0, 4);
      frame.last = (GetUint(head, 4, 1) & kFlagFin) != 0;
      frame.bytes = std::string(payload);
    }
    frames.push_back(std::move(frame));
    at += kFrameHeaderBytes + length;
  }
  rest_.erase(0, at);
  return frames;
}

}  // namespace muster::agent::spdy
