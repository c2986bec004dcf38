#include "common/seal/sealing_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace muster::seal {
namespace {

constexpr char kIdPurpose[] = "muster sealing key id";
constexpr size_t kIdBytes = 8;

}  // namespace

// A page of its own: what may be said of memory to the kernel is said of pages.
class SealingKey::Memory {
 public:
  static absl::StatusOr<std::shared_ptr<Memory>> Make() {
    const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return absl::ErrnoToStatus(errno, "memory for a key");
    // Best effort: neither is missing on any kernel we know, but the limit of locked memory may be.
    (void)::madvise(page, size, MADV_DONTDUMP);
    (void)::mlock(page, size);
    return std::make_shared<Memory>(page, size);
  }
  Memory(void* page, size_t size) : page_(page), size_(size) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    OPENSSL_cleanse(page_, kBytes);
    ::munmap(page_, size_);
  }
  unsigned char* bytes() const { return static_cast<unsigned char*>(page_); }

 private:
  void* const page_;
  const size_t size_;
};

SealingKey::SealingKey(std::shared_ptr<const Memory> memory) : memory_(std::move(memory)) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
  EVP_DigestUpdate(context, kIdPurpose, sizeof kIdPurpose);
  EVP_DigestUpdate(context, memory_->bytes(), kBytes);
  EVP_DigestFinal_ex(context, digest, &length);
  EVP_MD_CTX_free(context);
  id_ = absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), kIdBytes));
}

absl::StatusOr<SealingKey> SealingKey::Generate() {
  absl::StatusOr<std::shared_ptr<Memory>> memory = Memory::Make();
  if (!memory.ok()) return memory.status();
  if (RAND_bytes((*memory)->bytes(), kBytes) != 1) {
    return absl::InternalError("no random bytes for a key");
  }
  return SealingKey(*std::move(memory));
}

absl::StatusOr<SealingKey> SealingKey::FromBase64(std::string_view text) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = Memory::Make();
  if (!memory.ok()) return memory.status();
  std::string bytes;
  const bool decoded = absl::Base64Unescape(absl::string_view(text.data(), text.size()), &bytes) &&
                       bytes.size() == kBytes;
  if (decoded) std::copy(bytes.begin(), bytes.end(), (*memory)->bytes());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (!decoded) return absl::InvalidArgumentError("a key is the base64 of 32 bytes");
  return SealingKey(*std::move(memory));
}

std::string SealingKey::ToBase64() const {
  return absl::Base64Escape(
      absl::string_view(reinterpret_cast<const char*>(memory_->bytes()), kBytes));
}

const unsigned char* SealingKey::bytes() const { return memory_->bytes(); }

}  // namespace muster::seal
