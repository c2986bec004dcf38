#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace muster::manifest {

// One character of a UTF-8 text. Pure helpers; positions are bytes.
struct CodePoint {
  uint32_t value = 0;
  size_t size = 1;     // In bytes; 1 when the bytes are not valid.
  bool valid = false;  // Shortest form, no surrogate, at most U+10FFFF.
};

// `at` has to be inside the text.
CodePoint ReadCodePoint(std::string_view text, size_t at);

// Where the first invalid byte is; npos when all is valid.
size_t FindInvalidUtf8(std::string_view text);

void AppendUtf8(uint32_t code_point, std::string& text);

// `text` with U+FFFD in the place of each byte that is not valid, as it can be in a message or in
// JSON. No longer than `bytes_max`, cut between characters.
std::string ValidUtf8(std::string_view text, size_t bytes_max = std::string_view::npos);

inline constexpr uint32_t kReplacementCharacter = 0xFFFD;

}  // namespace muster::manifest
