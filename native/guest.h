// The native door as the S3 door's guest: its requests, its routes, and what its handlers share.
//
// A request is the door's when its path begins with /cairn/v1/ and it carries the header
// x-amz-cairn-protocol, which SigV4 signs: without it the path is that of a bucket named "cairn",
// as any S3 client means it. Every reply of the door says x-cairn-protocol, so that a client knows
// a server that has no such door by its absence. Thread rule: one per reactor, used on it; what the
// options point to outlives it.
#pragma once

#include <memory>

#include "native/challenges.h"
#include "native/pool.h"
#include "s3/call.h"
#include "s3/guest.h"

namespace cairn::native {

inline constexpr std::string_view kPathPrefix = "/cairn/v1/";
inline constexpr std::string_view kRequestHeader = "x-amz-cairn-protocol";
inline constexpr std::string_view kReplyHeader = "x-cairn-protocol";
inline constexpr std::string_view kProtocol = "1";

class Guest final : public s3::Guest {
 public:
  struct Options {
    const Pool* pool = nullptr;        // Null or empty = nobody lends.
    Challenges* challenges = nullptr;  // Shared by all cores; needed with a pool.
  };
  explicit Guest(Options options) : options_(options) {}

  bool wants(const http::RequestHead& head) const override;
  s3::S3Result<s3::Target> target(const http::RequestHead& head) const override;
  s3::S3Result<const s3::Route*> find_route(const s3::RequestView& request,
                                            const s3::Query& query) const override;
  std::span<const s3::Route> routes() const override;
  s3::ErrorField reply_header() const override;

  const Options& options() const { return options_; }
  // The guest that serves `call`. REQUIRES: the call's route is one of routes().
  static const Guest& of(const s3::Call& call) {
    return static_cast<const Guest&>(*call.context.guest);
  }

 private:
  const Options options_;
};

// The rows; for whoever counts them without a guest.
std::span<const s3::Route> routes();

}  // namespace cairn::native
