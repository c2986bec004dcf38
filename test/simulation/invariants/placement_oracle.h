#pragma once

#include <map>
#include <string>
#include <vector>

#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"
#include "muster/v1/workload.pb.h"
#include "test/simulation/ledger.h"
#include "test/simulation/releases.h"

// What the spec says about nodes and pods, said once more for the checks: only as much of it as the
// users of the simulation use, and not with the code under test.
namespace muster::simulation {

// Spec 1.1.
bool ShouldRun(const v1::DaemonSet& daemon_set, const v1::Node& node);
bool ShouldContinue(const v1::DaemonSet& daemon_set, const v1::Node& node);

// "True", "False", "Unknown"; empty when there is none.
std::string ConditionOf(const v1::Pod& pod, const std::string& type);
std::string ConditionOf(const v1::Node& node, const std::string& type);
bool IsReady(const v1::Pod& pod);
bool IsAvailable(const v1::Pod& pod, int min_ready_seconds, WallTime now);
bool IsTerminal(const v1::Pod& pod);

// Is the pod made from what it should be made from on this node? `node` may be null.
bool IsCurrent(const v1::Pod& pod, const v1::DaemonSet& daemon_set, const v1::Node* node,
               const Objects& objects, const Ledger& ledger);

bool IsSurging(const v1::DaemonSet& daemon_set);
// Spec 5.1: percentages of `desired`, rounded up. With both 0 it is 1.
int MaxUnavailable(const v1::DaemonSet& daemon_set, int desired);
int MaxSurge(const v1::DaemonSet& daemon_set, int desired);
// A number of nodes, or a percentage of `desired`.
int RoundedUp(const std::string& share, int desired);
int RoundedDown(const std::string& share, int desired);

// All of a kind, by name. Pointers into `objects`.
std::map<std::string, const v1::Node*> NodesIn(const Objects& objects);
// The DaemonSet of that uid; null when there is none.
const v1::DaemonSet* DaemonSetIn(const Objects& objects, const std::string& uid);
// The pods it controls, by node, those that are terminal and terminating left out.
std::map<std::string, std::vector<const v1::Pod*>> PodsOf(const Objects& objects,
                                                          const std::string& uid);

}  // namespace muster::simulation
