#include "coordinator/enrol/token_store.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/names.h"
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
  TokenStore::Scope scope;
};

std::string Encode(const Record& record) {
  nlohmann::json json{{"secretHash", record.secret_hash},
                      {"expiresAt", record.expires_at},
                      {"usesLeft", record.uses_left}};
  if (!record.scope.node_name.empty()) json["nodeName"] = record.scope.node_name;
  if (!record.scope.labels.empty()) json["labels"] = record.scope.labels;
  if (record.scope.replace) json["replace"] = true;
  return json.dump();
}

absl::StatusOr<Record> Decode(const KeyValue& stored) {
  try {
    const nlohmann::json json = nlohmann::json::parse(stored.value);
    Record record{json.at("secretHash"), json.at("expiresAt"), json.at("usesLeft"), {}};
    record.scope.node_name = json.value("nodeName", "");
    record.scope.labels = json.value("labels", std::map<std::string, std::string>());
    record.scope.replace = json.value("replace", false);
    return record;
  } catch (const nlohmann::json::exception& error) {
    return absl::DataLossError(
        absl::StrCat("the stored value of ", stored.key, " is no token: ", error.what()));
  }
}

int64_t ToSeconds(WallTime when) {
  return std::chrono::floor<seconds>(when.time_since_epoch()).count();
}

bool IsId(std::string_view id) {
  return id.size() == kIdLength && id.find_first_not_of(kAlphabet) == std::string_view::npos;
}

absl::Status CheckScope(const TokenStore::Scope& scope) {
  for (const char c : scope.node_name) {
    if (!absl::ascii_islower(static_cast<unsigned char>(c)) &&
        !absl::ascii_isdigit(static_cast<unsigned char>(c)) &&
        std::string_view("-.*?").find(c) == std::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", absl::CHexEscape(scope.node_name),
          "\" matches no node: names have lower-case letters, digits, '-' and '.'; * and ? stand "
          "for others"));
    }
  }
  for (const auto& [key, value] : scope.labels) {
    model::NameProblems problems = model::CheckQualifiedName(key);
    for (std::string& problem : model::CheckLabelValue(value)) problems.push_back(problem);
    if (!problems.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("label \"", key, "=", value, "\": ", problems.front()));
    }
  }
  return absl::OkStatus();
}

absl::Status Refused() {
  return absl::UnauthenticatedError(
      "the token is unknown, used up or has expired; an administrator makes another with "
      "\"musterctl token create\"");
}

}  // namespace

TokenStore::TokenStore(Store& store, const Clock& clock, RandomBits random)
    : store_(store), clock_(clock), random_(std::move(random)) {}

absl::StatusOr<TokenStore::Token> TokenStore::Create(seconds ttl, int64_t uses,
                                                     const Scope& scope) {
  if (ttl == seconds(0)) ttl = kTtlDefault;
  if (uses == 0) uses = 1;
  if (ttl < seconds(0) || ttl > kTtlMax) {
    return absl::InvalidArgumentError("a token can live for up to a year");
  }
  if (uses < 0 || uses > kUsesMax) {
    return absl::InvalidArgumentError(absl::StrCat("a token can have up to ", kUsesMax, " uses"));
  }
  MUSTER_RETURN_IF_ERROR(CheckScope(scope));
  const int64_t now = ToSeconds(clock_.Wall());
  const std::string id = RandomText(random_, kAlphabet, kIdLength);
  const std::string secret = RandomText(random_, kAlphabet, kSecretLength);
  const Record record{pki::Sha256Hex(secret), now + ttl.count(), uses, scope};
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

absl::StatusOr<TokenStore::Token> TokenStore::Create(seconds ttl, int64_t uses) {
  return Create(ttl, uses, Scope());
}

absl::StatusOr<TokenStore::Use> TokenStore::Check(std::string_view text) const {
  const size_t dot = text.find('.');
  const std::string id(text.substr(0, dot));
  if (dot == std::string_view::npos || !IsId(id)) return Refused();
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(Prefix() + id));
  if (!stored) return Refused();
  MUSTER_ASSIGN_OR_RETURN(Record record, Decode(*stored));
  const std::string hash = pki::Sha256Hex(text.substr(dot + 1));
  if (!pki::EqualInConstantTime(hash, record.secret_hash)) return Refused();
  if (record.expires_at <= ToSeconds(clock_.Wall())) return Refused();
  Use use{{stored->key, stored->mod_revision}, {stored->key, std::nullopt}, record.scope};
  if (--record.uses_left > 0) use.write.value = Encode(record);
  return use;
}

absl::StatusOr<std::vector<TokenStore::Listed>> TokenStore::List() const {
  MUSTER_ASSIGN_OR_RETURN(const Listing present, store_.List(Prefix()));
  const int64_t now = ToSeconds(clock_.Wall());
  std::vector<Listed> tokens;
  for (const KeyValue& item : present.items) {
    MUSTER_ASSIGN_OR_RETURN(Record record, Decode(item));
    if (record.expires_at <= now) continue;
    tokens.push_back({item.key.substr(Prefix().size()), WallTime(seconds(record.expires_at)),
                      record.uses_left, std::move(record.scope)});
  }
  return tokens;
}

absl::Status TokenStore::Delete(const std::string& id) {
  const auto missing =
      absl::NotFoundError(absl::StrCat("token \"", absl::CHexEscape(id), "\" not found"));
  if (!IsId(id)) return missing;
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(Prefix() + id));
  if (!stored) return missing;
  return store_.Transact({{}, {{stored->key, std::nullopt}}}).status();
}

bool MatchesPattern(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return true;
  size_t p = 0, n = 0;
  // Where to go on with one more character under the last *; none yet.
  size_t star = std::string_view::npos, retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace muster::coordinator
