// Any answer of a coordinator to musterctl: what is printed of it is text, whatever stands in it.
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "common/base/macros.h"
#include "ctl/client/admin_client.h"
#include "ctl/output/escape.h"
#include "ctl/output/table.h"
#include "muster/admin/v1/admin.pb.h"

namespace {

using namespace muster;

// As main.cc puts it in front of a terminal.
void CheckPrinted(const std::string& text) {
  std::ostringstream terminal;
  {
    ctl::EscapingBuffer buffer(terminal.rdbuf(), /*terminal=*/true);
    std::ostream out(&buffer);
    out << text;
    out.flush();
  }
  for (const char c : terminal.str()) {
    const auto byte = static_cast<unsigned char>(c);
    MUSTER_CHECK(byte >= 0x20 || c == '\n' || c == '\t');
    MUSTER_CHECK(byte != 0x7f);
  }
}

}  // namespace

// The first byte says which one it is.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const int length = static_cast<int>(size - 1);
  if (data[0] % 2 == 0) {
    admin::v1::ListResponse response;
    if (!response.ParseFromArray(data + 1, length)) return 0;
    std::ostringstream out;
    ctl::TableOptions options;
    options.namespaces = true;
    options.labels = true;
    ctl::TablePrinter(options).Print(response.table(), out);
    CheckPrinted(out.str());
    return 0;
  }
  // What comes with an error: the fields and numbers of google.rpc.Status.
  admin::v1::ErrorDetails details;
  if (!details.ParseFromArray(data + 1, length)) return 0;
  absl::Status status(static_cast<absl::StatusCode>(details.code()), details.message());
  if (status.ok()) return 0;
  for (const google::protobuf::Any& detail : details.details()) {
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  if (const auto problems = ctl::ProblemsOf(status)) {
    std::string text;
    for (const auto& problem : problems->problems()) {
      text += problem.path() + ": " + problem.type() + ": " + problem.value() + ": " +
              problem.detail() + "\n";
    }
    CheckPrinted(text);
  }
  CheckPrinted(std::string(status.message()));
  return 0;
}
