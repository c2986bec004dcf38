#include "common/seal/key_file.h"

#include <openssl/crypto.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::seal {
namespace {

constexpr size_t kFileBytesMax = 64 << 10;
constexpr char kHeader[] =
    "# Seals what is secret on this disk; the first key seals, all of them open.\n"
    "# Without it the sealed records are lost: keep a copy elsewhere.\n";

void Wipe(std::string& text) { OPENSSL_cleanse(text.data(), text.size()); }

absl::StatusOr<std::vector<SealingKey>> Parse(const std::string& text, const std::string& path) {
  std::vector<SealingKey> keys;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<SealingKey> key = SealingKey::FromBase64({line.data(), line.size()});
    if (!key.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": ", key.status().message()));
    }
    keys.push_back(*std::move(key));
  }
  if (keys.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " has no key in it"));
  return keys;
}

}  // namespace

KeySource FindKeySource(const char* credentials, const std::string& name, const std::string& file) {
  if (credentials != nullptr) {
    std::string path = absl::StrCat(credentials, "/", name);
    if (::access(path.c_str(), F_OK) == 0) return {std::move(path), true};
  }
  return {file, false};
}

absl::StatusOr<std::vector<SealingKey>> LoadKeys(const KeySource& source) {
  MUSTER_ASSIGN_OR_RETURN(std::string text, ReadFile(source.path, kFileBytesMax));
  absl::StatusOr<std::vector<SealingKey>> keys = Parse(text, source.path);
  Wipe(text);
  return keys;
}

absl::Status SaveKeys(const KeySource& source, const std::vector<SealingKey>& keys) {
  if (source.is_credential) {
    return absl::FailedPreconditionError(absl::StrCat("the key comes from systemd's credential ",
                                                      source.path,
                                                      ", which only its unit can change"));
  }
  std::string text = kHeader;
  for (const SealingKey& key : keys) absl::StrAppend(&text, key.ToBase64(), "\n");
  absl::Status status = WriteFileAtomically(source.path, text, 0600);
  Wipe(text);
  return status;
}

absl::StatusOr<std::vector<SealingKey>> LoadOrCreateKeys(const KeySource& source) {
  absl::StatusOr<std::vector<SealingKey>> keys = LoadKeys(source);
  if (!absl::IsNotFound(keys.status())) return keys;
  MUSTER_ASSIGN_OR_RETURN(SealingKey key, SealingKey::Generate());
  std::vector<SealingKey> made = {std::move(key)};
  MUSTER_RETURN_IF_ERROR(SaveKeys(source, made));
  return made;
}

}  // namespace muster::seal
