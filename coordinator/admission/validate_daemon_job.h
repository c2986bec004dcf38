#pragma once

#include "coordinator/admission/problem.h"
#include "coordinator/admission/support.h"
#include "muster/v1/daemon_job.pb.h"

namespace muster::coordinator {

// After defaulting. Kubernetes' rules for a Job where it has the field, for a DaemonSet's template
// where that is what counts.
void ValidateDaemonJob(const v1::DaemonJob& job, Problems& problems);

// As with a Job the template never changes: nodes that have run it and nodes that will must have
// run the same. All else may.
void ValidateDaemonJobUpdate(const v1::DaemonJob& updated, const v1::DaemonJob& stored,
                             Problems& problems);

// Annotations that steer a DaemonSet and mean nothing here.
void WarnAboutDaemonJob(const v1::DaemonJob& job, SupportReport& report);

}  // namespace muster::coordinator
