#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "muster/v1/pod.pb.h"

namespace muster::model {

// 32-bit FNV-1a.
uint32_t Fnv1a(std::string_view text);

// A number as Kubernetes writes hashes into names: decimal, each digit as a letter or digit that
// cannot form a word, [456789bcdf]{1,10}.
std::string SafeEncode(uint32_t number);

// The value of label controller-revision-hash for a defaulted template. Semantically equal
// templates have equal hashes, in every version of Muster. A collision count that is set (0 too)
// gives other hashes.
std::string TemplateHash(const v1::PodTemplateSpec& pod_template,
                         std::optional<int32_t> collision_count);

}  // namespace muster::model
