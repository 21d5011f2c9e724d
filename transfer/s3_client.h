// A client of S3 on one reactor: signed requests over a pooled HTTP client, answers as values.
//
// Every body that lies in memory is sent with a checksum in the signed head: its SHA-256 over plain
// HTTP, CRC-64/NVME beside UNSIGNED-PAYLOAD over TLS, where the channel protects it. Requests that
// fail for a while are repeated by http::Client (full jitter, budget, Retry-After). A redirect is
// never followed to another origin: a bucket's region is learnt from the answer and the request is
// signed anew for the same endpoint, or for Amazon's endpoint of that region where the endpoint was
// made up from a region in the first place.
//
// Errors: Failure (s3_failure.h). Bounds: kXmlReplyBytesMax for answers, ClientOptions for
// connections. Thread rule: one reactor. Secrets are never logged.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "http/client.h"
#include "io/stream.h"
#include "io/task.h"
#include "io/until.h"
#include "sigv4/sign.h"
#include "transfer/s3_endpoint.h"
#include "transfer/s3_failure.h"
#include "transfer/s3_types.h"

namespace cairn::transfer {

struct S3ClientOptions {
  std::string endpoint = {};             // "http[s]://host[:port]"; empty = Amazon's of the region.
  sigv4::SigningIdentity identity = {};  // An empty access key = unsigned requests.
  Addressing addressing = Addressing::kAutomatic;
  std::string ca_path = {};  // PEM bundle for https; empty = the system's.
  // CRC-64/NVME with every object body. A server that refuses it as unknown is asked again without,
  // and from then on never with it.
  bool send_crc64 = true;
  http::ClientOptions http = {};
};

// A body that is being received. Destroying it early closes the connection.
struct ObjectBody {
  ObjectInfo info;
  ByteRange range;  // What is coming.
  http::ClientResponse response;
};

// REQUIRES: close() is awaited exactly once before destruction.
class S3Client {
 public:
  // `network` and `random` outlive it. kInvalidArgument names what is wrong with the options.
  static Result<std::unique_ptr<S3Client>> create(S3ClientOptions options,
                                                  io::Network& network = io::system_network(),
                                                  Random& random = system_random());
  ~S3Client();
  S3Client(const S3Client&) = delete;
  S3Client& operator=(const S3Client&) = delete;
  io::Task<void> close();

  io::Task<S3Result<std::vector<BucketEntry>>> list_buckets(io::Until until);
  // The region of the bucket, when the server tells it.
  io::Task<S3Result<std::string>> head_bucket(std::string bucket, io::Until until);
  io::Task<S3Status> create_bucket(std::string bucket, io::Until until);
  io::Task<S3Status> delete_bucket(std::string bucket, io::Until until);

  // One page; `token` is ListPage::next_token of the one before.
  io::Task<S3Result<ListPage>> list_objects(std::string bucket, ListQuery query, std::string token,
                                            io::Until until);
  io::Task<S3Result<VersionPage>> list_versions(std::string bucket, std::string prefix,
                                                std::string key_marker, std::string version_marker,
                                                io::Until until);

  io::Task<S3Result<ObjectInfo>> head(std::string bucket, std::string key, std::string version_id,
                                      io::Until until);
  // The body from the first byte that is asked for. With `if_match`, kFailedPrecondition (412) when
  // the object is not that one any more. A server that ignores the range is kUnsupported.
  io::Task<S3Result<ObjectBody>> get(std::string bucket, std::string key, std::string version_id,
                                     std::optional<ByteRange> range, std::string if_match,
                                     io::Until until);
  io::Task<S3Result<PutResult>> put(std::string bucket, std::string key, UploadBody body,
                                    PutOptions options, io::Until until);
  io::Task<S3Result<std::string>> copy(CopySource from, std::string bucket, std::string key,
                                       CopyOptions options, io::Until until);
  io::Task<S3Status> remove(std::string bucket, std::string key, std::string version_id,
                            io::Until until);
  // At most 1,000 keys; the answer names those that could not be deleted.
  io::Task<S3Result<std::vector<DeleteProblem>>> remove_many(std::string bucket,
                                                             std::vector<DeleteKey> keys,
                                                             io::Until until);

  // Multipart. The upload id. `headers` as in PutOptions. A full-object CRC-64/NVME is asked for
  // when `send_crc64` is set.
  io::Task<S3Result<std::string>> create_upload(std::string bucket, std::string key,
                                                std::vector<HeaderPair> headers, io::Until until);
  io::Task<S3Result<PutResult>> upload_part(std::string bucket, std::string key,
                                            std::string upload_id, uint32_t number, UploadBody body,
                                            io::Until until);
  io::Task<S3Result<std::string>> copy_part(CopySource from, std::string bucket, std::string key,
                                            std::string upload_id, uint32_t number,
                                            io::Until until);
  // `crc64_nvme` is that of the whole object; the server compares.
  io::Task<S3Result<PutResult>> complete_upload(std::string bucket, std::string key,
                                                std::string upload_id, std::vector<PartEntry> parts,
                                                std::optional<uint64_t> crc64_nvme,
                                                Conditions conditions, io::Until until);
  io::Task<S3Status> abort_upload(std::string bucket, std::string key, std::string upload_id,
                                  io::Until until);
  io::Task<S3Result<PartsPage>> list_parts(std::string bucket, std::string key,
                                           std::string upload_id, uint32_t marker, io::Until until);
  io::Task<S3Result<UploadsPage>> list_uploads(std::string bucket, std::string prefix,
                                               std::string key_marker, std::string id_marker,
                                               io::Until until);

  // A URL that may be used for `expires_seconds` (at most a week) without credentials.
  // REQUIRES: an access key.
  std::string presign(std::string_view method, std::string_view bucket, std::string_view key,
                      std::vector<HeaderPair> query, uint32_t expires_seconds) const;

  // A request that somebody else made up, for a gateway: the parts as they are, signed anew. The
  // body of the answer is the caller's to read; a status that is no success becomes a Failure with
  // the answer's headers.
  struct Forwarded {
    std::string method = "GET";
    std::string bucket = {};
    std::string key = {};
    std::vector<HeaderPair> query = {};
    std::vector<HeaderPair> headers = {};
    UploadBody body = {};
    std::string content_sha256 = {};  // Instead of what the body would be signed with.
    bool retry_safe = false;
  };
  io::Task<S3Result<http::ClientResponse>> forward(Forwarded request, io::Until until);

  // A signed request of another protocol on the same origin (the native door): `target` is the raw
  // path and query. Any status is a success here.
  io::Task<S3Result<http::ClientResponse>> send_raw(std::string method, std::string target,
                                                    std::vector<HeaderPair> headers,
                                                    UploadBody body, bool retry_safe,
                                                    io::Until until);

  // Whether an answer named Cairn as the server.
  bool server_is_cairn() const { return server_is_cairn_; }
  bool is_https() const { return endpoint_.is_https(); }
  const S3ClientOptions& options() const { return options_; }
  const http::ClientCounters& counters() const { return http_.counters(); }

 private:
  struct Call;
  S3Client(S3ClientOptions options, S3Endpoint endpoint, std::unique_ptr<http::Connector> connector,
           Random& random);

  // Sends, signed; a status that is no success becomes a Failure.
  io::Task<S3Result<http::ClientResponse>> perform(Call call, io::Until until);
  // The same with the whole body of the answer.
  io::Task<S3Result<std::string>> ask(Call call, io::Until until);
  io::Task<S3Result<http::ClientRequest>> prepare(Call& call);
  void sign(http::ClientRequest& request, std::string_view content_sha256,
            const std::string& bucket) const;
  bool learn_clock(const http::ClientResponse& response, bool is_said);
  bool learn_from(const Call& call, const Failure& failure);
  bool sends_crc64() const { return options_.send_crc64 && !crc64_refused_; }
  void add_crc64(Call& call, http::ClientRequest& request) const;
  const std::string& region_of(const std::string& bucket) const;

  const S3ClientOptions options_;
  const S3Endpoint endpoint_;
  const std::unique_ptr<http::Connector> connector_;
  http::Client http_;
  bool server_is_cairn_ = false;
  bool crc64_known_ = false;  // A request with it has succeeded.
  bool crc64_refused_ = false;
  int64_t clock_offset_ms_ = 0;                 // Server's clock minus ours, once it mattered.
  std::map<std::string, std::string> regions_;  // Of buckets that are elsewhere; bounded.
};

}  // namespace cairn::transfer
