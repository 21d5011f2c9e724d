#include "server/rados_home.h"

#include <algorithm>

#include "base/encoding.h"
#include "storage/rados/rados_store.h"

namespace cairn::server {
namespace {

constexpr std::string_view kPlacePrefix = "rados:";
constexpr std::string_view kFilePrefix = "rados ";
constexpr size_t kFileBytesMax = 256;
constexpr size_t kNameBytesMax = 128;
constexpr size_t kIdDigits = 32;

class RadosHome final : public Home {
 public:
  RadosHome(std::unique_ptr<storage::RadosStore> store, bool is_own)
      : store_(std::move(store)), is_own_(is_own) {}
  storage::ChunkStore& store() override { return *store_; }
  storage::StoreMetrics metrics() const override { return store_->metrics(); }
  void set_references(storage::ReferenceSource* references) override {
    store_->set_references(references);
  }
  Sharing sharing() const override {
    return {.store = "rados " + to_hex(store_->store_id()),
            .is_own = is_own_,
            .session = to_hex(store_->session_id())};
  }
  bool is_given_up() const override { return store_->is_session_over(); }
  void set_fence(Fence fence) override {
    store_->set_fence(
        [fence = std::move(fence)](storage::RandomId session) { return fence(to_hex(session)); });
  }
  io::Task<Result<HomeSweep>> sweep(double share_max, bool dry_run) override {
    const storage::RadosSweepReport report =
        co_await io::or_return(store_->sweep(share_max, dry_run));
    co_return HomeSweep{.objects_count = report.chunks_count,
                        .orphans_count = report.orphans_count,
                        .orphan_bytes = report.orphan_bytes,
                        .dropped_count = report.dropped_count};
  }

 private:
  std::unique_ptr<storage::RadosStore> store_;
  const bool is_own_;
};

bool is_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, is_allowed);
}

bool read_id(std::string_view digits, storage::RandomId& id) {
  const std::optional<Bytes> bytes = from_hex(digits);
  if (!bytes || bytes->size() != id.size()) return false;
  std::ranges::copy(*bytes, id.begin());
  return true;
}

Status write_ids(const DataDirectory& directory, const RadosHomeIds& ids) {
  return write_private_file(directory.home_path(), std::string(kFilePrefix) + to_hex(ids.store) +
                                                       " " + to_hex(ids.node) + "\n");
}

Result<RadosHomeIds> settle_ids(const DataDirectory& directory, Random& random) {
  const Result<std::string> text = read_small_file(directory.home_path(), kFileBytesMax);
  if (!text && text.error().code != Code::kNotFound) return std::unexpected(text.error());
  if (text) {
    const Result<std::optional<RadosHomeIds>> known = parse_rados_home_file(*text);
    if (!known) return std::unexpected(known.error().with_context(directory.home_path()));
    if (*known) return **known;
    return fail(Code::kFailedPrecondition,
                directory.path() +
                    " keeps its chunks in an S3 bucket: start it with the --home "
                    "that it was made with");
  }
  if (directory.has_data()) {
    return fail(Code::kFailedPrecondition,
                directory.path() +
                    " keeps its chunks in its own volume: start it without --home, or move what it "
                    "has into a cluster with `cairn admin migrate`");
  }
  RadosHomeIds ids;
  random.fill(ids.store);
  random.fill(ids.node);
  const Status written = write_ids(directory, ids);
  if (!written) return std::unexpected(written.error());
  return ids;
}

}  // namespace

bool is_rados_home(std::string_view text) {
  return text.starts_with(kPlacePrefix);
}

Result<RadosHomePlace> parse_rados_home(std::string_view text) {
  RadosHomePlace place;
  if (is_rados_home(text)) {
    text.remove_prefix(kPlacePrefix.size());
    const size_t slash = std::min(text.find('/'), text.size());
    place.pool = text.substr(0, slash);
    if (slash < text.size()) place.name_space = text.substr(slash + 1);
  }
  if (is_name(place.pool) && is_name(place.name_space)) return place;
  return fail(Code::kInvalidArgument,
              "expected rados:POOL or rados:POOL/NAMESPACE, of letters, digits and . _ -");
}

Result<std::optional<RadosHomeIds>> parse_rados_home_file(std::string_view text) {
  if (!text.starts_with(kFilePrefix)) return std::nullopt;
  text.remove_prefix(kFilePrefix.size());
  RadosHomeIds ids;
  if (text.size() != 2 * kIdDigits + 2 || text[kIdDigits] != ' ' || text.back() != '\n' ||
      !read_id(text.substr(0, kIdDigits), ids.store) ||
      !read_id(text.substr(kIdDigits + 1, kIdDigits), ids.node)) {
    return fail(Code::kCorruption, "it must read 'rados ' and twice 32 hex digits");
  }
  return ids;
}

io::Task<Result<std::unique_ptr<Home>>> open_rados_home(const Config& config,
                                                        const DataDirectory& directory,
                                                        Random& random) {
  RadosHomePlace place = co_await io::or_return(parse_rados_home(config.home));
  storage::RadosStoreOptions options;
  // Before the file is written, which is not yet data.
  options.create = !directory.has_data();
  // A server that joins others takes their store; until it is bound to their catalog, which store
  // that is may still be found out.
  options.adopt = !config.catalog.empty() && !directory.is_bound();
  RadosHomeIds ids = co_await io::or_return(settle_ids(directory, random));
  options.store_id = ids.store;
  options.node_id = ids.node;
  options.place.pool = std::move(place.pool);
  options.place.name_space = std::move(place.name_space);
  options.place.config_path = config.home_ceph_conf;
  options.place.keyring_path = config.home_ceph_keyring;
  options.place.user = config.home_ceph_user;
  options.place.op_timeout = seconds(static_cast<int64_t>(config.home_ceph_timeout_seconds));
  options.upkeep_interval = milliseconds(static_cast<int64_t>(config.home_upkeep_ms));
  if (config.home_silence_seconds != 0) {
    options.session_expiry = seconds(static_cast<int64_t>(config.home_silence_seconds));
  }
  std::unique_ptr<storage::RadosStore> store =
      co_await io::or_return(storage::RadosStore::open(std::move(options)));
  const bool is_own = store->store_id() == ids.store;
  ids.store = store->store_id();
  const Status kept = is_own ? Status() : write_ids(directory, ids);
  if (kept) co_return std::make_unique<RadosHome>(std::move(store), is_own);
  static_cast<void>(co_await store->close());
  co_return std::unexpected(kept.error());
}

}  // namespace cairn::server
