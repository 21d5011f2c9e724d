// Another protocol on the S3 port that goes the S3 door's way: its requests are about a bucket and
// a key, and are authenticated, authorised, limited and told to the observer as those of S3 are.
//
// Only what a request is about and which route serves it is the guest's. Its routes are rows like
// those of S3: each names its action, its kinds of authentication and its handler.
// Thread rule: used on the reactors of the doors that it was given to; const and shared.
#pragma once

#include <span>
#include <string_view>

#include "http/message.h"
#include "s3/errors.h"
#include "s3/routes.h"
#include "s3/uri.h"

namespace cairn::s3 {

class Guest {
 public:
  virtual ~Guest() = default;
  // Whether a request is the guest's.
  virtual bool wants(const http::RequestHead& head) const = 0;
  // What it is about. As split_target() it checks both names.
  virtual S3Result<Target> target(const http::RequestHead& head) const = 0;
  virtual S3Result<const Route*> find_route(const RequestView& request,
                                            const Query& query) const = 0;
  // All rows; find_route() gives one of them. They live as long as the program.
  virtual std::span<const Route> routes() const = 0;
  // On every reply to a request of the guest, refusals included.
  virtual ErrorField reply_header() const = 0;
};

}  // namespace cairn::s3
