// The requests of one native upload (docs/native-protocol.md), through a signing client.
//
// Every request may be repeated: a name brings the same bytes however often it is filled, and a
// commit answers the same for a day. A Cairn server says so in every reply; whoever does not is no
// server of this protocol (`is_absent` below).
// Thread rule: const but for begin(); requests on the reactor of the client that is given.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/task.h"
#include "transfer/native_messages.h"
#include "transfer/s3_client.h"

namespace cairn::transfer {

class NativeSession {
 public:
  NativeSession(std::string bucket, std::string key);

  // False where the server has no such door, or does not take this upload by it: the S3 way is
  // left.
  io::Task<S3Result<bool>> begin(S3Client& client, uint64_t size_bytes,
                                 std::vector<HeaderPair> headers, io::Until until,
                                 std::string owner_head = {});
  // A request about the key that belongs to no upload (docs/site-sync.md); the reply's body.
  // kUnsupported where the server has no such door.
  io::Task<S3Result<std::string>> ask_about(S3Client& client, std::string verb,
                                            std::vector<HeaderPair> headers, std::string body,
                                            io::Until until) const;
  // Goes on with an upload of an earlier run; nullopt when the server does not know it (any more),
  // or it is of another size. Else the chunks that it holds.
  io::Task<S3Result<std::optional<std::vector<PieceName>>>> resume(S3Client& client,
                                                                   std::string session,
                                                                   uint64_t size_bytes,
                                                                   io::Until until);
  const std::string& id() const { return session_; }

  io::Task<S3Result<OfferAnswer>> offer(S3Client& client, std::vector<PieceName> chunks,
                                        io::Until until) const;
  io::Task<S3Result<std::vector<std::vector<bool>>>> missing_segments(
      S3Client& client, std::vector<std::vector<PieceName>> chunks, io::Until until) const;
  // Whether the proof held.
  io::Task<S3Result<bool>> prove(S3Client& client, PieceName chunk, std::string nonce,
                                 BytesView bytes, io::Until until) const;
  // The answer is the number of bytes that were sent.
  io::Task<S3Result<uint64_t>> fill(S3Client& client, std::vector<PieceName> segments,
                                    std::vector<bool> is_sent, BytesView bytes,
                                    io::Until until) const;
  io::Task<S3Result<PutResult>> commit(S3Client& client, std::vector<PieceName> chunks,
                                       std::vector<HeaderPair> headers, io::Until until) const;
  io::Task<S3Status> abort(S3Client& client, io::Until until) const;

 private:
  struct Reply;
  io::Task<S3Result<Reply>> ask(S3Client& client, std::string method, std::string query,
                                std::vector<HeaderPair> headers, UploadBody body,
                                io::Until until) const;
  io::Task<S3Result<Reply>> ask_once(S3Client& client, std::string method, std::string query,
                                     std::vector<HeaderPair> headers, UploadBody body,
                                     io::Until until) const;
  io::Task<S3Result<std::string>> post(S3Client& client, std::string verb, std::string body,
                                       io::Until until) const;

  const std::string path_;
  std::string session_;
};

}  // namespace cairn::transfer
