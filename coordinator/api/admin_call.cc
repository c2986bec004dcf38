#include "coordinator/api/admin_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/macros.h"
#include "coordinator/authz/access.h"
#include "coordinator/authz/authorize.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string TextOf(const Message& message, const char* field) {
  const FieldDescriptor* found = message.GetDescriptor()->FindFieldByName(field);
  const bool is_text = found != nullptr && !found->is_repeated() &&
                       found->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  return is_text ? message.GetReflection()->GetString(message, found) : "";
}

bool IsDryRun(const Message& message) {
  const FieldDescriptor* found = message.GetDescriptor()->FindFieldByName("dry_run");
  return found != nullptr && found->cpp_type() == FieldDescriptor::CPPTYPE_BOOL &&
         message.GetReflection()->GetBool(message, found);
}

std::vector<AuditedObject> ObjectsOf(const std::string& rpc, const Message& request) {
  std::vector<AuditedObject> objects;
  const RpcRule* rule = RuleOf(rpc);
  if (rule == nullptr) return objects;
  for (Access& access : AccessesOf(*rule, request)) {
    AuditedObject& object = objects.emplace_back();
    object.verb = std::move(access.verb);
    object.resource = access.subresource.empty()
                          ? std::move(access.resource)
                          : absl::StrCat(access.resource, "/", access.subresource);
    object.ns = std::move(access.ns);
    object.name = std::move(access.name);
    // What is no kind of object has its name at the top.
    if (rule->about != RpcRule::About::kResource) continue;
    object.name = TextOf(request, "name");
    if (object.name.empty()) object.name = TextOf(request, "id");
  }
  return objects;
}

void AddChanges(const CallNotes& notes, std::vector<AuditedObject>& objects) {
  for (const ChangedObject& change : notes.changes) {
    AuditedObject* about = nullptr;
    for (AuditedObject& object : objects) {
      if (object.resource == change.resource && object.ns == change.ns &&
          object.name == change.name && object.new_revision == 0) {
        about = &object;
        break;
      }
    }
    // What came of it beside, such as a namespace that was missing.
    if (about == nullptr) {
      about = &objects.emplace_back(
          AuditedObject{"create", change.resource, change.ns, change.name, 0, 0});
    }
    about->old_revision = change.old_revision;
    about->new_revision = change.new_revision;
  }
}

// Whose log would fill up by it, and who can be told apart by nothing but an address.
bool IsRefusal(const absl::Status& status) {
  return absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
}

}  // namespace

std::shared_ptr<AdminCall> AdminCall::New(Kind kind, std::string_view rpc,
                                          const Authenticate& authenticate,
                                          const CallGuards& guards,
                                          const grpc::CallbackServerContext& context) {
  return std::shared_ptr<AdminCall>(new AdminCall(kind, rpc, authenticate, guards, context));
}

AdminCall::AdminCall(Kind kind, std::string_view rpc, const Authenticate& authenticate,
                     const CallGuards& guards, const grpc::CallbackServerContext& context)
    : kind_(kind),
      rpc_(rpc),
      authenticate_(authenticate),
      guards_(guards),
      context_(context),
      peer_(context.peer()) {}

AdminCall::~AdminCall() {
  if (has_stream_) guards_.limiter->GiveStream(caller_.name);
}

absl::Status AdminCall::Enter() {
  absl::StatusOr<Identity> caller = authenticate_(context_);
  if (!caller.ok()) {
    if (guards_.limiter != nullptr && IsRefusal(caller.status())) {
      MUSTER_RETURN_IF_ERROR(guards_.limiter->TakeUnknownCall(peer_));
    }
    entered_ = true;
    return caller.status();
  }
  caller_ = *std::move(caller);
  known_ = true;
  if (guards_.on_known) guards_.on_known(peer_, caller_.name);
  if (guards_.limiter != nullptr) {
    MUSTER_RETURN_IF_ERROR(guards_.limiter->TakeCall(caller_.name));
    if (kind_ == Kind::kStream) {
      MUSTER_RETURN_IF_ERROR(guards_.limiter->TakeStream(caller_.name));
      has_stream_ = true;
    }
  }
  if (guards_.audit != nullptr) MUSTER_RETURN_IF_ERROR(guards_.audit->Ready());
  entered_ = true;
  return absl::OkStatus();
}

absl::Status AdminCall::Allow(const Message& request) {
  objects_ = ObjectsOf(rpc_, request);
  dry_run_ = IsDryRun(request);
  if (request.GetDescriptor() == admin::v1::ExecInput::descriptor()) {
    const auto& start = static_cast<const admin::v1::ExecInput&>(request).start();
    if (!start.command().empty()) program_ = start.command(0);
  }
  // A stream can have waited for its first message for long.
  if (kind_ == Kind::kStream) {
    MUSTER_ASSIGN_OR_RETURN(caller_, authenticate_(context_));
  }
  MUSTER_RETURN_IF_ERROR(Authorize(caller_, rpc_, request));
  allowed_ = true;
  if (kind_ == Kind::kUnary) return absl::OkStatus();
  request_.reset(request.New());
  request_->CopyFrom(request);
  AuditRecord record = NewRecord();
  record.stage = "start";
  Remember(std::move(record), absl::OkStatus());
  return absl::OkStatus();
}

absl::Status AdminCall::Begin(const Message& request) {
  MUSTER_RETURN_IF_ERROR(Enter());
  return Allow(request);
}

absl::Status AdminCall::CheckCreates() const {
  if (guards_.limiter == nullptr || dry_run_ || !caller_.until) return absl::OkStatus();
  return guards_.limiter->CheckObjects(caller_.name);
}

void AdminCall::ChargeCreates() {
  if (guards_.limiter == nullptr || !caller_.until) return;
  int64_t created = 0;
  for (const ChangedObject& change : notes_.changes) created += change.old_revision == 0 ? 1 : 0;
  guards_.limiter->ChargeObjects(caller_.name, created);
}

AuditRecord AdminCall::NewRecord() const {
  AuditRecord record;
  record.user = caller_.name;
  record.groups = caller_.groups;
  if (known_) record.role = NameOf(caller_.role);
  record.from = peer_;
  record.rpc = rpc_;
  record.objects = objects_;
  record.dry_run = dry_run_;
  record.program = program_;
  record.allowed = allowed_;
  return record;
}

void AdminCall::Remember(AuditRecord record, const absl::Status& status) {
  if (guards_.audit == nullptr) return;
  record.code = status.code();
  if (!record.allowed) record.message = std::string(status.message());
  if (guards_.limiter != nullptr && known_) {
    record.limited = guards_.limiter->TakeRefused(caller_.name);
  }
  guards_.audit->Write(std::move(record));
}

void AdminCall::Finish(const absl::Status& status) {
  if (finished_.exchange(true)) return;
  // What a limit refused is counted; each in a line would be what the limit is against.
  if (!entered_) return;
  AuditRecord record = NewRecord();
  if (kind_ == Kind::kStream && allowed_) record.stage = "end";
  AddChanges(notes_, record.objects);
  record.remarks = notes_.remarks;
  Remember(std::move(record), status);
}

void AdminCall::OnCut(std::function<void(const absl::Status&)> cut) {
  if (guards_.live == nullptr) return;
  {
    MutexLock lock(&mutex_);
    cut_ = std::move(cut);
  }
  guards_.live->Add(shared_from_this());
  // It may have lost its rights between being asked for them and being known here.
  CheckAgain();
}

void AdminCall::Detach() {
  if (guards_.live == nullptr) return;
  guards_.live->Remove(this);
  MutexLock lock(&mutex_);
  cut_ = nullptr;
}

void AdminCall::WriteBegins() {
  if (guards_.clock != nullptr) writing_since_ = guards_.clock->Mono();
}

absl::Status AdminCall::CheckReader() const {
  const MonoTime since = writing_since_;
  if (guards_.clock == nullptr || since == MonoTime() ||
      guards_.clock->Mono() - since < guards_.reader_wait_max) {
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "nothing was read for ", absl::FormatDuration(absl::FromChrono(guards_.reader_wait_max)),
      ": who does not read is cut off (limits.readerWait of the coordinator's settings)"));
}

void AdminCall::CheckAgain() {
  MutexLock lock(&mutex_);
  if (!cut_) return;
  if (const absl::Status read = CheckReader(); !read.ok()) return cut_(read);
  const absl::StatusOr<Identity> caller = authenticate_(context_);
  absl::Status status = caller.status();
  if (status.ok()) status = Authorize(*caller, rpc_, *request_);
  // That the store does not answer now says nothing about anybody's rights.
  if (status.ok() || !IsRefusal(status)) return;
  cut_(status);
}

}  // namespace muster::coordinator
