#include "coordinator/table/event_text.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/kinds.h"
#include "common/model/time_text.h"
#include "coordinator/table/age.h"

namespace muster::coordinator {
namespace {

absl::Time LastTime(const v1::Event& event) {
  if (event.has_series()) return model::ToAbslTime(event.series().last_observed_time());
  if (!IsUnset(event.last_timestamp())) return model::ToAbslTime(event.last_timestamp());
  if (!IsUnset(event.event_time())) return model::ToAbslTime(event.event_time());
  return model::ToAbslTime(event.first_timestamp());
}

// "3m", or "3m (x4 over 10m)" for what happened more than once.
std::string Interval(const v1::Event& event, WallTime now) {
  const std::string first =
      IsUnset(event.event_time()) ? FirstSeen(event, now) : AgeOf(event.event_time(), now);
  if (!event.has_series() && event.count() <= 1) return first;
  return absl::StrCat(LastSeen(event, now), " (x", EventCount(event), " over ", first, ")");
}

}  // namespace

std::string FirstSeen(const v1::Event& event, WallTime now) {
  return IsUnset(event.first_timestamp()) ? AgeOf(event.event_time(), now)
                                          : AgeOf(event.first_timestamp(), now);
}

std::string LastSeen(const v1::Event& event, WallTime now) {
  if (event.has_series()) return AgeOf(event.series().last_observed_time(), now);
  return IsUnset(event.last_timestamp()) ? FirstSeen(event, now)
                                         : AgeOf(event.last_timestamp(), now);
}

int32_t EventCount(const v1::Event& event) {
  return event.has_series() ? event.series().count() : std::max(event.count(), 1);
}

std::string EventSourceText(const v1::Event& event) {
  std::string component = event.source().component();
  std::string host = event.source().host();
  if (component.empty()) component = event.reporting_component();
  if (host.empty()) host = event.reporting_instance();
  return host.empty() ? component : absl::StrCat(component, ", ", host);
}

bool IsAbout(const v1::Event& event, const v1::Object& object) {
  const v1::ObjectReference& about = event.involved_object();
  const v1::ObjectMeta& metadata = model::MetadataOf(object);
  if (about.kind() != model::InfoOf(object).name || about.name() != metadata.name()) return false;
  if (about.namespace_() != metadata.namespace_()) return false;
  if (about.uid().empty() || metadata.uid().empty() || about.uid() == metadata.uid()) return true;
  return object.has_node() && about.uid() == metadata.name();
}

EventSection DescribeEvents(const v1::Object& object, absl::Span<const v1::Object> events,
                            WallTime now) {
  std::vector<const v1::Event*> sorted;
  for (const v1::Object& each : events) {
    if (each.has_event() && IsAbout(each.event(), object)) sorted.push_back(&each.event());
  }
  if (sorted.empty()) return {"Events:\t<none>\n", false};
  std::stable_sort(sorted.begin(), sorted.end(), [](const v1::Event* a, const v1::Event* b) {
    return LastTime(*a) < LastTime(*b);
  });
  std::string text =
      "Events:\n"
      "  Type\tReason\tAge\tFrom\tMessage\n"
      "  ----\t------\t----\t----\t-------\n";
  for (const v1::Event* event : sorted) {
    const std::string& from = event->source().component().empty() ? event->reporting_component()
                                                                  : event->source().component();
    absl::StrAppend(&text, "  ", event->type(), "\t", event->reason(), "\t", Interval(*event, now),
                    "\t", from, "\t", absl::StripAsciiWhitespace(event->message()), "\n");
  }
  return {text, true};
}

}  // namespace muster::coordinator
