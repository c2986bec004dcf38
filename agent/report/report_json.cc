#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "agent/report/node_report.h"

namespace muster::agent {
namespace {

// Keeps the order in which fields were written.
using Json = nlohmann::ordered_json;

// What is empty is not worth a line.
void Put(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}
void Put(Json& object, const char* key, WallTime time) {
  if (time == WallTime()) return;
  object[key] = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromChrono(time), absl::UTCTimeZone());
}
void Put(Json& object, const char* key, const std::vector<std::string>& texts) {
  if (!texts.empty()) object[key] = texts;
}

Json EndJson(const std::string& reason, const std::string& message, int32_t exit_code,
             WallTime at) {
  Json json;
  json["exitCode"] = exit_code;
  Put(json, "reason", reason);
  Put(json, "message", message);
  Put(json, "finishedAt", at);
  return json;
}

Json ContainerJson(const NodeReport::Container& container) {
  Json json;
  json["name"] = container.name;
  if (container.init) json["init"] = true;
  Put(json, "image", container.image);
  Put(json, "containerID", container.id);
  Json state = Json::object();
  if (container.state == "terminated") {
    state = EndJson(container.reason, container.message, container.exit_code, container.since);
  } else {
    Put(state, "reason", container.reason);
    Put(state, "message", container.message);
    Put(state, "startedAt", container.since);
  }
  if (!container.state.empty()) json["state"][container.state] = std::move(state);
  json["ready"] = container.ready;
  json["restartCount"] = container.restarts;
  if (container.last_end) {
    const NodeReport::Container::End& end = *container.last_end;
    json["lastState"]["terminated"] = EndJson(end.reason, end.message, end.exit_code, end.at);
  }
  return json;
}

Json PodJson(const NodeReport::Pod& pod) {
  Json json;
  json["namespace"] = pod.namespace_;
  json["name"] = pod.name;
  json["uid"] = pod.uid;
  if (pod.is_static) json["static"] = true;
  if (pod.terminating) json["terminating"] = true;
  Put(json, "phase", pod.phase);
  Put(json, "reason", pod.reason);
  Put(json, "message", pod.message);
  json["ready"] = pod.ready;
  Put(json, "podIP", pod.ip);
  Put(json, "startTime", pod.started_at);
  json["containers"] = Json::array();
  for (const NodeReport::Container& each : pod.containers) {
    json["containers"].push_back(ContainerJson(each));
  }
  return json;
}

// ---- Back again. What is missing or of another type is as if it were empty.

const Json& At(const Json& object, const char* key) {
  static const Json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}
std::string Text(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}
bool Flag(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_boolean() && value.get<bool>();
}
int64_t Number(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}
WallTime Time(const Json& object, const char* key) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, Text(object, key), &time, &error)) return WallTime();
  return std::chrono::time_point_cast<WallTime::duration>(absl::ToChronoTime(time));
}
std::vector<std::string> Texts(const Json& object, const char* key) {
  std::vector<std::string> texts;
  for (const Json& each : At(object, key)) {
    if (each.is_string()) texts.push_back(each.get<std::string>());
  }
  return texts;
}

NodeReport::Container ContainerFrom(const Json& json) {
  NodeReport::Container container;
  container.name = Text(json, "name");
  container.init = Flag(json, "init");
  container.image = Text(json, "image");
  container.id = Text(json, "containerID");
  container.ready = Flag(json, "ready");
  container.restarts = static_cast<int32_t>(Number(json, "restartCount"));
  for (const char* name : {"waiting", "running", "terminated"}) {
    const Json& state = At(At(json, "state"), name);
    if (!state.is_object()) continue;
    container.state = name;
    container.reason = Text(state, "reason");
    container.message = Text(state, "message");
    container.exit_code = static_cast<int32_t>(Number(state, "exitCode"));
    container.since = Time(state, container.state == "terminated" ? "finishedAt" : "startedAt");
  }
  if (const Json& end = At(At(json, "lastState"), "terminated"); end.is_object()) {
    container.last_end = {Text(end, "reason"), Text(end, "message"),
                          static_cast<int32_t>(Number(end, "exitCode")), Time(end, "finishedAt")};
  }
  return container;
}

NodeReport::Pod PodFrom(const Json& json) {
  NodeReport::Pod pod;
  pod.namespace_ = Text(json, "namespace");
  pod.name = Text(json, "name");
  pod.uid = Text(json, "uid");
  pod.is_static = Flag(json, "static");
  pod.terminating = Flag(json, "terminating");
  pod.phase = Text(json, "phase");
  pod.reason = Text(json, "reason");
  pod.message = Text(json, "message");
  pod.ready = Flag(json, "ready");
  pod.ip = Text(json, "podIP");
  pod.started_at = Time(json, "startTime");
  for (const Json& each : At(json, "containers")) pod.containers.push_back(ContainerFrom(each));
  return pod;
}

Json RuntimeJson(const NodeReport::Runtime& runtime) {
  Json json;
  Put(json, "name", runtime.name);
  Put(json, "version", runtime.version);
  json["answers"] = runtime.answers;
  json["ready"] = runtime.ready;
  json["networkReady"] = runtime.network_ready;
  Put(json, "message", runtime.message);
  json["events"] = runtime.events;
  return json;
}

}  // namespace

std::string ToJson(const NodeReport& report) {
  Json json;
  json["kind"] = "NodeReport";
  json["time"] = "";
  Put(json, "time", report.made_at);
  json["node"]["name"] = report.node_name;
  Put(json["node"], "uid", report.node_uid);
  json["node"]["agentVersion"] = report.agent_version;
  Put(json["node"], "agentStartedAt", report.agent_started_at);
  Put(json["node"], "problems", report.problems);
  Put(json["node"], "pressure", report.pressure);
  json["coordinator"]["address"] = report.link.coordinator;
  json["coordinator"]["state"] = report.link.state;
  Put(json["coordinator"], "since", report.link.since);
  Put(json["coordinator"], "lastError", report.link.last_error);
  json["runtime"] = RuntimeJson(report.runtime);
  if (report.checkpoint.revision > 0) json["checkpoint"]["revision"] = report.checkpoint.revision;
  json["checkpoint"]["objects"] = report.checkpoint.objects;
  json["checkpoint"]["complete"] = report.checkpoint.complete;
  Put(json["checkpoint"], "savedAt", report.checkpoint.saved_at);
  Put(json["checkpoint"], "problem", report.checkpoint.problem);
  json["pods"] = Json::array();
  for (const NodeReport::Pod& pod : report.pods) json["pods"].push_back(PodJson(pod));
  json["warnings"] = Json::array();
  for (const NodeReport::Warning& warning : report.warnings) {
    Json each;
    Put(each, "time", warning.at);
    Put(each, "object", warning.object);
    Put(each, "reason", warning.reason);
    Put(each, "message", warning.message);
    json["warnings"].push_back(std::move(each));
  }
  // What containers say need not be UTF-8.
  return json.dump(4, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<NodeReport> NodeReportFromJson(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || Text(json, "kind") != "NodeReport") {
    return absl::InvalidArgumentError("this is no report of an agent");
  }
  NodeReport report;
  report.made_at = Time(json, "time");
  const Json& node = At(json, "node");
  report.node_name = Text(node, "name");
  report.node_uid = Text(node, "uid");
  report.agent_version = Text(node, "agentVersion");
  report.agent_started_at = Time(node, "agentStartedAt");
  report.problems = Texts(node, "problems");
  report.pressure = Texts(node, "pressure");
  const Json& link = At(json, "coordinator");
  report.link = {Text(link, "state"), Text(link, "address"), Time(link, "since"),
                 Text(link, "lastError")};
  const Json& runtime = At(json, "runtime");
  report.runtime = {Text(runtime, "name"),  Text(runtime, "version"),      Flag(runtime, "answers"),
                    Flag(runtime, "ready"), Flag(runtime, "networkReady"), Text(runtime, "message"),
                    Flag(runtime, "events")};
  const Json& checkpoint = At(json, "checkpoint");
  report.checkpoint = {Number(checkpoint, "revision"), Number(checkpoint, "objects"),
                       Flag(checkpoint, "complete"), Time(checkpoint, "savedAt"),
                       Text(checkpoint, "problem")};
  for (const Json& pod : At(json, "pods")) report.pods.push_back(PodFrom(pod));
  for (const Json& each : At(json, "warnings")) {
    report.warnings.push_back(
        {Time(each, "time"), Text(each, "object"), Text(each, "reason"), Text(each, "message")});
  }
  return report;
}

}  // namespace muster::agent
