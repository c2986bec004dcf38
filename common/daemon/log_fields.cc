#include "common/daemon/log_fields.h"

#include <algorithm>
#include <string_view>

#include "common/base/macros.h"

namespace muster {
namespace {

thread_local const LogFields* innermost = nullptr;

std::vector<LogFields::Field>& OfProcess() {
  static std::vector<LogFields::Field> fields;
  return fields;
}

void AddUnlessThere(const std::vector<LogFields::Field>& more,
                    std::vector<LogFields::Field>& fields) {
  for (const LogFields::Field& field : more) {
    const bool there = std::any_of(fields.begin(), fields.end(), [&](const auto& other) {
      return std::string_view(other.first) == field.first;
    });
    if (!there && !field.second.empty()) fields.push_back(field);
  }
}

}  // namespace

LogFields::LogFields(const char* name, std::string value)
    : LogFields(std::vector<Field>{{name, std::move(value)}}) {}

LogFields::LogFields(std::vector<Field> fields) : fields_(std::move(fields)), outer_(innermost) {
  innermost = this;
}

LogFields::~LogFields() {
  MUSTER_CHECK(innermost == this);
  innermost = outer_;
}

void LogFields::SetForProcess(Field field) { OfProcess().push_back(std::move(field)); }

std::vector<LogFields::Field> LogFields::Current() {
  std::vector<Field> fields;
  for (const LogFields* at = innermost; at != nullptr; at = at->outer_) {
    AddUnlessThere(at->fields_, fields);
  }
  AddUnlessThere(OfProcess(), fields);
  return fields;
}

}  // namespace muster
