#include "common/audit/chain.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/pki/pki.h"

namespace muster::audit {
namespace {

constexpr size_t kHashLength = 64;
constexpr size_t kTornBytesMax = 16 << 20;  // More is no line that a crash tore.
constexpr std::string_view kBegin = "{\"seq\":";
constexpr std::string_view kPrev = ",\"prev\":\"";
constexpr std::string_view kHash = "\",\"hash\":\"";
constexpr std::string_view kEnd = "\"}";

bool IsHash(std::string_view text) {
  return text.size() == kHashLength &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Takes `text` off the end of `line`.
bool TakeEnd(std::string_view text, std::string_view& line) {
  if (line.size() < text.size() || line.substr(line.size() - text.size()) != text) return false;
  line.remove_suffix(text.size());
  return true;
}

std::string TakeHash(std::string_view& line) {
  if (line.size() < kHashLength) return "";
  std::string hash(line.substr(line.size() - kHashLength));
  line.remove_suffix(kHashLength);
  return IsHash(hash) ? hash : "";
}

}  // namespace

std::string NoHash() { return std::string(kHashLength, '0'); }

std::string SealLine(std::string_view object, Seal& seal) {
  object.remove_prefix(1);  // {
  object.remove_suffix(1);  // }
  std::string line = absl::StrCat(std::string(kBegin), seal.seq, object.empty() ? "" : ",",
                                  std::string(object), std::string(kPrev), seal.prev);
  seal.hash = pki::Sha256Hex(line);
  absl::StrAppend(&line, std::string(kHash), seal.hash, std::string(kEnd));
  return line;
}

std::optional<Seal> ReadSeal(std::string_view line) {
  Seal seal;
  std::string_view rest = line;
  if (!TakeEnd(kEnd, rest)) return std::nullopt;
  seal.hash = TakeHash(rest);
  if (seal.hash.empty() || !TakeEnd(kHash, rest)) return std::nullopt;
  const std::string_view covered = rest;
  seal.prev = TakeHash(rest);
  if (seal.prev.empty() || !TakeEnd(kPrev, rest)) return std::nullopt;
  if (rest.substr(0, kBegin.size()) != kBegin) return std::nullopt;
  rest.remove_prefix(kBegin.size());
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), seal.seq);
  if (error != std::errc() || seal.seq == 0) return std::nullopt;
  if (pki::Sha256Hex(covered) != seal.hash) return std::nullopt;
  return seal;
}

std::string RecoveryObject(std::string_view time, std::string_view torn) {
  return nlohmann::ordered_json{{"time", std::string(time)},
                                {"kind", "recovered"},
                                {"tornBytes", torn.size()},
                                {"tornHash", pki::Sha256Hex(torn)}}
      .dump();
}

std::string ChainReader::Place(uint64_t line) const { return absl::StrCat(file_, ":", line); }

void ChainReader::Break(const std::string& what) {
  if (!broken_) broken_ = absl::StrCat(Place(line_number_), ": ", what);
}

void ChainReader::BeginFile(std::string name) {
  file_ = std::move(name);
  line_number_ = 0;
}

void ChainReader::Line(std::string_view line, bool ended) {
  ++line_number_;
  if (broken_) return;
  const std::optional<Seal> seal = ReadSeal(line);
  if (!seal || !ended) {
    if (torn_place_.empty()) torn_place_ = Place(line_number_);
    if (!torn_.empty()) torn_ += '\n';
    torn_ += line;
    if (torn_.size() > kTornBytesMax) Break("this is not a line of an audit log");
    return;
  }
  if (!torn_place_.empty() && !TakeRecovery(line)) return;
  if (last_ && seal->seq != last_->seq + 1) {
    return Break(absl::StrCat("line ", last_->seq + 1, " of the log should be here, and this is ",
                              seal->seq, ": lines are missing, or were put in"));
  }
  if (last_ && seal->prev != last_->hash) {
    return Break("the line before is not the one that was there when this one was written");
  }
  if (!last_ && seal->seq == 1 && seal->prev != NoHash()) {
    return Break("this says that it is the first line and that there was one before");
  }
  if (!first_) first_ = seal;
  last_ = seal;
  ++lines_;
  if (line.find("\"notLogged\":") == std::string_view::npos) return;
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("notLogged")) return;
  notes_.push_back(absl::StrCat(Place(line_number_), ": ", json["notLogged"].dump(),
                                " requests before it were not logged"));
}

// A line after torn ones has to say that it found them.
bool ChainReader::TakeRecovery(std::string_view line) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto says = [&](const char* key, const nlohmann::json& value) {
    return json.is_object() && json.contains(key) && json[key] == value;
  };
  if (!says("kind", "recovered") || !says("tornBytes", torn_.size()) ||
      !says("tornHash", pki::Sha256Hex(torn_))) {
    broken_ = absl::StrCat(torn_place_, ": this line was changed after it was written");
    return false;
  }
  notes_.push_back(
      absl::StrCat(torn_place_, ": torn by a crash, and found so by line ", line_number_));
  torn_.clear();
  torn_place_.clear();
  return true;
}

void ChainReader::Finish() {
  if (broken_ || torn_place_.empty()) return;
  notes_.push_back(absl::StrCat(torn_place_,
                                ": torn at the end of the log; the next start of the "
                                "coordinator says so in it"));
}

}  // namespace muster::audit
