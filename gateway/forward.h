// Requests of clients made into requests of the upstream: what is passed on is named here, all else
// stays behind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/served.h"
#include "http/client.h"

namespace cairn::gateway {

// Parameters of the client's query that the upstream is to see. `key_params` among them are keys or
// their beginnings, and get the prefix; with `prefix` a listing stays below it.
Link::Request request_of(const Served& served);
void add_params(Link::Request& request, const Served& served,
                std::initializer_list<std::string_view> names);
void add_key_params(Link::Request& request, const Served& served,
                    std::initializer_list<std::string_view> names);

// Headers of a read or a removal: conditions, checksum mode.
void add_headers(Link::Request& request, const Served& served,
                 std::initializer_list<std::string_view> names);
// Those of a write: what is stored with the object, checksums, conditions, encryption. Access
// control lists stay here, and those that grant something are refused: rights are this server's.
s3::S3Status add_write_headers(Link::Request& request, const Served& served);

// Sends and reads the whole answer, of at most kReplyBytesMax. A status 200 with an <Error> is the
// failure that it says.
struct WholeAnswer {
  http::ResponseHead head;  // With the headers that are passed on.
  std::string body;
};
io::Task<s3::S3Result<WholeAnswer>> ask(Served& served, Link::Request request, io::Until until);

}  // namespace cairn::gateway
