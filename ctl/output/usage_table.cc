#include "ctl/output/usage_table.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"

namespace muster::ctl {
namespace {

constexpr uint64_t kNanosInMilli = 1'000'000;
constexpr uint64_t kMebibyte = 1 << 20;
constexpr char kUnknown[] = "<unknown>";

using Amount = std::optional<uint64_t>;

Amount CpuOf(const admin::v1::Usage& usage) {
  return usage.has_cpu_nano_cores() ? Amount(usage.cpu_nano_cores()) : std::nullopt;
}
Amount MemoryOf(const admin::v1::Usage& usage) {
  return usage.has_memory_bytes() ? Amount(usage.memory_bytes()) : std::nullopt;
}

std::string CpuText(const Amount& cpu) {
  return cpu ? absl::StrCat((*cpu + kNanosInMilli - 1) / kNanosInMilli, "m") : kUnknown;
}
std::string MemoryText(const Amount& memory) {
  return memory ? absl::StrCat(*memory / kMebibyte, "Mi") : kUnknown;
}
std::string ShareText(const Amount& used, uint64_t of) {
  if (!used || of == 0) return kUnknown;
  return absl::StrCat(
      static_cast<uint64_t>(static_cast<double>(*used) / static_cast<double>(of) * 100), "%");
}

// A sum with an unknown part is unknown: less than it is would mislead.
Amount Add(const Amount& sum, const Amount& part) {
  return sum && part ? Amount(*sum + *part) : std::nullopt;
}

// A row before it is text.
struct Line {
  admin::v1::Table::Row row;
  Amount cpu, memory;
};

void SortLines(std::vector<Line>& lines, UsageOrder order) {
  if (order == UsageOrder::kName) return;  // As the coordinator gives them.
  const auto more = [order](const Line& a, const Line& b) {
    return order == UsageOrder::kCpu ? a.cpu > b.cpu : a.memory > b.memory;
  };
  std::ranges::stable_sort(lines, more);
}

admin::v1::Table TableFrom(const std::vector<const char*>& columns, std::vector<Line> lines,
                           UsageOrder order) {
  SortLines(lines, order);
  admin::v1::Table table;
  for (const char* column : columns) table.add_columns()->set_name(column);
  for (Line& line : lines) *table.add_rows() = std::move(line.row);
  return table;
}

Line PodLine(const admin::v1::PodUsage& pod) {
  Line line;
  line.row.set_namespace_(pod.namespace_());
  line.row.set_name(pod.name());
  line.row.add_cells(pod.name());
  return line;
}

void Finish(const Amount& cpu, const Amount& memory, Line& line) {
  line.cpu = cpu;
  line.memory = memory;
  line.row.add_cells(CpuText(cpu));
  line.row.add_cells(MemoryText(memory));
}

}  // namespace

admin::v1::Table PodUsageTable(const admin::v1::TopResponse& usage, UsageOrder order,
                               bool containers) {
  std::vector<Line> lines;
  for (const admin::v1::PodUsage& pod : usage.pods()) {
    if (!containers) {
      Amount cpu = pod.known() ? Amount(0) : std::nullopt, memory = cpu;
      for (const auto& container : pod.containers()) {
        cpu = Add(cpu, CpuOf(container.usage()));
        memory = Add(memory, MemoryOf(container.usage()));
      }
      Finish(cpu, memory, lines.emplace_back(PodLine(pod)));
      continue;
    }
    for (const auto& container : pod.containers()) {
      Line& line = lines.emplace_back(PodLine(pod));
      line.row.add_cells(container.name());
      Finish(CpuOf(container.usage()), MemoryOf(container.usage()), line);
    }
    if (!pod.known()) {
      Line& line = lines.emplace_back(PodLine(pod));
      line.row.add_cells(kUnknown);
      Finish(std::nullopt, std::nullopt, line);
    }
  }
  if (!containers) {
    return TableFrom({"NAME", "CPU(cores)", "MEMORY(bytes)"}, std::move(lines), order);
  }
  return TableFrom({"POD", "NAME", "CPU(cores)", "MEMORY(bytes)"}, std::move(lines), order);
}

admin::v1::Table NodeUsageTable(const admin::v1::TopResponse& usage, UsageOrder order) {
  std::vector<Line> lines;
  for (const admin::v1::NodeUsage& node : usage.nodes()) {
    Line& line = lines.emplace_back();
    line.cpu = CpuOf(node.usage());
    line.memory = MemoryOf(node.usage());
    line.row.set_name(node.name());
    line.row.add_cells(node.name());
    line.row.add_cells(CpuText(line.cpu));
    line.row.add_cells(ShareText(line.cpu, node.allocatable_cpu_nano_cores()));
    line.row.add_cells(MemoryText(line.memory));
    line.row.add_cells(ShareText(line.memory, node.allocatable_memory_bytes()));
  }
  return TableFrom({"NAME", "CPU(cores)", "CPU%", "MEMORY(bytes)", "MEMORY%"}, std::move(lines),
                   order);
}

}  // namespace muster::ctl
