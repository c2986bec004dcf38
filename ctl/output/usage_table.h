#pragma once

#include <string>

#include "muster/admin/v1/admin.pb.h"

namespace muster::ctl {

enum class UsageOrder { kName, kCpu, kMemory };

// kubectl's tables of what is used: cores in thousandths, rounded up ("12m"), bytes in Mi, rounded
// down ("34Mi"), shares of what the node can give as whole percents; "<unknown>" for what is not
// known. By cpu and memory the largest comes first and what is not known last.

// NAME CPU(cores) MEMORY(bytes), the sum over its containers; with `containers` POD NAME ..., a row
// for each.
admin::v1::Table PodUsageTable(const admin::v1::TopResponse& usage, UsageOrder order,
                               bool containers);
// NAME CPU(cores) CPU% MEMORY(bytes) MEMORY%
admin::v1::Table NodeUsageTable(const admin::v1::TopResponse& usage, UsageOrder order);

}  // namespace muster::ctl
