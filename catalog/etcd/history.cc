#include "catalog/etcd/history.h"

#include <utility>

#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {
namespace {

// Gathers events into commits. The last commit is whole once an event of a later revision came.
class Gatherer {
 public:
  Gatherer(const Layout& layout, size_t limit) : layout_(layout), limit_(limit) {}

  // False once no further event is needed.
  bool take(const proto::etcd::Event& event, Revision last) {
    const proto::etcd::KeyValue& row = event.kv();
    if (row.mod_revision() >= last) return false;
    const bool is_entry = layout_.is_entry(row.key());
    if (!is_entry && !layout_.is_mark(row.key())) return true;
    const auto version = static_cast<Version>(row.mod_revision());
    if (changes_.empty() || changes_.back().version != version) {
      if (changes_.size() == limit_) return false;
      changes_.emplace_back().version = version;
    }
    if (!is_entry) return true;
    std::string key(layout_.key_of(row.key()));
    if (event.type() == proto::etcd::Event::DELETE) {
      changes_.back().deletes.push_back(std::move(key));
    } else {
      changes_.back().puts.push_back({std::move(key), row.value()});
    }
    return true;
  }
  std::vector<Change> take_changes() { return std::move(changes_); }

 private:
  const Layout& layout_;
  const size_t limit_;
  std::vector<Change> changes_;
};

// A write of our own, whose event stands behind all that was committed before.
Result<Revision> pulse(Client& client, const Layout& layout, Instant deadline) {
  proto::etcd::PutRequest request;
  request.set_key(layout.pulse());
  proto::etcd::PutResponse response;
  const Status put = client.ask_blocking(kPut, request, response, deadline);
  if (!put) return std::unexpected(put.error());
  return response.header().revision();
}

}  // namespace

Result<std::vector<Change>> read_history(Client& client, const Layout& layout, Revision after,
                                         size_t limit, Instant deadline) {
  if (limit == 0) return std::vector<Change>();
  const Result<Revision> last = pulse(client, layout, deadline);
  if (!last) return std::unexpected(last.error());
  proto::etcd::WatchRequest request;
  proto::etcd::WatchCreateRequest& create = *request.mutable_create_request();
  create.set_key(layout.root());
  create.set_range_end(layout.root_end());
  create.set_start_revision(after + 1);
  create.set_fragment(true);
  const std::unique_ptr<WatchStream> stream = client.watch(request, client.member());
  Gatherer gatherer(layout, limit);
  while (system_clock().now() < deadline) {
    const Result<std::optional<std::string>> next = stream->next(deadline - system_clock().now());
    if (!next) return std::unexpected(next.error());
    if (!*next) break;
    proto::etcd::WatchResponse message;
    if (!message.ParseFromString(**next)) {
      return fail(Code::kCorruption, "etcd: a message of the watch does not parse");
    }
    if (message.canceled()) {
      if (message.compact_revision() == 0) return fail(Code::kUnavailable, message.cancel_reason());
      return fail(Code::kOutOfRange, "the history of etcd no longer reaches back that far");
    }
    for (const proto::etcd::Event& event : message.events()) {
      if (!gatherer.take(event, *last)) return gatherer.take_changes();
    }
  }
  return fail(Code::kUnavailable, "etcd does not tell its history in time");
}

}  // namespace cairn::catalog::etcd
