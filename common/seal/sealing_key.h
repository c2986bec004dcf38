#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace muster::seal {

// A key that seals what is written to a disk: 256 bits, in memory that is in no core dump and,
// where the limits allow it, in no swap, and is wiped when the last copy is gone. A value that
// shares its key; copying is cheap. Thread-safe.
class SealingKey {
 public:
  static constexpr size_t kBytes = 32;

  static absl::StatusOr<SealingKey> Generate();
  // InvalidArgument unless it is the base64 of 32 bytes. The text is not in the message.
  static absl::StatusOr<SealingKey> FromBase64(std::string_view text);

  std::string ToBase64() const;
  // 16 hexadecimal digits by which records name it. They say nothing about the key.
  const std::string& id() const { return id_; }
  const unsigned char* bytes() const;

 private:
  class Memory;
  explicit SealingKey(std::shared_ptr<const Memory> memory);

  std::shared_ptr<const Memory> memory_;
  std::string id_;
};

}  // namespace muster::seal
