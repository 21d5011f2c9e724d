// Property: any sequence of operations leaves the object layer equal to a map from key to bytes,
// and what is left in the chunk store is exactly what the map still needs. Method: random
// operations by seed over memory backends, compared after every step; reopened at random. A failure
// prints the seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "object/known_bodies.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

struct Model {
  std::map<std::string, Bytes> objects;
};

std::string key_of(SeededRandom& random) {
  return "k" + std::to_string(random.below(6));
}

// Few distinct contents, so that chunks are shared; and edited ones, so that segments are.
Bytes body_of(SeededRandom& random) {
  static constexpr size_t kSizes[] = {0, 1, 5000, 16384, 16385, 100000, 1500000};
  const uint64_t content = random.below(4);
  if (random.below(3) != 0) return random_bytes(content, kSizes[random.below(std::size(kSizes))]);
  Bytes body = random_bytes(content, 1000000 + random.below(3) * 1000000);
  const uint64_t edits = 1 + random.below(4);
  for (uint64_t edit = 0; edit < edits; ++edit) {
    const auto at = body.begin() + static_cast<ptrdiff_t>(random.below(body.size() - 100000));
    switch (random.below(4)) {
      case 0: body.insert(at, 7, uint8_t{1}); break;
      case 1: body.erase(at, at + static_cast<ptrdiff_t>(random.below(100000))); break;
      case 2: std::fill_n(at, random.below(100000), uint8_t{2}); break;
      default: {
        const Bytes copy(at, at + 90000);
        body.insert(body.end(), copy.begin(), copy.end());
        break;
      }
    }
  }
  return body;
}

void put(Harness& harness, Model& model, SeededRandom& random) {
  const std::string key = key_of(random);
  const Bytes bytes = body_of(random);
  PutOptions options;
  if (random.below(2) == 0) options.size_bytes = bytes.size();
  const bool only_new = random.below(4) == 0;
  if (only_new) options.conditions.if_none_match.push_back("*");
  const auto info = harness.put(key, bytes, options);
  const bool expected = !only_new || !model.objects.contains(key);
  ASSERT_EQ(info.has_value(), expected);
  if (info) model.objects[key] = bytes;
}

// The body by its digest where the store finds it: it must find every body that an object has, and
// none that no object has.
void put_known(Harness& harness, Model& model, SeededRandom& random) {
  const Bytes bytes = body_of(random);
  if (bytes.empty()) return;
  const std::string key = key_of(random);
  const Sha256Value sha256 = crypto::sha256(bytes);
  KnownBodies& bodies = *harness.objects->known_bodies();
  const auto hints = harness.run(bodies.find(harness.bucket.tenant, sha256));
  ASSERT_TRUE(hints.has_value());
  std::optional<KnownBody> body;
  for (const BodyHint& hint : *hints) {
    const auto found = harness.run(bodies.open(harness.bucket, hint, sha256, bytes.size()));
    ASSERT_TRUE(found.has_value());
    if (*found) body = **found;
  }
  const bool is_held = std::ranges::any_of(
      model.objects, [&](const auto& object) { return object.second == bytes; });
  if (is_held) ASSERT_TRUE(body.has_value());
  if (!body) return;
  auto writer = harness.run(harness.objects->put(harness.bucket, key, {}));
  ASSERT_TRUE(writer.has_value());
  const auto done = harness.run((*writer)->finish_known(*body, {}));
  ASSERT_TRUE(done.has_value() && done->has_value());
  model.objects[key] = bytes;
}

void copy(Harness& harness, Model& model, SeededRandom& random) {
  const std::string from = key_of(random);
  const std::string to = key_of(random);
  const auto source = harness.head(from);
  ASSERT_EQ(source.has_value(), model.objects.contains(from));
  if (!source) return;
  const auto copied =
      harness.run(harness.objects->copy(harness.bucket, *source, harness.bucket, to, {}));
  ASSERT_TRUE(copied.has_value()) << copied.error().message;
  model.objects[to] = Bytes(model.objects[from]);
}

void multipart(Harness& harness, Model& model, SeededRandom& random) {
  const std::string key = key_of(random);
  const auto upload = harness.run(harness.objects->create_upload(harness.bucket, key, {}));
  ASSERT_TRUE(upload.has_value());
  const Bytes first = random_bytes(random.below(2), 5 * MiB);
  const Bytes second = body_of(random);
  CompleteOptions options;
  for (uint32_t number = 1; number <= 2; ++number) {
    const auto part = harness.put_part(*upload, number, number == 1 ? first : second);
    ASSERT_TRUE(part.has_value()) << part.error().message;
    options.parts.push_back({number, part->etag, std::nullopt});
  }
  if (random.below(3) == 0) {
    ASSERT_TRUE(harness.run(harness.objects->abort_upload(harness.bucket, key, upload->upload_id)));
    return;
  }
  const auto done = harness.run(
      harness.objects->complete_upload(harness.bucket, key, upload->upload_id, options));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  Bytes whole = first;
  whole.insert(whole.end(), second.begin(), second.end());
  model.objects[key] = std::move(whole);
}

void step(Harness& harness, Model& model, SeededRandom& random) {
  switch (random.below(14)) {
    case 0:
    case 1: {
      const std::string key = key_of(random);
      ASSERT_TRUE(harness.remove(key).has_value());
      model.objects.erase(key);
      return;
    }
    case 2: return copy(harness, model, random);
    case 6:
    case 7: return put_known(harness, model, random);
    case 3: return multipart(harness, model, random);
    case 4: return harness.collect();
    case 5: return harness.reopen();
    default: return put(harness, model, random);
  }
}

void compare(Harness& harness, const Model& model, SeededRandom& random) {
  const auto page = harness.list({});
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->objects.size(), model.objects.size());
  size_t at = 0;
  for (const auto& [key, bytes] : model.objects) {
    ASSERT_EQ(page->objects[at].key, key);
    ASSERT_EQ(page->objects[at++].size_bytes, bytes.size());
  }
  const std::string key = key_of(random);
  const auto found = model.objects.find(key);
  const auto got = harness.get(key);
  ASSERT_EQ(got.has_value(), found != model.objects.end());
  if (got) ASSERT_TRUE(*got == found->second) << key;
}

TEST(ObjectModel, AnySequenceOfOperationsEqualsAMap) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Harness harness(Backends::kMemory, seed);
    SeededRandom random(seed);
    Model model;
    for (int i = 0; i < 60; ++i) {
      step(harness, model, random);
      if (testing::Test::HasFatalFailure()) return;
      compare(harness, model, random);
      if (testing::Test::HasFatalFailure()) return;
    }
    const auto report = harness.run(harness.objects->scrub());
    ASSERT_TRUE(report.has_value() && report->damaged.empty());
    for (const auto& [key, bytes] : model.objects) {
      ASSERT_TRUE(harness.remove(key).has_value());
    }
    harness.collect();
    ASSERT_EQ(harness.stored_chunks(), 0);
    for (const std::string prefix : {"w/", "h/"}) {
      catalog::ScanRequest request;
      request.begin = prefix;
      request.end = catalog::prefix_end(prefix);
      const auto rows = harness.run(harness.catalog->scan(request));
      ASSERT_TRUE(rows.has_value() && rows->entries.empty()) << prefix;
    }
  }
}

}  // namespace
}  // namespace cairn::object
