// Property: every operation that changes something is one step. After a power cut at any instant
// inside it the store shows what was there before or what is there after, never anything between,
// and what was acknowledged is there.
// Method: each operation of the table is run on a prepared store, cut at every change of the
// simulated disk in turn, reopened, and all that can be seen is compared as text. Every mutating
// route of the S3 door must name the operation that it is. Negative control: two operations taken
// for one are caught between.
#include <algorithm>
#include <functional>
#include <map>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "native/guest.h"
#include "native_operations.h"
#include "object/known_bodies.h"
#include "s3/routes.h"
#include "sync_operations.h"
#include "tests/support/journalled_catalog.h"
#include "tests/support/sim_objects.h"

namespace cairn::object {
namespace {

namespace native_ops = native_operations;
namespace sync_ops = sync_operations;

using testing_support::JournalledCatalog;
using testing_support::SimObjects;

constexpr size_t kSmall = 300;    // Inline.
constexpr size_t kLarge = 90000;  // In chunks.

// Buckets "bucket" (versioned by `mode`), with what `prepare` adds.
struct Operation {
  std::string name;
  Versioning mode = Versioning::kUnversioned;
  std::function<Status(SimObjects&)> prepare;
  std::function<Status(SimObjects&)> act;
};

template <typename T>
Status drop_value(const Result<T>& result) {
  return result ? Status() : Status(std::unexpected(result.error()));
}

Status set_mode(SimObjects& world, Versioning mode, const std::string& name = "bucket") {
  return drop_value(world.wait(
      world.objects().change_bucket(crypto::kRootTenant, name, [mode](BucketConfig& config) {
        config.versioning = mode;
        return Status();
      })));
}

Status put(SimObjects& world, const std::string& key, uint64_t content, size_t size_bytes) {
  const Result<BucketInfo> bucket = world.bucket();
  if (!bucket) return std::unexpected(bucket.error());
  return drop_value(world.wait(
      put_object(world.objects(), *bucket, key, random_bytes(content, size_bytes), {}, content)));
}

// The version ids of a key, newest first.
std::vector<std::string> ids_of(SimObjects& world, const std::string& key) {
  VersionListRequest request;
  request.prefix = key;
  const Result<VersionListPage> page =
      world.wait(world.objects().list_versions(world.bucket().value(), request));
  std::vector<std::string> ids;
  for (const ObjectInfo& info : page.value().versions) ids.push_back(info.version_id);
  return ids;
}

Status remove(SimObjects& world, std::vector<std::pair<std::string, std::string>> targets) {
  std::vector<RemoveRequest> requests;
  for (auto& [key, id] : targets) requests.push_back({std::move(key), std::move(id), {}, false});
  const Result<BucketInfo> bucket = world.bucket();
  if (!bucket) return std::unexpected(bucket.error());
  const auto removed = world.wait(world.objects().remove(*bucket, std::move(requests)));
  if (!removed) return std::unexpected(removed.error());
  for (const RemovedInfo& each : *removed) {
    if (!each.status) return each.status;
  }
  return {};
}

Status put_several(SimObjects& world) {
  for (const auto& [key, content, size] :
       {std::tuple{"a", 1, kSmall}, {"a", 2, kLarge}, {"b", 3, kLarge}, {"c", 4, kSmall}}) {
    const Status done = put(world, key, static_cast<uint64_t>(content), size);
    if (!done) return done;
  }
  return {};
}

// Two bodies that have most of their segments in common.
Status put_base(SimObjects& world) {
  return put(world, "a", 7, 5 * kLarge);
}
Status put_shared(SimObjects& world) {
  return put(world, "n", 7, 4 * kLarge);
}

Result<UploadInfo> begin_upload(SimObjects& world) {
  const Result<BucketInfo> bucket = world.bucket();
  if (!bucket) return std::unexpected(bucket.error());
  return world.wait(world.objects().create_upload(*bucket, "a", {}));
}

Result<UploadInfo> the_upload(SimObjects& world) {
  const auto page = world.wait(world.objects().list_uploads(world.bucket().value(), {}));
  return page.value().uploads.front();
}

Status put_part(SimObjects& world, uint32_t number, uint64_t content) {
  const Result<UploadInfo> upload = the_upload(world);
  auto writer = world.wait(world.objects().put_part(world.bucket().value(), *upload, number, {}));
  if (!writer) return std::unexpected(writer.error());
  return drop_value(
      world.wait(write_all(std::move(*writer), random_bytes(content, kLarge), content)));
}

Status prepare_upload(SimObjects& world) {
  if (const Status done = put_several(world); !done) return done;
  if (const auto begun = begin_upload(world); !begun) return std::unexpected(begun.error());
  return put_part(world, 1, 50);
}

Status complete(SimObjects& world) {
  const UploadInfo upload = the_upload(world).value();
  const BucketInfo bucket = world.bucket().value();
  const auto parts = world.wait(world.objects().list_parts(bucket, upload, 0, 10));
  CompleteOptions options;
  options.parts.push_back({1, parts.value().front().etag, std::nullopt});
  return drop_value(
      world.wait(world.objects().complete_upload(bucket, upload.key, upload.upload_id, options)));
}

Status copy(SimObjects& world, const std::string& from, const std::string& to,
            const std::string& storage_class = {}) {
  const BucketInfo bucket = world.bucket().value();
  const auto source = world.wait(world.objects().head(bucket, from, ""));
  if (!source) return std::unexpected(source.error());
  PutOptions options;
  options.metadata.storage_class = storage_class;
  return drop_value(
      world.wait(world.objects().copy(bucket, *source, bucket, to, std::move(options))));
}

// The version goes to another placement, or, when it is inline, only to another class.
Status transition(SimObjects& world, const std::string& key, const std::string& version_id = {}) {
  const BucketInfo bucket = world.bucket().value();
  const auto version = world.wait(world.objects().head(bucket, key, version_id));
  if (!version) return std::unexpected(version.error());
  TransitionOptions options;
  options.storage_class = "STANDARD_IA";
  return drop_value(world.wait(world.objects().transition(bucket, *version, std::move(options))));
}

Status append(SimObjects& world, const std::string& key, uint64_t offset, uint64_t content,
              size_t size_bytes) {
  PutOptions options;
  options.size_bytes = size_bytes;
  auto writer =
      world.wait(world.objects().append(world.bucket().value(), key, offset, std::move(options)));
  if (!writer) return std::unexpected(writer.error());
  return drop_value(
      world.wait(write_all(std::move(*writer), random_bytes(content, size_bytes), content)));
}

// The body of "b" by what is known of it, in place of its bytes.
Status finish_known(SimObjects& world, Result<std::unique_ptr<ObjectWriter>> writer) {
  if (!writer) return std::unexpected(writer.error());
  const BucketInfo bucket = world.bucket().value();
  const Sha256Value sha256 = crypto::sha256(random_bytes(3, kLarge));
  KnownBodies& bodies = *world.objects().known_bodies();
  const auto hints = world.wait(bodies.find(bucket.tenant, sha256));
  auto body = world.wait(bodies.open(bucket, hints.value().front(), sha256, kLarge));
  const auto done = world.wait((*writer)->finish_known(std::move(body.value().value()), {}));
  if (!done) return std::unexpected(done.error());
  return *done ? Status() : fail(Code::kInternal, "the store wants the bytes");
}

Status put_known(SimObjects& world) {
  return finish_known(world, world.wait(world.objects().put(world.bucket().value(), "a", {})));
}

Status put_part_known(SimObjects& world) {
  const Result<UploadInfo> upload = the_upload(world);
  return finish_known(world,
                      world.wait(world.objects().put_part(world.bucket().value(), *upload, 1, {})));
}

Status rename(SimObjects& world, const std::string& from, const std::string& to) {
  RenameOptions options;
  options.token = "token";
  return drop_value(
      world.wait(world.objects().rename(world.bucket().value(), from, to, std::move(options))));
}

Status copy_part(SimObjects& world) {
  const BucketInfo bucket = world.bucket().value();
  const auto source = world.wait(world.objects().head(bucket, "b", ""));
  if (!source) return std::unexpected(source.error());
  return drop_value(world.wait(world.objects().copy_part(bucket, *source, ByteRange{0, 70000},
                                                         bucket, the_upload(world).value(), 2)));
}

Status change(SimObjects& world) {
  return drop_value(world.wait(
      world.objects().change_version(world.bucket().value(), "a", "", [](ObjectInfo& info) {
        info.metadata.tags = {{"k", "v"}};
        info.lock.legal_hold = true;
        return Status();
      })));
}

Status configure(SimObjects& world) {
  return drop_value(world.wait(
      world.objects().change_bucket(crypto::kRootTenant, "bucket", [](BucketConfig& config) {
        config.documents["cors"] = "<CORSConfiguration/>";
        config.versioning = Versioning::kEnabled;
        config.object_lock = true;
        return Status();
      })));
}

const Status kNothing;
Status nothing(SimObjects&) {
  return kNothing;
}

std::vector<Operation> bucket_rows() {
  using enum Versioning;
  return {
      {"change version", kEnabled, put_several, change},
      {"change bucket", kUnversioned, put_several, configure},
      {"create bucket", kUnversioned, nothing,
       [](SimObjects& w) {
         return drop_value(w.wait(w.objects().create_bucket(crypto::kRootTenant, "other", {})));
       }},
      {"delete bucket", kUnversioned, nothing,
       [](SimObjects& w) {
         return w.wait(w.objects().delete_bucket(crypto::kRootTenant, "bucket"));
       }},
  };
}

std::vector<Operation> native_rows() {
  using enum Versioning;
  return {
      {"native begin", kEnabled, nothing, native_ops::begin},
      {"native fill", kEnabled, native_ops::prepare,
       [](SimObjects& w) { return native_ops::fill(w, 61); }},
      {"native offer", kEnabled, native_ops::prepare_offer,
       [](SimObjects& w) { return native_ops::offer(w, 60); }},
      {"native commit", kEnabled, native_ops::prepare,
       [](SimObjects& w) { return native_ops::commit(w, 60); }},
      {"native commit over", kUnversioned,
       [](SimObjects& w) {
         if (const Status done = put_several(w); !done) return done;
         if (const Status done = native_ops::prepare(w); !done) return done;
         return native_ops::fill(w, 61);  // Not named by the commit: it is given back.
       },
       [](SimObjects& w) { return native_ops::commit(w, 60); }},
      {"native abort", kEnabled, native_ops::prepare, native_ops::abort},
  };
}

// What moves a version to another storage class.
std::vector<Operation> class_rows() {
  using enum Versioning;
  return {
      {"copy to another class", kUnversioned, put_several,
       [](SimObjects& w) { return copy(w, "a", "a", "STANDARD_IA"); }},
      {"transition", kUnversioned, put_several, [](SimObjects& w) { return transition(w, "a"); }},
      {"transition inline", kEnabled, put_several,
       [](SimObjects& w) { return transition(w, "c"); }},
      {"transition old version", kEnabled,
       [](SimObjects& w) {
         const Status done = put_several(w);
         return done ? put(w, "b", 9, kSmall) : done;
       },
       [](SimObjects& w) { return transition(w, "b", ids_of(w, "b").back()); }},
      {"transition parts", kUnversioned,
       [](SimObjects& w) {
         const Status done = prepare_upload(w);
         return done ? complete(w) : done;
       },
       [](SimObjects& w) { return transition(w, "a"); }},
  };
}

Status put_followed(SimObjects& world) {
  const Status done = put_several(world);
  return done ? sync_ops::follow(world) : done;
}

std::vector<Operation> sync_rows() {
  using enum Versioning;
  return {
      {"follow", kEnabled, put_several, sync_ops::follow},
      {"followed put", kEnabled, put_followed,
       [](SimObjects& w) { return put(w, "a", 9, kLarge); }},
      {"followed delete", kUnversioned, put_followed,
       [](SimObjects& w) { return remove(w, {{"a", ""}, {"b", ""}}); }},
      {"followed marker", kEnabled, put_followed,
       [](SimObjects& w) { return remove(w, {{"a", ""}}); }},
      {"followed change", kEnabled, put_followed, change},
      {"followed rename", kUnversioned, put_followed,
       [](SimObjects& w) { return rename(w, "a", "n"); }},
      {"replica", kEnabled, put_followed, sync_ops::put_newest},
      {"replica between", kEnabled, put_followed, sync_ops::put_between},
      {"replica over", kUnversioned, put_followed, sync_ops::put_over},
      {"replica marker", kEnabled, put_followed, sync_ops::put_marker},
      {"replica removal", kUnversioned, put_followed, sync_ops::remove_later},
      {"acknowledge", kEnabled,
       [](SimObjects& w) {
         if (const Status done = put_followed(w); !done) return done;
         return put(w, "a", 9, kSmall);
       },
       sync_ops::acknowledge},
  };
}

std::vector<Operation> operations() {
  using enum Versioning;
  std::vector<Operation> out = {
      {"put new", kUnversioned, nothing, [](SimObjects& w) { return put(w, "n", 9, kLarge); }},
      {"put shared", kUnversioned, put_base, put_shared},
      {"put over", kUnversioned, put_several, [](SimObjects& w) { return put(w, "a", 9, kSmall); }},
      {"put version", kEnabled, put_several, [](SimObjects& w) { return put(w, "a", 9, kLarge); }},
      {"put null version", kSuspended,
       [](SimObjects& w) {
         if (const Status done = put_several(w); !done) return done;
         if (const Status done = set_mode(w, kEnabled); !done) return done;
         if (const Status done = put(w, "a", 5, kLarge); !done) return done;
         return set_mode(w, kSuspended);
       },
       [](SimObjects& w) { return put(w, "a", 9, kLarge); }},
      {"put known", kUnversioned, put_several, put_known},
      {"put version known", kEnabled, put_several, put_known},
      {"delete", kUnversioned, put_several, [](SimObjects& w) { return remove(w, {{"a", ""}}); }},
      {"delete many", kUnversioned, put_several,
       [](SimObjects& w) { return remove(w, {{"a", ""}, {"b", ""}, {"c", ""}}); }},
      {"delete marker", kEnabled, put_several,
       [](SimObjects& w) { return remove(w, {{"a", ""}, {"b", ""}}); }},
      {"delete null marker", kSuspended, put_several,
       [](SimObjects& w) { return remove(w, {{"a", ""}}); }},
      {"delete current version", kEnabled, put_several,
       [](SimObjects& w) { return remove(w, {{"a", ids_of(w, "a").front()}}); }},
      {"delete old version", kEnabled, put_several,
       [](SimObjects& w) { return remove(w, {{"a", ids_of(w, "a").back()}}); }},
      {"undelete", kEnabled,
       [](SimObjects& w) {
         const Status done = put_several(w);
         return done ? remove(w, {{"a", ""}}) : done;
       },
       [](SimObjects& w) { return remove(w, {{"a", ids_of(w, "a").front()}}); }},
      {"append inline", kUnversioned, put_several,
       [](SimObjects& w) { return append(w, "c", kSmall, 8, 200); }},
      {"append to inline", kUnversioned, put_several,
       [](SimObjects& w) { return append(w, "c", kSmall, 8, kLarge); }},
      {"append", kUnversioned, put_several,
       [](SimObjects& w) { return append(w, "b", kLarge, 8, kLarge); }},
      {"append version", kEnabled, put_several,
       [](SimObjects& w) { return append(w, "b", kLarge, 8, kSmall); }},
      {"append new", kUnversioned, nothing,
       [](SimObjects& w) { return append(w, "n", 0, 8, kLarge); }},
      {"rename", kUnversioned, put_several, [](SimObjects& w) { return rename(w, "a", "n"); }},
      {"rename inline over", kUnversioned, put_several,
       [](SimObjects& w) { return rename(w, "c", "b"); }},
      {"copy", kEnabled, put_several, [](SimObjects& w) { return copy(w, "a", "b"); }},
      {"create upload", kEnabled, put_several,
       [](SimObjects& w) { return drop_value(begin_upload(w)); }},
      {"put part", kEnabled, prepare_upload, [](SimObjects& w) { return put_part(w, 1, 51); }},
      {"put part known", kEnabled, prepare_upload, put_part_known},
      {"copy part", kEnabled, prepare_upload, copy_part},
      {"complete", kEnabled, prepare_upload, complete},
      {"complete over", kUnversioned, prepare_upload, complete},
      {"abort", kEnabled, prepare_upload,
       [](SimObjects& w) {
         return w.wait(
             w.objects().abort_upload(w.bucket().value(), "a", the_upload(w).value().upload_id));
       }},
  };
  for (Operation& operation : class_rows()) out.push_back(std::move(operation));
  for (Operation& operation : bucket_rows()) out.push_back(std::move(operation));
  for (Operation& operation : native_rows()) out.push_back(std::move(operation));
  for (Operation& operation : sync_rows()) out.push_back(std::move(operation));
  return out;
}

// Which operation each mutating route is. Routes that write no more than a configuration document
// are all "change bucket".
const std::map<std::string_view, std::string_view> kOperationOfRoute = {
    {"PutObject", "put version"},
    {"PostObject", "put version"},
    {"RenameObject", "rename"},
    {"CopyObject", "copy"},
    {"CreateMultipartUpload", "create upload"},
    {"UploadPart", "put part"},
    {"UploadPartCopy", "copy part"},
    {"CompleteMultipartUpload", "complete"},
    {"AbortMultipartUpload", "abort"},
    {"DeleteObject", "delete marker"},
    {"DeleteObjects", "delete many"},
    {"NativeBegin", "native begin"},
    {"NativeOffer", "native offer"},
    {"NativeProve", "native fill"},
    {"NativeFill", "native fill"},
    {"NativeCommit", "native commit"},
    {"NativeAbort", "native abort"},
    {"NativeReplicate", "replica"},
    {"PutObjectAcl", "change version"},
    {"PutObjectTagging", "change version"},
    {"DeleteObjectTagging", "change version"},
    {"PutObjectRetention", "change version"},
    {"PutObjectLegalHold", "change version"},
    {"CreateBucket", "create bucket"},
    {"DeleteBucket", "delete bucket"},
};

bool only_configures(std::string_view route) {
  if (route.starts_with("PutBucket") || route.starts_with("DeleteBucket")) return true;
  static constexpr std::string_view kOthers[] = {"PutPublicAccessBlock", "DeletePublicAccessBlock",
                                                 "PutObjectLockConfiguration"};
  return std::ranges::find(kOthers, route) != std::end(kOthers);
}

// Everything that a client can see of one version.
std::string describe(SimObjects& world, const BucketInfo& bucket, const ObjectInfo& info) {
  std::string text = info.key + (info.is_latest ? " latest" : " old");
  if (info.version_id == kNullVersionId) text += " null";
  if (info.is_delete_marker) return text + " marker";
  const auto reader = world.wait(world.objects().open(bucket, info.key, info.version_id));
  if (!reader) return text + " unreadable: " + reader.error().message;
  const ObjectInfo& open = (*reader)->info();
  const auto bytes = world.wait(read_range(**reader, {0, open.size_bytes}));
  if (!bytes) return text + " unreadable: " + bytes.error().message;
  text += " " + to_hex(crypto::sha256(*bytes)) + " " + open.etag;
  for (const auto& [name, value] : open.metadata.tags) text += " " + name + "=" + value;
  if (!open.metadata.storage_class.empty()) text += " " + open.metadata.storage_class;
  if (open.lock.legal_hold) text += " held";
  return text;
}

// Everything that a client can see.
std::string describe(SimObjects& world) {
  std::string text;
  const auto buckets = world.wait(world.objects().all_buckets(std::nullopt, 100));
  if (!buckets) return "unreadable: " + buckets.error().message;
  std::map<std::string, BucketInfo> by_name;
  for (const BucketInfo& bucket : *buckets) by_name.emplace(bucket.name, bucket);
  for (const auto& [name, bucket] : by_name) {
    text += "bucket " + name + " mode " +
            std::to_string(static_cast<int>(bucket.config->versioning)) +
            (bucket.config->object_lock ? " lock" : "") +
            (world.wait(world.objects().find_bucket(name)) ? "" : " without name") + "\n";
    for (const auto& [kind, document] : bucket.config->documents) text += kind + document + "\n";
    const auto versions = world.wait(world.objects().list_versions(bucket, {}));
    for (const ObjectInfo& info : versions.value().versions) {
      text += describe(world, bucket, info) + "\n";
    }
    const auto listed = world.wait(world.objects().list(bucket, {}));
    for (const ObjectInfo& info : listed.value().objects) text += "listed " + info.key + "\n";
    const auto uploads = world.wait(world.objects().list_uploads(bucket, {}));
    for (const UploadInfo& upload : uploads.value().uploads) {
      text += "upload " + upload.key;
      const auto parts = world.wait(world.objects().list_parts(bucket, upload, 0, 100));
      for (const PartInfo& part : parts.value()) text += " " + part.etag;
      text += native_ops::describe(world, bucket, upload);
      text += "\n";
    }
  }
  text += sync_ops::describe(world);
  return text;
}

class OperationCrash : public testing::Test {
 protected:
  void SetUp() override { log::set_level(log::Level::kError); }

  struct Seen {
    std::string before, after;
    uint64_t first_change = 0, last_change = 0;
  };

  static Status prepare(SimObjects& world, io::SimFileSystem& disk, JournalledCatalog& catalog,
                        const Operation& operation) {
    if (const Status opened = world.open(disk, catalog); !opened) return opened;
    if (const auto made = world.create_bucket(); !made) return std::unexpected(made.error());
    if (operation.mode != Versioning::kUnversioned) {
      if (const Status set = set_mode(world, operation.mode); !set) return set;
    }
    return operation.prepare(world);
  }

  static Seen run_whole(const Operation& operation) {
    Seen seen;
    io::SimFileSystem disk({.seed = 7});
    JournalledCatalog catalog(disk, 7);
    SimObjects world(7);
    EXPECT_TRUE(prepare(world, disk, catalog, operation).has_value());
    seen.before = describe(world);
    seen.first_change = disk.changes_count() + 1;
    const Status done = operation.act(world);
    EXPECT_TRUE(done.has_value()) << done.error().message;
    seen.last_change = disk.changes_count();
    seen.after = describe(world);
    return seen;
  }

  // What is seen after a cut at that change of the disk; unset when it was not reached.
  static std::optional<std::string> run_cut(const Operation& operation, uint64_t cut,
                                            bool& acknowledged) {
    io::SimFileSystem disk({.seed = 7, .cut_after_changes = cut});
    JournalledCatalog catalog(disk, cut);
    {
      SimObjects world(7);
      EXPECT_TRUE(prepare(world, disk, catalog, operation).has_value());
      EXPECT_FALSE(disk.is_cut());
      acknowledged = operation.act(world).has_value();
      world.close();
    }
    if (!disk.is_cut()) return std::nullopt;
    disk.restart();
    SimObjects world(8);
    const Status opened = world.open(disk, catalog);
    if (!opened) return "does not open: " + opened.error().message;
    const auto damaged = world.damaged();
    std::string text = describe(world);
    if (!damaged || !damaged->empty()) text += "damaged\n";
    return text;
  }

  // How often something between was seen.
  static size_t check(const Operation& operation) {
    SCOPED_TRACE(operation.name);
    const Seen seen = run_whole(operation);
    EXPECT_NE(seen.before, seen.after);
    EXPECT_GE(seen.last_change, seen.first_change);
    size_t between = 0;
    for (uint64_t cut = seen.first_change; cut <= seen.last_change; ++cut) {
      bool acknowledged = false;
      const std::optional<std::string> text = run_cut(operation, cut, acknowledged);
      if (!text) continue;
      if (acknowledged) {
        EXPECT_EQ(*text, seen.after) << "cut " << cut;
      }
      if (*text != seen.before && *text != seen.after) ++between;
    }
    return between;
  }
};

TEST_F(OperationCrash, EachIsOldOrNewAfterACutAtAnyChange) {
  for (const Operation& operation : operations()) {
    EXPECT_EQ(check(operation), 0) << operation.name;
  }
}

TEST_F(OperationCrash, TwoOperationsAreCaughtBetween) {
  const Operation both = {"two", Versioning::kUnversioned, put_several, [](SimObjects& world) {
                            const Status first = put(world, "a", 9, kSmall);
                            return first ? remove(world, {{"b", ""}}) : first;
                          }};
  EXPECT_GT(check(both), 0);
}

TEST_F(OperationCrash, EveryMutatingRouteNamesItsOperation) {
  const std::vector<Operation> table = operations();
  std::vector<s3::Route> routes(s3::routes().begin(), s3::routes().end());
  routes.insert(routes.end(), native::routes().begin(), native::routes().end());
  for (const s3::Route& route : routes) {
    const bool only_asks = route.name == "NativeSegments" || route.name == "NativeCompare" ||
                           route.name == "RestoreObject";
    if (!s3::mutates(route) || only_configures(route.name) || only_asks) continue;
    const auto found = kOperationOfRoute.find(route.name);
    ASSERT_TRUE(found != kOperationOfRoute.end()) << route.name << " has no crash case";
    EXPECT_TRUE(std::ranges::find(table, found->second, &Operation::name) != table.end())
        << found->second;
  }
}

}  // namespace
}  // namespace cairn::object
