#pragma once

#include <string>

#include "coordinator/init/init_report.h"
#include "coordinator/settings/settings.h"

namespace muster::coordinator {

// Looks at this host with these settings; changes nothing. `agent_address` is where agents will
// look for the coordinator.
InitSurvey SurveyForInit(const Settings& settings, const std::string& settings_path,
                         const std::string& agent_address);

}  // namespace muster::coordinator
