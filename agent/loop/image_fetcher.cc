#include "agent/loop/image_fetcher.h"

#include <utility>

#include "agent/workload/outcome.h"

namespace muster::agent {

struct ImageFetcher::Job {
  Order order;
  std::deque<std::optional<RegistryAuth>> auths;  // Still to be tried.
  Done done;
};

ImageFetcher::ImageFetcher(Runtime& runtime, std::shared_ptr<NodeInbox> inbox, int at_once_max)
    : runtime_(runtime), inbox_(std::move(inbox)), at_once_max_(at_once_max) {}

ImageFetcher::~ImageFetcher() { *alive_ = false; }

void ImageFetcher::Pull(Order order, Done done) {
  auto job = std::make_shared<Job>();
  for (const RegistryAuth& auth : order.auths) job->auths.emplace_back(auth);
  if (job->auths.empty()) job->auths.emplace_back(std::nullopt);
  job->order = std::move(order);
  job->done = std::move(done);
  (job->order.ahead ? waiting_ahead_ : waiting_).push_back(std::move(job));
  BeginNext();
}

void ImageFetcher::BeginNext() {
  while (under_way_ < at_once_max_) {
    std::deque<std::shared_ptr<Job>>& queue = waiting_.empty() ? waiting_ahead_ : waiting_;
    if (queue.empty()) return;
    const std::shared_ptr<Job> job = std::move(queue.front());
    queue.pop_front();
    ++under_way_;
    PullOnce(job);
  }
}

// With the next credentials there are.
void ImageFetcher::PullOnce(const std::shared_ptr<Job>& job) {
  const std::optional<RegistryAuth> auth = std::move(job->auths.front());
  job->auths.pop_front();
  runtime_.PullImage(
      job->order.image, auth, job->order.sandbox ? &*job->order.sandbox : nullptr,
      [this, inbox = inbox_, alive = alive_, job](const absl::StatusOr<std::string>& reference) {
        inbox->Post(std::function<void()>([this, alive, job, reference] {
          if (!*alive) return;
          if (!reference.ok() && !job->auths.empty() && !RuntimeAway(reference.status())) {
            return PullOnce(job);
          }
          if (!reference.ok()) return End(job, reference.status());
          // Who the image wants to run as is not part of the answer.
          LookUp(*reference, [this, job, id = *reference](
                                 const absl::StatusOr<std::optional<ImageStatus>>& found) {
            if (!found.ok()) return End(job, found.status());
            ImageStatus image;
            image.id = id;
            End(job, found->value_or(image));
          });
        }));
      });
}

void ImageFetcher::End(const std::shared_ptr<Job>& job, absl::StatusOr<ImageStatus> result) {
  --under_way_;
  if (result.ok()) ++brought_;
  job->done(std::move(result));
  BeginNext();
}

void ImageFetcher::LookUp(const std::string& image, Found found) {
  runtime_.ImageStatusOf(image, [inbox = inbox_, alive = alive_, found = std::move(found)](
                                    absl::StatusOr<std::optional<ImageStatus>> status) {
    inbox->Post(std::function<void()>([alive, found, status = std::move(status)] {
      if (*alive) found(status);
    }));
  });
}

}  // namespace muster::agent
