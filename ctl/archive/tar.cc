#include "ctl/archive/tar.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::ctl {
namespace {

constexpr size_t kBlock = 512;
// No path is so long; keeps a stranger from filling memory.
constexpr uint64_t kTextBytesMax = 1 << 20;

// The fields of a header, by place and length.
struct Field {
  size_t at, length;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12},
    kModified{136, 12}, kChecksum{148, 8}, kLink{157, 100}, kMagic{257, 8}, kPrefix{345, 155};
constexpr size_t kType = 156;

absl::Status Corrupt(const char* what) {
  return absl::DataLossError(absl::StrCat("tar contents corrupted: ", what));
}

std::string_view Raw(std::string_view block, Field field) {
  return block.substr(field.at, field.length);
}
std::string Text(std::string_view block, Field field) {
  const std::string_view raw = Raw(block, field);
  return std::string(raw.substr(0, raw.find('\0')));
}

// Octal digits, or GNU's binary form of large numbers.
std::optional<uint64_t> Number(std::string_view block, Field field) {
  std::string_view raw = Raw(block, field);
  uint64_t value = 0;
  if ((static_cast<uint8_t>(raw[0]) & 0x80) != 0) {
    for (size_t i = 1; i < raw.size(); ++i) {
      if (value >> 56 != 0) return std::nullopt;
      value = value << 8 | static_cast<uint8_t>(raw[i]);
    }
    return value;
  }
  while (!raw.empty() && raw.front() == ' ') raw.remove_prefix(1);
  for (const char c : raw) {
    if (c == '\0' || c == ' ') break;
    if (c < '0' || c > '7' || value >> 60 != 0) return std::nullopt;
    value = value << 3 | static_cast<uint64_t>(c - '0');
  }
  return value;
}

// The sum of all bytes, those of the checksum itself taken for blanks.
uint64_t Checksum(std::string_view block) {
  uint64_t sum = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.length;
    sum += own ? ' ' : static_cast<uint8_t>(block[i]);
  }
  return sum;
}

std::optional<uint64_t> Decimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

uint64_t PaddingOf(uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

void PutOctal(uint64_t value, Field field, std::string& block) {
  for (size_t i = field.length - 1; i-- > 0; value >>= 3) {
    block[field.at + i] = static_cast<char>('0' + (value & 7));
  }
}

// Octal has no room for more than 8 GiB.
void PutSize(uint64_t value, std::string& block) {
  if (value < uint64_t{1} << 33) return PutOctal(value, kSize, block);
  for (size_t i = kSize.length; i-- > 1; value >>= 8) {
    block[kSize.at + i] = static_cast<char>(value & 0xff);
  }
  block[kSize.at] = static_cast<char>(0x80);
}

std::string Block(const TarEntry& entry, char type) {
  std::string block(kBlock, '\0');
  entry.name.copy(&block[kName.at], kName.length);
  entry.link.copy(&block[kLink.at], kLink.length);
  PutOctal(entry.mode & 07777, kMode, block);
  PutOctal(0, kUid, block);
  PutOctal(0, kGid, block);
  PutSize(entry.size, block);
  PutOctal(static_cast<uint64_t>(std::max<int64_t>(0, entry.modified_unix_seconds)), kModified,
           block);
  block[kType] = type;
  std::memcpy(&block[kMagic.at], "ustar  ", kMagic.length);  // GNU's, since its long names follow.
  PutOctal(Checksum(block), {kChecksum.at, kChecksum.length - 1}, block);
  block[kChecksum.at + kChecksum.length - 1] = ' ';
  return block;
}

// An entry that carries what is too long for the header after it.
std::string LongText(const std::string& text, char type) {
  TarEntry entry;
  entry.name = "././@LongLink";
  entry.size = text.size() + 1;
  return absl::StrCat(Block(entry, type), text, std::string(1, '\0'), TarPadding(entry.size));
}

}  // namespace

absl::Status TarReader::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kHeader: {
        const size_t taken = std::min(bytes.size(), kBlock - block_.size());
        block_ += bytes.substr(0, taken);
        bytes.remove_prefix(taken);
        if (block_.size() < kBlock) break;
        MUSTER_RETURN_IF_ERROR(TakeHeader(std::exchange(block_, "")));
        break;
      }
      case State::kFile:
      case State::kText: {
        const auto taken = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
        if (state_ == State::kFile) {
          MUSTER_RETURN_IF_ERROR(sink_.data(bytes.substr(0, taken)));
        } else {
          text_ += bytes.substr(0, taken);
        }
        bytes.remove_prefix(taken);
        left_ -= taken;
        if (left_ > 0) break;
        MUSTER_RETURN_IF_ERROR(state_ == State::kFile ? sink_.end() : TakeText());
        left_ = padding_;
        state_ = left_ > 0 ? State::kPadding : State::kHeader;
        break;
      }
      case State::kPadding: {
        const auto taken = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
        bytes.remove_prefix(taken);
        left_ -= taken;
        if (left_ == 0) state_ = State::kHeader;
        break;
      }
      case State::kOver:  // Some write more zeros than two blocks.
        return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::Status TarReader::Finish() const {
  if (state_ == State::kOver || (state_ == State::kHeader && block_.empty())) {
    return absl::OkStatus();
  }
  return Corrupt("it ends in the middle");
}

absl::Status TarReader::TakeHeader(std::string_view block) {
  if (block.find_first_not_of('\0') == std::string_view::npos) {
    if (++zero_blocks_ == 2) state_ = State::kOver;
    return absl::OkStatus();
  }
  zero_blocks_ = 0;
  const auto size = Number(block, kSize), mode = Number(block, kMode),
             modified = Number(block, kModified), checksum = Number(block, kChecksum);
  if (!size || !mode || !checksum) return Corrupt("a number");
  if (*checksum != Checksum(block)) return Corrupt("a checksum");
  const char type = block[kType];
  if (type == 'L' || type == 'K' || type == 'x' || type == 'g') {
    if (*size > kTextBytesMax) return Corrupt("a header that is too long");
    text_.clear();
    text_type_ = type;
    left_ = *size;
    padding_ = PaddingOf(*size);
    state_ = left_ > 0 ? State::kText : State::kHeader;
    return absl::OkStatus();
  }
  TarEntry entry;
  entry.name = Text(block, kName);
  if (block.substr(kMagic.at, 6) == std::string_view("ustar\0", 6)) {
    if (const std::string prefix = Text(block, kPrefix); !prefix.empty()) {
      entry.name = prefix + "/" + entry.name;
    }
  }
  entry.link = Text(block, kLink);
  if (!next_name_.empty()) entry.name = std::exchange(next_name_, "");
  if (!next_link_.empty()) entry.link = std::exchange(next_link_, "");
  entry.mode = static_cast<uint32_t>(*mode & 07777);
  entry.modified_unix_seconds = static_cast<int64_t>(modified.value_or(0));
  const uint64_t bytes = std::exchange(has_next_size_, false) ? next_size_ : *size;
  switch (type) {
    case '\0':
    case '0':
    case '7':
      entry.kind = TarEntry::Kind::kFile;
      entry.size = bytes;
      break;
    case '5':
      entry.kind = TarEntry::Kind::kDirectory;
      break;
    case '2':
      entry.kind = TarEntry::Kind::kSymlink;
      break;
    default:
      entry.kind = TarEntry::Kind::kOther;
      break;
  }
  MUSTER_RETURN_IF_ERROR(sink_.begin(entry));
  padding_ = PaddingOf(bytes);
  if (entry.kind == TarEntry::Kind::kFile && bytes > 0) {
    left_ = bytes;
    state_ = State::kFile;
    return absl::OkStatus();
  }
  // What others carry along is passed over; links and directories have no data, whatever they say.
  left_ = entry.kind == TarEntry::Kind::kOther && type != '1' ? bytes + padding_ : 0;
  state_ = left_ > 0 ? State::kPadding : State::kHeader;
  return sink_.end();
}

absl::Status TarReader::TakeText() {
  if (text_type_ == 'x') return TakePax(text_);
  const std::string text = text_.substr(0, text_.find('\0'));
  if (text_type_ == 'L') next_name_ = text;
  if (text_type_ == 'K') next_link_ = text;
  return absl::OkStatus();
}

// "LENGTH KEY=VALUE\n", the length being that of all of it.
absl::Status TarReader::TakePax(std::string_view text) {
  while (!text.empty()) {
    const size_t blank = text.find(' ');
    const std::optional<uint64_t> length =
        blank == std::string_view::npos ? std::nullopt : Decimal(text.substr(0, blank));
    if (!length || *length <= blank + 1 || *length > text.size() || text[*length - 1] != '\n') {
      return Corrupt("an extended header");
    }
    const std::string_view record = text.substr(blank + 1, *length - blank - 2);
    const size_t equals = record.find('=');
    if (equals == std::string_view::npos) return Corrupt("an extended header");
    const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "path") next_name_ = std::string(value);
    if (key == "linkpath") next_link_ = std::string(value);
    if (key == "size") {
      const std::optional<uint64_t> size = Decimal(value);
      if (!size) return Corrupt("an extended header");
      next_size_ = *size;
      has_next_size_ = true;
    }
    text.remove_prefix(*length);
  }
  return absl::OkStatus();
}

std::string TarHeader(const TarEntry& entry) {
  std::string header;
  if (entry.name.size() > kName.length) header += LongText(entry.name, 'L');
  if (entry.link.size() > kLink.length) header += LongText(entry.link, 'K');
  const char type = entry.kind == TarEntry::Kind::kDirectory ? '5'
                    : entry.kind == TarEntry::Kind::kSymlink ? '2'
                                                             : '0';
  return header + Block(entry, type);
}

std::string TarPadding(uint64_t size) {
  return std::string(static_cast<size_t>(PaddingOf(size)), '\0');
}

std::string TarEnd() { return std::string(2 * kBlock, '\0'); }

}  // namespace muster::ctl
