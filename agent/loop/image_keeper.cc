#include "agent/loop/image_keeper.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

constexpr std::chrono::seconds kSoon{10};

}  // namespace

// One look at all images, and what follows from it.
struct ImageKeeper::Round {
  Purpose purpose = Purpose::kKeepRoom;
  std::vector<std::function<void()>> done;
  std::vector<ImageStatus> images;
  std::vector<ImageStatus> to_remove;
  size_t next = 0;
  int64_t wanted_bytes = 0, freed_bytes = 0;
  int64_t used_percent = 0;
  absl::Status problem;
};

ImageKeeper::ImageKeeper(const Clock& clock, Runtime& runtime, Host& host,
                         std::shared_ptr<NodeInbox> inbox, Options options, Wanted wanted,
                         Warn warn)
    : clock_(clock),
      runtime_(runtime),
      host_(host),
      inbox_(std::move(inbox)),
      options_(options),
      wanted_(std::move(wanted)),
      warn_(std::move(warn)) {}

ImageKeeper::~ImageKeeper() { *alive_ = false; }

template <typename T>
std::function<void(T)> ImageKeeper::Back(std::function<void(T)> then) const {
  return [alive = alive_, inbox = inbox_, then = std::move(then)](T answer) {
    inbox->Post(std::function<void()>([alive, then, answer = std::move(answer)]() mutable {
      if (*alive) then(std::move(answer));
    }));
  };
}

std::optional<MonoTime> ImageKeeper::Step(MonoTime now) {
  if (looking_) return std::nullopt;
  if (!due_ || now >= *due_) {
    due_ = now + std::chrono::duration_cast<MonoTime::duration>(options_.period);
    look_due_.reset();
    Begin(Purpose::kKeepRoom, nullptr);
    return std::nullopt;
  }
  if (!look_due_) return due_;
  if (now < *look_due_) return std::min(*look_due_, *due_);
  look_due_.reset();
  Begin(Purpose::kLook, nullptr);
  return std::nullopt;
}

void ImageKeeper::Reclaim(std::function<void()> done) {
  if (looking_) {
    waiting_.push_back(std::move(done));
  } else {
    Begin(Purpose::kReclaim, std::move(done));
  }
}

void ImageKeeper::Begin(Purpose purpose, std::function<void()> done) {
  looking_ = true;
  auto round = std::make_shared<Round>();
  round->purpose = purpose;
  if (done) round->done.push_back(std::move(done));
  // Images first: one that is pulled, and used, after that is not among them.
  using Images = absl::StatusOr<std::vector<ImageStatus>>;
  runtime_.ListImages(Back<Images>([this, round](Images images) {
    if (!images.ok()) {
      round->problem = images.status();
      return End(round);
    }
    round->images = *std::move(images);
    See(round->images);
    if (round->purpose == Purpose::kLook) return End(round);
    OnImages(round);
  }));
}

void ImageKeeper::See(const std::vector<ImageStatus>& images) {
  const auto same = [](const ImageStatus& a, const ImageStatus& b) {
    return a.id == b.id && a.tags == b.tags && a.digests == b.digests &&
           a.size_bytes == b.size_bytes;
  };
  if (std::ranges::equal(images_, images, same)) return;
  images_ = images;
  ++version_;
}

void ImageKeeper::LookSoon(MonoTime now) {
  if (!look_due_) look_due_ = now + kSoon;
}

void ImageKeeper::OnImages(const std::shared_ptr<Round>& round) {
  using Containers = absl::StatusOr<std::vector<ContainerStatus>>;
  runtime_.ListContainers(Back<Containers>([this, round](Containers containers) {
    if (!containers.ok()) {
      round->problem = containers.status();
      return End(round);
    }
    ImageNames used;
    for (const ContainerStatus& container : *containers) {
      used.Add(container.image_name);
      used.Add(container.image_ref);
    }
    ledger_.Observe(round->images, used, clock_.Mono());
    using Filesystems = absl::StatusOr<std::vector<ImageFilesystem>>;
    runtime_.ImageFilesystems(Back<Filesystems>([this, round](const Filesystems& filesystems) {
      if (!filesystems.ok()) {
        round->problem = filesystems.status();
        return End(round);
      }
      if (!filesystems->empty()) mountpoint_ = filesystems->front().mountpoint;
      if (!mountpoint_.empty()) {
        const absl::StatusOr<FilesystemSpace> space = host_.SpaceOf(mountpoint_);
        if (!space.ok()) {
          round->problem = space.status();
        } else if (space->capacity_bytes > 0) {
          round->wanted_bytes =
              BytesToFree(space->capacity_bytes, space->available_bytes, options_.limits);
          round->used_percent = 100 - space->available_bytes * 100 / space->capacity_bytes;
        }
      }
      const int64_t bytes = round->purpose == Purpose::kReclaim
                                ? std::numeric_limits<int64_t>::max()
                                : round->wanted_bytes;
      round->to_remove = ledger_.ToRemove(bytes, wanted_(), options_.limits, clock_.Mono());
      Remove(round);
    }));
  }));
}

// One after the other: the runtime frees what belonged to an image before it answers.
void ImageKeeper::Remove(const std::shared_ptr<Round>& round) {
  if (round->next == round->to_remove.size()) return End(round);
  const ImageStatus& image = round->to_remove[round->next++];
  // Somebody may want it since.
  if (wanted_().Has(image)) return Remove(round);
  runtime_.RemoveImage(
      image.id, Back<absl::Status>([this, round, image](const absl::Status& s) {
        const std::string name = image.tags.empty() ? image.id : absl::StrJoin(image.tags, ", ");
        if (s.ok()) {
          round->freed_bytes += static_cast<int64_t>(image.size_bytes);
          spdlog::info("removed unused image {} ({} bytes)", name, image.size_bytes);
        } else {
          spdlog::warn("cannot remove image {}: {}", name, std::string(s.message()));
        }
        Remove(round);
      }));
}

void ImageKeeper::End(const std::shared_ptr<Round>& round) {
  looking_ = false;
  std::string problem(round->problem.message());
  if (problem != told_ && !problem.empty()) spdlog::warn("cannot look at images: {}", problem);
  told_ = problem;
  if (round->freed_bytes > 0) LookSoon(clock_.Mono());  // Fewer are left than were seen.
  if (problem.empty() && round->freed_bytes < round->wanted_bytes) {
    warn_("FreeDiskSpaceFailed",
          absl::StrCat("the image filesystem is ", round->used_percent, "% full; wanted to free ",
                       round->wanted_bytes, " bytes, but images that may go have only ",
                       round->freed_bytes, " bytes"));
  }
  for (const std::function<void()>& done : round->done) done();
  if (waiting_.empty()) return;
  std::vector<std::function<void()>> waiting = std::exchange(waiting_, {});
  Begin(Purpose::kReclaim, [waiting = std::move(waiting)] {
    for (const std::function<void()>& done : waiting) done();
  });
}

}  // namespace muster::agent
