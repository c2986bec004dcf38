#pragma once

#include "agent/workload/observed.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// How pods come to an end by themselves: what restartPolicy says about containers that have ended
// (Kubernetes: kubelet's ShouldContainerBeRestarted and computePodActions). Pure.

// False for pods that go on for ever.
bool RunsToItsEnd(const v1::Pod& pod);

// The container, which is not alive, has had its last run. Not asked of sidecars, which go on as
// long as their pod does.
bool HasHadItsRun(const v1::Pod& pod, bool is_init, const ObservedContainer& seen);

// Nothing in the pod is to be started any more, and of its containers none is alive; sidecars may
// be.
bool HasRunToItsEnd(const v1::Pod& pod, const ObservedPod& observed);

// The container ran, and the runtime knows nothing of it any more.
bool IsLost(const ObservedContainer& seen);

// Of a pod that is terminating: some container ended because we stopped it, as far as can be told.
// An agent that was not there when it ended goes by the time.
bool WasInterrupted(const v1::Pod& pod, const ObservedPod& observed);

}  // namespace muster::agent
