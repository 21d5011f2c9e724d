#include "server/reads_admin.h"

#include "object/stale_reads.h"
#include "s3/uri.h"
#include "server/json_text.h"

namespace cairn::server {
namespace {

constexpr std::string_view kStrongReads = "strong";

std::string describe(const object::BucketInfo& bucket) {
  const std::string_view reads = object::reads_stale(bucket) ? object::kStaleReads : kStrongReads;
  return "{\"bucket\":" + json_text(bucket.name) + ",\"reads\":" + json_text(reads) + "}\n";
}

}  // namespace

io::Task<Result<std::string>> run_reads_command(object::Objects& objects, bool is_shared,
                                                std::string command, std::string query) {
  const s3::S3Result<s3::Query> parsed = s3::parse_query(query);
  if (!parsed) co_return fail(Code::kInvalidArgument, "the parameters do not parse");
  const std::string name(parsed->find("bucket").value_or(""));
  if (name.empty()) co_return fail(Code::kInvalidArgument, "bucket: name one");
  object::BucketInfo bucket = co_await io::or_return(objects.find_bucket(name));
  if (command == kReadsShowCommand) co_return describe(bucket);
  if (command != std::string(kReadsPrefix) + "set") {
    co_return fail(Code::kNotFound, "there is no such command");
  }
  const std::string reads(parsed->find("reads").value_or(""));
  if (reads != kStrongReads && reads != object::kStaleReads) {
    co_return fail(Code::kInvalidArgument, "reads: expected strong or stale");
  }
  const bool is_stale = reads == object::kStaleReads;
  if (is_stale && !is_shared) {
    co_return fail(Code::kFailedPrecondition,
                   "the catalog is this server's own: its reads are never stale and wait for "
                   "nobody, so there is nothing to gain");
  }
  const auto change = [is_stale](object::BucketConfig& config) {
    if (is_stale) {
      config.documents[std::string(object::kReadsDocument)] = object::kStaleReads;
    } else {
      config.documents.erase(std::string(object::kReadsDocument));
    }
    return Status();
  };
  bucket = co_await io::or_return(objects.change_bucket(bucket.tenant, bucket.name, change));
  co_return describe(bucket);
}

}  // namespace cairn::server
