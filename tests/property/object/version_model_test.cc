// Property: any sequence of writes, deletions, transitions and switches of versioning leaves the
// versions of every key equal to a list, newest first; listings in pages of any size tell that
// list; a version keeps its bytes until it is removed, in the placement of its class and no other;
// and nothing is left in the store once all are removed. Method: random operations by seed over
// memory backends, compared after every step; reopened and collected at random. A failure prints
// the seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/object/placed_harness.h"

namespace cairn::object {
namespace {

constexpr uint64_t kKeys = 4;
constexpr int kSteps = 90;

struct ModelVersion {
  std::string id;  // As the store told it.
  bool is_marker = false;
  Bytes bytes;
  std::string tag;
  std::string storage_class;
};

struct Model {
  Versioning mode = Versioning::kUnversioned;
  std::map<std::string, std::vector<ModelVersion>> keys;  // Newest first; no empty lists.

  const ModelVersion* current(const std::string& key) const {
    const auto found = keys.find(key);
    if (found == keys.end() || found->second.front().is_marker) return nullptr;
    return &found->second.front();
  }
  void drop(const std::string& key, const std::string& id) {
    const auto found = keys.find(key);
    if (found == keys.end()) return;
    std::erase_if(found->second, [&](const ModelVersion& version) { return version.id == id; });
    if (found->second.empty()) keys.erase(found);
  }
  void add(const std::string& key, ModelVersion version) {
    if (version.id == kNullVersionId) drop(key, version.id);
    std::vector<ModelVersion>& versions = keys[key];
    versions.insert(versions.begin(), std::move(version));
  }
};

// The model calls the null version "null", also while the store shows no ids.
std::string shown_id(const std::string& id) {
  return id.empty() ? std::string(kNullVersionId) : id;
}

class History {
 public:
  explicit History(uint64_t seed) : harness_(Backends::kMemory, seed), random_(seed) {}

  void step();
  void compare();
  void end();

 private:
  std::string key() { return "k" + std::to_string(random_.below(kKeys)); }
  Bytes body() {
    static constexpr size_t kSizes[] = {0, 1, 5000, 16385, 100000};
    return random_bytes(random_.below(4), kSizes[random_.below(std::size(kSizes))]);
  }
  // Of three placements; GLACIER is the default one's.
  std::string some_class() {
    static constexpr const char* kClasses[] = {"", "STANDARD_IA", "DEEP_ARCHIVE", "GLACIER"};
    return kClasses[random_.below(std::size(kClasses))];
  }
  // A version id of the key: mostly one it has.
  std::string some_id(const std::string& key);
  void put();
  void copy();
  void remove();
  void remove_version();
  void remove_all_of_a_key();
  void switch_mode();
  void tag();
  void transition();
  void expect_places();
  std::vector<ObjectInfo> list_all();
  void expect_version(const std::string& key, const ModelVersion& version);

  PlacedHarness harness_;
  SeededRandom random_;
  Model model_;
};

std::string History::some_id(const std::string& key) {
  const auto found = model_.keys.find(key);
  if (found == model_.keys.end() || random_.below(8) == 0) return std::string(kNullVersionId);
  if (random_.below(12) == 0) return "000000000000000000000000000000ab";
  return found->second[random_.below(found->second.size())].id;
}

void History::put() {
  const std::string name = key();
  const Bytes bytes = body();
  PutOptions options;
  options.metadata.storage_class = some_class();
  const std::string storage_class = options.metadata.storage_class;
  const bool only_new = random_.below(5) == 0;
  if (only_new) options.conditions.if_none_match.push_back("*");
  const bool expected = !only_new || model_.current(name) == nullptr;
  const auto info = harness_.put(name, bytes, options);
  ASSERT_EQ(info.has_value(), expected);
  if (!info) return;
  ASSERT_EQ(info->version_id.empty(), model_.mode == Versioning::kUnversioned);
  if (model_.mode == Versioning::kUnversioned) model_.drop(name, std::string(kNullVersionId));
  model_.add(name, {shown_id(info->version_id), false, bytes, "", storage_class});
}

void History::copy() {
  const std::string from = key();
  const std::string id = some_id(from);
  const auto source = harness_.run(harness_.objects->head(harness_.bucket, from, id));
  if (!source) return;
  const auto& versions = model_.keys[from];
  const auto found = std::ranges::find(versions, id, &ModelVersion::id);
  ASSERT_TRUE(found != versions.end());
  const Bytes bytes = found->bytes;
  const std::string to = key();
  PutOptions options;
  options.metadata.storage_class = some_class();
  const auto copied =
      harness_.run(harness_.objects->copy(harness_.bucket, *source, harness_.bucket, to, options));
  ASSERT_TRUE(copied.has_value()) << copied.error().message;
  model_.add(to, {shown_id(copied->version_id), false, bytes, "", options.metadata.storage_class});
}

void History::remove() {
  const std::string name = key();
  RemoveRequest request;
  request.key = name;
  const auto removed = harness_.run(harness_.objects->remove_one(harness_.bucket, request));
  ASSERT_TRUE(removed.has_value()) << removed.error().message;
  ASSERT_EQ(removed->made_marker, model_.mode != Versioning::kUnversioned);
  if (removed->made_marker) {
    model_.add(name, {removed->version_id, true, {}, "", ""});
  } else {
    model_.drop(name, std::string(kNullVersionId));
  }
}

void History::remove_version() {
  RemoveRequest request;
  request.key = key();
  request.version_id = some_id(request.key);
  const auto removed = harness_.run(harness_.objects->remove_one(harness_.bucket, request));
  ASSERT_TRUE(removed.has_value()) << removed.error().message;
  model_.drop(request.key, request.version_id);
}

void History::remove_all_of_a_key() {
  const std::string name = key();
  std::vector<RemoveRequest> requests;
  for (const ModelVersion& version : model_.keys[name]) {
    requests.push_back({name, version.id, {}, false});
  }
  model_.keys.erase(name);
  std::ranges::reverse(requests);
  const auto removed = harness_.run(harness_.objects->remove(harness_.bucket, requests));
  ASSERT_TRUE(removed.has_value());
  for (const RemovedInfo& each : *removed) ASSERT_TRUE(each.status.has_value());
}

void History::switch_mode() {
  const Versioning mode = random_.below(2) == 0 ? Versioning::kEnabled : Versioning::kSuspended;
  const auto changed = harness_.run(harness_.objects->change_bucket(
      crypto::kRootTenant, harness_.bucket.name, [mode](BucketConfig& config) {
        config.versioning = mode;
        return Status();
      }));
  ASSERT_TRUE(changed.has_value()) << changed.error().message;
  model_.mode = mode;
  // A writer that has read the bucket before the switch: its commit looks again.
  if (random_.below(2) == 0) put();
  harness_.bucket = *changed;
}

void History::tag() {
  const std::string name = key();
  const std::string id = some_id(name);
  const std::string value = "t" + std::to_string(random_.below(1000));
  const auto changed = harness_.run(
      harness_.objects->change_version(harness_.bucket, name, id, [&](ObjectInfo& info) {
        info.metadata.tags = {{"tag", value}};
        info.etag = "not to be kept";
        return Status();
      }));
  std::vector<ModelVersion>& versions = model_.keys[name];
  const auto found = std::ranges::find(versions, id, &ModelVersion::id);
  ASSERT_EQ(changed.has_value(), found != versions.end() && !found->is_marker);
  if (changed) found->tag = value;
  if (versions.empty()) model_.keys.erase(name);
}

void History::transition() {
  const std::string name = key();
  const std::string id = some_id(name);
  const auto source = harness_.run(harness_.objects->head(harness_.bucket, name, id));
  if (!source) return;
  const std::string storage_class = some_class();
  const auto done = harness_.transition(*source, storage_class);
  ASSERT_TRUE(done.has_value()) << done.error().message;
  std::vector<ModelVersion>& versions = model_.keys[name];
  const auto found = std::ranges::find(versions, id, &ModelVersion::id);
  ASSERT_TRUE(found != versions.end());
  found->storage_class = storage_class;
}

// Once what nobody needs has gone, chunks are where a version has its class.
void History::expect_places() {
  std::set<PlacementId> expected;
  for (const auto& [key, versions] : model_.keys) {
    for (const ModelVersion& version : versions) {
      if (version.bytes.size() <= kInlineBytesMax) continue;
      expected.insert(harness_.placements.for_class(version.storage_class)
                          .value_or(storage::kDefaultPlacement));
    }
  }
  harness_.collect();
  harness_.collect();
  ASSERT_EQ(harness_.placements_used(), expected);
}

void History::step() {
  switch (random_.below(18)) {
    case 0:
    case 1: return remove();
    case 2:
    case 3: return remove_version();
    case 4: return copy();
    case 5: return switch_mode();
    case 6: return tag();
    case 7: return harness_.collect();
    case 8: return harness_.reopen();
    case 9: return remove_all_of_a_key();
    case 10:
    case 11: return transition();
    default: return put();
  }
}

std::vector<ObjectInfo> History::list_all() {
  std::vector<ObjectInfo> out;
  VersionListRequest request;
  request.limit = 1 + random_.below(5);
  while (true) {
    auto page = harness_.run(harness_.objects->list_versions(harness_.bucket, request));
    EXPECT_TRUE(page.has_value());
    if (!page) return out;
    EXPECT_LE(page->versions.size(), request.limit);
    out.insert(out.end(), page->versions.begin(), page->versions.end());
    if (!page->truncated) return out;
    request.key_marker = page->next_key;
    request.version_id_marker = page->next_version_id;
  }
}

void History::expect_version(const std::string& key, const ModelVersion& version) {
  const auto reader = harness_.run(harness_.objects->open(harness_.bucket, key, version.id));
  if (version.is_marker) {
    ASSERT_FALSE(reader.has_value());
    ASSERT_EQ(reader.error().message, reason::kIsDeleteMarker);
    return;
  }
  ASSERT_TRUE(reader.has_value()) << reader.error().message;
  const auto got = harness_.run(read_range(**reader, {0, version.bytes.size()}));
  ASSERT_TRUE(got.has_value() && *got == version.bytes) << key << " " << version.id;
  const auto& tags = (*reader)->info().metadata.tags;
  ASSERT_EQ(tags.empty() ? "" : tags.front().second, version.tag);
}

void History::compare() {
  const std::vector<ObjectInfo> listed = list_all();
  size_t at = 0;
  size_t current_count = 0;
  for (const auto& [key, versions] : model_.keys) {
    for (size_t i = 0; i < versions.size(); ++i) {
      ASSERT_LT(at, listed.size());
      ASSERT_EQ(listed[at].key, key);
      ASSERT_EQ(listed[at].version_id, versions[i].id);
      ASSERT_EQ(listed[at].is_delete_marker, versions[i].is_marker);
      ASSERT_EQ(listed[at].is_latest, i == 0) << key << " " << versions[i].id;
      ASSERT_EQ(listed[at].metadata.storage_class, versions[i].storage_class);
      ++at;
    }
    if (model_.current(key) != nullptr) ++current_count;
  }
  ASSERT_EQ(at, listed.size());
  const auto page = harness_.list({});
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->objects.size(), current_count);
  const std::string name = key();
  const auto got = harness_.get(name);
  const ModelVersion* current = model_.current(name);
  ASSERT_EQ(got.has_value(), current != nullptr);
  if (got) ASSERT_TRUE(*got == current->bytes);
  for (const auto& [key, versions] : model_.keys) {
    expect_version(key, versions[random_.below(versions.size())]);
    if (testing::Test::HasFatalFailure()) return;
  }
}

void History::end() {
  const auto report = harness_.run(harness_.objects->scrub());
  ASSERT_TRUE(report.has_value() && report->damaged.empty());
  expect_places();
  if (testing::Test::HasFatalFailure()) return;
  while (!model_.keys.empty()) {
    const std::string name = model_.keys.begin()->first;
    const ModelVersion& version = model_.keys.begin()->second.front();
    RemoveRequest request{name, version.id, {}, false};
    ASSERT_TRUE(harness_.run(harness_.objects->remove_one(harness_.bucket, request)));
    model_.drop(name, std::string(version.id));
  }
  harness_.collect();
  ASSERT_EQ(harness_.stored_chunks(), 0);
  ASSERT_TRUE(
      harness_.run(harness_.objects->delete_bucket(crypto::kRootTenant, harness_.bucket.name)));
}

TEST(VersionModel, AnySequenceOfOperationsEqualsLists) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History run(seed);
    for (int i = 0; i < kSteps; ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      run.step();
      if (testing::Test::HasFatalFailure()) return;
      run.compare();
      if (testing::Test::HasFatalFailure()) return;
    }
    run.end();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace cairn::object
