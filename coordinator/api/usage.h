#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "muster/admin/v1/admin.pb.h"
#include "muster/session/v1/session.pb.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// What to ask of each node, by name.
using UsageQuestions = std::map<std::string, session::v1::TunnelStats>;
// What came of it; an error is why a node did not say.
using UsageAnswers = std::map<std::string, absl::StatusOr<session::v1::TunnelUsage>>;

// Which nodes know what these pods or nodes use. Pure.
UsageQuestions QuestionsAbout(const std::vector<v1::Object>& objects);

// The answer to the user about the same objects, in their order. A pod that is bound and not
// finished is in it also when its node did not say; one that runs nowhere uses nothing and is left
// out, as it is in Kubernetes' metrics. Pure.
admin::v1::TopResponse UsageOf(const std::vector<v1::Object>& objects, const UsageAnswers& answers);

}  // namespace muster::coordinator
