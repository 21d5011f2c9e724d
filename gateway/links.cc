#include "gateway/links.h"

#include "s3/elsewhere.h"

namespace cairn::gateway {

Result<std::shared_ptr<Link>> Links::find(const object::BucketInfo& bucket,
                                          const crypto::KeyRing& keys) {
  const std::string& document = *bucket.config->document(s3::kElsewhereDocument);
  const std::lock_guard guard(mutex_);
  Entry& entry = entries_[bucket.id];
  if (entry.link != nullptr && entry.document == document) return entry.link;
  Result<Settings> settings = parse_settings(document);
  if (!settings) return fail(Code::kCorruption, settings.error().message);
  Result<std::string> secret = open_secret(*settings, keys, bucket.tenant);
  if (!secret) return std::unexpected(secret.error());
  LinkPlace place{bucket.id, bucket.name, bucket.tenant};
  if (entry.link != nullptr) retired_.push_back(std::move(entry.link));
  entry.document = document;
  entry.link = std::make_shared<Link>(std::move(place), std::move(*settings), std::move(*secret),
                                      network_, random_);
  return entry.link;
}

void Links::forget(uint64_t bucket_id) {
  const std::lock_guard guard(mutex_);
  entries_[bucket_id].is_removed = true;
}

std::vector<std::shared_ptr<Link>> Links::all() const {
  const std::lock_guard guard(mutex_);
  std::vector<std::shared_ptr<Link>> links;
  for (const auto& [id, entry] : entries_) {
    if (entry.link != nullptr && !entry.is_removed) links.push_back(entry.link);
  }
  return links;
}

io::Task<void> Links::close() {
  std::vector<std::shared_ptr<Link>> links = retired_;
  for (const auto& [id, entry] : entries_) {
    if (entry.link != nullptr) links.push_back(entry.link);
  }
  for (const std::shared_ptr<Link>& link : links) co_await link->close();
}

}  // namespace cairn::gateway
