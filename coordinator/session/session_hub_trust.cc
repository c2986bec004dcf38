// The part of SessionHub that says for how long agents are believed, and asks for their sealing
// keys.

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "common/model/node_key.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/session/session_record.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr size_t kSealingKeyIdMax = 64;  // Bytes.
constexpr size_t kSealingKeyProblemMax = 512;

}  // namespace

void SessionHub::Handle(TrustChanged input) {
  trust_ = std::move(input.trust);
  // Those whose nodes could not be waited for.
  std::vector<Session*> worthless;
  for (const auto& [id, session] : sessions_) {
    if (!input.authorities.empty() && !session->ca_hash.empty() &&
        !input.authorities.contains(session->ca_hash)) {
      worthless.push_back(session.get());
    }
  }
  for (Session* session : worthless) {
    const std::string node = session->node;
    const absl::Status why =
        absl::UnauthenticatedError("its certificate is of a CA that is no longer trusted");
    End(*session, why);
    TellWorthless(node, why);
  }
  for (const auto& [node, session] : by_node_) {
    *session->control.emplace_back().mutable_trust() = *trust_;
    ready_.insert(session->id);
  }
}

// A certificate is looked at when the connection is made; a session that was open by then is not to
// be worth more than a new one. Its agent, if it is the node's own, asks for another certificate,
// for which it needs its key alone.
std::optional<MonoTime> SessionHub::EndExpired(MonoTime now) {
  const WallTime wall = clock_.Wall();
  while (!expiring_.empty()) {
    const auto [until, id] = *expiring_.begin();
    if (until > wall) {
      return now + std::chrono::duration_cast<MonoTime::duration>(until - wall) +
             std::chrono::milliseconds(1);
    }
    expiring_.erase(expiring_.begin());
    if (Session* session = Find(id); session != nullptr) {
      End(*session, absl::UnauthenticatedError("the time of its certificate is over"));
    }
  }
  return std::nullopt;
}

void SessionHub::TellWorthless(const std::string& node, const absl::Status& why) {
  if (options_.on_worthless) options_.on_worthless(node, why);
}

void SessionHub::BeginSealingKey(Session& session, const std::string& id, const v1::Node& node) {
  if (id.empty() || id.size() > kSealingKeyIdMax) return;
  session.sealing_key_id = id;
  // A problem is one of the last session's; the next answer tells whether it still is.
  writer_.ReportSealingKey(session.node, id, "");
  AskToReplaceSealingKey(session, node);
}

void SessionHub::ReceiveSealingKey(Session& session, session::v1::SealingKey& key) {
  // What is kept of it goes into an annotation.
  if (session.sealing_key_id.empty() || key.id().empty() || key.id().size() > kSealingKeyIdMax) {
    return;
  }
  std::string problem = key.problem().substr(0, kSealingKeyProblemMax);
  if (!problem.empty()) spdlog::warn("node {}: its sealing key stays: {}", session.node, problem);
  session.sealing_key_id = key.id();
  writer_.ReportSealingKey(session.node, key.id(), std::move(problem));
}

// Asked once in a session: an agent that cannot says why, and is asked again when it comes back.
void SessionHub::AskToReplaceSealingKey(Session& session, const v1::Node& node) {
  const auto& annotations = node.metadata().annotations();
  const auto replace = annotations.find(model::kReplaceSealingKeyAnnotation);
  if (replace == annotations.end() || session.sealing_key_id.empty() ||
      session.asked_to_replace == replace->second) {
    return;
  }
  session.asked_to_replace = replace->second;
  session.control.emplace_back().mutable_replace_sealing_key()->set_id(replace->second);
  ready_.insert(session.id);
}

}  // namespace muster::coordinator
