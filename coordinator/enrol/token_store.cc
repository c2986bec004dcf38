#include "coordinator/enrol/token_store.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/pki/pki.h"
#include "coordinator/store/object_key.h"

namespace muster::coordinator {
namespace {

using std::chrono::seconds;

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr size_t kIdLength = 6;
constexpr size_t kSecretLength = 24;  // 124 bits.
constexpr seconds kTtlDefault{3600};
constexpr seconds kTtlMax{365 * 24 * 3600};
constexpr int64_t kUsesMax = 100'000;

std::string Prefix() { return std::string(kInternalPrefix).append("tokens/"); }

struct Record {
  std::string secret_hash;
  int64_t expires_at = 0;  // Seconds since the epoch.
  int64_t uses_left = 0;
};

std::string Encode(const Record& record) {
  return nlohmann::json{{"secretHash", record.secret_hash},
                        {"expiresAt", record.expires_at},
                        {"usesLeft", record.uses_left}}
      .dump();
}

absl::StatusOr<Record> Decode(const KeyValue& stored) {
  try {
    const nlohmann::json json = nlohmann::json::parse(stored.value);
    return Record{json.at("secretHash"), json.at("expiresAt"), json.at("usesLeft")};
  } catch (const nlohmann::json::exception& error) {
    return absl::DataLossError(
        absl::StrCat("the stored value of ", stored.key, " is no token: ", error.what()));
  }
}

int64_t ToSeconds(WallTime when) {
  return std::chrono::floor<seconds>(when.time_since_epoch()).count();
}

absl::Status Refused() {
  return absl::UnauthenticatedError(
      "the token is unknown, used up or has expired; an administrator makes another with "
      "\"musterctl token create\"");
}

}  // namespace

TokenStore::TokenStore(Store& store, const Clock& clock, RandomBits random)
    : store_(store), clock_(clock), random_(std::move(random)) {}

absl::StatusOr<TokenStore::Token> TokenStore::Create(seconds ttl, int64_t uses) {
  if (ttl == seconds(0)) ttl = kTtlDefault;
  if (uses == 0) uses = 1;
  if (ttl < seconds(0) || ttl > kTtlMax) {
    return absl::InvalidArgumentError("a token can live for up to a year");
  }
  if (uses < 0 || uses > kUsesMax) {
    return absl::InvalidArgumentError(absl::StrCat("a token can have up to ", kUsesMax, " uses"));
  }
  const int64_t now = ToSeconds(clock_.Wall());
  const std::string id = RandomText(random_, kAlphabet, kIdLength);
  const std::string secret = RandomText(random_, kAlphabet, kSecretLength);
  const Record record{pki::Sha256Hex(secret), now + ttl.count(), uses};
  const std::string key = Prefix() + id;
  Transaction transaction{{{key, 0}}, {{key, Encode(record)}}};
  MUSTER_ASSIGN_OR_RETURN(const Listing present, store_.List(Prefix()));
  for (const KeyValue& item : present.items) {
    const absl::StatusOr<Record> other = Decode(item);
    // The id of an expired one can be drawn again, if not just now.
    if (item.key != key && other.ok() && other->expires_at <= now) {
      transaction.writes.push_back({item.key, std::nullopt});
    }
  }
  MUSTER_RETURN_IF_ERROR(store_.Transact(transaction).status());
  return Token{id, absl::StrCat(id, ".", secret), WallTime(seconds(record.expires_at))};
}

absl::StatusOr<TokenStore::Use> TokenStore::Check(std::string_view text) const {
  const size_t dot = text.find('.');
  const std::string id(text.substr(0, dot));
  if (dot != kIdLength || id.find_first_not_of(kAlphabet) != std::string::npos) return Refused();
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(Prefix() + id));
  if (!stored) return Refused();
  MUSTER_ASSIGN_OR_RETURN(Record record, Decode(*stored));
  const std::string hash = pki::Sha256Hex(text.substr(dot + 1));
  if (!pki::EqualInConstantTime(hash, record.secret_hash)) return Refused();
  if (record.expires_at <= ToSeconds(clock_.Wall())) return Refused();
  Use use{{stored->key, stored->mod_revision}, {stored->key, std::nullopt}};
  if (--record.uses_left > 0) use.write.value = Encode(record);
  return use;
}

}  // namespace muster::coordinator
