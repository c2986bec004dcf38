#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace muster {

// Where ids, secrets and jitter come from: 64 random bits a call. Tests hand in a seeded engine.
using RandomBits = std::function<uint64_t()>;

// From the kernel, good enough for secrets. Thread-safe. Ends the program when there are none.
uint64_t SystemRandomBits();

// An RFC 4122 version 4 identifier, such as "5c9e4b0e-8a52-4d0b-9a53-0f3a7e6f2c11".
std::string NewUid(const RandomBits& random);

// `length` characters of `alphabet` (1 to 256 of them), each as likely as the others.
std::string RandomText(const RandomBits& random, std::string_view alphabet, size_t length);

}  // namespace muster
