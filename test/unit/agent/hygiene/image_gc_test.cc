// pod-lifecycle.md, 18: image garbage collection.
#include "agent/hygiene/image_gc.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const MonoTime kBoot{};

ImageStatus Image(const std::string& id, const std::string& tag = "", uint64_t size = 10) {
  ImageStatus image;
  image.id = "sha256:" + id;
  if (!tag.empty()) image.tags = {tag};
  image.size_bytes = size;
  return image;
}

ImageNames Names(const std::vector<std::string>& names) {
  ImageNames result;
  for (const std::string& name : names) result.Add(name);
  return result;
}

std::vector<std::string> Ids(const std::vector<ImageStatus>& images) {
  std::vector<std::string> ids;
  for (const ImageStatus& image : images) ids.push_back(image.id.substr(7));
  return ids;
}

// Spec: pod/18/images
TEST(BytesToFree, StartsAtTheHighThresholdAndGoesDownToTheLowOne) {
  struct {
    int64_t available, freed;
  } const table[] = {{1'000, 0}, {160, 0}, {159, 41}, {150, 50}, {100, 100}, {0, 200}, {-5, 200}};
  for (const auto& [available, freed] : table) {
    EXPECT_EQ(BytesToFree(1'000, available, {}), freed) << available;
  }
  EXPECT_EQ(BytesToFree(1'000, 0, {.high_percent = 100}), 0) << "100 switches it off";
  EXPECT_EQ(BytesToFree(0, 0, {}), 0) << "nothing is known";
}

TEST(ImageNames, EveryNameOfAnImageIsItsName) {
  ImageStatus image = Image("abc", "docker.io/library/busybox:latest");
  image.digests = {"docker.io/library/busybox@sha256:def"};
  for (const char* name :
       {"busybox", "busybox:latest", "library/busybox", "docker.io/busybox", "sha256:abc", "abc"}) {
    EXPECT_TRUE(Names({name}).Has(image)) << name;
  }
  for (const char* name : {"busybox:1", "other", "quay.io/busybox", ""}) {
    EXPECT_FALSE(Names({name}).Has(image)) << name;
  }
  const std::string digest = "sha256:" + std::string(64, 'a');
  image.digests = {"docker.io/library/busybox@" + digest};
  EXPECT_TRUE(Names({"busybox@" + digest}).Has(image));
  EXPECT_TRUE(Names({"busybox:gone@" + digest}).Has(image));
}

TEST(ImageNames, ImagesOfAPodAreThoseOfNowAndOfItsSuccessor) {
  v1::Pod pod;
  pod.mutable_spec()->add_init_containers()->set_image("first:1");
  pod.mutable_spec()->add_containers()->set_image("main");
  pod.mutable_pre_pull()->add_images()->set_image("main:next");
  ImageNames names;
  names.AddImagesOf(pod);
  for (const char* tag : {"first:1", "main:latest", "main:next"}) {
    EXPECT_TRUE(names.Has(Image("x", absl::StrCat("docker.io/library/", tag)))) << tag;
  }
  EXPECT_FALSE(names.Has(Image("x", "docker.io/library/main:other")));
}

// Spec: pod/18/images
TEST(ImageLedger, WhatWasUnusedLongestGoesFirst) {
  ImageLedger ledger;
  const std::vector<ImageStatus> images = {Image("a"), Image("b"), Image("c"), Image("d")};
  ledger.Observe({images[0], images[1], images[3]}, Names({"sha256:a", "sha256:b"}), kBoot);
  ledger.Observe(images, Names({"sha256:b"}), kBoot + minutes(5));
  ledger.Observe(images, {}, kBoot + minutes(10));
  // d was never in use and seen first, c came later; then those that were in use.
  EXPECT_THAT(Ids(ledger.ToRemove(1'000, {}, {}, kBoot + minutes(10))),
              ElementsAre("d", "c", "a", "b"));
}

TEST(ImageLedger, NoMoreGoesThanIsNeeded) {
  ImageLedger ledger;
  ledger.Observe({Image("a"), Image("b"), Image("c")}, {}, kBoot);
  const MonoTime now = kBoot + minutes(10);
  EXPECT_THAT(ledger.ToRemove(0, {}, {}, now), IsEmpty());
  EXPECT_THAT(Ids(ledger.ToRemove(10, {}, {}, now)), ElementsAre("a"));
  EXPECT_THAT(Ids(ledger.ToRemove(11, {}, {}, now)), ElementsAre("a", "b"));
}

// Spec: pod/18/images-kept
TEST(ImageLedger, WhatIsNeededStays) {
  ImageStatus pinned = Image("pinned");
  pinned.pinned = true;
  ImageLedger ledger;
  ledger.Observe({Image("used"), Image("wanted", "registry.example:5000/app:2"), pinned,
                  Image("dead", "docker.io/library/dead:1"), Image("free")},
                 Names({"sha256:used", "dead:1"}), kBoot);
  EXPECT_THAT(
      Ids(ledger.ToRemove(1'000, Names({"registry.example:5000/app:2"}), {}, kBoot + minutes(10))),
      ElementsAre("free"));
}

// Spec: pod/18/images-kept
TEST(ImageLedger, YoungImagesStay) {
  ImageLedger ledger;
  ledger.Observe({Image("a")}, {}, kBoot);
  EXPECT_THAT(ledger.ToRemove(1'000, {}, {}, kBoot + seconds(119)), IsEmpty());
  EXPECT_THAT(Ids(ledger.ToRemove(1'000, {}, {}, kBoot + seconds(120))), ElementsAre("a"));
  // One that went and came again is young again.
  ledger.Observe({}, {}, kBoot + seconds(120));
  ledger.Observe({Image("a")}, {}, kBoot + seconds(130));
  EXPECT_THAT(ledger.ToRemove(1'000, {}, {}, kBoot + seconds(140)), IsEmpty());
}

TEST(ImageLedger, MaximumAgeCountsFromTheLastUse) {
  const ImageGcLimits limits{.age_max = hours(1)};
  ImageLedger ledger;
  ledger.Observe({Image("a"), Image("b")}, Names({"sha256:b"}), kBoot);
  ledger.Observe({Image("a"), Image("b")}, Names({"sha256:b"}), kBoot + minutes(30));
  ledger.Observe({Image("a"), Image("b")}, {}, kBoot + minutes(40));
  EXPECT_THAT(ledger.ToRemove(0, {}, limits, kBoot + minutes(60)), IsEmpty());
  EXPECT_THAT(Ids(ledger.ToRemove(0, {}, limits, kBoot + minutes(61))), ElementsAre("a"));
  EXPECT_THAT(Ids(ledger.ToRemove(0, {}, limits, kBoot + minutes(91))), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace muster::agent
