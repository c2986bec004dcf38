#pragma once

#include <map>
#include <string>
#include <vector>

#include "muster/v1/object.pb.h"
#include "muster/v1/pod.pb.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// "true": a change of a mentioned ConfigMap or Secret is a new revision.
inline constexpr char kRollOnConfigAnnotation[] = "muster.dev/roll-on-config";
// Of a template, and of the pods made from it: what their ConfigMaps and Secrets held.
inline constexpr char kConfigDigestAnnotation[] = "muster.dev/config-digest";

// The DaemonSet as its controller sees it: what annotations add to the template is in the template.
// So it is part of the revision, in its history and its hash, and comes back with an undo.
//  - overrides are carried in the template's annotations, and nowhere else;
//  - with roll-on-config, so is the digest of its configuration (see ConfigDigest).
v1::DaemonSet EffectiveDaemonSet(const v1::DaemonSet& daemon_set, const std::string& config_digest);

// Puts the template of a revision back: what EffectiveDaemonSet took into it goes to where it came
// from, overrides that the revision did not have go. It rolls on its configuration when the
// revision did.
void RestoreTemplate(const v1::PodTemplateSpec& of_revision, v1::DaemonSet& daemon_set);

bool RollsOnConfig(const v1::DaemonSet& daemon_set);

// The session keys (see references.h) of what the pods of a DaemonSet are configured by: variables,
// whole maps of them, volumes, projected ones too, under all overrides. Not pull secrets: they do
// not change what runs. Sorted.
std::vector<std::string> ConfigKeys(const v1::DaemonSet& daemon_set);

// A short text for what a ConfigMap or Secret holds, labels and annotations aside. It has 32 bits:
// enough to tell a change, and too few to confirm a guess of what a Secret holds.
std::string ContentDigest(const v1::Object& object);
// The same of all these objects together, from their own; one that is missing is not there.
std::string ConfigDigest(const std::vector<std::string>& keys,
                         const std::map<std::string, std::string>& content_digests);

}  // namespace muster::coordinator
