#include "common/seal/seal_ring.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"

namespace muster::seal {
namespace {

// Field number 0, which no message has.
constexpr std::string_view kMark("\0MSEAL1", 7);
// The digit is the way of sealing.
constexpr std::string_view kAnyMark = kMark.substr(0, 6);
constexpr size_t kIdLength = 16;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kHeaderBytes = kMark.size() + kIdLength + kNonceBytes;
constexpr size_t kPlainBytesMax = size_t{1} << 30;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// The mark and the id are sealed along as well.
bool AddNames(EVP_CIPHER_CTX& context, bool seals, std::string_view header, std::string_view name) {
  int length = 0;
  const auto add = seals ? &EVP_EncryptUpdate : &EVP_DecryptUpdate;
  return add(&context, nullptr, &length, Bytes(header), static_cast<int>(header.size())) == 1 &&
         add(&context, nullptr, &length, Bytes(name), static_cast<int>(name.size())) == 1;
}

}  // namespace

bool IsSealed(std::string_view record) { return record.substr(0, kAnyMark.size()) == kAnyMark; }

std::string KeyIdOf(std::string_view record) {
  if (!IsSealed(record)) return "";
  return std::string(record.substr(kMark.size(), kIdLength));
}

SealRing::SealRing(std::vector<SealingKey> keys)
    : keys_(std::make_shared<const std::vector<SealingKey>>(std::move(keys))) {}

std::shared_ptr<const std::vector<SealingKey>> SealRing::keys() const {
  MutexLock lock(&mutex_);
  return keys_;
}

void SealRing::Add(SealingKey key) {
  MutexLock lock(&mutex_);
  std::vector<SealingKey> all = {std::move(key)};
  all.insert(all.end(), keys_->begin(), keys_->end());
  keys_ = std::make_shared<const std::vector<SealingKey>>(std::move(all));
}

void SealRing::KeepFirst() {
  MutexLock lock(&mutex_);
  keys_ = std::make_shared<const std::vector<SealingKey>>(1, keys_->front());
}

absl::StatusOr<std::string> SealRing::Seal(std::string_view plain, std::string_view name) const {
  if (plain.size() > kPlainBytesMax) return absl::InvalidArgumentError("too large to be sealed");
  const std::shared_ptr<const std::vector<SealingKey>> keys = this->keys();
  const SealingKey& key = keys->front();
  std::string record(kMark);
  record += key.id();
  record.resize(kHeaderBytes + plain.size() + kTagBytes);
  unsigned char* nonce = Bytes(record) + kMark.size() + kIdLength;
  const ContextPtr context(EVP_CIPHER_CTX_new());
  int length = 0, rest = 0;
  const bool sealed =
      context != nullptr && RAND_bytes(nonce, kNonceBytes) == 1 &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes(), nonce) == 1 &&
      AddNames(*context, true, std::string_view(record).substr(0, kMark.size() + kIdLength),
               name) &&
      EVP_EncryptUpdate(context.get(), Bytes(record) + kHeaderBytes, &length, Bytes(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), Bytes(record) + kHeaderBytes + length, &rest) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                          Bytes(record) + kHeaderBytes + plain.size()) == 1;
  if (!sealed) return absl::InternalError("sealing a record failed");
  return record;
}

absl::StatusOr<std::string> SealRing::Open(std::string_view sealed, std::string_view name) const {
  if (sealed.size() > kMark.size() && IsSealed(sealed) && sealed.substr(0, kMark.size()) != kMark &&
      absl::ascii_isdigit(static_cast<unsigned char>(sealed[kAnyMark.size()]))) {
    return absl::FailedPreconditionError(
        "sealed by a newer version of Muster, which has to be installed again");
  }
  if (sealed.substr(0, kMark.size()) != kMark || sealed.size() < kHeaderBytes + kTagBytes) {
    return absl::DataLossError("not a sealed record, or cut short");
  }
  const std::string id = KeyIdOf(sealed);
  const std::shared_ptr<const std::vector<SealingKey>> keys = this->keys();
  const SealingKey* key = nullptr;
  for (const SealingKey& each : *keys) {
    if (each.id() == id) key = &each;
  }
  if (key == nullptr) {
    // It may be anything, when the record is damaged.
    for (const char c : id) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
        return absl::DataLossError("a sealed record is damaged");
      }
    }
    return absl::FailedPreconditionError(
        absl::StrCat("sealed with key ", id, ", and there is only ",
                     absl::StrJoin(*keys, ", ", [](std::string* out, const SealingKey& each) {
                       absl::StrAppend(out, each.id());
                     })));
  }
  const size_t size = sealed.size() - kHeaderBytes - kTagBytes;
  if (size > kPlainBytesMax) return absl::DataLossError("a sealed record is too large");
  std::string plain(size, '\0');
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  const ContextPtr context(EVP_CIPHER_CTX_new());
  int length = 0, rest = 0;
  const bool opened =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key->bytes(),
                         Bytes(sealed) + kMark.size() + kIdLength) == 1 &&
      AddNames(*context, false, sealed.substr(0, kMark.size() + kIdLength), name) &&
      EVP_DecryptUpdate(context.get(), Bytes(plain), &length, Bytes(sealed) + kHeaderBytes,
                        static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Bytes(plain) + length, &rest) == 1;
  if (!opened) {
    return absl::DataLossError("a sealed record was changed, or is that of another name");
  }
  return plain;
}

}  // namespace muster::seal
