#include "coordinator/audit/audit_log.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr auto kTellAgainAfter = 1min;

std::string StartObject(WallTime now, const std::string& version) {
  return nlohmann::ordered_json{{"time", AuditTime(now)}, {"kind", "started"}, {"version", version}}
      .dump();
}

std::string LostObject(WallTime now, int64_t count) {
  return nlohmann::ordered_json{{"time", AuditTime(now)}, {"kind", "lost"}, {"notLogged", count}}
      .dump();
}

bool OnlyLooks(const AuditRecord& record) {
  return record.allowed &&
         std::all_of(record.objects.begin(), record.objects.end(), [](const AuditedObject& object) {
           return object.verb == "get" || object.verb == "list" || object.verb == "watch";
         });
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(Options options, const Clock& clock,
                                                         const std::string& version) {
  MUSTER_ASSIGN_OR_RETURN(AuditFile::Opened opened, AuditFile::Open(options.files));
  if (!opened.broken.empty()) {
    spdlog::error("audit log: {}; look at it with \"musterctl audit verify\"", opened.broken);
  }
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(options), clock, std::move(opened.file)));
  if (!opened.torn.empty()) {
    spdlog::warn("audit log: its last {} bytes were torn by a crash", opened.torn.size());
    log->Put(audit::RecoveryObject(AuditTime(clock.Wall()), opened.torn));
  }
  log->Put(StartObject(clock.Wall(), version));
  log->thread_ = std::thread([log = log.get()] { log->Run(); });
  return log;
}

AuditLog::AuditLog(Options options, const Clock& clock, std::unique_ptr<AuditFile> file)
    : options_(std::move(options)), clock_(clock), file_(std::move(file)) {}

AuditLog::~AuditLog() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (thread_.joinable()) thread_.join();
  spdlog::info("audit log: ends with line {}, hash {}", file_->last().seq, file_->last().hash);
}

absl::Status AuditLog::Ready() {
  MutexLock lock(&mutex_);
  if (!options_.refuse) return absl::OkStatus();
  if (!trouble_.empty()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the audit log cannot be written (", trouble_,
                     "), and nothing is answered without it (audit.whenFull: refuse)"));
  }
  if (waiting_.size() >= options_.waiting_max) {
    return absl::ResourceExhaustedError(
        "the audit log cannot be written as fast as requests come; try again in 1 s");
  }
  return absl::OkStatus();
}

void AuditLog::Write(AuditRecord record) {
  if (options_.changes_only && OnlyLooks(record)) return;
  record.time = clock_.Wall();
  Put(AuditObject(record));
}

void AuditLog::Put(std::string object) {
  MutexLock lock(&mutex_);
  if (waiting_.size() < options_.waiting_max) {
    waiting_.push_back(std::move(object));
  } else {
    ++lost_;
  }
}

bool AuditLog::Drain(Duration patience) {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(
      [this] {
        mutex_.AssertHeld();
        return waiting_.empty() && lost_ == 0 && !writing_;
      },
      patience);
}

void AuditLog::Run() {
  while (true) {
    std::vector<std::string> batch;
    int64_t lost = 0;
    {
      MutexLock lock(&mutex_);
      mutex_.Await([this] {
        mutex_.AssertHeld();
        return stop_ || !waiting_.empty() || lost_ > 0;
      });
      if (waiting_.empty() && lost_ == 0) return;  // Told to stop, and done.
      batch = std::exchange(waiting_, {});
      lost = std::exchange(lost_, 0);
      writing_ = true;
    }
    const bool written = WriteBatch(batch, lost);
    MutexLock lock(&mutex_);
    writing_ = false;
    if (written) {
      if (!trouble_.empty()) spdlog::info("audit log: it can be written again");
      trouble_.clear();
      continue;
    }
    // In front of what came meanwhile; what is too much then is counted.
    lost_ += lost;
    batch.insert(batch.end(), std::make_move_iterator(waiting_.begin()),
                 std::make_move_iterator(waiting_.end()));
    if (batch.size() > options_.waiting_max) {
      lost_ += static_cast<int64_t>(batch.size() - options_.waiting_max);
      batch.resize(options_.waiting_max);
    }
    waiting_ = std::move(batch);
    if (stop_) {
      spdlog::error("audit log: {} requests were not logged",
                    waiting_.size() + static_cast<size_t>(lost_));
      return;
    }
    mutex_.AwaitFor(
        [this] {
          mutex_.AssertHeld();
          return stop_;
        },
        options_.retry_after);
  }
}

bool AuditLog::WriteBatch(const std::vector<std::string>& batch, int64_t lost) {
  std::vector<std::string> objects = batch;
  // Those came last, and found no place.
  if (lost > 0) objects.push_back(LostObject(clock_.Wall(), lost));
  absl::Status status = file_->Append(objects);
  if (!status.ok()) {
    Trouble(status);
    return false;
  }
  // It is in the file; that it may not survive a power cut is no reason to write it twice.
  if (status = file_->Sync(); !status.ok()) spdlog::error("audit log: {}", status.ToString());
  return true;
}

void AuditLog::Trouble(const absl::Status& status) {
  const MonoTime now = clock_.Mono();
  if (told_at_ == MonoTime() || now - told_at_ >= kTellAgainAfter) {
    told_at_ = now;
    spdlog::error("audit log: it cannot be written: {}; requests are {}",
                  std::string(status.message()),
                  options_.refuse ? "refused" : "answered WITHOUT BEING LOGGED");
  }
  MutexLock lock(&mutex_);
  trouble_ = std::string(status.message());
}

}  // namespace muster::coordinator
