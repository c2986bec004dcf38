#pragma once

#include <string>
#include <string_view>

#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Sections that several descriptions share, in kubectl's words. Each appends lines whose cells end
// with tabs, to be aligned when the text is complete. Pure.

using TextMap = google::protobuf::Map<std::string, std::string>;

// "Labels:\ta=b\n\tc=d\n", or "<none>"; sorted by key. The title may be indented.
void DescribeLabels(std::string_view title, const TextMap& labels, std::string& out);
// Likewise "key: value". Without what apply remembers; long values are cut.
void DescribeAnnotations(std::string_view title, const TextMap& annotations, std::string& out);
void DescribeTolerations(std::string_view title,
                         const google::protobuf::RepeatedPtrField<v1::Toleration>& tolerations,
                         std::string& out);
// `indent` is two blanks inside a template, else empty.
void DescribeSpreadConstraints(
    const google::protobuf::RepeatedPtrField<v1::TopologySpreadConstraint>& constraints,
    std::string_view indent, std::string& out);
void DescribeVolumes(const google::protobuf::RepeatedPtrField<v1::Volume>& volumes,
                     std::string_view indent, std::string& out);

using Containers = google::protobuf::RepeatedPtrField<v1::Container>;
using ContainerStatuses = google::protobuf::RepeatedPtrField<v1::ContainerStatus>;

// With their states where there is one, and references to fields of the pod resolved, if `pod` is
// not null.
void DescribeContainers(std::string_view title, const Containers& containers,
                        const ContainerStatuses& statuses, const v1::Pod* pod,
                        std::string_view indent, std::string& out);

void DescribePodTemplate(const v1::PodTemplateSpec& pod_template, std::string& out);

// "exec [cat /x] delay=0s timeout=1s period=10s successThreshold=1 failureThreshold=3"
std::string ProbeText(const v1::Probe& probe);

}  // namespace muster::coordinator
