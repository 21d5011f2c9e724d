// Buckets as web sites (S3.md 2.4; AWS "Website endpoints"): on the hosts of the website domains,
// reads without credentials get index and error documents, redirects and HTML in place of XML. What
// may be read is what the bucket's policy and lists give to everybody.
// Thread rule: the door's reactor.
#pragma once

#include "io/task.h"
#include "s3/call.h"

namespace cairn::s3 {

// Answers a request to a site. REQUIRES: call.target is the host's bucket and the path's key.
io::Task<S3Status> serve_website(Call& call);

// Tells why it was not answered, as a page.
io::Task<void> refuse_website(Call& call, const S3Error& error);
// The page that tells an error to a person.
std::string render_html_error(const S3Error& error, const Call& call);

}  // namespace cairn::s3
