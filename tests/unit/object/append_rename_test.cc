// Property: appends make the object that one write of all their bytes would have made, whatever the
// sizes, and one of several at one offset wins; a rename moves an object and nothing else. Neither
// loses a chunk or leaves one behind. Method: both backends; a model of bytes; digests computed
// independently; collection of garbage and a scrub at the end of every test.
#include <gmock/gmock.h>

#include "base/encoding.h"
#include "object/keys.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

class Append : public testing::TestWithParam<Backends> {
 protected:
  Append() : harness(GetParam()) {}
  void TearDown() override {
    harness.collect();
    const auto report = harness.run(harness.objects->scrub());
    ASSERT_TRUE(report.has_value());
    EXPECT_TRUE(report->damaged.empty());
  }

  Result<ObjectInfo> append(uint64_t offset, const Bytes& bytes, PutOptions options = {},
                            bool known_size = true, const std::string& key = "k") {
    if (known_size) options.size_bytes = bytes.size();
    auto writer =
        harness.run(harness.objects->append(harness.bucket, key, offset, std::move(options)));
    if (!writer) return std::unexpected(writer.error());
    return harness.run(write_all(std::move(*writer), bytes, offset));
  }
  void set_mode(Versioning mode) {
    const auto changed = harness.run(harness.objects->change_bucket(
        crypto::kRootTenant, harness.bucket.name, [mode](BucketConfig& config) {
          config.versioning = mode;
          return Status();
        }));
    ASSERT_TRUE(changed.has_value());
    harness.bucket = *changed;
  }
  Bytes stored(const std::string& key = "k") {
    const auto bytes = harness.get(key);
    EXPECT_TRUE(bytes.has_value()) << bytes.error().message;
    return bytes.value_or(Bytes());
  }
  static void expect_reason(const Result<ObjectInfo>& result, std::string_view why) {
    ASSERT_FALSE(result.has_value());
    EXPECT_THAT(result.error().message, testing::StartsWith(std::string(why)));
  }
  static std::string md5_of(BytesView bytes) {
    return to_hex(crypto::digest_of(DigestKind::kMd5, bytes).view());
  }

  Harness harness;
};

TEST_P(Append, EveryMixOfSizesIsTheBytesInOrder) {
  const size_t sizes[] = {1, 100, 16 * KiB - 101, 16 * KiB, 70000, 9 * MiB};
  uint64_t seed = 1;
  for (const DigestKind kind : {DigestKind::kCrc64Nvme, DigestKind::kCrc32, DigestKind::kCrc32c}) {
    for (const size_t first : sizes) {
      for (const size_t second : sizes) {
        if (first + second > 10 * MiB && kind != DigestKind::kCrc64Nvme) continue;
        const std::string key = "k" + std::to_string(seed);
        Bytes model = random_bytes(seed++, first);
        PutOptions options;
        options.digests = {kind};
        ASSERT_TRUE(append(0, model, options, seed % 2 == 0, key));
        for (const size_t more : {second, size_t{10}}) {
          const Bytes piece = random_bytes(seed++, more);
          const auto done = append(model.size(), piece, {}, seed % 3 != 0, key);
          ASSERT_TRUE(done) << done.error().message;
          model.insert(model.end(), piece.begin(), piece.end());
          ASSERT_EQ(done->size_bytes, model.size());
          ASSERT_TRUE(done->checksum.has_value());
          EXPECT_EQ(done->checksum->kind, kind);
          EXPECT_EQ(done->checksum->value, crypto::digest_of(kind, model)) << first << "+" << more;
        }
        EXPECT_EQ(stored(key), model) << first << "+" << second;
        ASSERT_TRUE(harness.remove(key));
      }
    }
  }
  harness.collect();
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0U);
}

TEST_P(Append, SmallObjectsAreThoseOfOnePut) {
  const Bytes all = random_bytes(1, 3000);
  for (size_t at = 0; at < all.size(); at += 1000) {
    ASSERT_TRUE(append(at, Bytes(all.begin() + at, all.begin() + at + 1000)));
  }
  const auto head = harness.head("k");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->etag, md5_of(all));
  EXPECT_EQ(head->parts_count, 0U);
  EXPECT_EQ(harness.stored_chunks(), 0U);
}

TEST_P(Append, EtagIsThatOfParts) {
  const Bytes first = random_bytes(1, 100000);
  const Bytes second = random_bytes(2, 50000);
  PutOptions options;
  options.metadata.content_type = "text/plain";
  options.metadata.user = {{"a", "1"}};
  ASSERT_TRUE(harness.put("k", first, options));
  const auto done = append(first.size(), second);
  ASSERT_TRUE(done);
  Bytes md5s;
  for (const Bytes& piece : {first, second}) {
    const DigestValue md5 = crypto::digest_of(DigestKind::kMd5, piece);
    md5s.insert(md5s.end(), md5.view().begin(), md5.view().end());
  }
  EXPECT_EQ(done->etag, md5_of(md5s) + "-2");
  EXPECT_EQ(done->parts_count, 2U);
  const auto head = harness.head("k");
  EXPECT_EQ(head->metadata.user.at("a"), "1");  // What was there stays.
  EXPECT_EQ(head->metadata.content_type, "text/plain");
}

TEST_P(Append, ChecksumsThatCannotGoOnEnd) {
  const Bytes first = random_bytes(1, 100000);
  const Bytes second = random_bytes(2, 100);
  PutOptions options;
  options.digests = {DigestKind::kSha256};
  ASSERT_TRUE(harness.put("k", first, options));
  const auto done = append(first.size(), second);
  ASSERT_TRUE(done);
  EXPECT_FALSE(done->checksum.has_value());
}

TEST_P(Append, CompositeChecksumsGoOn) {
  UploadOptions options;
  options.checksum = DigestKind::kSha256;
  const auto upload = harness.run(harness.objects->create_upload(harness.bucket, "k", options));
  const Bytes first = random_bytes(1, 100000);
  const auto part = harness.put_part(*upload, 1, first);
  CompleteOptions complete;
  complete.parts.push_back({1, part->etag, std::pair{part->checksum->kind, part->checksum->value}});
  ASSERT_TRUE(harness.run(
      harness.objects->complete_upload(harness.bucket, "k", upload->upload_id, complete)));
  const Bytes second = random_bytes(2, 200);
  const auto done = append(first.size(), second);
  ASSERT_TRUE(done);
  Bytes values;
  for (const Bytes& piece : {first, second}) {
    const crypto::Sha256Value value = crypto::sha256(piece);
    values.insert(values.end(), value.begin(), value.end());
  }
  ASSERT_TRUE(done->checksum.has_value());
  EXPECT_EQ(done->checksum->type, ChecksumType::kComposite);
  EXPECT_EQ(done->checksum->parts_count, 2U);
  EXPECT_EQ(done->checksum->value, DigestValue(crypto::sha256(values)));
}

TEST_P(Append, WrongOffsetsChangeNothing) {
  const Bytes body = random_bytes(1, 50000);
  expect_reason(append(1, body), reason::kInvalidWriteOffset);
  expect_reason(append(UINT64_MAX, body), reason::kInvalidWriteOffset);
  ASSERT_TRUE(harness.put("k", body));
  for (const uint64_t offset : {uint64_t{0}, uint64_t{49999}, uint64_t{50001}, UINT64_MAX}) {
    expect_reason(append(offset, body), reason::kInvalidWriteOffset);
  }
  EXPECT_EQ(stored(), body);
}

TEST_P(Append, WhatAnExistingObjectDoesNotTake) {
  const Bytes body = random_bytes(1, 50000);
  ASSERT_TRUE(harness.put("k", body));
  PutOptions user;
  user.metadata.user = {{"a", "1"}};
  EXPECT_EQ(append(body.size(), body, user).error().code, Code::kInvalidArgument);
  PutOptions tags;
  tags.metadata.tags = {{"a", "1"}};
  EXPECT_EQ(append(body.size(), body, tags).error().code, Code::kInvalidArgument);
  EXPECT_EQ(append(body.size(), {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(append(body.size(), {}, {}, false).error().code, Code::kInvalidArgument);
  PutOptions match;
  match.conditions.if_match = {"0123"};
  expect_reason(append(body.size(), body, match), reason::kConditionIfMatch);
  EXPECT_EQ(stored(), body);
}

TEST(AppendLimit, AtMostSoManyAppends) {
  Harness harness(Backends::kMemory);
  const auto append = [&](uint64_t offset) {
    PutOptions options;
    options.size_bytes = 1;
    auto writer = harness.run(harness.objects->append(harness.bucket, "k", offset, options));
    if (!writer) return Result<ObjectInfo>(std::unexpected(writer.error()));
    return harness.run(write_all(std::move(*writer), Bytes{7}, offset));
  };
  for (uint32_t i = 0; i < kAppendsMax; ++i) ASSERT_TRUE(append(i)) << i;
  const auto refused = append(kAppendsMax);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, testing::StartsWith(std::string(reason::kTooManyParts)));
  ASSERT_TRUE(harness.put("k", Bytes{1}));  // Written whole, it takes appends again.
  EXPECT_TRUE(append(1));
}

TEST_P(Append, ManyPartsGoIntoAStoredManifest) {
  Bytes model = random_bytes(1, 20000);
  ASSERT_TRUE(harness.put("k", model));
  for (uint64_t i = 0; i < 700; ++i) {
    const Bytes piece = random_bytes(i, 20);
    ASSERT_TRUE(append(model.size(), piece));
    model.insert(model.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(stored(), model);
  harness.collect();
  harness.collect();
  EXPECT_EQ(stored(), model);  // The tables of older manifests went, the chunks stayed.
  harness.reopen();
  EXPECT_EQ(stored(), model);
  ASSERT_TRUE(harness.remove("k"));
  harness.collect();
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0U);
}

TEST_P(Append, OneOfManyAtOneOffsetWins) {
  const Bytes first = random_bytes(1, 30000);
  ASSERT_TRUE(harness.put("k", first));
  std::vector<std::unique_ptr<ObjectWriter>> writers;
  std::vector<Bytes> pieces;
  for (uint64_t i = 0; i < 8; ++i) {
    pieces.push_back(random_bytes(10 + i, 5000 * (i + 1)));
    auto writer = harness.run(harness.objects->append(harness.bucket, "k", first.size(), {}));
    ASSERT_TRUE(writer);
    writers.push_back(std::move(*writer));
  }
  io::Scope scope;
  std::vector<Result<ObjectInfo>> results(writers.size(), fail(Code::kInternal, "not run"));
  const auto run_one = [](std::unique_ptr<ObjectWriter> writer, BytesView bytes,
                          Result<ObjectInfo>& out) -> io::Task<void> {
    out = co_await write_all(std::move(writer), bytes, bytes.size());
  };
  for (size_t i = 0; i < writers.size(); ++i) {
    scope.spawn(run_one(std::move(writers[i]), pieces[i], results[i]));
  }
  harness.run(scope.join());
  size_t winners = 0;
  Bytes model = first;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i]) {
      ++winners;
      model.insert(model.end(), pieces[i].begin(), pieces[i].end());
    } else {
      expect_reason(results[i], reason::kInvalidWriteOffset);
    }
  }
  EXPECT_EQ(winners, 1U);
  EXPECT_EQ(stored(), model);
}

TEST_P(Append, VersionsStayAsTheyWere) {
  for (const Versioning mode : {Versioning::kEnabled, Versioning::kSuspended}) {
    set_mode(Versioning::kEnabled);
    const std::string key = mode == Versioning::kEnabled ? "enabled" : "suspended";
    const Bytes first = random_bytes(1, 100000);
    const auto before = harness.put(key, first);
    ASSERT_TRUE(before);
    set_mode(mode);
    const Bytes second = random_bytes(2, 100);
    const auto after = append(first.size(), second, {}, true, key);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_NE(after->version_id, before->version_id);
    const auto third = append(first.size() + second.size(), second, {}, true, key);
    ASSERT_TRUE(third) << third.error().message;
    Bytes whole = first;
    for (int i = 0; i < 2; ++i) whole.insert(whole.end(), second.begin(), second.end());
    EXPECT_EQ(stored(key), whole);
    const auto removed = harness.run(
        harness.objects->remove_one(harness.bucket, {key, third->version_id, {}, false}));
    ASSERT_TRUE(removed && removed->status);
    harness.collect();
    harness.collect();
    const auto reader = harness.run(harness.objects->open(harness.bucket, key, before->version_id));
    ASSERT_TRUE(reader);
    EXPECT_EQ(harness.run(read_range(**reader, {0, first.size()})), first);
  }
}

TEST_P(Append, GoesOnUnderTheObjectsKey) {
  PutOptions kms;
  kms.sse.kind = crypto::SseKind::kKms;
  for (const size_t size : {size_t{100}, size_t{100000}}) {
    const std::string key = "kms" + std::to_string(size);
    Bytes model = random_bytes(size, size);
    ASSERT_TRUE(append(0, model, kms, true, key));
    for (const size_t more : {size_t{50}, size_t{40000}}) {
      const Bytes piece = random_bytes(more, more);
      const auto done = append(model.size(), piece, {}, true, key);
      ASSERT_TRUE(done) << done.error().message;
      EXPECT_FALSE(done->sse.empty());
      EXPECT_THAT(done->etag, testing::HasSubstr("-"));
      model.insert(model.end(), piece.begin(), piece.end());
      EXPECT_EQ(stored(key), model);
    }
  }
}

class Rename : public Append {
 protected:
  Result<ObjectInfo> rename(const std::string& from, const std::string& to,
                            RenameOptions options = {}) {
    return harness.run(harness.objects->rename(harness.bucket, from, to, std::move(options)));
  }
  bool is_there(const std::string& key) { return harness.head(key).has_value(); }
};

TEST_P(Rename, MovesEveryKindOfBody) {
  for (const size_t size : {size_t{0}, size_t{300}, size_t{16 * KiB}, size_t{90000}, 9 * MiB}) {
    for (const size_t replaced : {size_t{0}, size_t{200}, size_t{80000}}) {
      const Bytes body = random_bytes(size + 1, size);
      PutOptions options;
      options.metadata.user = {{"a", "1"}};
      options.metadata.tags = {{"t", "2"}};
      const auto before = harness.put("from", body, options);
      ASSERT_TRUE(before);
      if (replaced > 0) ASSERT_TRUE(harness.put("to", random_bytes(9, replaced)));
      const auto done = rename("from", "to");
      ASSERT_TRUE(done) << done.error().message;
      EXPECT_FALSE(is_there("from"));
      EXPECT_EQ(stored("to"), body);
      const auto after = harness.head("to");
      EXPECT_EQ(after->etag, before->etag);
      EXPECT_EQ(after->modified, before->modified);
      EXPECT_EQ(after->metadata.user.at("a"), "1");
      EXPECT_EQ(after->metadata.tags.size(), 1U);
      harness.reopen();
      EXPECT_EQ(stored("to"), body);
      ASSERT_TRUE(harness.remove("to"));
    }
  }
  harness.collect();
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0U);
}

TEST_P(Rename, ConditionsOfBothNames) {
  const auto a = harness.put("a", random_bytes(1, 100));
  const auto b = harness.put("b", random_bytes(2, 100));
  RenameOptions options;
  options.target.if_none_match = {"*"};
  expect_reason(rename("a", "b", options), reason::kConditionIfNoneMatch);
  EXPECT_TRUE(rename("a", "c", options));
  ASSERT_TRUE(rename("c", "a"));
  options = {};
  options.source.if_match = {b->etag};
  expect_reason(rename("a", "b", options), reason::kSourceCondition);
  options.source.if_match = {a->etag};
  options.target.if_match = {a->etag};
  expect_reason(rename("a", "b", options), reason::kConditionIfMatch);
  options.target.if_match = {b->etag};
  EXPECT_TRUE(rename("a", "b", options));
  expect_reason(rename("a", "b", options), reason::kNoSuchKey);
  expect_reason(rename("missing", "b"), reason::kNoSuchKey);
  EXPECT_EQ(rename("b", "b").error().code, Code::kInvalidArgument);
}

TEST_P(Rename, ATokenIsGoodOnce) {
  ASSERT_TRUE(harness.put("a", random_bytes(1, 100)));
  RenameOptions options;
  options.token = "token-1";
  ASSERT_TRUE(rename("a", "b", options));
  ASSERT_TRUE(harness.put("a", random_bytes(2, 100)));
  EXPECT_TRUE(rename("a", "b", options));  // The repeat of a call whose answer was lost.
  EXPECT_TRUE(is_there("a"));              // It moved nothing.
  expect_reason(rename("a", "c", options), reason::kTokenMismatch);
  expect_reason(rename("b", "a", options), reason::kTokenMismatch);
  options.token = "token-2";
  EXPECT_TRUE(rename("a", "b", options));
  EXPECT_FALSE(is_there("a"));
}

TEST_P(Rename, BucketsWithVersionsHaveNone) {
  ASSERT_TRUE(harness.put("a", random_bytes(1, 100)));
  for (const Versioning mode : {Versioning::kEnabled, Versioning::kSuspended}) {
    set_mode(mode);
    EXPECT_EQ(rename("a", "b").error().code, Code::kUnsupported);
    EXPECT_TRUE(is_there("a"));
  }
}

TEST_P(Rename, ObjectsOfPartsAndUnderOtherKeysMove) {
  PutOptions kms;
  kms.sse.kind = crypto::SseKind::kKms;
  for (const size_t size : {size_t{100}, size_t{100000}}) {
    Bytes body = random_bytes(size, size);
    ASSERT_TRUE(harness.put("kms", body, kms));
    ASSERT_TRUE(rename("kms", "moved"));
    EXPECT_EQ(stored("moved"), body);
    const Bytes piece = random_bytes(7, 50000);
    ASSERT_TRUE(append(size, piece, {}, true, "moved"));
    body.insert(body.end(), piece.begin(), piece.end());
    ASSERT_TRUE(rename("moved", "again"));
    EXPECT_EQ(stored("again"), body);
  }
}

using Removal = Append;

TEST_P(Removal, SizeAndTimeAreConditionsOfTheCommit) {
  const auto put = harness.put("k", random_bytes(1, 100));
  ASSERT_TRUE(put);
  Conditions conditions;
  conditions.size_bytes = 99;
  const Status size = harness.remove("k", conditions);
  ASSERT_FALSE(size);
  EXPECT_THAT(size.error().message, testing::StartsWith(std::string(reason::kConditionSize)));
  conditions.size_bytes = 100;
  conditions.modified = WallTime{put->modified.unix_ms + 1000};
  const Status time = harness.remove("k", conditions);
  ASSERT_FALSE(time);
  EXPECT_THAT(time.error().message, testing::StartsWith(std::string(reason::kConditionModified)));
  conditions.modified = WallTime{put->modified.unix_ms / 1000 * 1000};  // As a header tells it.
  EXPECT_TRUE(harness.remove("k", conditions));
  EXPECT_FALSE(harness.head("k"));
  EXPECT_TRUE(harness.remove("k", conditions));  // Nothing is there to differ.
  set_mode(Versioning::kEnabled);
  const auto removed =
      harness.run(harness.objects->remove_one(harness.bucket, {"k", "", conditions, false}));
  ASSERT_TRUE(removed);
  EXPECT_FALSE(removed->made_marker);
}

INSTANTIATE_TEST_SUITE_P(Both, Removal, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);
INSTANTIATE_TEST_SUITE_P(Both, Append, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);
INSTANTIATE_TEST_SUITE_P(Both, Rename, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

}  // namespace
}  // namespace cairn::object
