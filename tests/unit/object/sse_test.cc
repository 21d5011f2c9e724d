// Property: a body comes back under exactly what it was written with; equal bodies under different
// keys share nothing and under one key everything; nothing of a key or a digest of an encrypted
// body is stored; scrub and collector work without customers' keys. Method: every kind of
// encryption over both backends, all pairs of kinds for copies.
#include <gmock/gmock.h>

#include <array>

#include "base/encoding.h"
#include "crypto/sealing.h"
#include "object/keys.h"
#include "object/kms_keys.h"
#include "object/rows.h"
#include "object/tenant_keys.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

using crypto::SseKind;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::array<std::string_view, 6> kKinds = {"none",  "kms1",  "kms2",
                                                    "kms1c", "ssec1", "ssec2"};

class Sse : public testing::TestWithParam<Backends> {
 protected:
  Sse() : harness_(GetParam()) {
    for (const char* name : {"kms1", "kms2"}) EXPECT_TRUE(create_kms(name).has_value());
  }

  Result<crypto::KmsKeyPointer> change_kms(KmsCommand::Kind kind, std::string name) {
    KmsCommand command;
    command.kind = kind;
    command.tenant = crypto::kRootTenant;
    command.name = std::move(name);
    return harness_.run(harness_.objects->change_kms_key(std::move(command)));
  }
  Result<crypto::KmsKeyPointer> create_kms(std::string name) {
    return change_kms(KmsCommand::Kind::kCreate, std::move(name));
  }

  static crypto::SseKeyPointer customer_key(std::string_view kind) {
    if (!kind.starts_with("ssec")) return nullptr;
    auto key = std::make_shared<crypto::SseKey>();
    key->secret = crypto::SecretKey(random_bytes(uint64_t(1000) + uint64_t(kind.back()), 32));
    return key;
  }
  static SseRequest request(std::string_view kind) {
    SseRequest out;
    if (kind.starts_with("ssec")) {
      out.kind = SseKind::kCustomer;
      out.customer_key = customer_key(kind);
    } else if (kind.starts_with("kms")) {
      out.kind = SseKind::kKms;
      out.kms_key = kind.substr(0, 4);
      if (kind.ends_with('c')) out.kms_context = "{\"a\":\"b\"}";
    }
    return out;
  }
  static PutOptions options(std::string_view kind) {
    PutOptions out;
    out.sse = request(kind);
    return out;
  }

  static io::Task<Result<Bytes>> read(Objects& objects, BucketInfo bucket, std::string key,
                                      crypto::SseKeyPointer customer,
                                      std::optional<ByteRange> range) {
    const std::unique_ptr<ObjectReader> reader = co_await io::or_return(
        objects.open(std::move(bucket), std::move(key), "", std::move(customer)));
    const ByteRange all{0, reader->info().size_bytes};
    co_return co_await read_range(*reader, range.value_or(all));
  }
  Result<Bytes> get(const std::string& key, std::string_view kind,
                    std::optional<ByteRange> range = std::nullopt) {
    return harness_.run(read(*harness_.objects, harness_.bucket, key, customer_key(kind), range));
  }
  ScrubReport scrub() {
    const Result<ScrubReport> report = harness_.run(harness_.objects->scrub());
    EXPECT_TRUE(report.has_value());
    return *report;
  }
  Result<PartInfo> put_part(const UploadInfo& upload, uint32_t number, BytesView bytes,
                            std::string_view kind);
  Result<UploadInfo> start_upload(std::string_view kind) {
    UploadOptions options;
    options.sse = request(kind);
    return harness_.run(harness_.objects->create_upload(harness_.bucket, "multi", options));
  }

  Harness harness_;
};

io::Task<Result<PartInfo>> write_part(Objects& objects, BucketInfo bucket, UploadInfo upload,
                                      uint32_t number, Bytes bytes, PutOptions options) {
  std::unique_ptr<ObjectWriter> writer = co_await io::or_return(
      objects.put_part(std::move(bucket), std::move(upload), number, std::move(options)));
  const ObjectInfo info = co_await io::or_return(write_all(std::move(writer), bytes, number));
  PartInfo part;
  part.number = number;
  part.etag = info.etag;
  co_return part;
}

Result<PartInfo> Sse::put_part(const UploadInfo& upload, uint32_t number, BytesView bytes,
                               std::string_view kind) {
  PutOptions options;
  options.sse.customer_key = customer_key(kind);
  return harness_.run(write_part(*harness_.objects, harness_.bucket, upload, number,
                                 Bytes(bytes.begin(), bytes.end()), std::move(options)));
}

TEST_P(Sse, BodiesComeBackUnderTheirKeyOnly) {
  for (const size_t size : {size_t{0}, size_t{100}, size_t{16 * KiB}, size_t{9 * MiB + 5}}) {
    const Bytes bytes = random_bytes(size + 1, size);
    for (const std::string_view kind : kKinds) {
      SCOPED_TRACE(std::string(kind) + " " + std::to_string(size));
      const std::string key(kind);
      const Result<ObjectInfo> put = harness_.put(key, bytes, options(kind));
      ASSERT_TRUE(put.has_value()) << put.error().message;
      EXPECT_EQ(put->sse.empty(), kind == "none");
      const std::string md5 = to_hex(crypto::digest_of(DigestKind::kMd5, bytes).view());
      if (kind == "none") {
        EXPECT_EQ(put->etag, md5);
      } else {
        EXPECT_THAT(put->etag, testing::Not(HasSubstr(md5)));
        EXPECT_THAT(put->etag, testing::EndsWith("-1"));
      }
      for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(get(key, kind).value(), bytes);
        if (size > 20) {
          EXPECT_EQ(get(key, kind, ByteRange{size - 17, 13}).value(),
                    Bytes(bytes.end() - 17, bytes.end() - 4));
        }
      }
      for (const std::string_view other : kKinds) {
        const bool same =
            customer_key(other) == nullptr ? customer_key(kind) == nullptr : other == kind;
        EXPECT_EQ(get(key, other).has_value(), same) << other;
      }
    }
  }
  EXPECT_THAT(get("ssec1", "none").error().message,
              StartsWith(std::string(reason::kSseKeyRequired)));
  EXPECT_THAT(get("ssec1", "ssec2").error().message, StartsWith(std::string(reason::kSseKeyWrong)));
  EXPECT_THAT(get("kms1", "ssec1").error().message,
              StartsWith(std::string(reason::kSseKeyUnexpected)));
  harness_.reopen();
  for (const std::string_view kind : kKinds) {
    EXPECT_EQ(get(std::string(kind), kind).value(), random_bytes(9 * MiB + 6, 9 * MiB + 5));
  }
}

TEST_P(Sse, HeadChecksTheCustomersKeyWithoutTheBody) {
  for (const std::string_view kind : kKinds) {
    ASSERT_TRUE(harness_.put("k", as_bytes("x"), options(kind)).has_value());
    const ObjectInfo info = *harness_.head("k");
    const auto check = [&](std::string_view other) {
      return harness_.objects->check_customer_key(harness_.bucket, info, customer_key(other))
          .has_value();
    };
    EXPECT_EQ(check("none"), !kind.starts_with("ssec"));
    EXPECT_EQ(check("ssec1"), kind == "ssec1");
    EXPECT_EQ(check("ssec2"), kind == "ssec2");
  }
}

TEST_P(Sse, OnlyOneKeysBodiesAreDeduplicated) {
  const Bytes bytes = random_bytes(5, 1 * MiB);
  uint64_t kinds_count = 0;
  for (const std::string_view kind : kKinds) {
    ASSERT_TRUE(harness_.put("a " + std::string(kind), bytes, options(kind)).has_value());
    ASSERT_TRUE(harness_.put("b " + std::string(kind), bytes, options(kind)).has_value());
    EXPECT_EQ(harness_.stored_chunks(), ++kinds_count);
  }
}

TEST_P(Sse, MultipartUploadsAreSealedWithTheirKey) {
  const std::vector<Bytes> bodies = {random_bytes(1, 5 * MiB), random_bytes(2, 1000)};
  Bytes whole = bodies[0];
  whole.insert(whole.end(), bodies[1].begin(), bodies[1].end());
  for (const std::string_view kind : kKinds) {
    SCOPED_TRACE(kind);
    const UploadInfo upload = start_upload(kind).value();
    CompleteOptions complete;
    for (uint32_t number = 1; number <= 2; ++number) {
      const Result<PartInfo> part = put_part(upload, number, bodies[number - 1], kind);
      ASSERT_TRUE(part.has_value()) << part.error().message;
      const std::string md5 =
          to_hex(crypto::digest_of(DigestKind::kMd5, bodies[number - 1]).view());
      EXPECT_EQ(part->etag == md5, kind == "none");
      EXPECT_EQ(part->etag.size(), md5.size());
      complete.parts.push_back({number, part->etag, {}});
    }
    for (const std::string_view other : {"none", "ssec1", "ssec2"}) {
      if (customer_key(other) == nullptr ? !kind.starts_with("ssec") : other == kind) continue;
      EXPECT_THAT(put_part(upload, 3, bodies[1], other).error().message,
                  StartsWith(std::string(kind.starts_with("ssec") && customer_key(other) != nullptr
                                             ? reason::kSseKeyOfPart
                                             : reason::kSseKeyOfPartMissing)));
    }
    EXPECT_TRUE(scrub().damaged.empty());
    const Result<ObjectInfo> done = harness_.run(
        harness_.objects->complete_upload(harness_.bucket, "multi", upload.upload_id, complete));
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_THAT(done->etag, testing::EndsWith("-2"));
    EXPECT_EQ(get("multi", kind).value(), whole);
    EXPECT_EQ(get("multi", "ssec1").has_value(), kind == "ssec1");
    EXPECT_TRUE(scrub().damaged.empty());
  }
  ASSERT_TRUE(harness_.remove("multi").has_value());
  harness_.collect();
  EXPECT_EQ(harness_.stored_chunks(), 0U);
}

TEST_P(Sse, AChecksumOverAllBytesNeedsTheKeyAtComplete) {
  UploadOptions options;
  options.sse = request("ssec1");
  options.checksum = DigestKind::kSha256;
  options.checksum_type = ChecksumType::kFullObject;
  const UploadInfo upload =
      harness_.run(harness_.objects->create_upload(harness_.bucket, "multi", options)).value();
  const Bytes bytes = random_bytes(7, 100'000);
  CompleteOptions complete;
  complete.parts.push_back({1, put_part(upload, 1, bytes, "ssec1")->etag, {}});
  const auto finish = [&](CompleteOptions with) {
    return harness_.run(harness_.objects->complete_upload(harness_.bucket, "multi",
                                                          upload.upload_id, std::move(with)));
  };
  EXPECT_THAT(finish(complete).error().message, StartsWith(std::string(reason::kSseKeyAtComplete)));
  complete.customer_key = customer_key("ssec1");
  const Result<ObjectInfo> done = finish(complete);
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(done->checksum->value, crypto::digest_of(DigestKind::kSha256, bytes));
}

TEST_P(Sse, CopiesAreSealedWithTheirOwnKeyAndShareUnderOneKey) {
  for (const size_t size : {size_t{100}, size_t{2 * MiB}}) {
    const Bytes bytes = random_bytes(size, size);
    for (const std::string_view from : kKinds) {
      for (const std::string_view to : kKinds) {
        SCOPED_TRACE(std::string(from) + " to " + std::string(to) + " " + std::to_string(size));
        ASSERT_TRUE(harness_.put("source", bytes, options(from)).has_value());
        const ObjectInfo source = *harness_.head("source");
        PutOptions target = options(to);
        const auto copy = [&](PutOptions with) {
          return harness_.run(harness_.objects->copy(harness_.bucket, source, harness_.bucket,
                                                     "target", std::move(with)));
        };
        if (from.starts_with("ssec")) {
          EXPECT_THAT(copy(target).error().message,
                      StartsWith(std::string(reason::kSseKeyRequired)));
          target.source_key = customer_key(from == "ssec1" ? "ssec2" : "ssec1");
          EXPECT_THAT(copy(target).error().message, StartsWith(std::string(reason::kSseKeyWrong)));
        }
        target.source_key = customer_key(from);
        const uint64_t chunks = harness_.stored_chunks();
        const Result<ObjectInfo> copied = copy(target);
        ASSERT_TRUE(copied.has_value()) << copied.error().message;
        EXPECT_EQ(harness_.stored_chunks() - chunks, from == to || size == 100 ? 0U : 1U);
        EXPECT_EQ(get("target", to).value(), bytes);
        EXPECT_EQ(copied->sse.empty(), to == "none");
        if (to == "none" && from != "none") {
          EXPECT_EQ(copied->etag, to_hex(crypto::digest_of(DigestKind::kMd5, bytes).view()));
        }
        ASSERT_TRUE(harness_.remove("source").has_value());
        harness_.collect();
        EXPECT_EQ(get("target", to).value(), bytes);
        ASSERT_TRUE(harness_.remove("target").has_value());
        harness_.collect();
        ASSERT_EQ(harness_.stored_chunks(), 0U);
      }
    }
  }
}

TEST_P(Sse, CopiedPartsAreSealedWithTheUploadsKey) {
  const Bytes bytes = random_bytes(3, 1 * MiB);
  for (const std::string_view from : {"none", "kms1", "ssec1", "ssec2"}) {
    for (const std::string_view to : {"none", "kms1", "ssec1"}) {
      SCOPED_TRACE(std::string(from) + " to " + std::string(to));
      ASSERT_TRUE(harness_.put("source", bytes, options(from)).has_value());
      const ObjectInfo source = *harness_.head("source");
      const UploadInfo upload = start_upload(to).value();
      const auto copy = [&](CopyKeys keys) {
        return harness_.run(harness_.objects->copy_part(harness_.bucket, source,
                                                        ByteRange{10, 900'000}, harness_.bucket,
                                                        upload, 1, std::move(keys)));
      };
      const CopyKeys keys{customer_key(from), customer_key(to)};
      EXPECT_EQ(copy({}).has_value(), keys.source == nullptr && keys.upload == nullptr);
      const Result<PartInfo> part = copy(keys);
      ASSERT_TRUE(part.has_value()) << part.error().message;
      CompleteOptions complete;
      complete.parts.push_back({1, part->etag, {}});
      ASSERT_TRUE(harness_
                      .run(harness_.objects->complete_upload(harness_.bucket, "multi",
                                                             upload.upload_id, complete))
                      .has_value());
      EXPECT_EQ(get("multi", to).value(), Bytes(bytes.begin() + 10, bytes.begin() + 900'010));
      EXPECT_TRUE(scrub().damaged.empty());
    }
  }
}

TEST_P(Sse, ScrubChecksWhatItCanAndTheCollectorNeedsNoKey) {
  for (const std::string_view kind : kKinds) {
    for (const size_t size : {size_t{100}, size_t{1 * MiB}}) {
      const std::string key = std::string(kind) + std::to_string(size);
      ASSERT_TRUE(harness_.put(key, random_bytes(size, size), options(kind)).has_value());
    }
  }
  ASSERT_TRUE(change_kms(KmsCommand::Kind::kDisable, "kms1").has_value());
  const ScrubReport report = scrub();
  EXPECT_TRUE(report.damaged.empty()) << report.damaged.front().what;
  EXPECT_EQ(report.objects_count, 12U);
  EXPECT_EQ(report.locked_objects_count, 4U);
  ASSERT_TRUE(change_kms(KmsCommand::Kind::kDelete, "kms1").has_value());
  EXPECT_EQ(scrub().locked_objects_count, 8U);
  for (const std::string_view kind : kKinds) {
    for (const char* size : {"100", "1048576"}) {
      ASSERT_TRUE(harness_.remove(std::string(kind) + size).has_value());
    }
  }
  harness_.collect();
  EXPECT_EQ(harness_.stored_chunks(), 0U);
}

io::Task<Result<std::vector<storage::ChunkStat>>> chunks_of(storage::ChunkStore& store) {
  co_return co_await store.list(std::nullopt, 100);
}

TEST_P(Sse, AllKeysOfTheRingDoNotOpenACustomersChunk) {
  ASSERT_TRUE(harness_.put("k", random_bytes(1, 1 * MiB), options("ssec1")).has_value());
  const auto chunks = harness_.run(chunks_of(*harness_.store)).value();
  ASSERT_EQ(chunks.size(), 1U);
  const Result<storage::SealedRead> read =
      harness_.run(harness_.store->read(chunks[0].id, ByteRange{0, 64 * KiB}));
  ASSERT_TRUE(read.has_value());
  const auto opens = [&](crypto::SseKeyPointer key) {
    return crypto::ChunkOpener::create(
               crypto::SealKeys(*harness_.keys, crypto::kRootTenant, std::move(key)), chunks[0].id,
               read->header)
        .has_value();
  };
  EXPECT_FALSE(opens(nullptr));
  EXPECT_FALSE(opens(customer_key("ssec2")));
  for (const crypto::KmsKeyPointer& key : harness_.keys->kms().list(crypto::kRootTenant)) {
    EXPECT_FALSE(opens(crypto::make_kms_sse_key(*key, 1, "")));
  }
  EXPECT_TRUE(opens(customer_key("ssec1")));
}

// Everything that is stored, in one text.
io::Task<Result<std::string>> everything(catalog::Catalog& catalog, storage::ChunkStore& store) {
  std::string out;
  catalog::ScanRequest request;
  request.limit_entries = 10'000;
  const catalog::ScanPage page = co_await io::or_return(catalog.scan(std::move(request)));
  for (const catalog::Entry& entry : page.entries) out.append(entry.key).append(entry.value);
  const std::vector<storage::ChunkStat> chunks =
      co_await io::or_return(store.list(std::nullopt, 1000));
  for (const storage::ChunkStat& chunk : chunks) {
    const storage::SealedRead read =
        co_await io::or_return(store.read(chunk.id, ByteRange{0, chunk.payload_bytes}));
    out.append(as_text(read.header)).append(as_text(read.payload.view()));
  }
  co_return out;
}

TEST_P(Sse, NothingStoredTellsTheKeyOrABodysDigest) {
  const std::string canary = "canary of plaintext that must not be found";
  for (const size_t repeats : {size_t{1}, size_t{3000}}) {
    std::string body;
    for (size_t i = 0; i < repeats; ++i) body += canary;
    const crypto::SseKeyPointer key = customer_key("ssec1");
    ASSERT_TRUE(harness_.put("k", as_bytes(body), options("ssec1")).has_value());
    const std::string stored = harness_.run(everything(*harness_.catalog, *harness_.store)).value();
    const crypto::DigestValue md5 = crypto::digest_of(DigestKind::kMd5, as_bytes(body));
    const crypto::DigestValue sha256 = crypto::digest_of(DigestKind::kSha256, as_bytes(body));
    const crypto::DigestValue key_md5 = crypto::digest_of(DigestKind::kMd5, key->secret.view());
    for (const std::string& secret :
         {canary, to_hex(md5.view()), std::string(as_text(md5.view())),
          std::string(as_text(sha256.view())), std::string(as_text(key->secret.view())),
          to_base64(key->secret.view()), to_base64(key_md5.view()),
          std::string(as_text(key_md5.view()))}) {
      EXPECT_EQ(stored.find(secret), std::string::npos);
    }
    // The method finds what is there.
    EXPECT_NE(stored.find(harness_.head("k")->etag), std::string::npos);
  }
}

TEST_P(Sse, ADisabledKmsKeyStopsReadingAndWriting) {
  const Bytes bytes = random_bytes(2, 100);
  ASSERT_TRUE(harness_.put("k", bytes, options("kms1")).has_value());
  ASSERT_TRUE(get("k", "kms1").has_value());  // And into the cache.
  ASSERT_TRUE(change_kms(KmsCommand::Kind::kDisable, "kms1").has_value());
  EXPECT_THAT(get("k", "kms1").error().message, StartsWith(std::string(reason::kKmsKeyDisabled)));
  EXPECT_THAT(harness_.put("k", bytes, options("kms1")).error().message,
              StartsWith(std::string(reason::kKmsKeyDisabled)));
  EXPECT_THAT(start_upload("kms1").error().message,
              StartsWith(std::string(reason::kKmsKeyDisabled)));
  EXPECT_TRUE(harness_.put("other", bytes, options("kms2")).has_value());
  EXPECT_TRUE(harness_.head("k").has_value());
  harness_.reopen();
  EXPECT_FALSE(get("k", "kms1").has_value());
  ASSERT_TRUE(change_kms(KmsCommand::Kind::kEnable, "kms1").has_value());
  EXPECT_EQ(get("k", "kms1").value(), bytes);
}

TEST_P(Sse, RotatedKmsKeysOpenWhatTheySealedBefore) {
  const Bytes bytes = random_bytes(2, 1 * MiB);
  ASSERT_TRUE(harness_.put("old", bytes, options("kms1")).has_value());
  ASSERT_EQ((*change_kms(KmsCommand::Kind::kRotate, "kms1"))->current, 2U);
  ASSERT_TRUE(harness_.put("new", bytes, options("kms1")).has_value());
  EXPECT_EQ(harness_.stored_chunks(), 2U);
  harness_.reopen();
  EXPECT_EQ(get("old", "kms1").value(), bytes);
  EXPECT_EQ(get("new", "kms1").value(), bytes);
}

TEST_P(Sse, TheDefaultKmsKeyIsMadeOnceWhenItIsFirstUsed) {
  SseRequest request;
  request.kind = SseKind::kKms;
  PutOptions put;
  put.sse = request;
  ASSERT_TRUE(harness_.put("a", as_bytes("a"), put).has_value());
  put.sse.kms_key = crypto::kKmsDefaultAlias;
  ASSERT_TRUE(harness_.put("b", as_bytes("b"), put).has_value());
  EXPECT_EQ(parse_sse(harness_.head("a")->sse)->kms_key_id,
            parse_sse(harness_.head("b")->sse)->kms_key_id);
  EXPECT_EQ(harness_.keys->kms().list(crypto::kRootTenant).size(), 3U);
  harness_.reopen();
  EXPECT_EQ(get("a", "kms1").value(), Bytes{'a'});
}

TEST_P(Sse, KmsKeysAreNamedOnceAndDeletedOnlyWhenDisabled) {
  using enum KmsCommand::Kind;
  EXPECT_EQ(create_kms("kms1").error().code, Code::kAlreadyExists);
  EXPECT_EQ(create_kms("a b").error().code, Code::kInvalidArgument);
  EXPECT_EQ(create_kms("alias/x").error().code, Code::kInvalidArgument);
  EXPECT_EQ(change_kms(kDisable, "unknown").error().code, Code::kNotFound);
  EXPECT_EQ(change_kms(kDelete, "kms1").error().code, Code::kFailedPrecondition);
  KmsCommand command;
  command.tenant = crypto::kRootTenant;
  command.aliases = {"alias/one", "alias/two"};
  const auto made = harness_.run(harness_.objects->change_kms_key(command));
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ((*made)->id.size(), 36U);
  EXPECT_EQ(harness_.run(harness_.objects->change_kms_key(command)).error().code,
            Code::kAlreadyExists);
  command.aliases = {"alias/aws/mine"};
  EXPECT_EQ(harness_.run(harness_.objects->change_kms_key(command)).error().code,
            Code::kInvalidArgument);
  ASSERT_TRUE(change_kms(kDisable, "alias/two").has_value());
  ASSERT_TRUE(change_kms(kDelete, "alias/one").has_value());
  EXPECT_EQ(harness_.keys->kms().find(crypto::kRootTenant, "alias/two"), nullptr);
  EXPECT_THAT(harness_.put("k", as_bytes("x"), options("kms3")).error().message,
              StartsWith(std::string(reason::kKmsKeyUnknown)));
}

TEST_P(Sse, ANewRootKeyWrapsTheKmsKeysToo) {
  const Bytes bytes = random_bytes(2, 100);
  ASSERT_TRUE(harness_.put("k", bytes, options("kms1")).has_value());
  const crypto::SecretKey root(random_bytes(77, 32));
  ASSERT_TRUE(
      harness_.run(rewrap_tenant_keys(*harness_.catalog, *harness_.keys, root)).has_value());
  // The old root is still in memory: a key made now would be lost.
  EXPECT_EQ(create_kms("between").error().code, Code::kUnavailable);
  crypto::KeyRing ring{crypto::SecretKey(root.view())};
  ASSERT_TRUE(harness_.run(load_tenant_keys(*harness_.catalog, ring)).has_value());
  ASSERT_EQ(harness_.run(load_kms_keys(*harness_.catalog, ring)).value(), 2U);
  const auto before = harness_.keys->kms().find(crypto::kRootTenant, "kms1");
  const auto after = ring.kms().find(crypto::kRootTenant, "kms1");
  EXPECT_TRUE(crypto::equal_secret(before->versions.at(1)->view(), after->versions.at(1)->view()));
  crypto::KeyRing wrong{crypto::SecretKey(random_bytes(78, 32))};
  EXPECT_FALSE(harness_.run(load_kms_keys(*harness_.catalog, wrong)).has_value());
  harness_.keys->replace_root(crypto::SecretKey(root.view()));
  EXPECT_TRUE(create_kms("after").has_value());
}

INSTANTIATE_TEST_SUITE_P(Backends, Sse, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

}  // namespace
}  // namespace cairn::object
