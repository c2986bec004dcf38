#include "common/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdio>

#include "common/base/macros.h"

namespace muster {

uint64_t SystemRandomBits() {
  uint64_t bits = 0;
  // So few bytes come whole or not at all; a signal can only interrupt the wait at early boot.
  ssize_t got;
  do {
    got = ::getrandom(&bits, sizeof bits, 0);
  } while (got < 0 && errno == EINTR);
  MUSTER_CHECK(got == sizeof bits);
  return bits;
}

std::string NewUid(const RandomBits& random) {
  const uint64_t high = (random() & 0xffffffffffff0fff) | 0x0000000000004000;  // Version 4.
  const uint64_t low = (random() & 0x3fffffffffffffff) | 0x8000000000000000;  // RFC 4122's variant.
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xffff), static_cast<unsigned>(high & 0xffff),
                static_cast<unsigned>(low >> 48),
                static_cast<unsigned long long>(low & 0xffffffffffff));
  return text;
}

std::string RandomText(const RandomBits& random, std::string_view alphabet, size_t length) {
  MUSTER_CHECK(!alphabet.empty() && alphabet.size() <= 256);
  // Numbers from the incomplete last round would favour the first characters.
  const uint64_t limit = UINT64_MAX - UINT64_MAX % alphabet.size();
  std::string text;
  while (text.size() < length) {
    const uint64_t bits = random();
    if (bits < limit) text.push_back(alphabet[bits % alphabet.size()]);
  }
  return text;
}

}  // namespace muster
