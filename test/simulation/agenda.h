#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/clock.h"
#include "test/simulation/dice.h"

namespace muster::simulation {

// What is still to happen, by time. What happens at the same moment happens in an order that the
// dice choose. Time goes by only here.
class Agenda {
 public:
  using Task = std::function<void()>;
  using Id = std::pair<MonoTime, uint64_t>;

  Agenda(ManualClock& clock, Dice dice) : clock_(clock), dice_(dice) {}

  Id At(MonoTime when, Task task) {
    const uint64_t tie = dice_.Bits() << 32 | (next_++ & 0xffffffff);
    const Id id{std::max(when, clock_.Mono()), tie};
    tasks_.emplace(id, std::move(task));
    return id;
  }
  Id After(Duration wait, Task task) {
    return At(clock_.Mono() + std::chrono::duration_cast<MonoTime::duration>(wait),
              std::move(task));
  }
  void Cancel(const Id& id) { tasks_.erase(id); }

  // Does what comes next, unless that is later than `end`: then only time goes by, until `end`.
  bool RunNext(MonoTime end) {
    if (tasks_.empty() || tasks_.begin()->first.first > end) {
      clock_.Advance(end - clock_.Mono());
      return false;
    }
    auto node = tasks_.extract(tasks_.begin());
    clock_.Advance(node.key().first - clock_.Mono());
    node.mapped()();
    return true;
  }

 private:
  ManualClock& clock_;
  Dice dice_;
  uint64_t next_ = 0;
  std::map<Id, Task> tasks_;
};

// Turns something steppable as an event loop does: soon after it is woken, and when its last step
// asked for it. Destroyed with the process that it turns, also from within a step.
class Turner {
 public:
  using Step = std::function<std::optional<MonoTime>()>;

  Turner(Agenda& agenda, Dice dice, Duration latency_max, Step step)
      : state_(std::make_shared<State>(State{agenda, dice, latency_max, std::move(step)})) {}
  ~Turner() { state_->Stop(); }
  Turner(const Turner&) = delete;
  Turner& operator=(const Turner&) = delete;

  void Wake() { state_->Wake(state_); }
  // May outlive the turner; then it wakes nobody.
  std::function<void()> Waker() const {
    return [weak = std::weak_ptr<State>(state_)] {
      if (const auto state = weak.lock()) state->Wake(state);
    };
  }

 private:
  struct State {
    Agenda& agenda;
    Dice dice;
    const Duration latency_max;
    const Step step;
    bool stopped = false;
    std::optional<Agenda::Id> soon, timer;

    void Wake(const std::shared_ptr<State>& self) {
      if (stopped || soon) return;
      soon = agenda.After(dice.Between(Duration(0), latency_max), [self] {
        self->soon.reset();
        self->Turn(self);
      });
    }
    void Turn(const std::shared_ptr<State>& self) {
      if (timer) agenda.Cancel(*std::exchange(timer, std::nullopt));
      const std::optional<MonoTime> next = step();
      if (stopped || !next) return;
      timer = agenda.At(*next, [self] {
        self->timer.reset();
        self->Turn(self);
      });
    }
    void Stop() {
      stopped = true;
      if (soon) agenda.Cancel(*std::exchange(soon, std::nullopt));
      if (timer) agenda.Cancel(*std::exchange(timer, std::nullopt));
    }
  };

  const std::shared_ptr<State> state_;
};

}  // namespace muster::simulation
