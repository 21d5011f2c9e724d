#include "s3/events.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "s3/config_kinds.h"
#include "s3/request_keys.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kPrefix = "s3:";
constexpr std::string_view kTestEvent = "TestEvent";

// Of a call's bucket from the door's cache; `cache` may be null.
NotificationRules rules_of(const object::BucketInfo& bucket, BucketCache* cache) {
  const std::string* text = bucket.config->document(document::kNotification);
  if (text == nullptr) return {};
  const std::shared_ptr<const NotificationRules> rules =
      cache != nullptr ? cache->get<NotificationsKind>(bucket) : NotificationsKind::parse(*text);
  return rules == nullptr ? NotificationRules() : *rules;
}

bool names_event(const NotificationRule& rule, std::string_view full_name) {
  return std::ranges::any_of(rule.events, [&](const std::string& wanted) {
    if (!wanted.ends_with('*')) return wanted == full_name;
    return full_name.starts_with(std::string_view(wanted).substr(0, wanted.size() - 1));
  });
}

// What all events of one request share.
struct Prepared {
  object::EventQueue& queue;
  uint64_t bucket_id = 0;
  NotificationRules rules;
  object::Event event;

  void add(std::string_view name, const object::ObjectInfo& info, catalog::Batch& batch) const {
    const std::string full_name = std::string(kPrefix).append(name);
    for (const NotificationRule& rule : rules) {
      if (!rule.matches(full_name, info.key)) continue;
      object::Event told = event;
      told.name = name;
      told.key = info.key;
      told.size_bytes = info.size_bytes;
      told.etag = info.etag;
      told.version_id = info.version_id;
      told.configuration_id = rule.id;
      queue.add(rule.target, bucket_id, told, batch);
    }
  }
};

// Null when no rule names one of the events.
std::shared_ptr<const Prepared> prepare(object::EventQueue& queue, const object::BucketInfo& bucket,
                                        NotificationRules rules, EventOrigin origin, WallTime now,
                                        std::vector<std::string_view> names) {
  std::erase_if(rules, [&](const NotificationRule& rule) {
    return std::ranges::none_of(names, [&](std::string_view name) {
      return names_event(rule, std::string(kPrefix).append(name));
    });
  });
  if (rules.empty()) return nullptr;
  object::Event event;
  event.at = now;
  event.tenant = bucket.tenant;
  event.bucket = bucket.name;
  event.principal = std::move(origin.principal);
  event.source_address = std::move(origin.source_address);
  event.request_id = std::move(origin.request_id);
  return std::make_shared<const Prepared>(
      Prepared{queue, bucket.id, std::move(rules), std::move(event)});
}

EventOrigin origin_of(const Call& call) {
  EventOrigin origin;
  const std::optional<Identity>& who = call.auth.identity;
  origin.principal = who && who->principal ? "AWS:" + who->principal->id : "Anonymous";
  origin.source_address = client_address(call);
  origin.request_id = call.request_id;
  return origin;
}

std::shared_ptr<const Prepared> prepare(const Call& call, std::vector<std::string_view> names) {
  return prepare(*call.context.events, call.bucket,
                 rules_of(call.bucket, call.context.bucket_cache), origin_of(call), call.now(),
                 std::move(names));
}

// `requests` outlive the call only.
object::CommitHook hook_of_removals(std::shared_ptr<const Prepared> prepared, std::string_view name,
                                    std::string_view marker_name,
                                    std::span<const object::RemoveRequest> requests) {
  if (!prepared) return {};
  // A marker whose id was asked for is one that goes; any other one is new.
  std::set<std::pair<std::string, std::string>> asked;
  for (const object::RemoveRequest& request : requests) {
    if (!request.version_id.empty()) asked.emplace(request.key, request.version_id);
  }
  return [prepared = std::move(prepared), name, marker_name, asked = std::move(asked)](
             const object::ObjectInfo& info, catalog::Batch& batch) {
    const bool is_new_marker =
        info.is_delete_marker && !asked.contains(std::pair(info.key, info.version_id));
    prepared->add(is_new_marker ? marker_name : name, info, batch);
  };
}

bool wants_events(const Call& call) {
  return call.context.events != nullptr &&
         call.bucket.config->document(document::kNotification) != nullptr;
}

}  // namespace

object::CommitHook event_hook(const Call& call, std::string_view name) {
  if (!wants_events(call)) return {};
  std::shared_ptr<const Prepared> prepared = prepare(call, {name});
  if (!prepared) return {};
  return [prepared, name](const object::ObjectInfo& info, catalog::Batch& batch) {
    prepared->add(name, info, batch);
  };
}

object::CommitHook rename_hook(const Call& call, std::string source_key) {
  if (!wants_events(call)) return {};
  std::shared_ptr<const Prepared> prepared = prepare(call, {event::kCopy, event::kDelete});
  if (!prepared) return {};
  return [prepared, source_key = std::move(source_key)](const object::ObjectInfo& info,
                                                        catalog::Batch& batch) {
    prepared->add(event::kCopy, info, batch);
    object::ObjectInfo source = info;
    source.key = source_key;
    prepared->add(event::kDelete, source, batch);
  };
}

object::CommitHook removal_hook(object::EventQueue& queue, const object::BucketInfo& bucket,
                                EventOrigin origin, WallTime now, std::string_view name,
                                std::string_view marker_name,
                                std::span<const object::RemoveRequest> requests) {
  return hook_of_removals(prepare(queue, bucket, rules_of(bucket, nullptr), std::move(origin), now,
                                  {name, marker_name}),
                          name, marker_name, requests);
}

object::CommitHook change_hook(object::EventQueue& queue, const object::BucketInfo& bucket,
                               EventOrigin origin, WallTime now, std::string_view name) {
  std::shared_ptr<const Prepared> prepared =
      prepare(queue, bucket, rules_of(bucket, nullptr), std::move(origin), now, {name});
  if (!prepared) return {};
  return [prepared, name](const object::ObjectInfo& info, catalog::Batch& batch) {
    prepared->add(name, info, batch);
  };
}

object::CommitHook removal_hook(const Call& call, std::span<const object::RemoveRequest> requests) {
  if (!wants_events(call)) return {};
  return hook_of_removals(prepare(call, {event::kDelete, event::kMarker}), event::kDelete,
                          event::kMarker, requests);
}

io::Task<S3Status> send_test_events(const Call& call, std::string document) {
  const std::shared_ptr<const NotificationRules> rules = NotificationsKind::parse(document);
  if (call.context.events == nullptr || rules == nullptr) co_return S3Status();
  const EventOrigin origin = origin_of(call);
  object::Event event;
  event.name = kTestEvent;
  event.at = call.now();
  event.tenant = call.bucket.tenant;
  event.bucket = call.bucket.name;
  event.principal = origin.principal;
  event.source_address = origin.source_address;
  event.request_id = origin.request_id;
  std::set<std::string> targets;
  for (const NotificationRule& rule : *rules) targets.insert(rule.target);
  const Status added = co_await call.context.events->add_now(
      std::vector<std::string>(targets.begin(), targets.end()), call.bucket.id, event);
  if (!added) co_return std::unexpected(translate(call, added.error()));
  co_return S3Status();
}

}  // namespace cairn::s3
