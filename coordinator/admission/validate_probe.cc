#include "coordinator/admission/validate_probe.h"

#include "absl/strings/str_cat.h"
#include "common/model/int_or_string.h"
#include "common/model/names.h"
#include "coordinator/admission/validate_common.h"

namespace muster::coordinator {
namespace {

constexpr char kPortRange[] = "must be between 1 and 65535, inclusive";

void CheckPort(const FieldPath& path, const v1::IntOrString& port, Problems& problems) {
  if (port.has_string_value()) {
    problems.InvalidTexts(path, port.string_value(), model::CheckPortName(port.string_value()));
  } else if (!model::IsLegalPortNumber(port.int_value())) {
    problems.InvalidNumber(path, port.int_value(), kPortRange);
  }
}

void ValidateExec(const FieldPath& path, const v1::ExecAction& exec, Problems& problems) {
  if (exec.command().empty()) problems.Required(path.Child("command"));
}

void ValidateHttpGet(const FieldPath& path, const v1::HTTPGetAction& action, Problems& problems) {
  if (action.path().empty()) problems.Required(path.Child("path"));
  CheckPort(path.Child("port"), action.port(), problems);
  CheckOneOf(path.Child("scheme"), action.scheme(), {"HTTP", "HTTPS"}, true, problems);
  for (int i = 0; i < action.http_headers_size(); ++i) {
    const std::string& name = action.http_headers(i).name();
    problems.InvalidTexts(path.Child("httpHeaders").Index(i).Child("name"), name,
                          model::CheckHttpHeaderName(name));
  }
}

// Counts the handlers of a probe or hook and names those too many.
class HandlerCount {
 public:
  HandlerCount(const FieldPath& path, Problems& problems) : path_(path), problems_(problems) {}

  // True when this handler is the first one and worth a closer look.
  bool Saw(bool set, std::string_view name) {
    if (!set) return false;
    if (++count_ == 1) return true;
    problems_.Forbidden(path_.Child(name), "may not specify more than 1 handler type");
    return false;
  }
  void End() {
    if (count_ == 0) problems_.Required(path_, "must specify a handler type");
  }

 private:
  const FieldPath& path_;
  Problems& problems_;
  int count_ = 0;
};

void ValidateHook(const FieldPath& path, const v1::LifecycleHandler& hook, int64_t grace_seconds,
                  Problems& problems) {
  HandlerCount handlers(path, problems);
  if (handlers.Saw(hook.has_exec(), "exec")) {
    ValidateExec(path.Child("exec"), hook.exec(), problems);
  }
  if (handlers.Saw(hook.has_http_get(), "httpGet")) {
    ValidateHttpGet(path.Child("httpGet"), hook.http_get(), problems);
  }
  if (handlers.Saw(hook.has_tcp_socket(), "tcpSocket")) {
    CheckPort(path.Child("tcpSocket").Child("port"), hook.tcp_socket().port(), problems);
  }
  if (handlers.Saw(hook.has_sleep(), "sleep")) {
    const int64_t seconds = hook.sleep().seconds();
    if (seconds < 0 || seconds > grace_seconds) {
      problems.InvalidNumber(
          path.Child("sleep").Child("seconds"), seconds,
          absl::StrCat("must be non-negative and less than terminationGracePeriodSeconds (",
                       grace_seconds, ")"));
    }
  }
  handlers.End();
}

}  // namespace

void ValidateProbe(const FieldPath& path, const v1::Probe& probe, ProbeUse use,
                   Problems& problems) {
  HandlerCount handlers(path, problems);
  if (handlers.Saw(probe.has_exec(), "exec")) {
    ValidateExec(path.Child("exec"), probe.exec(), problems);
  }
  if (handlers.Saw(probe.has_http_get(), "httpGet")) {
    ValidateHttpGet(path.Child("httpGet"), probe.http_get(), problems);
  }
  if (handlers.Saw(probe.has_tcp_socket(), "tcpSocket")) {
    CheckPort(path.Child("tcpSocket").Child("port"), probe.tcp_socket().port(), problems);
  }
  if (handlers.Saw(probe.has_grpc(), "grpc") && !model::IsLegalPortNumber(probe.grpc().port())) {
    problems.InvalidNumber(path.Child("grpc").Child("port"), probe.grpc().port(), kPortRange);
  }
  handlers.End();
  CheckNotNegative(path.Child("initialDelaySeconds"), probe.initial_delay_seconds(), problems);
  CheckNotNegative(path.Child("timeoutSeconds"), probe.timeout_seconds(), problems);
  CheckNotNegative(path.Child("periodSeconds"), probe.period_seconds(), problems);
  CheckNotNegative(path.Child("successThreshold"), probe.success_threshold(), problems);
  CheckNotNegative(path.Child("failureThreshold"), probe.failure_threshold(), problems);
  if (use != ProbeUse::kReadiness && probe.success_threshold() != 1) {
    problems.InvalidNumber(path.Child("successThreshold"), probe.success_threshold(), "must be 1");
  }
  if (!probe.has_termination_grace_period_seconds()) return;
  const FieldPath grace = path.Child("terminationGracePeriodSeconds");
  if (use == ProbeUse::kReadiness) {
    problems.InvalidNumber(grace, probe.termination_grace_period_seconds(),
                           "must not be set for readinessProbes");
  } else if (probe.termination_grace_period_seconds() <= 0) {
    problems.InvalidNumber(grace, probe.termination_grace_period_seconds(),
                           "must be greater than 0");
  }
}

void ValidateLifecycle(const FieldPath& path, const v1::Lifecycle& lifecycle, int64_t grace_seconds,
                       Problems& problems) {
  if (lifecycle.has_post_start()) {
    ValidateHook(path.Child("postStart"), lifecycle.post_start(), grace_seconds, problems);
  }
  if (lifecycle.has_pre_stop()) {
    ValidateHook(path.Child("preStop"), lifecycle.pre_stop(), grace_seconds, problems);
  }
}

}  // namespace muster::coordinator
