#include "coordinator/audit/audit_record.h"

#include <nlohmann/json.hpp>

#include "absl/time/time.h"

namespace muster::coordinator {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kObjectsMax = 200;

template <typename Value>
void Put(const char* key, const Value& value, Json& json) {
  if (value != Value()) json[key] = value;
}

Json ToJson(const AuditedObject& object) {
  Json json;
  Put("verb", object.verb, json);
  Put("resource", object.resource, json);
  Put("namespace", object.ns, json);
  Put("name", object.name, json);
  Put("old", object.old_revision, json);
  Put("new", object.new_revision, json);
  return json;
}

}  // namespace

std::string AuditTime(WallTime time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

std::string AuditObject(const AuditRecord& record) {
  Json json;
  json["time"] = AuditTime(record.time);
  json["user"] = record.user;
  Put("groups", record.groups, json);
  Put("role", record.role, json);
  Put("from", record.from, json);
  json["rpc"] = record.rpc;
  Put("stage", record.stage, json);
  if (!record.objects.empty()) {
    Json& objects = json["objects"] = Json::array();
    for (size_t i = 0; i < record.objects.size() && i < kObjectsMax; ++i) {
      objects.push_back(ToJson(record.objects[i]));
    }
    if (record.objects.size() > kObjectsMax) {
      json["moreObjects"] = record.objects.size() - kObjectsMax;
    }
  }
  Put("dryRun", record.dry_run, json);
  Put("program", record.program, json);
  json["allowed"] = record.allowed;
  json["code"] = absl::StatusCodeToString(record.code);
  Put("message", record.message, json);
  Put("remarks", record.remarks, json);
  Put("limited", record.limited, json);
  // What callers send need not be UTF-8.
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace muster::coordinator
