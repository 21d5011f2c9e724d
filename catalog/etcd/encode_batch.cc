#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "catalog/etcd/committer.h"
#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {
namespace {

using proto::etcd::Compare;
using proto::etcd::TxnRequest;

// Room for the committer's own: compares of the slot and of the fence, the slot's put, and the
// reads of both when a compare fails.
inline constexpr int kOwnCompares = 2;
inline constexpr int kOwnPuts = 1;
inline constexpr size_t kOwnBytes = 768;  // Besides the prefix that each of their keys begins with.
inline constexpr size_t kOwnKeys = 5;

Compare compare_created(std::string key, Compare::Relation relation) {
  Compare compare;
  compare.set_target(Compare::CREATE);
  compare.set_result(relation);
  compare.set_create_revision(0);
  compare.set_key(std::move(key));
  return compare;
}

Compare encode(const Precondition& condition, const Layout& layout) {
  std::string key = layout.entry(condition.key);
  switch (condition.kind) {
    case Precondition::Kind::kAbsent: return compare_created(std::move(key), Compare::EQUAL);
    case Precondition::Kind::kPresent: return compare_created(std::move(key), Compare::GREATER);
    case Precondition::Kind::kRangeEmpty: {
      // Holds for every key of the range, so for none that exists.
      Compare compare = compare_created(std::move(key), Compare::EQUAL);
      compare.set_range_end(condition.end.empty() ? layout.entries_end()
                                                  : layout.entry(condition.end));
      return compare;
    }
    case Precondition::Kind::kVersionIs: break;
  }
  Compare compare;
  compare.set_target(Compare::MOD);
  compare.set_result(Compare::EQUAL);
  compare.set_mod_revision(static_cast<Revision>(condition.version));
  compare.set_key(std::move(key));
  return compare;
}

bool is_empty_range(const Precondition& condition) {
  return condition.kind == Precondition::Kind::kRangeEmpty && !condition.end.empty() &&
         condition.end <= condition.key;
}

Status too_large(size_t count, size_t bytes, TransactionLimits limits) {
  return fail(Code::kInvalidArgument,
              "one commit holds " + std::to_string(count) + " conditions or changes and " +
                  std::to_string(bytes) + " bytes; this etcd takes " +
                  std::to_string(limits.operations_max) + " and " +
                  std::to_string(limits.bytes_max) +
                  ": start etcd with larger --max-txn-ops and --max-request-bytes and tell the "
                  "server the same numbers");
}

}  // namespace

Result<TxnRequest> encode_batch(const Batch& batch, const Layout& layout,
                                TransactionLimits limits) {
  TxnRequest request;
  for (const Precondition& condition : batch.preconditions) {
    if (is_empty_range(condition)) continue;
    // No entry has version 0, but etcd gives absent keys the mod revision 0.
    if (condition.kind == Precondition::Kind::kVersionIs && condition.version == 0) {
      return fail(Code::kFailedPrecondition, "precondition: no entry has version 0");
    }
    *request.add_compare() = encode(condition, layout);
  }
  // etcd refuses a key that comes twice: the last put counts, and a delete counts more.
  std::map<std::string_view, const std::string*> last;
  for (const Put& put : batch.puts) last[put.key] = &put.value;
  for (const std::string& key : batch.deletes) last[key] = nullptr;
  for (const auto& [key, value] : last) {
    proto::etcd::RequestOp& operation = *request.add_success();
    if (value == nullptr) {
      operation.mutable_request_delete_range()->set_key(layout.entry(key));
    } else {
      operation.mutable_request_put()->set_key(layout.entry(key));
      operation.mutable_request_put()->set_value(*value);
    }
  }
  const auto count = static_cast<size_t>(
      std::max(request.compare_size() + kOwnCompares, request.success_size() + kOwnPuts));
  const size_t bytes = request.ByteSizeLong();
  const size_t own_bytes = kOwnBytes + kOwnKeys * layout.root().size();
  if (count > limits.operations_max || bytes + own_bytes > limits.bytes_max) {
    return std::unexpected(too_large(count, bytes, limits).error());
  }
  return request;
}

}  // namespace cairn::catalog::etcd
